"""What the server compiles at its start is all that a click needs."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest

from debuggers import accumulated_local_effects, partial_dependence, shap_values
from debuggers.curves import composed_trees
from tests.forests import fitted, rows

MODULES = [
    "forest", "links", "questions", "tree_boxes", "tree_counts", "tree_curves", "tree_indices", "tree_lines",
    "tree_local", "tree_pairs", "tree_parts", "tree_shap", "tree_values",
]  # fmt: skip


def signatures(modules: list[ModuleType]) -> dict[str, int]:
    """Return how many types of arguments each compiled function is there for."""
    found = {f"{m.__name__}.{k}": v for m in modules for k, v in vars(m).items() if hasattr(v, "nopython_signatures")}
    return {name: len(function.nopython_signatures) for name, function in found.items()}


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize("name", ["hist", "xgboost, categories", "lightgbm", "catboost", "forest"])
def test_nothing_is_compiled_after_the_start(name: str, kind: str) -> None:
    modules = [importlib.import_module(f"debuggers.kernels.{m}") for m in MODULES]
    for module in modules:
        if hasattr(module, "warm"):
            module.warm()
    before = signatures(modules)
    assert sum(before.values()) >= 25
    X, model = rows(50), fitted(name, kind)
    grids = [np.unique(x[np.isfinite(x)]) for x in X.T]
    for scale in ("raw", "answer"):
        partial_dependence(model, X, grids, scale=scale)
        partial_dependence(model, X, grids, scale=scale, kind="individual")
        accumulated_local_effects(model, X, grids, scale=scale)
    shap_values(model, X)
    shap_values(model, X, X[:9])
    composed_trees(model).trees.raw(np.asfortranarray(X))  # as the columns of a table come
    assert signatures(modules) == before
