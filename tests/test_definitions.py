"""Effects and attributions of every library's trees equal their definitions, asked row by row.

They are asked of the trees as arrays, which sum in double precision: equal to 1e-9. And of the library itself: equal to
1e-9 where it sums in double precision too, else to a millionth of what its sums can reach.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import pytest

from debuggers import accumulated_local_effects, partial_dependence, shap_values
from debuggers.curves import composed_trees
from debuggers.models.composed import ComposedTrees
from debuggers.models.tree_readers.reading import read_trees
from debuggers.models.trees import Link, Trees
from tests.forests import CASES, WIDTH, Array, fitted, raw, rows, takes_missing
from tests.kernels.twins import Ask, enumerated, expected_without, shapley
from tests.models.graphs import onnx_bytes

IN_SINGLE = ("xgboost", "catboost", "onnx")  # catboost's leaves are doubles, its inputs and borders are not
ONNX = [("onnx, forest", "binary")] + [
    (f"onnx, {name}", "regression") for name in ("forest", "gradient boosting", "xgboost", "lightgbm")
]


class Graph:
    """A graph of trees, with the runtime that answers for it."""

    def __init__(self, data: bytes) -> None:
        self.trees = read_trees(data)
        self.session = onnxruntime.InferenceSession(data)

    def composed_trees(self) -> ComposedTrees:
        return ComposedTrees(self.trees, np.arange(WIDTH), lambda X: np.asarray(X, dtype=np.float64), WIDTH)

    def raw(self, X: Array) -> Array:
        outputs = self.session.run(None, {self.session.get_inputs()[0].name: X.astype(np.float32)})
        found = np.asarray(outputs[-1], dtype=np.float64)
        return found.reshape(len(X), -1)[:, -self.trees.n_outputs :]  # of two classes' probabilities the second


@cache
def model_of(name: str, kind: str) -> Any:
    if not name.startswith("onnx"):
        return fitted(name, kind)
    inner = name.removeprefix("onnx, ")
    return Graph(onnx_bytes(fitted(inner, kind), inner))


def asks(name: str, model: Any) -> list[tuple[Ask, float]]:
    """Return what is asked: our trees and the library, with how far apart its answers may be."""
    composed = composed_trees(model)
    trees = composed.trees

    def library(X: Array) -> Array:
        if isinstance(model, Graph):
            return model.raw(X)
        found = raw(model, X)
        return -np.log2(-(found + trees.offset)) if trees.link is Link.ISOLATION else found

    apart = 1e-6 * reach(trees) if name.startswith(IN_SINGLE) else 1e-9
    return [(lambda X: trees.raw(composed.encode(X)), 1e-9), (library, apart)]


def reach(trees: Trees) -> float:
    """Return how large a sum of leaves can be at most."""
    largest = np.maximum.reduceat(np.abs(trees.value).max(axis=1), np.sort(trees.root))
    return float(np.abs(trees.base).max() + largest.sum() / trees.divisor)


def changed(X: Array, column: int, values: Any) -> Array:
    out = X.copy()
    out[:, column] = values
    return out


def rows_for(name: str, model: Any, n: int, seed: int) -> Array:
    missing = takes_missing(model) and name != "onnx, gradient boosting"
    return rows(n, seed=seed, missing=missing).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize(("name", "kind"), CASES + ONNX)
def test_curves_are_those_of_asking(name: str, kind: str) -> None:
    model = model_of(name, kind)
    X = rows_for(name, model, 60, seed=21)
    grids = [np.unique(X[:, f])[:: max(1, len(np.unique(X[:, f])) // 6)] for f in range(WIDTH)]
    average = partial_dependence(model, X, grids)
    single = partial_dependence(model, X, grids, kind="individual")
    for ask, apart in asks(name, model):
        for f, grid in enumerate(grids):
            lines = np.stack([ask(changed(X, f, value)) for value in grid], axis=1)
            np.testing.assert_allclose(single[f].reshape(lines.shape), lines, rtol=0, atol=apart)
            np.testing.assert_allclose(
                average[f].reshape(lines.shape[1:]), lines.mean(axis=0), rtol=0, atol=apart, err_msg=str(f)
            )


@pytest.mark.parametrize(("name", "kind"), CASES + ONNX)
def test_local_effects_are_those_of_asking(name: str, kind: str) -> None:
    model = model_of(name, kind)
    X = rows_for(name, model, 150, seed=22)
    edges = [np.unique(np.nanquantile(X[:, f], [0.1, 0.3, 0.5, 0.7, 0.9])) for f in range(WIDTH)]
    found = accumulated_local_effects(model, X, edges)
    for ask, apart in asks(name, model):
        for f, z in enumerate(edges):
            x, total = X[:, f], [np.zeros(ask(X[:1]).shape[1])]
            for k in range(1, len(z)):
                inside = (x <= z[k]) & ((x > z[k - 1]) | ((k == 1) & (x == z[0])))
                change = ask(changed(X[inside], f, z[k])) - ask(changed(X[inside], f, z[k - 1]))
                total.append(total[-1] + (change.mean(axis=0) if inside.any() else 0.0))
            curve, known = np.array(total), x[np.isfinite(x)]
            curve -= [np.interp(known, z, curve[:, o]).mean() for o in range(curve.shape[1])]
            np.testing.assert_allclose(found[f].reshape(curve.shape), curve, rtol=0, atol=4 * len(z) * apart)


@pytest.mark.parametrize(("name", "kind"), CASES + ONNX)
def test_attributions_are_those_of_all_subsets(name: str, kind: str) -> None:
    model = model_of(name, kind)
    X, background = rows_for(name, model, 3, seed=23), rows_for(name, model, 9, seed=24)
    found = shap_values(model, X, background)
    for ask, apart in asks(name, model):
        np.testing.assert_allclose(found.reshape(*X.shape, -1), enumerated(ask, X, background), rtol=0, atol=4 * apart)


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if "binary" in case or case[0] == "isolation"])
def test_path_dependent_attributions_are_those_of_all_subsets(name: str, kind: str) -> None:
    model = model_of(name, kind)
    composed = composed_trees(model)
    X = rows_for(name, model, 2, seed=25)
    found = shap_values(model, X).reshape(*X.shape, -1)
    for encoded, values in zip(composed.encode(X), found, strict=True):

        def said(known: frozenset[int], row: Array = encoded) -> Array:
            return expected_without(composed.trees, row, known, composed.source)

        np.testing.assert_allclose(values, shapley(said, WIDTH), rtol=0, atol=1e-9)
