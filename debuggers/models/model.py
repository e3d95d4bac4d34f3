"""What Faultline asks of a model, whatever library made it and wherever it lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.task import Task

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Signature:
    """What a model file says about itself; None where it does not say and the person has to.

    Parameters
    ----------
    format : str
        Name of the format as a person knows it, such as "XGBoost JSON".
    tier : int
        1 or 2 for data formats, 3 for programs.
    classes : tuple of str or None
        Labels of the columns of `Model.predict`, for classifiers.
    features : tuple of str or None
        Names of the columns that `Model.predict` takes, in order.
    n_features : int or None
        Their number, where the names are unknown.
    categories : mapping of str to tuple
        Known values of categorical features.
    categorical : tuple of str
        Features that the model treats as categories (their values may be unknown).
    handles_missing : bool or None
        Whether missing values may be passed.
    notes : tuple of str
        What a person should know before trusting it, such as a difference of versions.
    """

    format: str
    tier: int
    task: Task | None = None
    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
    n_features: int | None = None
    categories: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    categorical: tuple[str, ...] = ()
    handles_missing: bool | None = None
    notes: tuple[str, ...] = ()


class Model(Protocol):
    """A thing that predicts; it may live in another process."""

    @property
    def name(self) -> str:
        """File name, for messages."""

    @property
    def signature(self) -> Signature:
        """What the file says about itself."""

    @property
    def fingerprint(self) -> str:
        """Hex digest of the model's bytes."""

    def predict(self, X: pd.DataFrame, *, raw: bool = False) -> Floats:
        """Predict rows.

        Parameters
        ----------
        X : DataFrame of shape (n, n_features)
            The model's features, by name and in its order where the file names them.
        raw : bool
            Return the model's additive scale (log-odds, margins) where it has one, else the output.

        Returns
        -------
        ndarray of float64
            Regression: shape (n,). Classifier: probabilities of shape (n, n_classes); raw: (n, n_classes), or (n,) for
            a binary model with one margin.

        Raises
        ------
        InputError
            The model raised, died, took too long, or answered something that is no prediction.
        """
