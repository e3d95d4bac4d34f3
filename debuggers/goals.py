"""What a counterfactual has to reach, as scores of raw outputs none of which may be negative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from debuggers import metrics
from debuggers.ensembles import Ensemble
from debuggers.models.trees import Link, UnreadableTrees
from debuggers.subject import Subject
from debuggers.task import Task

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Goal:
    """What is wanted: a class's code, or of a regressor a prediction of at least or at most `value`.

    Parameters
    ----------
    value : float
    at_least : bool
        Of a regressor.
    """

    value: float
    at_least: bool = True

    def is_reached(self, subject: Subject, outputs: Floats) -> npt.NDArray[np.bool_]:
        """Return for outputs of shape (n, n_outputs) whether they are what is wanted."""
        if subject.task is Task.REGRESSION:
            return outputs[:, 0] >= self.value if self.at_least else outputs[:, 0] <= self.value
        scores = outputs if outputs.shape[1] > 1 else outputs[:, 0]
        return np.asarray(metrics.decide(subject.task, scores, subject.threshold) == self.value)

    def scores(self, subject: Subject, ensemble: Ensemble) -> tuple[Floats, Floats]:
        """Return weights of the raw outputs, shape (n_scores, n_outputs), and what is added, shape (n_scores,).

        Raises
        ------
        UnreadableTrees
            The goal is no bound on sums of what the trees say.
        """
        trees = ensemble.trees
        if subject.task is Task.MULTICLASS:
            if trees.link not in (Link.SOFTMAX, Link.ONE_VS_ALL, Link.IDENTITY) or trees.n_outputs < 2:
                raise UnreadableTrees("its classes are not decided by the largest sum")
            others = np.delete(np.eye(trees.n_outputs), int(self.value), axis=0)
            weights = np.eye(trees.n_outputs)[int(self.value)] - others
            return trees.slope * weights, np.zeros(len(weights))
        cut = self.value if subject.task is Task.REGRESSION else subject.threshold
        upwards = self.at_least if subject.task is Task.REGRESSION else self.value == 1.0
        weights, at = _cut(ensemble, cut)
        sign = 1.0 if upwards else -1.0
        return sign * weights[None, :], np.array([-sign * at])


def _cut(ensemble: Ensemble, answer: float) -> tuple[Floats, float]:
    """Return weights of the raw outputs and the number that their sum has where the answer is `answer`."""
    trees, link = ensemble.trees, ensemble.trees.link
    single = np.full(1, trees.slope)
    if trees.n_outputs == 1:
        if link is Link.LOGISTIC:
            return single, float(logit(answer))
        if link is Link.IDENTITY:
            return single, answer
        if link is Link.EXP and answer > 0:
            return single, float(np.log(answer))
    if ensemble.picks == (1,) and (link is Link.SOFTMAX or (link is Link.ONE_VS_ALL and answer == 0.5)):
        return np.array([-trees.slope, trees.slope]), float(logit(answer))
    raise UnreadableTrees("what it answers is no bound on the sum of its trees")
