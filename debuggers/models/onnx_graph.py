"""What an ONNX graph says beyond its inputs and outputs: class labels, the last operation, categories.

onnxruntime does not tell these, so the protobuf is read, without running or trusting it.
"""

from __future__ import annotations

from dataclasses import dataclass

from debuggers.models import protobuf

# Field numbers of onnx.proto.
_GRAPH = 7
_NODE, _INITIALIZER = 1, 5
_INPUT, _OUTPUT, _OP, _ATTRIBUTE = 1, 2, 4, 5
_NAME, _INTS, _STRINGS = 1, 8, 9

_LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
_PASSES = frozenset(("Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"))


@dataclass(frozen=True)
class Node:
    """One operation."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    lists: dict[str, list[str] | list[int]]  # attributes that are lists of text or integers


@dataclass(frozen=True)
class Graph:
    """The operations of a model."""

    nodes: tuple[Node, ...]

    def class_labels(self) -> tuple[str, ...] | None:
        """Return the labels that a classifier or ZipMap node names, the last such node first."""
        for node in reversed(self.nodes):
            for key in _LABELS:
                if found := node.lists.get(key):
                    return tuple(str(label) for label in found)
        return None

    def ends_in(self, output: str) -> str:
        """Return the operation that computes an output, behind those that only change its type or shape."""
        makers = {name: node for node in self.nodes for name in node.outputs}
        seen: set[str] = set()
        while (node := makers.get(output)) is not None and output not in seen:
            if node.op not in _PASSES:
                return node.op
            seen.add(output)
            output = node.inputs[0] if node.inputs else ""
        return ""

    def categories(self) -> dict[str, tuple[object, ...]]:
        """Return the categories that one-hot encoders know, by the input or value that they encode.

        Where inputs are single columns, gathering from one changes nothing.
        """
        kept = [node for node in self.nodes if node.op in (*_PASSES, "Gather") and node.inputs]
        sources = {name: node.inputs[0] for node in kept for name in node.outputs}
        found: dict[str, tuple[object, ...]] = {}
        for node in self.nodes:
            if node.op == "OneHotEncoder" and node.inputs:
                name, steps = node.inputs[0], 0
                while name in sources and steps < len(sources):
                    name, steps = sources[name], steps + 1
                found[name] = tuple(node.lists.get("cats_strings") or node.lists.get("cats_int64s") or ())
        return found


def read(data: bytes) -> Graph:
    """Return the graph of an ONNX file.

    Raises
    ------
    ValueError
        The bytes are no protobuf message.
    """
    nodes = [
        _node(node)
        for graph in protobuf.messages(protobuf.message(data)[_GRAPH])
        for node in protobuf.messages(graph[_NODE])
    ]
    return Graph(tuple(nodes))


def _node(fields: protobuf.Message) -> Node:
    lists: dict[str, list[str] | list[int]] = {}
    for attribute in protobuf.messages(fields[_ATTRIBUTE]):
        name = protobuf.text(attribute[_NAME])
        if name in _LABELS or name.startswith("cats_"):
            lists[name] = protobuf.texts(attribute[_STRINGS]) or protobuf.integers(attribute[_INTS])
    inputs, outputs = protobuf.texts(fields[_INPUT]), protobuf.texts(fields[_OUTPUT])
    return Node(protobuf.text(fields[_OP]), tuple(inputs), tuple(outputs), lists)
