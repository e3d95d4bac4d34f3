"""Trees as arrays say what the library says: on random, boundary, missing and unseen values."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import catboost
import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression

from debuggers.models import ubjson
from debuggers.models.flat_buffer import Table
from debuggers.models.tree_readers.assembling import Tree, assemble
from debuggers.models.tree_readers.reading import read_trees
from debuggers.models.trees import Link, Rule, Trees, UnreadableTrees
from tests.forests import CASES, LEVELS, Array, fitted, raw, rows, takes_missing, truth
from tests.models.graphs import onnx_bytes

# Of these the sums are in double precision, and in the same order.
EXACT = ("tree", "extra tree", "hist", "hist, categories", "lightgbm", "lightgbm, categories",
         "lightgbm, one-hot", "lightgbm, dart", "lightgbm, zero is missing",
         "lightgbm, nothing is missing")  # fmt: skip


def boundaries(trees: Trees, *, categorical: bool) -> Array:
    """Return rows in which each number lies on a threshold or on a neighbour of it, in single and double precision."""
    rng = np.random.default_rng(3)
    X = rows(2_000, seed=4, missing=False)
    for f in range(trees.n_inputs - categorical):
        cuts = np.unique(trees.threshold[(trees.feature == f) & (trees.rule != Rule.AMONG)])
        if not len(cuts):
            continue
        cuts = cuts[np.abs(cuts) < 1e37]
        near = [cuts, *(np.nextafter(cuts, side) for side in (-np.inf, np.inf))]
        single = cuts.astype(np.float32)
        near += [single, *(np.nextafter(single, np.float32(side)) for side in (-np.inf, np.inf))]
        near += [[0.0, -0.0, 1e-36, -1e-36, 1e-35, 1e30, -1e30]]
        values = np.concatenate(near).astype(np.float64)
        X[:, f] = rng.choice(values[np.abs(values) < 1e38], len(X))
    return X


def says(model: Any, trees: Trees, X: Array) -> tuple[Array, Array]:
    found = trees.raw(X)
    return trees.answers(found) if trees.link is Link.ISOLATION else found, raw(model, X)


def is_categorical(name: str) -> bool:
    return "categories" in name or "one-hot" in name


def encoded(name: str, X: Array) -> Array:
    """Return the columns in the order of scikit-learn's own encoder, which puts categories first."""
    return X[:, [5, 0, 1, 2, 3, 4]] if name == "hist, categories" else X


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_trees_say_what_the_library_says(name: str, kind: str) -> None:
    model = fitted(name, kind)
    trees = read_trees(model)
    X = rows(2_000, seed=9, missing=takes_missing(model))
    edges = boundaries(trees, categorical=is_categorical(name))
    if name == "hist, categories":
        edges = edges[:, [1, 2, 3, 4, 5, 0]]
        edges[:, 5] = rows(2_000, seed=4)[:, 5]
    if is_categorical(name):
        unseen = edges[:200].copy()
        unseen[:, 5] = np.random.default_rng(0).choice([LEVELS, LEVELS + 1, np.nan], 200)
        if name != "xgboost" and "hist" not in name:
            edges = np.concatenate([edges, unseen])
    for batch in (X, edges):
        if name == "hist, categories":
            found, expected = trees.raw(encoded(name, batch)), raw(model, batch)
        else:
            found, expected = says(model, trees, batch)
        if name in EXACT:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[0] != "isolation"])
def test_the_link_leads_to_what_the_model_answers(name: str, kind: str) -> None:
    model = fitted(name, kind)
    trees = read_trees(model)
    X = rows(500, seed=5, missing=takes_missing(model))
    expected = model.predict(X) if kind == "regression" else model.predict_proba(X)
    found = trees.answers(trees.raw(encoded(name, X)))
    if kind == "binary" and found.shape[1] == 1:
        found = np.column_stack([1 - found, found])
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_arrays_on_the_wire_are_the_same_trees(name: str, kind: str) -> None:
    trees = read_trees(fitted(name, kind))
    again = Trees.from_arrays(trees.as_arrays())
    for field in dataclasses.fields(Trees):
        ours, theirs = getattr(trees, field.name), getattr(again, field.name)
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs), err_msg=field.name)


def test_a_model_that_stopped_early_is_read_as_far_as_it_predicts() -> None:
    X, y = rows(), truth(rows(), "regression")
    noise = np.random.default_rng(0).normal(size=len(y))
    xgb = xgboost.XGBRegressor(n_estimators=60, early_stopping_rounds=3).fit(X, y, eval_set=[(X, noise)], verbose=False)
    gbm = lightgbm.LGBMRegressor(n_estimators=60, verbose=-1)
    gbm.fit(X, y, eval_X=X, eval_y=noise, callbacks=[lightgbm.early_stopping(3, verbose=False)])
    for model, limit in ((xgb, 60), (gbm, 60)):
        trees = read_trees(model)
        assert len(trees.root) < limit
        np.testing.assert_allclose(trees.raw(X)[:, 0], model.predict(X), rtol=1e-6, atol=1e-6)


def test_a_number_that_stands_for_missing_is_missing() -> None:
    X = np.nan_to_num(rows(), nan=-999.0)
    model = xgboost.XGBRegressor(n_estimators=5, missing=-999.0).fit(X, truth(rows(), "regression"))
    np.testing.assert_allclose(read_trees(model).raw(X)[:, 0], model.predict(X), rtol=1e-6, atol=1e-6)


def test_a_poisson_model_is_an_exponential() -> None:
    y = np.exp(truth(rows(), "regression"))
    for model in (
        lightgbm.LGBMRegressor(objective="poisson", n_estimators=5, verbose=-1),
        xgboost.XGBRegressor(objective="count:poisson", n_estimators=5),
        HistGradientBoostingRegressor(loss="poisson", max_iter=5),
        catboost.CatBoostRegressor(loss_function="Poisson", iterations=5, verbose=0, allow_writing_files=False),
    ):
        trees = read_trees(model.fit(rows(), y))
        expected = model.predict(rows(), **({"prediction_type": "Exponent"} if "catboost" in str(type(model)) else {}))
        np.testing.assert_allclose(trees.answers(trees.raw(rows()))[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", ["forest", "gradient boosting", "xgboost", "lightgbm"])
def test_an_onnx_graph_of_trees_is_read(name: str, kind: str) -> None:
    model = fitted(name, kind)
    data = onnx_bytes(model, name)
    X = rows(500, seed=5, missing=takes_missing(model)).astype(np.float32)
    session = onnxruntime.InferenceSession(data)
    outputs = session.run(None, {session.get_inputs()[0].name: X})
    trees = read_trees(data)
    found = trees.answers(trees.raw(X))
    expected = np.asarray(outputs[-1])
    if kind == "binary" and found.shape[1] == 1:
        found = np.column_stack([1 - found, found])
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda X, y: LinearRegression().fit(X, y), "LinearRegression is no ensemble"),
        (lambda *_: object(), "of no library"),
        (lambda X, y: xgboost.XGBRegressor(booster="gblinear", n_estimators=2).fit(X, y), "linear booster"),
        (
            lambda X, y: xgboost.XGBRegressor(multi_strategy="multi_output_tree", n_estimators=2).fit(X, np.c_[y, y]),
            "vectors",
        ),
        (lambda X, y: lightgbm.LGBMRegressor(linear_tree=True, n_estimators=2, verbose=-1).fit(X, y), "linear models"),
        (lambda X, y: RandomForestRegressor(n_estimators=2).fit(X, np.c_[y, y]), "several targets"),
        (
            lambda X, y: GradientBoostingRegressor(n_estimators=2, init=LinearRegression()).fit(X, y),
            "starts from a LinearRegression",
        ),
        (
            lambda X, _: catboost.CatBoostRegressor(iterations=3, verbose=0, allow_writing_files=False).fit(
                pd.DataFrame({"k": (np.nan_to_num(X[:, 5])).astype(int).astype(str)}), np.nan_to_num(X[:, 5]) % 3,
                cat_features=["k"],
            ),
            "categories",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(make: Any, reason: str) -> None:
    X = rows(missing=False)
    with pytest.raises(UnreadableTrees, match=reason):
        read_trees(make(X, truth(X, "regression")))


def broken(**changes: Any) -> dict[str, Any]:
    arrays = {k: v.copy() for k, v in read_trees(fitted("hist, categories", "multiclass")).as_arrays().items()}
    for name, change in changes.items():
        arrays[name] = change(arrays[name]) if callable(change) else change
    return arrays


def put(at: int, value: float) -> Any:
    def change(array: Array) -> Array:
        array[at] = value
        return array

    return change


@pytest.mark.parametrize(
    "changes",
    [
        {"left": put(0, 0)},
        {"left": put(0, 1 << 30)},
        {"right": put(0, -5)},
        {"right": lambda a: np.where(a > 0, 1, a)},
        {"root": put(1, 0)},
        {"root": put(0, -1)},
        {"output": put(0, 3)},
        {"feature": put(0, 99)},
        {"value": lambda a: np.where(a != 0, np.nan, a)},
        {"base": np.zeros(0)},
        {"base": put(0, np.inf)},
        {"threshold": lambda a: a[:-1]},
        {"threshold": lambda a: np.full_like(a, np.nan)},
        {"rule": lambda a: np.full_like(a, 9)},
        {"members": lambda a: np.where(a >= 0, 10_000, a)},
        {"set_start": lambda a: a[::-1].copy()},
        {"set_start": lambda a: a[:-1]},
        {"set_value": put(0, -3)},
        {"set_value": put(0, 1 << 30)},
        {"cover": put(0, -1)},
        {"divisor": np.zeros(1)},
        {"divisor": np.zeros(2)},
        {"link": np.array(["no such link"], dtype=object)},
        {"link": np.zeros(1)},
        {"n_inputs": np.array([np.nan])},
        {"value": lambda a: a[:, 0]},
        {"feature": lambda a: a.astype(float)},
        {"feature": np.zeros(0, np.int32)},
    ],
)
def test_arrays_of_a_stranger_that_are_no_trees_are_refused(changes: dict[str, Any]) -> None:
    Trees.from_arrays(broken())
    with pytest.raises(UnreadableTrees):
        Trees.from_arrays(broken(**changes))


def test_a_field_that_is_not_there_is_refused() -> None:
    arrays = broken()
    del arrays["cover"]
    with pytest.raises(UnreadableTrees, match="no cover"):
        Trees.from_arrays(arrays)


def test_a_tree_that_is_a_chain_is_refused_and_does_not_hang() -> None:
    n = 5_001
    inner = np.arange(0, n - 1, 2)
    left, right = np.full(n, -1), np.full(n, -1)
    left[inner], right[inner] = inner + 1, inner + 2
    chain = Tree(np.where(left >= 0, 0, -1), np.zeros(n), left, right, np.zeros(n))
    with pytest.raises(UnreadableTrees, match="deeper"):
        assemble([chain], base=np.zeros(1), n_inputs=1)


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_damaged_bytes_are_refused(data: bytes) -> None:
    for parse in (ubjson.read, lambda d: Table.root(d).tables(1)):
        with contextlib.suppress(ValueError):
            parse(data)
