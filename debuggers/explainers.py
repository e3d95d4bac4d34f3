"""How the predictions, and the losses, of a subject's model are shared out among its features.

Trees have exact answers. A model that adds up what it makes of single features has them in closed form. Any other one
is asked, with columns exchanged between rows; so are the losses of trees with a score per class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers import metrics
from debuggers.attribution import PERMUTATIONS, by_asking
from debuggers.coding import Coder
from debuggers.ensembles import Ensemble, ensemble_of
from debuggers.execution import blocks
from debuggers.loss_attribution import Loss, log_loss, loss_attributions, squared_error
from debuggers.models.trees import Link, Trees, UnreadableTrees
from debuggers.subject import Subject
from debuggers.task import Task
from debuggers.tree_attribution import TreeAttribution

Floats = npt.NDArray[np.float64]
Ask = Callable[[pd.DataFrame], Floats]
INTERVENTIONAL, PATH_DEPENDENT = "interventional", "path-dependent"
LOG_LOSS, SQUARED_ERROR, BRIER = "log loss", "squared error", "squared error of the probability"
# How well the loss's slope is met where many rows are averaged over: better than the average is known, and much faster.
LOSS_TOLERANCE = 1e-2
ASKED_BLOCK = 10


@dataclass(frozen=True, eq=False)
class Shares:
    """What each feature contributes, row by row: with the base it adds up to the whole.

    Parameters
    ----------
    values : ndarray of shape (n, n_features, n_outputs), or (n, n_features) of a loss
    base : ndarray of shape (n_outputs,), or (n,) of a loss
        What is said where nothing is known of a row.
    background : int
        Rows that took the place of features left out; 0 where the trees' own training rows did.
    """

    values: Floats
    base: Floats
    background: int


class Explainer(ABC):
    """Shares out what a subject's model says of rows.

    Parameters
    ----------
    subject : Subject

    Attributes
    ----------
    method : str
        How it is done, for the reader.
    scale : str
        What the contributions are measured in.
    measure : str
        Which loss is shared out.
    is_exact : bool
        Whether contributions are the Shapley values, and not an estimate of them.
    loss_is_exact : bool
        The same of the loss.
    asked_because : str
        Why the model is asked; empty where it is not.
    most_rows : int
        No more rows are worth explaining in one answer.
    """

    method: str
    scale: str
    measure: str
    is_exact: bool
    loss_is_exact: bool
    asked_because: str = ""
    most_rows: int = 1_000_000

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.features = subject.test.features

    @abstractmethod
    def raw(self, table: pd.DataFrame) -> Floats:
        """Return what is shared out, shape (n, n_outputs)."""

    @abstractmethod
    def share(self, rows: pd.DataFrame, background: pd.DataFrame) -> Shares:
        """Return the contributions to the outputs of rows."""

    @abstractmethod
    def share_loss(self, rows: pd.DataFrame, y: Floats, background: pd.DataFrame) -> Shares:
        """Return the contributions to the losses of rows whose truth is `y`."""


# --- trees ----------------------------------------------------------------------------------------------------------


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


# --- models that can only be asked ----------------------------------------------------------------------------------


class AskedExplainer(Explainer):
    """Shares out what any model says by permutations of the features, through the shap library.

    Parameters
    ----------
    subject : Subject
    ask : callable, optional
        From rows to the subject's outputs; by default its model.
    because : str
        Why the model has to be asked.
    permutations : int
        Per row; each is walked both ways.
    """

    is_exact = False
    loss_is_exact = False

    def __init__(
        self, subject: Subject, ask: Ask | None = None, *, because: str = "", permutations: int = PERMUTATIONS
    ) -> None:
        super().__init__(subject)
        self._ask = subject.predict if ask is None else ask
        self.asked_because = because
        self.permutations = permutations
        self.method = f"estimated from {permutations} permutations of the features, each walked both ways"
        self.scale = "probability" if subject.task.is_classification else "units of the prediction"
        self.measure = LOG_LOSS if subject.task.is_classification else SQUARED_ERROR
        self.most_rows = 10_000

    def raw(self, table: pd.DataFrame) -> Floats:
        """Return the predictions."""
        return np.asarray(self._ask(table[list(self.features)]))

    def share(self, rows: pd.DataFrame, background: pd.DataFrame) -> Shares:
        """Return the estimated contributions to the predictions."""
        return self._walk(self.raw, rows, background)

    def share_loss(self, rows: pd.DataFrame, y: Floats, background: pd.DataFrame) -> Shares:
        """Return the estimated contributions to the loss.

        The loss of every possible truth is shared out at once; of a regressor the prediction and its square, of which
        the squared error is a sum.
        """
        task = self.subject.task
        if task is Task.REGRESSION:
            found = self._walk(lambda t: self.raw(t) ** np.array([1, 2]), rows, background)
            values = found.values[:, :, 1] - 2 * y[:, None] * found.values[:, :, 0]
            return Shares(values, found.base[1] - 2 * y * found.base[0] + np.square(y), found.background)
        found = self._walk(self._losses, rows, background)
        own = y.astype(np.intp)
        values = np.take_along_axis(found.values, own[:, None, None], axis=2)[:, :, 0]
        return Shares(values, found.base[own], found.background)

    def _losses(self, table: pd.DataFrame) -> Floats:
        """Return the log loss that rows would have under each truth, shape (n, n_classes)."""
        said = self.raw(table)
        scores = said[:, 0] if said.shape[1] == 1 else said
        truths = range(len(self.subject.classes))
        return np.stack([metrics.loss(self.subject.task, np.full(len(said), float(k)), scores) for k in truths], axis=1)

    def _walk(self, ask: Ask, rows: pd.DataFrame, background: pd.DataFrame) -> Shares:
        names = list(self.features)
        parts, base, used = [], np.zeros(0), 0
        for block in blocks(len(rows), ASKED_BLOCK, "Asking the model with features exchanged"):
            found = by_asking(
                ask, rows[names].iloc[block], background[names], because="", permutations=self.permutations
            )
            parts.append(found.values)
            base, used = found.base, found.background
        return Shares(np.concatenate(parts), base, used)


def explainer_of(subject: Subject, kind: str = INTERVENTIONAL, *, permutations: int = PERMUTATIONS) -> Explainer:
    """Return the best way to share out what a subject's model says.

    Parameters
    ----------
    subject : Subject
        With a model.
    kind : {"interventional", "path-dependent"}
        Of trees; other models have background rows in any case.
    permutations : int
        Of a model that has to be asked.
    """
    from debuggers.additive import AdditiveExplainer, NotAdditive

    try:
        return TreeExplainer(subject, path_dependent=kind == PATH_DEPENDENT, permutations=permutations)
    except UnreadableTrees as reason:
        because = str(reason)
    try:
        return AdditiveExplainer(subject)
    except NotAdditive:
        return AskedExplainer(subject, because=because, permutations=permutations)
