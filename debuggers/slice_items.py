"""What slices are made of: categories, intervals of several widths, and gaps, as ranges of a column's bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from debuggers.binning import RARE, Bins, Categories, bin_columns, equal_cuts
from debuggers.kernels import slice_lattice as kernel
from debuggers.slices import Literal, Slice
from debuggers.subject import Dataset

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8 | np.uint16]
# Bins from the first, included, to the last, excluded.
Range = tuple[int, int]
# A number or date is cut into so many fine bins, "missing" included; the ends of intervals lie between them. The
# smallest slice has 0.5 % of the rows: of 256 bins that would be hardly more than one.
FINE = 1024
# Intervals of a column that stand out on their own and are added to those between quantiles.
GUIDED = 2
# Bins among which they are sought; their ends are moved later.
GUIDES = 256


@dataclass(frozen=True, order=True)
class Item:
    """A literal as a range of the fine bins of a column.

    Parameters
    ----------
    column : int
        Position of the column among those searched.
    low, high : int
        Fine bins from `low`, included, to `high`, excluded.
    """

    column: int
    low: int
    high: int


def rows_of(codes: Sequence[Codes], items: Sequence[Item]) -> npt.NDArray[np.bool_]:
    """Return which rows lie in all of `items`, from their fine bins."""
    inside = np.ones(len(codes[0]), dtype=bool)
    for item in items:
        inside &= (codes[item.column] >= item.low) & (codes[item.column] < item.high)
    return inside


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns along which slices are searched, in fine bins.

    Parameters
    ----------
    bins : tuple of Bins
    left_out : tuple of str
        What could not be looked at, in sentences.
    """

    bins: tuple[Bins, ...]
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Dataset, names: Sequence[str]) -> Columns:
        """Bin the named columns of a dataset."""
        bins = tuple(bin_columns(data.table, data.schema, names, FINE))
        return cls(bins, tuple(_rare(b) for b in bins if isinstance(b, Categories) and b.has_others))

    def codes(self, rows: npt.NDArray[np.bool_]) -> list[Codes]:
        """Return the fine bins of some rows, one array per column."""
        at = np.flatnonzero(rows)
        return [b.codes[at] for b in self.bins]

    def literal(self, item: Item) -> Literal:
        """Return an item as a condition on its column."""
        return self.bins[item.column].literal(range(item.low, item.high))

    def slice(self, items: Sequence[Item]) -> Slice:
        """Return items as a slice."""
        return Slice(tuple(self.literal(item) for item in items))

    def is_interval(self, item: Item) -> bool:
        """Whether an item's ends could lie elsewhere: it is a range of known values with an order."""
        bins = self.bins[item.column]
        return bins.ordered and item.low < bins.known


def _rare(bins: Categories) -> str:
    return (
        f"Left out: of {bins.feature} only the {len(bins.values):,} most frequent values were looked at, none rarer "
        f"than {RARE:.1%} of the rows; group rare values in the table to look at them together."
    )


@dataclass(frozen=True, eq=False)
class Lattice:
    """Items over some rows, as the kernel takes them.

    Parameters
    ----------
    items : tuple of Item
        By column; `starts` says where each column's begin.
    codes : ndarray of uint8, shape (columns + 1, n)
        Coarse bins of the rows, which every item is a range of; the last column is all zeros.
    widths : ndarray of int64, shape (columns + 1,)
    starts : ndarray of int64, shape (columns + 2,)
    lows, highs : ndarray of int64, shape (items + 1,)
        The items as ranges of coarse bins; the last one is the whole of the last column.
    """

    items: tuple[Item, ...]
    codes: npt.NDArray[np.uint8]
    widths: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    lows: npt.NDArray[np.int64]
    highs: npt.NDArray[np.int64]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Number of items of each column, without the last one."""
        return np.diff(self.starts)[:-1]


def make_lattice(
    columns: Columns, codes: Sequence[Codes], values: Floats, ranges: Sequence[set[Range]], min_rows: int
) -> Lattice:
    """Return the items of some rows.

    Parameters
    ----------
    columns : Columns
    codes : sequence of ndarray of uint8 or uint16, each of shape (n,)
        The rows' fine bins.
    values : ndarray of shape (n,)
        The loss, which guides some intervals; centred.
    ranges : sequence of set of Range
        What `quantile_ranges` returns.
    min_rows : int
        An item, and what it shuts out, holds at least so many rows.

    Notes
    -----
    Beside the ranges between quantiles, an interval that stands out on its own by Welch's t is an item, however narrow.
    Of ranges that hold the same rows only the narrowest is one.
    """
    prepared = [
        _axis(i, bins, kernel.bin_sums(codes[i], values, bins.known + 1), some, min_rows)
        for i, (bins, some) in enumerate(zip(columns.bins, ranges, strict=True))
    ]
    items = tuple(item for axis, _ in prepared for item in axis)
    counts = [len(axis) for axis, _ in prepared]
    coarse = np.zeros((len(prepared) + 1, len(values)), dtype=np.uint8)
    widths, lows, highs = [], [], []
    for i, (axis, cuts) in enumerate(prepared):
        lookup = np.searchsorted(cuts, np.arange(FINE), side="right")
        np.take(lookup.astype(np.uint8), codes[i], out=coarse[i])
        widths.append(len(cuts) + 1)
        lows += [int(lookup[item.low]) for item in axis]
        highs += [int(lookup[item.high - 1]) + 1 for item in axis]
    return Lattice(
        items,
        coarse,
        np.array([*widths, 1], dtype=np.int64),
        np.cumsum([0, *counts, 1], dtype=np.int64),
        np.array([*lows, 0], dtype=np.int64),
        np.array([*highs, 1], dtype=np.int64),
    )


def quantile_ranges(columns: Columns, codes: Sequence[Codes], grain: int) -> list[set[Range]]:
    """Return for each column with an order every range of `grain` intervals that hold about as many rows each."""
    found = []
    for bins, own in zip(columns.bins, codes, strict=True):
        known = own[own < bins.known]
        cuts = equal_cuts(known.astype(np.float64), grain) if bins.ordered and len(known) else []
        ends = sorted({0, *(int(np.ceil(cut)) for cut in cuts), bins.known})
        found.append({(low, high) for i, low in enumerate(ends) for high in ends[i + 1 :]})
    return found


def _axis(
    column: int, bins: Bins, sums: Floats, ranges: set[Range], min_rows: int
) -> tuple[list[Item], npt.NDArray[np.int64]]:
    """Return the items of a column and the cuts between its coarse bins, which are the ends of items."""
    rows = sums[:, 0]
    if bins.ordered:
        wanted = {(bins.missing, bins.missing + 1), *ranges, *_standing_out(sums, min_rows, bins.known)}
    else:
        rare = isinstance(bins, Categories) and bins.has_others
        wanted = {(code, code + 1) for code in range(bins.known + 1) if not (rare and code == bins.known - 1)}
    held = np.concatenate([[0.0], np.cumsum(rows)])
    narrow = {_narrowed(low, high, rows) for low, high in wanted}
    enough = [r for r in narrow if r[0] < r[1] and min_rows <= held[r[1]] - held[r[0]] <= held[-1] - min_rows]
    items = [Item(column, low, high) for low, high in sorted(enough)]
    cuts = sorted({end for item in items for end in (item.low, item.high)} - {0})
    return items, np.array(cuts, dtype=np.int64)


def _standing_out(sums: Floats, min_rows: int, known: int) -> list[Range]:
    """Return the ranges of known values that stand out most, one after the other and apart from each other."""
    totals = sums.sum(axis=0)
    floor = kernel.overall_variance(totals)
    ends = np.linspace(0, known, min(known, GUIDES) + 1).astype(np.intp)
    coarse = np.add.reduceat(sums[:known], ends[:-1], axis=0)
    found: list[Range] = []
    free = [(0, len(coarse))]
    for _ in range(GUIDED):
        best = [
            (*kernel.best_range(coarse[a:b], totals, float(min_rows), kernel.WELCH, 0.0, 0.0, floor), a)
            for a, b in free
        ]
        value, low, high, start = max(best, default=(-np.inf, 0, 0, 0))
        if not np.isfinite(value):
            break
        found.append((int(ends[start + low]), int(ends[start + high])))
        free = [part for a, b in free for part in ([(a, b)] if a != start else [(a, a + low), (a + high, b)])]
    return found


def _narrowed(low: int, high: int, rows: Floats) -> tuple[int, int]:
    """Return a range without empty bins at its ends."""
    filled = np.flatnonzero(rows[low:high])
    return (low + int(filled[0]), low + int(filled[-1]) + 1) if len(filled) else (low, low)
