"""Trees have exact answers; but losses of a score per class are had by asking."""

from __future__ import annotations

import numpy as np
import pandas as pd

from debuggers.asked_explainer import AskedExplainer
from debuggers.attribution import PERMUTATIONS
from debuggers.coding import Coder
from debuggers.ensembles import Ensemble, ensemble_of
from debuggers.explainer import BRIER, LOG_LOSS, SQUARED_ERROR, Explainer, Floats, Shares
from debuggers.loss_attribution import Loss, log_loss, loss_attributions, squared_error
from debuggers.models.trees import Link, Trees, UnreadableTrees
from debuggers.subject import Subject
from debuggers.task import Task
from debuggers.tree_attribution import TreeAttribution

INTERVENTIONAL, PATH_DEPENDENT = "interventional", "path-dependent"
# How well the loss's slope is met where many rows are averaged over: better than the average is known, and much faster.
LOSS_TOLERANCE = 1e-2


class TreeExplainer(Explainer):
    """Shares out exactly what trees say.

    Parameters
    ----------
    subject : Subject
    path_dependent : bool
        Whether features left out are replaced by the training rows as the trees remember them, and not by background
        rows. Losses always have background rows.
    permutations : int
        Per row, where the loss has to be asked for.

    Raises
    ------
    UnreadableTrees
        There are no trees that can be read, or a way down one meets too many columns.
    """

    is_exact = True

    def __init__(self, subject: Subject, *, path_dependent: bool = False, permutations: int = PERMUTATIONS) -> None:
        super().__init__(subject)
        self._permutations = permutations
        self.ensemble: Ensemble = ensemble_of(subject)
        if self.ensemble.columns != self.features:
            raise UnreadableTrees("its columns are not the table's features")
        self._path_dependent = path_dependent
        self._mix, self.scale = _shown_outputs(self.ensemble, subject.task)
        self._loss, self.measure = _loss_of(self.ensemble.trees, subject.task)
        self.loss_is_exact = self._loss is not None or self.measure == BRIER
        first = self.ensemble.encode(subject.test.table.iloc[:1])
        TreeAttribution(self.ensemble.coder, first, None if path_dependent else first)
        self.method = f"exact, from the model’s trees ({PATH_DEPENDENT if path_dependent else INTERVENTIONAL})"

    def raw(self, table: pd.DataFrame) -> Floats:
        """Return the trees' outputs on the scale on which they add up."""
        return np.asarray(self.ensemble.trees.raw(self.ensemble.encode(table)) @ self._mix)

    def share(self, rows: pd.DataFrame, background: pd.DataFrame) -> Shares:
        """Return the exact contributions to the outputs."""
        others = None if self._path_dependent else self.ensemble.encode(background)
        return self.of_trees(self.ensemble.coder, rows, others)

    def of_trees(self, coder: Coder, rows: pd.DataFrame, others: Floats | None) -> Shares:
        """Return the exact contributions to the outputs of these or of some of the trees."""
        found = TreeAttribution(coder, self.ensemble.encode(rows), others)
        n = 0 if others is None else len(others)
        return Shares(np.asarray(found.values() @ self._mix), np.asarray(found.base @ self._mix), n)

    def share_loss(self, rows: pd.DataFrame, y: Floats, background: pd.DataFrame) -> Shares:
        """Return the exact contributions to the loss; of a score per class the model is asked."""
        if not self.loss_is_exact:
            asked = AskedExplainer(self.subject, self.ensemble.predict, permutations=self._permutations)
            return asked.share_loss(rows, y, background)
        inputs, others = self.ensemble.encode(rows), self.ensemble.encode(background)
        precise = {} if len(rows) < 3 else {"tolerance": LOSS_TOLERANCE}
        if self._loss is not None:
            values, base = loss_attributions(self.ensemble.coder, inputs, others, y, self._loss, **precise)
            return Shares(values, base, len(others))
        trees, coder = self.ensemble.trees, self.ensemble.coder
        values, base = np.zeros((len(rows), coder.n_features)), np.zeros(len(rows))
        for k in range(trees.n_outputs):
            one = Coder(trees.outputs((k,)), coder.source, coder.n_features)
            own = y if trees.n_outputs == 1 else (y == k).astype(np.float64)
            part, start = loss_attributions(one, inputs, others, own, _scaled(trees.slope), **precise)
            values, base = values + part, base + start
        return Shares(values, base, len(others))


def _shown_outputs(ensemble: Ensemble, task: Task) -> tuple[Floats, str]:
    """Return the matrix from raw outputs to those shown, and what these are measured in."""
    trees = ensemble.trees
    whole = trees.slope * np.eye(trees.n_outputs)
    if task is Task.BINARY and trees.n_outputs == 2:
        pair = trees.slope * np.array([[-1.0], [1.0]])
        return (pair, "log-odds") if trees.link is Link.SOFTMAX else (whole[:, [1]], "score")
    if trees.link is Link.IDENTITY:
        return whole, "probability" if task.is_classification else "units of the prediction"
    names = {Link.LOGISTIC: "log-odds", Link.EXP: "logarithm of the prediction"}
    return whole, names.get(trees.link, "score")


def _scaled(slope: float) -> Loss:
    return lambda raw, y: squared_error(slope * raw, y)


def _loss_of(trees: Trees, task: Task) -> tuple[Loss | None, str]:
    """Return the loss as a function of the one raw output, None where it is none, and its name."""
    if task.is_classification:
        if trees.link is Link.IDENTITY:
            # Shares of trees can be 0, where the log loss has no bound: its slope is none that can be followed.
            return (_scaled(trees.slope), BRIER) if trees.n_outputs == 1 else (None, BRIER)
        return (log_loss(trees.slope) if trees.link is Link.LOGISTIC else None), LOG_LOSS
    if trees.link is Link.IDENTITY:
        return _scaled(trees.slope), SQUARED_ERROR
    return lambda raw, y: np.square(trees.answers(raw[:, None])[:, 0] - y), SQUARED_ERROR
