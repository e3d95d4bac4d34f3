"""XGBoost models, saved as JSON or UBJ; imported by workers only.

The file numbers its classes 0 to k - 1 and holds no other names for them.
"""

from __future__ import annotations

import json
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


def load(data: bytes, task: Task | None) -> XGBoostModel:
    """Load a model from the bytes of its file."""
    with without("sklearn"):
        import xgboost
    booster = xgboost.Booster()
    booster.load_model(bytearray(data))
    return XGBoostModel(booster, task)


class XGBoostModel:
    """A booster: trees, DART or linear."""

    def __init__(self, booster: Any, task: Task | None) -> None:
        self._booster = booster
        config = json.loads(booster.save_config())["learner"]
        self._objective: str = config["objective"]["name"]
        self._linear = config["learner_train_param"]["booster"] == "gblinear"
        parameters = config["learner_model_param"]
        self._outputs = max(int(parameters["num_class"]), int(parameters.get("num_target", 1)), 1)
        self._declared = _task(self._objective)
        self._task = task or self._declared
        outputs.check_task(self._task, self._outputs)
        self._types: list[str] = booster.feature_types or []
        self._categories = _categories(booster) if "c" in self._types else {}
        self._threads = int(os.environ.get("OMP_NUM_THREADS", "1"))

    def describe(self) -> Description:
        """Return what the file says about itself."""
        names = tuple(self._booster.feature_names or ()) or None
        width = self._booster.num_features()
        labels = names or tuple(str(i) for i in range(width))
        categorical = tuple(labels[i] for i, kind in enumerate(self._types) if kind == "c")
        k = max(2, self._outputs)
        return Description(
            task=self._task,
            classes=tuple(map(str, range(k))) if self._task.is_classification else None,
            features=names,
            n_features=width,
            categories={labels[i]: tuple(values) for i, values in self._categories.items()},
            categorical=categorical if names else (),
            handles_missing=True,
        )

    def predict(self, batch: pa.RecordBatch, *, raw: bool) -> Floats:
        """Return probabilities, numbers or margins."""
        X = self.inputs(batch)
        if raw:
            return outputs.flat(self._run(X, margin=True))
        if self._task is Task.REGRESSION:
            return outputs.flat(self._run(X, margin=False))
        # multi:softmax answers with a label, and other objectives with no probability at all: both have margins.
        if self._objective in ("binary:logistic", "binary:hinge", "reg:logistic"):
            return outputs.both_classes(outputs.flat(self._run(X, margin=False)))
        if self._objective == "multi:softprob":
            return outputs.flat(self._run(X, margin=False))
        return outputs.from_margins(self._run(X, margin=True))

    def _run(self, X: columns.Array, *, margin: bool) -> Any:
        import xgboost

        threads = 1 if len(X) < FEW_ROWS else self._threads
        self._booster.set_param({"nthread": threads})
        if self._linear:  # has no prediction in place
            matrix = xgboost.DMatrix(X, nthread=threads)
            return self._booster.predict(matrix, output_margin=margin, validate_features=False)
        kind = "margin" if margin else "value"
        return self._booster.inplace_predict(X, predict_type=kind, validate_features=False)

    def structure(self, kind: str) -> Mapping[str, columns.Array]:
        """Return the trees."""
        return tree_wire.booster_arrays(self._booster, kind, self._task)

    def encoded(self, batch: pa.RecordBatch) -> Floats:
        """Return the rows as numbers, categories as codes."""
        return np.asarray(self.inputs(batch), dtype=np.float64)

    def inputs(self, batch: pa.RecordBatch) -> columns.Array:
        """Return the rows as the booster takes them, categories as codes."""
        if "c" not in self._types:
            return columns.matrix(batch, np.float32)
        X = np.empty((batch.num_rows, batch.num_columns), np.float32)
        for i, (name, column) in enumerate(columns.named(batch)):
            X[:, i] = self._codes(column, name, i) if self._types[i] == "c" else columns.numbers(column, name)
        return X

    def _codes(self, column: pa.Array, name: str, i: int) -> columns.Array:
        if i not in self._categories:  # files before XGBoost 3.1 hold codes only
            return columns.numbers(column, name)
        found, unknown = columns.codes(column, self._categories[i])
        if unknown:
            raise ColumnError(f"the column {name!r} has a category that was not in training: {unknown[0]!r}")
        return found


def _task(objective: str) -> Task:
    if objective.startswith("binary:"):
        return Task.BINARY
    return Task.MULTICLASS if objective.startswith("multi:") else Task.REGRESSION


def _categories(booster: Any) -> dict[int, list[object]]:
    found = booster.get_categories(export_to_arrow=True).to_arrow()
    return {i: values.to_pylist() for i, (_, values) in enumerate(found) if values is not None}
