"""A planted weak region is found and confirmed; where there is none, nothing is reported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from debuggers.analyses.error_terrain import ErrorTerrainParams, ErrorTerrainResult, error_terrain
from debuggers.cohort import cohort_mask
from debuggers.data.demos import write_demo
from debuggers.debugger import Severity
from debuggers.matching import Roles, make_subject
from debuggers.opening import read_files
from debuggers.subject import Subject
from debuggers.task import Task
from tests.subjects import ODD_NAMES, people, subject

CALM, WEAK = 0.15, 0.45
WEAK_WHERE = "job = 'care' AND age < 30"


def scored(features: pd.DataFrame, wrong: npt.NDArray[np.bool_], seed: int = 0) -> Subject:
    """Return a binary subject without a model that says 0.15 or 0.85 and is wrong where it is told to be."""
    says = np.random.default_rng(seed + 1).random(len(features)) < 0.5
    table = features.assign(p=np.where(says, 1 - CALM, CALM), y=np.where(says ^ wrong, "yes", "no"))
    return make_subject("scored", table, Roles(target="y", predictions=("p",), task=Task.BINARY, classes=("no", "yes")))


def planted(seed: int, *, rate: float, rows: int = 8_000) -> tuple[Subject, npt.NDArray[np.bool_]]:
    """Return a subject that errs at `rate` in a slice of about 4 % of the rows, and where that is."""
    features = people(rows, seed, missing=True)
    weak = ((features["job"] == "care") & (features["age"] < 30)).to_numpy()
    wrong = np.random.default_rng(seed).random(rows) < np.where(weak, rate, CALM)
    return scored(features, wrong, seed), weak


def run(of: Subject, **params: Any) -> ErrorTerrainResult:
    return error_terrain(of, ErrorTerrainParams(**params))


def overlap(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("measure", ["loss", "error"])
@pytest.mark.parametrize("seed", range(4))
def test_a_planted_slice_is_found_and_confirmed(seed: int, measure: str) -> None:
    of, weak = planted(seed, rate=WEAK)
    assert 0.03 < weak.mean() < 0.05
    finding = run(of, measure=measure).findings[0]
    assert finding.slice is not None
    assert overlap(finding.slice.mask(of.test.table), weak) > 0.6
    assert finding.confirmed is True
    assert finding.kind == "weak_slice"
    assert finding.rows == finding.slice.mask(of.test.table).sum()
    assert finding.q_value is not None
    assert finding.q_value < 0.001
    assert finding.severity.rank >= Severity.MEDIUM.rank
    assert "more than its own probabilities say" in finding.headline


@pytest.mark.parametrize("measure", ["loss", "error"])
@pytest.mark.parametrize("seed", range(4))
def test_its_healthy_twin_yields_no_finding(seed: int, measure: str) -> None:
    of, _ = planted(seed, rate=CALM)
    assert run(of, measure=measure).findings == ()


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_on_noise_at_most_one_run_in_twenty_reports_something(kind: str) -> None:
    runs, found = 60, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        features = people(1_200, seed, missing=True)
        of = scored(features, rng.random(1_200) < CALM, seed) if kind == "binary" else noisy(features, rng)
        found += bool(run(of).findings)
    # The share of runs that a rate of 5 % exceeds once in a thousand times.
    assert found <= stats.binom.ppf(0.999, runs, 0.05)


def noisy(features: pd.DataFrame, rng: np.random.Generator) -> Subject:
    """Return a regression subject whose misses follow no feature."""
    table = features.assign(said=rng.normal(size=len(features)))
    table["y"] = table["said"] + rng.normal(size=len(features))
    return make_subject("noise", table, Roles(target="y", predictions=("said",), task=Task.REGRESSION))


def test_a_region_where_the_model_says_that_it_is_unsure_is_hard_and_not_wrong() -> None:
    rng, features = np.random.default_rng(0), people(8_000)
    p = np.where(features["debt"] > 1, 0.5, 0.05)
    table = features.assign(p=p, y=(rng.random(8_000) < p).astype(int))
    finding = run(make_subject("hard", table, Roles(target="y", predictions=("p",), task=Task.BINARY))).findings[0]
    assert finding.features == ("debt",)
    assert finding.severity is Severity.LOW
    assert "hard rather than wrong" in finding.headline


def test_a_finding_opens_the_view_that_shows_it() -> None:
    of, _ = planted(0, rate=WEAK)
    finding = run(of, depth=4).findings[0]
    again = run(of, **finding.params)
    assert again.findings[0].id("error_terrain") == finding.id("error_terrain")
    assert again.axes == finding.features[:2]
    evidence = finding.evidence
    assert evidence["search_rows"] + evidence["held_out_rows"] == finding.rows
    assert finding.effect is not None
    assert finding.effect.value == pytest.approx(evidence["held_out_loss"] - evidence["rest_loss"])
    assert finding.effect.low < finding.effect.value < finding.effect.high


def test_no_finding_lies_within_or_around_another() -> None:
    rng, features = np.random.default_rng(0), people(8_000)
    weak = (features["debt"] > 1) | (features["age"] < 25)
    found = run(scored(features, rng.random(8_000) < np.where(weak, WEAK, CALM)), depth=5).findings
    assert len(found) > 1
    slices = [set(f.slice.literals) for f in found if f.slice is not None]
    assert not any(a < b for a in slices for b in slices)


def test_slices_are_ranked_on_the_half_that_was_searched() -> None:
    found = run(planted(0, rate=WEAK)[0], depth=5)
    assert found.slices["t"].is_monotonic_decreasing
    assert (found.slices["search_rows"] + found.slices["held_out_rows"] == found.slices["rows"]).all()
    assert found.slices["literals"].between(1, 3).all()
    assert found.searched + found.held_out == 8_000
    assert abs(found.searched - found.held_out) <= 1


def test_the_searched_half_flatters_the_search_and_the_other_does_not() -> None:
    gaps = []
    for seed in range(20):
        best = run(planted(seed, rate=CALM, rows=2_000)[0]).slices.iloc[0]
        gaps.append(best["search_loss"] - best["held_out_loss"])
    assert np.mean(gaps) > 2 * np.std(gaps) / np.sqrt(len(gaps))


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("measure", ["loss", "error"])
def test_rows_of_every_view_are_those_of_its_condition(task: Task, measure: str) -> None:
    of = subject(task, missing=True)
    found = run(of, measure=measure, depth=4, bins=3)
    values = of.loss if measure == "loss" else of.error
    for rows in (found.nodes, found.slices, found.cells):
        assert len(rows)
        for _, row in rows.iterrows():
            mask = cohort_mask(of, row["sql"])
            assert mask.sum() == row["rows"]
            assert values[mask].sum() / values.sum() == pytest.approx(row["share_of_loss"])
    assert found.cells["rows"].sum() == len(of.test)
    assert found.overall.value == pytest.approx(values.mean())


def test_the_grid_takes_the_features_that_it_is_told() -> None:
    of = subject(Task.BINARY)
    found = run(of, feature="debt", other="y", bins=4)
    assert found.axes == ("debt", "y")
    assert set(found.cells["y_label"]) == {"no", "yes"}
    assert found.cells["x"].nunique() == 4
    assert run(of, feature="age", other="age").axes == ("age",)
    assert len(set(run(of, other="age").axes)) == 2


def test_cells_have_an_interval_and_say_whether_they_have_enough_rows() -> None:
    cells = run(subject(Task.BINARY), bins=8).cells
    assert (cells["enough"] == (cells["rows"] >= 30)).all()
    many = cells[cells["rows"] > 1]
    assert (many["low"] <= many["loss"]).all()
    assert (many["loss"] <= many["high"]).all()


def test_other_columns_are_looked_along_only_if_asked_for() -> None:
    rng, features = np.random.default_rng(100), people(4_000)
    branch = rng.choice(["x", "y"], 4_000)
    wrong = rng.random(4_000) < np.where(branch == "x", WEAK, CALM)
    says = rng.random(4_000) < 0.5
    table = features.assign(branch=branch, p=np.where(says, 0.85, 0.15), y=(says ^ wrong).astype(int))
    roles = Roles(target="y", predictions=("p",), task=Task.BINARY, ignore=("branch",))
    of = make_subject("branches", table, roles)
    assert run(of).findings == ()
    finding = run(of, all_columns=True).findings[0]
    assert finding.slice is not None
    assert finding.slice.text == "branch = 'x'"


@pytest.mark.parametrize("rows", [1, 2, 5, 29, 59])
def test_few_rows_are_an_honest_sentence(rows: int) -> None:
    found = run(scored(people(rows), np.arange(rows) % 2 == 0))
    assert "too few to divide" in found.obstacle
    assert found.findings == ()
    assert found.nodes["rows"].tolist() == [rows]


def test_with_too_few_held_out_rows_nothing_is_confirmed_or_denied() -> None:
    features = people(80)
    found = run(scored(features, (features["debt"] > 0.8).to_numpy()))
    assert len(found.slices)
    thin = found.slices[found.slices["held_out_rows"] < 30]
    assert len(thin)
    assert all(known is None for known in thin["confirmed"])
    assert thin["p_value"].isna().all()


def test_equal_losses_are_an_honest_sentence() -> None:
    features = people(500)
    table = features.assign(said=1.0, y=1.5)
    found = run(make_subject("equal", table, Roles(target="y", predictions=("said",), task=Task.REGRESSION)))
    assert "same value" in found.obstacle
    assert found.cells["rows"].sum() == 500


def test_no_loss_at_all_is_no_failure() -> None:
    features = people(500)
    table = features.assign(said=1.0, y=1.0)
    found = run(make_subject("right", table, Roles(target="y", predictions=("said",), task=Task.REGRESSION)))
    assert found.overall.value == 0
    assert found.findings == ()


@pytest.mark.parametrize(
    "columns",
    [
        {"constant": 1.0},
        {"empty": np.nan},
        {"constant": "x", "empty": None},
    ],
    ids=["constant", "missing", "both"],
)
def test_features_that_say_nothing_are_an_honest_sentence(columns: dict[str, object]) -> None:
    table = pd.DataFrame({name: [value] * 400 for name, value in columns.items()})
    found = run(scored(table, np.arange(400) % 3 == 0))
    assert "two different values" in found.obstacle
    assert found.axes == ()
    assert len(found.cells) == 0


def test_one_feature_spans_a_grid_of_one_line() -> None:
    found = run(scored(people(2_000)[["debt"]], np.arange(2_000) % 5 == 0))
    assert found.axes == ("debt",)
    assert set(found.cells["y"]) == {0}


def test_a_column_of_10_000_categories_is_looked_along() -> None:
    rng = np.random.default_rng(0)
    codes = np.where(rng.random(30_000) < 0.2, "common", rng.integers(0, 10_000, 30_000).astype(str))
    found = run(scored(pd.DataFrame({"code": codes}), rng.random(30_000) < np.where(codes == "common", WEAK, CALM)))
    assert found.findings[0].slice is not None
    assert found.findings[0].slice.text == "code = 'common'"


def test_odd_names_and_values_stay_what_they_are() -> None:
    rng, features = np.random.default_rng(0), people(3_000).rename(columns=ODD_NAMES)
    features['a"b'] = features['a"b'].map({"sales": "it's", "it": "<i>", "care": "城市"})
    wrong = rng.random(3_000) < np.where(features['a"b'] == "it's", WEAK, CALM)
    of = scored(features, wrong)
    found = run(of)
    assert found.findings[0].features == ('a"b',)
    assert cohort_mask(of, found.slices["sql"].iloc[0]).sum() == found.slices["rows"].iloc[0]


def test_the_table_has_the_columns_that_scripts_read() -> None:
    table = run(subject(Task.BINARY)).table()
    wanted = "slice sql rows search_rows search_loss held_out_rows held_out_loss difference low high share_of_loss"
    assert {*wanted.split(), "p_value", "q_value", "confirmed"} <= set(table.columns)


def test_the_fault_of_the_credit_demo_is_found(tmp_path: Path) -> None:
    write_demo("credit", tmp_path, lambda _share, _text: None)
    files = read_files(tmp_path / "credit.json", tmp_path / "test.parquet", None, None)
    of = files.understand(Roles(target="default")).subject
    assert of is not None
    weak = pd.read_parquet(tmp_path / "truth.parquet")["weak_slice"].to_numpy()
    finding = run(of).findings[0]
    assert finding.slice is not None
    assert {"employment", "employment_years"} <= set(finding.features)
    assert overlap(finding.slice.mask(of.test.table), weak) > 0.6
    assert "more than its own probabilities say" in finding.headline


def shared() -> Path:
    """Return the folder of shared data."""
    return Path(os.environ.get("FAULTLINE_SHARED") or Path(__file__).parents[2].parent / "shared")


def test_on_the_taiwan_credit_data_late_payers_are_where_the_model_errs() -> None:
    path = shared() / "data" / "credit_default_taiwan" / "default_of_credit_card_clients.csv"
    if not path.exists():
        pytest.skip(f"needs the shared data folder: there is no {path}")
    xgboost = pytest.importorskip("xgboost")
    table = pd.read_csv(path).rename(columns={"default payment next month": "late"})
    features = [c for c in table.columns if c not in ("ID", "late")]
    train, test = table.iloc[::2], table.iloc[1::2]
    settings = {"objective": "binary:logistic", "eta": 0.1, "max_depth": 5, "nthread": 1, "seed": 0}
    booster = xgboost.train(settings, xgboost.DMatrix(train[features], train["late"]), 40)
    says = booster.predict(xgboost.DMatrix(test[features])).astype(float)
    roles = Roles(target="late", predictions=("p",), row_id="ID", task=Task.BINARY, threshold=0.25)
    found = run(make_subject("taiwan", test.assign(p=says), roles))
    assert "PAY_0" in found.findings[0].features
    assert found.findings[0].confirmed is True
