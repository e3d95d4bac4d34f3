"""The grid of two features: every cell is a slice with its numbers on both halves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isqrt

import numpy as np
import pandas as pd

from debuggers.binning import Bins, bin_column
from debuggers.regions import COLUMNS, MIN_ROWS, Mask, Places, Sums, region_table
from debuggers.slice_targets import Target
from debuggers.slices import Slice
from debuggers.subject import Dataset

CELL_COLUMNS = ("cell", "x", "y", "x_label", "y_label", *COLUMNS)


def bins_per_axis(most: int, held_out: int) -> int:
    """Return how many bins leave a cell twice `MIN_ROWS` held-out rows on average: at least 2, at most `most`.

    Examples
    --------
    >>> bins_per_axis(8, 15_000), bins_per_axis(8, 600), bins_per_axis(8, 10)
    (8, 3, 2)
    """
    return min(most, max(2, isqrt(held_out // (2 * MIN_ROWS))))


def chosen_axes(asked: Sequence[str | None], suggested: Iterable[str]) -> tuple[str, ...]:
    """Return the features of the grid: those asked for, else the next of those suggested; each once.

    Examples
    --------
    >>> chosen_axes((None, "age"), ["age", "job", "debt"])
    ('job', 'age')
    """
    free = (name for name in dict.fromkeys(suggested) if name not in asked)
    names = [name if name is not None else next(free, None) for name in asked]
    return tuple(dict.fromkeys(name for name in names if name is not None))


def binned_axes(data: Dataset, names: Sequence[str], bins: int) -> list[Bins]:
    """Return the axes in bins, beside those of missing values."""
    return [bin_column(data.table[name], data.schema[name], bins + 1) for name in names]


def cell_of_rows(axes: Sequence[Bins], n: int) -> Places:
    """Return the cell of each row, shape (n,): the place along the first axis times the second's height, plus that."""
    cell = np.zeros(n, dtype=np.int32)
    for axis in axes:
        cell = (cell * (axis.known + 1) + axis.codes).astype(np.int32)
    return cell


def cell_table(
    axes: Sequence[Bins], cells: Places, target: Target, searched: Mask, slices: pd.DataFrame
) -> pd.DataFrame:
    """Return every cell that has rows; of one feature a grid of one line, of none no cell.

    Parameters
    ----------
    axes : sequence of Bins
        Two, one or none.
    cells : ndarray of int32, shape (n,)
        What `cell_of_rows` returns.
    target, searched, slices
        As `regions` takes them.

    Returns
    -------
    DataFrame
        `cell`, `x`, `y` (places along the axes), `x_label`, `y_label`, and the columns of `regions.region_table`.
    """
    if not axes:
        return pd.DataFrame(columns=list(CELL_COLUMNS))
    sizes = [axis.known + 1 for axis in axes]
    sums = Sums.of(cells, int(np.prod(sizes)), target, searched)
    filled = np.flatnonzero(sums.rows)
    at = np.array(np.unravel_index(filled, sizes)).T.tolist()
    places = [Slice(tuple(axis.literal([code]) for axis, code in zip(axes, codes, strict=True))) for codes in at]
    where = {
        "cell": filled,
        "x": [codes[0] for codes in at],
        "y": [codes[1] if len(codes) > 1 else 0 for codes in at],
        "x_label": [axes[0].label(codes[0]) for codes in at],
        "y_label": [axes[1].label(codes[1]) if len(codes) > 1 else "" for codes in at],
    }
    return region_table(places, sums.at(filled), sums, target, slices, where=where)
