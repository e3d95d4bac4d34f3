"""Models that come as programs: what data scientists save, and what cannot be loaded for a reason that has a remedy."""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections.abc import Callable
from functools import partial
from typing import Any

import catboost
import cloudpickle
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
import statsmodels.api as sm
import statsmodels.formula.api as smf
import xgboost
from interpret.glassbox import ExplainableBoostingClassifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from debuggers import errors
from debuggers.models.load import JailedModel
from debuggers.sandbox import jail
from debuggers.task import Task

Load = Callable[..., JailedModel]
needs_jail = pytest.mark.skipif(not jail.support().is_full, reason=f"no jail here: {jail.support().reason}")


def dumped(found: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(found, buffer, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def mixed(table: pd.DataFrame) -> pd.DataFrame:
    return table[["a", "b", "job"]].astype({"job": str})


@pytest.fixture(scope="module")
def pipeline(mixed: pd.DataFrame, label: pd.Series) -> Any:
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b"]), (OneHotEncoder(), ["job"])
    )
    return make_pipeline(columns, LogisticRegression()).fit(mixed, label.map({0: "no", 1: "yes"}))


@pytest.fixture(scope="module")
def full(numbers: pd.DataFrame) -> pd.DataFrame:
    return numbers.fillna(0.0).rename(columns={"yes no": "c"})


PACKINGS: dict[str, Callable[[Any], bytes]] = {
    "pickle": pickle.dumps,
    "pickle of protocol 2": lambda found: pickle.dumps(found, 2),
    "cloudpickle": cloudpickle.dumps,
    "joblib": dumped,
    **{f"joblib {kind}": partial(dumped, compress=(kind, 3)) for kind in ("zlib", "gzip", "bz2", "lzma", "xz")},
}


@needs_jail
@pytest.mark.parametrize("pack", PACKINGS)
def test_every_packing_of_a_pipeline_answers_bit_for_bit(
    pack: str, loaded: Load, pipeline: Any, mixed: pd.DataFrame
) -> None:
    model = loaded(PACKINGS[pack](pipeline), "model.pkl", consent=True)
    found = model.signature
    assert (found.format, found.tier, found.task, found.classes) == ("pickle", 3, Task.BINARY, ("no", "yes"))
    assert found.features == ("a", "b", "job")
    assert found.categories == {"job": ("cook", "it", "sales")}
    np.testing.assert_array_equal(model.predict(mixed), pipeline.predict_proba(mixed))
    np.testing.assert_array_equal(model.predict(mixed, raw=True), pipeline.decision_function(mixed))


LIBRARIES: dict[str, Callable[[pd.DataFrame, pd.Series], tuple[Any, Callable[[Any, pd.DataFrame], Any]]]] = {
    "forest with threads": lambda X, y: (
        RandomForestClassifier(5, n_jobs=-1).fit(X, y), lambda m, X: m.predict_proba(X)
    ),
    "regressor": lambda X, y: (RandomForestRegressor(5).fit(X, y), lambda m, X: m.predict(X)),
    "boosting": lambda X, y: (
        HistGradientBoostingClassifier(max_iter=5).fit(X, y), lambda m, X: m.predict_proba(X)
    ),
    "XGBoost": lambda X, y: (
        xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, y), lambda m, X: m.predict_proba(X)
    ),
    "XGBoost booster": lambda X, y: (
        xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, y), 3),
        lambda m, X: both(m.predict(xgboost.DMatrix(X))),
    ),
    "LightGBM": lambda X, y: (
        lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(X, y), lambda m, X: m.predict_proba(X)
    ),
    "LightGBM booster": lambda X, y: (
        lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, y), 3),
        lambda m, X: both(m.predict(X)),
    ),
    "CatBoost": lambda X, y: (
        catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False, thread_count=1).fit(X, y),
        lambda m, X: m.predict_proba(X),
    ),
    "EBM": lambda X, y: (
        ExplainableBoostingClassifier(n_jobs=1, outer_bags=1, max_rounds=5).fit(X, y), lambda m, X: m.predict_proba(X)
    ),
    "OLS": lambda X, y: (sm.OLS(y, sm.add_constant(X)).fit(), lambda m, X: m.predict(sm.add_constant(X))),
    "binomial": lambda X, y: (
        sm.GLM(y, sm.add_constant(X), family=sm.families.Binomial()).fit(),
        lambda m, X: both(m.predict(sm.add_constant(X))),
    ),
    "formula": lambda X, y: (
        smf.logit("y ~ np.exp(a) + C(c) * b", X.assign(y=y)).fit(disp=0), lambda m, X: both(m.predict(X))
    ),
}  # fmt: skip


def both(positive: Any) -> Any:
    p = np.asarray(positive, dtype=np.float64)
    return np.column_stack([1 - p, p])


@needs_jail
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.filterwarnings("ignore")  # models are trained badly, to be quick
def test_what_libraries_save_answers_as_it_does_here(
    library: str, loaded: Load, full: pd.DataFrame, label: pd.Series
) -> None:
    noisy = label.where(np.arange(len(label)) % 7 > 0, 1 - label)
    found, expected = LIBRARIES[library](full, noisy)
    model = loaded(pickle.dumps(found), consent=True)
    assert model.signature.features is not None
    assert set(model.signature.features) == set(full.columns)
    np.testing.assert_allclose(model.predict(full), expected(found, full), rtol=1e-6, atol=1e-9)
    assert model.predict(full, raw=True).shape[0] == len(full)


def homemade(method: str) -> bytes:
    scope: dict[str, Any] = {}
    source = f"import numpy as np\nclass Own:\n    def {method}(self, X):\n        return np.clip(X['a'], 0, 1)\n"
    exec(source, scope)
    return bytes(cloudpickle.dumps(scope["Own"]()))


@needs_jail
def test_any_object_that_predicts_is_a_model(loaded: Load, full: pd.DataFrame) -> None:
    unsaid = loaded(homemade("predict"), consent=True)
    assert unsaid.signature.task is None
    number = loaded(homemade("predict"), consent=True, task=Task.REGRESSION)
    np.testing.assert_array_equal(number.predict(full), full["a"].clip(0, 1))
    chance = loaded(homemade("predict"), consent=True, task=Task.BINARY)
    np.testing.assert_array_equal(chance.predict(full), both(full["a"].clip(0, 1)))


@needs_jail
@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"a": 1}, "a dict, which is nothing that predicts"),
        (StandardScaler(), "StandardScaler, which is nothing that predicts"),
        (LinearSVC(), "CalibratedClassifierCV"),
    ],
)
def test_what_is_no_model_is_refused(found: Any, says: str, loaded: Load, full: pd.DataFrame, label: pd.Series) -> None:
    if isinstance(found, LinearSVC):
        found.fit(full, label)
    with pytest.raises(errors.UnreadableModel, match=says):
        loaded(pickle.dumps(found), consent=True)


@needs_jail
def test_a_skops_file_with_own_functions_needs_consent(loaded: Load, full: pd.DataFrame, label: pd.Series) -> None:
    fitted = make_pipeline(FunctionTransformer(np.sqrt), FunctionTransformer(pd.isna), LogisticRegression()).fit(
        full.abs(), label
    )
    data = skops.io.dumps(fitted)
    with pytest.raises(errors.ConsentNeeded, match="isna"):
        loaded(data)
    model = loaded(data, consent=True)
    assert model.signature.tier == 3
    np.testing.assert_array_equal(model.predict(full.abs()), fitted.predict_proba(full.abs()))


def test_consent_to_a_format_that_needs_none_changes_nothing(
    loaded: Load, full: pd.DataFrame, label: pd.Series
) -> None:
    model = loaded(skops.io.dumps(LogisticRegression().fit(full, label)), consent=True)
    assert model.signature.tier == 1


# --- versions ---


@needs_jail
def test_a_missing_module_is_named(loaded: Load) -> None:
    module = types.ModuleType("acme_models")
    module.Secret = type("Secret", (), {"__module__": "acme_models"})  # type: ignore[attr-defined]  # made here
    sys.modules["acme_models"] = module
    try:
        data = pickle.dumps(module.Secret())
    finally:
        del sys.modules["acme_models"]
    with pytest.raises(errors.OtherVersion, match="needs the module 'acme_models', which is not installed"):
        loaded(data, consent=True)


@needs_jail
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"c__main__\nModel\n.", "'Model' from the script or notebook"),
        (b"csklearn.tree\nOldTree\n.", "'OldTree' of 'sklearn.tree'"),
        (
            b"csklearn.ensemble.forest\nX\n.",
            "'sklearn.ensemble.forest', which the sklearn installed here does not have",
        ),
        (b"\x80\x05\x80\x09.", "a newer Python"),
        (b"ctypes\nCodeType\n(I1\nI2\nI3\ntR.", "another Python"),
    ],
)
def test_a_difference_of_versions_is_named(data: bytes, says: str, loaded: Load) -> None:
    with pytest.raises(errors.OtherVersion, match=says):
        loaded(data, consent=True)


@needs_jail
def test_another_version_of_scikit_learn_is_a_note(loaded: Load, full: pd.DataFrame, label: pd.Series) -> None:
    import sklearn

    fitted = LogisticRegression().fit(full, label)
    data = pickle.dumps(fitted).replace(sklearn.__version__.encode(), b"0.9.9"[: len(sklearn.__version__)])
    model = loaded(data, consent=True)
    (note,) = model.signature.notes
    assert "saved by scikit-learn 0.9.9" in note
    np.testing.assert_array_equal(model.predict(full), fitted.predict_proba(full))
    broken = data.replace(b"multi_class", b"multi_clasz").replace(b"coef_", b"coeg_")
    with pytest.raises(errors.ModelRaised, match=r"saved by scikit-learn 0\.9\.9"):
        loaded(broken, consent=True).predict(full)


# --- structure and refit ---


@needs_jail
def test_coefficients_and_layers_are_handed_over(loaded: Load, pipeline: Any) -> None:
    model = loaded(pickle.dumps(pipeline), consent=True)
    found = model.structure("coefficients")
    np.testing.assert_array_equal(found["coef"], pipeline[-1].coef_)
    np.testing.assert_array_equal(found["intercept"], pipeline[-1].intercept_)
    assert found["names"].tolist() == list(pipeline[:-1].get_feature_names_out())
    with pytest.raises(errors.Unavailable, match="LogisticRegression is no ensemble of trees"):
        model.structure("trees")


def test_layers_of_a_perceptron(loaded: Load, full: pd.DataFrame, label: pd.Series) -> None:
    from sklearn.neural_network import MLPClassifier

    fitted = MLPClassifier((4, 3), solver="lbfgs", max_iter=5000, tol=1e9).fit(full, label)
    found = loaded(skops.io.dumps(fitted)).structure("layers")
    assert [found[f"weights_{i}"].shape for i in range(3)] == [(3, 4), (4, 3), (3, 1)]
    np.testing.assert_array_equal(found["biases_1"], fitted.intercepts_[1])
    assert (found["activation"][0], found["output"][0]) == ("relu", "logistic")


def test_refit_is_the_estimator_fitted_on_other_rows(
    loaded: Load, pipeline: Any, mixed: pd.DataFrame, label: pd.Series
) -> None:
    from sklearn.base import clone

    y = label.map({0: "no", 1: "yes"})
    part, weights = slice(0, 150), np.arange(150.0)
    model = loaded(skops.io.dumps(pipeline))
    before = model.predict(mixed)
    again = model.refit(mixed[part], y[part], weights)
    expected = clone(pipeline).fit(mixed[part], y[part], logisticregression__sample_weight=weights)
    np.testing.assert_allclose(again.predict(mixed), expected.predict_proba(mixed), rtol=1e-12)
    assert again.fingerprint != model.fingerprint
    assert again.pid != model.pid
    again.close()  # a worker that comes back fits again
    np.testing.assert_allclose(again.predict(mixed), expected.predict_proba(mixed), rtol=1e-12)
    again.close()
    np.testing.assert_array_equal(model.predict(mixed), before)


def test_refit_that_cannot_be_says_why(loaded: Load, full: pd.DataFrame, label: pd.Series) -> None:
    model = loaded(skops.io.dumps(LogisticRegression().fit(full, label)))
    with pytest.raises(errors.Unavailable, match="the label '6' is none of its classes"):
        model.refit(full, label + 6)
    from sklearn.neighbors import KNeighborsClassifier

    neighbours = loaded(skops.io.dumps(KNeighborsClassifier().fit(full, label)))
    with pytest.raises(errors.Unavailable, match="takes no weights"):
        neighbours.refit(full, label, np.ones(len(full)))
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(full, label), 2)
    with pytest.raises(errors.Unavailable, match="without the means to fit it"):
        loaded(bytes(booster.save_raw("json"))).refit(full, label)
    with pytest.raises(errors.ModelRaised, match="class"):
        model.refit(full[:3], np.zeros(3))
