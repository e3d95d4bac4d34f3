"""A generated table of loans, with faults that are planted and documented."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.data.demos.demo import Built, Demo, PlantedFault, Progress
from debuggers.task import Task

TRAIN_ROWS = 20_000
TEST_ROWS = 12_000
ROUNDS = 100
SEED = 20_240_229

WEAK_SLICE = "employment = 'self-employed' AND employment_years < 3"
SHIFTED_REGION = "region = 'islands'"
FLIPPED_SHARE = 0.7
SHIFT = 0.9
WRONG_LABEL_SHARE = 0.02
REMINDED_DEFAULTERS, REMINDED_OTHERS = 0.30, 0.01

DEMO = Demo(
    name="credit",
    title="Credit default",
    description=(
        "Will a loan default within a year? A generated table of 32,000 loans with four planted faults, "
        "to see what each page shows when something is known to be wrong."
    ),
    target="default",
    task=Task.BINARY,
    model_format="XGBoost JSON",
    source="Generated; no person is described.",
    sensitive=("sex",),
    faults=(
        PlantedFault(
            "weak_slice",
            WEAK_SLICE,
            f"Among the self-employed of less than three years {FLIPPED_SHARE:.0%} of the outcomes in the test table "
            "are reversed, as if their business had changed after training: the model errs here more than anywhere.",
            ("employment", "employment_years"),
        ),
        PlantedFault(
            "leakage",
            "days_since_reminder IS NOT NULL",
            "days_since_reminder is known only once a payment was missed: it gives the outcome away in "
            f"{REMINDED_DEFAULTERS:.0%} of the defaults and would be missing when the loan is granted.",
            ("days_since_reminder",),
        ),
        PlantedFault(
            "miscalibration",
            SHIFTED_REGION,
            f"On the islands the log-odds of a default rose by {SHIFT:g} after training: "
            "the model's probabilities are too low there.",
            ("region",),
        ),
        PlantedFault(
            "label_error",
            "true",
            f"{WRONG_LABEL_SHARE:.0%} of the labels in the test table are wrong, at random outside of the weak slice; "
            "the truth table says which.",
        ),
    ),
)

Floats = npt.NDArray[np.float64]
_REGIONS = {"north": 0.22, "south": 0.24, "east": 0.16, "west": 0.18, "coast": 0.10, "islands": 0.10}
_EMPLOYMENT = {"salaried": 0.58, "self-employed": 0.16, "civil servant": 0.13, "retired": 0.09, "unemployed": 0.04}
_PURPOSES = {"car": 0.30, "furniture": 0.22, "renovation": 0.20, "debt consolidation": 0.18, "education": 0.10}
_HOMES = {"rent": 0.46, "mortgage": 0.36, "owner": 0.18}
_RISK = {
    "salaried": 0.0, "self-employed": 0.25, "civil servant": -0.7, "retired": -0.2, "unemployed": 1.1,
    "car": 0.0, "furniture": 0.05, "renovation": -0.25, "debt consolidation": 0.6, "education": 0.15,
    "rent": 0.3, "mortgage": 0.0, "owner": -0.5,
}  # fmt: skip


def build(progress: Progress) -> Built:
    """Generate the tables and train the model, which is the same every time."""
    rng = np.random.default_rng(SEED)
    progress(0.0, "Generating loans")
    train, _ = generate(TRAIN_ROWS, rng, faulty=False)
    test, truth = generate(TEST_ROWS, rng, faulty=True)
    model = _train(train, progress)
    return Built(model, "credit.json", train, test, truth)


def generate(rows: int, rng: np.random.Generator, *, faulty: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return loans with their outcome, and which faults each row has.

    Parameters
    ----------
    faulty : bool
        Whether to plant the faults of the test table; the leak is in every table.

    Returns
    -------
    table : DataFrame of shape (rows, 16)
    truth : DataFrame of shape (rows, 4)
        Booleans `weak_slice`, `miscalibration`, `label_error`, and `outcome`, the label without wrong labels.
    """
    table = _applicants(rows, rng)
    weak = (table["employment"] == "self-employed") & (table["employment_years"] < 3)
    shifted = table["region"] == "islands"
    logit = _log_odds(table) + (SHIFT * shifted if faulty else 0.0)
    outcome = rng.random(rows) < 1 / (1 + np.exp(-logit))
    wrong = np.zeros(rows, dtype=bool)
    if faulty:
        outcome ^= weak.to_numpy() & (rng.random(rows) < FLIPPED_SHARE)
        wrong[rng.choice(np.flatnonzero(~weak), round(WRONG_LABEL_SHARE * rows), replace=False)] = True
    table["days_since_reminder"] = _reminders(outcome, rng)
    table["default"] = (outcome ^ wrong).astype(np.int64)
    truth = pd.DataFrame(
        {"weak_slice": weak & faulty, "miscalibration": shifted & faulty, "label_error": wrong, "outcome": outcome}
    )
    return _with_gaps(table, rng), truth


def _applicants(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    age = np.clip(rng.gamma(7.5, 5.6, rows), 19, 78).astype(np.int64)
    employment = _choice(_EMPLOYMENT, rows, rng)
    employment = np.where(age >= 66, "retired", employment)
    years = np.round(np.minimum(rng.gamma(1.4, 5.0, rows), np.maximum(age - 18, 0.5)), 1)
    income = np.round(np.exp(rng.normal(10.35, 0.42, rows) + 0.008 * np.minimum(years, 25)), -2)
    income = np.where(employment == "unemployed", np.round(0.45 * income, -2), income)
    loan = np.round(np.exp(rng.normal(9.1, 0.65, rows)), -2)
    return pd.DataFrame(
        {
            "age": age,
            "sex": np.where(rng.random(rows) < 0.49, "female", "male"),
            "region": _choice(_REGIONS, rows, rng),
            "employment": employment,
            "employment_years": years,
            "income": income,
            "loan_amount": loan,
            "term_months": rng.choice([12, 24, 36, 48, 60, 72], rows, p=[0.1, 0.2, 0.3, 0.2, 0.15, 0.05]),
            "purpose": _choice(_PURPOSES, rows, rng),
            "home": _choice(_HOMES, rows, rng),
            "debt_ratio": np.round(rng.beta(2.0, 4.0, rows) * 1.2, 3),
            "late_payments": rng.poisson(rng.gamma(0.7, 0.9, rows)),
            "open_credits": rng.poisson(2.6, rows),
            "guarantor": rng.random(rows) < 0.12,
        }
    )


def _choice(shares: dict[str, float], rows: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    return rng.choice(np.array(list(shares), dtype=object), rows, p=list(shares.values()))


def _log_odds(table: pd.DataFrame) -> Floats:
    """Return the log-odds of a default without faults; sex, region and open_credits have no effect."""
    burden = table["loan_amount"] / table["income"]
    logit: pd.Series = (
        -2.75
        + table["employment"].map(_RISK)
        + table["purpose"].map(_RISK)
        + table["home"].map(_RISK)
        + 0.75 * table["late_payments"].clip(upper=5)
        + 2.6 * (table["debt_ratio"] - 0.4)
        + 1.1 * burden.clip(upper=2.0)
        + 0.012 * (table["term_months"] - 36)
        - 0.55 * np.log(table["income"] / 32_000)
        - 0.05 * table["employment_years"].clip(upper=12)
        + 0.6 * (table["age"] < 26)
        - 0.8 * table["guarantor"]
        # A debt is harder to bear with a long term: an interaction that one-feature views miss.
        + 0.9 * ((table["debt_ratio"] > 0.6) & (table["term_months"] >= 48))
    )
    return np.asarray(logit.to_numpy(dtype=np.float64))


def _reminders(outcome: npt.NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    reminded = rng.random(len(outcome)) < np.where(outcome, REMINDED_DEFAULTERS, REMINDED_OTHERS)
    days: Floats = np.where(reminded, rng.integers(1, 90, len(outcome)), np.nan)
    return days


def _with_gaps(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Take away 4 % of the incomes and 3 % of the debt ratios, after the outcome was drawn from them."""
    for column, share in (("income", 0.04), ("debt_ratio", 0.03)):
        table[column] = table[column].mask(rng.random(len(table)) < share)
    return table


def _train(train: pd.DataFrame, progress: Progress) -> bytes:
    import xgboost

    class Report(xgboost.callback.TrainingCallback):  # type: ignore[misc]  # XGBoost is untyped
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002  # its signature
            progress((epoch + 1) / ROUNDS, f"Training, round {epoch + 1} of {ROUNDS}")
            return False

    features = train.drop(columns=DEMO.target)
    words = features.select_dtypes(include=["object", "str"]).columns
    features[words] = features[words].astype("category")
    data = xgboost.DMatrix(features, train[DEMO.target], enable_categorical=True)
    parameters = {
        "objective": "binary:logistic", "tree_method": "hist", "max_depth": 3, "eta": 0.1, "min_child_weight": 10,
        "subsample": 0.8, "colsample_bytree": 0.8, "seed": 0, "nthread": 1,
    }  # fmt: skip
    booster = xgboost.train(parameters, data, ROUNDS, callbacks=[Report()])
    return bytes(booster.save_raw("json"))
