"""Which features matter: tables of contributions, for all rows, for a cohort beside the rest, and by pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from debuggers.binning import Bins
from debuggers.execution import report
from debuggers.statistics import CONFIDENCE, Moments, benjamini_hochberg, difference

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# Bins that a feature's own effect is taken out in, and those of feature and partner that make cells.
OWN_BINS, PARTNER_BINS = 30, 8


def magnitude_table(values: Floats, features: Sequence[str]) -> pd.DataFrame:
    """Return the mean size of each feature's contributions with its interval.

    Parameters
    ----------
    values : ndarray of shape (n, n_features)
    features : sequence of str

    Returns
    -------
    DataFrame
        `feature`, `importance` (mean absolute contribution), its t interval `low` and `high`, `share` (of the sum over
        features; NaN where nothing contributes), in the features' order.
    """
    sizes = np.abs(values)
    low, high = t_interval(sizes)
    mean = sizes.mean(axis=0) if len(sizes) else np.full(len(features), np.nan)
    whole = mean.sum()
    share = mean / whole if whole > 0 else np.full(len(features), np.nan)
    return pd.DataFrame({"feature": list(features), "importance": mean, "low": low, "high": high, "share": share})


def t_interval(values: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the t intervals of column means; NaN of fewer than two rows."""
    n = len(values)
    if n < 2:
        gap = np.full(values.shape[1], np.nan)
        return gap, gap
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1) * values.std(axis=0, ddof=1) / np.sqrt(n)
    mean = values.mean(axis=0)
    return np.maximum(mean - half, 0.0) if (values >= 0).all() else mean - half, mean + half


def harm_table(values: Floats, features: Sequence[str]) -> pd.DataFrame:
    """Return what knowing each feature adds to the mean loss: above 0 the model does worse for it.

    Parameters
    ----------
    values : ndarray of shape (n, n_features)
        Contributions to the loss.

    Returns
    -------
    DataFrame
        `feature`, `change` (mean contribution), its t interval `change_low` and `change_high`, `harm_p` (one-sided t
        test that it is above 0), `harm_q` (Benjamini-Hochberg over features).
    """
    n, mean = len(values), values.mean(axis=0)
    low, high = t_interval(values)
    spread = values.std(axis=0, ddof=1) if n > 1 else np.zeros(values.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(spread > 0, stats.t.sf(mean / (spread / np.sqrt(n)), max(n - 1, 1)), np.nan)
    return pd.DataFrame(
        {
            "feature": list(features), "change": mean, "change_low": low, "change_high": high, "harm_p": p,
            "harm_q": benjamini_hochberg(p.tolist()),
        }
    )  # fmt: skip


def directions(values: Floats, columns: Sequence[Bins]) -> Floats:
    """Return the rank correlation of each feature's value with its contribution; NaN where there is no order."""
    out = np.full(len(columns), np.nan)
    for i, column in enumerate(columns):
        known = column.codes < column.known
        if column.ordered and known.sum() > 2:
            own, codes = values[known, i], column.codes[known].astype(np.float64)
            if np.ptp(own) > 0 and np.ptp(codes) > 0:
                out[i] = np.corrcoef(stats.rankdata(own), stats.rankdata(codes))[0, 1]
    return out


def group_table(values: Floats, features: Sequence[str], inside: Mask) -> pd.DataFrame:
    """Return the mean size of contributions in a cohort and in the rest, feature by feature.

    Parameters
    ----------
    values : ndarray of shape (n, n_features)
        Against one background for all rows.
    inside : ndarray of bool, shape (n,)

    Returns
    -------
    DataFrame
        `feature`, `cohort`, `cohort_low`, `cohort_high`, `rest`, `rest_low`, `rest_high`, `difference` with its Welch
        interval `difference_low` and `difference_high`, `cohort_rows`, `rest_rows`.
    """
    sizes = np.abs(values)
    rows = []
    for i, feature in enumerate(features):
        ours, others = Moments.of(sizes[inside, i]), Moments.of(sizes[~inside, i])
        a, b, gap = ours.estimate(), others.estimate(), difference(ours, others)
        rows.append(
            {
                "feature": feature, "cohort": a.value, "cohort_low": a.low, "cohort_high": a.high, "rest": b.value,
                "rest_low": b.low, "rest_high": b.high, "difference": gap.value, "difference_low": gap.low,
                "difference_high": gap.high, "cohort_rows": ours.n, "rest_rows": others.n,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def partner_table(values: Floats, own: Sequence[Bins], others: Sequence[Bins], chosen: Sequence[int]) -> pd.DataFrame:
    """Return for each chosen feature the other one that explains most of how its contribution varies.

    The contribution's mean within bins of the feature's own value is taken out; of what remains, the share that cells
    of both features explain is counted, adjusted for the number of cells.

    Parameters
    ----------
    values : ndarray of shape (n, n_features)
    own, others : sequence of Bins
        The rows' values, in finer and in wider bins.
    chosen : sequence of int
        Positions of the features to find a partner for.

    Returns
    -------
    DataFrame
        `feature`, `partner`, `explained`: every pair, the strongest partner of each feature first.
    """
    rows = []
    for step, i in enumerate(chosen):
        report(0.9 + 0.1 * step / max(len(chosen), 1), "Looking for partners")
        left = _without_means(values[:, i], own[i])
        whole = float(np.square(left).sum())
        if whole <= 1e-18 * max(float(np.square(values).sum()), 1e-300):
            continue
        pairs = [
            (others[j].feature, _explained(left, others[i], others[j], whole)) for j in range(len(others)) if j != i
        ]
        pairs.sort(key=lambda pair: -pair[1])
        rows += [{"feature": own[i].feature, "partner": name, "explained": share} for name, share in pairs]
    return pd.DataFrame(rows, columns=["feature", "partner", "explained"])


def _without_means(values: Floats, bins: Bins) -> Floats:
    count = np.bincount(bins.codes, minlength=bins.known + 1)
    total = np.bincount(bins.codes, values, minlength=bins.known + 1)
    return np.asarray(values - (total / np.maximum(count, 1))[bins.codes])


def _explained(left: Floats, own: Bins, other: Bins, whole: float) -> float:
    """Return the share of a spread that cells of two features explain, less what as many random ones would."""
    width = other.known + 1
    cell = own.codes.astype(np.int64) * width + other.codes
    count = np.bincount(cell)
    total = np.bincount(cell, left)
    used = count > 0
    explained = float((np.square(total[used]) / count[used]).sum()) / whole
    n, k = len(left), int(used.sum())
    if n <= k:
        return 0.0
    return float(max(0.0, 1 - (1 - explained) * (n - 1) / (n - k)))
