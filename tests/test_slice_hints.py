"""Each planted reason is hinted at with its number, and its healthy twin is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.slice_hints import Hint, hints
from debuggers.slice_targets import make_target
from debuggers.slices import Literal, Op, Slice
from debuggers.subject import Subject
from debuggers.task import Task
from tests.analyses.functions import Function
from tests.subjects import people

WHERE = Slice((Literal("job", Op.EQUAL, "care"),))


def hint(of: Subject, kind: str) -> Hint:
    return next(h for h in hints(of, make_target(of, "loss"), WHERE) if h.kind == kind)


def regression(features: pd.DataFrame, y: npt.NDArray[np.float64], train: pd.DataFrame | None = None) -> Subject:
    """Return a model that says the debt."""
    names = [str(c) for c in features.columns]
    model = EstimatorModel(Function(lambda X: X["debt"], names))
    labelled = None if train is None else train.assign(y=train["debt"])
    roles = Roles(target="y", task=Task.REGRESSION)
    return make_subject("rows", features.assign(y=y), roles, model=model, train=labelled)


def test_few_training_rows_are_hinted_at() -> None:
    test, train = people(3_000), people(3_000, 1)
    noise = np.random.default_rng(0).normal(size=3_000)
    few = train[(train["job"] != "care") | (np.arange(3_000) % 10 == 0)].reset_index(drop=True)
    found = hint(regression(test, test["debt"].to_numpy() + noise, few), "training rows")
    assert found.holds is True
    assert f"{(few['job'] == 'care').sum():,} training rows" in found.sentence
    assert hint(regression(test, test["debt"].to_numpy() + noise, train), "training rows").holds is False


def test_a_shift_within_the_slice_is_hinted_at_and_names_the_feature() -> None:
    test, train = people(3_000), people(3_000, 1)
    moved = test.assign(income=test["income"] * np.where(test["job"] == "care", 3, 1))
    noise = np.random.default_rng(0).normal(size=3_000)
    found = hint(regression(moved, test["debt"].to_numpy() + noise, train), "shift")
    assert found.holds is True
    assert found.sentence.startswith("income differs most")
    assert hint(regression(test, test["debt"].to_numpy() + noise, train), "shift").holds is False


def binary(flipped: npt.NDArray[np.bool_], p: npt.NDArray[np.float64], features: pd.DataFrame) -> Subject:
    y = (features["debt"] > 0).to_numpy() ^ flipped
    roles = Roles(target="y", predictions=("p",), task=Task.BINARY)
    return make_subject("labels", features.assign(p=p, y=y.astype(int)), roles)


def test_noisy_labels_are_hinted_at() -> None:
    features, rng = people(4_000)[["debt", "job"]], np.random.default_rng(0)
    p = np.where(features["debt"] > 0, 0.9, 0.1)
    noisy = rng.random(4_000) < np.where(features["job"] == "care", 0.3, 0.02)
    found = hint(binary(noisy, p, features), "noisy labels")
    assert found.holds is True
    assert found.inside is not None
    assert found.rest is not None
    assert found.inside.value > found.rest.value + 0.2
    assert hint(binary(rng.random(4_000) < 0.1, p, features), "noisy labels").holds is False


def test_targets_that_scatter_more_than_elsewhere_are_noisy_too() -> None:
    features, rng = people(4_000)[["debt", "job"]], np.random.default_rng(0)
    y = features["debt"].to_numpy() + rng.normal(size=4_000) * np.where(features["job"] == "care", 2, 0.2)
    assert hint(regression(features, y), "noisy labels").holds is True


def test_miscalibration_is_hinted_at() -> None:
    features, rng = people(4_000), np.random.default_rng(0)
    p = np.full(4_000, 0.3)
    true = np.where(features["job"] == "care", 0.6, 0.3)
    roles = Roles(target="y", predictions=("p",), task=Task.BINARY)
    off, fine = (
        make_subject("p", features.assign(p=p, y=(rng.random(4_000) < rate).astype(int)), roles) for rate in (true, p)
    )
    assert hint(off, "calibration").holds is True
    assert "30.0%" in hint(off, "calibration").sentence
    assert hint(fine, "calibration").holds is False


def test_a_biased_regressor_is_hinted_at() -> None:
    features, rng = people(2_000), np.random.default_rng(0)
    bias = np.where(features["job"] == "care", 0.5, 0)
    found = hint(regression(features, features["debt"].to_numpy() + bias + rng.normal(0, 0.1, 2_000)), "calibration")
    assert found.holds is True
    assert found.inside is not None
    assert found.inside.low < 0.5 < found.inside.high
    assert "too low" in found.sentence


@pytest.mark.parametrize("hard", [True, False])
def test_what_is_hard_for_the_benchmark_too_is_hinted_at(hard: bool) -> None:  # noqa: FBT001
    features, rng = people(2_000), np.random.default_rng(0)
    y = features["debt"].to_numpy() + rng.normal(size=2_000) * np.where(features["job"] == "care", 2, 0.5)
    of = regression(features, y)
    assert hint(of, "benchmark").holds is None
    assert of.model is not None
    other = replace(
        of.model, model=EstimatorModel(Function(lambda X: X["debt"] if hard else y, list(features.columns)))
    )
    assert hint(replace(of, benchmark=other), "benchmark").holds is hard


def test_what_cannot_be_known_is_unknown() -> None:
    features = people(60)
    of = regression(features, features["debt"].to_numpy() + np.arange(60) % 3)
    kinds = {h.kind: h.holds for h in hints(of, make_target(of, "loss"), WHERE)}
    assert kinds["training rows"] is None
    assert kinds["shift"] is None
    assert kinds["benchmark"] is None
