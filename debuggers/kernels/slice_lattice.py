"""The lattice of slices: every conjunction of up to three items is scored exactly, from counts in cubes of bins.

Three features at a time, rows are counted into a cube of their bins (rows, sum and sum of squares of the loss), and the
cube is summed along its axes. Any box of it, and so any conjunction of three intervals, categories or gaps, then costs
eight look-ups, however many rows it has and however many intervals of a feature overlap. A slice of one or two literals
is a box whose other sides are whole: for that there is one feature more, `NOTHING`, with one bin and one item.

All work is on arrays, without the interpreter's lock, so that threads share it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled_fast

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
FineCodes = npt.NDArray[np.uint8 | np.uint16]
Places = npt.NDArray[np.int32]

WELCH, SLICELINE, EFFECT, SHARE = range(4)
# Rows, sum, sum of squares, and a pad that keeps a cell in one line of the cache.
FIELDS = 4
# Scores below this are rounding.
SAME = 1e-9


@compiled_fast
def sums_of(values: Floats) -> Floats:
    """Return rows, sum and sum of squares, shape (3,)."""
    sums = np.zeros(3)
    for v in values:
        sums[0] += 1.0
        sums[1] += v
        sums[2] += v * v
    return sums


@compiled_fast
def welch(n: float, s: float, q: float, all_n: float, all_s: float, all_q: float, floor: float) -> float:
    """Return Welch's t of `n` rows against the others, where neither side's variance counts as less than `floor`.

    With the overall variance as `floor`, a few rows that happen to agree are not taken for certain, and a small rest
    that happens to be easy does not make a weak slice of all other rows.
    """
    m = all_n - n
    if n < 1 or m < 2:
        return 0.0
    r = all_s - s
    inside = max((q - s * s / n) / (n - 1), floor) if n > 1 else floor
    outside = max((all_q - q - r * r / m) / (m - 1), floor)
    variance = inside / n + outside / m
    return (s / n - r / m) / np.sqrt(variance) if variance > 0 else 0.0


@compiled_fast
def overall_variance(totals: Floats) -> float:
    """Return the variance of a loss from its rows, sum and sum of squares."""
    n, s, q = totals[0], totals[1], totals[2]
    return max(q - s * s / n, 0.0) / (n - 1) if n > 1 else 0.0


@compiled_fast
def score(
    ranking: int,
    n: float,
    s: float,
    q: float,
    all_n: float,
    all_s: float,
    all_q: float,
    floor: float,
    base: float,
    alpha: float,
) -> float:
    """Return how a slice ranks; above 0 where its loss is above that of the rest.

    `s` and `all_s` are sums of the loss minus `base`. SliceLine: ``alpha * (mean / overall mean - 1) - (1 - alpha) *
    (rows / slice's rows - 1)``. Effect size: ``sqrt(2) * difference / sqrt(both variances)``. Share: the loss beyond
    what the rows would have at the rest's mean, as a share of all loss.
    """
    if ranking == WELCH:
        return welch(n, s, q, all_n, all_s, all_q, floor)
    m = all_n - n
    whole = all_s + all_n * base
    if ranking == SLICELINE:
        excess = (s / n + base) / (whole / all_n) - 1 if whole > 0 else 0.0
        return alpha * excess - (1 - alpha) * (all_n / n - 1)
    if m < 2:
        return 0.0
    gap = s / n - (all_s - s) / m
    if ranking == SHARE:
        return gap * n / whole if whole > 0 else 0.0
    r = all_s - s
    spread = max(q - s * s / n, 0.0) / max(n - 1, 1) + max(all_q - q - r * r / m, 0.0) / (m - 1)
    spread = max(spread, SAME * floor)  # where neither side varies, what is left of it is rounding
    return np.sqrt(2.0) * gap / np.sqrt(spread) if spread > 0 else 0.0


@compiled_fast
def pair_up(pairs: Places, first: Codes, second: Codes, width: int) -> None:
    """Write each row's place in the first two axes of a cube, whose second axis has `width` bins."""
    for r in range(len(first)):
        pairs[r] = (first[r] + 1) * (width + 1) + second[r] + 1


@compiled_fast
def fill(cube: Floats, pairs: Places, third: Codes, widths: tuple[int, int, int], values: Floats) -> None:
    """Count rows into a cube and sum it along its axes, so that any box is a difference of corners.

    Parameters
    ----------
    cube : ndarray of float64, shape (cells, FIELDS)
        Cell ``((i * (b + 1)) + j) * (c + 1) + k`` becomes the sum over bins before i, j and k.
    pairs : ndarray of int32, shape (n,)
        What `pair_up` wrote.
    third : ndarray of uint8, shape (n,)
        Bins along the third axis.
    widths : (a, b, c)
        Numbers of bins.
    values : ndarray of shape (n,)
        The loss.
    """
    a, b, c = widths
    wide, deep = (b + 1) * (c + 1), c + 1
    cube[: (a + 1) * wide] = 0.0
    for r in range(len(third)):
        cell, v = pairs[r] * deep + third[r] + 1, values[r]
        cube[cell, 0] += 1.0
        cube[cell, 1] += v
        cube[cell, 2] += v * v
    for i in range(1, a + 1):
        for j in range(1, b + 1):
            row = i * wide + j * deep
            for k in range(1, c + 1):
                for x in range(3):
                    cube[row + k, x] += cube[row + k - 1, x]
        for j in range(1, b + 1):
            row = i * wide + j * deep
            for k in range(1, c + 1):
                for x in range(3):
                    cube[row + k, x] += cube[row - deep + k, x]
        for cell in range(i * wide, (i + 1) * wide):
            for x in range(3):
                cube[cell, x] += cube[cell - wide, x]


@compiled_fast
def _line(
    cube: Floats, line: Floats, low: int, high: int, other_low: int, other_high: int, wide: int, deep: int
) -> None:
    """Write the sums along the third axis of the rows within two ranges of the other axes."""
    w, x = high * wide + other_high * deep, low * wide + other_high * deep
    y, z = high * wide + other_low * deep, low * wide + other_low * deep
    for k in range(deep):
        for i in range(3):
            line[k, i] = cube[w + k, i] - cube[x + k, i] - cube[y + k, i] + cube[z + k, i]


@compiled_fast
def _box(cube: Floats, lows: Ints, highs: Ints, wide: int, deep: int, i: int) -> float:
    """Return one sum over a box."""
    total = 0.0
    for corner in range(8):
        x = highs[0] if corner & 1 else lows[0]
        y = highs[1] if corner & 2 else lows[1]
        z = highs[2] if corner & 4 else lows[2]
        sign = 1.0 if (corner & 1) + (corner >> 1 & 1) + (corner >> 2 & 1) in (1, 3) else -1.0
        total += sign * cube[x * wide + y * deep + z, i]
    return total


@compiled_fast
def _every_literal_pays(
    cube: Floats,
    lows: Ints,
    highs: Ints,
    widths: tuple[int, int, int],
    literals: int,
    wide: int,
    deep: int,
    limit: float,
    floor: float,
) -> bool:
    """Whether the slice errs more than what each of its literals shuts out, by Welch's t of at least `limit`."""
    n = _box(cube, lows, highs, wide, deep, 0)
    s = _box(cube, lows, highs, wide, deep, 1)
    q = _box(cube, lows, highs, wide, deep, 2)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(literals):
        low[:], high[:] = lows, highs
        low[axis], high[axis] = 0, widths[axis]
        parent_n = _box(cube, low, high, wide, deep, 0)
        parent_s = _box(cube, low, high, wide, deep, 1)
        parent_q = _box(cube, low, high, wide, deep, 2)
        if welch(n, s, q, parent_n, parent_s, parent_q, floor) < limit:
            return False
    return True


@compiled_fast
def before(score_a: float, items_a: Ints, score_b: float, items_b: Ints, nothing: int) -> bool:
    """Whether slice a ranks before b: by score, then by fewer literals, then by its items."""
    if score_a != score_b:
        return bool(score_a > score_b)
    literals_a = literals_b = 0
    for i in range(3):
        literals_a += items_a[i] != nothing
        literals_b += items_b[i] != nothing
    if literals_a != literals_b:
        return literals_a < literals_b
    for i in range(3):
        if items_a[i] != items_b[i]:
            return bool(items_a[i] < items_b[i])
    return False


@compiled_fast
def keep(scores: Floats, items: Ints, value: float, found: Ints, nothing: int) -> None:
    """Insert a slice where it belongs among the best, the last of which drops out."""
    k = len(scores) - 1
    if not before(value, found, scores[k], items[k], nothing):
        return
    while k > 0 and before(value, found, scores[k - 1], items[k - 1], nothing):
        scores[k] = scores[k - 1]
        items[k] = items[k - 1]
        k -= 1
    scores[k] = value
    items[k] = found


@compiled_fast
def best_slices(
    codes: Codes,
    widths: Ints,
    starts: Ints,
    lows: Ints,
    highs: Ints,
    values: Floats,
    groups: Ints,
    min_rows: float,
    ranking: int,
    base: float,
    alpha: float,
    limit: float,
    k: int,
) -> tuple[Floats, Ints]:
    """Return the best slices over some triples of features.

    Parameters
    ----------
    codes : ndarray of uint8, shape (features + 1, n)
        Bin of each row; the last feature is `NOTHING`: zeros.
    widths : ndarray of int64, shape (features + 1,)
        Number of bins of each feature.
    starts : ndarray of int64, shape (features + 2,)
        Items of feature f are ``starts[f]`` to ``starts[f + 1]``, excluded; `NOTHING` has one, the whole.
    lows, highs : ndarray of int64, shape (items,)
        An item holds the bins from `lows`, included, to `highs`, excluded.
    values : ndarray of shape (n,)
        The loss minus `base`.
    groups : ndarray of int64, shape (m, 3)
        Rising triples of features.
    min_rows : float
        A slice has at least so many rows.
    ranking : int
        `WELCH`, `SLICELINE`, `EFFECT` or `SHARE`.
    base, alpha : float
        As `score` says.
    limit : float
        Least Welch t of a slice against what any one of its literals shuts out; minus infinity: no such rule.
    k : int
        Slices to keep.

    Returns
    -------
    scores : ndarray of shape (k,)
        Falling; minus infinity where there are fewer slices whose score is above 0.
    items : ndarray of int64, shape (k, 3)
    """
    nothing, last = len(lows) - 1, len(widths) - 1
    scores, items = np.full(k, -np.inf), np.full((k, 3), nothing, np.int64)
    total = sums_of(values)
    floor = overall_variance(total)
    cells = 1
    for g in range(len(groups)):
        size = (widths[groups[g, 0]] + 1) * (widths[groups[g, 1]] + 1) * (widths[groups[g, 2]] + 1)
        cells = max(cells, size)
    cube = np.zeros((cells, FIELDS))
    line = np.zeros((widths.max() + 1, 3))
    found, low, high = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    pairs, paired = np.zeros(len(values), np.int32), (last + 1, last + 1)
    for g in range(len(groups)):
        f0, f1, f2 = groups[g]
        shape = (widths[f0], widths[f1], widths[f2])
        wide, deep = (shape[1] + 1) * (shape[2] + 1), shape[2] + 1
        literals = (f0 < last) + (f1 < last) + (f2 < last)
        if f0 != paired[0] or f1 != paired[1]:
            pair_up(pairs, codes[f0], codes[f1], shape[1])
            paired = (f0, f1)
        fill(cube, pairs, codes[f2], shape, values)
        for a in range(starts[f0], starts[f0 + 1]):
            for b in range(starts[f1], starts[f1 + 1]):
                sure = max(scores[k - 1], 0.0) * (1 - SAME) * floor * total[0]
                _line(cube, line, lows[a], highs[a], lows[b], highs[b], wide, deep)
                if line[shape[2], 0] < min_rows:
                    continue
                for c in range(starts[f2], starts[f2 + 1]):
                    n = line[highs[c], 0] - line[lows[c], 0]
                    if n < min_rows:
                        continue
                    s, q = line[highs[c], 1] - line[lows[c], 1], line[highs[c], 2] - line[lows[c], 2]
                    above = s * total[0] - total[1] * n
                    if above <= 0:  # its mean is not above that of all rows
                        continue
                    # Neither variance counts as less than `floor`, which bounds t without a division.
                    if ranking == WELCH and above * above < max(scores[k - 1], 0.0) * sure * n * (total[0] - n):
                        continue
                    value = score(ranking, n, s, q, total[0], total[1], total[2], floor, base, alpha)
                    if value <= SAME or value < scores[k - 1]:
                        continue
                    found[0], found[1], found[2] = a, b, c
                    if not before(value, found, scores[k - 1], items[k - 1], nothing):
                        continue
                    low[0], low[1], low[2] = lows[a], lows[b], lows[c]
                    high[0], high[1], high[2] = highs[a], highs[b], highs[c]
                    if _every_literal_pays(cube, low, high, shape, literals, wide, deep, limit, floor):
                        keep(scores, items, value, found, nothing)
    return scores, items


@compiled_fast
def best_range(
    sums: Floats, totals: Floats, min_rows: float, ranking: int, base: float, alpha: float, floor: float
) -> tuple[float, int, int]:
    """Return the best range of consecutive bins, as score, low and high, high excluded; minus infinity without one.

    Parameters
    ----------
    sums : ndarray of float64, shape (bins, 3)
        Rows, sum of the loss minus `base`, and sum of its square, of the rows in question in each bin.
    totals : ndarray of float64, shape (3,)
        The same of all rows, those outside every bin included.
    """
    best, from_, to = -np.inf, 0, 0
    for low in range(len(sums)):
        if sums[low, 0] == 0:
            continue
        n = s = q = 0.0
        for high in range(low, len(sums)):
            n, s, q = n + sums[high, 0], s + sums[high, 1], q + sums[high, 2]
            if n < min_rows or sums[high, 0] == 0 or s * totals[0] <= totals[1] * n:
                continue
            value = score(ranking, n, s, q, totals[0], totals[1], totals[2], floor, base, alpha)
            if value > best:
                best, from_, to = value, low, high + 1
    return best, from_, to


@compiled_fast
def bin_sums(codes: FineCodes | npt.NDArray[np.int32], values: Floats, bins: int) -> Floats:
    """Return rows, sum and sum of squares of `values` in each bin, shape (bins, 3)."""
    sums = np.zeros((bins, 3))
    for r in range(len(codes)):
        v = values[r]
        sums[codes[r], 0] += 1.0
        sums[codes[r], 1] += v
        sums[codes[r], 2] += v * v
    return sums


def warm() -> None:
    """Compile everything here, or read it from the disk, on a table of two rows."""
    codes, widths = np.array([[0, 1], [0, 0]], dtype=np.uint8), np.array([2, 1])
    starts, lows, highs = np.array([0, 2, 3]), np.array([0, 1, 0]), np.array([1, 2, 1])
    values, groups = np.array([-0.5, 0.5]), np.array([[0, 1, 1]])
    best_slices(codes, widths, starts, lows, highs, values, groups, 1.0, WELCH, 0.5, 0.95, 0.0, 1)
    sums_of(values)
    bin_sums(codes[0].astype(np.uint16), values, 2)
    bin_sums(codes[0].astype(np.int32), values, 2)
    sums = bin_sums(codes[0], values, 2)
    best_range(sums, sums.sum(axis=0), 1.0, WELCH, 0.0, 0.0, overall_variance(sums.sum(axis=0)))
    welch(1.0, 0.5, 0.25, 2.0, 0.0, 0.5, 0.5)
    score(WELCH, 1.0, 0.5, 0.25, 2.0, 0.0, 0.5, 0.5, 0.5, 0.95)
