from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from interpret.glassbox import ExplainableBoostingClassifier
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC
from xgboost import XGBClassifier

from debuggers import errors
from debuggers.models import skops_model, skops_types
from debuggers.models.adapter import Refused, Untrusted
from debuggers.models.formats import Format
from debuggers.models.load import JailedModel
from debuggers.task import Task
from tests.models.conftest import Unjailed

Load = Callable[..., JailedModel]


@pytest.fixture(scope="module")
def mixed(table: pd.DataFrame) -> pd.DataFrame:
    return table[["a", "b", "job"]].astype({"job": str})


def preparation() -> ColumnTransformer:
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return ColumnTransformer([("numeric", numeric, ["a", "b"]), ("words", words, ["job"])])


def test_a_pipeline_with_everything_answers_bit_for_bit(loaded: Load, mixed: pd.DataFrame, label: pd.Series) -> None:
    y = label.map({0: "no", 1: "yes"})
    pipeline = make_pipeline(preparation(), LogisticRegression()).fit(mixed, y)
    model = loaded(skops.io.dumps(pipeline), "model.skops")
    found = model.signature
    assert (found.task, found.classes, found.features) == (Task.BINARY, ("no", "yes"), ("a", "b", "job"))
    assert found.categories == {"job": ("cook", "it", "sales")}
    X = mixed.assign(job=mixed["job"].where(mixed["b"] > 10))
    np.testing.assert_array_equal(model.predict(X), pipeline.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X, raw=True), pipeline.decision_function(X))
    np.testing.assert_array_equal(model.predict(X.astype({"job": "category"})), pipeline.predict_proba(X))


def test_native_categories_and_holes(table: pd.DataFrame, label: pd.Series) -> None:
    X = table[["a", "b", "job"]]
    trees = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(X, label)
    model = Unjailed(Format.SKOPS, skops.io.dumps(trees))
    assert model.signature.handles_missing is True
    np.testing.assert_array_equal(model.predict(X), trees.predict_proba(X))


def test_a_regressor_and_a_numpy_trained_model(numbers: pd.DataFrame) -> None:
    trees = HistGradientBoostingRegressor(max_iter=5).fit(numbers.to_numpy(), numbers["b"])
    model = Unjailed(Format.SKOPS, skops.io.dumps(trees))
    found = model.signature
    assert (found.task, found.features, found.n_features) == (Task.REGRESSION, None, 3)
    np.testing.assert_array_equal(model.predict(numbers), trees.predict(numbers.to_numpy()))


TRUSTED = [
    RandomForestClassifier(2),
    GradientBoostingClassifier(n_estimators=2),
    HistGradientBoostingClassifier(max_iter=2),
    KNeighborsClassifier(algorithm="ball_tree"),
    KNeighborsClassifier(algorithm="kd_tree"),
    MLPClassifier((2,), solver="lbfgs", max_iter=5000, tol=1e9),
    GaussianProcessClassifier(RBF() + WhiteKernel(), optimizer=None),
    CalibratedClassifierCV(LogisticRegression(), cv=2),
    CalibratedClassifierCV(RandomForestClassifier(2), method="isotonic", cv=2),
    GridSearchCV(LogisticRegression(), {"C": [1, 2]}, scoring="roc_auc", cv=2),
    StackingClassifier([("a", RandomForestClassifier(2)), ("b", LogisticRegression())], cv=2),
    XGBClassifier(n_estimators=2, n_jobs=1),
    LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1),
    ExplainableBoostingClassifier(n_jobs=1, outer_bags=1, max_rounds=5),
    make_pipeline(
        ColumnTransformer([("all", OrdinalEncoder(), make_column_selector(dtype_include="number"))]),
        LogisticRegression(),
    ),
    make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
]


@pytest.mark.parametrize("estimator", TRUSTED, ids=lambda e: type(e).__name__)
@pytest.mark.filterwarnings("ignore")  # models are trained badly, to be quick
def test_what_data_scientists_save_is_on_the_list(estimator: Any, numbers: pd.DataFrame, label: pd.Series) -> None:
    X = numbers[["b", "yes no"]].iloc[:60]
    data = skops.io.dumps(clone(estimator).fit(X, label.iloc[:60]))
    assert set(skops.io.get_untrusted_types(data=data)) <= skops_types.trusted()


def test_the_list_names_existing_types_and_no_way_to_run_code() -> None:
    modules = {name.rsplit(".", 1)[0] for name in skops_types.trusted()}
    assert not modules & {"os", "builtins", "subprocess", "posix", "operator", "importlib", "sys", "pickle", "joblib"}
    assert {name.split(".")[0] for name in skops_types.trusted()} == {
        "sklearn", "numpy", "scipy", "xgboost", "lightgbm", "interpret", "collections", "functools",
    }  # fmt: skip


def double(X: Any) -> Any:
    return 2 * X


class Homemade(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """An estimator that scikit-learn does not know."""

    def fit(self, X: pd.DataFrame, y: pd.Series) -> Homemade:
        self.n_features_in_, self.classes_ = X.shape[1], np.unique(y)
        return self


def test_functions_and_types_beyond_the_list_are_refused(loaded: Load, numbers: pd.DataFrame, label: pd.Series) -> None:
    own = make_pipeline(FunctionTransformer(double), LogisticRegression()).fit(numbers.fillna(0), label)
    with pytest.raises(errors.UntrustedTypes, match="double"):
        loaded(skops.io.dumps(own), "own.skops")
    with pytest.raises(Untrusted) as caught:
        skops_model.load(skops.io.dumps(Homemade().fit(numbers, label)), None)
    assert [name.split(".")[-1] for name in caught.value.types] == ["Homemade"]


def test_what_gives_no_prediction_is_refused(numbers: pd.DataFrame, label: pd.Series) -> None:
    X = numbers.fillna(0)
    with pytest.raises(Refused, match="LinearSVC gives no probabilities"):
        skops_model.load(skops.io.dumps(LinearSVC().fit(X, label)), None)
    with pytest.raises(Refused, match="StandardScaler"):
        skops_model.load(skops.io.dumps(StandardScaler().fit(X)), None)
    two_targets = RandomForestClassifier(2).fit(X, pd.DataFrame({"a": label, "b": label}))
    with pytest.raises(Refused, match="several targets"):
        skops_model.load(skops.io.dumps(two_targets), None)
