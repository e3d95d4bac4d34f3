"""From an object that a file held to the adapter that knows its like; imported by workers only."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from debuggers.models import fitted, outputs, versions
from debuggers.models.adapter import Adapter, Description, Refused
from debuggers.models.outputs import Floats
from debuggers.task import Task


def opened(open_file: Callable[[], Any], task: Task | None) -> Adapter:
    """Open a file and return the adapter of what was in it; a difference of versions is a note, or the reason to fail.

    Raises
    ------
    Refused
        It is no model.
    OtherVersion
        It needs libraries that are not here, or here in another version.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = open_file()
        except Exception as error:
            known = versions.reason(error, versions.saved_and_here(caught))
            if known is None:
                raise
            raise known from error
    adapter = adapt(found, task)
    difference = versions.saved_and_here(caught)
    return adapter if difference is None else Noted(adapter, difference)


def adapt(found: Any, task: Task | None) -> Adapter:
    """Return the adapter of an object.

    Raises
    ------
    Refused
        It is no model.
    """
    kind = type(found)
    library = kind.__module__.split(".")[0]
    if library == "xgboost" and kind.__name__ == "Booster":
        from debuggers.models import xgboost_model

        return xgboost_model.XGBoostModel(found, task)
    if library == "lightgbm" and kind.__name__ == "Booster":
        from debuggers.models import lightgbm_model

        return lightgbm_model.load(found.model_to_string().encode(), task)
    if library == "catboost":
        from debuggers.models import catboost_model

        return catboost_model.CatBoostModel(found, task)
    if library == "statsmodels" and hasattr(found, "model") and hasattr(found, "params"):
        from debuggers.models import statsmodels_model

        return statsmodels_model.StatsmodelsModel(found, task)
    if fitted.is_classifier(found) or fitted.is_regressor(found):
        return fitted.FittedModel(found, task)
    if hasattr(found, "__sklearn_tags__") or not hasattr(found, "predict"):
        what = "no classifier or regressor" if hasattr(found, "predict") else "nothing that predicts"
        raise Refused(f"it holds a {kind.__name__}, which is {what}; save the fitted model itself")
    return AnyModel(found, task)


class AnyModel:
    """Any object with `predict`, which gives numbers or probabilities; the person says which."""

    def __init__(self, model: Any, task: Task | None) -> None:
        self._model, self._task = model, task
        names = getattr(model, "feature_names_in_", None)
        self._names = None if names is None else [str(name) for name in names]

    def describe(self) -> Description:
        """Return what the object says about itself."""
        width = getattr(self._model, "n_features_in_", None)
        return Description(
            task=self._task,
            features=None if self._names is None else tuple(self._names),
            n_features=width if isinstance(width, int) else None,
        )

    def predict(self, batch: pa.RecordBatch, *, raw: bool) -> Floats:
        """Return what the object predicts."""
        X = fitted.table(batch, self._names or batch.schema.names)
        classifies = self._task is not None and self._task.is_classification
        method = "predict_proba" if classifies and hasattr(self._model, "predict_proba") else "predict"
        values = outputs.flat(np.asarray(getattr(self._model, method)(X), dtype=np.float64))
        if raw or not classifies:
            return values
        return outputs.both_classes(values) if values.ndim == 1 else values


class Noted:
    """An adapter whose file was made with other versions: says so, also where it fails."""

    def __init__(self, adapter: Adapter, difference: str) -> None:
        self._adapter, self._difference = adapter, difference

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def describe(self) -> Description:
        """Return what the file says about itself, and the note."""
        found = self._adapter.describe()
        note = f"{self._difference}: its predictions may differ from those where it was made"
        return replace(found, notes=(*found.notes, note))

    def predict(self, batch: pa.RecordBatch, *, raw: bool) -> Floats:
        """Predict as the adapter does."""
        try:
            return self._adapter.predict(batch, raw=raw)
        except (AttributeError, TypeError, ValueError) as error:
            error.args = (f"{error} ({self._difference})",)
            raise
