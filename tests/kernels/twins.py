"""Random ensembles with every rule that libraries have, and what is asked of them row by row."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.kernels.tree_values import goes_left
from debuggers.models.tree_readers.assembling import Tree, assemble
from debuggers.models.trees import Rule, Trees

Array = npt.NDArray[Any]
Ask = Callable[[Array], Array]


def random_trees(
    seed: int, *, inputs: int = 4, trees: int = 3, depth: int = 4, outputs: int = 1, wide: bool = False
) -> Trees:
    """Return an ensemble over numbers with few levels, the last input being a category; leaves may come early."""
    rng = np.random.default_rng(seed)
    made = [_tree(rng, inputs, depth, outputs if wide else 1, 0 if wide else t % outputs) for t in range(trees)]
    return assemble(
        made, base=rng.normal(size=outputs), n_inputs=inputs, divisor=float(rng.choice([1.0, 3.0])), floors=True
    )


def _tree(rng: np.random.Generator, inputs: int, depth: int, width: int, output: int) -> Tree:
    nodes: list[dict[str, Any]] = []
    sets: list[Array] = []

    def grow(level: int) -> int:
        at = len(nodes)
        cover = float(rng.integers(1, 50))
        nodes.append({"feature": -1, "threshold": 0.0, "left": -1, "right": -1, "missing": False, "rule": 0, "set": -1,
                      "value": rng.normal(size=width), "cover": cover})  # fmt: skip
        if level == depth or rng.random() < 0.15:
            return at
        f = int(rng.integers(inputs))
        node = nodes[at]
        node.update(feature=f, missing=bool(rng.random() < 0.5), value=np.zeros(width))
        if f == inputs - 1 and inputs > 1:
            node.update(rule=Rule.AMONG, set=len(sets))
            sets.append(np.sort(rng.choice(5, int(rng.integers(0, 5)), replace=False)))
        else:
            node.update(rule=int(rng.choice([0, 0, 0, 1, 2])), threshold=float(rng.integers(-2, 3)))
        left = grow(level + 1)
        right = grow(level + 1)
        node.update(left=left, right=right, cover=nodes[left]["cover"] + nodes[right]["cover"])
        return at

    grow(0)
    column = {key: np.array([n[key] for n in nodes]) for key in nodes[0]}
    return Tree(
        feature=column["feature"], threshold=column["threshold"], left=column["left"], right=column["right"],
        value=column["value"], cover=column["cover"], missing_left=column["missing"], rule=column["rule"],
        members=column["set"], sets=sets, output=output,
    )  # fmt: skip


def random_rows(seed: int, n: int, inputs: int = 4) -> Array:
    """Return rows that hit thresholds, lie between them, are missing, or are of an unknown category."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-6, 7, (n, inputs)) / 2
    if inputs > 1:
        X[:, -1] = rng.integers(-1, 7, n)
    X[rng.random((n, inputs)) < 0.1] = np.nan
    return X


def curves_by_asking(trees: Trees, X: Array, grid: Array) -> Array:
    """Return raw individual curves, shape (n, n_inputs, n_outputs, n_points), one prediction for each."""
    out = np.empty((len(X), X.shape[1], trees.n_outputs, len(grid)))
    for f in range(X.shape[1]):
        for g, value in enumerate(grid[:, f]):
            changed = X.copy()
            changed[:, f] = value
            out[:, f, :, g] = trees.raw(changed)
    return out


def shapley(value: Callable[[frozenset[int]], Array], n: int) -> Array:
    """Return Shapley values of a game by its definition, shape (n, ...)."""
    known = {frozenset(s): value(frozenset(s)) for k in range(n + 1) for s in combinations(range(n), k)}
    out = []
    for i in range(n):
        total = np.zeros_like(known[frozenset()])
        for s, v in known.items():
            if i not in s:
                total = total + factorial(len(s)) * factorial(n - len(s) - 1) / factorial(n) * (known[s | {i}] - v)
        out.append(total)
    return np.array(out)


def expected_without(trees: Trees, x: Array, known: frozenset[int], source: Array) -> Array:
    """Return what the trees say of a row of which some columns are known, by the training rows' shares."""
    rounded = trees.rounded(x[None])[0]
    out = trees.base.copy()

    def walk(at: int, t: int, share: float) -> None:
        if trees.feature[at] < 0:
            first = trees.output[t]
            out[first : first + trees.width] += share * trees.value[at] / trees.divisor
            return
        f, left, right = trees.feature[at], trees.left[at], trees.right[at]
        if source[f] in known:
            k = trees.members[at]
            members = trees.set_value[trees.set_start[k] : trees.set_start[k + 1]] if k >= 0 else trees.set_value[:0]
            goes = goes_left(rounded[f], trees.rule[at], trees.threshold[at], trees.missing_left[at], members)
            walk(left if goes else right, t, share)
            return
        total = trees.cover[at]
        for child in (left, right):
            walk(child, t, share * trees.cover[child] / total if total else 0.0)

    for t, root in enumerate(trees.root):
        walk(root, t, 1.0)
    return out


def enumerated(ask: Ask, X: Array, background: Array) -> Array:
    """Return interventional Shapley values by their definition, all subsets in one question."""
    n = X.shape[1]
    subsets = [s for k in range(n + 1) for s in combinations(range(n), k)]
    asked = np.tile(background, (len(X) * len(subsets), 1, 1)).reshape(len(X), len(subsets), *background.shape)
    for k, subset in enumerate(subsets):
        asked[:, k, :, list(subset)] = X[:, list(subset)].T[:, :, None]
    says = ask(asked.reshape(-1, n)).reshape(len(X), len(subsets), len(background), -1).mean(axis=2)
    values = {frozenset(s): says[:, k] for k, s in enumerate(subsets)}
    return np.moveaxis(shapley(values.__getitem__, n), 0, 1)
