"""Whether a classifier's probabilities come true."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from debuggers.statistics import Estimate, wilson

Floats = npt.NDArray[np.float64]


def reliability(hit: npt.NDArray[np.bool_], probability: Floats, bins: int = 15) -> pd.DataFrame:
    """Compare probabilities with how often they came true, in bins of about as many rows.

    Returns
    -------
    DataFrame
        `probability` (mean), `observed` with `low` and `high` (Wilson), `rows`.
    """
    if not len(hit):
        return pd.DataFrame(columns=["probability", "observed", "low", "high", "rows"])
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]))
    code = np.searchsorted(edges, probability, side="right")
    rows = np.bincount(code, minlength=len(edges) + 1).astype(np.float64)
    kept = rows > 0
    hits = np.bincount(code, weights=hit.astype(np.float64), minlength=len(rows))[kept].astype(np.float64)
    means = np.bincount(code, weights=probability, minlength=len(rows))[kept] / rows[kept]
    low, high = wilson(hits, rows[kept])
    return pd.DataFrame(
        {"probability": means, "observed": hits / rows[kept], "low": low, "high": high, "rows": rows[kept].astype(int)}
    )


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Return the mean distance between probability and observed share over the rows of `reliability`."""
    if not len(table):
        return np.nan
    return float(np.average(np.abs(table["probability"] - table["observed"]), weights=table["rows"]))


def calibration_gap(hit: npt.NDArray[np.bool_], probability: Floats) -> tuple[Estimate, float]:
    """Return observed share minus mean probability with its interval, and the two-sided p value that it is 0.

    Notes
    -----
    If the probabilities were true, the number of hits would have variance ``sum p (1 - p)``; the gap over its root is
    compared with the normal distribution. The interval uses the observed spread of ``hit - p`` instead.

    References
    ----------
    Spiegelhalter (1986), Statistics in Medicine 5, 421-433, for the test on all rows.
    """
    n = len(hit)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0), np.nan
    gaps = hit - probability
    value = float(gaps.mean())
    spread = float(np.sqrt((probability * (1 - probability)).sum())) / n
    p_value = float(2 * stats.norm.sf(abs(value) / spread)) if spread > 0 else np.nan
    half = float(stats.norm.ppf(0.975)) * float(gaps.std(ddof=1)) / np.sqrt(n) if n > 1 else np.nan
    return Estimate(value, value - half, value + half, n), p_value
