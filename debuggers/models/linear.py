"""Coefficients and layers of fitted estimators as plain arrays; imported by workers only.

``coefficients``
    coef (k, m), intercept (k,), and the names (m,) of what they multiply. Of a pipeline: of its last step, whose
    columns are those that the steps before it put out. One row for a regressor or a binary classifier (its positive
    class).
``layers``
    of a multi-layer perceptron: weights_0 (m, h), biases_0 (h,), weights_1, ..., and the texts activation and output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from debuggers.models.adapter import Unavailable
from debuggers.models.columns import Array


def structure(estimator: Any, kind: str, names: list[str] | None) -> Mapping[str, Array]:
    """Return what an estimator is made of.

    Raises
    ------
    Unavailable
        It has none of this kind.
    """
    last = estimator
    before = []
    while hasattr(last, "steps"):
        before += [step for _, step in last.steps[:-1]]
        last = last.steps[-1][1]
    if kind == "coefficients" and hasattr(last, "coef_"):
        return _coefficients(last, _names(before, names))
    if kind == "layers" and hasattr(last, "coefs_"):
        return _layers(last)
    raise Unavailable(f"a {type(last).__name__} has no {kind} to hand over")


def _coefficients(last: Any, names: list[str] | None) -> Mapping[str, Array]:
    coef = np.asarray(last.coef_.toarray() if hasattr(last.coef_, "toarray") else last.coef_, np.float64)
    coef = coef.reshape(-1, coef.shape[-1])
    intercept = np.broadcast_to(np.asarray(getattr(last, "intercept_", 0.0), np.float64).ravel(), (len(coef),))
    if names is None or len(names) != coef.shape[1]:
        names = [str(i) for i in range(coef.shape[1])]
    return {"coef": coef, "intercept": intercept, "names": np.array(names, dtype=object)}


def _layers(last: Any) -> Mapping[str, Array]:
    found: dict[str, Array] = {}
    for i, (weights, biases) in enumerate(zip(last.coefs_, last.intercepts_, strict=True)):
        found |= {f"weights_{i}": np.asarray(weights, np.float64), f"biases_{i}": np.asarray(biases, np.float64)}
    return found | {
        "activation": np.array([last.activation], dtype=object),
        "output": np.array([last.out_activation_], dtype=object),
    }


def _names(before: list[Any], names: list[str] | None) -> list[str] | None:
    """Return the names of the columns that reach the last step; None where a step does not say."""
    for step in before:
        if step in (None, "passthrough"):
            continue
        try:
            names = [str(name) for name in step.get_feature_names_out(names)]
        except (AttributeError, ValueError, TypeError):
            return None
    return names
