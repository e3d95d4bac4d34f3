"""Rows that no file holds: a row of the table with some of its values replaced."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from debuggers.data.schema import Column, Kind
from debuggers.errors import BadParameter, InputError
from debuggers.grids import typed
from debuggers.params import Edits
from debuggers.slices import plain_value
from debuggers.subject import Subject

Values = dict[str, Any]


def own_values(subject: Subject, position: int) -> Values:
    """Return a test row's features in plain types, None where a value is missing.

    Parameters
    ----------
    position : int
        Counted in the test table, not in the file.
    """
    return {name: plain_or_none(subject.test.table[name].array[position]) for name in subject.test.features}


def plain_or_none(value: object) -> Any:
    """Return a scalar in a plain type, None where it is missing."""
    return None if pd.isna(value) else plain_value(value)  # type: ignore[call-overload] # any scalar will do


def read_edits(subject: Subject, text: str) -> Values:
    """Return the edits that `text` holds, checked against the subject's features.

    Raises
    ------
    BadParameter
        The text is no object of plain values, names something that is no feature, or a value is not of its kind.
    """
    spec = Edits()
    if not spec.allows(text):
        raise BadParameter("edits", text, spec.expected)
    edits = spec.read(text)
    for name, value in edits.items():
        if name not in subject.test.features:
            raise BadParameter("edits", name, "a feature of the model")
        if value is not None:
            _check(name, value, subject.test.schema[name], subject.test.table[name])
    return edits


def write_edits(edits: Mapping[str, Any]) -> str:
    """Return edits as the shortest text that `read_edits` takes."""
    return json.dumps(dict(edits), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _check(name: str, value: Any, column: Column, known: pd.Series) -> None:
    """Raise where a value that is not missing cannot stand in the column."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match column.kind:
        case Kind.NUMERIC | Kind.INTEGER:
            fits, expected = is_number, "a number or null"
        case Kind.BOOLEAN:
            fits, expected = isinstance(value, bool), "true, false or null"
        case Kind.DATE:
            fits, expected = isinstance(value, str) and _is_date(value, known), "a date such as 2024-01-31, or null"
        case Kind.CATEGORY | Kind.TEXT if isinstance(known.dtype, pd.CategoricalDtype):
            # A closed set: anything else would silently become missing.
            fits, expected = value in list(known.dtype.categories), "one of its categories or null"
        case Kind.CATEGORY | Kind.TEXT:
            fits, expected = isinstance(value, str), "text or null"
    if not fits:
        raise BadParameter(f"edits of {name}", value, expected)


def _is_date(value: str, known: pd.Series) -> bool:
    if not pd.api.types.is_datetime64_any_dtype(known.dtype):
        return True
    try:
        typed([value], 1, known)
    except (ValueError, InputError):
        return False
    return True


def beyond_data(column: Column, value: Any) -> bool:
    """Whether the data hold nothing like `value`: a number outside their range, or a category that does not occur."""
    if value is None:
        return column.missing == 0
    if column.kind.is_numeric:
        low, high = column.minimum, column.maximum
        return low is None or high is None or not low <= value <= high
    return bool(column.categories) and column.distinct <= len(column.categories) and value not in column.categories


def varied(subject: Subject, base: Mapping[str, Any], variations: Sequence[tuple[str, Sequence[Any]]]) -> pd.DataFrame:
    """Return `base`, and for each variation `base` with one feature at each of its values, in the table's types.

    Parameters
    ----------
    base : mapping
        A value for every feature.
    variations : sequence of (feature, values)

    Returns
    -------
    DataFrame of shape (1 + all values, n_features)
    """
    ends = 1 + np.cumsum([len(values) for _, values in variations], dtype=np.intp)
    n = int(ends[-1]) if len(ends) else 1
    tried: dict[str, list[tuple[int, Sequence[Any]]]] = {}
    for (feature, values), end in zip(variations, ends, strict=True):
        tried.setdefault(feature, []).append((int(end) - len(values), values))
    table, columns = subject.test.table, {}
    kinds = dict(zip(table.columns, table.dtypes, strict=True))
    for feature in subject.test.features:
        distinct, where = [base[feature]], np.zeros(n, dtype=np.intp)
        for start, values in tried.get(feature, ()):
            where[start : start + len(values)] = len(distinct) + np.arange(len(values))
            distinct.extend(values)
        column = _typed(distinct, kinds[feature], table, feature)
        columns[feature] = column if n == 1 else column.take(where)
    return pd.DataFrame(columns, copy=False)


def edited(subject: Subject, base: Mapping[str, Any], edits: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return `base` once for each of some edits, in the table's types, shape (n_edits, n_features)."""
    table, columns = subject.test.table, {}
    kinds = dict(zip(table.columns, table.dtypes, strict=True))
    for feature in subject.test.features:
        values = [edit.get(feature, base[feature]) for edit in edits]
        columns[feature] = _typed(values, kinds[feature], table, feature)
    return pd.DataFrame(columns, copy=False)


def _typed(values: list[Any], kind: Any, table: pd.DataFrame, feature: str) -> Any:
    """Return values as an array of a feature's type; numbers that a whole-number type cannot hold become float."""
    if isinstance(kind, pd.StringDtype | pd.CategoricalDtype):
        return pd.array(values, dtype=kind)
    if not isinstance(kind, np.dtype) or kind.kind not in "iuf":
        return typed(values, len(values), table[feature]).array
    numbers = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    if kind.kind == "f":
        return numbers
    held = np.iinfo(kind.name)
    fits = np.abs(numbers) < 2.0**53
    fits &= (numbers >= held.min) & (numbers <= held.max) & (numbers == np.rint(numbers))
    return numbers.astype(kind) if fits.all() else numbers
