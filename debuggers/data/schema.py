"""What each column of a table is: kind, missing values, range, categories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from pandas.api import types

from debuggers.data import dates
from debuggers.errors import MissingColumn, UnfitValues


class Kind(StrEnum):
    """How a column is read, drawn and edited."""

    NUMERIC = "numeric"
    INTEGER = "integer"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"

    @property
    def is_numeric(self) -> bool:
        """Whether values have an order and a distance that a slider can use."""
        return self in (Kind.NUMERIC, Kind.INTEGER)


@dataclass(frozen=True)
class Column:
    """One column: its name, its kind and what its values look like.

    Parameters
    ----------
    missing : int
        Number of missing values.
    distinct : int
        Number of different values that are not missing.
    minimum, maximum : float or None
        Range of the finite values of a numeric column, else None.
    infinite : int
        Number of infinite values.
    categories : tuple
        The values of a category or boolean column, the most frequent first; at most `MAX_CATEGORIES`.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[object, ...] = ()
    infinite: int = 0

    @property
    def is_constant(self) -> bool:
        """Whether the column says nothing: at most one value."""
        return self.distinct <= 1


MAX_CATEGORIES = 1_000


@dataclass(frozen=True)
class Schema(Mapping[str, Column]):
    """The columns of a table by name, in the table's order."""

    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (column.name for column in self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def infer_schema(frame: pd.DataFrame) -> Schema:
    """Return what each column is.

    - boolean: a boolean type (text "true" and "false" became one when it was read);
    - integer: a whole-number type, or floats that are all whole, finite and exact (below 2**53);
    - numeric: other numbers, and a column of which every value is missing;
    - date: a date type, or text that is in ISO 8601 in every value;
    - category: a category type, or text with at most `FEW` different values, or with at most `MAX_CATEGORIES` that
      each occur `REPEATS` times on average;
    - text: other text. A column of mixed objects is judged by what its values look like as text.

    Parameters
    ----------
    frame : DataFrame
        With unique names; it is not changed.

    Examples
    --------
    >>> schema = infer_schema(pd.DataFrame({"age": [31.0, None], "job": ["a", "b"], "day": ["2024-01-31", None]}))
    >>> [str(column.kind) for column in schema.columns]
    ['integer', 'category', 'date']
    """
    return Schema(tuple(_column(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)))


#: Text with at most this many different values is a category, however few rows there are.
FEW = 20
#: Text with more is a category if each value occurs this often on average.
REPEATS = 10

_EXACT = 2.0**53


def _column(name: str, values: pd.Series) -> Column:
    rows, missing = len(values), int(values.isna().sum())
    if missing == rows:
        return Column(name, Kind.NUMERIC, rows, missing, 0)
    if types.is_bool_dtype(values.dtype):
        return _counted(name, Kind.BOOLEAN, values, missing)
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _counted(name, Kind.CATEGORY, values, missing)
    if types.is_numeric_dtype(values.dtype):
        return _number(name, values, missing)
    if types.is_datetime64_any_dtype(values.dtype):
        return Column(name, Kind.DATE, rows, missing, int(values.nunique()))
    return _words(name, values, missing)


def _number(name: str, values: pd.Series, missing: int) -> Column:
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    infinite = len(numbers) - missing - len(finite)
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    whole = types.is_integer_dtype(values.dtype) or (
        infinite == 0 and bool(np.all(finite == np.rint(finite))) and max(-finite.min(), finite.max()) <= _EXACT
    )
    return Column(
        name,
        Kind.INTEGER if whole else Kind.NUMERIC,
        len(values),
        missing,
        int(values.nunique()),
        low,
        high,
        infinite=infinite,
    )


def _words(name: str, values: pd.Series, missing: int) -> Column:
    words = values if isinstance(values.dtype, pd.StringDtype) else as_text(values)
    distinct = int(words.nunique())
    if dates.all_iso(words):
        return Column(name, Kind.DATE, len(words), missing, distinct)
    if distinct <= FEW or distinct <= min(MAX_CATEGORIES, (len(words) - missing) / REPEATS):
        return _counted(name, Kind.CATEGORY, words, missing)
    return Column(name, Kind.TEXT, len(words), missing, distinct)


def _counted(name: str, kind: Kind, values: pd.Series, missing: int) -> Column:
    counts = values.value_counts()
    counts = counts[counts > 0]
    categories = tuple(counts.index[:MAX_CATEGORIES].tolist())
    return Column(name, kind, len(values), missing, len(counts), categories=categories)


def as_text(values: pd.Series) -> pd.Series:
    """Return values as text, missing ones as missing.

    Examples
    --------
    >>> as_text(pd.Series([1, "a", None], dtype=object)).tolist()
    ['1', 'a', nan]
    """
    return values.map(str, na_action="ignore").astype("str")


def apply_schema(frame: pd.DataFrame, kinds: Mapping[str, Kind], *, unfit_missing: bool = False) -> pd.DataFrame:
    """Return the table with the named columns read as other kinds.

    Parameters
    ----------
    frame : DataFrame
        It is not changed.
    kinds : mapping of str to Kind
        Columns that are not named stay as they are.
    unfit_missing : bool
        Whether values that do not fit become missing instead of an error.

    Raises
    ------
    UnfitValues
        Values that are not of the kind, with their number and one of them.
    MissingColumn
        A name that is no column.

    Examples
    --------
    >>> frame = pd.DataFrame({"code": ["1", "2", None]})
    >>> apply_schema(frame, {"code": Kind.NUMERIC})["code"].tolist()
    [1.0, 2.0, nan]
    """
    changed: dict[str, pd.Series] = {}
    for name, kind in kinds.items():
        if name not in frame.columns:
            raise MissingColumn(name, "table", tuple(map(str, frame.columns)))
        before = frame[name]
        after = _CONVERSIONS[kind](before)
        unfit = after.isna() & before.notna()
        if unfit.any() and not unfit_missing:
            raise UnfitValues(name, _KIND_WORDS[kind], int(unfit.sum()), str(before[unfit].iloc[0]))
        changed[name] = after
    return frame.assign(**changed) if changed else frame


_KIND_WORDS = {
    Kind.NUMERIC: "numbers",
    Kind.INTEGER: "whole numbers",
    Kind.CATEGORY: "categories",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "dates",
    Kind.TEXT: "text",
}
_TRUTHS = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}


def _to_numeric(values: pd.Series) -> pd.Series:
    if types.is_datetime64_any_dtype(values.dtype):
        return pd.Series(np.nan, values.index)  # a date is no number: which unit would it have?
    if types.is_bool_dtype(values.dtype) or not types.is_numeric_dtype(values.dtype):
        values = values if types.is_bool_dtype(values.dtype) else as_text(values)
        return pd.to_numeric(values, errors="coerce").astype("float64")
    return values


def _to_integer(values: pd.Series) -> pd.Series:
    if types.is_integer_dtype(values.dtype):
        return values
    numbers = _to_numeric(values)
    whole = numbers.where(numbers == numbers.round())
    exact = whole.notna().all() and bool((whole.abs() <= _EXACT).all())
    return whole.astype("int64") if exact else whole


def _to_category(values: pd.Series) -> pd.Series:
    """Keep text as it is, so that a value unseen so far can be set; numbers become a category of numbers."""
    if isinstance(values.dtype, (pd.StringDtype, pd.CategoricalDtype)):
        return values
    if types.is_float_dtype(values.dtype):
        values = _to_integer(values) if bool((values.dropna() % 1 == 0).all()) else values
    elif types.is_object_dtype(values.dtype):
        return as_text(values)
    return values.astype("category")


def _to_boolean(values: pd.Series) -> pd.Series:
    if types.is_bool_dtype(values.dtype):
        return values
    truths = as_text(values).str.strip().str.lower().map(_TRUTHS).astype("boolean")
    return truths if truths.isna().any() else truths.astype("bool")


def _to_date(values: pd.Series) -> pd.Series:
    return values if types.is_datetime64_any_dtype(values.dtype) else dates.parse_dates(as_text(values))


_CONVERSIONS: dict[Kind, Callable[[pd.Series], pd.Series]] = {
    Kind.NUMERIC: _to_numeric,
    Kind.INTEGER: _to_integer,
    Kind.CATEGORY: _to_category,
    Kind.BOOLEAN: _to_boolean,
    Kind.DATE: _to_date,
    Kind.TEXT: as_text,
}
