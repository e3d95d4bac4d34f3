"""CatBoost models, saved as cbm; imported by workers only."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from debuggers.models import columns, outputs, tree_wire
from debuggers.models.adapter import Description, Refused, without
from debuggers.models.outputs import Floats
from debuggers.models.threads import FEW_ROWS
from debuggers.task import Task

_BINARY = ("Logloss", "CrossEntropy", "Focal")
_MULTICLASS = ("MultiClass", "MultiClassOneVsAll")
_EXPONENT = ("Poisson", "Tweedie")
_MULTILABEL = ("MultiLogloss", "MultiCrossEntropy")


def load(data: bytes, task: Task | None) -> CatBoostModel:
    """Load a model from the bytes of its file."""
    with without("matplotlib", "plotly", "graphviz"):
        import catboost
    model = catboost.CatBoost()
    model.load_model(blob=data)
    return CatBoostModel(model, task)


class CatBoostModel:
    """Oblivious trees with numbers and categories; text and embeddings are refused."""

    def __init__(self, model: Any, task: Task | None) -> None:
        if model.get_text_feature_indices() or model.get_embedding_feature_indices():
            raise Refused("it takes text or embedding features, which are no columns of a table")
        self._model = model
        self._loss = _loss(model)
        if self._loss in _MULTILABEL:
            raise Refused("it predicts several labels per row")
        self._names = tuple(model.feature_names_)
        self._categorical = frozenset(model.get_cat_feature_indices())
        self._threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        self._outputs = _outputs(model)
        self._task = task or _task(self._loss, self._outputs)
        outputs.check_task(self._task, self._outputs)

    def describe(self) -> Description:
        """Return what the file says about itself."""
        unnamed = all(name == str(i) for i, name in enumerate(self._names))
        return Description(
            task=self._task,
            classes=self._classes() if self._task and self._task.is_classification else None,
            features=None if unnamed else self._names,
            n_features=len(self._names),
            categorical=() if unnamed else tuple(self._names[i] for i in sorted(self._categorical)),
            handles_missing=True,
        )

    def predict(self, batch: pa.RecordBatch, *, raw: bool) -> Floats:
        """Return probabilities, numbers or raw formula values; one-vs-all probabilities are divided by their sum."""
        if raw or self._task is None:
            return outputs.flat(self._run(batch, "RawFormulaVal"))
        if self._task is Task.REGRESSION:
            return outputs.flat(self._run(batch, "Exponent" if self._loss in _EXPONENT else "RawFormulaVal"))
        if self._loss not in (*_BINARY, *_MULTICLASS):
            return outputs.from_margins(self._run(batch, "RawFormulaVal"))
        p = outputs.flat(self._run(batch, "Probability"))
        return np.asarray(p / p.sum(axis=1, keepdims=True)) if self._loss == "MultiClassOneVsAll" else p

    def structure(self, kind: str) -> Mapping[str, columns.Array]:
        """Return the trees."""
        return tree_wire.booster_arrays(self._model, kind, self._task)

    def encoded(self, batch: pa.RecordBatch) -> Floats:
        """Return the rows as numbers; trees that test categories are not handed over, so those are left missing."""
        every = enumerate(columns.named(batch))
        parts = [
            np.full(batch.num_rows, np.nan) if i in self._categorical else columns.numbers(c, n) for i, (n, c) in every
        ]
        return np.stack([np.asarray(part, dtype=np.float64) for part in parts], axis=1)

    def _run(self, batch: pa.RecordBatch, kind: str) -> Any:
        few = batch.num_rows < FEW_ROWS
        return self._model.predict(self._table(batch), prediction_type=kind, thread_count=1 if few else self._threads)

    def _table(self, batch: pa.RecordBatch) -> Any:
        if not self._categorical:
            return columns.matrix(batch, np.float32)
        data = [
            columns.texts(column) if i in self._categorical else columns.numbers(column, name).astype(np.float32)
            for i, (name, column) in enumerate(columns.named(batch))
        ]
        if batch.num_rows < FEW_ROWS:
            return [list(row) for row in zip(*data, strict=True)]
        import pandas as pd

        return pd.DataFrame(dict(enumerate(data))).set_axis(list(self._names), axis=1)

    def _classes(self) -> tuple[str, ...]:
        found = tuple(str(label) for label in self._model.classes_)
        return found or tuple(map(str, range(max(2, self._outputs))))


def _loss(model: Any) -> str:
    """Return the name of the loss function, without its parameters; empty where the file does not hold it."""
    params = model.get_metadata().get("params")
    if not params:
        return ""
    loss = json.loads(params).get("loss_function", {})
    return str(loss.get("type", "") if isinstance(loss, dict) else loss).split(":")[0]


def _outputs(model: Any) -> int:
    """Return the numbers per leaf, which CatBoost does not say directly."""
    leaves = int(sum(model.get_tree_leaf_counts()))
    return max(1, len(model.get_leaf_values()) // leaves) if leaves else 1


def _task(loss: str, dimension: int) -> Task | None:
    if loss in _BINARY:
        return Task.BINARY
    if loss in _MULTICLASS:
        return Task.MULTICLASS
    known = loss and not loss.startswith("Python") and dimension == 1
    return Task.REGRESSION if known else None
