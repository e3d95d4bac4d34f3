"""ONNX models, run by onnxruntime; imported by workers only.

What a graph means is read from it: an output that is a map or comes with a label is a classifier's, a last operation
Sigmoid or Softmax makes probabilities, and of anything else a person has to say whether it is a number or log-odds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from debuggers.models import columns, onnx_graph, outputs, tree_wire
from debuggers.models.adapter import ColumnError, Description, Refused
from debuggers.models.outputs import Floats
from debuggers.task import Task

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
_LABELS = ("tensor(int64)", "tensor(int32)", "tensor(string)")


def load(data: bytes, task: Task | None) -> OnnxModel:
    """Load a model from the bytes of its file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return OnnxModel(session, onnx_graph.read(data), task, data)


@dataclass(frozen=True)
class _Input:
    """One input of the graph and the columns that it takes."""

    name: str
    type: str
    width: int | None  # None where the file leaves it open
    rank: int

    @property
    def dtype(self) -> Any:
        return _DTYPES[self.type]


class OnnxModel:
    """A session, its inputs as groups of columns, and the output that holds the answer."""

    def __init__(self, session: Any, graph: onnx_graph.Graph, task: Task | None, data: bytes = b"") -> None:
        self._data = data
        self._session = session
        self._graph = graph
        self._inputs = [_input(i) for i in session.get_inputs()]
        self._batch = _fixed_batch(session)
        self._output = _answer(session.get_outputs())
        self._labels = graph.class_labels()
        self._ends_in = graph.ends_in(self._output.name)
        self._task = task or self._declared()
        self._width = self._known_width()
        if self._width is not None:
            outputs.check_task(self._task, self._width)

    def describe(self) -> Description:
        """Return what the file says about itself."""
        widths = [i.width for i in self._inputs]
        single = len(self._inputs) > 1 and all(width == 1 for width in widths)
        names = tuple(i.name for i in self._inputs) if single else None
        found = {k: v for k, v in self._graph.categories().items() if names and k in names}
        classes = self._labels if self._task and self._task.is_classification else None
        integers = any(np.issubdtype(i.dtype, np.integer) for i in self._inputs)
        return Description(
            task=self._task,
            classes=classes if classes and len(classes) > 1 else None,
            features=names,
            n_features=None if None in widths else sum(width or 0 for width in widths),
            categories=found,
            categorical=tuple(
                i.name for i in self._inputs if names and (i.type == "tensor(string)" or i.name in found)
            ),
            handles_missing=False if integers else None,
        )

    def predict(self, batch: pa.RecordBatch, *, raw: bool) -> Floats:
        """Return probabilities, numbers, or the graph's own output."""
        feeds = self._feeds(batch)
        values = outputs.flat(self._run(feeds, batch.num_rows))
        if raw or self._task is None or self._task is Task.REGRESSION:
            return values
        if not self._gives_probabilities():
            return outputs.from_margins(values)
        return outputs.both_classes(values) if values.ndim == 1 else values

    def structure(self, kind: str) -> Mapping[str, columns.Array]:
        """Return the trees."""
        # What the graph itself makes probabilities of is left as it is.
        return tree_wire.booster_arrays(self._data, kind, None if self._gives_probabilities() else self._task)

    def encoded(self, batch: pa.RecordBatch) -> Floats:
        """Return the rows as the graph takes them."""
        return np.asarray(columns.matrix(batch), dtype=np.float64)

    def _declared(self) -> Task | None:
        """Return the task, where the graph leaves no doubt."""
        if self._is_classifier():
            k = len(self._labels or ()) or self._known_width()
            return None if k is None else Task.MULTICLASS if k > 2 else Task.BINARY
        k = self._known_width()
        if self._ends_in == "Sigmoid":
            return Task.BINARY if k == 1 else None  # several sigmoids are several answers, not classes of one
        if self._ends_in == "Softmax":
            return None if k is None else Task.MULTICLASS if k > 2 else Task.BINARY
        return Task.REGRESSION if self._ends_in.endswith("Regressor") else None

    def _is_classifier(self) -> bool:
        found = self._session.get_outputs()
        return self._output.type.startswith("seq(map") or (len(found) > 1 and found[0].type in _LABELS)

    def _gives_probabilities(self) -> bool:
        return self._is_classifier() or self._ends_in in ("Sigmoid", "Softmax") or self._ends_in.endswith("Classifier")

    def _known_width(self) -> int | None:
        """Return the columns of the output, where the file says it."""
        if self._output.type.startswith("seq(map"):
            return len(self._labels) if self._labels else None
        shape = self._output.shape
        if len(shape) == 1:
            return 1
        return shape[1] if isinstance(shape[1], int) else None

    def _run(self, feeds: dict[str, Any], rows: int) -> Any:
        step = self._batch or rows
        if rows <= step:
            return self._values(_padded(feeds, rows, step))[:rows] if rows < step else self._values(feeds)
        parts = []
        for start in range(0, rows, step):
            part = {name: array[start : start + step] for name, array in feeds.items()}
            n = min(step, rows - start)
            parts.append(self._values(_padded(part, n, step))[:n])
        return np.concatenate(parts)

    def _values(self, feeds: dict[str, Any]) -> Any:
        values = self._session.run([self._output.name], feeds)[0]
        if isinstance(values, list):  # one map from label to probability for each row
            keys = self._map_keys() or list(values[0])
            return np.array([[row[key] for key in keys] for row in values])
        return values.reshape(len(values), -1) if values.ndim > 2 else values

    def _map_keys(self) -> list[Any]:
        """Return the labels in the graph's order as the keys that they are in its maps."""
        integers = "map(int64" in self._output.type
        return [int(label) if integers else label for label in self._labels or ()]

    def _feeds(self, batch: pa.RecordBatch) -> dict[str, Any]:
        feeds = {}
        start = 0
        for group in self._inputs:
            stop = batch.num_columns if group.width is None else start + group.width
            part = batch.select(list(range(start, min(stop, batch.num_columns))))
            feeds[group.name] = _array(part, group)
            start = stop
        return feeds


def _array(part: pa.RecordBatch, group: _Input) -> Any:
    if group.dtype is np.object_:
        texts = [columns.texts(column) for column in part.columns]
        array = np.stack(texts, axis=1)
    elif np.issubdtype(group.dtype, np.floating):
        array = columns.matrix(part, group.dtype)
    else:
        array = columns.matrix(part)
        if np.isnan(array).any():
            name = part.schema.names[int(np.isnan(array).any(axis=0).argmax())]
            raise ColumnError(f"the column {name!r} has missing values, and the model takes integers there")
        array = array.astype(group.dtype)
    return array[:, 0] if group.rank == 1 else array


def _padded(feeds: dict[str, Any], rows: int, step: int) -> dict[str, Any]:
    """Return the feeds with their last row repeated, for graphs that take a fixed number of rows."""
    if rows == step:
        return feeds
    return {name: np.concatenate([array, np.repeat(array[-1:], step - rows, axis=0)]) for name, array in feeds.items()}


def _input(node: Any) -> _Input:
    if node.type not in _DTYPES or len(node.shape) not in (1, 2):
        rank = f"of {len(node.shape)} dimensions" if node.type in _DTYPES else node.type
        raise Refused(f"its input {node.name!r} is a tensor {rank}, and a table has rows and columns")
    if len(node.shape) == 1:
        return _Input(node.name, node.type, 1, 1)
    width = node.shape[1]
    return _Input(node.name, node.type, width if isinstance(width, int) else None, 2)


def _fixed_batch(session: Any) -> int | None:
    sizes = {i.shape[0] for i in session.get_inputs() if isinstance(i.shape[0], int)}
    return max(sizes) if sizes else None


def _answer(found: list[Any]) -> Any:
    """Return the output with the probabilities or numbers: a map, else the last tensor of floats."""
    floats = [o for o in found if o.type in ("tensor(float)", "tensor(double)", "tensor(float16)")]
    maps = [o for o in found if o.type.startswith("seq(map")]
    if not maps and not floats:
        raise Refused("none of its outputs holds probabilities or numbers")
    return (maps or floats)[-1] if found[0].type in _LABELS or maps else floats[0]
