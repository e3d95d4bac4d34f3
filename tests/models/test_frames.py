from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from debuggers.models import columns, frames
from debuggers.models.adapter import ColumnError


def one(values: object) -> pa.Array:
    (batch,) = frames.blocks(pd.DataFrame({"x": values}))
    return batch.column(0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.5, np.nan], [1.5, np.nan]),
        (pd.array([1, None], dtype="Int64"), [1.0, np.nan]),
        (pd.array([True, None], dtype="boolean"), [1.0, np.nan]),
        ([True, False], [1, 0]),
        (np.array([1, 2], np.uint8), [1, 2]),
        (np.array([1.5, 2.5], np.float16), [1.5, 2.5]),
        (np.array([1.5, 2.5], ">f8"), [1.5, 2.5]),
        (pd.Categorical([10, 20]), [10, 20]),
        (pd.Categorical([10, None]), [10.0, np.nan]),
        ([None, None], [np.nan, np.nan]),
    ],
)
def test_numbers_survive_the_way_whatever_holds_them(values: object, expected: list[float]) -> None:
    np.testing.assert_array_equal(columns.numbers(one(values), "x").astype(float), expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None], ["a", "nan"]),
        (pd.Categorical(["b", None, "a"]), ["b", "nan", "a"]),
        ([1, 2], ["1", "2"]),
        ([1.0, np.nan, 2.5], ["1", "nan", "2.5"]),
        (np.array([1, "a", None], object), ["1", "a", "nan"]),
        ([True, False], ["True", "False"]),
        ([dt.date(2024, 1, 2)], ["2024-01-02"]),
        (pd.IntervalIndex.from_breaks([0, 1]), ["(0, 1]"]),
        (pd.PeriodIndex(["2024-01"], freq="M"), ["2024-01"]),
    ],
)
def test_text_survives_the_way_whatever_holds_it(values: object, expected: list[str]) -> None:
    assert columns.texts(one(values)).tolist() == expected


def test_codes_are_positions_and_only_present_values_count_as_unknown() -> None:
    column = one(pd.Categorical(["b", None, "c"], categories=["b", "c", "unused"]))
    found, unknown = columns.codes(column, ["a", "b"])
    np.testing.assert_array_equal(found, [1.0, np.nan, np.nan])
    assert unknown == ["c"]
    np.testing.assert_array_equal(columns.codes(one([1.0, np.nan]), ["0", "1"])[0], [1.0, np.nan])
    np.testing.assert_array_equal(columns.codes(one(["1", "x"]), [0, 1])[0], [1.0, np.nan])


def test_dates_and_text_are_no_numbers() -> None:
    with pytest.raises(ColumnError, match="'x' holds dates"):
        columns.numbers(one([pd.Timestamp("2024-01-01")]), "x")
    with pytest.raises(ColumnError, match="'x' holds text"):
        columns.numbers(one(["1"]), "x")


def test_many_rows_come_in_blocks_and_equal_names_stay() -> None:
    X = pd.DataFrame(np.arange(2 * 40_000.0).reshape(-1, 2), columns=["x", "x"])
    found = list(frames.blocks(X))
    assert [batch.num_rows for batch in found] == [frames.BLOCK_ROWS, 40_000 - frames.BLOCK_ROWS]
    np.testing.assert_array_equal(np.concatenate([columns.matrix(batch) for batch in found]), X.to_numpy())
    assert found[0].schema.names == ["x", "x"]
