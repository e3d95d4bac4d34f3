"""Known functions as models, so that a test knows the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.subject import Subject
from debuggers.task import Task


class Function:
    """A function of a table with the interface of a fitted regressor."""

    def __init__(self, function: Callable[[pd.DataFrame], Any], features: list[str]) -> None:
        self._function = function
        self.feature_names_in_ = np.array(features, dtype=object)

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        return np.asarray(self._function(X), dtype=np.float64)


def subject_of(function: Callable[[pd.DataFrame], Any], X: pd.DataFrame) -> Subject:
    """Return a subject whose model is `function` and whose truth is its prediction."""
    model = EstimatorModel(Function(function, [str(c) for c in X.columns]))
    return make_subject("known", X.assign(y=function(X)), Roles(target="y", task=Task.REGRESSION), model=model)


def claims(p: npt.NDArray[np.float64], y: npt.NDArray[np.bool_], **columns: Any) -> Subject:
    """Return a binary subject of probabilities that came with the table, and columns to group by."""
    table = pd.DataFrame({"p": p, "y": y.astype(int), **columns})
    return make_subject("claims", table, Roles(target="y", predictions=("p",), task=Task.BINARY))
