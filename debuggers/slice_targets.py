"""What a slice can be weak in: loss, error, one kind of wrong decision, or misses in one direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from debuggers import metrics
from debuggers.errors import NotApplicable
from debuggers.statistics import Estimate, mean, share
from debuggers.subject import Subject
from debuggers.task import Task

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
MEASURES = ("loss", "error", "false positives", "false negatives", "over-prediction", "under-prediction")


@dataclass(frozen=True, eq=False)
class Target:
    """One number per row that is never negative, so that nothing cancels.

    Parameters
    ----------
    measure : str
        One of `MEASURES`.
    title : str
        What its mean is called.
    values : ndarray of shape (n,)
    counted : ndarray of bool, shape (n,)
        Rows that can have it: all, or for false positives and negatives those whose truth is the other class.
    said : ndarray of shape (n,) or None
        What each row would have on average if the model's own probabilities were right; None where it says nothing.
    draw : callable or None
        Draws values from the model's own probabilities, given a random generator; None where `said` is.
    """

    measure: str
    title: str
    values: Floats
    counted: Mask
    said: Floats | None = None
    draw: Callable[[np.random.Generator], Floats] | None = None

    @cached_property
    def is_share(self) -> bool:
        """Whether every value is 0 or 1, so that a mean is a share."""
        return bool(((self.values == 0) | (self.values == 1)).all())

    def estimate(self, values: Floats) -> Estimate:
        """Estimate the mean of some of the values: with Wilson's interval for a share, else Student's."""
        return share(float(values.sum()), len(values)) if self.is_share else mean(values).at_least(0)


def make_target(subject: Subject, measure: str) -> Target:
    """Return the target of a measure.

    Raises
    ------
    NotApplicable
        The subject's task does not have it.
    """
    task = subject.task
    if measure in ("loss", "error"):
        return _whole(subject, measure)
    if measure.startswith("false"):
        if task is not Task.BINARY:
            raise NotApplicable(
                "The measure", f"{measure.capitalize()} need a binary classifier: choose loss or error."
            )
        truth = 0.0 if measure == "false positives" else 1.0
        counted = subject.y == truth
        title = f"false-{'positive' if truth == 0 else 'negative'} rate"
        return Target(measure, title, subject.error * counted, counted)
    if task is Task.MULTICLASS:
        raise NotApplicable("The measure", f"{measure.capitalize()} needs one number per row: choose loss or error.")
    sign = 1.0 if measure == "over-prediction" else -1.0
    return _directed(subject, measure, sign)


def _whole(subject: Subject, measure: str) -> Target:
    which = ("loss", "error").index(measure)
    with np.errstate(over="ignore"):  # what is then infinite is told by whoever asks
        values = subject.loss if measure == "loss" else subject.error
    title = measure_title(subject.task, measure)
    every = np.ones(len(values), dtype=bool)
    said = metrics.expected(subject.task, subject.scores, subject.threshold)
    if said is None:
        return Target(measure, title, values, every)

    def draw(rng: np.random.Generator) -> Floats:
        truth = _drawn_truth(subject.scores, rng)
        if measure == "loss":
            return metrics.loss(subject.task, truth, subject.scores)
        return metrics.error(subject.task, truth, subject.scores, subject.threshold)

    return Target(measure, title, values, every, said[which], draw)


def _directed(subject: Subject, measure: str, sign: float) -> Target:
    values = np.maximum(sign * (subject.scores - subject.y), 0.0)
    every, p = np.ones(len(values), dtype=bool), subject.scores
    title = f"mean {measure}"
    if subject.task is Task.REGRESSION:
        return Target(measure, title, values, every)

    def draw(rng: np.random.Generator) -> Floats:
        return np.asarray(np.maximum(sign * (p - _drawn_truth(p, rng)), 0.0), dtype=np.float64)

    return Target(measure, title, values, every, p * (1 - p), draw)


def _drawn_truth(scores: Floats, rng: np.random.Generator) -> Floats:
    """Return classes drawn from the probabilities of each row."""
    dice = rng.random(len(scores))
    if scores.ndim == 1:
        return np.asarray(dice < scores, dtype=np.float64)
    steps = np.cumsum(scores, axis=1)[:, :-1]
    return np.asarray((dice[:, None] >= steps).sum(axis=1), dtype=np.float64)


def measure_title(task: Task, measure: str) -> str:
    """Return what the mean of the loss or the error is called, for a sentence or an axis."""
    if measure == "loss":
        return "mean log loss" if task.is_classification else "mean squared error"
    return "error rate" if task.is_classification else "mean absolute error"
