"""What a model outside this process is asked and answers: its columns, and an output that is what it should be."""

from __future__ import annotations

import numpy as np
import pandas as pd

from debuggers import errors
from debuggers.models.model import Floats, Signature
from debuggers.task import Task

TOLERANCE = 1e-6  # beyond [0, 1], of a probability
SUM_TOLERANCE = 1e-3  # of a row's sum: single precision with many classes


def fitting_columns(X: pd.DataFrame, name: str, about: Signature) -> pd.DataFrame:
    """Return the model's columns in its order.

    Raises
    ------
    FeatureMismatch, FeatureCountMismatch
        They are not all there.
    """
    expected = about.features
    if expected is None:
        if about.n_features is not None and X.shape[1] != about.n_features:
            raise errors.FeatureCountMismatch(name, about.n_features, tuple(str(c) for c in X.columns))
        return X
    if list(X.columns) == list(expected):
        return X
    counts = X.columns.value_counts()
    missing = tuple(feature for feature in expected if counts.get(feature, 0) != 1)
    if missing:
        raise errors.FeatureMismatch(missing, tuple(str(c) for c in X.columns if c not in expected))
    return X[list(expected)]


def check_answer(values: Floats, name: str, about: Signature, *, probabilities: bool) -> Floats:
    """Return an output, probabilities clipped to [0, 1] where rounding left it.

    Parameters
    ----------
    values : ndarray of shape (n,) or (n, k)
    name : str
        The model's name, for messages.
    about : Signature
    probabilities : bool
        Whether the output has to be one probability per class.

    Raises
    ------
    BadModelOutput
        It is not finite, has another shape, or is no probability.
    """
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        reason = f"{bad:,} of {values.size:,} values are not finite"
        raise errors.BadModelOutput(name, reason, "look for missing or infinite values in its features")
    if not probabilities:
        if values.ndim != 1 and about.task is Task.REGRESSION:
            raise errors.BadModelOutput(name, f"it gives {values.shape[1]} numbers per row instead of one")
        return values
    if values.ndim != 2 or (about.classes and values.shape[1] != len(about.classes)):
        wanted = f"{len(about.classes)} probabilities" if about.classes else "a probability for each class"
        raise errors.BadModelOutput(name, f"expected {wanted} per row, got an array of shape {values.shape}")
    return _clipped(values, name)


def _clipped(p: Floats, name: str) -> Floats:
    low, high = float(p.min()), float(p.max())
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise errors.BadModelOutput(name, f"its probabilities range from {low:.3g} to {high:.3g}")
    sums = p.sum(axis=1)
    worst = float(sums[np.abs(sums - 1).argmax()])
    if abs(worst - 1) > SUM_TOLERANCE:
        raise errors.BadModelOutput(name, f"the probabilities of a row sum to {worst:.3g} instead of 1")
    return np.clip(p, 0.0, 1.0, out=p) if low < 0 or high > 1 else p
