"""Where an interval is likeliest to begin and to end, given what each bin says for being inside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled_fast

Floats = npt.NDArray[np.float64]


@compiled_fast
def likeliest_range(gains: Floats, rows: Floats, min_rows: float) -> tuple[float, float, int, int]:
    """Return the range of consecutive bins whose gains sum to most, and how much that stands out among all ranges.

    Parameters
    ----------
    gains : ndarray of float64, shape (bins,)
        By how much the logarithm of the likelihood rises if a bin's rows lie in the range.
    rows : ndarray of float64, shape (bins,)
        Rows in each bin.
    min_rows : float
        The range holds at least so many rows; it begins and ends with a bin that has some.

    Returns
    -------
    best : float
        Sum of the gains; minus infinity where no range has enough rows.
    choice : float
        `best` less the logarithm of the mean likelihood of all ranges, relative to none: at least 0, and the larger
        the fewer ranges are about as likely.
    low, high : int
        The range, `high` excluded.
    """
    bins = len(gains)
    total, held = np.zeros(bins + 1), np.zeros(bins + 1)
    for i in range(bins):
        total[i + 1], held[i + 1] = total[i] + gains[i], held[i] + rows[i]
    best, low, high = -np.inf, 0, 0
    lowest, at, start = np.inf, 0, 0
    # The logarithm of the sum of all ranges' likelihoods is `peak` + log(`mass`); of those that end in one bin, of
    # which the best begins at `floor`, it is total - floor + log(`near`).
    peak, mass, floor, near = -np.inf, 0.0, np.inf, 0.0
    for end in range(1, bins + 1):
        before = total[end - 1]
        if before < floor:
            near, floor = near * np.exp(before - floor) + 1.0 if end > 1 else 1.0, before
        else:
            near += np.exp(floor - before)
        top = total[end] - floor
        if top > peak:
            mass, peak = mass * np.exp(peak - top) + near if end > 1 else near, top
        else:
            mass += near * np.exp(top - peak)
        while start < end and held[end] - held[start] >= min_rows:
            if rows[start] > 0 and total[start] < lowest:
                lowest, at = total[start], start
            start += 1
        if rows[end - 1] > 0 and total[end] - lowest > best:
            best, low, high = total[end] - lowest, at, end
    return best, max(best - peak - np.log(mass / (bins * (bins + 1) / 2)), 0.0), low, high


def warm() -> None:
    """Compile everything here, or read it from the disk, on two bins."""
    likeliest_range(np.array([-1.0, 1.0]), np.ones(2), 1.0)
