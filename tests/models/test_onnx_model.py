from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxmltools
import pandas as pd
import pytest
import xgboost
from onnx import TensorProto, helper
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloats
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from debuggers import errors
from debuggers.models import onnx_graph
from debuggers.models.load import JailedModel
from debuggers.task import Task
from tests.models import graphs

Load = Callable[..., JailedModel]


def exported(*args: Any, **options: Any) -> bytes:
    return bytes(to_onnx(*args, target_opset={"": 17, "ai.onnx.ml": 3}, **options).SerializeToString())


@pytest.fixture(scope="module")
def whole(numbers: pd.DataFrame) -> pd.DataFrame:
    return numbers.fillna(0.0)


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_float_matrix_with_a_map_or_a_tensor_of_probabilities(
    loaded: Load, whole: pd.DataFrame, three: pd.Series, zipmap: object
) -> None:
    names = three.map({0: "low", 1: "mid", 2: "high"})
    X = whole.to_numpy(np.float32)
    forest = RandomForestClassifier(5, max_depth=4, random_state=0).fit(X, names)
    model = loaded(exported(forest, X[:1], options={"zipmap": zipmap}), "forest.onnx")
    found = model.signature
    assert (found.task, found.classes) == (Task.MULTICLASS, ("high", "low", "mid"))
    assert (found.features, found.n_features, found.tier) == (None, 3, 1)
    np.testing.assert_allclose(model.predict(whole), forest.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(model.predict(whole.iloc[4:5]), model.predict(whole)[4:5], atol=1e-6)


def test_an_input_per_column_with_text_and_integers(loaded: Load, table: pd.DataFrame, label: pd.Series) -> None:
    X = table[["a", "b", "job"]].fillna({"a": 0.0}).astype({"job": str})
    encode = ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("c", OneHotEncoder(), ["job"])])
    pipeline = make_pipeline(encode, LogisticRegression()).fit(X, label)
    types = [
        ("a", FloatTensorType([None, 1])),
        ("b", Int64TensorType([None, 1])),
        ("job", StringTensorType([None, 1])),
    ]
    model = loaded(exported(pipeline, initial_types=types), "pipeline.onnx")
    found = model.signature
    assert (found.task, found.classes, found.features) == (Task.BINARY, ("0", "1"), ("a", "b", "job"))
    assert (found.categorical, found.categories) == (("job",), {"job": ("cook", "it", "sales")})
    np.testing.assert_allclose(model.predict(table.fillna({"a": 0.0})), pipeline.predict_proba(X), atol=1e-6)
    with pytest.raises(errors.ModelRaised, match="'b' has missing values"):
        model.predict(X.assign(b=np.nan))
    with pytest.raises(errors.FeatureMismatch):
        model.predict(X.drop(columns="job"))


def test_groups_of_columns_are_taken_in_order(loaded: Load, table: pd.DataFrame, label: pd.Series) -> None:
    X = table[["a", "b", "job"]].fillna({"a": 0.0}).astype({"job": str})
    encode = ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(), [2])])
    pipeline = make_pipeline(encode, LogisticRegression()).fit(X.to_numpy(object), label)
    types = [("numbers", FloatTensorType([None, 2])), ("words", StringTensorType([None, 1]))]
    model = loaded(exported(pipeline, initial_types=types))
    assert (model.signature.features, model.signature.n_features) == (None, 3)
    np.testing.assert_allclose(model.predict(X), pipeline.predict_proba(X.to_numpy(object)), atol=1e-5)


def test_a_regressor_says_that_it_is_one(loaded: Load, whole: pd.DataFrame) -> None:
    X = whole.to_numpy(np.float32)
    trees = GradientBoostingRegressor(n_estimators=5).fit(X, whole["b"])
    model = loaded(exported(trees, X[:1]))
    assert model.signature.task is Task.REGRESSION
    np.testing.assert_allclose(model.predict(whole), trees.predict(X), rtol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the converter's own
def test_xgboost_converted_by_onnxmltools(loaded: Load, numbers: pd.DataFrame, label: pd.Series) -> None:
    trees = xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(numbers.to_numpy(), label)
    types = [("input", ToolsFloats([None, 3]))]
    converted = onnxmltools.convert_xgboost(trees, initial_types=types, target_opset=15)
    model = loaded(bytes(converted.SerializeToString()))
    assert (model.signature.task, model.signature.classes) == (Task.BINARY, ("0", "1"))
    np.testing.assert_allclose(model.predict(numbers), trees.predict_proba(numbers.to_numpy()), atol=1e-6)


WEIGHTS = [[1.0], [-0.5], [0.25]]


def test_a_single_logit_needs_the_task_and_a_sigmoid_does_not(loaded: Load, whole: pd.DataFrame) -> None:
    margin = whole.to_numpy() @ np.array(WEIGHTS)[:, 0]
    open_task = loaded(graphs.linear(WEIGHTS))
    assert open_task.signature.task is None
    np.testing.assert_allclose(open_task.predict(whole), margin, rtol=1e-5)
    p = 1 / (1 + np.exp(-margin))
    for model in (loaded(graphs.linear(WEIGHTS), task=Task.BINARY), loaded(graphs.linear(WEIGHTS, "Sigmoid"))):
        assert model.signature.task is Task.BINARY
        np.testing.assert_allclose(model.predict(whole)[:, 1], p, atol=1e-6)
    told = loaded(graphs.linear(WEIGHTS, "Sigmoid", "Identity"), task=Task.REGRESSION)
    np.testing.assert_allclose(told.predict(whole), p, atol=1e-6)


def test_softmax_and_several_logits_are_classes(loaded: Load, whole: pd.DataFrame) -> None:
    weights = [[1.0, 0.1, 0.0], [0.0, 0.02, 0.01], [0.3, 0.0, 1.0]]
    m = whole.to_numpy() @ np.array(weights)
    p = np.exp(m) / np.exp(m).sum(axis=1, keepdims=True)
    softmax = loaded(graphs.linear(weights, "Softmax"))
    assert (softmax.signature.task, softmax.signature.classes) == (Task.MULTICLASS, None)
    np.testing.assert_allclose(softmax.predict(whole), p, atol=1e-6)
    np.testing.assert_allclose(loaded(graphs.linear(weights), task=Task.MULTICLASS).predict(whole), p, atol=1e-6)
    with pytest.raises(errors.TaskMismatch, match="3 number"):
        loaded(graphs.linear(weights), task=Task.REGRESSION)


@pytest.mark.parametrize("batch", [1, 7])
def test_graphs_that_take_a_fixed_number_of_rows(loaded: Load, whole: pd.DataFrame, batch: int) -> None:
    fixed, free = loaded(graphs.linear(WEIGHTS, "Sigmoid", batch=batch)), loaded(graphs.linear(WEIGHTS, "Sigmoid"))
    for rows in (1, batch, 20):
        np.testing.assert_array_equal(fixed.predict(whole[:rows]), free.predict(whole[:rows]))


def test_inputs_that_are_no_table_are_refused(loaded: Load) -> None:
    picture = graphs.model(
        [helper.make_node("Identity", ["x"], ["y"])],
        [graphs.floats("x", None, 3, 8, 8)],
        [graphs.floats("y", None, 3, 8, 8)],
    )
    with pytest.raises(errors.UnreadableModel, match="4 dimensions"):
        loaded(picture, "picture.onnx")


def test_labels_in_another_order_than_the_map_keeps(loaded: Load, whole: pd.DataFrame) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Softmax", ["m"], ["p"]),
        helper.make_node("ZipMap", ["p"], ["map"], domain="ai.onnx.ml", classlabels_strings=["z", "a"]),
    ]
    entry = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    output = helper.make_value_info("map", helper.make_sequence_type_proto(entry))
    w = np.array([[1.0, 0.0], [0.0, 0.1], [0.0, 0.0]], np.float32)
    model = loaded(graphs.model(nodes, [graphs.floats("x", None, 3)], [output], w=w))
    m = whole.to_numpy() @ w
    assert model.signature.classes == ("z", "a")
    np.testing.assert_allclose(model.predict(whole)[:, 0], 1 / (1 + np.exp(m[:, 1] - m[:, 0])), atol=1e-6)


def test_a_graph_that_runs_in_circles_is_read_to_an_end() -> None:
    nodes = [helper.make_node("Identity", ["b"], ["a"]), helper.make_node("Identity", ["a"], ["b"])]
    nodes.append(helper.make_node("OneHotEncoder", ["a"], ["c"], domain="ai.onnx.ml", cats_int64s=[3, -1]))
    graph = onnx_graph.read(graphs.model(nodes, [], []))
    assert graph.ends_in("a") == ""
    assert set(graph.categories().values()) == {(3, -1)}
