"""Fitted estimators with scikit-learn's interface, whatever file they came in; imported by workers only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from debuggers.models import columns, composition, linear, outputs, tree_wire
from debuggers.models.adapter import Description, Refused, Unavailable
from debuggers.models.columns import Array
from debuggers.models.composed import ComposedTrees
from debuggers.models.outputs import Floats
from debuggers.task import Task


class FittedModel:
    """A fitted classifier or regressor.

    Parameters
    ----------
    estimator : object
        One that scikit-learn takes for a classifier or regressor, or any with `classes_` and `predict_proba`.
    """

    def __init__(self, estimator: Any, task: Task | None) -> None:
        self._estimator = estimator
        kind = type(estimator).__name__
        self._classifier = is_classifier(estimator)
        if not self._classifier and not is_regressor(estimator):
            raise Refused(f"it holds a {kind}, which is no classifier or regressor")
        if self._classifier and not hasattr(estimator, "predict_proba"):
            raise Refused(f"a {kind} gives no probabilities; wrap it in CalibratedClassifierCV and save it again")
        self._classes = _classes(estimator) if self._classifier else None
        self._declared = _task(self._classes)
        self._task = task or self._declared
        outputs.check_task(self._task, len(self._classes or ("",)))
        names = getattr(estimator, "feature_names_in_", None)
        self._names = None if names is None else [str(name) for name in names]

    def describe(self) -> Description:
        """Return what the file says about itself."""
        categories = _categories(self._estimator)
        return Description(
            task=self._task,
            classes=self._classes if self._task.is_classification else None,
            features=None if self._names is None else tuple(self._names),
            n_features=getattr(self._estimator, "n_features_in_", None),
            categories=categories,
            categorical=tuple(categories),
            handles_missing=_handles_missing(self._estimator),
        )

    def predict(self, batch: pa.RecordBatch, *, raw: bool) -> Floats:
        """Return probabilities, numbers or the decision function."""
        X = table(batch, self._names)
        if not self._classifier:
            return outputs.flat(self._estimator.predict(X))
        probabilities = np.asarray(self._estimator.predict_proba(X), dtype=np.float64)
        if raw:
            return self._margins(X, probabilities)
        return outputs.flat(probabilities[:, 1]) if self._task is Task.REGRESSION else probabilities

    def structure(self, kind: str) -> Mapping[str, Array]:
        """Return trees, coefficients or layers, as `tree_wire` and `linear` in `debuggers.models` say."""
        if kind == "trees":
            return tree_wire.composed_arrays(lambda: self._composed)
        return linear.structure(self._estimator, kind, self._names)

    def encoded(self, batch: pa.RecordBatch) -> Floats:
        """Return the rows as the estimator's trees take them, after all preprocessing."""
        return self._composed.encode(table(batch, self._names))

    @cached_property
    def _composed(self) -> ComposedTrees:
        return composition.compose(self._estimator)

    def refit(self, batch: pa.RecordBatch, y: pa.Array, weights: Array | None) -> FittedModel:
        """Return a clone of the estimator, fitted on these rows.

        Raises
        ------
        Unavailable
            It is no estimator of scikit-learn's kind, takes no weights, or does not know a label.
        """
        from sklearn.base import clone

        try:
            fresh = clone(self._estimator)
        except TypeError as error:
            kind = type(self._estimator).__name__
            raise Unavailable(f"a {kind} cannot be cloned, since it is no estimator of scikit-learn's kind") from error
        fresh.fit(table(batch, self._names), self._target(y), **_weighting(fresh, weights))
        return FittedModel(fresh, self._task)

    def _target(self, y: pa.Array) -> Array:
        """Return the target as the estimator's own labels, which may be no text."""
        if not self._classifier:
            return columns.numbers(y, "target")
        own = {columns.key(label): label for label in self._estimator.classes_.tolist()}
        given = [columns.key(label) for label in y.to_pylist()]
        unknown = sorted(set(given) - set(own))
        if unknown:
            raise Unavailable(f"the label {unknown[0]!r} is none of its classes")
        return np.array([own[label] for label in given])

    def _margins(self, X: Any, probabilities: Floats) -> Floats:
        """Return the additive scale where the estimator has one, else the probabilities."""
        last = last_step(self._estimator)
        library = type(last).__module__.split(".")[0]
        if library == "xgboost":
            margins = self._estimator.predict(X, output_margin=True)
        elif library == "lightgbm":
            margins = self._estimator.predict_proba(X, raw_score=True)
        elif hasattr(self._estimator, "decision_function"):
            margins = self._estimator.decision_function(X)
        else:
            return probabilities
        margins = outputs.flat(margins)
        return margins if margins.ndim == 1 or margins.shape == probabilities.shape else probabilities


def _weighting(estimator: Any, weights: Array | None) -> dict[str, Array]:
    """Return the argument of `fit` by which an estimator, or the last step of a pipeline, takes weights of rows."""
    from sklearn.utils.validation import has_fit_parameter

    if weights is None:
        return {}
    prefix = ""
    while hasattr(estimator, "steps"):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    if not has_fit_parameter(estimator, "sample_weight"):
        raise Unavailable(f"a {type(estimator).__name__} takes no weights of rows")
    return {f"{prefix}sample_weight": weights}


def is_classifier(estimator: Any) -> bool:
    """Return whether an object classifies: scikit-learn says so, or it looks like it and scikit-learn does not know."""
    from sklearn import base

    if hasattr(estimator, "__sklearn_tags__"):
        return bool(base.is_classifier(estimator))
    return hasattr(estimator, "classes_") and hasattr(estimator, "predict_proba")


def is_regressor(estimator: Any) -> bool:
    """Return whether scikit-learn takes an object for a regressor."""
    from sklearn import base

    return hasattr(estimator, "__sklearn_tags__") and bool(base.is_regressor(estimator))


def last_step(estimator: Any) -> Any:
    """Return the step of a pipeline that predicts."""
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    return estimator


def table(batch: pa.RecordBatch, names: list[str] | None) -> Any:
    """Return a data frame where the model knows its columns by name, else an array: of objects if some hold text."""
    if names is None:
        if any(_is_text(column.type) for column in batch.columns):
            return np.stack([np.array(column.to_pylist(), dtype=object) for column in batch.columns], axis=1)
        return columns.matrix(batch)
    return batch.rename_columns(names).to_pandas(use_threads=False)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _classes(estimator: Any) -> tuple[str, ...]:
    classes = estimator.classes_
    if isinstance(classes, list):
        raise Refused("it predicts several targets at once")
    return tuple(str(label) for label in np.asarray(classes).tolist())


def _task(classes: tuple[str, ...] | None) -> Task:
    if classes is None:
        return Task.REGRESSION
    return Task.BINARY if len(classes) == 2 else Task.MULTICLASS


def _handles_missing(estimator: Any) -> bool | None:
    from sklearn.utils import get_tags

    if hasattr(estimator, "steps"):
        return None  # its first step says nothing of the later ones
    return bool(get_tags(estimator).input_tags.allow_nan)


def _categories(estimator: Any) -> dict[str, tuple[object, ...]]:
    """Return the categories of the encoders in a pipeline, by feature."""
    found: dict[str, tuple[object, ...]] = {}
    for encoder, names in _encoders(estimator, list(getattr(estimator, "feature_names_in_", ()))):
        if len(encoder.categories_) == len(names):
            found |= {str(name): tuple(values) for name, values in zip(names, encoder.categories_, strict=True)}
    return found


def _encoders(step: Any, names: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each fitted encoder with the columns that reach it; imputers before it keep their columns."""
    if hasattr(step, "categories_"):
        yield step, names
    elif hasattr(step, "steps"):
        for _, part in step.steps:
            yield from _encoders(part, names)
            if hasattr(part, "transformers_") or hasattr(part, "categories_"):
                return  # its output has other columns
    else:
        for _, part, chosen in getattr(step, "transformers_", ()):
            if isinstance(chosen, list) and all(isinstance(name, str) for name in chosen):
                yield from _encoders(part, chosen)
