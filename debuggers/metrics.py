"""Losses, errors and scores: with `subject` the only code that asks which task it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from debuggers.statistics import CONFIDENCE, Estimate, auc, mean, share
from debuggers.task import Task

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.float64]

# Log loss of an impossible event is infinite; probabilities are clipped here, as scikit-learn does for float64.
CLIP = float(np.finfo(np.float64).eps)


def decide(task: Task, scores: Floats, threshold: float) -> Floats:
    """Turn scores into decisions.

    Parameters
    ----------
    scores : ndarray
        Binary: probability of the positive class, shape (n,). Multiclass: shape (n, k). Regression: shape (n,).
    threshold : float
        A binary classifier says "positive" where the probability is greater than this.

    Returns
    -------
    ndarray of shape (n,)
        Codes of classes, or the predicted values.
    """
    if task is Task.BINARY:
        return (scores > threshold).astype(np.float64)
    if task is Task.MULTICLASS:
        return np.asarray(scores.argmax(axis=1), dtype=np.float64)
    return scores


def margin(task: Task, scores: Floats, threshold: float) -> Floats:
    """Return how far a classifier is from deciding otherwise, shape (n,), on the scale of its probabilities.

    Binary: distance from the threshold. Multiclass: the largest probability minus the second largest.
    """
    if task is Task.MULTICLASS:
        two = np.partition(scores, -2, axis=1)[:, -2:]
        return np.asarray(two[:, 1] - two[:, 0], dtype=np.float64)
    return np.asarray(np.abs(scores - threshold), dtype=np.float64)


def own_probability(task: Task, y: Codes, scores: Floats) -> Floats:
    """Return the probability that a classifier gave to each row's own class, shape (n,)."""
    if task is Task.BINARY:
        return np.asarray(np.where(y == 1, scores, 1 - scores), dtype=np.float64)
    own = np.take_along_axis(scores, y.astype(np.intp)[:, None], axis=1)[:, 0]
    return np.asarray(own, dtype=np.float64)


def loss(task: Task, y: Codes, scores: Floats) -> Floats:
    """Return one loss per row: log loss for a classifier, squared error for a regressor."""
    if task is Task.REGRESSION:
        return np.square(y - scores)
    return np.asarray(-np.log(np.clip(own_probability(task, y, scores), CLIP, 1.0)), dtype=np.float64)


def error(task: Task, y: Codes, scores: Floats, threshold: float) -> Floats:
    """Return one error per row: 0 or 1 for a classifier (wrong decision), absolute error for a regressor."""
    if task is Task.REGRESSION:
        return np.asarray(np.abs(y - scores), dtype=np.float64)
    wrong: npt.NDArray[np.bool_] = decide(task, scores, threshold) != y
    return wrong.astype(np.float64)


def expected(task: Task, scores: Floats, threshold: float) -> tuple[Floats, Floats] | None:
    """Return the loss and the error that each row would have on average if the model's probabilities were right.

    Returns
    -------
    tuple of ndarray of shape (n,), or None
        The entropy of the row's probabilities, and the probability of the classes not decided for; None for a
        regressor, which says nothing of its own certainty.
    """
    if task is Task.REGRESSION:
        return None
    p = np.stack([1 - scores, scores], axis=1) if scores.ndim == 1 else scores
    chosen = decide(task, scores, threshold).astype(np.intp)[:, None]
    return special.entr(p).sum(axis=1), 1 - np.take_along_axis(p, chosen, axis=1)[:, 0]


def residual(task: Task, y: Codes, scores: Floats) -> Floats:
    """Return what was missed, on the scale of the prediction.

    Regression: y - prediction. Binary: y - probability of the positive class. Multiclass: 1 - probability of the row's
    own class, which is never negative.
    """
    if task is Task.MULTICLASS:
        return 1 - own_probability(task, y, scores)
    return np.asarray(y - scores, dtype=np.float64)


def deviance_residual(task: Task, y: Codes, scores: Floats) -> Floats:
    """Return the signed square root of twice the loss; for a regressor the residual over its standard deviation.

    Notes
    -----
    Binary: ``sign(y - p) * sqrt(-2 [y ln p + (1 - y) ln(1 - p)])``. Multiclass: ``sqrt(-2 ln p_own)``.
    """
    if task is Task.REGRESSION:
        plain = residual(task, y, scores)
        spread = plain.std()
        return plain / spread if spread > 0 else plain
    size = np.sqrt(2 * loss(task, y, scores))
    return np.where(y == 1, size, -size) if task is Task.BINARY else size


@dataclass(frozen=True)
class Score:
    """One figure of a scorecard.

    Parameters
    ----------
    key : str
        Stable name for JSON, such as "log_loss".
    title : str
        Name on screen.
    estimate : Estimate
    better : {"low", "high", "neither"}
    interval : str
        How the interval was made, for the reader.
    """

    key: str
    title: str
    estimate: Estimate
    better: str
    interval: str


def scorecard(task: Task, y: Codes, scores: Floats, threshold: float) -> tuple[Score, ...]:
    """Return the figures that describe a model on labelled rows, each with n and an interval.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Codes of classes or values, without missing ones.
    scores : ndarray
        As for `decide`.
    """
    if task is Task.REGRESSION:
        return _regression_scores(y, scores)
    losses = Score("log_loss", "Log loss", mean(loss(task, y, scores)).at_least(0), "low", "t")
    wrong = error(task, y, scores, threshold)
    accuracy = Score("accuracy", "Accuracy", share(float((wrong == 0).sum()), len(y)), "high", "Wilson")
    if task is Task.BINARY:
        ranking = Score("auc", "ROC AUC", auc(y == 1, scores), "high", "DeLong")
        return (losses, ranking, accuracy, *confusion_scores(y, scores, threshold))
    brier = np.square(scores).sum(axis=1) - 2 * own_probability(task, y, scores) + 1
    recalls = [share(float(((wrong == 0) & (y == c)).sum()), int((y == c).sum())) for c in np.unique(y)]
    balanced = Score("balanced_accuracy", "Balanced accuracy", _mean_of(recalls), "high", "normal, by class")
    return (losses, accuracy, balanced, Score("brier", "Brier score", mean(brier).at_least(0), "low", "t"))


def _mean_of(parts: list[Estimate]) -> Estimate:
    """Average independent shares; the variance of the mean is the sum of theirs."""
    value = float(np.mean([p.value for p in parts])) if parts else np.nan
    variance = sum(p.value * (1 - p.value) / p.n for p in parts) / max(len(parts), 1) ** 2
    half = float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) * float(np.sqrt(variance))
    return Estimate(value, value - half, value + half, sum(p.n for p in parts))


@dataclass(frozen=True)
class Confusion:
    """Counts of a binary decision; shares of nothing are undefined (NaN), not 0."""

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, y: Codes, positive: npt.NDArray[np.bool_]) -> Confusion:
        """Count decisions against labels."""
        truth = y == 1
        tp = int((truth & positive).sum())
        fp = int(positive.sum()) - tp
        fn = int(truth.sum()) - tp
        return cls(tp, fp, fn, len(y) - tp - fp - fn)

    @property
    def n(self) -> int:
        """All rows."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def shares(self) -> dict[str, Estimate]:
        """The usual shares by name, with Wilson intervals."""
        return {
            "prevalence": share(self.tp + self.fn, self.n),
            "accuracy": share(self.tp + self.tn, self.n),
            "precision": share(self.tp, self.tp + self.fp),
            "recall": share(self.tp, self.tp + self.fn),
            "fpr": share(self.fp, self.fp + self.tn),
            "fnr": share(self.fn, self.tp + self.fn),
            "selected": share(self.tp + self.fp, self.n),
        }

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN where nothing is or is said to be positive."""
        whole = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / whole if whole else np.nan


SHARE_TITLES = {
    "prevalence": "Prevalence",
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "fpr": "False-positive rate",
    "fnr": "False-negative rate",
    "selected": "Selected",
}


def confusion_scores(y: Codes, scores: Floats, threshold: float) -> list[Score]:
    """Return the scores of a binary classifier that depend on its threshold, and the Brier score."""
    counts = Confusion.of(y, scores > threshold)
    shares = counts.shares
    named = [
        Score(key, SHARE_TITLES[key], shares[key], better, "Wilson")
        for key, better in (("precision", "high"), ("recall", "high"), ("fpr", "low"))
    ]
    return [
        *named,
        Score("f1", "F1", f1_estimate(counts), "high", "delta method"),
        Score("brier", "Brier score", mean(np.square(y - scores)), "low", "t"),
    ]


def f1_estimate(counts: Confusion) -> Estimate:
    """Estimate F1 with the interval of the delta method on the four counts."""
    value, whole = counts.f1, 2 * counts.tp + counts.fp + counts.fn
    if not np.isfinite(value) or counts.n < 2:
        return Estimate(value, np.nan, np.nan, counts.n)
    # F1 = 2 tp / whole is a ratio of two means over rows: 2 for a true positive, and 2, 1, 1, 0 for the whole.
    by_tp, by_miss = 2 - value * 2, -value
    variance = (counts.tp * by_tp**2 + (counts.fp + counts.fn) * by_miss**2) / whole**2
    half = float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) * float(np.sqrt(variance))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), counts.n)


def _regression_scores(y: Floats, prediction: Floats) -> tuple[Score, ...]:
    squared = np.square(y - prediction)
    mse = mean(squared)
    value, low, high = (float(np.sqrt(max(v, 0.0))) for v in (mse.value, mse.low, mse.high))
    root = Estimate(value, low, high, mse.n)
    return (
        Score("r2", "R²", r_squared(y, squared), "high", "delta method"),
        Score("mae", "MAE", mean(np.abs(y - prediction)).at_least(0), "low", "t"),
        Score("rmse", "RMSE", root, "low", "t, of the squared error"),
        Score("bias", "Mean residual", mean(y - prediction), "neither", "t"),
    )


def r_squared(y: Floats, squared: Floats) -> Estimate:
    """Estimate R² with the interval of the delta method; undefined where `y` does not vary."""
    n, spread = len(y), float(np.var(y)) if len(y) else 0.0
    if n < 3 or spread == 0:
        return Estimate(np.nan, np.nan, np.nan, n)
    value = 1 - float(squared.mean()) / spread
    influence = (squared - (1 - value) * np.square(y - y.mean())) / spread
    half = float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) * float(influence.std(ddof=1)) / np.sqrt(n)
    return Estimate(value, value - half, min(1.0, value + half), n)
