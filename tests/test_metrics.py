"""Losses and scores are scikit-learn's, with intervals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from debuggers import metrics
from debuggers.task import Task

RNG = np.random.default_rng(0)
Y = (RNG.random(400) < 0.3).astype(float)
P = np.clip(RNG.beta(2, 4, 400) + 0.3 * Y, 0.01, 0.99)
K = RNG.integers(0, 3, 400).astype(float)
PK = RNG.dirichlet(np.ones(3), 400)
V = RNG.normal(size=400)
F = V + RNG.normal(0, 0.5, 400)


def by_key(task: Task, y: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    return {s.key: s.estimate.value for s in metrics.scorecard(task, y, scores, 0.4)}


def test_binary_scores_are_those_of_scikit_learn() -> None:
    found = by_key(Task.BINARY, Y, P)
    decided = P > 0.4
    assert found["log_loss"] == pytest.approx(reference.log_loss(Y, P))
    assert found["auc"] == pytest.approx(reference.roc_auc_score(Y, P))
    assert found["brier"] == pytest.approx(reference.brier_score_loss(Y, P))
    assert found["f1"] == pytest.approx(reference.f1_score(Y, decided))
    assert found["precision"] == pytest.approx(reference.precision_score(Y, decided))
    assert found["recall"] == pytest.approx(reference.recall_score(Y, decided))


def test_multiclass_scores_are_those_of_scikit_learn() -> None:
    found = by_key(Task.MULTICLASS, K, PK)
    assert found["log_loss"] == pytest.approx(reference.log_loss(K, PK))
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(K, PK.argmax(axis=1)))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(K, PK.argmax(axis=1)))


def test_regression_scores_are_those_of_scikit_learn() -> None:
    found = by_key(Task.REGRESSION, V, F)
    assert found["r2"] == pytest.approx(reference.r2_score(V, F))
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(V, F))
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(V, F))


@pytest.mark.parametrize(("task", "y", "scores"), [(Task.BINARY, Y, P), (Task.REGRESSION, V, F)])
def test_intervals_contain_their_value_and_are_those_of_the_bootstrap(
    task: Task, y: np.ndarray, scores: np.ndarray
) -> None:
    rng = np.random.default_rng(1)
    draws = [by_key(task, y[i], scores[i]) for i in rng.integers(0, len(y), (300, len(y)))]
    for s in metrics.scorecard(task, y, scores, 0.4):
        e = s.estimate
        assert e.low <= e.value <= e.high
        low, high = np.quantile([d[s.key] for d in draws], [0.025, 0.975])
        assert high - low == pytest.approx(e.high - e.low, rel=0.35), s.key


def test_undefined_is_nan_and_never_a_half() -> None:
    counts = metrics.Confusion.of(np.zeros(3), np.zeros(3, dtype=bool))
    assert np.isnan(counts.shares["precision"].value)
    assert np.isnan(counts.f1)
    assert not metrics.r_squared(np.ones(9), np.zeros(9)).is_defined


def test_the_published_counts_give_the_published_shares() -> None:
    # Confusion counts of the male applicants in Hall's disparate impact notebook.
    shares = metrics.Confusion(tp=453, fp=345, fn=418, tn=2261).shares
    expected = {
        "prevalence": 0.250503,
        "accuracy": 0.780558,
        "recall": 0.520092,
        "precision": 0.567669,
        "fpr": 0.132387,
    }
    for name, value in expected.items():
        assert shares[name].value == pytest.approx(value, abs=1e-6)


def test_residuals_of_a_certain_and_right_prediction_are_zero() -> None:
    assert metrics.residual(Task.BINARY, np.ones(1), np.ones(1))[0] == 0
    assert metrics.deviance_residual(Task.BINARY, np.ones(1), np.ones(1))[0] == 0
    assert metrics.loss(Task.BINARY, np.ones(1), np.zeros(1))[0] == pytest.approx(36.04, abs=0.01)


def test_deviance_residuals_square_to_twice_the_loss_and_carry_the_sign_of_the_miss() -> None:
    found = metrics.deviance_residual(Task.BINARY, Y, P)
    np.testing.assert_allclose(found**2, 2 * metrics.loss(Task.BINARY, Y, P))
    assert ((found > 0) == (Y == 1)).all()


def test_an_interval_of_a_loss_ends_at_zero() -> None:
    y = np.array([0.0, 0.0, 0.0, 0.0, 50.0])
    scores = {s.key: s.estimate for s in metrics.scorecard(Task.REGRESSION, y, np.zeros(5), 0.5)}
    assert scores["mae"].low == 0
    assert scores["mae"].high > scores["mae"].value == 10
    assert scores["bias"].low < 0
