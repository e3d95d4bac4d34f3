"""LightGBM models, saved as text; imported by workers only.

The file numbers its classes 0 to k - 1 and holds no other names for them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from debuggers.models import columns, outputs, tree_wire
from debuggers.models.adapter import ColumnError, Description, without
from debuggers.models.outputs import Floats
from debuggers.models.threads import FEW_ROWS
from debuggers.task import Task

_BINARY = ("binary",)
_MULTICLASS = ("multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr")
_ONE_VS_ALL = _MULTICLASS[2:]
_PROBABILITY = (*_BINARY, "cross_entropy", "xentropy")  # the output is the probability of the positive class
_UNKNOWN = ("", "none", "null", "custom", "na", "cross_entropy", "xentropy")  # cross entropy: also for shares in [0, 1]


def load(data: bytes, task: Task | None) -> LightGBMModel:
    """Load a model from the bytes of its file."""
    with without("sklearn", "pandas", "matplotlib"):
        import lightgbm
    text = data.decode("utf-8")
    return LightGBMModel(lightgbm.Booster(model_str=text), _header(text), task)


class LightGBMModel:
    """A booster and the lines before its first tree."""

    def __init__(self, booster: Any, header: dict[str, str], task: Task | None) -> None:
        self._booster = booster
        self._objective = (header.get("objective", "").split() or [""])[0]
        self._outputs = int(booster.num_model_per_iteration())
        self._task = task or _task(self._objective)
        outputs.check_task(self._task, self._outputs)
        self._names = tuple(booster.feature_name())
        self._lists: list[list[object]] = booster.pandas_categorical or []
        self._categorical = _categorical(header)
        self._threads = int(os.environ.get("OMP_NUM_THREADS", "1"))

    def describe(self) -> Description:
        """Return what the file says about itself."""
        unnamed = all(name == f"Column_{i}" for i, name in enumerate(self._names))
        classes = tuple(map(str, range(max(2, self._outputs))))
        return Description(
            task=self._task,
            classes=classes if self._task and self._task.is_classification else None,
            features=None if unnamed else self._names,
            n_features=len(self._names),
            categories={self._names[i]: tuple(values) for i, values in self._known().items()},
            categorical=() if unnamed else tuple(self._names[i] for i in self._categorical),
            handles_missing=True,
        )

    def predict(self, batch: pa.RecordBatch, *, raw: bool) -> Floats:
        """Return probabilities, numbers or raw scores; one-vs-all probabilities are divided by their sum."""
        X = self.inputs(batch)
        if raw or self._task is None:
            return outputs.flat(self._run(X, raw=raw))
        if self._task is Task.REGRESSION:
            return outputs.flat(self._run(X, raw=False))
        if self._objective in _PROBABILITY:
            return outputs.both_classes(outputs.flat(self._run(X, raw=False)))
        if self._objective in _MULTICLASS:
            p = outputs.flat(self._run(X, raw=False))
            return np.asarray(p / p.sum(axis=1, keepdims=True)) if self._objective in _ONE_VS_ALL else p
        return outputs.from_margins(self._run(X, raw=True))

    def _run(self, X: columns.Array, *, raw: bool) -> Any:
        threads = 1 if len(X) < FEW_ROWS else self._threads
        return self._booster.predict(X, raw_score=raw, num_threads=threads, validate_features=False)

    def _known(self) -> dict[int, list[object]]:
        """Return the categories by the position of their feature, where the file leaves no doubt which is which.

        The file lists them in the order of the category columns of the training table; an ordered one is among them,
        but was trained on as a number.
        """
        fits = len(self._lists) == len(self._categorical)
        return dict(zip(self._categorical, self._lists, strict=True)) if fits else {}

    def structure(self, kind: str) -> Mapping[str, columns.Array]:
        """Return the trees."""
        return tree_wire.booster_arrays(self._booster, kind, self._task)

    def encoded(self, batch: pa.RecordBatch) -> Floats:
        """Return the rows as numbers, categories as codes."""
        return np.asarray(self.inputs(batch), dtype=np.float64)

    def inputs(self, batch: pa.RecordBatch) -> columns.Array:
        """Return the rows as the booster takes them, categories as codes."""
        if not self._lists:
            return columns.matrix(batch)
        known = self._known() or self._by_type(batch)
        X = np.empty((batch.num_rows, batch.num_columns))
        for i, (name, column) in enumerate(columns.named(batch)):
            # LightGBM takes an unknown category for a missing one.
            X[:, i] = columns.codes(column, known[i])[0] if i in known else columns.numbers(column, name)
        return X

    def _by_type(self, batch: pa.RecordBatch) -> dict[int, list[object]]:
        """Return the categories by position, found as LightGBM itself does: by the type of the table's columns."""
        found = [i for i, column in enumerate(batch.columns) if _is_category(column.type)]
        if len(found) != len(self._lists):
            raise ColumnError(f"the model was trained with {len(self._lists)} category columns, here are {len(found)}")
        return dict(zip(found, self._lists, strict=True))


def _is_category(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _header(text: str) -> dict[str, str]:
    """Return the ``key=value`` lines before the first tree."""
    head = text.split("\nTree=", 1)[0]
    return dict(line.split("=", 1) for line in head.splitlines() if "=" in line)


def _categorical(header: dict[str, str]) -> list[int]:
    """Return the positions of the categorical features: those whose range is a list of codes, not an interval."""
    infos = header.get("feature_infos", "").split()
    return [i for i, info in enumerate(infos) if not info.startswith("[") and info != "none"]


def _task(objective: str) -> Task | None:
    if objective in _UNKNOWN:
        return None
    if objective in _BINARY:
        return Task.BINARY
    return Task.MULTICLASS if objective in _MULTICLASS else Task.REGRESSION
