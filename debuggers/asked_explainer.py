"""Any model can be asked, with columns exchanged between rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from debuggers import metrics
from debuggers.attribution import PERMUTATIONS, by_asking
from debuggers.execution import blocks
from debuggers.explainer import LOG_LOSS, SQUARED_ERROR, Ask, Explainer, Floats, Shares
from debuggers.subject import Subject
from debuggers.task import Task

ASKED_BLOCK = 10


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
