"""scikit-learn models and their kin, saved by skops; imported by workers only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from debuggers.models import columns, outputs, skops_types
from debuggers.models.adapter import Description, Refused, Untrusted, without
from debuggers.models.outputs import Floats
from debuggers.task import Task


def load(data: bytes, task: Task | None) -> SkopsModel:
    """Load a model from the bytes of its file.

    Raises
    ------
    Untrusted
        It contains types beyond the allow-list; none of them was constructed.
    """
    with without("pytest", "matplotlib"):  # scikit-learn's helpers for tests and plots
        import skops.io

    trusted = skops_types.trusted()
    beyond = [name for name in skops.io.get_untrusted_types(data=data) if name not in trusted]
    if beyond:
        raise Untrusted(beyond)
    return SkopsModel(skops.io.loads(data, trusted=sorted(trusted)), task)


class SkopsModel:
    """A fitted classifier or regressor."""

    def __init__(self, estimator: Any, task: Task | None) -> None:
        from sklearn.base import is_classifier, is_regressor

        self._estimator = estimator
        kind = type(estimator).__name__
        if not is_classifier(estimator) and not is_regressor(estimator):
            raise Refused(f"it holds a {kind}, which is no classifier or regressor")
        self._classifier = bool(is_classifier(estimator))
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
        X = self._table(batch)
        if not self._classifier:
            return outputs.flat(self._estimator.predict(X))
        probabilities = np.asarray(self._estimator.predict_proba(X), dtype=np.float64)
        if raw:
            return self._margins(X, probabilities)
        return outputs.flat(probabilities[:, 1]) if self._task is Task.REGRESSION else probabilities

    def _margins(self, X: Any, probabilities: Floats) -> Floats:
        """Return the additive scale where the estimator has one, else the probabilities."""
        last = self._estimator
        while hasattr(last, "steps"):
            last = last.steps[-1][1]
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

    def _table(self, batch: pa.RecordBatch) -> Any:
        if self._names is None:
            if any(_is_text(column.type) for column in batch.columns):
                return np.stack([np.array(column.to_pylist(), dtype=object) for column in batch.columns], axis=1)
            return columns.matrix(batch)
        return batch.rename_columns(self._names).to_pandas()


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
