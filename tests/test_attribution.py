"""Public attributions equal those of the shap library, and of its permutations where there are no trees."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from debuggers import explain, shap_values
from tests.forests import WIDTH, Array, fitted, rows, takes_missing, truth
from tests.kernels.twins import enumerated

# What shap's own explainer reads without error: it knows no categories of scikit-learn, and other numbers of CatBoost.
KNOWN = ["forest", "extra trees", "gradient boosting", "hist", "xgboost", "lightgbm", "lightgbm, dart", "tree"]


def peer(model: Any, X: Array, background: Array | None) -> Array:
    how = "tree_path_dependent" if background is None else "interventional"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        found = shap.TreeExplainer(model, background, feature_perturbation=how).shap_values(X, check_additivity=False)
    return np.asarray(found)


def eighths(X: Array) -> Array:
    """Return numbers that are the same in single precision."""
    return np.round(X * 8) / 8


@pytest.mark.parametrize("kind", ["binary", "regression"])
@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("interventional", [False, True])
def test_values_are_those_of_the_shap_library(name: str, kind: str, *, interventional: bool) -> None:
    model = fitted(name, kind)
    missing = takes_missing(model)
    if name in ("forest", "extra trees", "tree"):
        # Of scikit-learn's trees shap rounds no values to single precision, and sends missing ones the wrong way.
        missing = False
        X = eighths(rows(missing=False))
        model = clone(model).fit(X, truth(X, kind))
    X, background = (eighths(rows(n, seed=n, missing=missing)) for n in (60, 40))
    found = shap_values(model, X, background if interventional else None)
    np.testing.assert_allclose(found, peer(model, X, background if interventional else None), atol=1e-5)


def test_shap_rounds_thresholds_where_rows_lie_on_them() -> None:
    """Thresholds of hist gradient boosting can be rows' values; shap rounds them to single precision, and rows cross.

    It does so where it takes a background. Rounded likewise, ours are its values; as they are, ours are the model's.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, WIDTH))
    y = X[:, 0] * X[:, 1] + X[:, 2] + rng.normal(size=len(X)) > 0
    model = HistGradientBoostingClassifier(max_iter=20).fit(X, y)
    background, asked = X[:30], X[30:50]
    theirs = peer(model, asked, background)
    truth = enumerated(lambda rows_: model.decision_function(rows_)[:, None], asked, background)[:, :, 0]
    np.testing.assert_allclose(shap_values(model, asked, background), truth, atol=1e-9)
    assert np.abs(theirs - truth).max() > 1e-3
    rounded = copy.deepcopy(model)
    for (grown,) in rounded._predictors:
        grown.nodes["num_threshold"] = grown.nodes["num_threshold"].astype(np.float32)
    np.testing.assert_allclose(shap_values(rounded, asked, background), theirs, atol=1e-6)


def test_several_classes_have_values_each() -> None:
    model, X = fitted("xgboost", "multiclass"), rows(60, seed=3)
    found = explain(model, X)
    assert found.values.shape == (60, 6, 3)
    np.testing.assert_allclose(shap_values(model, X), peer(model, X, None), atol=1e-5)
    assert (found.method, found.is_exact, found.background) == ("trees, path-dependent", True, 0)


def people(n: int) -> tuple[pd.DataFrame, Array]:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"age": rng.integers(18, 80, n), "job": rng.choice(["cook", "it", "care"], n), "noise": rng.normal(size=n)}
    )
    return table, ((table["age"] > 40) ^ (table["job"] == "it")).to_numpy(int)


def test_preprocessed_columns_have_one_value_each_that_add_up() -> None:
    table, y = people(300)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["job"]), remainder="passthrough")
    model = make_pipeline(encode, RandomForestClassifier(10, random_state=0)).fit(table, y)
    found = explain(model, table.head(20), table.tail(100))
    assert found.values.shape == (20, 3, 2)
    assert found.background == 100
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, model.predict_proba(table.head(20)), atol=1e-9)
    assert np.abs(found.values[:, 1]).mean() > 5 * np.abs(found.values[:, 2]).mean()


@pytest.mark.parametrize("as_frame", [False, True])
def test_a_model_that_is_no_tree_is_asked_and_its_values_add_up(*, as_frame: bool) -> None:
    X: Any = rows(80, missing=False)
    weights = np.arange(6.0)
    model = LinearRegression().fit(X, X @ weights)
    table = pd.DataFrame(X) if as_frame else X
    found = explain(model, table[:5], table)
    assert "LinearRegression" in found.asked_because
    assert not found.is_exact
    np.testing.assert_allclose(found.values[:, :, 0].sum(axis=1) + found.base[0], model.predict(X[:5]), atol=1e-6)
    np.testing.assert_allclose(np.diff(found.values[:, 5, 0]), weights[5] * np.diff(X[:5, 5]), atol=1e-6)
    np.testing.assert_array_equal(explain(model, table[:5], table).values, found.values)


def test_text_reaches_a_model_that_is_asked_as_text() -> None:
    table, y = people(120)
    encode = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    model = make_pipeline(encode, KNeighborsRegressor()).fit(table, y)
    values = shap_values(model, table.head(4), table)
    assert values.shape == (4, 3)
    assert np.isfinite(values).all()
