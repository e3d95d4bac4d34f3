"""The public curves are those of scikit-learn's brute force, over every library and through preprocessing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.inspection import partial_dependence as brute
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

import debuggers.curves
from debuggers import accumulated_local_effects, partial_dependence
from debuggers.curves import composed_trees
from debuggers.models.trees import UnreadableTrees
from tests.forests import CASES, WIDTH, Array, fitted, raw, rows, takes_missing


class Raw(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Any function of rows as a fitted regressor, so that scikit-learn asks it."""

    def __init__(self, model: Any = None, output: int = 0) -> None:
        self.model, self.output, self.fitted_ = model, output, True

    def fit(self, *_: Any) -> Raw:
        return self

    def predict(self, X: Array) -> Array:
        return np.asarray(raw(self.model, X)[:, self.output])


def grids_of(X: Array, points: int = 8) -> list[Array]:
    found = [
        np.unique(np.nanquantile(X[:, f], np.linspace(0, 1, points), method="inverted_cdf")) for f in range(X.shape[1])
    ]
    return [np.append(g, np.nan) if np.isnan(X[:, f]).any() else g for f, g in enumerate(found)]


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[0] != "isolation"])
def test_curves_are_those_of_brute_force(name: str, kind: str) -> None:
    model = fitted(name, kind)
    X = rows(120, seed=8, missing=takes_missing(model))
    grids = grids_of(X)
    average = partial_dependence(model, X, grids)
    single = partial_dependence(model, X, grids, kind="individual")
    in_single = "xgboost" in name or "catboost" in name
    tolerance = 2e-6 if "xgboost" in name else 1e-9
    assert in_single or tolerance == 1e-9
    outputs = raw(model, X[:1]).shape[1]
    for f, grid in enumerate(grids):
        for o in range(outputs):
            truth = brute(Raw(model, o), X, [f], custom_values={f: grid}, method="brute", kind="both")
            mean, lines = average[f].reshape(len(grid), outputs), single[f].reshape(len(X), len(grid), outputs)
            np.testing.assert_allclose(mean[:, o], truth["average"][0], atol=tolerance, rtol=0)
            np.testing.assert_allclose(lines[:, :, o], truth["individual"][0], atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("name", "kind"), [("hist", "binary"), ("lightgbm", "multiclass"), ("xgboost", "binary"), ("forest", "binary")]
)
def test_answers_are_averaged_on_their_own_scale(name: str, kind: str) -> None:
    model = fitted(name, kind)
    X = rows(120, seed=8)
    grids = grids_of(X)
    found = partial_dependence(model, X, grids, scale="answer")
    lines = partial_dependence(model, X, grids, scale="answer", kind="individual")
    for f, grid in enumerate(grids):
        for g, value in enumerate(grid):
            changed = X.copy()
            changed[:, f] = value
            p = model.predict_proba(changed)
            p = p[:, 1] if kind == "binary" and name != "forest" else p
            np.testing.assert_allclose(lines[f][:, g], p, atol=1e-6)
            np.testing.assert_allclose(found[f][g], p.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("name", ["hist", "lightgbm", "xgboost", "catboost", "forest"])
@pytest.mark.parametrize("scale", ["raw", "answer"])
def test_local_effects_are_those_of_the_definition(name: str, scale: str) -> None:
    model = fitted(name, "binary")
    X = rows(200, seed=8)
    edges = [g[np.isfinite(g)] for g in grids_of(X)]
    found = accumulated_local_effects(model, X, edges, scale=scale)
    trees = composed_trees(model).trees

    def ask(table: Array) -> Array:
        values = trees.raw(table)
        return values if scale == "raw" else trees.answers(values)

    for f, z in enumerate(edges):
        total, x = [np.zeros(trees.n_outputs)], X[:, f]
        for k in range(1, len(z)):
            inside = (x <= z[k]) & ((x > z[k - 1]) | ((k == 1) & (x == z[0])))
            upper, lower = X[inside].copy(), X[inside].copy()
            upper[:, f], lower[:, f] = z[k], z[k - 1]
            total.append(total[-1] + (ask(upper) - ask(lower)).mean(axis=0) if inside.any() else total[-1])
        curve = np.array(total)
        known = x[np.isfinite(x)]
        curve -= [np.interp(known, z, curve[:, o]).mean() for o in range(trees.n_outputs)]
        np.testing.assert_allclose(found[f].reshape(curve.shape), curve, atol=1e-9)


def people(n: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n).astype(float),
            "income": rng.lognormal(10, 1, n),
            "job": rng.choice(["cook", "it", "care", "sales"], n),
            "city": rng.choice(["a", "b", "c"], n),
            "empty": np.where(rng.random(n) < 0.9, np.nan, 1.0),
        }
    )
    table.loc[rng.random(n) < 0.2, "age"] = np.nan
    return table


def preprocessed(last: Any) -> Any:
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", drop="first"), ["job"]),
            (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["age", "empty"]),
            (FunctionTransformer(np.log1p), ["income"]),
            (SplineTransformer(n_knots=4), ["income"]),
            (make_union(ordinal, OneHotEncoder(handle_unknown="ignore")), ["city"]),
            (TargetEncoder(), ["job", "city"]),
            (KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), ["income"]),
        ),
        last,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:Found unknown categories")  # what scikit-learn says of a pilot
@pytest.mark.parametrize(
    "last",
    [
        HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=5),
        RandomForestClassifier(n_estimators=10, random_state=0),
    ],
)
def test_effects_go_through_preprocessing_to_raw_columns(last: Any) -> None:
    table = people()
    y = ((table["job"] == "it") ^ (table["income"] > 20_000) ^ (table["age"].fillna(30) > 50)).astype(int)
    model = preprocessed(last).fit(table, y)
    assert composed_trees(model).n_features == table.shape[1]
    assert set(composed_trees(model).source) == {0, 1, 2, 3, 4}
    grids: dict[str, list[Any]] = {
        "age": [20.0, 50.0, np.nan],
        "income": [1e3, 2e4, 1e5],
        "job": ["cook", "it", "pilot"],
        "city": ["a", "c"],
    }
    found = partial_dependence(model, table, grids, scale="answer", kind="individual")
    average = partial_dependence(model, table, grids, scale="answer")
    for (name, values), curves, mean in zip(grids.items(), found, average, strict=True):
        for g, value in enumerate(values):
            p = model.predict_proba(table.assign(**{name: value}))
            p = p if curves.ndim == 3 else p[:, 1]
            np.testing.assert_allclose(curves[:, g], p, atol=1e-9)
            np.testing.assert_allclose(mean[g], p.mean(axis=0), atol=1e-9)


def test_categories_of_data_frames_are_coded_as_the_library_codes_them() -> None:
    import lightgbm
    import xgboost

    table = people()[["age", "job", "city"]].astype({"job": "category", "city": "category"})
    y = (table["job"].isin(["it", "cook"]) ^ (table["city"] == "b")).astype(int)
    for model in (
        xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, max_cat_to_onehot=1),
        lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, min_child_samples=2, min_data_per_group=2),
        HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=2, categorical_features="from_dtype"),
    ):
        model.fit(table, y)
        (found,) = partial_dependence(model, table, {"job": ["care", "it", "sales"]}, scale="answer")
        jobs = pd.CategoricalDtype(table["job"].cat.categories)
        expected = [
            model.predict_proba(table.assign(job=pd.Series([j] * len(table), dtype=jobs)))[:, 1].mean()
            for j in ("care", "it", "sales")
        ]
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert np.ptp(found) > 0.05


def test_steps_that_mix_columns_are_asked_instead() -> None:
    X = rows(150, missing=False)
    model = make_pipeline(PCA(3), RandomForestClassifier(n_estimators=5, random_state=0)).fit(X, X[:, 0] > 0)
    with pytest.raises(UnreadableTrees, match="PCA"):
        composed_trees(model)
    (found,) = partial_dependence(model, X, {1: [0.0, 1.0]})
    expected = [model.predict_proba(np.c_[X[:, :1], np.full(len(X), v), X[:, 2:]])[:, 1].mean() for v in (0.0, 1.0)]
    np.testing.assert_allclose(found if found.ndim == 1 else found[:, 1], expected, atol=1e-9)


@pytest.mark.parametrize("as_frame", [False, True])
def test_models_without_trees_have_curves_of_the_same_shapes(
    monkeypatch: pytest.MonkeyPatch, *, as_frame: bool
) -> None:
    monkeypatch.setattr(debuggers.curves, "BATCH", 250)
    X: Any = rows(100, missing=False)
    model = LinearRegression().fit(X, X @ np.arange(6.0))
    table = pd.DataFrame(X) if as_frame else X
    grids = grids_of(X)
    for f, (mean, lines, centred, local) in enumerate(
        zip(
            partial_dependence(model, table, grids),
            partial_dependence(model, table, grids, kind="individual"),
            partial_dependence(model, table, grids, kind="centred"),
            accumulated_local_effects(model, table, grids),
            strict=True,
        )
    ):
        assert lines.shape == (100, len(grids[f]))
        np.testing.assert_allclose(centred, np.tile(f * (grids[f] - grids[f][0]), (100, 1)), atol=1e-9)
        np.testing.assert_allclose(np.diff(mean), f * np.diff(grids[f]), atol=1e-9)
        np.testing.assert_allclose(local, f * (grids[f] - X[:, f].mean()), atol=1e-9)


def test_columns_that_nothing_asks_of_and_single_rows_have_flat_curves() -> None:
    X = np.zeros((1, WIDTH))
    model = fitted("hist", "regression")
    for found, grid in zip(partial_dependence(model, X, [[0.0]] * WIDTH), [[0.0]] * WIDTH, strict=True):
        assert found.shape == (len(grid),)
        np.testing.assert_allclose(found, model.predict(X), atol=1e-9)
    (local,) = accumulated_local_effects(model, X, {0: [0.0]})
    assert local.tolist() == [0.0]


def test_wrong_arguments_are_named() -> None:
    model, X = fitted("hist", "regression"), rows(10)
    with pytest.raises(ValueError, match="scale is one of raw, answer"):
        partial_dependence(model, X, [[0.0]] * WIDTH, scale="log")
    with pytest.raises(ValueError, match="1 grids for 6 columns"):
        partial_dependence(model, X, [[0.0]])
