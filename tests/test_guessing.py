"""A guess is made where one column fits, and none where several do."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from debuggers.data.schema import infer_schema
from debuggers.guessing import likely_predictions, likely_target
from debuggers.models.estimator import EstimatorModel

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
MODEL = EstimatorModel(LogisticRegression().fit(X, [0, 0, 1, 1]))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"PINCP": [0, 1, 0, 1], "part": ["test", "validation", "test", "test"]}, "PINCP"),
        ({"part": ["test", "validation", "test", "test"], "place": ["a", "b", "a", "b"]}, None),
        ({"PINCP": [0, 1, 0, 1], "weight": [1.5, 2.5, 0.5, 9.5]}, "PINCP"),
        ({"first": [0, 1, 0, 1], "second": [1, 1, 0, 0]}, None),
        ({"first": [0, 1, 0, 1], "target": [1, 1, 0, 0]}, "target"),
        ({"answer": [True, False, True, False]}, "answer"),
        ({"answer": ["yes", "no", "no", "yes"]}, "answer"),
        ({"id": [7, 8, 9, 10]}, None),
        ({}, None),
    ],
)
def test_the_target_is_guessed_where_one_column_fits(columns: dict[str, list[object]], expected: str | None) -> None:
    table = X.assign(**columns)
    assert likely_target(table, infer_schema(table), MODEL) == expected


def test_predictions_are_guessed_by_name() -> None:
    table = pd.DataFrame({"price": [1.0], "y_hat": [1.0], "prob_yes": [0.5], "priority": [1]})
    assert likely_predictions(infer_schema(table), "price") == ["y_hat", "prob_yes"]
