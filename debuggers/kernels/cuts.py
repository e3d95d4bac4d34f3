"""Cuts of a column's values, between bins that hold about as many rows, and the bins.

Values are found among the cuts by cells of equal width that hold few of them; where some cuts are so far out that
others crowd in one cell, or there are few values, by halves.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled, compiled_fast

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8 | np.uint16]
# Of this many digits a number has no rounder neighbour than itself.
DIGITS = 17
# Values that are searched in halves together.
BLOCK = 256
# Bits by which numbers are sorted at a time, how many values those have, and how many times make 64 bits.
DIGIT_BITS = 11
DIGIT_VALUES, PASSES = 2**DIGIT_BITS, -(-64 // DIGIT_BITS)
# Cells per cut, and cuts of one cell, at most, for cells to be faster than a search in halves.
CELLS, CROWD = 4, 8


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
        # Each value has a row at least, so it is not far.
        near = ends[start : start + int(share) + 2]
        end = start + max(1, np.searchsorted(near, done + share, side="right"))
        if end >= len(distinct):
            break
        slack = 0 if ends[end] - ends[end - 1] >= share else (end - start) // 8
        cuts[found] = round_between(distinct[end - 1 - slack], distinct[end])
        found, start = found + 1, end
    return cuts[:found]


@compiled
def steps(values: Floats) -> tuple[Floats, Ints]:
    """Return the different values, rising, and how many values there are up to each.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        All finite.

    Returns
    -------
    distinct : ndarray of float64, shape (k,)
    ends : ndarray of int64, shape (k,)
    """
    rising, k = risen(values), 0
    ends = np.empty(len(values), np.int64)
    for i in range(len(values)):
        if i == 0 or rising[i] != rising[k - 1]:
            rising[k] = rising[i]
            k += 1
        ends[k - 1] = i + 1
    return rising[:k], ends[:k]


@compiled
def risen(values: Floats) -> Floats:
    """Return contiguous values in rising order, sorted by some of their bits at a time: no comparison goes astray."""
    n, sign = len(values), np.uint64(1) << np.uint64(63)
    keys, others = np.empty(n, np.uint64), np.empty(n, np.uint64)
    places = np.zeros((PASSES, DIGIT_VALUES), np.int64)
    for i, bits in enumerate(values.view(np.uint64)):
        # In this form greater numbers have greater bits.
        keys[i] = bits ^ sign if bits < sign else ~bits
        for p in range(PASSES):
            places[p, _digit(keys[i], p)] += 1
    for p in range(PASSES):
        own = places[p]
        if n == 0 or own[_digit(keys[0], p)] == n:
            continue
        before = 0
        for d in range(DIGIT_VALUES):
            before, own[d] = before + own[d], before
        for key in keys:
            others[own[_digit(key, p)]] = key
            own[_digit(key, p)] += 1
        keys, others = others, keys
    for i in range(n):
        keys[i] = keys[i] ^ sign if keys[i] >= sign else ~keys[i]
    return keys.view(np.float64)


@compiled
def _digit(key: np.uint64, p: int) -> np.uint64:
    return (key >> np.uint64(p * DIGIT_BITS)) & np.uint64(DIGIT_VALUES - 1)


def fixed(values: Floats) -> Floats:
    """Return values contiguous and read-only, as a table's are: these kernels are compiled for such arrays only."""
    view = np.ascontiguousarray(values, dtype=np.float64).view()
    view.flags.writeable = False
    return view


def number_codes(values: Floats, cuts: npt.ArrayLike, kind: npt.DTypeLike, *, below: bool = False) -> npt.NDArray[Any]:
    """Return each value's bin: how many of the rising cuts are not above it; one more than there are for NaN.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    cuts : array-like of shape (k,)
    kind : dtype
        Of the answer: uint8, uint16, uint32 or int32.
    below : bool
        Count the cuts that lie below the value only.

    Examples
    --------
    >>> number_codes(np.array([0.5, 1.0, 7.0, np.nan]), [1.0, 2.0], np.uint8).tolist()
    [0, 1, 2, 3]
    """
    codes = np.empty(len(values), kind)
    bin_numbers(fixed(values), np.array(cuts, dtype=np.float64), codes, below)
    return codes


@compiled
def bin_numbers(values: Floats, cuts: Floats, codes: npt.NDArray[Any], below: bool) -> None:
    """Write each value's bin: how many of the rising cuts are not above it, or lie below it; see `number_codes`."""
    k = len(cuts)
    cells = CELLS * k
    scale = cells / (cuts[k - 1] - cuts[0]) if 1 < k < len(values) else 0.0
    if not 0.0 < scale < np.inf:
        _bin_in_halves(values, cuts, codes, below)
        return
    starts = np.zeros(cells + 1, np.int32)
    for cut in cuts:
        starts[min(int((cut - cuts[0]) * scale), cells - 1) + 1] += 1
    crowd = starts.max()
    if crowd > CROWD:
        _bin_in_halves(values, cuts, codes, below)
        return
    for c in range(cells):
        starts[c + 1] += starts[c]
    padded = np.full(k + crowd + 1, np.inf)
    padded[:k] = cuts
    # The same steps for every value: what a processor cannot foresee costs it more than a comparison in vain.
    for i in range(len(values)):
        value = values[i]
        cell = (value - cuts[0]) * scale
        place = starts[int(min(cell, cells - 1.0)) if cell > 0.0 else 0]
        for _ in range(crowd):
            place += 1 if padded[place] < value or (padded[place] == value and not below) else 0
        codes[i] = min(place, k) if value == value else k + 1  # noqa: PLR0124 - NaN


@compiled
def even_bins(sample: Floats, bins: int, values: Floats, codes: Codes) -> Floats:
    """Write each value's bin, of at most `bins` that hold about as many of `sample`, and return the cuts between them.

    One call, so that threads that share out the columns wait for each other as little as can be.
    """
    cuts = even_cuts(*steps(sample), bins)
    bin_numbers(values, cuts, codes, False)
    return cuts


@compiled_fast
def _bin_in_halves(values: Floats, cuts: Floats, codes: npt.NDArray[Any], below: bool) -> None:
    size = 1
    while size <= len(cuts):
        size *= 2
    padded = np.full(size, np.inf)
    padded[: len(cuts)] = cuts
    low = np.zeros(BLOCK, np.int64)
    # All values of a block go through the same step of the search at once, which the compiler turns into vectors.
    for start in range(0, len(values), BLOCK):
        count = min(BLOCK, len(values) - start)
        low[:] = 0
        step = size // 2
        while step > 0:
            if below:
                for i in range(count):
                    low[i] += step if padded[low[i] + step - 1] < values[start + i] else 0
            else:
                for i in range(count):
                    low[i] += step if padded[low[i] + step - 1] <= values[start + i] else 0
            step //= 2
        for i in range(count):
            value = values[start + i]
            # An infinite value is not below the padding either.
            codes[start + i] = min(low[i], len(cuts)) if value == value else len(cuts) + 1  # noqa: PLR0124 - NaN


def warm() -> None:
    """Compile everything here, or read it from the disk, on two values."""
    values = fixed(np.array([0.0, 1.0]))
    even_cuts(*steps(values), 2)
    round_between(0.0, 1.0)
    even_bins(values, 2, values, np.zeros(2, np.uint8))
    even_bins(values, 2, values, np.zeros(2, np.uint16))
    for kind in ("uint8", "uint16", "uint32", "int32"):
        number_codes(values, [0.5], kind)
