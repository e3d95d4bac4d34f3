"""The largest t of a whole search under many redrawn losses at once: what chance alone makes of the lattice.

As in `slice_lattice`, rows are counted into cubes of bins, whose cells here hold one sum for each redrawn loss.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled_fast

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
Singles = npt.NDArray[np.float32]

# Shares below this are rounding.
SAME = 1e-9
# Less than any t that can be: minus infinity times a variance of 0 would be no number.
LEAST = -1e300


@compiled_fast
def largest(
    codes: Codes,
    widths: Ints,
    starts: Ints,
    lows: Ints,
    highs: Ints,
    losses: Singles,
    binary: bool,
    against_rest: bool,
    groups: Ints,
    min_rows: float,
) -> Floats:
    """Return the largest t over some triples of features for each loss, as ``t * |t|``.

    Parameters
    ----------
    codes, widths, starts, lows, highs, groups, min_rows
        As `slice_lattice.best_slices` takes them.
    losses : ndarray of float32, shape (n, draws)
        Redrawn losses, each near 0 on average.
    binary : bool
        Whether every loss is 0 or 1, so that its square is itself.
    against_rest : bool
        Whether a slice's mean is compared with that of the other rows (Welch) or with 0 (Student).

    Returns
    -------
    ndarray of shape (draws,)
        Minus infinity where no slice has enough rows.
    """
    draws = losses.shape[1]
    best = np.full(draws, LEAST)
    all_n, all_s, all_q, floor = _totals(losses)
    cells = 1
    for g in range(len(groups)):
        size = (widths[groups[g, 0]] + 1) * (widths[groups[g, 1]] + 1) * (widths[groups[g, 2]] + 1)
        cells = max(cells, size)
    rows, sums = np.zeros(cells), np.zeros((cells, draws))
    squares = sums if binary else np.zeros((cells, draws))
    deepest = widths.max() + 1
    line_n, line_s = np.zeros(deepest), np.zeros((deepest, draws))
    line_q = line_s if binary else np.zeros((deepest, draws))
    for g in range(len(groups)):
        f0, f1, f2 = groups[g]
        shape = (widths[f0], widths[f1], widths[f2])
        wide, deep = (shape[1] + 1) * (shape[2] + 1), shape[2] + 1
        _fill(rows, sums, squares, codes[f0], codes[f1], codes[f2], shape, losses, binary)
        for a in range(starts[f0], starts[f0 + 1]):
            for b in range(starts[f1], starts[f1 + 1]):
                corners = (
                    highs[a] * wide + highs[b] * deep, lows[a] * wide + highs[b] * deep,
                    highs[a] * wide + lows[b] * deep, lows[a] * wide + lows[b] * deep,
                )  # fmt: skip
                w, x, y, z = corners
                if rows[w + deep - 1] - rows[x + deep - 1] - rows[y + deep - 1] + rows[z + deep - 1] < min_rows:
                    continue
                for k in range(deep):
                    line_n[k] = rows[w + k] - rows[x + k] - rows[y + k] + rows[z + k]
                    _difference(line_s[k], sums, w + k, x + k, y + k, z + k)
                has_squares = binary
                for c in range(starts[f2], starts[f2 + 1]):
                    n = line_n[highs[c]] - line_n[lows[c]]
                    if n < min_rows or (against_rest and all_n - n < 2):
                        continue
                    low, high = line_s[lows[c]], line_s[highs[c]]
                    if not _may_exceed(best, low, high, n, all_n, all_s, floor, against_rest):
                        continue
                    if not has_squares:
                        has_squares = True
                        for k in range(deep):
                            _difference(line_q[k], squares, w + k, x + k, y + k, z + k)
                    if against_rest:
                        _welch(best, line_s, line_q, lows[c], highs[c], n, all_n, all_s, all_q, floor)
                    else:
                        _student(best, line_s, line_q, lows[c], highs[c], n, floor)
    return np.where(best > LEAST, best, -np.inf)


@compiled_fast
def _totals(losses: Singles) -> tuple[int, Floats, Floats, Floats]:
    n, draws = losses.shape
    sums, squares = np.zeros(draws), np.zeros(draws)
    for r in range(n):
        for d in range(draws):
            v = np.float64(losses[r, d])
            sums[d] += v
            squares[d] += v * v
    return n, sums, squares, np.maximum(squares - sums * sums / max(n, 1), 0.0) / max(n - 1, 1)


@compiled_fast
def _fill(
    rows: Floats,
    sums: Floats,
    squares: Floats,
    first: Codes,
    second: Codes,
    third: Codes,
    widths: tuple[int, int, int],
    losses: Singles,
    binary: bool,
) -> None:
    """Count rows and every redrawn loss into cubes, summed along their axes."""
    a, b, c = widths
    wide, deep = (b + 1) * (c + 1), c + 1
    cells, draws = (a + 1) * wide, losses.shape[1]
    rows[:cells] = 0.0
    sums[:cells] = 0.0
    if not binary:
        squares[:cells] = 0.0
    origin = wide + deep + 1
    for r in range(len(first)):
        cell = origin + first[r] * wide + second[r] * deep + third[r]
        rows[cell] += 1.0
        for d in range(draws):
            sums[cell, d] += losses[r, d]
        if not binary:
            for d in range(draws):
                v = np.float64(losses[r, d])
                squares[cell, d] += v * v
    for step, outer in ((1, deep), (deep, wide), (wide, cells)):
        for cell in range(step, cells):
            if cell % outer < step:  # the first of its line
                continue
            rows[cell] += rows[cell - step]
            for d in range(draws):
                sums[cell, d] += sums[cell - step, d]
            if not binary:
                for d in range(draws):
                    squares[cell, d] += squares[cell - step, d]


@compiled_fast
def _difference(line: Floats, cube: Floats, w: int, x: int, y: int, z: int) -> None:
    for d in range(len(line)):
        line[d] = cube[w, d] - cube[x, d] - cube[y, d] + cube[z, d]


@compiled_fast
def _may_exceed(
    best: Floats, low: Floats, high: Floats, n: float, all_n: float, all_s: Floats, floor: Floats, against_rest: bool
) -> bool:
    """Whether any t can exceed the largest so far: no variance counts as less than `floor`, which bounds it."""
    found = False
    if against_rest:
        scale = all_n * n * (all_n - n) * (1 - SAME)
        for d in range(len(best)):
            above = (high[d] - low[d]) * all_n - all_s[d] * n
            found |= above * abs(above) >= best[d] * floor[d] * scale
    else:
        for d in range(len(best)):
            s = high[d] - low[d]
            found |= s * abs(s) >= best[d] * floor[d] * n * (1 - SAME)
    return found


@compiled_fast
def _welch(
    best: Floats,
    line_s: Floats,
    line_q: Floats,
    low: int,
    high: int,
    n: float,
    all_n: float,
    all_s: Floats,
    all_q: Floats,
    floor: Floats,
) -> None:
    m = all_n - n
    for d in range(len(best)):
        s, q = line_s[high, d] - line_s[low, d], line_q[high, d] - line_q[low, d]
        r = all_s[d] - s
        inside = max((q - s * s / n) / max(n - 1, 1), floor[d])
        outside = max((all_q[d] - q - r * r / m) / (m - 1), floor[d])
        gap, variance = s / n - r / m, inside / n + outside / m
        best[d] = max(best[d], gap * abs(gap) / variance if variance > 0 else 0.0)


@compiled_fast
def _student(best: Floats, line_s: Floats, line_q: Floats, low: int, high: int, n: float, floor: Floats) -> None:
    for d in range(len(best)):
        s, q = line_s[high, d] - line_s[low, d], line_q[high, d] - line_q[low, d]
        variance = max((q - s * s / n) / max(n - 1, 1), floor[d]) / n
        # Equal losses leave no variance but rounding.
        best[d] = max(best[d], s / n * abs(s / n) / variance if variance > SAME * q / n / n else 0.0)


def warm() -> None:
    """Compile everything here, or read it from the disk, on a table of two rows."""
    codes, widths = np.array([[0, 1], [0, 0]], dtype=np.uint8), np.array([2, 1])
    starts, lows, highs = np.array([0, 2, 3]), np.array([0, 1, 0]), np.array([1, 2, 1])
    losses = np.zeros((2, 1), dtype=np.float32)
    largest(codes, widths, starts, lows, highs, losses, False, True, np.array([[0, 1, 1]]), 1.0)
