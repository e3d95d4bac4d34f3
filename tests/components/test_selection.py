"""What is selected in a chart is a condition that selects the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.selection import MAX_NAMED_ROWS, box_cohort, selected_cohort
from debuggers.cohort import cohort_mask
from debuggers.subject import Subject
from tests.analyses.functions import claims

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def subject() -> Subject:
    x = RNG.normal(size=1_000)
    return claims(RNG.random(1_000), RNG.random(1_000) < 0.5, x=x, far=1e9 + x)


def points(rows: Any) -> dict[str, Any]:
    return {"points": [{"customdata": int(r), "x": 0, "y": 0} for r in rows]}


def rows_of(subject: Subject, selection: dict[str, Any], x: str | None) -> list[int]:
    cohort = selected_cohort(selection, x, "model.residual")
    assert cohort is not None
    return np.flatnonzero(cohort_mask(subject, cohort.predicate)).tolist()


def test_points_name_their_rows(subject: Subject) -> None:
    assert rows_of(subject, points([7, 3, 7]), '"x"') == [3, 7]


def test_nothing_selected_is_no_cohort() -> None:
    assert selected_cohort({}, '"x"', "y") is None
    assert selected_cohort({"points": [], "box": [], "lasso": []}, '"x"', "y") is None
    # A click on a cell of many rows carries no row.
    assert selected_cohort({"points": [{"customdata": [1, 2]}]}, '"x"', "y") is None


@pytest.mark.parametrize("column", ["x", "far"])
def test_a_box_holds_the_rows_within_it(subject: Subject, column: str) -> None:
    values = subject.test.table[column].to_numpy()
    residual = subject.y - subject.scores
    low, high = np.quantile(values, [0.2, 0.6])
    selection = {"box": [{"x": [high, low], "y": [0.5, -0.25]}], **points(range(5))}
    inside = (values >= low) & (values <= high) & (residual >= -0.25) & (residual <= 0.5)
    found = rows_of(subject, selection, f'"{column}"')
    # Ends are rounded as finely as a hand can draw: at most a row at the rim may differ.
    assert len(set(found) ^ set(np.flatnonzero(inside))) <= 1


def test_a_large_lasso_becomes_the_box_around_it(subject: Subject) -> None:
    shape = {"x": [-9.0, 9.0, 0.0], "y": [-2.0, 0.0, 2.0]}
    selection = {"lasso": [shape], **points(range(MAX_NAMED_ROWS + 1))}
    assert len(rows_of(subject, selection, '"x"')) == 1_000


def test_rows_that_are_not_taken_are_said() -> None:
    cohort = selected_cohort(points(range(MAX_NAMED_ROWS + 50)), None, "")
    assert cohort is not None
    assert cohort.label == "300 of 350 selected rows"
    small = selected_cohort(points(range(2)), None, "")
    assert small is not None
    assert small.label == "2 selected rows"


def test_a_box_without_extent_and_one_beyond_all_numbers_are_conditions(subject: Subject) -> None:
    for side in ([1.0, 1.0], [-1e300, 1e300], [1e-300, 2e-300]):
        cohort = box_cohort({"box": [{"x": side, "y": side}]}, '"x"', "model.residual", "")
        assert cohort is not None
        assert isinstance(cohort_mask(subject, cohort.predicate), np.ndarray)
    assert isinstance(pd.Series(subject.y), pd.Series)
