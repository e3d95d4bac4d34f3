"""Trees that come out of a worker are those of the model, and what a stranger sends is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skl2onnx
import skops.io
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from debuggers.models.load import JailedModel
from debuggers.models.tree_wire import composed_arrays, received
from debuggers.models.trees import UnreadableTrees
from debuggers.task import Task

Load = Callable[..., JailedModel]


def saved(name: str, table: pd.DataFrame, numbers: pd.DataFrame, y: Any) -> tuple[bytes, pd.DataFrame]:
    filled = numbers.fillna(0)
    if name == "xgboost":
        return bytes(
            xgboost.train(
                {"objective": "binary:logistic"}, xgboost.DMatrix(table, y, enable_categorical=True), 9
            ).save_raw("ubj")
        ), table
    if name == "margins":
        return bytes(
            xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(numbers, y), 9).save_raw("json")
        ), numbers
    if name == "lightgbm":
        table = table.rename(columns={"yes no": "yes_no"})  # it takes no blanks
        data = lightgbm.Dataset(table, y, params={"verbose": -1, "min_data_per_group": 5})
        return lightgbm.train({"objective": "binary", "verbose": -1}, data, 9).model_to_string().encode(), table
    if name == "catboost":
        model = catboost.CatBoostClassifier(iterations=9, verbose=0, allow_writing_files=False).fit(numbers, y)
        return model._serialize_model(), numbers
    if name == "onnx":
        model = RandomForestClassifier(5, random_state=0).fit(filled.to_numpy(np.float32), y)
        return bytes(
            skl2onnx.to_onnx(model, filled.to_numpy(np.float32)[:1], target_opset=15).SerializeToString()
        ), filled
    encode = make_column_transformer((OneHotEncoder(), ["job", "level"]), remainder="passthrough")
    text = table.astype({"job": str, "level": int})
    return skops.io.dumps(make_pipeline(encode, HistGradientBoostingClassifier(max_iter=9)).fit(text, y)), text


@pytest.mark.parametrize("name", ["xgboost", "margins", "lightgbm", "catboost", "onnx", "skops"])
def test_trees_out_of_a_worker_answer_as_the_model(
    loaded: Load, table: pd.DataFrame, numbers: pd.DataFrame, label: pd.Series, name: str
) -> None:
    data, X = saved(name, table, numbers, label)
    model = loaded(data, name, task=Task.BINARY)
    found = model.composed_trees()
    assert found is model.composed_trees()
    answers = found.trees.answers(found.trees.raw(found.encode(X)))
    np.testing.assert_allclose(answers[:, -1], model.predict(X)[:, 1], atol=2e-6)
    changed = X.assign(**{str(X.columns[1]): X[X.columns[1]].to_numpy()[::-1]})
    moved = np.abs(np.nan_to_num(found.encode(X)) - np.nan_to_num(found.encode(changed))).max(axis=0) > 0
    assert set(found.source[moved]) == {1}


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (LogisticRegression(), "no ensemble of trees"),
        (make_pipeline(PCA(2), RandomForestClassifier(3)), "PCA, which may mix"),
    ],
)
def test_a_model_whose_trees_cannot_be_had_says_why(
    loaded: Load, numbers: pd.DataFrame, label: pd.Series, model: Any, reason: str
) -> None:
    found = loaded(skops.io.dumps(model.fit(numbers.fillna(0).to_numpy(), label)), "m.skops")
    with pytest.raises(UnreadableTrees, match=reason):
        found.composed_trees()


@pytest.mark.parametrize(
    "change",
    [
        {"source": None}, {"source": np.array([0, 1, 99])}, {"source": np.array([0, 1])}, {"source": np.zeros(3)},
        {"n_features": np.array([0, 1])}, {"n_features": np.array([3])}, {"n_features": None}, {"left": None},
    ],
)  # fmt: skip
def test_what_is_no_composition_is_refused(numbers: pd.DataFrame, label: pd.Series, change: dict[str, Any]) -> None:
    from debuggers.models.composition import compose

    model = RandomForestClassifier(2, random_state=0).fit(numbers.fillna(0), label)
    arrays = dict(composed_arrays(lambda: compose(model)))
    received(arrays, np.asarray)
    for name, value in change.items():
        if value is None:
            del arrays[name]
        else:
            arrays[name] = value
    with pytest.raises(UnreadableTrees):
        received(arrays, np.asarray)
