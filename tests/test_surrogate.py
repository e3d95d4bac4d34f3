"""A surrogate of a small tree agrees with it everywhere; one of an exclusive or of eight is not to be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.subject import Subject
from debuggers.surrogate import surrogate
from debuggers.task import Task
from tests.analyses.functions import subject_of
from tests.subjects import subject


def numbers(n: int = 4_000, width: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(n, width)), columns=[f"x{i}" for i in range(width)])


def of_tree(estimator: DecisionTreeClassifier | DecisionTreeRegressor, y: pd.Series) -> Subject:
    X = numbers()
    return make_subject("tree", X.assign(y=y), Roles(target="y"), model=EstimatorModel(estimator.fit(X, y)))


def test_a_tree_of_depth_three_is_copied() -> None:
    X = numbers()
    y = ((X["x0"] > 0.3) & (X["x1"] > -0.2) | (X["x2"] > 1)).astype(int)
    found = surrogate(of_tree(DecisionTreeClassifier(max_depth=3, random_state=0), y), depth=3)
    overall = found.fidelity.iloc[0]
    assert overall["agreement"] == 1
    assert overall["r2"] == pytest.approx(1)
    assert bool(overall["trusted"])
    assert found.grown + found.held_out == 4_000


def test_a_regression_tree_is_copied_and_its_rules_read_as_its_own() -> None:
    y = (numbers()["x0"] > 0.5) * 2.0
    found = surrogate(of_tree(DecisionTreeRegressor(max_depth=1), y), depth=1)
    assert found.fidelity["r2"].iloc[0] == pytest.approx(1)
    assert found.fidelity["agreement"].isna().all()
    assert list(found.rules["says"]) == [2.0, 0.0]
    assert list(found.rules["rule"]) == ["x0 >= 0.5", "x0 < 0.5"]


def test_an_exclusive_or_of_eight_is_not_to_be_trusted() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 2, size=(4_000, 8)), columns=[f"b{i}" for i in range(8)])
    found = surrogate(subject_of(lambda t: t.sum(axis=1) % 2, X), depth=3)
    assert found.fidelity["r2"].iloc[0] < 0.1
    assert found.fidelity["trusted"].iloc[0] is False


def test_a_slice_where_the_tree_fails_is_told_from_the_others() -> None:
    """The model is one step, but where x3 is large it waves."""
    X = numbers()
    of = subject_of(lambda t: (t["x0"] > 0) * 4.0 + np.where(t["x3"] > 1, 3 * np.sin(9 * t["x1"]), 0.0), X)
    found = surrogate(of, depth=2)
    by_slice = found.fidelity.set_index("slice")
    worst = str(by_slice["r2"].idxmin())
    assert "x3 >=" in worst
    assert by_slice.loc[worst, "trusted"] is False
    assert by_slice["trusted"].isin([True]).any()


def test_rules_cover_every_row_once() -> None:
    of = subject(Task.BINARY, missing=True)
    found = surrogate(of, depth=3)
    assert found.rules["rows"].sum() == len(of.test)


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("model", [True, False])
def test_every_task_has_a_surrogate_with_and_without_a_model(task: Task, *, model: bool) -> None:
    of = subject(task, missing=True, model=model)
    found = surrogate(of, depth=4, output=len(of.outputs) - 1)
    assert found.fidelity["rows"].iloc[0] == found.held_out
    assert set(found.fidelity["slice"]) >= {"all rows", "group = 'old'"}


def test_a_constant_model_is_copied() -> None:
    found = surrogate(subject_of(lambda t: np.full(len(t), 2.0), numbers(200)), depth=3)
    assert found.fidelity["r2"].iloc[0] == 1
    assert list(found.rules["rule"]) == ["all rows"]
