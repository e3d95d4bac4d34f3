"""The credit demo has the faults that it says it has, and no more."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import xgboost
from sklearn.metrics import roc_auc_score

from debuggers.data.demos import credit
from debuggers.data.demos.demo import Built, PlantedFault


@dataclass(frozen=True, eq=False)
class Scored:
    """The demo with its model's probabilities on the test table and on a further, healthy one."""

    built: Built
    truth: pd.DataFrame
    probability: npt.NDArray[np.float64]
    healthy: pd.DataFrame
    healthy_probability: npt.NDArray[np.float64]

    @property
    def label(self) -> npt.NDArray[np.int64]:
        return self.built.test["default"].to_numpy()

    @property
    def error(self) -> npt.NDArray[np.bool_]:
        return np.asarray((self.probability > 0.5) != self.label)


def unheard(share: float, text: str) -> None:
    """Nobody listens to the progress."""


def predict(model: bytes, table: pd.DataFrame) -> npt.NDArray[np.float64]:
    features = table.drop(columns="default")
    words = features.select_dtypes(include=["object", "str"]).columns
    features[words] = features[words].astype("category")
    booster = xgboost.Booster()
    booster.load_model(bytearray(model))  # our own bytes of a moment ago
    return np.asarray(booster.predict(xgboost.DMatrix(features, enable_categorical=True)), dtype=float)


@pytest.fixture(scope="module")
def scored() -> Scored:
    built = credit.build(unheard)
    assert built.truth is not None
    healthy, _ = credit.generate(10_000, np.random.default_rng(7), faulty=False)
    return Scored(built, built.truth, predict(built.model, built.test), healthy, predict(built.model, healthy))


def test_the_table_is_as_large_and_mixed_as_described(scored: Scored) -> None:
    train, test = scored.built.train, scored.built.test
    assert (len(train), len(test)) == (credit.TRAIN_ROWS, credit.TEST_ROWS)
    assert list(train.columns) == list(test.columns)
    assert 0.15 < train["default"].mean() < 0.25
    assert test["income"].isna().mean() == pytest.approx(0.04, abs=0.01)
    assert test["guarantor"].dtype == bool


def test_the_model_is_good_but_not_too_good(scored: Scored) -> None:
    assert roc_auc_score(scored.label, scored.probability) == pytest.approx(0.82, abs=0.03)
    healthy = scored.healthy["default"]
    assert scored.healthy_probability.mean() == pytest.approx(healthy.mean(), abs=0.015)


def test_the_weak_slice_errs_three_times_as_often(scored: Scored) -> None:
    weak = scored.truth["weak_slice"]
    assert 0.03 < weak.mean() < 0.05
    assert scored.error[weak].mean() == pytest.approx(0.45, abs=0.06)
    assert scored.error[~weak].mean() == pytest.approx(0.14, abs=0.02)


def test_the_healthy_twin_has_no_weak_slice_and_no_shifted_region(scored: Scored) -> None:
    table = scored.healthy
    error = (scored.healthy_probability > 0.5) != table["default"]
    weak = (table["employment"] == "self-employed") & (table["employment_years"] < 3)
    assert error[weak].mean() < error.mean() + 0.06
    islands = table["region"] == "islands"
    assert scored.healthy_probability[islands].mean() == pytest.approx(table["default"][islands].mean(), abs=0.03)


def test_on_the_islands_probabilities_are_too_low(scored: Scored) -> None:
    shifted = scored.truth["miscalibration"] & ~scored.truth["weak_slice"]
    assert scored.truth["outcome"][shifted].mean() - scored.probability[shifted].mean() > 0.06
    rest = ~scored.truth["miscalibration"] & ~scored.truth["weak_slice"]
    assert abs(scored.truth["outcome"][rest].mean() - scored.probability[rest].mean()) < 0.02


def test_two_in_a_hundred_labels_are_wrong_and_the_truth_says_which(scored: Scored) -> None:
    wrong = scored.truth["label_error"]
    assert wrong.mean() == pytest.approx(0.02, abs=1e-4)
    assert ((scored.built.test["default"] == 1) != scored.truth["outcome"]).eq(wrong).all()
    assert not (wrong & scored.truth["weak_slice"]).any()


def test_the_leak_gives_the_outcome_away(scored: Scored) -> None:
    reminded = scored.built.train["days_since_reminder"].notna()
    assert scored.built.train["default"][reminded].mean() > 0.8
    hidden = scored.built.test.assign(days_since_reminder=np.nan)
    without = predict(scored.built.model, hidden)
    assert roc_auc_score(scored.label, scored.probability) - roc_auc_score(scored.label, without) > 0.03


@pytest.mark.parametrize("fault", credit.DEMO.faults, ids=lambda fault: fault.kind)
def test_each_documented_predicate_selects_the_rows_of_its_fault(scored: Scored, fault: PlantedFault) -> None:
    table = scored.built.test
    with duckdb.connect() as connection:
        connection.register("loans", table)
        rows = connection.sql(f"SELECT count(*) FROM loans WHERE {fault.where_sql}").fetchall()[0][0]
    expected = {
        "weak_slice": scored.truth["weak_slice"].sum(),
        "miscalibration": scored.truth["miscalibration"].sum(),
        "leakage": table["days_since_reminder"].notna().sum(),
        "label_error": len(table),
    }
    assert rows == expected[fault.kind]
    assert set(fault.features) <= set(table.columns)


def test_the_demo_is_the_same_every_time(scored: Scored) -> None:
    again = credit.build(unheard)
    assert again.model == scored.built.model
    pd.testing.assert_frame_equal(again.test, scored.built.test)
