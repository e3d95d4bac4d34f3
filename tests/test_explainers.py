"""Contributions equal an enumeration of all subsets, whichever way they are had."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVR

from debuggers import metrics
from debuggers.additive import AdditiveExplainer, NotAdditive
from debuggers.asked_explainer import AskedExplainer
from debuggers.explainer import Explainer
from debuggers.explainers import explainer_of
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.models.trees import UnreadableTrees
from debuggers.subject import Subject
from debuggers.tree_explainer import TreeExplainer
from tests.analyses.functions import subject_of

Floats = npt.NDArray[np.float64]


def numbers(n: int = 120, width: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(n, width)), columns=[f"x{i}" for i in range(width)])


def fitted(estimator: Any, y: Any) -> Subject:
    X = numbers()
    return make_subject("m", X.assign(y=np.asarray(y)), Roles(target="y"), model=EstimatorModel(estimator.fit(X, y)))


def enumerated(explainer: Explainer, row: pd.DataFrame, background: pd.DataFrame) -> Floats:
    """Return Shapley values from their definition, shape (n_features, n_outputs)."""
    features = list(explainer.features)
    m = len(features)

    def value(known: tuple[str, ...]) -> Floats:
        mixed = background.assign(**{f: row[f].iloc[0] for f in known})
        found: Floats = explainer.raw(mixed).mean(axis=0)
        return found

    out = []
    for feature in features:
        others = [f for f in features if f != feature]
        total: Any = 0.0
        for size in range(m):
            for known in combinations(others, size):
                total = total + (value((*known, feature)) - value(known)) / (m * comb(m - 1, size))
        out.append(total)
    return np.array(out)


def task_y(kind: str) -> Any:
    X = numbers()
    level = X["x0"] + X["x1"] * X["x2"]
    return level if kind == "regression" else np.digitize(level, [0.0] if kind == "binary" else [-0.5, 0.5])


MODELS: dict[str, tuple[Any, str, type[Explainer]]] = {
    "trees, log-odds": (HistGradientBoostingClassifier(max_iter=10), "binary", TreeExplainer),
    "trees, scores": (HistGradientBoostingClassifier(max_iter=5), "multiclass", TreeExplainer),
    "trees, values": (GradientBoostingRegressor(n_estimators=10), "regression", TreeExplainer),
    "forest": (RandomForestClassifier(8, random_state=0), "binary", TreeExplainer),
    "linear": (LinearRegression(), "regression", AdditiveExplainer),
    "logistic": (LogisticRegression(), "binary", AdditiveExplainer),
    "softmax": (LogisticRegression(), "multiclass", AdditiveExplainer),
}


@pytest.mark.parametrize("name", MODELS)
def test_contributions_equal_the_enumeration_of_all_subsets(name: str) -> None:
    estimator, kind, expected = MODELS[name]
    of = fitted(estimator, task_y(kind))
    explainer = explainer_of(of)
    assert isinstance(explainer, expected)
    rows, background = of.test.table.iloc[:3], of.test.table.iloc[50:60]
    found = explainer.share(rows, background)
    for i in range(3):
        np.testing.assert_allclose(found.values[i], enumerated(explainer, rows.iloc[[i]], background), atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_contributions_to_the_loss_add_up_to_it(name: str) -> None:
    estimator, kind, _ = MODELS[name]
    of = fitted(estimator, task_y(kind))
    explainer = explainer_of(of, permutations=2)
    rows, background = of.test.table.iloc[:20], of.test.table.iloc[50:80]
    found = explainer.share_loss(rows, of.y[:20], background)
    expected = metrics.loss(of.task, of.y[:20], of.scores[:20])
    if explainer.measure == "squared error of the probability":
        expected = np.square(of.scores[:20] - of.y[:20])
    # The slope of trees' log loss is met to a few digits where many rows are averaged over.
    loose = 2e-2 if isinstance(explainer, TreeExplainer) and explainer.measure == "log loss" else 1e-5
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, expected, atol=loose)


def test_the_loss_of_a_linear_model_is_shared_out_as_its_trees_would_be() -> None:
    """Against one background row the squared error changes by its slope times the change of the output."""
    weights = np.array([2.0, -1.0, 0.0, 0.5])
    of = subject_of(lambda t: t.to_numpy() @ weights, numbers())
    explainer = explainer_of(of)
    row, other = of.test.table.iloc[[0]], of.test.table.iloc[[7]]
    y = np.array([3.0])
    found = explainer.share_loss(row, y, other)
    a, b = explainer.raw(row)[0, 0], explainer.raw(other)[0, 0]
    apart = (row[list(of.test.features)].to_numpy() - other[list(of.test.features)].to_numpy())[0]
    np.testing.assert_allclose(found.values[0], weights * apart * (a + b - 2 * y[0]), atol=1e-9)
    assert found.base[0] == pytest.approx((b - 3.0) ** 2)


def test_a_product_is_no_sum() -> None:
    with pytest.raises(NotAdditive):
        AdditiveExplainer(subject_of(lambda t: t["x0"] * t["x1"], numbers()))


def test_a_sum_of_curves_and_categories_is_one() -> None:
    X = numbers().assign(job=np.array(["a", "b", None] * 40, dtype=object))
    of = subject_of(lambda t: np.sin(t["x0"]) + t["job"].map({"a": 1.0, "b": 3.0}).fillna(-1.0), X)
    explainer = AdditiveExplainer(of)
    found = explainer.share(of.test.table.iloc[:9], of.test.table)
    np.testing.assert_allclose(found.values.sum(axis=1)[:, 0] + found.base[0], of.scores[:9], atol=1e-9)
    np.testing.assert_allclose(found.values[:, [1, 2, 3]], 0, atol=1e-12)


def test_any_other_model_is_asked() -> None:
    of = fitted(SVR(), task_y("regression"))
    explainer = explainer_of(of, permutations=2)
    assert isinstance(explainer, AskedExplainer)
    assert "SVR" in explainer.asked_because
    rows, background = of.test.table.iloc[:5], of.test.table.iloc[50:60]
    found = explainer.share(rows, background)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, explainer.raw(rows), atol=1e-9)
    lost = explainer.share_loss(rows, of.y[:5], background)
    np.testing.assert_allclose(lost.values.sum(axis=1) + lost.base, of.loss[:5], atol=1e-9)


def test_a_model_without_trees_has_no_trees_to_explain() -> None:
    with pytest.raises(UnreadableTrees):
        TreeExplainer(subject_of(lambda t: t["x0"], numbers()))
