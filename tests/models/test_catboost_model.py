from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd
import pytest

from debuggers import errors
from debuggers.models.formats import Format
from debuggers.models.load import JailedModel
from debuggers.task import Task
from tests.models.conftest import Unjailed

Load = Callable[..., JailedModel]


def train(X: pd.DataFrame, y: Any, loss: str, **params: Any) -> catboost.CatBoost:
    settings = {"loss_function": loss, "iterations": 8, "depth": 3, "verbose": 0, "thread_count": 1}
    model = catboost.CatBoost(settings | {"allow_writing_files": False, **params})
    return model.fit(X, y)


def saved(model: catboost.CatBoost, folder: Path) -> bytes:
    path = folder / "model.cbm"
    model.save_model(str(path))
    return path.read_bytes()


def test_a_classifier_with_categories_and_holes_answers_as_the_library(
    loaded: Load, table: pd.DataFrame, label: pd.Series, tmp_path: Path
) -> None:
    X = table.astype({"job": str, "level": str, "yes no": int})
    y = label.map({0: "no", 1: "yes"})
    library = train(X, y, "Logloss", cat_features=["job", "level"])
    model = loaded(saved(library, tmp_path), "model.cbm")
    found = model.signature
    assert (found.task, found.classes, found.features) == (Task.BINARY, ("no", "yes"), tuple(X.columns))
    assert (found.categorical, found.handles_missing) == (("job", "level"), True)
    p = library.predict(X, prediction_type="Probability")
    np.testing.assert_allclose(model.predict(X), p, atol=1e-12)
    np.testing.assert_allclose(model.predict(table), p, atol=1e-12)  # categories and booleans as they came
    np.testing.assert_allclose(model.predict(table.iloc[7:8]), p[7:8], atol=1e-12)
    np.testing.assert_allclose(model.predict(X, raw=True), library.predict(X), atol=1e-12)
    gaps = table.assign(job=table["job"].where(table["b"] > 10), level=table["level"].astype(float))
    filled = X.assign(job=X["job"].where(table["b"] > 10, "nan"))
    np.testing.assert_allclose(model.predict(gaps), library.predict(filled, prediction_type="Probability"), atol=1e-12)


@pytest.mark.parametrize("loss", ["MultiClass", "MultiClassOneVsAll"])
def test_multiclass(numbers: pd.DataFrame, three: pd.Series, loss: str, tmp_path: Path) -> None:
    library = train(numbers, three, loss)
    p = library.predict(numbers, prediction_type="Probability")
    model = Unjailed(Format.CATBOOST, saved(library, tmp_path))
    np.testing.assert_allclose(model.predict(numbers), p / p.sum(axis=1, keepdims=True), atol=1e-12)
    assert (model.signature.task, model.signature.classes) == (Task.MULTICLASS, ("0", "1", "2"))
    assert model.predict(numbers, raw=True).shape == (len(numbers), 3)


@pytest.mark.parametrize(("loss", "kind"), [("RMSE", "RawFormulaVal"), ("Poisson", "Exponent")])
def test_regression(numbers: pd.DataFrame, loss: str, kind: str, tmp_path: Path) -> None:
    library = train(numbers, numbers["b"], loss)
    model = Unjailed(Format.CATBOOST, saved(library, tmp_path))
    assert model.signature.task is Task.REGRESSION
    np.testing.assert_allclose(model.predict(numbers), library.predict(numbers, prediction_type=kind), atol=1e-10)


def test_text_features_are_refused(loaded: Load, label: pd.Series, tmp_path: Path) -> None:
    words = pd.DataFrame({"text": ["good thing" if y else "bad thing" for y in label]})
    library = train(words, label, "Logloss", text_features=["text"])
    with pytest.raises(errors.UnreadableModel, match="text or embedding"):
        loaded(saved(library, tmp_path))
