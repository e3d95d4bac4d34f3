from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost

from debuggers import errors
from debuggers.models.formats import Format
from debuggers.models.load import JailedModel
from debuggers.task import Task
from tests.models.conftest import Unjailed, with_missing

Load = Callable[..., JailedModel]


def train(X: pd.DataFrame, y: Any, objective: str, **params: Any) -> xgboost.Booster:
    data = xgboost.DMatrix(X, y, enable_categorical=True)
    return xgboost.train({"objective": objective, "nthread": 1, **params}, data, 8)


def expected(booster: xgboost.Booster, X: pd.DataFrame, **options: Any) -> np.ndarray:
    return np.asarray(booster.predict(xgboost.DMatrix(X, enable_categorical=True), **options), dtype=float)


def test_a_classifier_with_categories_and_holes_answers_bit_for_bit(
    loaded: Load, table: pd.DataFrame, label: pd.Series
) -> None:
    booster = train(table, label, "binary:logistic")
    model = loaded(bytes(booster.save_raw("json")), "model.json")
    found = model.signature
    assert (found.task, found.classes, found.features) == (Task.BINARY, ("0", "1"), tuple(table.columns))
    assert found.categories == {"job": ("cook", "it", "sales"), "level": (10, 20, 30)}
    assert (found.categorical, found.handles_missing, found.tier) == (("job", "level"), True, 1)
    X = with_missing(table, "job")
    p = expected(booster, X)
    np.testing.assert_array_equal(model.predict(X), np.column_stack([1 - p, p]))
    np.testing.assert_array_equal(model.predict(X, raw=True), expected(booster, X, output_margin=True))
    # However the table was read: text for a category, numbers in place of them, columns in another order.
    other = X.astype({"job": "str", "level": "int64", "yes no": "Int8"})[X.columns[::-1]]
    np.testing.assert_array_equal(model.predict(other), model.predict(X))
    np.testing.assert_array_equal(model.predict(X.iloc[5:6]), model.predict(X)[5:6])


def test_an_unknown_category_and_text_for_numbers_are_named(
    loaded: Load, table: pd.DataFrame, label: pd.Series
) -> None:
    model = loaded(bytes(train(table, label, "binary:logistic").save_raw("ubj")), "model.ubj")
    with pytest.raises(errors.ModelRaised, match="'job' has a category that was not in training: 'pilot'"):
        model.predict(table.assign(job="pilot"))
    with pytest.raises(errors.ModelRaised, match="'a' holds text"):
        model.predict(table.assign(a="x"))
    with pytest.raises(errors.ModelRaised, match="'a' holds dates"):
        model.predict(table.assign(a=pd.Timestamp("2024-01-01")))
    with pytest.raises(errors.FeatureMismatch) as caught:
        model.predict(table.rename(columns={"a": "A"}))
    assert (caught.value.missing, caught.value.unused) == (("a",), ("A",))


def test_multiclass_by_probability_and_by_label_are_the_same(numbers: pd.DataFrame, three: pd.Series) -> None:
    prob = train(numbers, three, "multi:softprob", num_class=3)
    hard = train(numbers, three, "multi:softmax", num_class=3)
    p = Unjailed(Format.XGBOOST_JSON, bytes(prob.save_raw("json"))).predict(numbers)
    np.testing.assert_array_equal(p, expected(prob, numbers))
    soft = Unjailed(Format.XGBOOST_UBJ, bytes(hard.save_raw("ubj")))
    np.testing.assert_allclose(soft.predict(numbers), p, atol=1e-6)
    assert (soft.signature.task, soft.signature.classes) == (Task.MULTICLASS, ("0", "1", "2"))
    assert soft.predict(numbers, raw=True).shape == (len(numbers), 3)


@pytest.mark.parametrize(
    ("objective", "params"),
    [("count:poisson", {}), ("reg:squarederror", {"booster": "dart"}), ("reg:squarederror", {"booster": "gblinear"})],
)
def test_regressions_and_other_boosters(numbers: pd.DataFrame, objective: str, params: dict[str, Any]) -> None:
    booster = train(numbers, numbers["b"], objective, **params)
    model = Unjailed(Format.XGBOOST_JSON, bytes(booster.save_raw("json")))
    assert model.signature.task is Task.REGRESSION
    assert model.signature.classes is None
    np.testing.assert_allclose(model.predict(numbers), expected(booster, numbers), rtol=1e-6)


def test_a_task_set_by_the_person_turns_margins_into_probabilities(
    loaded: Load, numbers: pd.DataFrame, label: pd.Series
) -> None:
    data = bytes(train(numbers, label, "binary:logitraw").save_raw("json"))
    custom = data.replace(b'"binary:logitraw"', b'"reg:squarederror"')  # what a custom objective leaves in the file
    by_file = Unjailed(Format.XGBOOST_JSON, data)
    set_by_hand = loaded(custom, task=Task.BINARY)
    margins = by_file.predict(numbers, raw=True)
    np.testing.assert_allclose(by_file.predict(numbers)[:, 1], 1 / (1 + np.exp(-margins)), atol=1e-12)
    assert set_by_hand.signature.classes == ("0", "1")
    assert set_by_hand.predict(numbers).shape == (len(numbers), 2)
    with pytest.raises(errors.TaskMismatch, match="1 number"):
        loaded(data, task=Task.MULTICLASS)
