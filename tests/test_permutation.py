"""Permutation importance equals scikit-learn's with the same permutations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.utils import check_random_state

from debuggers.permutation import permutation_losses, permutation_table, permutations
from debuggers.subject import Subject
from debuggers.task import Task
from tests.analyses.functions import subject_of
from tests.subjects import subject
from tests.test_explainers import fitted, numbers, task_y

REPEATS = 4


def drawn_by_scikit_learn(n: int) -> npt.NDArray[np.int64]:
    """Return the orders that `permutation_importance` of seed 0 deals values out in, for every column the same.

    It shuffles one order on and on, and applies it to the column as the repetition before has left it.
    """
    rng = check_random_state(check_random_state(0).randint(np.iinfo(np.int32).max + 1))
    order, dealt, orders = np.arange(n), np.arange(n), []
    for _ in range(REPEATS):
        rng.shuffle(order)
        dealt = dealt[order]
        orders.append(dealt)
    return np.array(orders)


@pytest.mark.parametrize(
    ("estimator", "kind", "scoring"),
    [
        (HistGradientBoostingClassifier(max_iter=10), "binary", "neg_log_loss"),
        (HistGradientBoostingClassifier(max_iter=5), "multiclass", "neg_log_loss"),
        (HistGradientBoostingRegressor(max_iter=10), "regression", "neg_mean_squared_error"),
        (LinearRegression(), "regression", "neg_mean_squared_error"),
    ],
)
def test_it_is_that_of_scikit_learn(estimator: Any, kind: str, scoring: str) -> None:
    of = fitted(estimator, task_y(kind))
    grown = permutation_losses(of, drawn_by_scikit_learn(len(of.test)))
    theirs = permutation_importance(
        estimator, numbers(), task_y(kind), scoring=scoring, n_repeats=REPEATS, random_state=0
    )
    np.testing.assert_allclose(grown.mean(axis=2), theirs.importances, atol=1e-9)


def test_it_is_that_of_scikit_learn_through_preprocessing() -> None:
    """Permuting a column of text permutes all that it is encoded as."""
    of = subject(Task.BINARY, missing=True)
    orders = permutations(len(of.test), 2, 1)
    grown = permutation_losses(of, orders)
    at = of.test.features.index("job")
    assert of.model is not None
    column = of.test.table["job"].iloc[orders[1]].set_axis(of.test.table.index)
    changed = of.model.predict(of.test.table.assign(job=column))
    own = np.where(of.y == 1, changed, 1 - changed)
    np.testing.assert_allclose(grown[at, 1], -np.log(own) - of.loss, atol=1e-6)


def known(weights: list[float]) -> Subject:
    return subject_of(lambda t: t.to_numpy() @ np.array(weights), numbers())


def test_a_feature_that_is_ignored_has_none_and_no_p_value() -> None:
    of = known([1.0, 0.0, 2.0, 0.0])
    table = permutation_table(permutation_losses(of, permutations(120, 3, 0)), of.test.features)
    assert list(table["feature"][:2]) == ["x2", "x0"]
    ignored = table.set_index("feature").loc["x1"]
    assert ignored["importance"] == 0
    assert np.isnan(ignored["p_value"])
    first = table.iloc[0]
    assert first["low"] < first["importance"] < first["high"]
    assert first["q_value"] < 1e-6


def test_the_interval_holds_the_truth() -> None:
    """Permuting x of the model w * x grows the squared error by 2 w**2 var(x) on average."""
    of = known([1.5, 0.0, 0.0, 0.0])
    table = permutation_table(permutation_losses(of, permutations(120, 20, 0)), of.test.features)
    truth = 2 * 1.5**2 * float(numbers()["x0"].var(ddof=0))
    assert table["low"].iloc[0] < truth < table["high"].iloc[0]


def test_one_row_and_one_repetition_have_no_interval() -> None:
    grown = np.ones((2, 1, 1))
    table = permutation_table(grown, ["a", "b"])
    assert table["low"].isna().all()
    assert pd.isna(table["between"]).all()
