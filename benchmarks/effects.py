"""Partial dependence of all features: exact from the trees, against scikit-learn's brute force on the same rows and grid."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.inspection import partial_dependence as brute_force

from debuggers import partial_dependence

Array = npt.NDArray[Any]
ROWS, MANY, FEATURES, POINTS, TREES = 10_000, 1_000_000, 14, 20, 100


class Asked(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A function of rows as a fitted regressor, so that scikit-learn asks it on the scale that is measured."""

    def __init__(self, ask: Any = None) -> None:
        self.ask, self.fitted_ = ask, True

    def fit(self, *_: Any) -> Asked:
        """Do nothing."""
        return self

    def predict(self, X: Array) -> Array:
        """Ask."""
        return np.asarray(self.ask(X), dtype=np.float64)


def main() -> None:
    """Print seconds and ratios."""
    X, y = _data(MANY)
    grids = [np.quantile(X[:ROWS, f], np.linspace(0, 1, POINTS)) for f in range(FEATURES)]
    for name, (model, raw) in _models(X[:ROWS], y[:ROWS]).items():
        rows = X[:ROWS]
        partial_dependence(model, rows[:200], grids)  # compiled and on disk
        partial_dependence(model, rows[:200], grids, scale="answer")
        for scale, ask in (("raw", raw), ("probability", lambda Z, m=model: m.predict_proba(Z)[:, 1])):
            peer, theirs = _seconds(lambda a=ask: [_curve(Asked(a), rows, f, grids[f]) for f in range(FEATURES)], 1)
            key = "raw" if scale == "raw" else "answer"
            ours, mine = _seconds(lambda k=key, m=model: partial_dependence(m, rows, grids, scale=k), 5)
            apart = max(
                float(np.abs(np.ravel(a if a.ndim == 1 else a[:, 1]) - b).max())
                for a, b in zip(mine, theirs, strict=True)
            )
            print(
                f"{name}, {ROWS:,} rows, {scale}: {ours:.3f} s against {peer:.2f} s, {peer / ours:.0f} times; apart {apart:.1e}"
            )
    for name in ("xgboost", "lightgbm", "hist"):
        model = _models(X[:ROWS], y[:ROWS], only=name)[name][0]
        for key in ("raw", "answer"):
            ours, _ = _seconds(lambda k=key, m=model: partial_dependence(m, X, grids, scale=k), 1)
            print(f"{name}, {MANY:,} rows, {key}: {ours:.2f} s")


def _data(n: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, FEATURES))
    score = X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, 3]) + rng.normal(size=n)
    return X, (score > 0).astype(int)


def _models(X: Array, y: Array, only: str | None = None) -> dict[str, tuple[Any, Callable[[Array], Array]]]:
    import lightgbm
    import xgboost

    makers: dict[str, tuple[Any, Any]] = {
        "xgboost": (
            xgboost.XGBClassifier(n_estimators=TREES, max_depth=6, n_jobs=2),
            lambda m: lambda Z: m.predict(Z, output_margin=True),
        ),
        "lightgbm": (
            lightgbm.LGBMClassifier(n_estimators=TREES, verbose=-1, n_jobs=2),
            lambda m: lambda Z: m.booster_.predict(Z, raw_score=True),
        ),
        "hist": (HistGradientBoostingClassifier(max_iter=TREES), lambda m: m.decision_function),
        "forest of depth 10": (
            RandomForestClassifier(n_estimators=TREES, max_depth=10, n_jobs=2),
            lambda m: lambda Z: m.predict_proba(Z)[:, 1],
        ),
    }
    return {k: (m.fit(X, y), raw(m)) for k, (m, raw) in makers.items() if only in (None, k)}


def _curve(asked: Asked, X: Array, feature: int, grid: Array) -> Array:
    found = brute_force(asked, X, [feature], custom_values={feature: grid}, method="brute")
    return np.asarray(found["average"][0])


def _seconds(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the shortest of some runs, and the answer."""
    best, answer = np.inf, None
    for _ in range(repeats):
        started = time.perf_counter()
        answer = work()
        best = min(best, time.perf_counter() - started)
    return best, answer


if __name__ == "__main__":
    main()
