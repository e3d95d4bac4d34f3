"""Models trained by others, with the outputs that they published beside them."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from debuggers.models.load import load_model
from debuggers.task import Task

SHARED = Path(os.environ.get("FAULTLINE_SHARED", Path(__file__).parents[2].parent / "shared"))
MODELS = SHARED / "data" / "models"

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason=f"{MODELS} is missing; set FAULTLINE_SHARED")


@pytest.mark.parametrize(
    ("stem", "first", "scale", "expected"),
    [
        ("lightgbm_multiclass_28f", 1, "probability", "expected"),
        ("lightgbm_dart_breast_cancer", 0, "probability", "expected"),
        ("lightgbm_kddcup99_13class", 0, "raw", "expected_raw_scores"),
    ],
)
def test_published_outputs_are_reproduced(stem: str, first: int, scale: str, expected: str) -> None:
    X = pd.read_csv(MODELS / f"{stem}_test.tsv", sep="\t", header=None).iloc[:, first:]
    published = np.loadtxt(MODELS / f"{stem}_{expected}.txt")
    with closing(load_model(MODELS / f"{stem}.txt")) as model:
        found = model.predict(X, raw=scale == "raw")
    np.testing.assert_allclose(found[:, 1] if published.ndim == 1 else found, published, rtol=0, atol=1e-6)


def iris() -> tuple[pd.DataFrame, np.ndarray]:
    found = load_iris(as_frame=True)
    return found.data, found.target.to_numpy()


def test_iris_models_are_as_accurate_as_published_and_ubj_equals_json() -> None:
    X, y = iris()
    lightgbm = X.set_axis([c.replace(" ", "_") for c in X.columns], axis=1)
    answers = []
    for name, table, accuracy, classes, tier in [
        ("lightgbm_iris_kserve.txt", lightgbm, 1.0, "012", 2),
        ("xgboost_iris_kserve.json", X, 0.97333, "0123456789", 1),
        ("xgboost_iris_kserve.ubj", X, 0.97333, "0123456789", 2),
    ]:
        with closing(load_model(MODELS / name)) as model:
            answers.append(model.predict(table))
            assert (model.signature.classes, model.signature.tier) == (tuple(classes), tier)
        assert (answers[-1].argmax(axis=1) == y).mean() == pytest.approx(accuracy, abs=1e-5)
    np.testing.assert_array_equal(answers[1], answers[2])


def leaf(tree: dict[str, Any], row: pd.Series) -> float:
    node = 0
    while tree["left_children"][node] != -1:
        right = row.iloc[tree["split_indices"][node]] >= tree["split_conditions"][node]
        node = tree["right_children" if right else "left_children"][node]
    return float(tree["split_conditions"][node])


def test_the_old_layout_of_xgboost_json_is_read_as_its_trees_say() -> None:
    path = MODELS / "xgboost_mushroom_mlserver_old.json"
    trees = json.loads(path.read_bytes())["learner"]["gradient_booster"]["model"]["trees"]
    X = pd.DataFrame(np.random.default_rng(0).integers(-1, 1, (50, 126)), dtype=float)
    with closing(load_model(path)) as model:
        margins = model.predict(X, raw=True)
        assert (model.signature.task, model.signature.n_features) == (Task.BINARY, 126)
    by_hand = [sum(leaf(tree, row) for tree in trees) for _, row in X.iterrows()]
    np.testing.assert_allclose(margins, by_hand, atol=1e-6)
    assert len(set(by_hand)) > 3


@pytest.fixture(scope="module")
def adult() -> pd.DataFrame:
    row = {
        "age": 39.0, "workclass": "State-gov", "fnlwgt": 77516.0, "education": "Bachelors", "education-num": 13.0,
        "marital-status": "Never-married", "occupation": "Adm-clerical", "relationship": "Not-in-family",
        "race": "White", "sex": "Male", "capital-gain": 2174.0, "capital-loss": 0.0, "hours-per-week": 40.0,
        "native-country": "United-States",
    }  # fmt: skip
    return pd.DataFrame([row, row | {"capital-gain": 99999.0}, row | {"occupation": None, "age": np.nan}])


def test_catboost_models_answer_as_the_library_does(adult: pd.DataFrame) -> None:
    filled = adult.assign(occupation=adult["occupation"].fillna("nan"))
    tables = {"catboost_adult.cbm": (adult, filled), "catboost_small_mlserver.cbm": (pd.DataFrame(9 * np.eye(10)),) * 2}
    for name, (given, cleaned) in tables.items():
        library = catboost.CatBoost().load_model(str(MODELS / name))
        with closing(load_model(MODELS / name)) as model:
            found = model.predict(given)
        np.testing.assert_allclose(found, library.predict(cleaned, prediction_type="Probability"), atol=1e-12)
        assert np.ptp(found) > 0
