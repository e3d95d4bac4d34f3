"""CatBoost: oblivious and other trees on numbers, read from the library's own binary form.

A row goes right where ``x > border`` in single precision. Categories are tested through statistics of the training
labels, or through hashes, of one column or several together: such models are not read.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from debuggers.models.flat_buffer import Table
from debuggers.models.tree_readers.assembling import Array, Tree, assemble
from debuggers.models.trees import Link, Trees, UnreadableTrees

# Fields of model.fbs and features.fbs.
_CORE_TREES = 1
_DIMENSION, _SPLITS, _SIZES, _CATEGORICAL, _FLOATS, _VALUES, _WEIGHTS, _STEPS, _LEAF_OF = 0, 1, 2, 4, 5, 8, 9, 10, 11
_SCALE, _BIAS, _BIASES = 14, 15, 16
_HAS_NAN, _FLAT_INDEX, _BORDERS, _NAN_TREATMENT = 0, 2, 3, 5
_AS_TRUE = 2

_LINKS = {
    "Logloss": Link.LOGISTIC, "CrossEntropy": Link.LOGISTIC, "Focal": Link.LOGISTIC,
    "MultiClass": Link.SOFTMAX, "MultiClassOneVsAll": Link.ONE_VS_ALL,
    "Poisson": Link.EXP, "Tweedie": Link.EXP,
}  # fmt: skip
_IDENTITY = ("RMSE", "MAE", "Quantile", "MAPE", "Huber", "Expectile", "Lq", "LogCosh")


def read(model: Any) -> Trees:
    """Return the trees of a fitted or loaded model.

    Raises
    ------
    UnreadableTrees
        It splits on categories, text or embeddings.
    """
    data = model._serialize_model()  # noqa: SLF001 -- the bytes that `save_model` writes, without a file
    params = model.get_metadata().get("params")
    loss = json.loads(params).get("loss_function", {}) if params else {}
    name = str(loss.get("type", "") if isinstance(loss, dict) else loss).split(":")[0]
    return parse(bytes(data), name)


def parse(data: bytes, loss: str) -> Trees:
    """Return the trees in the bytes of a cbm file."""
    if data[:4] != b"CBM1":
        raise UnreadableTrees("its bytes do not begin as a CatBoost model does")
    (size,) = struct.unpack_from("<I", data, 4)
    found = Table.root(data[8 : 8 + size]).table(_CORE_TREES)
    if found is None:
        raise UnreadableTrees("it has no trees")
    dimension = int(found.scalar(_DIMENSION, "i", 0))
    splits = _Splits(found)
    sizes, values, weights = found.array(_SIZES, "<i4"), found.array(_VALUES, "<f8"), found.array(_WEIGHTS, "<f8")
    scale = float(found.scalar(_SCALE, "d", 1.0))
    steps = found.array(_STEPS, np.dtype([("left", "<u2"), ("right", "<u2")]))
    if len(steps):
        trees = _free(splits, steps, found, scale)
    else:
        trees = _oblivious(splits, sizes, values.reshape(-1, dimension) * scale, weights)
    biases = found.array(_BIASES, "<f8")
    base = biases if len(biases) else np.full(dimension, float(found.scalar(_BIAS, "d", 0.0)))
    link = _LINKS.get(loss, Link.IDENTITY if loss in _IDENTITY else Link.UNKNOWN)
    return assemble(trees, base=base, n_inputs=splits.n_inputs, single=True, link=link)


class _Splits:
    """What the numbers of splits mean: the borders of all inputs, one after another."""

    def __init__(self, found: Table) -> None:
        floats = found.tables(_FLOATS)
        borders = [f.array(_BORDERS, "<f4") for f in floats]
        counts = [len(b) for b in borders]
        self.of = found.array(_SPLITS, "<i4").astype(np.int64)
        if len(self.of) and self.of.max() >= sum(counts):
            raise UnreadableTrees("it splits on categories, text or embeddings by statistics over its training rows")
        self.n_inputs = len(floats) + len(found.tables(_CATEGORICAL))
        self.border = np.concatenate([*borders, np.zeros(1, np.float32)]).astype(np.float64)
        inputs = [int(f.scalar(_FLAT_INDEX, "i", -1)) for f in floats]
        self.input = np.repeat([*inputs, -1], [*counts, 1])
        right = [bool(f.scalar(_HAS_NAN, "?", False)) and f.scalar(_NAN_TREATMENT, "b", 0) == _AS_TRUE for f in floats]
        self.missing_left = ~np.repeat([*right, False], [*counts, 1])


def _oblivious(splits: _Splits, sizes: Array, values: Array, weights: Array) -> list[Tree]:
    trees, at, leaf_at = [], 0, 0
    for depth in sizes.tolist():
        if not 0 <= depth <= 16:  # as deep as CatBoost grows them
            raise UnreadableTrees(f"a tree has {depth} levels of splits")
        leaves = 1 << depth
        trees.append(
            _mirrored(
                splits,
                splits.of[at : at + depth],
                values[leaf_at : leaf_at + leaves],
                weights[leaf_at : leaf_at + leaves],
            )
        )
        at, leaf_at = at + depth, leaf_at + leaves
    return trees


def _mirrored(splits: _Splits, chosen: Array, values: Array, weights: Array) -> Tree:
    """Return a tree whose nodes of one level all ask the same, laid out as a heap."""
    depth, leaves = len(chosen), len(values)
    inner = leaves - 1
    level = np.repeat(np.arange(depth), 1 << np.arange(depth))
    # Bit k of a leaf's number is the answer at level k, and its place in the heap has the first answer highest.
    reversed_ = np.zeros(leaves, np.int64)
    for k in range(depth):
        reversed_ |= (np.arange(leaves) >> k & 1) << (depth - 1 - k)
    none = np.full(leaves, -1)
    nodes = np.arange(inner)
    asked = np.concatenate([chosen[level], np.full(leaves, len(splits.border) - 1)]).astype(np.int64)
    cover = np.full(inner + leaves, np.nan)
    if len(weights) == leaves:
        cover[inner:] = weights[reversed_]
        for i in range(inner - 1, -1, -1):
            cover[i] = cover[2 * i + 1] + cover[2 * i + 2]
    return Tree(
        feature=splits.input[asked],
        threshold=splits.border[asked],
        left=np.concatenate([2 * nodes + 1, none]),
        right=np.concatenate([2 * nodes + 2, none]),
        missing_left=splits.missing_left[asked],
        value=np.concatenate([np.zeros((inner, values.shape[1])), values[reversed_]]),
        cover=cover,
    )


def _free(splits: _Splits, steps: Array, found: Table, scale: float) -> list[Tree]:
    """Return trees that are not oblivious."""
    width = int(found.scalar(_DIMENSION, "i", 0))
    values = np.ascontiguousarray(found.array(_VALUES, "<f8") * scale).reshape(-1, width)
    weights = found.array(_WEIGHTS, "<f8")
    first = found.array(_LEAF_OF, "<u4").astype(np.int64) // width  # of inner nodes no number of a leaf
    trees, at = [], 0
    for size in found.array(_SIZES, "<i4").tolist():
        part = slice(at, at + size)
        trees.append(_grown(splits, splits.of[part], steps[part], first[part], (values, weights)))
        at += size
    return trees


def _grown(splits: _Splits, of: Array, steps: Array, leaf_of: Array, leaves: tuple[Array, Array]) -> Tree:
    """Return one tree: a step of 0 to one side ends at the node itself, which then is a leaf on that side."""
    size = len(of)
    nodes = np.arange(size)
    left, right = (nodes + steps[side].astype(np.int64) for side in ("left", "right"))
    is_leaf = (left == nodes) & (right == nodes)
    owner = [nodes]
    for child in (left, right):
        ends = nodes[~is_leaf & (child == nodes)]
        child[ends] = sum(map(len, owner)) + np.arange(len(ends))
        owner.append(ends)
    spare = sum(map(len, owner)) - size
    left[is_leaf] = right[is_leaf] = -1
    holds = np.concatenate([is_leaf, np.ones(spare, bool)])
    leaf = leaf_of[np.concatenate(owner)][holds]
    values, weights = leaves
    value = np.zeros((size + spare, values.shape[1]))
    value[holds] = values[leaf]
    cover = np.zeros(size + spare)
    cover[holds] = weights[leaf] if len(weights) else np.nan
    asked = np.concatenate([of, np.full(spare, len(splits.border) - 1)])
    none = np.full(spare, -1)
    tree = Tree(
        feature=splits.input[asked],
        threshold=splits.border[asked],
        left=np.concatenate([left, none]),
        right=np.concatenate([right, none]),
        missing_left=splits.missing_left[asked],
        value=value,
    )
    tree.cover = _summed(tree, cover)
    return tree


def _summed(tree: Tree, cover: Array) -> Array:
    """Return the leaves' cover added up towards the root, whatever the order of the nodes."""
    level = np.zeros(1, np.int64)
    levels: list[Array] = []
    while len(level) and len(levels) <= len(cover):
        inner = level[tree.left[level] >= 0]
        levels.append(inner)
        level = np.concatenate([tree.left[inner], tree.right[inner]])
    for inner in reversed(levels):
        cover[inner] = cover[tree.left[inner]] + cover[tree.right[inner]]
    return cover
