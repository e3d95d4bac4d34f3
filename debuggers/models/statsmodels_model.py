"""Results of statsmodels, with or without a formula; imported by workers only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from debuggers.models import columns, outputs
from debuggers.models.adapter import Description, Unavailable
from debuggers.models.columns import Array
from debuggers.models.outputs import Floats
from debuggers.task import Task

_BINARY = ("Logit", "Probit", "ConditionalLogit")
_MULTICLASS = ("MNLogit", "OrderedModel")


class StatsmodelsModel:
    """Fitted results that predict means or probabilities.

    With a formula the results take the table's columns as they are. Without one they take the columns of the design
    matrix; a constant among them is added here.
    """

    def __init__(self, results: Any, task: Task | None) -> None:
        self._results = results
        model = results.model
        self._declared = _task(model)
        self._task = task or self._declared
        self._formula = getattr(model, "formula", None) is not None
        self._exog = [str(name) for name in model.exog_names]
        self._constant = None if self._formula else getattr(model.data, "const_idx", None)
        self._classes = _classes(model, self._declared)
        outputs.check_task(self._task, len(self._classes or ("",)))

    def describe(self) -> Description:
        """Return what the results say about themselves."""
        if self._formula:
            names = _variables(self._results.model)
        else:
            names = tuple(name for i, name in enumerate(self._exog) if i != self._constant)
        return Description(
            task=self._task,
            classes=self._classes if self._task.is_classification else None,
            features=names,
            n_features=None if names is None else len(names),
            handles_missing=False,
        )

    def predict(self, batch: pa.RecordBatch, *, raw: bool) -> Floats:
        """Return probabilities, means, or the linear predictor where there is one."""
        X = batch.to_pandas(use_threads=False) if self._formula else self._design(batch)
        if raw and self._declared is not Task.MULTICLASS:
            return outputs.flat(self._linear(X))
        values = outputs.flat(self._results.predict(X))
        if values.ndim == 1 and self._declared is Task.BINARY and self._task.is_classification:
            return outputs.both_classes(values)
        return values

    def structure(self, kind: str) -> Mapping[str, Array]:
        """Return coefficients, as `debuggers.models.linear` says; a constant is among them."""
        params = np.asarray(self._results.params, np.float64)
        if kind != "coefficients" or params.ndim != 1 or len(params) < len(self._exog):
            raise Unavailable(f"a {type(self._results.model).__name__} has no {kind} to hand over")
        coef = params[None, : len(self._exog)]
        return {"coef": coef, "intercept": np.zeros(1), "names": np.array(self._exog, dtype=object)}

    def _linear(self, X: Any) -> Any:
        for option in ({"which": "linear"}, {"linear": True}):
            try:
                return self._results.predict(X, **option)
            except TypeError:  # each class of results has its own word for it, some have none
                continue
        return self._results.predict(X)

    def _design(self, batch: pa.RecordBatch) -> Array:
        X = columns.matrix(batch)
        return X if self._constant is None else np.insert(X, self._constant, 1.0, axis=1)


def _task(model: Any) -> Task:
    kind = type(model).__name__
    if kind in _MULTICLASS:
        return Task.MULTICLASS
    is_binomial = type(getattr(model, "family", None)).__name__ == "Binomial"
    return Task.BINARY if kind in _BINARY or is_binomial else Task.REGRESSION


def _classes(model: Any, task: Task) -> tuple[str, ...] | None:
    if task is Task.REGRESSION:
        return None
    if task is Task.BINARY:
        return ("0", "1")
    named = getattr(model, "_ynames_map", None) or dict(enumerate(getattr(model, "labels", ())))
    return tuple(str(named[i]) for i in sorted(named)) or None


def _variables(model: Any) -> tuple[str, ...] | None:
    """Return the columns that a formula reads; None where the results do not say."""
    frame = getattr(model.data, "frame", None)
    if frame is None:
        return None
    text = str(model.formula).partition("~")[2]
    words = {*re.findall(r"[^\W\d]\w*", text), *re.findall(r"Q\([\"'](.+?)[\"']\)", text)}
    return tuple(str(name) for name in frame.columns if str(name) in words)
