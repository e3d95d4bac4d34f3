"""Rows divided by the slices already known: what one more slice says beside them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# Each row's stratum: the rows with the same number lie in the same known slices.
Strata = npt.NDArray[np.intp]


def divided(strata: Strata, inside: Mask) -> Strata:
    """Return the strata after one more slice: every stratum that it cuts becomes two."""
    halves = 2 * strata + inside
    return np.asarray((np.cumsum(np.bincount(halves) > 0) - 1)[halves], dtype=np.intp)


def beyond(values: Floats, strata: Strata) -> Floats:
    """Return how far each value lies from the mean of its stratum, shape (n,)."""
    rows = np.bincount(strata)
    return np.asarray(values - (np.bincount(strata, values) / np.maximum(rows, 1))[strata], dtype=np.float64)


def added(values: Floats, inside: Mask, strata: Strata) -> float:
    """Return the t statistic of rows against the others of the same stratum.

    Parameters
    ----------
    values, inside, strata : ndarray of shape (n,)

    Returns
    -------
    float
        NaN where no stratum has two rows on either side, or nothing varies.

    Notes
    -----
    With the rows' mean d_g above the others' in stratum g, and weights w_g = n1 n0 / (n1 + n0), it is
    ``sum(w d) / sqrt(sum(w² (s1²/n1 + s0²/n0)))``: the least-squares coefficient of belonging to the slice beside the
    strata, over a standard error that lets variances differ.
    """
    k = int(strata.max()) + 1 if len(strata) else 0
    (n1, s1, q1), (n0, s0, q0) = (_sums(values[part], strata[part], k) for part in (inside, ~inside))
    kept = (n1 > 1) & (n0 > 1)
    n1, s1, q1 = n1[kept], s1[kept], q1[kept]
    n0, s0, q0 = n0[kept], s0[kept], q0[kept]
    weights = n1 * n0 / (n1 + n0)
    variances = _variance(n1, s1, q1) / n1 + _variance(n0, s0, q0) / n0
    error = float(np.sqrt(np.sum(np.square(weights) * variances)))
    return float(np.sum(weights * (s1 / n1 - s0 / n0)) / error) if error > 0 else np.nan


def _sums(values: Floats, strata: Strata, k: int) -> tuple[Floats, Floats, Floats]:
    """Return rows, sum and sum of squares of each of `k` strata."""
    weights = (np.ones(len(values)), values, np.square(values))
    n, s, q = (np.bincount(strata, w, k).astype(np.float64, copy=False) for w in weights)
    return n, s, q


def _variance(n: Floats, s: Floats, q: Floats) -> Floats:
    return np.asarray(np.maximum(q - s * s / n, 0) / (n - 1), dtype=np.float64)
