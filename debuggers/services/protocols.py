"""How rows are written down for a service and its predictions are read: MLflow's scoring, and Open Inference.

References
----------
MLflow, "Local inference server specification" (``/invocations``, ``dataframe_split``).
Open Inference Protocol, version 2, REST (KServe, MLServer, Triton).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import numpy as np
import pandas as pd

from debuggers.errors import BadModelOutput, ServiceProblem
from debuggers.models.model import Floats, Signature
from debuggers.services.http import Line

MAX_OUTPUTS = 10_000
TENSOR_TYPES = {"b": "BOOL", "i": "INT64", "u": "UINT64", "f": "FP64"}
NUMBERS = ("FP64", "FP32", "FP16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8", "BOOL")


class Dialect(Protocol):
    """A protocol, spoken with one service."""

    def describe(self, line: Line) -> Signature:
        """Ask what the service takes, as far as it says."""

    def predict(self, line: Line, rows: pd.DataFrame) -> Floats:
        """Ask for predictions of some rows: shape (n,) or (n, k)."""


@dataclass(frozen=True)
class MLflow:
    """MLflow's scoring protocol; the service does not say what it takes."""

    def describe(self, line: Line) -> Signature:
        """Return that nothing is known."""
        del line
        return Signature(format="MLflow service", tier=0)

    def predict(self, line: Line, rows: pd.DataFrame) -> Floats:
        """Ask ``/invocations``."""
        table = {"columns": [str(c) for c in rows.columns], "data": _cells(rows)}
        answer = line.post("/invocations", {"dataframe_split": table})
        found = answer.get("predictions", answer) if isinstance(answer, dict) else answer
        return _numbers(found, len(rows), line.address.origin)


@dataclass(frozen=True)
class OpenInference:
    """Version 2 of the Open Inference Protocol.

    Parameters
    ----------
    model : str
        The model's name on the service.
    """

    model: str

    @property
    def _path(self) -> str:
        return f"/v2/models/{quote(self.model, safe='')}"

    def describe(self, line: Line) -> Signature:
        """Ask for the model's metadata: one input per feature, or one for all of them."""
        inputs = self._inputs(line)
        width = self._width(inputs)
        names = tuple(str(tensor["name"]) for tensor in inputs)
        return Signature(
            format="Open Inference service",
            tier=0,
            features=None if width is not None else names,
            n_features=len(names) if width is None else width,
        )

    def predict(self, line: Line, rows: pd.DataFrame) -> Floats:
        """Ask the model to infer."""
        inputs = self._inputs(line)
        if self._width(inputs) is not None:
            tensors = [self._matrix(inputs[0], rows)]
        else:
            tensors = [self._column(tensor, rows.iloc[:, i]) for i, tensor in enumerate(inputs)]
        answer = line.post(f"{self._path}/infer", {"inputs": tensors})
        return self._outputs(answer, len(rows), line.address.origin)

    def _inputs(self, line: Line) -> list[dict[str, Any]]:
        about = line.get(self._path)
        inputs = about.get("inputs") if isinstance(about, dict) else None
        if not isinstance(inputs, list) or not inputs or not all(_is_tensor(tensor) for tensor in inputs):
            raise ServiceProblem(line.address.origin, f"it does not describe {self.model!r}", "check the model's name")
        return inputs

    @staticmethod
    def _width(inputs: list[dict[str, Any]]) -> int | None:
        """Return the number of features where one tensor takes them all; None where each has its own."""
        shape = inputs[0]["shape"]
        return shape[1] if len(inputs) == 1 and len(shape) == 2 and shape[1] > 1 else None

    @staticmethod
    def _matrix(tensor: dict[str, Any], rows: pd.DataFrame) -> dict[str, Any]:
        values = rows.to_numpy(dtype=np.float64, na_value=np.nan)
        return {**_named(tensor), "shape": list(values.shape), "data": _plain(values.ravel())}

    @staticmethod
    def _column(tensor: dict[str, Any], column: pd.Series) -> dict[str, Any]:
        shape = [len(column), 1][: len(tensor["shape"])]
        return {**_named(tensor), "shape": shape, "data": _plain(column)}

    def _outputs(self, answer: Any, n: int, where: str) -> Floats:
        outputs = answer.get("outputs") if isinstance(answer, dict) else None
        if not isinstance(outputs, list) or not all(_is_tensor(t) and "data" in t for t in outputs):
            raise ServiceProblem(where, "its answer has no outputs", "check the protocol")
        numeric = [t for t in outputs if t["datatype"] in NUMBERS]
        if not numeric:
            raise BadModelOutput(where, "it answers labels", "serve probabilities instead")
        # Of a label and probabilities, the probabilities: more numbers per row, and not whole ones.
        chosen = max(numeric, key=lambda t: (int(np.prod(t["shape"], dtype=float)), t["datatype"].startswith("FP")))
        values = _floats(chosen["data"], where).ravel()
        if not n or values.size % n or not 1 <= values.size // n <= MAX_OUTPUTS:
            raise BadModelOutput(where, f"it answered {n:,} rows with {values.size:,} numbers")
        return values if values.size == n else values.reshape(n, -1)


def _is_tensor(tensor: object) -> bool:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        return False
    shape = tensor.get("shape")
    is_shape = isinstance(shape, list) and 1 <= len(shape) <= 2 and all(type(n) is int for n in shape)
    return is_shape and isinstance(tensor.get("datatype"), str)


def _named(tensor: dict[str, Any]) -> dict[str, Any]:
    return {"name": tensor["name"], "datatype": tensor["datatype"]}


def _cells(rows: pd.DataFrame) -> list[list[Any]]:
    columns = [_plain(rows.iloc[:, i]) for i in range(rows.shape[1])]
    return [list(cells) for cells in zip(*columns, strict=True)]


def _plain(values: Any) -> list[Any]:
    """Return values as JSON has them: numbers, flags and text; missing and infinite ones are null."""
    series = pd.Series(values)
    if pd.api.types.is_datetime64_any_dtype(series):
        series = series.dt.strftime("%Y-%m-%dT%H:%M:%S")
    usable = series.notna() & ~series.isin([np.inf, -np.inf])
    return [value if keep else None for value, keep in zip(series.tolist(), usable, strict=True)]


def _numbers(found: Any, n: int, where: str) -> Floats:
    """Return predictions from a list of numbers, of lists, or of objects by class."""
    if isinstance(found, list) and found and isinstance(found[0], dict):
        keys: Sequence[str] = list(found[0])
        try:
            found = [[row[key] for key in keys] for row in found]
        except (KeyError, TypeError) as error:
            raise BadModelOutput(where, "its rows have different fields") from error
    values = _floats(found, where)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in {1, 2} or len(values) != n or (values.ndim == 2 and not 1 <= values.shape[1] <= MAX_OUTPUTS):
        raise BadModelOutput(where, f"it answered {n:,} rows with an array of shape {values.shape}")
    return values


def _floats(found: Any, where: str) -> Floats:
    try:
        return np.array(found, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        reason = "it answers something else than numbers"
        raise BadModelOutput(where, reason, "serve probabilities, or values for a regression") from error
