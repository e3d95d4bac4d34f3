"""Each check passes what keeps its promise and fails what breaks it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.svm import SVR

from debuggers.explainer import Explainer, Shares
from debuggers.explainers import explainer_of
from debuggers.explanation_checks import ROWS, run_checks
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.subject import Subject
from debuggers.task import Task
from debuggers.tree_explainer import TreeExplainer
from tests.analyses.functions import subject_of
from tests.subjects import subject

NAMES = [
    "Completeness", "Specificity", "Additivity", "Baseline invariance", "Stability", "Off-manifold share",
    "Deletion curve",
]  # fmt: skip


def numbers(n: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(n, 4)), columns=[f"x{i}" for i in range(4)])


def boosted(y: Any, X: pd.DataFrame | None = None, train: pd.DataFrame | None = None) -> Subject:
    X = numbers() if X is None else X
    model = EstimatorModel(HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(X, y))
    table = X.assign(y=y)
    known = None if train is None else train.assign(y=0.0)
    return make_subject("b", table, Roles(target="y", task=Task.REGRESSION), model=model, train=known)


def verdicts(explainer: Explainer) -> dict[str, str]:
    table, _ = run_checks(explainer, explainer.subject.test.table)
    assert list(table["check"]) == NAMES
    assert table["reading"].str.len().min() > 20
    return dict(zip(table["check"], table["verdict"], strict=True))


class Tampered(TreeExplainer):
    """An explainer whose contributions are changed before they are given."""

    def __init__(self, of: Subject, change: Any) -> None:
        super().__init__(of)
        self._change = change

    def of_trees(self, coder: Any, rows: pd.DataFrame, others: Any) -> Shares:
        found = super().of_trees(coder, rows, others)
        return replace(found, values=self._change(found.values))


@pytest.fixture(scope="module")
def additive() -> Subject:
    """Return a model of three features that ignores the fourth."""
    X = numbers()
    X["x3"] = 1.0
    return boosted(3 * X["x0"] + X["x1"] ** 2 + X["x2"], X)


def test_exact_contributions_pass_every_check(additive: Subject) -> None:
    found = verdicts(explainer_of(additive))
    assert found == dict.fromkeys(NAMES, "pass")


def test_a_gap_fails_completeness(additive: Subject) -> None:
    assert verdicts(Tampered(additive, lambda v: v * 1.01))["Completeness"] == "fail"


def test_something_for_a_dummy_fails_specificity(additive: Subject) -> None:
    """What x0 contributes is moved to x3, which the model ignores: the sum stays."""
    found = verdicts(Tampered(additive, lambda v: v[:, [3, 1, 2, 0]]))
    assert found["Specificity"] == "fail"
    assert found["Completeness"] == "pass"


def test_sizes_in_place_of_contributions_fail_additivity(additive: Subject) -> None:
    assert verdicts(Tampered(additive, np.abs))["Additivity"] == "fail"


def test_a_stale_background_fails_baseline_invariance() -> None:
    """Against training rows in which x1 was another, x1 matters; against today's it does not."""
    X = numbers()
    stale = numbers(seed=1).assign(x1=lambda t: t["x1"] + 8)
    both, y = pd.concat([X, stale]), np.concatenate([X["x0"] + 0.3 * X["x2"], stale["x0"] + 20 * (stale["x1"] > 4)])
    model = EstimatorModel(HistGradientBoostingRegressor(max_iter=40, random_state=0).fit(both, y))
    roles = Roles(target="y", task=Task.REGRESSION)
    of = make_subject("stale", X.assign(y=0.0), roles, model=model, train=stale.assign(y=0.0))
    table, _ = run_checks(explainer_of(of), of.test.table)
    check = table.set_index("check").loc["Baseline invariance"]
    assert check["verdict"] == "fail"
    assert "here against training rows" in check["reading"]
    fresh = make_subject("fresh", X.assign(y=0.0), roles, model=model, train=numbers(seed=2).assign(y=0.0))
    known, _ = run_checks(explainer_of(fresh), fresh.test.table)
    assert known.set_index("check").loc["Baseline invariance", "number"] > check["number"]


def test_a_few_background_rows_fail_stability_where_features_weigh_the_same() -> None:
    """Four features of the same weight: which one comes first is a matter of the draw."""
    X = numbers(2_000)
    explainer = explainer_of(boosted(X.sum(axis=1), X))
    few, _ = run_checks(explainer, X.head(4))
    many, _ = run_checks(explainer, X)
    checks = [t.set_index("check").loc["Stability"] for t in (few, many)]
    assert checks[0]["verdict"] == "fail"
    assert checks[1]["number"] > checks[0]["number"]


def test_features_that_cannot_be_mixed_fail_the_off_manifold_share() -> None:
    """All features are nearly the same one: a row that mixes two rows is like none."""
    X = numbers()
    same = pd.DataFrame({f"x{i}": X["x0"] + 0.01 * X[f"x{i}"] for i in range(4)})
    of = boosted(same["x0"] * 2, same)
    table, _ = run_checks(explainer_of(of), of.test.table)
    check = table.set_index("check").loc["Off-manifold share"]
    assert check["verdict"] == "fail"
    assert check["number"] > 0.5


def test_an_order_upside_down_fails_the_deletion_curve(additive: Subject) -> None:
    def upside_down(values: Any) -> Any:
        sizes = np.abs(values)
        return sizes.max(axis=1, keepdims=True) - sizes

    found, curve = run_checks(Tampered(additive, upside_down), additive.test.table)
    assert found.set_index("check").loc["Deletion curve", "verdict"] == "fail"
    assert curve["explained"].mean() < curve["random"].mean()


def test_the_deletion_curve_begins_at_nothing_and_ends_where_chance_does(additive: Subject) -> None:
    _, curve = run_checks(explainer_of(additive), additive.test.table)
    assert curve["explained"].iloc[0] == 0
    assert curve["explained"].iloc[-1] == pytest.approx(curve["random"].iloc[-1])
    assert list(curve["removed"]) == [0, 0.25, 0.5, 0.75, 1]


def test_path_dependent_values_have_no_baseline(additive: Subject) -> None:
    found = verdicts(explainer_of(additive, "path-dependent"))
    unknown = {name for name, verdict in found.items() if verdict == "unknown"}
    assert unknown == {"Baseline invariance", "Stability", "Off-manifold share"}


def test_a_model_that_is_asked_is_checked_too() -> None:
    X = numbers(100)
    y = X["x0"] * 2 + X["x1"] ** 2
    of = make_subject("svr", X.assign(y=y), Roles(target="y"), model=EstimatorModel(SVR().fit(X, y)))
    found = verdicts(explainer_of(of, permutations=2))
    assert found["Completeness"] == "pass"
    assert found["Additivity"] == "pass"
    assert found["Deletion curve"] == "pass"


def test_a_sum_over_features_has_nothing_to_divide() -> None:
    found = verdicts(explainer_of(subject_of(lambda t: t["x0"] + 2 * t["x1"], numbers())))
    assert found["Additivity"] == "unknown"
    assert found["Specificity"] == "pass"


def test_one_row_leaves_most_unknown() -> None:
    of = boosted(numbers()["x0"])
    single = of.restrict(np.arange(600) == 0)
    found = verdicts(explainer_of(single))
    assert found["Completeness"] == "pass"
    assert {found[n] for n in ("Stability", "Off-manifold share", "Deletion curve")} == {"unknown"}


def test_rows_are_counted() -> None:
    table, _ = run_checks(
        explainer_of(subject(Task.BINARY, missing=True)), subject(Task.BINARY, missing=True).test.table
    )
    assert set(table["rows"]) == {ROWS, 500}
