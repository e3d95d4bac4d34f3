"""Visits to a doctor by insurance plan: a real table that comes with statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from debuggers.data.demos.demo import Built, Demo, Progress
from debuggers.task import Task

ROUNDS = 200
TEST_SHARE = 0.4

DEMO = Demo(
    name="doctor_visits",
    title="Doctor visits",
    description=(
        "How often does a person see a doctor in a year? 20,190 person-years of an experiment with insurance plans. "
        "Counts with a long tail that few features explain: residuals are skewed and their spread grows."
    ),
    target="visits",
    task=Task.REGRESSION,
    model_format="CatBoost cbm",
    source="RAND Health Insurance Experiment, 1974 to 1982, public domain; comes with statsmodels.",
)

_PLAIN = {"mdvis": "visits", "physlm": "physical_limitation", "disea": "chronic_diseases"}


def build(progress: Progress) -> Built:
    """Split the table by person and train the model, which is the same every time."""
    progress(0.0, "Reading the table")
    from statsmodels.datasets import randhie

    raw = randhie.load_pandas().data
    train, test = _split(readable(raw), raw)
    return Built(_train(train, progress), "doctor_visits.cbm", train, test)


def readable(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the table with words for names, money in dollars and health as one category."""
    table = raw[list(_PLAIN)].rename(columns=_PLAIN)
    table["coinsurance_percent"] = np.expm1(raw["lncoins"]).round(2)
    table["individual_deductible"] = raw["idp"] == 1
    table["incentive_dollars"] = np.exp(raw["lpi"]).round(2)
    table["maximum_expenditure_dollars"] = np.exp(raw["fmde"]).round(2)
    health = raw[["hlthg", "hlthf", "hlthp"]].to_numpy(dtype=int)
    names = np.array(["excellent", "good", "fair", "poor"], dtype=object)
    table["health"] = names[np.where(health.any(axis=1), health.argmax(axis=1) + 1, 0)]
    return table


def _split(table: pd.DataFrame, raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the years of one person on one side; a person is a run of rows that differ only in the visits."""
    from sklearn.model_selection import GroupShuffleSplit

    features = raw.drop(columns="mdvis")
    person = (features != features.shift()).any(axis=1).cumsum()
    splitter = GroupShuffleSplit(n_splits=1, test_size=TEST_SHARE, random_state=0)
    train, test = next(splitter.split(table, groups=person))
    return table.iloc[train], table.iloc[test]


def _train(train: pd.DataFrame, progress: Progress) -> bytes:
    import tempfile
    from pathlib import Path

    from catboost import CatBoostRegressor

    class Report:
        def after_iteration(self, info: Any) -> bool:
            progress(info.iteration / ROUNDS, f"Training, round {info.iteration} of {ROUNDS}")
            return True

    model = CatBoostRegressor(
        iterations=ROUNDS, depth=5, learning_rate=0.06, random_seed=0, thread_count=1, verbose=False,
        cat_features=["health"], allow_writing_files=False,
    )  # fmt: skip
    model.fit(train.drop(columns=DEMO.target), train[DEMO.target], callbacks=[Report()])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.cbm")
        model.save_model(str(path))
        return path.read_bytes()
