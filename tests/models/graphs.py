"""Small ONNX graphs, built by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.forests import rows


def model(nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **weights: Any) -> bytes:
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(list(nodes), "graph", list(inputs), list(outputs), initializers)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def floats(name: str, *shape: int | None) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def linear(weights: Sequence[Sequence[float]], *after: str, batch: int | None = None) -> bytes:
    """Return ``x @ weights`` followed by operations, as torch exports a linear layer and an activation."""
    w = np.asarray(weights, np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y0"])]
    nodes += [helper.make_node(op, [f"y{i}"], [f"y{i + 1}"]) for i, op in enumerate(after)]
    return model(nodes, [floats("x", batch, w.shape[0])], [floats(f"y{len(after)}", batch, w.shape[1])], w=w)


def endless() -> bytes:
    """Return a graph that loads at once and never answers."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_in"], ["go_out"]), helper.make_node("Add", ["s_in", "s_in"], ["s_out"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_in", TensorProto.BOOL, []),
            floats("s_in", None, 1),
        ],
        [helper.make_tensor_value_info("go_out", TensorProto.BOOL, []), floats("s_out", None, 1)],
    )
    loop = helper.make_node("Loop", ["times", "go", "x"], ["y"], body=body)
    times, go = np.array(1 << 60, np.int64), np.array(True)
    return model([loop], [floats("x", None, 1)], [floats("y", None, 1)], times=times, go=go)


def onnx_bytes(model: Any, name: str) -> bytes:
    """Return a fitted model of `tests.forests` as a graph."""
    width = rows().shape[1]
    import onnxmltools
    import skl2onnx

    if name in ("xgboost", "lightgbm"):
        convert = getattr(onnxmltools, f"convert_{name}")
        kind = onnxmltools.convert.common.data_types.FloatTensorType([None, width])
        extra = {"zipmap": False} if name == "lightgbm" and hasattr(model, "classes_") else {}
        return bytes(convert(model, initial_types=[("x", kind)], target_opset=15, **extra).SerializeToString())
    options = {"options": {"zipmap": False}} if hasattr(model, "classes_") else {}
    return bytes(skl2onnx.to_onnx(model, rows()[:1].astype(np.float32), target_opset=15, **options).SerializeToString())
