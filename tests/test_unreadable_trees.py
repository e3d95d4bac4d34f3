"""Models whose trees cannot be read, and data with nothing in them: answers of the same shape, with the reason."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline

from debuggers import accumulated_local_effects, explain, interactions, partial_dependence
from debuggers.analyses.effects import EffectsParams, effects
from debuggers.analyses.what_if import WhatIfParams, what_if
from debuggers.counterfactuals import counterfactuals
from debuggers.editing import own_values
from debuggers.goals import Goal
from debuggers.joint_effects import interactions_of
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.subject import Subject
from debuggers.task import Task
from tests.pages.frame import opened, said

ROWS, NAMES = 160, ["a", "b", "c"]


def data(seed: int = 0) -> tuple[pd.DataFrame, Any]:
    X = pd.DataFrame(np.random.default_rng(seed).normal(size=(ROWS, 3)), columns=NAMES)
    return X, (X["a"] * X["b"] + X["c"] > 0).astype(int)


def linear_leaves(X: pd.DataFrame, y: Any) -> Any:
    return lightgbm.LGBMClassifier(linear_tree=True, n_estimators=4, verbose=-1, n_jobs=1).fit(X, y)


def mixing(X: pd.DataFrame, y: Any) -> Any:
    return make_pipeline(PCA(3), HistGradientBoostingClassifier(max_iter=5)).fit(X, y)


def linear_booster(X: pd.DataFrame, y: Any) -> Any:
    return xgboost.XGBClassifier(booster="gblinear", n_estimators=4, n_jobs=1).fit(X, y)


UNREADABLE = [(linear_leaves, "linear models"), (mixing, "may mix columns"), (linear_booster, "linear booster")]


def subject_of(model: Any, X: pd.DataFrame, y: Any) -> Subject:
    return make_subject("x", X.assign(y=y), Roles(target="y", task=Task.BINARY), model=EstimatorModel(model))


@pytest.mark.parametrize(("make", "reason"), UNREADABLE)
def test_unreadable_trees_are_asked_and_the_answers_have_the_same_shape(make: Any, reason: str) -> None:
    X, y = data()
    unreadable, readable = make(X, y), HistGradientBoostingClassifier(max_iter=5).fit(X, y)
    grids = {"a": [-1.0, 0.0, 1.0], "c": [0.0, 1.0]}
    for kind in ("average", "individual"):
        shapes = [[c.shape for c in partial_dependence(m, X, grids, kind=kind)] for m in (unreadable, readable)]
        assert shapes[0] == shapes[1]
    local = [[c.shape for c in accumulated_local_effects(m, X, grids)] for m in (unreadable, readable)]
    assert local[0] == local[1]
    pairs = interactions(unreadable, X)
    assert len(pairs.pairs) == len(interactions(readable, X).pairs) == 3
    assert reason in pairs.asked_because
    found = explain(unreadable, X.iloc[:3], X.iloc[:20])
    assert found.values.shape == explain(readable, X.iloc[:3], X.iloc[:20]).values.shape
    assert reason in found.asked_because


@pytest.mark.parametrize(("make", "reason"), UNREADABLE)
def test_what_is_asked_says_why(make: Any, reason: str) -> None:
    X, y = data()
    of = subject_of(make(X, y), X, y)
    assert reason in effects(of, EffectsParams(feature="a")).asked_because
    assert reason in interactions_of(of).asked_because
    goal = Goal(1.0 - float(of.decision[0]))
    result = counterfactuals(of, own_values(of, 0), goal, many=1)
    assert reason in result.asked_because
    assert result.found[0].bound is None
    assert len(what_if(of, WhatIfParams(0)).responses) == 3


def test_the_page_says_why_trees_are_not_read() -> None:
    X, y = data()
    of = subject_of(linear_leaves(X, y), X, y)
    for link in ({}, {"effects_feature": "a"}):
        app = opened("effects", of, **link)
        assert any(
            "its trees cannot be read, because" in text and "linear models" in text for text in said(app.caption)
        )


def test_a_way_over_more_than_sixteen_columns_has_values_and_curves() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 24))
    y = (X > 0).sum(axis=1).astype(float)
    model = lightgbm.LGBMRegressor(
        n_estimators=2, max_depth=-1, num_leaves=200, min_child_samples=1, min_split_gain=0.0, verbose=-1, n_jobs=1,
        feature_fraction_bynode=0.1, learning_rate=1.0, random_state=0,
    ).fit(X, y)  # fmt: skip
    grids = {f: [-1.0, 0.0, 1.0] for f in range(24)}
    for f, curve in enumerate(partial_dependence(model, X[:40], grids)):
        for value, mean in zip(grids[f], curve, strict=True):
            changed = X[:40].copy()
            changed[:, f] = value
            assert mean == pytest.approx(model.predict(changed).mean(), abs=1e-9)
    found = explain(model, X[:4], X[:10])
    total = found.values.sum(axis=1) + found.base
    np.testing.assert_allclose(total[:, 0], model.predict(X[:4]), atol=1e-6)
    assert len(interactions(model, X[:60]).pairs) == 24 * 23 // 2


EMPTY = {
    "constant": np.ones(ROWS),
    "missing": np.full(ROWS, np.nan),
    "ignored": np.random.default_rng(3).normal(size=ROWS),
}


@pytest.mark.parametrize("kind", list(EMPTY))
def test_a_column_that_says_nothing_gets_an_answer(kind: str) -> None:
    X, y = data()
    X = X.assign(idle=EMPTY[kind])
    used = X.assign(idle=1.0)  # scikit-learn fits no column that is missing throughout
    model = HistGradientBoostingClassifier(max_iter=8).fit(used, y)
    of = subject_of(model, X, y)
    result = effects(of, EffectsParams(feature="idle"))
    curves = result.curves
    assert curves.empty or np.ptp(curves["pdp"].to_numpy(dtype=float)) == 0
    assert result.groups.empty
    pairs = interactions_of(of).pairs
    assert pairs.loc[(pairs["first"] == "idle") | (pairs["second"] == "idle"), "strength"].to_numpy().max() == 0
    found = what_if(of, WhatIfParams(0))
    assert "idle" not in set(found.flips["feature"])
    changed = counterfactuals(of, own_values(of, 0), Goal(1.0 - float(of.decision[0])))
    assert all("idle" not in c.changes for c in changed.found)
    opened("effects", of, effects_feature="idle")


def test_one_row_gets_an_answer() -> None:
    X, y = data()
    model = HistGradientBoostingClassifier(max_iter=8).fit(X, y)
    of = subject_of(model, X.iloc[:1], y.iloc[:1])
    assert len(effects(of, EffectsParams(feature="a")).curves) == 1
    assert interactions_of(of).pairs["strength"].to_numpy().max() == 0
    assert what_if(of, WhatIfParams(0)).flips.empty
    result = counterfactuals(of, own_values(of, 0), Goal(1.0 - float(of.decision[0])))
    assert result.found == ()
    assert result.none_because
    assert set(result.held) == set(NAMES)


def test_a_category_unseen_in_training_gets_an_answer() -> None:
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"job": pd.Categorical(rng.choice(["it", "care"], 200)), "x": rng.normal(size=200)})
    y = ((train["job"] == "it") ^ (train["x"] > 0)).astype(int)
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=8).fit(train, y)
    test = pd.DataFrame({"job": ["it", "care", "pilot"] * 20, "x": rng.normal(size=60)})
    test["job"] = pd.Categorical(test["job"])
    of = subject_of(model, test, rng.integers(0, 2, 60))
    assert len(effects(of, EffectsParams(feature="job")).curves) == 3
    assert len(interactions_of(of).pairs) == 1
    values = {**own_values(of, 0), "job": "pilot"}
    result = counterfactuals(of, values, Goal(1.0), many=2)
    assert all(of.predict(of.test.X.iloc[:1]).shape == (1, 1) for _ in result.found)
    assert result.found or result.none_because
