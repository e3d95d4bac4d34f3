"""A planted slice is found first and confirmed; where there is none, nothing is reported; bad input is a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from debuggers.analyses.weak_slices import WeakSlicesParams, WeakSlicesResult, compare_slices, weak_slices
from debuggers.cohort import cohort_mask
from debuggers.data.demos import write_demo
from debuggers.debugger import Severity
from debuggers.errors import NotApplicable
from debuggers.matching import Roles, make_subject
from debuggers.opening import read_files
from debuggers.slices import Literal, Op, Slice
from debuggers.subject import Subject
from debuggers.task import Task
from tests.subjects import ODD_NAMES, people, subject

CALM, WEAK = 0.15, 0.45
Mask = npt.NDArray[np.bool_]


def run(of: Subject, **params: Any) -> WeakSlicesResult:
    return weak_slices(of, WeakSlicesParams(**({"draws": 0} | params)))


def overlap(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


def wrong_where(features: pd.DataFrame, wrong: Mask, task: Task, seed: int = 0) -> Subject:
    """Return a subject without a model whose decisions are wrong, or whose misses are large, where it is told."""
    rng, n = np.random.default_rng(seed + 1), len(features)
    if task is Task.BINARY:
        says = rng.random(n) < 0.5
        table = features.assign(p=np.where(says, 1 - CALM, CALM), y=np.where(says ^ wrong, "yes", "no"))
        roles = Roles(target="y", predictions=("p",), task=task, classes=("no", "yes"))
    elif task is Task.MULTICLASS:
        truth, shift = rng.integers(0, 3, n), rng.integers(1, 3, n)
        says = np.where(wrong, (truth + shift) % 3, truth)
        scores = np.full((n, 3), CALM / 2)
        scores[np.arange(n), says] = 1 - CALM
        named = {f"p_{c}": scores[:, i] for i, c in enumerate("abc")}
        table = features.assign(**named, y=np.array(list("abc"))[truth])
        roles = Roles(target="y", predictions=tuple(named), task=task, classes=("a", "b", "c"))
    else:
        said = rng.normal(size=n)
        table = features.assign(said=said, y=said + rng.choice([-1.0, 1.0], n) * np.where(wrong, 1.0, 0.1))
        roles = Roles(target="y", predictions=("said",), task=task)
    return make_subject("wrong", table, roles)


def planted(seed: int, task: Task = Task.BINARY, *, rate: float = WEAK, rows: int = 8_000) -> tuple[Subject, Mask]:
    """Return a subject that errs at `rate` in a slice of about 4 % of the rows, and where that is."""
    features = people(rows, seed, missing=True)
    weak = ((features["job"] == "care") & (features["age"] < 30)).to_numpy()
    wrong = np.random.default_rng(seed).random(rows) < np.where(weak, rate, CALM)
    return wrong_where(features, wrong, task, seed), weak


# --- truth ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("measure", ["loss", "error"])
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_slice_comes_first_and_is_confirmed(seed: int, measure: str, task: Task) -> None:
    of, weak = planted(seed, task)
    assert 0.03 < weak.mean() < 0.05
    found = run(of, measure=measure)
    assert overlap(found.places[0].mask(of.test.table), weak) > 0.8
    assert found.places[0].features == ("age", "job")
    finding = found.findings[0]
    assert finding.slice == found.places[0]
    assert finding.confirmed is True
    assert finding.kind == "weak_slice"
    assert finding.rows == finding.slice.mask(of.test.table).sum()
    assert finding.severity.rank >= Severity.MEDIUM.rank
    if task.is_classification:
        assert "more than its own probabilities say" in finding.headline


@pytest.mark.parametrize("literals", [1, 2, 3])
def test_a_slice_of_categories_is_found_exactly(literals: int) -> None:
    rng = np.random.default_rng(literals)
    table = pd.DataFrame({name: rng.choice(list("abcd"), 16_000) for name in "uvwxyz"})
    weak = np.logical_and.reduce([table[name] == "b" for name in "uvw"[:literals]])
    found = run(wrong_where(table, rng.random(16_000) < np.where(weak, 0.4, CALM), Task.BINARY), measure="error")
    assert found.places[0] == Slice(tuple(Literal(name, Op.EQUAL, "b") for name in "uvw"[:literals]))
    assert found.slices["verdict"].iloc[0] == "confirmed"


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("seed", range(3))
def test_its_healthy_twin_yields_no_finding(seed: int, task: Task) -> None:
    assert run(planted(seed, task, rate=CALM)[0]).findings == ()


@pytest.mark.parametrize("measure", ["loss", "error"])
def test_on_noise_at_most_one_run_in_twenty_confirms_something(measure: str) -> None:
    runs, found = 60, 0
    for seed in range(runs):
        wrong = np.random.default_rng(seed).random(1_200) < CALM
        of = wrong_where(people(1_200, seed, missing=True), wrong, Task.REGRESSION if seed % 2 else Task.BINARY, seed)
        found += bool(run(of, measure=measure).findings)
    # The share of runs that a rate of 5 % exceeds once in a thousand times.
    assert found <= stats.binom.ppf(0.999, runs, 0.05)


def test_the_null_of_the_search_exceeds_its_5_percent_on_noise_and_not_on_a_planted_slice() -> None:
    of, _ = planted(0)
    found = run(of, measure="error", draws=199)
    assert found.slices["search_p_value"].iloc[0] == pytest.approx(1 / 200)
    assert 3 < found.null_limit < 6
    below = [
        run(planted(seed, rate=CALM, rows=1_000)[0], measure="error", draws=99).slices["search_p_value"].iloc[0]
        for seed in range(20)
    ]
    # The ends of intervals are moved after the search, so that the nearest slice of the lattice is a little less clear.
    assert np.mean(np.array(below) <= 0.05) <= stats.binom.ppf(0.999, 20, 0.05) / 20


def test_where_the_model_says_that_it_is_unsure_a_slice_is_hard_and_not_wrong() -> None:
    rng, features = np.random.default_rng(0), people(8_000)
    p = np.where(features["debt"] > 1, 0.5, 0.05)
    table = features.assign(p=p, y=(rng.random(8_000) < p).astype(int))
    found = run(make_subject("hard", table, Roles(target="y", predictions=("p",), task=Task.BINARY)), draws=99)
    assert found.findings[0].features == ("debt",)
    assert found.findings[0].severity is Severity.LOW
    assert "hard rather than wrong" in found.findings[0].headline
    first = found.slices.iloc[0]
    assert first["search_p_value"] == pytest.approx(0.01)
    assert first["search_said_p_value"] > 0.05
    assert first["said_q_value"] > 0.05


def test_a_model_that_is_surer_than_it_should_be_fails_the_null_of_its_own_probabilities() -> None:
    of, _ = planted(0)
    first = run(of, measure="error", draws=99).slices.iloc[0]
    assert first["search_said_p_value"] == pytest.approx(0.01)
    assert first["said"] == pytest.approx(CALM, abs=0.01)
    assert first["said_q_value"] < 0.001


def test_a_slice_that_only_repeats_another_is_not_listed() -> None:
    features = people(8_000)
    features["work"] = features["job"].map({"sales": "s", "it": "i", "care": "c"})
    wrong = np.random.default_rng(0).random(8_000) < np.where(features["job"] == "care", WEAK, CALM)
    found = run(wrong_where(features, wrong, Task.BINARY), measure="error")
    assert found.places[0].features in {("job",), ("work",)}
    others = found.overlap[(found.overlap["first"] == 0) & (found.overlap["second"] > 0)]
    assert (others["jaccard"] < 0.1).all()
    assert (found.slices["held_out_adds"].iloc[1:] < 3).all()


def test_two_planted_slices_are_both_found_each_adding_to_the_other() -> None:
    features = people(16_000)
    weak = [(features["job"] == "care").to_numpy(), (features["debt"] > 1).to_numpy()]
    wrong = np.random.default_rng(0).random(16_000) < np.where(weak[0] | weak[1], WEAK, CALM)
    of = wrong_where(features, wrong, Task.BINARY)
    found = run(of, measure="error")
    for place, truth in zip(sorted(found.places[:2], key=lambda s: s.features), weak[::-1], strict=True):
        assert overlap(place.mask(of.test.table), truth) > 0.9
    assert (found.slices["held_out_adds"].iloc[:2] > 5).all()


def test_missing_values_are_a_condition() -> None:
    features = people(6_000, missing=True)
    wrong = np.random.default_rng(0).random(6_000) < np.where(features["debt"].isna(), WEAK, CALM)
    assert run(wrong_where(features, wrong, Task.BINARY)).places[0].text == "debt is missing"


def test_a_narrow_interval_that_no_quantile_cuts_is_found() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=16_000), "z": rng.normal(size=16_000)})
    weak = ((table["x"] > 0.40) & (table["x"] < 0.48)).to_numpy()
    assert 0.02 < weak.mean() < 0.04
    of = wrong_where(table, rng.random(16_000) < np.where(weak, 0.4, CALM), Task.BINARY)
    found = run(of, measure="error")
    assert overlap(found.places[0].mask(table), weak) > 0.8


# --- what can be asked for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("measure", "truth"), [("false positives", "no"), ("false negatives", "yes")])
def test_one_kind_of_wrong_decision_can_be_the_target(measure: str, truth: str) -> None:
    features = people(8_000)
    rng = np.random.default_rng(0)
    y = rng.random(8_000) < 0.5
    weak = (features["job"] == "care").to_numpy() & (y == (truth == "yes"))
    says = y ^ (rng.random(8_000) < np.where(weak, WEAK, CALM))
    table = features.assign(p=np.where(says, 0.9, 0.1), y=np.where(y, "yes", "no"))
    roles = Roles(target="y", predictions=("p",), task=Task.BINARY, classes=("no", "yes"))
    of = make_subject("one kind", table, roles)
    found = run(of, measure=measure)
    assert found.places[0].text == "job = 'care'"
    first = found.slices.iloc[0]
    assert first["search_rows"] + first["held_out_rows"] == ((table["job"] == "care") & (table["y"] == truth)).sum()
    other = {"false positives": "false negatives", "false negatives": "false positives"}[measure]
    assert run(of, measure=other).findings == ()


@pytest.mark.parametrize("measure", ["over-prediction", "under-prediction"])
def test_misses_in_one_direction_can_be_the_target_and_never_cancel(measure: str) -> None:
    features = people(8_000)
    sign = 1 if measure == "over-prediction" else -1
    bias = np.where(features["job"] == "care", sign, 0) * 1.0
    y = np.random.default_rng(0).normal(size=8_000)
    of = make_subject("bias", features.assign(said=y + bias, y=y), Roles(target="y", predictions=("said",)))
    # Beside these exact predictions the other half of the rows has no miss at all.
    assert run(of, measure=measure).places[0].text == "job = 'care'"
    other = {"over-prediction": "under-prediction", "under-prediction": "over-prediction"}[measure]
    assert "same value" in run(of, measure=other).obstacle
    noise = np.random.default_rng(1).choice([-1.0, 1.0], 8_000) * np.where(features["job"] == "care", 3, 1)
    noisy = make_subject("noisy", features.assign(said=y + noise, y=y), Roles(target="y", predictions=("said",)))
    assert run(noisy, measure=measure).places[0].text == "job = 'care'"


@pytest.mark.parametrize(
    ("task", "measure"), [(Task.REGRESSION, "false positives"), (Task.MULTICLASS, "over-prediction")]
)
def test_a_measure_that_a_task_does_not_have_is_a_sentence(task: Task, measure: str) -> None:
    with pytest.raises(NotApplicable, match="choose loss or error"):
        run(subject(task), measure=measure)


@pytest.mark.parametrize("method", ["lattice", "decision tree", "clusters"])
def test_every_method_finds_the_planted_slice_with_the_same_numbers(method: str) -> None:
    rng = np.random.default_rng(0)
    crowd = rng.integers(0, 8, 8_000)
    table = pd.DataFrame({"x": crowd % 4 * 10 + rng.normal(size=8_000), "z": crowd // 4 * 10 + rng.normal(size=8_000)})
    weak = crowd == 5
    of = wrong_where(table, rng.random(8_000) < np.where(weak, WEAK, CALM), Task.BINARY)
    found = run(of, method=method, measure="error")
    inside = found.places[0].mask(of.test.table)
    assert (inside & weak).sum() > 0.9 * inside.sum()
    # A cluster may be a part of the crowd.
    assert overlap(inside, weak) > (0.2 if method == "clusters" else 0.9)
    assert found.slices["verdict"].iloc[0] == "confirmed"
    assert_numbers(of, found)


@pytest.mark.parametrize("ranking", ["Welch t", "SliceLine score", "effect size", "share of loss"])
def test_every_ranking_finds_a_slice_that_is_weak_enough(ranking: str) -> None:
    of, weak = planted(0, rate=0.9)
    found = run(of, ranking=ranking, measure="error")
    assert (found.places[0].mask(of.test.table) & weak).sum() > 0.5 * weak.sum()


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("measure", ["loss", "error"])
def test_the_numbers_of_a_slice_are_those_of_its_condition(task: Task, measure: str) -> None:
    of = subject(task, missing=True)
    assert_numbers(of, run(of, measure=measure, count=5), measure)


def assert_numbers(of: Subject, found: WeakSlicesResult, measure: str = "error") -> None:
    values = of.loss if measure == "loss" else of.error
    assert len(found.slices)
    assert found.searched + found.held_out == len(of.test)
    assert abs(found.searched - found.held_out) <= 1
    for place, row in zip(found.places, found.slices.to_dict("records"), strict=True):
        mask = cohort_mask(of, row["sql"])
        assert (mask == place.mask(of.test.table)).all()
        assert mask.sum() == row["rows"] == row["search_rows"] + row["held_out_rows"]
        assert values[mask].sum() / values.sum() == pytest.approx(row["share_of_loss"])
        both = row["search_rows"] * row["search_loss"] + row["held_out_rows"] * row["held_out_loss"]
        assert both == pytest.approx(values[mask].sum())
        assert row["held_out_low"] <= row["held_out_loss"] <= row["held_out_high"]
        if of.task is Task.BINARY:
            assert row["tp"] + row["fp"] + row["fn"] + row["tn"] == row["rows"]
            assert row["fp"] + row["fn"] == of.error[mask].sum()
        if row["literal_shares"]:
            held = row["held_out_loss"] - (
                (row["held_out_loss"] * row["held_out_rows"] + row["rest_loss"] * row["rest_rows"]) / found.held_out
            )
            assert sum(row["literal_shares"].values()) == pytest.approx(held)


def test_more_conditions_than_asked_for_are_not_looked_at() -> None:
    of, _ = planted(0)
    assert max(run(of, max_literals=1).slices["literals"]) == 1
    assert run(of, max_literals=1).looked_at < run(of, max_literals=2).looked_at < run(of).looked_at


def test_another_seed_searches_another_half_and_finds_the_same_slice() -> None:
    of, weak = planted(0)
    first, second = run(of), run(of, seed=1)
    assert first.slices["search_loss"].iloc[0] != second.slices["search_loss"].iloc[0]
    for found in (first, second):
        assert overlap(found.places[0].mask(of.test.table), weak) > 0.75


def test_a_budget_that_is_too_small_says_what_it_left_out_and_keeps_what_it_has() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(6_000, 40)), columns=[f"x{i}" for i in range(40)])
    weak = (table["x7"] > 1).to_numpy()
    of = wrong_where(table, rng.random(6_000) < np.where(weak, WEAK, CALM), Task.BINARY)
    found = run(of, seconds=1.0, count=30, draws=199)
    assert any("three conditions" in s and "columns that stand out" in s and "more time" in s for s in found.left_out)
    assert any("redrawn losses" in s for s in found.left_out)
    assert found.places[0].features == ("x7",)
    assert np.isnan(found.null_limit)
    assert run(of, seconds=60.0, count=1).left_out == ()


def test_why_a_slice_is_weak_and_what_changed_are_in_the_answer() -> None:
    of = subject(Task.BINARY, missing=True)
    found = run(of, why=1)
    assert found.hints["kind"].tolist() == ["training rows", "shift", "noisy labels", "calibration", "benchmark"]
    assert len(run(of, why=30).hints) == 0
    assert len(compare_slices(of, WeakSlicesParams())) == 0  # it has no benchmark model
    json.dumps(found.details(), default=str)


def test_odd_names_and_values_stay_what_they_are() -> None:
    rng, features = np.random.default_rng(0), people(3_000).rename(columns=ODD_NAMES)
    features['a"b'] = features['a"b'].map({"sales": "it's", "it": "<i>", "care": "城市"})
    wrong = rng.random(3_000) < np.where(features['a"b'] == "it's", WEAK, CALM)
    of = wrong_where(features, wrong, Task.BINARY)
    found = run(of)
    assert found.findings[0].features == ('a"b',)
    assert cohort_mask(of, found.slices["sql"].iloc[0]).sum() == found.slices["rows"].iloc[0]


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 30, 59])
def test_few_rows_are_a_sentence(rows: int) -> None:
    found = run(wrong_where(people(rows), np.arange(rows) % 2 == 0, Task.BINARY))
    assert "too few to search" in found.obstacle
    assert found.findings == ()


def test_fewer_than_100_rows_are_searched_and_nothing_is_said_to_be_confirmed_without_rows() -> None:
    features = people(96)
    found = run(wrong_where(features, (features["debt"] > 0.8).to_numpy(), Task.BINARY))
    assert len(found.slices)
    thin = found.slices[found.slices["held_out_rows"] < 30]
    assert len(thin)
    assert all(known is None for known in thin["confirmed"])
    assert set(thin["verdict"]) == {"too few rows"}


def test_equal_losses_are_a_sentence() -> None:
    table = people(500).assign(said=1.0, y=1.5)
    found = run(make_subject("equal", table, Roles(target="y", predictions=("said",), task=Task.REGRESSION)), draws=199)
    assert "same value" in found.obstacle
    assert found.overall.value == 0.25


@pytest.mark.parametrize("method", ["lattice", "decision tree", "clusters"])
@pytest.mark.parametrize(
    "columns",
    [{"constant": 1.0}, {"empty": np.nan}, {"constant": "x", "empty": None}],
    ids=["constant", "missing", "both"],
)
def test_features_that_say_nothing_are_a_sentence(columns: dict[str, object], method: str) -> None:
    table = pd.DataFrame({name: [value] * 400 for name, value in columns.items()})
    found = run(wrong_where(table, np.arange(400) % 3 == 0, Task.BINARY), method=method)
    assert "two different values" in found.obstacle


def test_one_feature_is_enough() -> None:
    features = people(2_000)[["debt"]]
    found = run(wrong_where(features, (features["debt"] > 1).to_numpy(), Task.BINARY))
    assert found.places[0].text.startswith("debt >=")


def test_10_000_categories_are_looked_along() -> None:
    rng = np.random.default_rng(0)
    codes = np.where(rng.random(30_000) < 0.2, "common", rng.integers(0, 10_000, 30_000).astype(str))
    wrong = rng.random(30_000) < np.where(codes == "common", WEAK, CALM)
    found = run(wrong_where(pd.DataFrame({"code": codes, "z": rng.normal(size=30_000)}), wrong, Task.BINARY))
    assert found.places[0].text == "code = 'common'"


def test_one_row_per_category_is_no_slice() -> None:
    table = pd.DataFrame({"id": [f"row {i}" for i in range(900)], "z": np.random.default_rng(0).normal(size=900)})
    found = run(wrong_where(table, np.arange(900) % 4 == 0, Task.BINARY))
    assert all("id" not in place.features for place in found.places)


def test_many_columns_and_few_rows_are_searched() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.choice(list("ab"), (120, 150)), columns=[f"c{i}" for i in range(150)])
    found = run(wrong_where(table, (table["c3"] == "a").to_numpy(), Task.BINARY))
    assert found.places[0].features == ("c3",)


def test_the_fault_of_the_credit_demo_is_found(tmp_path: Path) -> None:
    write_demo("credit", tmp_path, lambda _share, _text: None)
    of = read_files(tmp_path / "credit.json", tmp_path / "test.parquet", None, None).understand(Roles(target="default"))
    assert of.subject is not None
    truth = pd.read_parquet(tmp_path / "truth.parquet")["weak_slice"].to_numpy()
    found = run(of.subject)
    assert {"employment", "employment_years"} <= set(found.places[0].features)
    inside = found.places[0].mask(of.subject.test.table)
    assert (inside & truth).sum() > 0.7 * max(inside.sum(), truth.sum())
    assert "more than its own probabilities say" in found.findings[0].headline
