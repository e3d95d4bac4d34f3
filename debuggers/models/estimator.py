"""A fitted estimator of this process as a model, for notebooks; files never come this way."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from debuggers.labels import label_text
from debuggers.models.composed import ComposedTrees
from debuggers.models.composition import compose
from debuggers.models.model import Floats, Signature
from debuggers.models.threads import joblib_of
from debuggers.task import Task


class EstimatorModel:
    """Wrap a fitted estimator with scikit-learn's interface.

    Parameters
    ----------
    estimator : object
        A fitted classifier with `predict_proba` and `classes_`, or a regressor with `predict`.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> table = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    >>> model = EstimatorModel(LinearRegression().fit(table, [1.0, 3.0, 5.0]))
    >>> model.predict(pd.DataFrame({"x": [10.0]})).round(6)
    array([21.])
    """

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self.name = type(estimator).__name__
        # An object in memory has no bytes to hash: every wrapping is a model of its own.
        self.fingerprint = hashlib.sha256(uuid4().bytes).hexdigest()
        classes = getattr(estimator, "classes_", None)
        names = getattr(estimator, "feature_names_in_", None)
        self.signature = Signature(
            format=f"fitted {self.name}",
            tier=1,
            task=Task.REGRESSION if classes is None else Task.BINARY if len(classes) == 2 else Task.MULTICLASS,
            classes=None if classes is None else tuple(label_text(c) for c in classes),
            features=None if names is None else tuple(str(n) for n in names),
            n_features=getattr(estimator, "n_features_in_", None),
        )

    def predict(self, X: pd.DataFrame, *, raw: bool = False) -> Floats:
        """Predict rows as `Model.predict` says."""
        with joblib_of(len(X)):
            if self.signature.task is Task.REGRESSION:
                return np.asarray(self._estimator.predict(X), dtype=np.float64)
            has_margin = raw and hasattr(self._estimator, "decision_function")
            function = self._estimator.decision_function if has_margin else self._estimator.predict_proba
            return np.asarray(function(X), dtype=np.float64)

    def composed_trees(self) -> ComposedTrees:
        """Return the estimator's trees and how rows reach them.

        Raises
        ------
        UnreadableTrees
            They cannot be had, with the reason.
        """
        return compose(self._estimator)
