"""Fitted ensembles of every library, and rows that try what their nodes compare."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
N, WIDTH, LEVELS = 400, 6, 7
CODES = 5  # the last input holds codes of categories where a library splits on those


def rows(n: int = N, seed: int = 0, *, missing: bool = True) -> Array:
    """Return numbers, two of them with few levels and some missing, and a category's code in the last column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, WIDTH))
    X[:, 1] = np.round(X[:, 1], 1)
    X[:, 3] = rng.integers(0, 3, n)
    X[:, 5] = rng.integers(0, LEVELS, n)
    if missing:
        X[rng.random(n) < 0.15, 0] = np.nan
        X[rng.random(n) < 0.1, 3] = np.nan
    return X


def truth(X: Array, kind: str) -> Array:
    """Return an outcome with interactions; "binary", "multiclass" or "regression"."""
    filled = np.nan_to_num(X, nan=1.5)
    score = filled[:, 0] * (filled[:, 1] > 0) + np.sin(2 * filled[:, 2]) + (filled[:, 5] % 3) - 0.5 * filled[:, 3]
    if kind == "regression":
        return np.asarray(score)
    return np.asarray(np.digitize(score, np.quantile(score, [0.5] if kind == "binary" else [0.33, 0.66])))


def _sklearn(name: str, **options: Any) -> Callable[[str], Any]:
    def fit(kind: str) -> Any:
        import sklearn.ensemble
        import sklearn.tree

        ends = "Regressor" if kind == "regression" else "Classifier"
        full = name if name == "IsolationForest" else name + ends
        home = sklearn.tree if name in ("DecisionTree", "ExtraTree") else sklearn.ensemble
        X = rows(missing=name not in ("GradientBoosting", "IsolationForest", "ExtraTree"))
        estimator = getattr(home, full)(random_state=0, **options)
        return estimator.fit(X) if name == "IsolationForest" else estimator.fit(X, truth(X, kind))

    return fit


def _xgboost(**options: Any) -> Callable[[str], Any]:
    def fit(kind: str) -> Any:
        import xgboost

        X, y = rows(), truth(rows(), kind)
        types = ["q"] * (WIDTH - 1) + (["c"] if options.get("enable_categorical") else ["q"])
        settings = {"n_estimators": 20, "max_depth": 5, "n_jobs": 1, "feature_types": types, **options}
        model = xgboost.XGBRegressor if kind == "regression" else xgboost.XGBClassifier
        return model(**settings).fit(X, y)

    return fit


def _lightgbm(**options: Any) -> Callable[[str], Any]:
    def fit(kind: str) -> Any:
        import lightgbm

        X, y = rows(), truth(rows(), kind)
        if options.get("zero_as_missing"):
            X[:100, 2] = 0.0
        settings = {"n_estimators": 20, "verbose": -1, "n_jobs": 1, "min_child_samples": 5, **options}
        categorical = settings.pop("categorical", "auto")
        model = lightgbm.LGBMRegressor if kind == "regression" else lightgbm.LGBMClassifier
        return model(**settings).fit(X, y, categorical_feature=categorical)

    return fit


def _catboost(**options: Any) -> Callable[[str], Any]:
    def fit(kind: str) -> Any:
        import catboost

        X, y = rows(), truth(rows(), kind)
        settings = {
            "iterations": 20,
            "depth": 4,
            "verbose": 0,
            "thread_count": 1,
            "allow_writing_files": False,
            **options,
        }
        model = catboost.CatBoostRegressor if kind == "regression" else catboost.CatBoostClassifier
        return model(**settings).fit(X, y)

    return fit


LIBRARIES: dict[str, Callable[[str], Any]] = {
    "tree": _sklearn("DecisionTree", max_depth=6),
    "extra tree": _sklearn("ExtraTree", max_depth=6),
    "forest": _sklearn("RandomForest", n_estimators=12, max_depth=7),
    "extra trees": _sklearn("ExtraTrees", n_estimators=12, max_depth=7),
    "isolation": _sklearn("IsolationForest", n_estimators=12, max_features=0.7),
    "gradient boosting": _sklearn("GradientBoosting", n_estimators=12),
    "hist": _sklearn("HistGradientBoosting", max_iter=15, min_samples_leaf=5),
    "hist, categories": _sklearn("HistGradientBoosting", max_iter=15, min_samples_leaf=5, categorical_features=[5]),
    "xgboost": _xgboost(),
    "xgboost, categories": _xgboost(enable_categorical=True, max_cat_to_onehot=2),
    "xgboost, one-hot": _xgboost(enable_categorical=True, max_cat_to_onehot=50),
    "xgboost, dart": _xgboost(booster="dart", rate_drop=0.3),
    "xgboost, forest": _xgboost(num_parallel_tree=3, n_estimators=4, subsample=0.6),
    "lightgbm": _lightgbm(),
    "lightgbm, categories": _lightgbm(categorical=[5], min_data_per_group=5, cat_smooth=1, max_cat_to_onehot=1),
    "lightgbm, one-hot": _lightgbm(categorical=[5], min_data_per_group=5, cat_smooth=1, max_cat_to_onehot=50),
    "lightgbm, dart": _lightgbm(boosting_type="dart"),
    "lightgbm, forest": _lightgbm(boosting_type="rf", bagging_freq=1, bagging_fraction=0.6),
    "lightgbm, zero is missing": _lightgbm(zero_as_missing=True),
    "lightgbm, nothing is missing": _lightgbm(use_missing=False),
    "catboost": _catboost(),
    "catboost, missing is large": _catboost(nan_mode="Max"),
    "catboost, leafwise": _catboost(grow_policy="Lossguide"),
    "catboost, depthwise": _catboost(grow_policy="Depthwise"),
}  # fmt: skip
KINDS = ("binary", "multiclass", "regression")
CASES = [(name, kind) for name in LIBRARIES for kind in (("regression",) if name == "isolation" else KINDS)]


@cache
def fitted(name: str, kind: str) -> Any:
    """Return a fitted model, made once."""
    return LIBRARIES[name](kind)


def raw(model: Any, X: Array) -> Array:
    """Return what the library itself says on its raw scale, one column per output."""
    library = type(model).__module__.split(".")[0]
    if library == "xgboost":
        found = model.predict(X, output_margin=True)
    elif library == "lightgbm":
        found = model.predict(X, raw_score=hasattr(model, "classes_"))
    elif library == "catboost":
        found = model.predict(X, prediction_type="RawFormulaVal")
    elif hasattr(model, "decision_function"):
        found = model.decision_function(X)
    elif hasattr(model, "predict_proba"):
        found = model.predict_proba(X)
    else:
        found = model.predict(X)
    found = np.asarray(found, dtype=np.float64)
    return found if found.ndim == 2 else found[:, None]


def takes_missing(model: Any) -> bool:
    """Whether the library predicts rows with missing values."""
    return type(model).__name__ not in {
        "GradientBoostingClassifier", "GradientBoostingRegressor", "IsolationForest", "ExtraTreeClassifier",
        "ExtraTreeRegressor",
    }  # fmt: skip
