"""Models that add up what they make of single features: linear and logistic models, and generalised additive ones.

What a feature contributes is then the same whatever the others are, and can be had by changing it alone in one row.
That a model is such a sum is not taken from its name but checked, on rows whose features come from different rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logsumexp, softmax

from debuggers.execution import blocks
from debuggers.explainer import LOG_LOSS, SQUARED_ERROR, Ask, Explainer, Shares
from debuggers.statistics import SEED
from debuggers.subject import Subject, sample_rows
from debuggers.task import Task

Floats = npt.NDArray[np.float64]
CHECKED = 60
TOLERANCE = 1e-6
# Rows times background rows times points of the loss's slope in one go.
CELLS = 4_000_000
POINTS = 24


class NotAdditive(Exception):
    """A model that is no sum over features."""


class AdditiveExplainer(Explainer):
    """Shares out in closed form what a sum over features says.

    Parameters
    ----------
    subject : Subject

    Raises
    ------
    NotAdditive
        On neither the model's own additive scale nor that of log-odds is it a sum over features.
    """

    is_exact = True
    loss_is_exact = True
    most_rows = 10_000

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._reference = subject.test.table[list(self.features)].iloc[:1]
        names = {Task.BINARY: "log-odds", Task.MULTICLASS: "score", Task.REGRESSION: "units of the prediction"}
        self.scale = names[subject.task]
        self.measure = LOG_LOSS if subject.task.is_classification else SQUARED_ERROR
        self.method = "exact: the model is a sum over features"
        self._ask = self._additive_scale()

    def _additive_scale(self) -> Ask:
        rng = np.random.default_rng(SEED)
        rows = self.subject.test.table[list(self.features)]
        some = rows.iloc[sample_rows(len(rows), 2_000, SEED)]
        picks = rng.integers(len(some), size=(CHECKED, len(self.features)))
        columns = [some.iloc[picks[:, i], i].reset_index(drop=True) for i in range(len(self.features))]
        mixed = pd.concat(columns, axis=1)
        said = self.subject.predict(mixed)
        for ask in (self._own_scale, self._log_odds):
            z = ask(mixed)
            if self._leads_to(z, said) and self._adds_up(ask, mixed, z):
                return ask
        raise NotAdditive

    def _own_scale(self, table: pd.DataFrame) -> Floats:
        assert self.subject.model is not None
        return self.subject.as_outputs(self.subject.model.predict(table, raw=True))

    def _log_odds(self, table: pd.DataFrame) -> Floats:
        return self.subject.predict(table, log_odds=True)

    def _leads_to(self, z: Floats, said: Floats) -> bool:
        """Whether the link from this scale to the predictions is the one that the loss is computed with."""
        if z.shape != said.shape or not np.isfinite(z).all():
            return False
        answers = z if self.measure == SQUARED_ERROR else expit(z) if z.shape[1] == 1 else softmax(z, axis=1)
        return bool(np.allclose(answers, said, rtol=TOLERANCE, atol=TOLERANCE))

    def _adds_up(self, ask: Ask, mixed: pd.DataFrame, z: Floats) -> bool:
        summed = ask(self._reference) + self._parts(ask, mixed).sum(axis=1)
        return bool(np.abs(summed - z).max() <= TOLERANCE * max(1.0, float(np.abs(z).max())))

    def _parts(self, ask: Ask, table: pd.DataFrame) -> Floats:
        """Return what the output changes by where one feature alone is each row's, shape (n, n_features, n_outputs)."""
        start = ask(self._reference)
        found = np.zeros((len(table), len(self.features), start.shape[1]))
        for i, feature in enumerate(self.features):
            codes, _ = pd.factorize(table[feature], use_na_sentinel=False)
            _, first = np.unique(codes, return_index=True)
            tried = self._reference.iloc[np.zeros(len(first), dtype=np.intp)].reset_index(drop=True)
            tried = tried.assign(**{feature: table[feature].iloc[first].reset_index(drop=True)})
            found[:, i] = (ask(tried) - start)[codes]
        return found

    def raw(self, table: pd.DataFrame) -> Floats:
        """Return the outputs on the scale on which features add up."""
        return self._ask(table[list(self.features)])

    def share(self, rows: pd.DataFrame, background: pd.DataFrame) -> Shares:
        """Return each feature's part less its mean over the background."""
        usual = self._parts(self._ask, background).mean(axis=0)
        base = self._ask(self._reference)[0] + usual.sum(axis=0)
        return Shares(self._parts(self._ask, rows) - usual, base, len(background))

    def share_loss(self, rows: pd.DataFrame, y: Floats, background: pd.DataFrame) -> Shares:
        """Return contributions to the loss: to the output, times the mean slope between a row and each other one."""
        ours, others = self._parts(self._ask, rows), self._parts(self._ask, background)
        start = self._ask(self._reference)[0]
        at, back = start + ours.sum(axis=1), start + others.sum(axis=1)
        values, base = np.zeros(ours.shape[:2]), np.zeros(len(ours))
        step = max(1, CELLS // (len(back) * back.shape[1] * POINTS))
        for block in blocks(len(ours), step, "Sharing out the loss"):
            slope = self._slope(at[block], back, y[block])
            values[block] = np.einsum("nk,nfk->nf", slope.mean(axis=1), ours[block])
            values[block] -= np.einsum("nbk,bfk->nf", slope, others) / len(back)
            base[block] = self._loss(back[None], y[block, None]).mean(axis=1)
        return Shares(values, base, len(background))

    def _slope(self, a: Floats, b: Floats, y: Floats) -> Floats:
        """Return the mean slope of the loss on the line between outputs of rows and of others, shape (n, n_b, k)."""
        points, weights = np.polynomial.legendre.leggauss(POINTS)
        total = np.zeros((len(a), len(b), a.shape[1]))
        for t, w in zip((points + 1) / 2, weights / 2, strict=True):
            z = t * a[:, None] + (1 - t) * b[None]
            total += w * self._gradient(z, y[:, None])
        return total

    def _gradient(self, z: Floats, y: Floats) -> Floats:
        if self.measure == SQUARED_ERROR:
            return 2 * (z - y[..., None])
        if z.shape[-1] == 1:
            return np.asarray(expit(z) - y[..., None])
        return np.asarray(softmax(z, axis=-1) - (y[..., None] == np.arange(z.shape[-1])))

    def _loss(self, z: Floats, y: Floats) -> Floats:
        """Return losses of outputs (..., k) under truths that fit before the last axis."""
        if self.measure == SQUARED_ERROR:
            return np.square(z[..., 0] - y)
        if z.shape[-1] == 1:
            return np.logaddexp(0.0, np.where(y > 0, -z[..., 0], z[..., 0]))
        own = y[..., None] == np.arange(z.shape[-1])
        return np.asarray(logsumexp(z, axis=-1) - np.where(own, z, 0.0).sum(axis=-1))
