"""Subjects for tests: one per task, with and without what a table may lack."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.subject import Subject
from debuggers.task import Task

# Names that must stay names, whatever they look like.
ODD_NAMES = {"age": "age", "income": "<b>x</b>", "job": 'a"b', "city": "城市", "flag": "__proto__"}


def people(rows: int, seed: int = 0, *, missing: bool = False, categories: bool = True) -> pd.DataFrame:
    """Return a table of people: numbers, whole numbers, and, if wanted, categories and gaps."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "income": rng.lognormal(10, 0.5, rows).round(2),
            "debt": rng.normal(0, 1, rows),
        }
    )
    if categories:
        table["job"] = rng.choice(["sales", "it", "care"], rows, p=[0.5, 0.3, 0.2])
        table["flag"] = rng.random(rows) < 0.4
    if missing:
        table["age"] = table["age"].astype(float).mask(rng.random(rows) < 0.1)
        table["debt"] = table["debt"].mask(rng.random(rows) < 0.1)
    return table


def truth(table: pd.DataFrame, task: Task, seed: int = 1) -> pd.Series:
    """Return an outcome that depends on age and debt."""
    rng = np.random.default_rng(seed)
    level = table["debt"].fillna(0) + (table["age"].fillna(50) - 50) / 20 + rng.normal(0, 0.7, len(table))
    if task is Task.REGRESSION:
        return level.rename("y")
    if task is Task.BINARY:
        return (level > 0.3).map({True: "yes", False: "no"}).rename("y")
    return pd.Series(np.select([level < -0.5, level < 0.8], ["low", "mid"], "high"), name="y")


@cache
def subject(
    task: Task, *, missing: bool = False, categories: bool = True, labels: bool = True, model: bool = True
) -> Subject:
    """Return a subject of 600 test rows with a boosted model, its training table and two sensitive columns."""
    train, test = (people(600, seed, missing=missing, categories=categories) for seed in (0, 1))
    y_train, y_test = truth(train, task, 2), truth(test, task, 3)
    texts = [c for c in train.columns if c == "job"]
    encode = make_column_transformer((OrdinalEncoder(), texts), remainder="passthrough")
    kind = HistGradientBoostingRegressor if task is Task.REGRESSION else HistGradientBoostingClassifier
    estimator = make_pipeline(encode, kind(max_iter=20, random_state=0)).fit(train, y_train)
    table = test.assign(group=np.where(test["age"].fillna(0) > 50, "old", "young"))
    roles = Roles(target="y" if labels else None, sensitive=("group",), ignore=("group",))
    if model:
        return make_subject(
            str(task),
            table.assign(y=y_test) if labels else table,
            roles,
            model=EstimatorModel(estimator),
            train=train.assign(y=y_train) if labels else None,
        )
    return recorded(task, table.assign(y=y_test) if labels else table, estimator)


def recorded(task: Task, table: pd.DataFrame, estimator: object) -> Subject:
    """Return the same without a model: its predictions are columns of the table."""
    rows = table.drop(columns=["group", "y"], errors="ignore")
    wrapped = EstimatorModel(estimator)
    out = wrapped.predict(rows)
    if task is Task.REGRESSION:
        columns = {"prediction": out}
    elif task is Task.BINARY:
        columns = {"p_yes": out[:, 1]}
    else:
        columns = {f"p_{c}": out[:, i] for i, c in enumerate(wrapped.signature.classes or ())}
    roles = Roles(
        target="y" if "y" in table else None,
        predictions=tuple(columns),
        task=task,
        classes=None if task is Task.REGRESSION else wrapped.signature.classes,
        ignore=("group",),
        sensitive=("group",),
    )
    return make_subject(f"recorded {task}", table.assign(**columns), roles)
