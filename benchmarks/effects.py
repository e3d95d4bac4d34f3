"""Effects of all features, exact from the trees, against scikit-learn's brute force on the same rows and grids."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.inspection import partial_dependence as brute_force

from debuggers import accumulated_local_effects, partial_dependence

Array = npt.NDArray[Any]
ROWS, MANY, FEATURES, TREES = 10_000, 1_000_000, 14, 100
POINTS = 50  # half of what scikit-learn takes by default


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
    X, y = data(MANY)
    few = X[:ROWS]
    grids = [np.quantile(few[:, f], np.linspace(0, 1, POINTS)) for f in range(FEATURES)]
    for name, (model, raw, probability) in models(few, y[:ROWS]).items():
        for scale, ask in (("raw", raw), ("answer", probability)):
            _compare(f"{name}, {scale}", Asked(ask), model, few, grids)
        _local(name, Asked(raw), model, few, grids)
        if name != "forest of depth 10":
            for scale in ("raw", "answer"):
                ours, _ = seconds(partial(partial_dependence, model, X, grids, scale=scale), 1)
                print(f"{name}, {scale}, {MANY:,} rows: {ours:.2f} s", flush=True)


def _compare(name: str, asked: Asked, model: Any, X: Array, grids: list[Array]) -> None:
    scale = name.rpartition(", ")[2]
    partial_dependence(model, X[:200], grids, scale=scale)  # compiled, and kept on disk
    peer, theirs = seconds(lambda: [_curve(asked, X, f, grid) for f, grid in enumerate(grids)], 1)
    ours, mine = seconds(lambda: partial_dependence(model, X, grids, scale=scale), 5)
    pairs = zip(mine, theirs, strict=True)
    apart = max(float(np.abs((a if a.ndim == 1 else a[:, 1]) - b).max()) for a, b in pairs)
    print(
        f"{name}, {ROWS:,} rows: {ours:.4f} s against {peer:.2f} s, {peer / ours:.0f} times; "
        f"farthest apart {apart:.0e}",
        flush=True,
    )


def _local(name: str, asked: Asked, model: Any, X: Array, grids: list[Array]) -> None:
    """Compare accumulated local effects with PyALE, where it is installed."""
    try:
        from PyALE import ale  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        print("left out: PyALE is not installed")
        return
    import pandas as pd

    table = pd.DataFrame(X, columns=[f"x{f}" for f in range(X.shape[1])])
    wrapped = Asked(lambda t: asked.ask(np.asarray(t)))
    accumulated_local_effects(model, X[:200], grids)
    settings = {"feature_type": "continuous", "grid_size": POINTS, "plot": False, "include_CI": False}
    peer, _ = seconds(lambda: [ale(table, wrapped, [column], **settings) for column in table], 1)
    ours, _ = seconds(lambda: accumulated_local_effects(model, X, grids), 5)
    print(
        f"{name}, local effects, {ROWS:,} rows: {ours:.3f} s against {peer:.2f} s, {peer / ours:.1f} times", flush=True
    )


def data(n: int) -> tuple[Array, Array]:
    """Return rows and classes with an interaction."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, FEATURES))
    score = X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, 3]) + rng.normal(size=n)
    return X, (score > 0).astype(int)


def models(X: Array, y: Array) -> dict[str, tuple[Any, Callable[[Array], Array], Callable[[Array], Array]]]:
    """Return fitted models with functions that give the raw scale and the probability of the second class."""
    import lightgbm
    import xgboost

    boosted = xgboost.XGBClassifier(n_estimators=TREES, max_depth=6, n_jobs=2).fit(X, y)
    light = lightgbm.LGBMClassifier(n_estimators=TREES, verbose=-1, n_jobs=2).fit(X, y)
    hist = HistGradientBoostingClassifier(max_iter=TREES).fit(X, y)
    forest = RandomForestClassifier(n_estimators=TREES, max_depth=10, n_jobs=2, random_state=0).fit(X, y)

    def of(model: Any) -> Callable[[Array], Array]:
        return lambda rows: np.asarray(model.predict_proba(rows)[:, 1])

    return {
        "xgboost": (boosted, lambda rows: np.asarray(boosted.predict(rows, output_margin=True)), of(boosted)),
        "lightgbm": (light, lambda rows: np.asarray(light.booster_.predict(rows, raw_score=True)), of(light)),
        "hist gradient boosting": (hist, hist.decision_function, of(hist)),
        "forest of depth 10": (forest, of(forest), of(forest)),
    }


def _curve(asked: Asked, X: Array, feature: int, grid: Array) -> Array:
    found = brute_force(asked, X, [feature], custom_values={feature: grid}, method="brute")
    return np.asarray(found["average"][0])


def seconds(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the shortest of some runs, and the answer."""
    best, answer = np.inf, None
    for _ in range(repeats):
        started = time.perf_counter()
        answer = work()
        best = min(best, time.perf_counter() - started)
    return best, answer


if __name__ == "__main__":
    main()
