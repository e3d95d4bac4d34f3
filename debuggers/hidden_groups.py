"""Groups of rows that a mean curve hides: the feature that it interacts with, and where that one parts the curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.data.schema import Column
from debuggers.joint_effects import Interactions, interactions_of
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# A mean that shows less than this of the variance of the single rows' curves hides groups.
HIDES = 0.3
# Shares of the partner's rows at which two groups are tried.
CUTS = np.linspace(0.1, 0.9, 9)


@dataclass(frozen=True, eq=False)
class Groups:
    """Two groups of rows along which a feature's curves differ.

    Parameters
    ----------
    partner : str
        The feature that the curves' feature interacts with most.
    h, strength : float
        Friedman's H of the two, and the standard deviation of their interaction, on the raw scale.
    names : (str, str)
        What the rows of each group have in common.
    masks : (ndarray of bool, ndarray of bool)
        The test rows of each group.
    found : Interactions
    """

    partner: str
    h: float
    strength: float
    names: tuple[str, str]
    masks: tuple[Mask, Mask]
    found: Interactions


def groups_of(subject: Subject, feature: str, lines: Floats, drawn: npt.NDArray[np.intp]) -> Groups | None:
    """Return the two groups that part the curves of some rows best; None where no feature interacts with this one.

    Parameters
    ----------
    lines : ndarray of shape (n_lines, n_values, n_outputs)
        Individual curves.
    drawn : ndarray of shape (n_lines,)
        Positions in the test table of their rows.
    """
    level = lines - lines.mean(axis=1, keepdims=True)
    output = int(np.argmax(np.square(level - level.mean(axis=0)).sum(axis=(0, 1))))
    found = interactions_of(subject, output, only=feature)
    pairs = found.pairs
    own = pairs[((pairs["first"] == feature) | (pairs["second"] == feature)) & (pairs["strength"] > 0)]
    if own.empty:
        return None
    best = own.iloc[0]
    partner = str(best["second"] if best["first"] == feature else best["first"])
    parts = _parts(subject.test.table[partner], subject.test.schema[partner])
    gains = [_gain(level, mask[drawn]) for _, mask in parts]
    if not gains or max(gains) <= 0:
        return None
    names, mask = parts[int(np.argmax(gains))]
    return Groups(partner, float(best["h"]), float(best["strength"]), names, (mask, ~mask), found)


def _parts(column: pd.Series, kind: Column) -> list[tuple[tuple[str, str], Mask]]:
    """Return ways to part the rows in two by a column, each with the names of both."""
    missing = column.isna().to_numpy()
    parts: list[tuple[tuple[str, str], Mask]] = []
    if kind.kind.is_numeric:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        known = values[np.isfinite(values)]
        cuts = np.unique(np.quantile(known, CUTS, method="inverted_cdf")) if len(known) else known
        parts = [((f"{kind.name} <= {cut:.4g}", f"{kind.name} > {cut:.4g}"), values <= cut) for cut in cuts.tolist()]
    else:
        levels: list[Any] = column.dropna().value_counts().index[:10].tolist()
        parts = [((f"{kind.name} = {v}", f"{kind.name} other"), (column == v).to_numpy(dtype=bool)) for v in levels]
    if missing.any():
        parts = [((low, f"{high} or missing"), mask) for (low, high), mask in parts]
        parts.append(((f"{kind.name} missing", f"{kind.name} known"), missing))
    return [(names, mask) for names, mask in parts if 0 < mask.sum() < len(mask)]


def _gain(level: Floats, inside: Mask) -> float:
    """Return how much of the curves' spread lies between two groups of them."""
    n, m = int(inside.sum()), int((~inside).sum())
    if not n or not m:
        return 0.0
    apart = level[inside].mean(axis=0) - level[~inside].mean(axis=0)
    return float(n * m / (n + m) * np.square(apart).sum())


def disagreement(mean: Floats, low: Floats, high: Floats, local: Floats, rows: npt.NDArray[Any]) -> float:
    """Return how far partial dependence and local effect are apart, 0 to 1: the largest of all outputs.

    It is the standard deviation, over the rows, of their difference, as a share of the larger one's own; 0 where the
    difference is within what drawing other rows would change.

    Parameters
    ----------
    mean, low, high, local : ndarray of shape (n_values, n_outputs)
        Partial dependence with its interval, and local effect; NaN where there is none.
    rows : ndarray of shape (n_values,)
    """
    known = np.isfinite(local).all(axis=1)
    weights = rows[known].astype(np.float64)
    if known.sum() < 2 or weights.sum() <= 0:
        return 0.0

    def spread(curves: Floats) -> Floats:
        middle = np.average(curves, axis=0, weights=weights)
        return np.asarray(np.sqrt(np.average(np.square(curves - middle), axis=0, weights=weights)))

    apart = spread(mean[known] - local[known])
    larger = np.maximum(spread(mean[known]), spread(local[known]))
    noise = np.average((high - low)[known] / 2, axis=0, weights=weights)
    share = np.divide(apart, larger, out=np.zeros_like(apart), where=(larger > 0) & (apart > noise))
    return float(np.minimum(share, 1.0).max())
