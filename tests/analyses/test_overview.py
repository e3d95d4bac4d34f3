"""Scores, curves and groups are those of the definitions; planted faults are found, healthy twins are not accused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from debuggers.analyses.overview import OverviewParams, OverviewResult, cohort_table, overview, threshold_table
from debuggers.cohort import cohort_mask
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.subject import Subject
from debuggers.task import Task
from tests.analyses.functions import Function, claims
from tests.names import ODD
from tests.subjects import subject as people

RNG = np.random.default_rng(0)
N = 4_000
P = RNG.uniform(0.02, 0.98, N)
GROUP = RNG.choice(["a", "b", "c"], N)
AGE = RNG.uniform(18, 80, N)


def run(subject: Subject, **params: Any) -> OverviewResult:
    return overview(subject, OverviewParams(**params))


def drawn(p: np.ndarray, seed: int = 1) -> np.ndarray:
    """Return outcomes that come true as often as `p` says."""
    truth: np.ndarray = np.random.default_rng(seed).random(len(p)) < p
    return truth


def kinds(result: OverviewResult) -> list[str]:
    return [f.kind for f in result.findings]


def test_a_miscalibrated_group_is_found_and_its_healthy_twin_is_not() -> None:
    truth = np.where(GROUP == "b", np.clip(P + 0.15, 0, 1), P)
    found = run(claims(P, drawn(truth), group=GROUP, age=AGE)).findings
    where = [f for f in found if f.slice is not None and f.features == ("group",)]
    assert [f.kind for f in where] == ["miscalibration"]
    assert where[0].slice is not None
    assert where[0].slice.text == "group = 'b'"
    assert where[0].rows == (GROUP == "b").sum()
    assert where[0].effect is not None
    assert where[0].effect.low > 0.05
    assert where[0].params == {"by": "group"}
    assert run(claims(P, drawn(P), group=GROUP, age=AGE)).findings == ()


def test_calibrated_probabilities_are_accused_in_at_most_one_of_twenty_runs() -> None:
    runs = [run(claims(P[:800], drawn(P[:800], seed), group=GROUP[:800], age=AGE[:800])) for seed in range(60)]
    # With 60 runs a true rate of 5 % gives more than 8 in one of a thousand.
    assert sum(bool(r.findings) for r in runs) <= 8


def test_probabilities_that_are_too_sure_everywhere_are_one_finding() -> None:
    said = np.clip(P * 0.6, 0, 1)
    found = run(claims(said, drawn(P), group=GROUP)).findings
    assert [(f.kind, f.slice) for f in found[:1]] == [("miscalibration", None)]
    assert not any(f.features == ("group",) for f in found)


def regression(noise: float, train_noise: float, benchmark: float | None = None) -> Subject:
    """Return a regressor with errors of a given size on its test and on its training rows."""
    x = RNG.normal(size=1_000)
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"x": x, "y": x + rng.normal(0, train_noise, 1_000)})
    test = pd.DataFrame({"x": x, "y": x + rng.normal(0, noise, 1_000)})
    other = None if benchmark is None else EstimatorModel(Function(lambda t: t["x"] * benchmark, ["x"]))
    model = EstimatorModel(Function(lambda t: t["x"], ["x"]))
    return make_subject("r", test, Roles(target="y", task=Task.REGRESSION), model=model, train=train, benchmark=other)


def test_a_model_that_is_better_on_its_training_rows_is_found() -> None:
    assert kinds(run(regression(noise=1.0, train_noise=0.3))) == ["overfit"]
    assert kinds(run(regression(noise=1.0, train_noise=1.0))) == []


def test_a_model_that_a_benchmark_beats_is_found() -> None:
    worse = make_subject(
        "w",
        pd.DataFrame({"x": AGE, "y": AGE + RNG.normal(size=N)}),
        Roles(target="y", task=Task.REGRESSION),
        model=EstimatorModel(Function(lambda t: t["x"] + 1, ["x"])),
        benchmark=EstimatorModel(Function(lambda t: t["x"], ["x"])),
    )
    result = run(worse)
    assert kinds(result) == ["worse_than_benchmark"]
    assert result.findings[0].effect is not None
    assert result.findings[0].effect.value == pytest.approx(1, abs=0.1)
    scores = result.scores.set_index("key")
    assert scores["benchmark"]["rmse"] < scores["value"]["rmse"]
    assert kinds(run(regression(1.0, 1.0, benchmark=0.5))) == []


def test_the_table_of_thresholds_is_that_of_scikit_learn() -> None:
    subject = claims(np.round(P[:300], 2), drawn(P[:300]))
    table = threshold_table(subject, cost_fp=2.0, cost_fn=5.0)
    y, p = subject.y, subject.scores
    for row in table.to_dict("records"):
        decided = p > row["threshold"]
        tn, fp, fn, tp = reference.confusion_matrix(y, decided, labels=[0, 1]).ravel()
        assert (row["tn"], row["fp"], row["fn"], row["tp"]) == (tn, fp, fn, tp)
        assert row["cost"] == pytest.approx((2 * fp + 5 * fn) / len(y))
        assert row["recall"] == pytest.approx(reference.recall_score(y, decided))
        if decided.any():
            assert row["precision"] == pytest.approx(reference.precision_score(y, decided))
        else:
            assert np.isnan(row["precision"])
    fpr, tpr, cuts = reference.roc_curve(y, p, drop_intermediate=False)
    points = dict(zip(table["threshold"].round(9), zip(table["fpr"], table["recall"], strict=True), strict=True))
    # scikit-learn decides for "positive" at its cut-off, we above ours: the cut-off below is the same decision.
    below = dict(zip(np.unique(p)[1:].round(9), np.unique(p)[:-1].round(9), strict=True))
    compared = 0
    for cut, x, t in zip(cuts.round(9), fpr, tpr, strict=True):
        if cut in below:
            assert points[below[cut]] == pytest.approx((x, t))
            compared += 1
    assert compared > 50


def test_many_scores_are_thinned_and_keep_the_chosen_threshold() -> None:
    table = threshold_table(claims(P, drawn(P)).with_threshold(0.123_456), 1, 1)
    assert len(table) <= 515
    assert 0.123_456 in table["threshold"].to_numpy()
    assert table["fpr"].is_monotonic_decreasing
    assert table["threshold"].is_monotonic_increasing
    assert (table["tp"] + table["fn"] == drawn(P).sum()).all()


def test_groups_have_the_rates_of_their_rows() -> None:
    subject = claims(P, drawn(P), group=GROUP, age=np.where(AGE < 20, np.nan, AGE))
    for column, count in (("group", 3), ("age", 5)):
        groups = run(subject, by=column).groups
        assert len(groups) == count
        assert groups["rows"].sum() == N
        for row in groups.to_dict("records"):
            inside = cohort_mask(subject, row["sql"])
            y, decided = subject.y[inside], subject.scores[inside] > 0.5
            assert row["rows"] == inside.sum()
            assert row["loss"] == pytest.approx(reference.log_loss(y, subject.scores[inside]))
            assert row["accuracy"] == pytest.approx(reference.accuracy_score(y, decided))
            assert row["fpr"] == pytest.approx(((y == 0) & decided).sum() / (y == 0).sum())
            assert row["fpr_low"] < row["fpr"] < row["fpr_high"]


def test_a_rate_of_nothing_is_undefined() -> None:
    y = drawn(P) & (GROUP != "a")
    groups = run(claims(P, y, group=GROUP), by="group").groups.set_index("group")
    assert np.isnan(groups["recall"]["group = 'a'"])
    assert np.isfinite(groups["fpr"]["group = 'a'"])


def test_the_cohort_and_the_rest_make_up_all_rows() -> None:
    subject = claims(P, drawn(P), group=GROUP)
    rows = cohort_table(subject, GROUP == "a").set_index("group")["rows"]
    assert rows["cohort"] + rows["rest"] == rows["all rows"] == N
    assert cohort_table(subject, None)["group"].tolist() == ["all rows"]


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_other_tasks_have_scores_and_groups_and_no_thresholds(task: Task) -> None:
    subject = people(task, missing=True)
    result = run(subject, by="job")
    assert len(result.thresholds) == 0
    assert result.groups["rows"].sum() == 600
    assert "fpr" not in result.groups
    assert {"train"} <= set(result.scores.columns)
    if task is Task.MULTICLASS:
        truth = reference.confusion_matrix(subject.labels, subject.named(subject.decision), labels=subject.classes)
        wide = result.confusion.pivot_table(index="truth", columns="decision", values="rows", fill_value=0)
        np.testing.assert_array_equal(wide.loc[list(subject.classes), list(subject.classes)], truth)
    else:
        assert result.fit["rows"].sum() == 600


def test_hostile_tables_are_answered() -> None:
    odd = {name: RNG.choice(["x", name], 200) for name in ODD}
    many = [f"c{i}" for i in range(200)]
    subject = claims(P[:200], drawn(P[:200]), many=many, empty=np.full(200, np.nan), **odd)
    for column in (*ODD, "many", "empty"):
        result = run(subject, by=column)
        assert result.groups["rows"].sum() + max(0, result.left_out) == 200, column
    for rows in (1, 2):
        assert len(run(subject.restrict(np.arange(200) < rows), by="many").scores)
    constant = run(claims(P[:200], np.ones(200, dtype=bool)))
    scores = constant.scores.set_index("key")["value"]
    assert np.isnan(scores["auc"])
    assert np.isnan(scores["fpr"])
    perfect = run(claims(np.repeat([0.0, 1.0], 100), np.repeat([False, True], 100), group=["a", "b"] * 100))
    assert perfect.findings == ()
