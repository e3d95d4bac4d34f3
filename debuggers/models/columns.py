"""From an Arrow batch to the arrays that model libraries take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from debuggers.models.adapter import ColumnError

MISSING_TEXT = "nan"  # what `astype(str)`, the usual step before training on categories, makes of a missing value

Array = npt.NDArray[Any]


def named(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
    """Yield the columns with their names, which need not be unique."""
    yield from zip(batch.schema.names, batch.columns, strict=True)


def matrix(batch: pa.RecordBatch, dtype: npt.DTypeLike = np.float64) -> Array:
    """Return all columns as one C-ordered array of numbers; missing values are NaN.

    Raises
    ------
    ColumnError
        A column holds no numbers.
    """
    out = np.empty((batch.num_rows, batch.num_columns), dtype)
    for i, (name, column) in enumerate(named(batch)):
        out[:, i] = numbers(column, name)
    return out


def numbers(column: pa.Array, name: str) -> Array:
    """Return a column's numbers; integers stay integers where none is missing.

    Raises
    ------
    ColumnError
        The column holds text, dates or the like.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_floating(kind) or (pa.types.is_integer(kind) and column.null_count == 0):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
    raise ColumnError(f"the column {name!r} holds {_what(kind)}, and the model takes numbers there")


def _what(kind: pa.DataType) -> str:
    return "dates" if pa.types.is_temporal(kind) else "text"


def values(column: pa.Array) -> list[object]:
    """Return a column as Python values; whole floats become integers, missing values None."""
    found = column.to_pylist()
    return [_whole(value) for value in found]


def _whole(value: object) -> object:
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 -- NaN
            return None
        return int(value) if value.is_integer() else value
    return value


def texts(column: pa.Array) -> Array:
    """Return a column as text, of dtype object; missing values are ``nan``.

    Distinct values are turned into text once, so that a million rows cost little.
    """
    encoded = _encoded(column)
    distinct = [MISSING_TEXT if value is None else str(value) for value in values(encoded.dictionary)]
    lookup = np.array([*distinct, MISSING_TEXT], dtype=object)
    return np.asarray(lookup[_indices(encoded)])


def codes(column: pa.Array, categories: Sequence[object]) -> tuple[Array, list[object]]:
    """Return the position of each value in `categories` (NaN if missing or unknown), and what is unknown.

    A number equals its text, so a table in which a category "1" was read as 1 still fits.
    """
    encoded = _encoded(column)
    position = {key(category): float(i) for i, category in enumerate(categories)}
    distinct, used = values(encoded.dictionary), _indices(encoded)
    lookup = np.array([*(position.get(key(value), np.nan) for value in distinct), np.nan])
    present = (distinct[i] for i in np.unique(used[used >= 0]))  # a dictionary may hold more than these rows do
    unknown = [value for value in present if value is not None and key(value) not in position]
    return np.asarray(lookup[used]), unknown


def key(value: object) -> str:
    """Return what tells a category or label from others: its text, where a whole number has no point."""
    return str(_whole(value))


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _indices(encoded: pa.DictionaryArray) -> Array:
    """Return positions in the dictionary; -1, which is the entry past its end, for missing values."""
    indices = encoded.indices
    return np.asarray((indices.fill_null(-1) if indices.null_count else indices).to_numpy(zero_copy_only=False))
