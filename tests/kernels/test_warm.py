"""What the server compiles at its start is all that a click needs."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pandas as pd
import pytest

from debuggers import accumulated_local_effects, kernels, partial_dependence, shap_values
from debuggers.analyses.error_terrain import ErrorTerrainParams, error_terrain
from debuggers.analyses.weak_slices import WeakSlicesParams, weak_slices
from debuggers.curves import composed_trees
from debuggers.debugger import Debugger, all_debuggers
from debuggers.matching import Roles, make_subject
from debuggers.slice_methods import METHODS
from debuggers.task import Task
from tests.forests import fitted, rows
from tests.subjects import subject

MODULES = [importlib.import_module(f"{kernels.__name__}.{m.name}") for m in pkgutil.iter_modules(kernels.__path__)]


def signatures() -> dict[str, list[str]]:
    """Return the types of arguments that each compiled function is there for."""
    found = {f"{m.__name__}.{k}": v for m in MODULES for k, v in vars(m).items() if hasattr(v, "nopython_signatures")}
    return {name: list(map(str, function.nopython_signatures)) for name, function in found.items()}


@pytest.fixture(autouse=True)
def started() -> None:
    for module in MODULES:
        if hasattr(module, "warm"):
            module.warm()


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize("name", ["hist", "xgboost, categories", "lightgbm", "catboost", "forest"])
def test_nothing_is_compiled_after_the_start(name: str, kind: str) -> None:
    before = signatures()
    assert sum(map(len, before.values())) >= 25
    X, model = rows(50), fitted(name, kind)
    grids = [np.unique(x[np.isfinite(x)]) for x in X.T]
    for scale in ("raw", "answer"):
        partial_dependence(model, X, grids, scale=scale)
        partial_dependence(model, X, grids, scale=scale, kind="individual")
        accumulated_local_effects(model, X, grids, scale=scale)
    shap_values(model, X)
    shap_values(model, X, X[:9])
    composed_trees(model).trees.raw(np.asfortranarray(X))  # as the columns of a table come
    assert signatures() == before


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("n", [2_000, 25_000])
def test_nothing_is_compiled_by_a_search_for_slices(task: Task, n: int) -> None:
    rng = np.random.default_rng(0)
    features = pd.DataFrame(
        {
            "number": rng.normal(size=n), "large": rng.integers(0, 10**6, n), "small": rng.integers(0, 5, n),
            "gaps": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)), "truth": rng.random(n) < 0.5,
            "word": rng.choice(list("abc"), n), "day": pd.date_range("2020-01-01", periods=n, freq="h"),
        }
    )  # fmt: skip
    scores = rng.dirichlet([1, 1, 1], n)
    classes = ("a", "b", "c") if task is Task.MULTICLASS else None
    said = {f"said {c}": scores[:, i] for i, c in enumerate(classes or ("it",))}
    y = {Task.BINARY: rng.integers(0, 2, n), Task.MULTICLASS: rng.choice(list("abc"), n)}.get(task, rng.normal(size=n))
    roles = Roles(target="y", predictions=tuple(said), task=task, classes=classes)
    of = make_subject("noise", features.assign(**said, y=y), roles)
    before = signatures()
    for method in METHODS:
        weak_slices(of, WeakSlicesParams(method=method, draws=9))
    error_terrain(of, ErrorTerrainParams())
    assert signatures() == before


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("debugger", all_debuggers().values(), ids=lambda d: d.slug)
def test_nothing_is_compiled_by_a_page(debugger: Debugger, task: Task) -> None:
    of = subject(task, missing=True)
    if debugger.obstacle(of) is not None:
        pytest.skip("does not apply")
    before = signatures()
    debugger.run(of)
    assert signatures() == before
