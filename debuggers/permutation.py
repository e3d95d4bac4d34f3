"""Permutation importance: how much the loss grows if a feature's values are dealt out among the rows at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from debuggers import metrics
from debuggers.ensembles import Ensemble, ensemble_of
from debuggers.execution import in_threads, report, row_parts
from debuggers.models.trees import UnreadableTrees
from debuggers.statistics import CONFIDENCE, benjamini_hochberg
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
PART_ROWS = 4_096


def permutations(n: int, repeats: int, seed: int) -> Longs:
    """Return orders of `n` rows drawn at random, shape (repeats, n)."""
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(n) for _ in range(repeats)], dtype=np.int64).reshape(repeats, n)


def permutation_losses(subject: Subject, orders: Longs, only: Sequence[str] | None = None) -> Floats:
    """Return by how much the loss of each row grows when one feature comes from another row.

    Parameters
    ----------
    subject : Subject
        With labels and a model.
    orders : ndarray of shape (repeats, n)
        For each repetition the row that each row's value is taken from.
    only : sequence of str, optional
        Features to permute; all by default.

    Returns
    -------
    ndarray of shape (n_features, repeats, n)

    References
    ----------
    Breiman (2001), Machine Learning 45, 5-32. Fisher, Rudin and Dominici (2019), Journal of Machine Learning Research
    20 (177), 1-81.
    """
    permuted = _predictor(subject)
    features = subject.test.features if only is None else tuple(only)
    places = [subject.test.features.index(f) for f in features]
    # Of the same function that predicts the changed rows: else its rounding would count as importance.
    before = metrics.loss(subject.task, subject.y, permuted(0, np.arange(len(subject.test))))
    out = np.zeros((len(features), len(orders), len(subject.test)))
    for i, feature in enumerate(features):
        report(i / len(features), f"Permuting {feature}")
        for r, order in enumerate(orders):
            out[i, r] = metrics.loss(subject.task, subject.y, permuted(places[i], order)) - before
    return out


def _predictor(subject: Subject) -> Callable[[int, Longs], Floats]:
    """Return what predicts the test rows with one feature's values in another order."""
    try:
        ensemble = ensemble_of(subject)
    except UnreadableTrees:
        return _asking(subject)
    return _tree_predictor(subject, ensemble)


def _tree_predictor(subject: Subject, ensemble: Ensemble) -> Callable[[int, Longs], Floats]:
    inputs, trees, source = ensemble.inputs, ensemble.trees, ensemble.coder.source
    place = [ensemble.columns.index(f) for f in subject.test.features]

    def predict(feature: int, order: Longs) -> Floats:
        changed = inputs.copy()
        own = np.flatnonzero(source == place[feature])
        changed[:, own] = inputs[np.ix_(order, own)]
        parts = in_threads(lambda p: trees.raw(changed[p[0] : p[1]]), row_parts(len(changed), PART_ROWS), span=(0, 0))
        found = trees.answers(np.concatenate(parts))[:, ensemble.picks]
        return found if found.shape[1] > 1 else found[:, 0]

    return predict


def _asking(subject: Subject) -> Callable[[int, Longs], Floats]:
    table = subject.test.X

    def predict(feature: int, order: Longs) -> Floats:
        assert subject.model is not None
        column = table.iloc[order, feature].set_axis(table.index)
        return subject.model.predict(table.assign(**{str(table.columns[feature]): column}))

    return predict


def permutation_table(grown: Floats, features: Sequence[str]) -> pd.DataFrame:
    """Return permutation importance with intervals.

    Parameters
    ----------
    grown : ndarray of shape (n_features, repeats, n)

    Returns
    -------
    DataFrame
        `feature`, `importance` (mean growth of the loss), `low` and `high` (t interval over rows, widened by the spread
        between repetitions), `between` (standard deviation of the repetitions' means), `p_value` (one-sided, that
        it is above 0), `q_value` (Benjamini-Hochberg), `rows`, `repeats`; the largest first.
    """
    n_features, repeats, n = grown.shape
    by_row = grown.mean(axis=1)
    mean = by_row.mean(axis=1)
    between = grown.mean(axis=2).std(axis=1, ddof=1) if repeats > 1 else np.full(n_features, np.nan)
    p, half = np.full(n_features, np.nan), np.full(n_features, np.nan)
    if n > 1:
        error = np.sqrt(by_row.var(axis=1, ddof=1) / n + np.nan_to_num(between) ** 2 / repeats)
        half = stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1) * error
        known = error > 0
        p[known] = stats.t.sf(mean[known] / error[known], n - 1)
    table = pd.DataFrame(
        {
            "feature": list(features), "importance": mean, "low": mean - half, "high": mean + half, "between": between,
            "p_value": p, "q_value": benjamini_hochberg(p.tolist()), "rows": n, "repeats": repeats,
        }
    )  # fmt: skip
    return table.sort_values("importance", ascending=False, ignore_index=True, kind="stable")
