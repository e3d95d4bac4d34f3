"""Residuals are in order and complete; wrong labels are found, and a calibrated model is not accused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from debuggers.analyses.residuals import CELLS, MAX_POINTS, ResidualsParams, ResidualsResult, residuals
from debuggers.subject import Subject
from debuggers.task import Task
from tests.analyses.functions import claims, subject_of
from tests.names import ODD
from tests.subjects import subject as people

RNG = np.random.default_rng(0)


def run(subject: Subject, **params: Any) -> ResidualsResult:
    return residuals(subject, ResidualsParams(**params))


def calibrated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities, many of them sure, and outcomes that come true as often as they say."""
    rng = np.random.default_rng(seed)
    p = rng.beta(0.3, 0.3, n).clip(0.001, 0.999)
    return p, rng.random(n) < p


@pytest.mark.parametrize("task", list(Task))
def test_the_worst_rows_come_first_and_none_is_lost(task: Task) -> None:
    subject = people(task, missing=True)
    worst = run(subject).worst
    assert list(worst.columns) == ["row", "residual", "prediction", "target", "deviance", "loss"]
    assert worst["residual"].abs().is_monotonic_decreasing
    assert sorted(worst["row"]) == list(range(600))
    assert len(run(subject, top=7).worst) == 7
    at = worst.set_index("row")
    np.testing.assert_allclose(at["loss"].sort_index(), subject.loss)
    if task is Task.REGRESSION:
        np.testing.assert_allclose(worst["residual"], worst["target"] - worst["prediction"])
        np.testing.assert_allclose(worst["residual"] ** 2, worst["loss"])
        assert worst["deviance"].std(ddof=0) == pytest.approx(1)
    else:
        np.testing.assert_allclose(worst["deviance"] ** 2 / 2, worst["loss"])
        np.testing.assert_array_equal(at["target"].sort_index(), subject.labels)
    if task is Task.BINARY:
        assert (np.sign(worst["deviance"]) == np.where(worst["target"] == "yes", 1, -1)).all()
    if task is Task.MULTICLASS:
        np.testing.assert_allclose(worst["residual"], 1 - worst["prediction"])


def test_rows_keep_their_position_in_the_file() -> None:
    subject = people(Task.REGRESSION)
    kept = subject.test.table["age"].to_numpy() > 50
    worst = run(subject.restrict(kept)).worst
    assert set(worst["row"]) == set(np.flatnonzero(kept))


def test_the_values_of_the_worst_rows_stand_beside_them() -> None:
    table = pd.DataFrame({"residual": RNG.normal(size=50), "x": RNG.normal(size=50)})
    subject = subject_of(lambda t: t["x"], table)
    wide = run(subject).with_values(subject, 5)
    assert list(wide.columns[-3:]) == ["residual (column)", "x", "y"]
    np.testing.assert_array_equal(wide["residual (column)"], table["residual"].iloc[wide["row"]])


def test_noise_has_a_flat_trend_and_a_bend_has_not() -> None:
    x = RNG.uniform(-2, 2, 3_000)
    table = pd.DataFrame({"x": x, "y": x + RNG.normal(0, 0.1, 3_000)})
    noisy = subject_of(lambda t: t["x"], table[["x"]])
    noisy.test.y[:] = table["y"]  # type: ignore[index]
    assert run(noisy, against="feature", feature="x").trend["residual"].abs().max() < 0.03
    bent = subject_of(lambda t: t["x"], table[["x"]])
    bent.test.y[:] = table["y"] + np.square(x)  # type: ignore[index]
    trend = run(bent, against="feature", feature="x").trend
    np.testing.assert_allclose(trend["residual"], np.square(trend["x"]), atol=0.35)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_trend_passes_through_values_that_most_rows_share(share: float) -> None:
    x = np.where(RNG.random(2_000) < share, 0.0, 1.0)
    subject = subject_of(lambda t: 0 * t["x"], pd.DataFrame({"x": x}))
    subject.test.y[:] = 3 * x  # type: ignore[index]
    trend = run(subject, against="feature", feature="x").trend.set_index("x")["residual"]
    assert trend.to_dict() == pytest.approx({0.0: 0.0, 1.0: 3.0}, abs=1e-6)


def test_wrong_labels_are_found_and_their_rows_named() -> None:
    p, y = calibrated(20_000)
    assert run(claims(p, y)).findings == ()
    flipped = RNG.random(len(y)) < 0.02
    (finding,) = run(claims(p, y ^ flipped)).findings
    assert finding.kind == "label_error"
    assert finding.rows > 2 * finding.evidence["expected"]
    assert flipped[finding.evidence["rows"]].mean() > 0.8
    assert finding.params == {"kind": "deviance"}


def test_a_calibrated_model_is_accused_in_almost_no_run() -> None:
    assert sum(bool(run(claims(*calibrated(2_000, seed))).findings) for seed in range(40)) <= 1


def test_past_many_rows_every_row_lies_in_a_cell() -> None:
    p, y = calibrated(MAX_POINTS + 1)
    result = run(claims(p, y))
    assert len(result.points) == MAX_POINTS
    assert result.total == MAX_POINTS + 1
    assert result.cells["rows"].sum() == MAX_POINTS + 1
    assert len(result.cells) <= CELLS[0] * CELLS[1]
    assert result.histogram["rows"].sum() == MAX_POINTS + 1
    few = run(claims(p[:-1], y[:-1]))
    assert len(few.cells) == 0
    assert len(few.points) == MAX_POINTS


def test_along_a_category_stand_means_with_intervals() -> None:
    subject = people(Task.REGRESSION)
    groups = run(subject, against="feature", feature="job").groups
    assert groups["rows"].sum() == 600
    residual = subject.y - subject.scores
    for row in groups.to_dict("records"):
        inside = subject.test.table["job"] == row["x"]
        assert row["mean"] == pytest.approx(residual[inside].mean())
        assert row["low"] < row["mean"] < row["high"]


@pytest.mark.parametrize("against", ["prediction", "target"])
@pytest.mark.parametrize("task", list(Task))
def test_every_axis_works_for_every_task(task: Task, against: str) -> None:
    result = run(people(task), against=against, kind="deviance")
    assert len(result.points) == 600
    assert bool(len(result.groups)) == (against == "target" and task is not Task.REGRESSION)


def test_hostile_columns_can_lie_along_the_axis() -> None:
    n = 300
    odd = {name: RNG.choice(["x", name], n) for name in ODD}
    columns = {"many": [f"c{i}" for i in range(n)], "empty": np.full(n, np.nan), "constant": np.ones(n), **odd}
    far = np.where(np.arange(n) == 3, np.inf, RNG.normal(size=n))
    p, y = calibrated(n)
    subject = claims(p, y, far=far, day=pd.date_range("2024-01-01", periods=n), **columns)
    for column in subject.test.table.columns:
        result = run(subject, against="feature", feature=str(column))
        assert result.total == n
        assert len(result.groups) <= 30
    for rows in (1, 2):
        small = subject.restrict(np.arange(n) < rows)
        assert len(run(small).worst) == rows
