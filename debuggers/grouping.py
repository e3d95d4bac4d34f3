"""Groups of rows by one column: its categories, or quarters of its range; missing values are a group of their own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.data.schema import Column
from debuggers.slices import Literal, Op, Slice

MAX_GROUPS = 30


@dataclass(frozen=True, eq=False)
class Groups:
    """A partition of rows.

    Parameters
    ----------
    column : str
    slices : tuple of Slice
        One per group.
    codes : ndarray of int, shape (n,)
        Each row's group, -1 for rows of categories beyond the `MAX_GROUPS` most frequent.
    left_out : int
        Number of those categories.
    """

    column: str
    slices: tuple[Slice, ...]
    codes: npt.NDArray[np.intp]
    left_out: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The groups as a person reads them."""
        return tuple(s.text for s in self.slices)


def group_rows(column: pd.Series, kind: Column, bins: int = 4) -> Groups:
    """Split rows by a column: by value where there are few, else a number into `bins` of about as many rows."""
    name = kind.name
    missing = column.isna().to_numpy()
    if kind.kind.is_numeric and kind.distinct > max(bins, 12):
        slices, codes = _intervals(name, column.to_numpy(dtype=np.float64, na_value=np.nan), bins)
        left_out = 0
    else:
        counts = column[~missing].value_counts()
        counts = counts[counts > 0]
        kept = list(counts.index[:MAX_GROUPS])
        if kind.kind.is_numeric or all(isinstance(v, bool | np.bool_) for v in kept):
            kept.sort()
        position = {v: i for i, v in enumerate(kept)}
        known = column.map(position, na_action="ignore").to_numpy(dtype=np.float64, na_value=np.nan)
        codes = np.where(np.isfinite(known), np.nan_to_num(known), -1).astype(np.intp)
        slices = [Slice((Literal(name, Op.EQUAL, v),)) for v in kept]
        left_out = max(0, len(counts) - MAX_GROUPS)
    if missing.any():
        codes[missing] = len(slices)
        slices = [*slices, Slice((Literal(name, Op.MISSING),))]
    return Groups(name, tuple(slices), codes, left_out)


def _intervals(name: str, values: npt.NDArray[np.float64], bins: int) -> tuple[list[Slice], npt.NDArray[np.intp]]:
    finite = values[np.isfinite(values)]
    quantiles = np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    cuts = [float(c) for c in np.unique(quantiles) if c > finite.min()]
    codes = np.searchsorted(np.array(cuts), np.nan_to_num(values), side="right").astype(np.intp)
    if not cuts:
        return [Slice((Literal(name, Op.GREATER_EQUAL, float(finite.min())),))], codes
    literals = [Literal(name, Op.LESS, cuts[0])]
    literals += [Literal(name, Op.IN, pair) for pair in pairwise(cuts)]
    literals.append(Literal(name, Op.GREATER_EQUAL, cuts[-1]))
    return [Slice((literal,)) for literal in literals], codes
