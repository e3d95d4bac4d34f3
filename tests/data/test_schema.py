"""What a column is, and reading it as something else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from debuggers.data.schema import FEW, MAX_CATEGORIES, Column, Kind, apply_schema, infer_schema
from debuggers.errors import MissingColumn, UnfitValues


def column_of(values: Any) -> Column:
    return infer_schema(pd.DataFrame({"x": values}))["x"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False], Kind.BOOLEAN),
        (pd.array([True, None], dtype="boolean"), Kind.BOOLEAN),
        ([1, 2], Kind.INTEGER),
        ([1.0, None, 3.0], Kind.INTEGER),
        (pd.array([1, None], dtype="Int64"), Kind.INTEGER),
        ([1.0, 2.5], Kind.NUMERIC),
        ([1.0, np.inf], Kind.NUMERIC),
        ([1e300, 1.0], Kind.NUMERIC),
        ([None, None], Kind.NUMERIC),
        (["a", None], Kind.CATEGORY),
        (pd.Categorical([1, 2]), Kind.CATEGORY),
        (["2024-02-29", None], Kind.DATE),
        (["2024-02-29T10:00:00Z", "2024-02-29 10:00+02:00"], Kind.DATE),
        (["9999-12-31", "0001-01-01"], Kind.DATE),
        (["2023-02-29"], Kind.CATEGORY),
        (["2024-02-28", "soon"], Kind.CATEGORY),
        (["29.02.2024"], Kind.CATEGORY),
        ([dt.datetime(2024, 1, 1)], Kind.DATE),  # noqa: DTZ001  # no zone is the point
        ([f"v{i}" for i in range(FEW)], Kind.CATEGORY),
        ([f"v{i}" for i in range(FEW + 1)], Kind.TEXT),
        ([f"v{i % 30}" for i in range(300)], Kind.CATEGORY),
        ([f"v{i % 30}" for i in range(299)], Kind.TEXT),
        ([f"v{i % (MAX_CATEGORIES + 1)}" for i in range(20_000)], Kind.TEXT),
        (pd.Series([1, "a", None], dtype=object), Kind.CATEGORY),
    ],
)
def test_the_kind_follows_from_the_values(values: Any, kind: Kind) -> None:
    assert column_of(values).kind is kind


def test_counts_and_range_leave_out_what_is_missing_or_infinite() -> None:
    column = column_of([1.5, np.nan, np.inf, -np.inf, -2.0, 1.5])
    assert (column.rows, column.missing, column.infinite) == (6, 1, 2)
    assert (column.minimum, column.maximum) == (-2.0, 1.5)
    assert column_of([np.inf]).minimum is None


def test_categories_come_with_the_most_frequent_first() -> None:
    assert column_of(["b", "a", "b", None]).categories == ("b", "a")
    unused = column_of(pd.Categorical(["a", "a"], categories=["a", "never"]))
    assert (unused.categories, unused.distinct) == (("a",), 1)
    many = column_of(pd.Categorical([f"v{i}" for i in range(MAX_CATEGORIES + 5)]))
    assert (len(many.categories), many.distinct) == (MAX_CATEGORIES, MAX_CATEGORIES + 5)


def test_a_constant_and_an_empty_column_say_nothing() -> None:
    assert column_of([3, 3]).is_constant
    assert column_of([None, None]).is_constant
    assert not column_of([3, 4]).is_constant


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "2.5", None], Kind.NUMERIC, [1.0, 2.5, None]),
        (["1", "2"], Kind.INTEGER, [1, 2]),
        ([1.0, None], Kind.INTEGER, [1.0, None]),
        ([True, False], Kind.NUMERIC, [1.0, 0.0]),
        (pd.Categorical(["3", "4"]), Kind.INTEGER, [3, 4]),
        ([1.0, None, 2.0], Kind.CATEGORY, [1, None, 2]),
        ([1, 2], Kind.TEXT, ["1", "2"]),
        (["yes", "No", None], Kind.BOOLEAN, [True, False, None]),
        ([0, 1], Kind.BOOLEAN, [False, True]),
        (["31.12.2024"], Kind.DATE, [pd.Timestamp(2024, 12, 31)]),
        (["12/31/2024"], Kind.DATE, [pd.Timestamp(2024, 12, 31)]),
        (["20241231"], Kind.DATE, [pd.Timestamp(2024, 12, 31)]),
        (["2024-12-31T01:00+01:00"], Kind.DATE, [pd.Timestamp(2024, 12, 31)]),
    ],
)
def test_a_column_is_read_as_another_kind(values: Any, kind: Kind, expected: list[Any]) -> None:
    frame = pd.DataFrame({"x": values, "y": 0})
    before = frame.copy()
    changed = apply_schema(frame, {"x": kind})
    assert [None if pd.isna(value) else value for value in changed["x"]] == expected
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("values", "kind", "count", "example"),
    [
        (["1", "two", "three", None], Kind.NUMERIC, 2, "two"),
        ([1.0, 2.5], Kind.INTEGER, 1, "2.5"),
        (["2024-01-01", "soon"], Kind.DATE, 1, "soon"),
        (["yes", "maybe"], Kind.BOOLEAN, 1, "maybe"),
        ([dt.datetime(2024, 1, 1)], Kind.NUMERIC, 1, "2024-01-01 00:00:00"),  # noqa: DTZ001  # no zone is the point
    ],
)
def test_values_that_do_not_fit_are_an_error_or_missing_when_said(
    values: Any, kind: Kind, count: int, example: str
) -> None:
    frame = pd.DataFrame({"x": values})
    with pytest.raises(UnfitValues) as caught:
        apply_schema(frame, {"x": kind})
    assert (caught.value.column, caught.value.count, caught.value.example) == ("x", count, example)
    missing = apply_schema(frame, {"x": kind}, unfit_missing=True)["x"].isna().sum()
    assert missing == count + frame["x"].isna().sum()


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingColumn, match="“z”"):
        apply_schema(pd.DataFrame({"x": [1]}), {"z": Kind.TEXT})


@given(st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans()), min_size=1, max_size=6))
def test_any_mixture_has_a_kind_and_can_be_text(values: list[Any]) -> None:
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    column = infer_schema(frame)["x"]
    assert column.missing == int(frame["x"].isna().sum())
    text = apply_schema(frame, {"x": Kind.TEXT})["x"]
    assert all(isinstance(value, str) for value in text.dropna())


@given(st.lists(st.sampled_from(["a", "b", "1", "2024-01-01", "yes", None]), min_size=1), st.sampled_from(list(Kind)))
def test_applying_a_kind_twice_changes_nothing_more(values: list[Any], kind: Kind) -> None:
    frame = pd.DataFrame({"x": pd.Series(values, dtype="str")})
    once = apply_schema(frame, {"x": kind}, unfit_missing=True)
    pd.testing.assert_frame_equal(apply_schema(once, {"x": kind}), once)
