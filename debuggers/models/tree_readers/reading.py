"""Which reader reads which library's model."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from debuggers.models.trees import Trees, UnreadableTrees


def read_trees(model: Any) -> Trees:
    """Return the trees of a fitted model of any library that has a reader.

    Parameters
    ----------
    model : object
        An estimator of scikit-learn, XGBoost, LightGBM or CatBoost, a booster of one of them, or the bytes of an ONNX
        file. Of a model that stopped early, the rounds that it predicts with.

    Raises
    ------
    UnreadableTrees
        There is no reader for it, or it is no ensemble of trees.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> trees = read_trees(DecisionTreeRegressor().fit([[0.0], [1.0]], [5.0, 7.0]))
    >>> trees.threshold[0], trees.value[1:].ravel().tolist()
    (np.float64(0.5), [5.0, 7.0])
    """
    if isinstance(model, bytes | bytearray):
        return _reader("onnx")(bytes(model))
    library, name = type(model).__module__.split(".")[0], type(model).__name__
    if library == "sklearn":
        return _reader("scikit")(model)
    if library == "xgboost":
        return _xgboost(model)
    if library == "lightgbm":
        return _reader("lightgbm")(model if name == "Booster" else model.booster_)
    if library == "catboost":
        return _reader("catboost")(model)
    raise UnreadableTrees(f"a {name} is of no library whose trees are known")


def _xgboost(model: Any) -> Trees:
    read = _reader("xgboost")
    if type(model).__name__ == "Booster":
        return read(model)
    booster = model.get_booster()
    best = getattr(model, "best_iteration", None) if booster.attr("best_iteration") is not None else None
    missing = np.nan if model.missing is None else float(model.missing)
    return read(booster, rounds=None if best is None else int(best) + 1, missing=missing)


def _reader(name: str) -> Callable[..., Trees]:
    read: Callable[..., Trees] = importlib.import_module(f"debuggers.models.tree_readers.{name}").read
    return read
