"""Grids of values along a feature: what effects, what-ifs and terrains are drawn over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.data.schema import Column, Kind

MAX_BARS = 30


@dataclass(frozen=True, eq=False)
class Grid:
    """Values of one feature to try, in order.

    Parameters
    ----------
    feature : str
    values : tuple
        Numbers in rising order, or categories, the most frequent first; a last None stands for "missing".
    ordered : bool
        Whether neighbouring values can be joined by a line.
    left_out : int
        Categories beyond the `MAX_BARS` most frequent ones, which are not tried.
    """

    feature: str
    values: tuple[Any, ...]
    ordered: bool
    left_out: int = 0

    @property
    def numbers(self) -> npt.NDArray[np.float64]:
        """The values of an ordered grid without "missing"."""
        return np.array([v for v in self.values if v is not None], dtype=np.float64)

    @property
    def has_missing(self) -> bool:
        """Whether "missing" is one of the values."""
        return bool(self.values) and self.values[-1] is None

    def nearest(self, column: pd.Series) -> npt.NDArray[np.intp]:
        """Return the position in `values` that each row of `column` belongs to, -1 where there is none."""
        found = np.full(len(column), -1, dtype=np.intp)
        if self.has_missing:
            found[column.isna().to_numpy()] = len(self.values) - 1
        known = column.notna().to_numpy()
        if self.ordered:
            numbers = self.numbers
            if len(numbers):
                middles = (numbers[1:] + numbers[:-1]) / 2
                found[known] = np.searchsorted(middles, column[known].to_numpy(dtype=np.float64), side="right")
            return found
        positions = {value: i for i, value in enumerate(self.values) if value is not None}
        found[known] = [positions.get(v, -1) for v in column[known]]
        return found


def make_grid(column: pd.Series, kind: Column, points: int, *, even: bool = False) -> Grid:
    """Return at most `points` values that represent `column`.

    Parameters
    ----------
    column : Series
    kind : Column
        The column's entry in the schema.
    points : int
        Upper bound for numbers; few distinct numbers are all taken.
    even : bool
        Evenly spaced over the range; else quantiles, so that each step holds about as many rows.
    """
    missing = (None,) if column.isna().any() else ()
    known = column.dropna()
    if kind.kind.is_numeric:
        values = known.to_numpy(dtype=np.float64)
        return Grid(kind.name, (*_numbers(values[np.isfinite(values)], points, even=even), *missing), ordered=True)
    counts = known.value_counts()
    counts = counts[counts > 0]
    kept = tuple(counts.index[:MAX_BARS])
    if kind.kind is Kind.BOOLEAN:
        kept = tuple(sorted(kept))
    return Grid(kind.name, (*kept, *missing), ordered=False, left_out=max(0, len(counts) - MAX_BARS))


def _numbers(values: npt.NDArray[np.float64], points: int, *, even: bool) -> tuple[float, ...]:
    distinct = np.unique(values)
    if len(distinct) <= points:
        return tuple(distinct.tolist())
    if even:
        return tuple(np.linspace(distinct[0], distinct[-1], points).tolist())
    # Observed values only: a model may have never met what lies between two of them.
    quantiles = np.quantile(values, np.linspace(0, 1, points), method="inverted_cdf")
    return tuple(np.unique(quantiles).tolist())


def with_value(rows: pd.DataFrame, feature: str, values: Any) -> pd.DataFrame:
    """Return `rows` with one column replaced by a value or by one value per row, in the column's own type.

    None is a missing value; a whole-number column becomes float where it has to hold one or a fraction.
    """
    column = rows[feature]
    changed = rows.copy(deep=False)
    changed[feature] = typed(values, len(rows), column).set_axis(rows.index)
    return changed


def typed(values: Any, n: int, like: pd.Series) -> pd.Series:
    """Return `values`, one or `n` of them, as a column of the type of `like` where that can hold them."""
    listed = pd.Series(list(values) if isinstance(values, list | tuple | np.ndarray) else [values] * n, dtype=object)
    if isinstance(like.dtype, pd.CategoricalDtype):
        return listed.astype(like.dtype)
    if pd.api.types.is_bool_dtype(like.dtype) or not pd.api.types.is_numeric_dtype(like.dtype):
        return listed if pd.api.types.is_bool_dtype(like.dtype) and listed.isna().any() else listed.astype(like.dtype)
    numbers = listed.astype(np.float64)
    whole = pd.api.types.is_integer_dtype(like.dtype) and bool((numbers % 1 == 0).all())
    return numbers.astype(like.dtype) if whole else numbers
