"""Breast tumours under the microscope: a real table that comes with scikit-learn."""

from __future__ import annotations

from typing import Any

import pandas as pd

from debuggers.data.demos.demo import Built, Demo, Progress
from debuggers.task import Task

ROUNDS = 80
TEST_SHARE = 0.4

DEMO = Demo(
    name="breast_cancer",
    title="Breast cancer",
    description=(
        "Is a tumour malignant? 569 tumours with 30 measures of their cell nuclei. A small table with an easy "
        "answer: see how few errors there are to learn from, and how wide their intervals."
    ),
    target="malignant",
    task=Task.BINARY,
    model_format="LightGBM text",
    source="Breast Cancer Wisconsin (Diagnostic), 1993; comes with scikit-learn.",
)


def build(progress: Progress) -> Built:
    """Split the table and train the model, which is the same every time."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    progress(0.0, "Reading the table")
    table = load_breast_cancer(as_frame=True).frame
    # LightGBM writes its file without spaces in names, so the table has none either.
    table.columns = [name.replace(" ", "_") for name in table.columns]
    table[DEMO.target] = 1 - table.pop("target")
    train, test = train_test_split(table, test_size=TEST_SHARE, random_state=0, stratify=table[DEMO.target])
    return Built(_train(train, progress), "breast_cancer.txt", train, test)


def _train(train: pd.DataFrame, progress: Progress) -> bytes:
    import lightgbm

    def report(state: Any) -> None:
        progress((state.iteration + 1) / ROUNDS, f"Training, round {state.iteration + 1} of {ROUNDS}")

    data = lightgbm.Dataset(train.drop(columns=DEMO.target), train[DEMO.target])
    parameters = {
        "objective": "binary", "num_leaves": 7, "learning_rate": 0.08, "min_data_in_leaf": 10, "seed": 0,
        "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    booster = lightgbm.train(parameters, data, ROUNDS, callbacks=[report])
    return str(booster.model_to_string()).encode()
