"""A predicate may compare columns, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from debuggers.cohort import cohort_mask
from debuggers.errors import BadPredicate
from debuggers.matching import Roles, make_subject
from debuggers.subject import Subject


@pytest.fixture(scope="module")
def odd() -> Subject:
    table = pd.DataFrame(
        {
            "n": [1.0, np.nan, 3.0, -4.0],
            'a"b': ["x", "y", None, "x"],
            "城市": pd.Categorical(["北", "南", "北", None]),
            "<b>x</b>": [True, False, True, False],
            "day": pd.to_datetime(pd.Series(["2024-01-01", "2024-06-01", None, "2025-01-01"])),
            "residual": [9, 9, 9, 0],
            "y": [0, 1, 0, 1],
            "p": [0.1, 0.2, 0.3, 0.4],
        }
    )
    return make_subject("odd", table, Roles(target="y", predictions=("p",)))


@pytest.mark.parametrize(
    ("predicate", "rows"),
    [
        ("n > 0", [0, 2]),
        ("not n > 0", [3]),
        ("n IS NULL", [1]),
        ('"a""b" = \'x\'', [0, 3]),
        ("城市 = '北'", [0, 2]),
        ('"<b>x</b>"', [0, 2]),
        ("day >= '2024-06-01'", [1, 3]),
        ("abs(n) between 3 and 4 and n is not null", [2, 3]),
        ("model.prediction > 0.15 AND model.loss > 1", [1]),
        ("model.row IN (0, 3)", [0, 3]),
        ("test_is_no_name = 1 -- x", None),
        ("residual = 9", [0, 1, 2]),
        ("N > 0 -- names fold case, and a comment ends", [0, 2]),
        ("n > 0) OR (n < 0", [0, 2, 3]),
    ],
)
def test_a_predicate_selects_rows(odd: Subject, predicate: str, rows: list[int] | None) -> None:
    if rows is None:
        with pytest.raises(BadPredicate, match="no column"):
            cohort_mask(odd, predicate)
    else:
        assert np.flatnonzero(cohort_mask(odd, predicate)).tolist() == rows


@pytest.mark.parametrize(
    "predicate",
    [
        "",
        "n >",
        "n = 1; DROP TABLE test",
        "n IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "n = 1) UNION SELECT (1",
        "read_csv('/etc/passwd') IS NULL",
        "getenv('HOME') = 'x'",
        "current_setting('threads') = 1",
        "sum(n) OVER () > 1",
        "n = ?",
        "n = $1",
        "repeat('x', 1000000000) = 'y'",
        "range(1000000000) IS NULL",
        "random() < 0.5",
        "secret = 1",
        "other.n = 1",
        "model.secret = 1",
        "'a' || n = 'x'",
        "n[1] = 2",
        "x" * 30_000,
        "(" * 4_000 + "n = 1" + ")" * 4_000,
        "day + 1",
        "'x'",
    ],
)
def test_what_is_no_plain_predicate_is_refused(odd: Subject, predicate: str) -> None:
    with pytest.raises(BadPredicate) as caught:
        cohort_mask(odd, predicate)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_names_that_differ_in_case_only_are_told_apart_or_refused() -> None:
    table = pd.DataFrame({"A": [1, 2], "a": [3, 4], "y": [0, 1], "p": [0.1, 0.9]})
    subject = make_subject("case", table, Roles(target="y", predictions=("p",)))
    assert cohort_mask(subject, "y = 1").tolist() == [False, True]
    with pytest.raises(BadPredicate, match="upper and lower case"):
        cohort_mask(subject, "a = 3")
