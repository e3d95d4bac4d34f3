from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest

from debuggers import errors
from debuggers.models.adapter import ColumnError
from debuggers.models.formats import Format
from debuggers.models.load import JailedModel
from debuggers.task import Task
from tests.models.conftest import Unjailed, with_missing

Load = Callable[..., JailedModel]


def train(X: pd.DataFrame, y: Any, objective: Any, **params: Any) -> lightgbm.Booster:
    settings = {"objective": objective, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, **params}
    return lightgbm.train(settings, lightgbm.Dataset(X, y), 8)


def saved(booster: lightgbm.Booster) -> bytes:
    return str(booster.model_to_string()).encode()


def named(X: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the names that LightGBM keeps: without spaces."""
    return X.set_axis([c.replace(" ", "_") for c in X.columns], axis=1)


def test_a_classifier_with_categories_and_holes_answers_bit_for_bit(
    loaded: Load, table: pd.DataFrame, label: pd.Series
) -> None:
    X = named(with_missing(table, "job"))
    booster = train(X, label, "binary")
    model = loaded(saved(booster), "model.txt")
    found = model.signature
    assert (found.task, found.classes, found.features) == (Task.BINARY, ("0", "1"), tuple(X.columns))
    assert found.categories == {"job": ("cook", "it", "sales"), "level": (10, 20, 30)}
    assert (found.handles_missing, found.tier) == (True, 2)
    p = np.asarray(booster.predict(X))
    np.testing.assert_array_equal(model.predict(X), np.column_stack([1 - p, p]))
    np.testing.assert_array_equal(model.predict(X, raw=True), booster.predict(X, raw_score=True))
    np.testing.assert_array_equal(model.predict(X.astype({"job": "str", "level": int})), model.predict(X))
    # To LightGBM an unknown category is a missing one.
    np.testing.assert_array_equal(model.predict(X.assign(job="pilot")), model.predict(X.assign(job=None)))


def test_ordered_categories_are_found_by_the_type_of_the_column(table: pd.DataFrame, label: pd.Series) -> None:
    X = named(table.assign(level=table["level"].cat.as_ordered()))
    booster = train(X, label, "binary")
    model = Unjailed(Format.LIGHTGBM, saved(booster))
    assert model.signature.categorical == ("job",)
    np.testing.assert_array_equal(model.predict(X)[:, 1], booster.predict(X))
    with pytest.raises(ColumnError, match="2 category columns, here are 1"):
        model.predict(X.astype({"level": int}))


@pytest.mark.parametrize("objective", ["multiclass", "multiclassova"])
def test_multiclass(numbers: pd.DataFrame, three: pd.Series, objective: str) -> None:
    X = named(numbers)
    booster = train(X, three, objective, num_class=3)
    p = np.asarray(booster.predict(X))
    model = Unjailed(Format.LIGHTGBM, saved(booster))
    np.testing.assert_allclose(model.predict(X), p / p.sum(axis=1, keepdims=True), atol=1e-15)
    assert model.signature.classes == ("0", "1", "2")


@pytest.mark.parametrize("objective", ["quantile", "tweedie"])
def test_regression(numbers: pd.DataFrame, objective: str) -> None:
    X = named(numbers)
    booster = train(X, X["b"], objective)
    model = Unjailed(Format.LIGHTGBM, saved(booster))
    assert model.signature.task is Task.REGRESSION
    np.testing.assert_array_equal(model.predict(X), booster.predict(X))


def test_a_file_without_objective_leaves_the_task_to_the_person(numbers: pd.DataFrame, label: pd.Series) -> None:
    X = named(numbers)
    booster = train(X, label, "binary")
    text = "\n".join(line for line in saved(booster).decode().split("\n") if not line.startswith("objective="))
    unknown = Unjailed(Format.LIGHTGBM, text.encode())
    assert (unknown.signature.task, unknown.signature.classes) == (None, None)
    np.testing.assert_array_equal(unknown.predict(X), booster.predict(X, raw_score=True))
    told = Unjailed(Format.LIGHTGBM, text.encode(), Task.BINARY)
    np.testing.assert_allclose(told.predict(X)[:, 1], booster.predict(X), atol=1e-12)


def test_unnamed_columns_are_matched_by_position(loaded: Load, numbers: pd.DataFrame, label: pd.Series) -> None:
    booster = train(
        pd.DataFrame(numbers.to_numpy()).set_axis([f"Column_{i}" for i in range(3)], axis=1), label, "binary"
    )
    model = loaded(saved(booster), "m.txt")
    assert (model.signature.features, model.signature.n_features) == (None, 3)
    np.testing.assert_array_equal(model.predict(numbers)[:, 1], booster.predict(numbers.to_numpy()))
    with pytest.raises(errors.FeatureCountMismatch, match=r"takes 3 inputs .* the table has 2 columns"):
        model.predict(numbers[["a", "b"]])
