"""ONNX: the operators TreeEnsembleRegressor and TreeEnsembleClassifier, fed by the graph's inputs as they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from debuggers.models import protobuf
from debuggers.models.tree_readers.assembling import Array, Tree, assemble
from debuggers.models.trees import Link, Rule, Trees, UnreadableTrees

# Field numbers of onnx.proto.
_GRAPH, _NODE, _GRAPH_INPUT = 7, 1, 11
_INPUT, _OUTPUT, _OP, _ATTRIBUTE = 1, 2, 4, 5
_NAME, _TEXT, _INTEGER, _TENSOR, _FLOATS, _INTEGERS, _TEXTS = 1, 4, 3, 5, 7, 8, 9
_RAW, _DOUBLES = 9, 10
_OPERATORS = ("TreeEnsembleRegressor", "TreeEnsembleClassifier")
_PASSES = ("Identity", "Cast")
# Mode of a node -> whether the row whose input fulfils it goes left here, and the rule asked here.
_MODES = {
    "BRANCH_LEQ": (True, Rule.AT_MOST), "BRANCH_LT": (True, Rule.AT_MOST),
    "BRANCH_GT": (False, Rule.AT_MOST), "BRANCH_GTE": (False, Rule.AT_MOST),
    "BRANCH_EQ": (True, Rule.EQUAL), "BRANCH_NEQ": (False, Rule.EQUAL),
}  # fmt: skip
_BELOW = ("BRANCH_LT", "BRANCH_GTE")  # an input equal to the value goes the other way


def read(data: bytes) -> Trees:
    """Return the trees in the bytes of a model.

    Raises
    ------
    UnreadableTrees
        It has no such operator or several, or something else than the inputs feeds it.
    """
    (graph,) = protobuf.messages(protobuf.message(data)[_GRAPH])
    nodes = list(protobuf.messages(graph[_NODE]))
    found = [node for node in nodes if protobuf.text(node[_OP]) in _OPERATORS]
    if len(found) != 1:
        raise UnreadableTrees(f"its graph has {len(found)} ensembles of trees")
    inputs = [protobuf.text(i[_NAME]) for i in protobuf.messages(graph[_GRAPH_INPUT])]
    if _sources(protobuf.texts(found[0][_INPUT])[0], nodes) != inputs:
        raise UnreadableTrees("its graph changes the inputs before they reach the trees")
    attributes = {protobuf.text(a[_NAME]): a for a in protobuf.messages(found[0][_ATTRIBUTE])}
    return _ensemble(_Attributes(attributes), len(inputs), classifies=protobuf.text(found[0][_OP]) == _OPERATORS[1])


def _sources(name: str, nodes: list[protobuf.Message]) -> list[str]:
    """Return the inputs that reach a value unchanged, in their order."""
    makers = {output: node for node in nodes for output in protobuf.texts(node[_OUTPUT])}
    for _ in range(len(nodes) + 1):
        node = makers.get(name)
        if node is None:
            return [name]
        op, feeds = protobuf.text(node[_OP]), protobuf.texts(node[_INPUT])
        if op == "Concat":
            return [source for feed in feeds for source in _passed(feed, makers)]
        if op not in _PASSES:
            break
        name = feeds[0]
    return []


def _passed(name: str, makers: Mapping[str, protobuf.Message]) -> list[str]:
    node = makers.get(name)
    if node is None:
        return [name]
    feeds = protobuf.texts(node[_INPUT])
    return feeds[:1] if protobuf.text(node[_OP]) in _PASSES and feeds[0] not in makers else []


class _Attributes:
    """The lists that an operator is made of."""

    def __init__(self, found: Mapping[str, protobuf.Message]) -> None:
        self._found = found

    def integers(self, name: str) -> Array:
        return np.array(protobuf.integers(self._found[name][_INTEGERS]) if name in self._found else [], np.int64)

    def texts(self, name: str) -> list[str]:
        return protobuf.texts(self._found[name][_TEXTS]) if name in self._found else []

    def text(self, name: str, otherwise: str) -> str:
        return protobuf.text(self._found[name][_TEXT]) if name in self._found else otherwise

    def integer(self, name: str, otherwise: int) -> int:
        values = protobuf.integers(self._found[name][_INTEGER]) if name in self._found else []
        return values[-1] if values else otherwise

    def numbers(self, name: str) -> Array:
        """Return numbers, of single precision or, under another name, of double."""
        if f"{name}_as_tensor" in self._found:
            (tensor,) = protobuf.messages(self._found[f"{name}_as_tensor"][_TENSOR])
            parts = [bytes(v) for v in (*tensor[_RAW], *tensor[_DOUBLES]) if isinstance(v, memoryview)]
            return np.frombuffer(b"".join(parts), "<f8")
        return np.array(protobuf.floats(self._found[name][_FLOATS]) if name in self._found else [], np.float32)

    @property
    def is_double(self) -> bool:
        return "nodes_values_as_tensor" in self._found


def _ensemble(found: _Attributes, n_sources: int, *, classifies: bool) -> Trees:
    if found.text("aggregate_function", "SUM") not in ("SUM", "AVERAGE"):
        raise UnreadableTrees("it takes the smallest or largest of its trees")
    of_tree, of_node = found.integers("nodes_treeids"), found.integers("nodes_nodeids")
    owner, position = (found.integers(f"{'class' if classifies else 'target'}_{k}") for k in ("treeids", "nodeids"))
    target = found.integers("class_ids" if classifies else "target_ids")
    weight = found.numbers("class_weights" if classifies else "target_weights").astype(np.float64)
    labels = len(found.integers("classlabels_int64s")) or len(found.texts("classlabels_strings"))
    width = max(labels if classifies else found.integer("n_targets", 1), 1)
    one = classifies and labels == 2 and len(np.unique(target)) <= 1
    if one:
        width, target = 1, np.zeros_like(target)
    trees = []
    for tree in np.unique(of_tree).tolist():
        mine, ours = of_tree == tree, owner == tree
        value = np.zeros((int(mine.sum()), width))
        number = np.searchsorted(of_node[mine], position[ours])
        np.add.at(value, (number, target[ours]), weight[ours])
        trees.append(_tree(found, mine, value))
    base = found.numbers("base_values").astype(np.float64)
    highest = max(int(t.feature.max()) for t in trees) + 1 if trees else 1
    return assemble(
        trees,
        base=base[-width:] if len(base) >= width else np.zeros(width),
        n_inputs=max(n_sources, highest),
        divisor=float(len(trees)) if found.text("aggregate_function", "SUM") == "AVERAGE" else 1.0,
        single=not found.is_double,
        link=_link(found.text("post_transform", "NONE"), one=one, positive=bool((weight >= 0).all()), width=width),
    )


def _link(after: str, *, one: bool, positive: bool, width: int) -> Link:
    """Return the link; the runtime takes weights of one class, none of them negative, for probabilities."""
    if after == "NONE":
        return Link.IDENTITY if not one or positive else Link.UNKNOWN
    if after == "LOGISTIC" and width == 1 and not (one and positive):
        return Link.LOGISTIC
    return Link.SOFTMAX if after == "SOFTMAX" and width > 1 else Link.UNKNOWN


def _tree(found: _Attributes, mine: Array, value: Array) -> Tree:
    modes = [m for m, kept in zip(found.texts("nodes_modes"), mine, strict=True) if kept]
    leaf = np.array([m == "LEAF" for m in modes])
    unknown = set(modes) - {"LEAF", *_MODES}
    if unknown:
        raise UnreadableTrees(f"a node compares by {min(unknown)}")
    nodes = found.integers("nodes_nodeids")[mine]
    yes, no = (np.searchsorted(nodes, found.integers(f"nodes_{k}nodeids")[mine]) for k in ("true", "false"))
    left_is_yes = np.array([_MODES.get(m, (True, 0))[0] for m in modes])
    rule = np.array([_MODES.get(m, (True, Rule.AT_MOST))[1] for m in modes])
    numbers = found.numbers("nodes_values")[mine]
    below = np.array([m in _BELOW for m in modes])
    tracks = found.integers("nodes_missing_value_tracks_true")
    missing_yes = (tracks[mine] > 0 if len(tracks) else np.zeros(len(modes), bool)) | (np.array(modes) == "BRANCH_NEQ")
    return Tree(
        feature=found.integers("nodes_featureids")[mine],
        threshold=np.where(below, np.nextafter(numbers, numbers.dtype.type(-np.inf)), numbers).astype(np.float64),
        left=np.where(leaf, -1, np.where(left_is_yes, yes, no)),
        right=np.where(leaf, -1, np.where(left_is_yes, no, yes)),
        missing_left=missing_yes == left_is_yes,
        value=value,
        rule=rule,
    )
