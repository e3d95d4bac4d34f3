"""Along each number of a row the trees' steps say what the model says, and flips are those of brute force."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from debuggers.analyses.what_if import WhatIfParams, what_if
from debuggers.data.schema import Kind
from debuggers.editing import own_values
from debuggers.ensembles import ensemble_of
from debuggers.lines import lines_of
from debuggers.matching import Roles, make_subject
from debuggers.models.composed import ComposedTrees
from debuggers.models.estimator import EstimatorModel
from debuggers.steps import steps_of
from debuggers.subject import Subject
from debuggers.task import Task
from tests.forests import fitted, rows, truth

Floats = npt.NDArray[np.float64]
LIBRARIES = [
    ("tree", "binary"), ("forest", "multiclass"), ("gradient boosting", "binary"), ("hist", "multiclass"),
    ("hist, categories", "binary"), ("xgboost", "binary"), ("xgboost", "multiclass"), ("xgboost, one-hot", "binary"),
    ("lightgbm", "binary"), ("lightgbm, categories", "binary"), ("lightgbm, zero is missing", "binary"),
    ("catboost", "binary"), ("catboost", "multiclass"),
]  # fmt: skip


class Bare(EstimatorModel):
    """A model that was fitted without names of columns."""

    def predict(self, X: Any, *, raw: bool = False) -> Floats:
        return super().predict(np.asarray(X), raw=raw)  # type: ignore[arg-type]

    def composed_trees(self) -> ComposedTrees:
        found = super().composed_trees()
        return dataclasses.replace(found, encode=lambda table: found.encode(np.asarray(table)))


def subject_of(model: Any, X: Floats, kind: str) -> Subject:
    table = pd.DataFrame(X, columns=[str(f) for f in range(X.shape[1])])
    task = {"binary": Task.BINARY, "multiclass": Task.MULTICLASS, "regression": Task.REGRESSION}[kind]
    roles = Roles(target="y", task=task)
    return make_subject(kind, table.assign(y=truth(X, kind)), roles, model=Bare(model))


def bent(name: str) -> Subject:
    """Return a subject whose numbers reach the trees scaled, as ranks, or with gaps filled."""
    X = rows()
    steps = {
        "scaled": StandardScaler(), "ranks": QuantileTransformer(n_quantiles=40), "filled": SimpleImputer(),
    }  # fmt: skip
    last = GradientBoostingClassifier(n_estimators=12, random_state=0)
    model = make_pipeline(SimpleImputer(), steps[name], last).fit(X, truth(X, "binary"))
    return subject_of(model, X, "binary")


def first_changes(subject: Subject, row: int, feature: str, numbers: Floats) -> dict[str, float]:
    """Return the nearest of some numbers on each side at which the model itself decides otherwise."""
    x = subject.test.X.iloc[[row]]
    here, now = float(x[feature].iloc[0]), subject.decision[row]
    numbers = np.unique(numbers)
    numbers = numbers[(numbers >= subject.test.X[feature].min()) & (numbers <= subject.test.X[feature].max())]
    tried = x.iloc[np.zeros(len(numbers), dtype=int)].assign(**{feature: numbers})
    outputs = subject.predict(tried)
    codes = outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > subject.threshold
    other = numbers[codes != now]
    found = {"above": other[other > here][:1], "below": other[other < here][-1:]}
    return {side: float(ends[0]) for side, ends in found.items() if len(ends)}


def check(subject: Subject, some_rows: range) -> int:
    """Compare the flips of some rows with brute force over both sides of every split; return how many there were."""
    steps, seen = steps_of(subject, ensemble_of(subject)), 0
    for row in some_rows:
        flips = what_if(subject, WhatIfParams(row)).flips
        lines = lines_of(subject, own_values(subject, row))
        for c, feature in enumerate(steps.columns):
            if not steps.ordered[c] or np.isnan(subject.test.X[feature].iloc[row]):
                continue
            numbers = np.concatenate([steps.below[c], steps.above[c]])
            numbers = numbers[np.isfinite(numbers)]
            x = subject.test.X.iloc[[row]]
            asked = subject.predict(x.iloc[np.zeros(len(numbers), dtype=int)].assign(**{feature: numbers}))
            np.testing.assert_allclose(lines[feature].at(numbers), asked, atol=2e-6)
            own = flips[(flips["feature"] == feature) & flips["direction"].isin(["above", "below"])]
            found = dict(zip(own["direction"], own["value"].astype(float), strict=True))
            assert found == first_changes(subject, row, feature, numbers)
            seen += len(found)
    return seen


@pytest.mark.parametrize(("name", "kind"), LIBRARIES)
def test_flips_of_every_library_are_those_of_brute_force(name: str, kind: str) -> None:
    model, X = fitted(name, kind), rows(60, seed=4, missing=name != "gradient boosting")
    subject = subject_of(model, X, kind)
    assert steps_of(subject, ensemble_of(subject)).ordered.sum() >= (0 if "zero" in name else 5)
    assert check(subject, range(0, 60, 6)) > (0 if "zero" not in name else -1)


@pytest.mark.parametrize("name", ["scaled", "ranks", "filled"])
def test_flips_behind_preprocessing_are_exact_in_the_numbers_of_the_table(name: str) -> None:
    subject = bent(name)
    steps = steps_of(subject, ensemble_of(subject))
    assert steps.ordered.sum() == 6
    assert check(subject, range(0, 60, 6)) > 0
    # The two ends of a cut are neighbours, of whole numbers one apart: nothing lies between them.
    for c, feature in enumerate(steps.columns):
        whole = subject.test.schema[feature].kind is Kind.INTEGER
        gaps = (steps.above[c] - steps.below[c])[np.isfinite(steps.below[c])]
        assert (gaps == 1).all() if whole else gaps.max() < 2.5e-7  # of single precision where nothing is bent


def test_whole_numbers_flip_at_whole_numbers() -> None:
    table = pd.DataFrame({"n": np.arange(40), "z": np.tile([0.1, 0.9], 20)})
    y = (table["n"] > 20).astype(int)
    model = GradientBoostingClassifier(n_estimators=5).fit(table, y)
    subject = make_subject("whole", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))
    flips = what_if(subject, WhatIfParams(10)).flips
    assert flips[["feature", "value"]].to_numpy().tolist() == [["n", 21]]
    assert isinstance(flips["value"].iloc[0], int)


def test_columns_that_are_coded_and_missing_ones_have_no_line_but_flips() -> None:
    table = pd.DataFrame({"job": ["cook", "it", "care", "it"] * 30, "x": np.tile([0.0, np.nan, 2.0], 40)})
    y = ((table["job"] == "it") | (table["x"] == 2.0)).astype(int)
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier

    front = make_column_transformer((OneHotEncoder(sparse_output=False), ["job"]), remainder="passthrough")
    model = make_pipeline(front, HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=2)).fit(table, y)
    subject = make_subject("coded", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))
    row = int(np.flatnonzero((table["job"] == "cook") & table["x"].isna())[0])
    assert set(lines_of(subject, own_values(subject, row))) == {"x"}
    flips = what_if(subject, WhatIfParams(row)).flips
    values = {(f, d): v for f, d, v in zip(flips["feature"], flips["direction"], flips["value"], strict=True)}
    assert values["job", "category"] == "it"
    assert 0.0 < values["x", "above"] <= 2.0
