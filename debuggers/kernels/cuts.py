"""Cuts of a column's values: between bins that hold about as many rows, at the roundest numbers there are."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Of this many digits a number has no rounder neighbour than itself.
DIGITS = 17


@compiled
def round_between(low: float, high: float) -> float:
    """Return the roundest number above `low` and not above `high`, which is greater than `low`."""
    largest = math.ceil(math.log10(max(abs(low), abs(high))))
    for exponent in range(largest, largest - DIGITS, -1):
        for digit in (5, 2, 1):
            # A whole number times or over a power of ten is the nearest double to the decimal that it writes.
            if exponent >= 0:
                power = 10.0**exponent
                candidate = math.floor(high / (digit * power)) * digit * power
            else:
                power = 10.0**-exponent
                candidate = math.floor(high * power / digit) * digit / power
            if low < candidate <= high:
                return candidate + 0.0
    return high


@compiled
def even_cuts(distinct: Floats, ends: Ints, bins: int) -> Floats:
    """Return at most ``bins - 1`` rising cuts between which lie about as many rows.

    Parameters
    ----------
    distinct : ndarray of float64, shape (k,)
        The values, rising.
    ends : ndarray of int64, shape (k,)
        How many rows have a value up to each.
    bins : int
    """
    cuts, found, start = np.empty(max(bins - 1, 0)), 0, 0
    for left in range(bins, 1, -1):
        done = ends[start - 1] if start else 0
        share = (ends[-1] - done) / left
        # A value that many rows share ends the bin before it and fills the next one.
        end = max(start + 1, np.searchsorted(ends, done + share, side="right"))
        if end >= len(distinct):
            break
        slack = 0 if ends[end] - ends[end - 1] >= share else (end - start) // 8
        cuts[found] = round_between(distinct[end - 1 - slack], distinct[end])
        found, start = found + 1, end
    return cuts[:found]


def warm() -> None:
    """Compile everything here, or read it from the disk, on two values."""
    even_cuts(np.array([0.0, 1.0]), np.array([1, 2]), 2)
