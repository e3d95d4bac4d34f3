"""Planted features are found where they matter, healthy models yield no finding, and bad input has an answer."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.svm import SVR

from debuggers.analyses.importance import ImportanceParams, importance
from debuggers.errors import BadParameter
from debuggers.importance_points import cohort_tables, dependence_points, swarm_points
from debuggers.importance_result import PARTS, ImportanceResult
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.subject import Subject
from debuggers.task import Task
from debuggers.workspace.codec import decode, encode
from tests import credit
from tests.analyses.functions import subject_of
from tests.subjects import ODD_NAMES, people, subject
from tests.workspace.same import assert_same


def numbers(n: int, width: int = 4, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(n, width)), columns=[f"x{i}" for i in range(width)])


def binary(estimator: Any, X: pd.DataFrame, y: Any, test: pd.DataFrame | None = None, truth: Any = None) -> Subject:
    """Return a subject of an estimator fitted on `X`; tested on other rows where they are given."""
    model = EstimatorModel(estimator.fit(X, y))
    rows, labels = (X, y) if test is None else (test, truth)
    return make_subject("mine", rows.assign(y=np.asarray(labels)), Roles(target="y"), model=model)


def ran(of: Subject, part: str = "features", **params: Any) -> ImportanceResult:
    return importance(of, ImportanceParams(part=part, **params))


# --- known answers --------------------------------------------------------------------------------------------------


def test_importance_of_a_linear_model_is_its_coefficients_times_the_deviation_from_the_mean() -> None:
    X = numbers(200)
    weights = np.array([3.0, 0.0, -1.0, 0.5])
    of = subject_of(lambda t: t.to_numpy() @ weights + 2, X)
    result = ran(of, background=10_000)
    expected = np.abs((X - X.mean()).to_numpy() * weights).mean(axis=0)
    found = result.features.set_index("feature")["importance"]
    np.testing.assert_allclose(found[list(X.columns)], expected, atol=1e-9)
    assert list(found.index) == ["x0", "x2", "x3", "x1"]
    assert result.method.startswith("exact")
    assert result.counts["background"] == 200


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("kind", ["interventional", "path-dependent"])
def test_contributions_and_base_add_up_to_the_output(task: Task, kind: str) -> None:
    of = subject(task, missing=True)
    result = ran(of, kind=kind, asked_rows=20)
    whole = result.values.sum(axis=1) + result.base
    if task is Task.REGRESSION:
        np.testing.assert_allclose(whole[:, 0], of.scores, atol=1e-6)
    elif task is Task.BINARY:
        np.testing.assert_allclose(1 / (1 + np.exp(-whole[:, 0])), of.scores, atol=1e-6)
    else:
        odds = np.exp(whole)
        np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), of.scores, atol=1e-6)


def test_contributions_to_the_loss_add_up_to_it() -> None:
    of = subject(Task.BINARY, missing=True)
    row = int(of.test.rows[np.argmax(of.loss)])
    result = ran(of, "row", row=row)
    assert result.waterfall["error_contribution"].sum() + result.error_base == pytest.approx(of.loss.max(), abs=1e-6)


def test_shares_of_all_features_add_up_to_one() -> None:
    result = ran(subject(Task.MULTICLASS), asked_rows=20)
    assert result.features.groupby("output")["share"].sum().to_numpy() == pytest.approx([1, 1, 1])


def test_the_partner_of_a_product_is_its_other_factor() -> None:
    X = numbers(1_000)
    y = X["x0"] * X["x1"] + X["x2"] > 0
    of = binary(HistGradientBoostingClassifier(max_iter=40, random_state=0), X, y.astype(int))
    partners = ran(of).partners.drop_duplicates("feature").set_index("feature")
    assert partners.loc["x0", "partner"] == "x1"
    assert partners.loc["x1", "partner"] == "x0"
    assert partners["explained"]["x0"] > 0.5


# --- findings -------------------------------------------------------------------------------------------------------


def kinds(result: ImportanceResult) -> dict[str, tuple[str, ...]]:
    return {f.kind: f.features for f in result.findings}


def test_a_feature_that_only_does_harm_is_found() -> None:
    """In training x3 told the answer; in the test table it tells the opposite."""
    train, test = numbers(1_500), numbers(1_500, seed=1)
    y = (train["x0"] + np.random.default_rng(2).normal(size=1_500) > 0).astype(int)
    truth = (test["x0"] + np.random.default_rng(3).normal(size=1_500) > 0).astype(int)
    train["x3"] += 2 * y
    test["x3"] += 2 * (1 - truth)
    of = binary(HistGradientBoostingClassifier(max_iter=40, random_state=0), train, y, test, truth)
    result = ran(of)
    finding = next(f for f in result.findings if f.kind == "shortcut")
    assert finding.features == ("x3",)
    assert finding.effect is not None
    assert finding.effect.low > 0
    assert finding.q_value is not None
    assert finding.q_value <= 0.05
    assert finding.confirmed is True
    assert finding.evidence["rows_searched"] + finding.evidence["rows_held_out"] == 1_000


def test_a_copy_of_the_answer_is_found() -> None:
    X = numbers(800)
    y = (X["x0"] + X["x1"] > 0).astype(int)
    leaked = X.assign(x3=y + np.random.default_rng(1).normal(size=800) / 50)
    result = ran(binary(HistGradientBoostingClassifier(max_iter=60, random_state=0), leaked, y))
    assert kinds(result)["leakage"] == ("x3",)
    assert next(f for f in result.findings if f.kind == "leakage").severity == "high"


def test_a_feature_of_the_error_is_found() -> None:
    """In few rows x1 moves the prediction far, and there the model is wrong."""
    X = numbers(5_000)
    known = subject_of(lambda t: t["x0"] + np.where(t["x1"] > 2.5, 20.0, 0.0), X).model
    assert known is not None
    of = make_subject("error", X.assign(y=X["x0"]), Roles(target="y", task=Task.REGRESSION), model=known.model)
    (finding,) = (f for f in ran(of, error_rows=5_000).findings if f.kind == "overfit")
    assert finding.features == ("x1",)
    assert finding.evidence["share_of_error"] > 2 * finding.evidence["share_of_prediction"]


@pytest.mark.parametrize("task", list(Task))
def test_a_healthy_model_has_no_finding(task: Task) -> None:
    assert ran(subject(task), asked_rows=50).findings == ()


def test_too_few_rows_have_no_finding() -> None:
    X = numbers(60)
    y = (X["x0"] > 0).astype(int)
    assert ran(binary(HistGradientBoostingClassifier(random_state=0), X, y)).findings == ()


# --- charts' tables and cohorts -------------------------------------------------------------------------------------


def test_a_cohort_is_compared_with_the_rest_against_one_background() -> None:
    X = numbers(600)
    of = subject_of(lambda t: t["x0"] + np.where(t["x2"] > 0, 5.0, 0.0), X)
    result = ran(of)
    inside = (X["x0"].abs() > 1).to_numpy()
    prediction, error = cohort_tables(of, result, 0, inside)
    sizes = np.abs(result.values[:, 0, 0])
    row = prediction.set_index("feature").loc["x0"]
    assert row["cohort"] == pytest.approx(sizes[inside].mean())
    assert row["rest"] == pytest.approx(sizes[~inside].mean())
    assert row["difference_low"] > 0
    assert row["cohort_rows"] == inside.sum()
    assert len(error) == 4


def test_points_are_rows_of_the_table() -> None:
    of = subject(Task.BINARY, missing=True)
    result = ran(of)
    points = swarm_points(of, result, 0, ["age", "job"])
    at = points[points["feature"] == "age"].iloc[5]
    value = of.test.table.loc[at["row"], "age"]
    assert at["text"] == ("missing" if pd.isna(value) else f"{value:.6g}")
    assert points[points["feature"] == "job"]["level"].isna().all()
    along = dependence_points(of, result, 0, "debt", "job")
    assert set(along["partner_text"]) <= {"sales", "it", "care"}
    assert along["partner_level"].isna().all()


# --- every part, on every kind of subject ---------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("task", list(Task))
def test_every_part_answers_and_survives_being_saved(part: str, task: Task) -> None:
    result = ran(subject(task, missing=True), part, asked_rows=10, permuted_rows=100, repeats=2)
    assert len(result.table())
    assert result.part == part
    assert_same(result, decode(encode(result)))


@pytest.mark.parametrize("part", PARTS)
def test_every_part_answers_without_labels(part: str) -> None:
    result = ran(subject(Task.BINARY, labels=False), part)
    if part == "permutation":
        assert result.obstacle
        assert not len(result.permuted)
        return
    assert len(result.table())
    if part == "features":
        assert result.features["error_importance"].isna().all()
        assert not len(result.error_values)


@pytest.mark.parametrize("part", PARTS)
def test_a_model_that_has_to_be_asked_says_so(part: str) -> None:
    X = numbers(120, 3)
    machine = SVR()
    y = X["x0"] ** 2 + X["x1"]
    of = make_subject("net", X.assign(y=y), Roles(target="y"), model=EstimatorModel(machine.fit(X, y)))
    result = ran(of, part, asked_rows=10, background=20)
    assert len(result.table())
    if part in ("features", "row", "interactions", "checks"):
        assert "no ensemble of trees" in result.asked_because or "cannot" in result.asked_because
    if part == "features":
        assert result.counts["explained"] == 10
        assert "permutations" in result.method


# --- bad input ------------------------------------------------------------------------------------------------------


@cache
def fitted(width: int = 4) -> tuple[Any, pd.DataFrame]:
    X = numbers(300, width)
    y = (X["x0"] + X["x1"] * X["x2"] > 0).astype(int)
    return HistGradientBoostingClassifier(max_iter=10, random_state=0).fit(X, y), X.assign(y=y)


def changed(**columns: Any) -> Subject:
    """Return a subject with some columns replaced by others."""
    model, table = fitted()
    return make_subject("changed", table.assign(**columns), Roles(target="y"), model=EstimatorModel(model))


CASES: dict[str, Any] = {
    "one row": lambda: make_subject("one", fitted()[1].head(1), Roles(target="y", task=Task.BINARY, classes=("0", "1")),
                                    model=EstimatorModel(fitted()[0])),
    "a constant feature": lambda: changed(x1=1.0),
    "an all-missing column": lambda: changed(x1=np.nan),
    "one class in the labels": lambda: make_subject(
        "one class", fitted()[1].assign(y=1), Roles(target="y", task=Task.BINARY, classes=("0", "1")),
        model=EstimatorModel(fitted()[0])),
    "missing targets": lambda: changed(y=fitted()[1]["y"].astype(float).mask(np.arange(300) % 3 == 0)),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("case", CASES)
def test_bad_input_has_an_answer(case: str, part: str) -> None:
    of = CASES[case]()
    result = ran(of, part, permuted_rows=100)
    assert isinstance(result.table(), pd.DataFrame)
    if part == "features":
        assert len(result.features) == 4


def test_a_constant_feature_has_no_importance() -> None:
    found = ran(changed(x1=1.0)).features.set_index("feature")
    assert found.loc["x1", "importance"] == pytest.approx(0, abs=1e-12)


def test_a_category_unseen_in_training_has_an_answer() -> None:
    X = people(300)
    encode = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["job"]), remainder="passthrough"
    )
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=5)).fit(X, (X["age"] > 50).astype(int))
    table = X.assign(y=(X["age"] > 50).astype(int), job=["pilot", *X["job"].iloc[1:]])
    result = ran(make_subject("unseen", table, Roles(target="y"), model=EstimatorModel(model)), "row", row=0)
    assert result.waterfall.set_index("feature")["value"]["job"] == "pilot"


def test_a_wide_table_keeps_fewer_rows_and_says_so() -> None:
    model, table = fitted(300)
    of = make_subject("wide", table, Roles(target="y"), model=EstimatorModel(model))
    result = ran(of)
    assert len(result.features) == 300
    assert result.counts["partnered"] == 40
    assert set(result.partners["feature"]) <= set(result.features["feature"].head(40))


def test_too_many_pairs_for_a_model_without_trees_are_an_obstacle() -> None:
    X = numbers(80, 45)
    machine = SVR()
    y = X["x0"] * X["x1"]
    of = make_subject("wide net", X.assign(y=y), Roles(target="y"), model=EstimatorModel(machine.fit(X, y)))
    assert "990 pairs" in ran(of, "interactions").obstacle


def test_odd_names_stay_names() -> None:
    X = people(300).rename(columns=ODD_NAMES).drop(columns='a"b')
    of = binary(HistGradientBoostingClassifier(max_iter=5), X, (X["age"] > 50).astype(int))
    assert set(ran(of).features["feature"]) == set(X.columns)


def test_a_row_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BadParameter, match="row"):
        ran(subject(Task.BINARY), "row", row=10_000)


def test_shares_of_a_forest_are_explained_by_their_squared_error() -> None:
    model, table = fitted()
    forest = RandomForestClassifier(10, random_state=0).fit(table.drop(columns="y"), table["y"])
    of = make_subject("forest", table, Roles(target="y"), model=EstimatorModel(forest))
    result = ran(of, "row", row=3)
    assert result.measure == "squared error of the probability"
    whole = result.waterfall["error_contribution"].sum() + result.error_base
    assert whole == pytest.approx((of.scores[3] - of.y[3]) ** 2, abs=1e-9)
    assert model is not None


def test_a_logistic_regression_is_explained_in_closed_form() -> None:
    X = numbers(300)
    of = binary(LogisticRegression(), X, (X["x0"] > 0).astype(int))
    result = ran(of)
    assert result.method == "exact: the model is a sum over features"
    assert result.counts["explained"] == 300
    assert result.asked_because == ""


# --- published figures ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    model, table = credit.write(tmp_path_factory.mktemp("credit"))
    from debuggers.opening import read_files

    understanding = read_files(model, table).understand(Roles(target=credit.TARGET, row_id="ID", threshold=0.25))
    assert understanding.subject is not None
    return understanding.subject


def test_mean_contributions_of_the_credit_model_are_the_published_ones(hall: Subject) -> None:
    found = ran(hall, kind="path-dependent", error_rows=50, background=50).features.set_index("feature")["importance"]
    assert list(found.index[:2]) == ["PAY_0", "LIMIT_BAL"]
    assert set(found.index[:6]) == {"PAY_0", "LIMIT_BAL", "PAY_AMT3", "PAY_AMT2", "BILL_AMT1", "PAY_2"}
    assert found["PAY_0"] == pytest.approx(0.51, abs=0.03)
    assert found["LIMIT_BAL"] == pytest.approx(0.133, abs=0.015)


def test_the_loss_of_the_worst_customer_is_shared_out_as_published(hall: Subject) -> None:
    at = int(hall.test.rows[np.flatnonzero(hall.test.table["ID"] == 983)[0]])
    result = ran(hall, "row", row=at, background=100_000)
    assert result.counts["error_background"] == len(hall.test)
    lost = result.waterfall.set_index("feature")["error_contribution"].sort_values(ascending=False)
    assert lost.sum() + result.error_base == pytest.approx(4.826, abs=0.1)
    assert set(lost.index[:4]) == {"PAY_AMT1", "LIMIT_BAL", "PAY_AMT2", "PAY_0"}
    assert lost.index[0] == "PAY_AMT1"
    assert {"AGE", "SEX"} == set(lost.index[-2:])
