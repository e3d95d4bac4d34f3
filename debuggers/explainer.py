"""What every way of sharing out predictions and losses among the features promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
Ask = Callable[[pd.DataFrame], Floats]
LOG_LOSS, SQUARED_ERROR, BRIER = "log loss", "squared error", "squared error of the probability"


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
