"""LightGBM: boosted trees, DART and random forests, read from the text of the model.

A row goes left where ``x <= threshold`` in double precision; what a missing value does depends on the node: it follows
the default, is taken for zero, or zero is taken for missing. A category in the node's set goes left.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from debuggers.models.tree_readers.assembling import Array, Tree, assemble
from debuggers.models.trees import Link, Rule, Trees, UnreadableTrees

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_ZERO, _NAN = 1, 2  # kinds of missing values, in the third and fourth bit
_NEAR_ZERO = float(np.float32(1e-35))  # smaller numbers are left out of the rows that the library predicts
_LINKS = {
    "binary": Link.LOGISTIC, "cross_entropy": Link.LOGISTIC, "xentropy": Link.LOGISTIC,
    "multiclass": Link.SOFTMAX, "softmax": Link.SOFTMAX,
    "multiclassova": Link.ONE_VS_ALL, "multiclass_ova": Link.ONE_VS_ALL, "ova": Link.ONE_VS_ALL, "ovr": Link.ONE_VS_ALL,
    "poisson": Link.EXP, "gamma": Link.EXP, "tweedie": Link.EXP,
    "regression": Link.IDENTITY, "regression_l1": Link.IDENTITY, "huber": Link.IDENTITY, "fair": Link.IDENTITY,
    "quantile": Link.IDENTITY, "mape": Link.IDENTITY, "lambdarank": Link.IDENTITY, "rank_xendcg": Link.IDENTITY,
}  # fmt: skip


def read(booster: Any, *, rounds: int | None = None) -> Trees:
    """Return the trees of a booster.

    Parameters
    ----------
    rounds : int, optional
        Use the first rounds only; by default those that the booster itself predicts with.

    Raises
    ------
    UnreadableTrees
        Its leaves are linear models.
    """
    return parse(booster.model_to_string(num_iteration=rounds, importance_type="split"))


@lru_cache(maxsize=2)  # the same text is the same trees, and a notebook asks for them again and again
def parse(text: str) -> Trees:
    """Return the trees that the text of a model describes."""
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    header = _fields(head)
    n_outputs = int(header["num_tree_per_iteration"])
    trees = [_tree(_fields(block), i % n_outputs) for i, block in enumerate(blocks)]
    rounds = max(1.0, len(trees) / n_outputs) if "average_output" in header else 1.0
    objective, *options = header.get("objective", "").split() or [""]
    slope = next((float(o.partition(":")[2]) for o in options if o.startswith("sigmoid:")), 1.0)
    link = _LINKS.get(objective, Link.UNKNOWN)
    # A forest's raw scores are sums, and its predictions come from their means.
    is_number = link is Link.IDENTITY
    return assemble(
        trees,
        base=np.zeros(n_outputs),
        n_inputs=int(header["max_feature_idx"]) + 1,
        divisor=rounds if is_number else 1.0,
        link=Link.UNKNOWN if "sqrt" in options else link,
        slope=slope if is_number else slope / rounds,
        near_zero=_NEAR_ZERO,
    )


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.splitlines())
    return {key: value for key, _, value in pairs}


def _tree(fields: dict[str, str], output: int) -> Tree:
    if fields.get("is_linear", "0") == "1":
        raise UnreadableTrees("its leaves are linear models")
    n_leaves = int(fields["num_leaves"])
    n_inner = n_leaves - 1
    values = _numbers(fields["leaf_value"], n_leaves)
    if n_inner == 0:
        count = _numbers(fields.get("leaf_count", ""), 1)
        none = np.array([-1])
        return Tree(none, np.zeros(1), none, none, values, cover=count, output=output)
    kind = _numbers(fields["decision_type"], n_inner, np.int64)
    threshold = _numbers(fields["threshold"], n_inner)
    categorical = (kind & _CATEGORICAL) > 0
    missing = kind >> 2 & 3
    follows_default = missing != 0
    left, right = (_children(fields[f"{side}_child"], n_inner) for side in ("left", "right"))
    default_left = (kind & _DEFAULT_LEFT) > 0
    missing_left = np.where(categorical, False, np.where(follows_default, default_left, threshold >= 0.0))
    rule = np.where(categorical, Rule.AMONG, np.where(missing == _ZERO, Rule.AT_MOST_OR_ZERO, Rule.AT_MOST))
    leaf = np.full(n_leaves, -1)
    nothing = np.zeros(n_leaves)
    return Tree(
        feature=np.concatenate([_numbers(fields["split_feature"], n_inner, np.int64), leaf]),
        threshold=np.concatenate([np.where(categorical, 0.0, threshold), nothing]),
        left=np.concatenate([left, leaf]),
        right=np.concatenate([right, leaf]),
        missing_left=np.concatenate([missing_left, nothing.astype(bool)]),
        value=np.concatenate([np.zeros(n_inner), values]),
        cover=np.concatenate(
            [_numbers(fields[f"{of}_count"], n) for of, n in (("internal", n_inner), ("leaf", n_leaves))]
        ),
        rule=np.concatenate([rule, nothing]),
        members=np.concatenate([np.where(categorical, threshold, -1).astype(np.int64), leaf]),
        sets=_sets(fields) if categorical.any() else (),
        output=output,
    )


def _children(text: str, n_inner: int) -> Array:
    """Return the children's positions: a leaf, which is -1 - k in the file, comes behind the inner nodes."""
    found = _numbers(text, n_inner, np.int64)
    return np.where(found < 0, n_inner - 1 - found, found)


def _sets(fields: dict[str, str]) -> list[Array]:
    starts = _numbers(fields["cat_boundaries"], None, np.int64)
    words = _numbers(fields["cat_threshold"], None, np.int64).astype(np.uint32)
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    return [np.flatnonzero(bits[32 * a : 32 * b]) for a, b in pairwise(starts)]


def _numbers(text: str, n: int | None, dtype: Any = np.float64) -> Array:
    found = np.fromstring(text, dtype, sep=" ")
    if n is not None and len(found) != n:
        raise UnreadableTrees("a list of its text has another length than it says")
    return found
