"""Predictions through the jail against the same estimator in process: how much the boundary costs."""

from __future__ import annotations

import os

# As workers have it: idle threads of the estimator in process must not spin on the cores that a worker needs next.
# Read when the libraries are loaded, so this counts where the benchmark is named alone.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import pickle
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from debuggers.models.load import load_model

COLUMNS = 20
TRAINED_ON = 20_000
REPEATS = {1: 200, 10_000: 15, 1_000_000: 3}
ALLOWED = {1: (0.0, 0.003), 10_000: (0.2, 0.010), 1_000_000: (0.4, 0.5)}  # share or seconds more, whichever is larger


def main() -> None:
    """Print, for each model and number of rows, both times and whether the difference keeps to its bound."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.random((max(REPEATS), COLUMNS)), columns=[f"feature {i}" for i in range(COLUMNS)])
    y = (X["feature 0"] + X["feature 1"] * X["feature 2"] + rng.normal(0, 0.2, len(X)) > 0.8).head(TRAINED_ON)
    print(f"{'model':22}{'rows':>10}{'in process':>13}{'jailed':>11}{'more':>11}{'share':>8}")
    for estimator in (
        HistGradientBoostingClassifier(),
        RandomForestClassifier(100, max_depth=10, n_jobs=-1),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ):
        estimator.fit(X.head(TRAINED_ON), y)
        start = time.perf_counter()
        model = load_model(pickle.dumps(estimator), consent=True)
        loaded = time.perf_counter() - start
        for rows in REPEATS:
            _compare(estimator, model.predict, X.head(rows))
        print(f"{'':22}loaded in {loaded:.3f} s")
        model.close()


def _compare(estimator: Any, jailed: Callable[[pd.DataFrame], Any], X: pd.DataFrame) -> None:
    """Time both in turns, so that a busy machine slows both."""
    np.testing.assert_allclose(jailed(X), estimator.predict_proba(X))
    inside, outside = [], []
    for _ in range(REPEATS[len(X)]):
        outside.append(_timed(jailed, X))
        inside.append(_timed(estimator.predict_proba, X))
    plain, boundary = statistics.median(inside), statistics.median(outside)
    more = boundary - plain
    share, seconds = ALLOWED[len(X)]
    verdict = "" if more <= max(share * plain, seconds) else "  over its bound"
    name = type(estimator).__name__
    print(f"{name[:21]:22}{len(X):>10,}{_ms(plain):>13}{_ms(boundary):>11}{_ms(more):>11}{more / plain:>8.0%}{verdict}")


def _timed(predict: Callable[[pd.DataFrame], Any], X: pd.DataFrame) -> float:
    start = time.perf_counter()
    predict(X)
    return time.perf_counter() - start


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.2f} ms"


if __name__ == "__main__":
    main()
