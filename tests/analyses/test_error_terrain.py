"""The terrain shows the slices of the engine: the same list, the same numbers, in every region."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from debuggers.analyses.error_terrain import ErrorTerrainParams, ErrorTerrainResult, error_terrain
from debuggers.analyses.weak_slices import WeakSlicesParams, weak_slices
from debuggers.cohort import cohort_mask
from debuggers.data.demos import write_demo
from debuggers.matching import Roles, make_subject
from debuggers.opening import read_files
from debuggers.slice_methods import METHODS
from debuggers.subject import Subject
from debuggers.task import Task
from tests.subjects import ODD_NAMES, people, subject
from tests.workspace.same import assert_same

CALM, WEAK = 0.15, 0.45


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
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_slice_is_found_confirmed_and_opens_its_own_grid(seed: int, measure: str) -> None:
    of, weak = planted(seed, rate=WEAK)
    found = run(of, measure=measure)
    finding = found.findings[0]
    assert finding.slice is not None
    assert overlap(finding.slice.mask(of.test.table), weak) > 0.8
    assert found.axes == ("age", "job")
    again = run(of, **finding.params)
    assert again.findings[0].id("error_terrain") == finding.id("error_terrain")
    assert again.axes == finding.features[:2]


@pytest.mark.parametrize("seed", range(3))
def test_its_healthy_twin_yields_no_finding(seed: int) -> None:
    assert run(planted(seed, rate=CALM)[0]).findings == ()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task", list(Task))
def test_the_list_is_that_of_weak_slices(task: Task, method: str) -> None:
    of = subject(task, missing=True)
    asked: dict[str, Any] = {"method": method, "measure": "error", "count": 4, "min_share": 0.02}
    found = run(of, **asked)
    listed = weak_slices(of, WeakSlicesParams(draws=0, **asked))
    assert_same(found.slices, listed.slices)
    assert found.places == listed.places
    for name in ("overall", "title", "searched", "held_out", "looked_at", "left_out", "obstacle"):
        assert getattr(found, name) == getattr(listed, name)
    assert [f.slice for f in found.findings] == [f.slice for f in listed.findings]


@pytest.mark.parametrize("measure", ["false positives", "under-prediction", "error", "loss"])
def test_the_regions_of_the_tree_are_the_slices_of_its_method_with_the_same_numbers(measure: str) -> None:
    of, _ = planted(0, rate=WEAK)
    found = run(of, method="decision tree", measure=measure, depth=6)
    nodes = found.nodes.set_index("sql")
    assert len(found.slices)
    numbers = ["rows", "share", "search_rows", "search_loss", "held_out_rows", "held_out_loss", "held_out_low",
               "held_out_high", "rest_loss", "difference", "low", "high", "share_of_loss", "said"]  # fmt: skip
    for i, row in enumerate(found.slices.to_dict("records")):
        node = nodes.loc[row["sql"]]
        assert node["listed"] == i
        assert node["verdict"] == row["verdict"]
        assert node[numbers].astype(float).tolist() == pytest.approx([row[name] for name in numbers], nan_ok=True)


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("measure", ["loss", "error"])
def test_rows_of_every_region_are_those_of_its_condition(task: Task, measure: str) -> None:
    of = subject(task, missing=True)
    found = run(of, measure=measure, depth=4, bins=3)
    values = of.loss if measure == "loss" else of.error
    for rows in (found.nodes, found.cells):
        assert len(rows) > 1
        for row in rows.to_dict("records"):
            mask = cohort_mask(of, row["sql"])
            assert mask.sum() == row["rows"] == row["search_rows"] + row["held_out_rows"]
            assert values[mask].sum() / values.sum() == pytest.approx(row["share_of_loss"])
            both = [row[f"{half}_rows"] * row[f"{half}_loss"] for half in ("search", "held_out") if row[f"{half}_rows"]]
            assert sum(both) == pytest.approx(values[mask].sum())
            assert row["enough"] == (row["held_out_rows"] >= 30)
    assert found.cells["rows"].sum() == len(of.test)
    assert found.nodes["rows"].iloc[0] == len(of.test)
    assert found.overall.value == pytest.approx(values.mean())


def test_every_region_says_which_share_of_it_lies_in_the_cohort() -> None:
    of, _ = planted(0, rate=WEAK)
    found = run(of)
    rows = found.places[0].mask(of.test.table)
    for table, shares in zip((found.nodes, found.cells), found.shares(rows), strict=True):
        for sql, share in zip(table["sql"], shares, strict=True):
            mask = cohort_mask(of, sql)
            assert share == pytest.approx((mask & rows).sum() / mask.sum())
    assert found.shares(rows)[0][0] == pytest.approx(rows.mean())


def test_one_kind_of_wrong_decision_counts_only_the_rows_that_can_have_it() -> None:
    of, _ = planted(0, rate=WEAK)
    root = run(of, measure="false positives").nodes.iloc[0]
    assert root["rows"] == len(of.test)
    assert root["search_rows"] + root["held_out_rows"] == (of.y == 0).sum()


def test_the_grid_takes_the_features_that_it_is_told() -> None:
    of = subject(Task.BINARY)
    found = run(of, feature="debt", other="y", bins=4)
    assert found.axes == ("debt", "y")
    assert set(found.cells["y_label"]) == {"no", "yes"}
    assert found.cells["x"].nunique() == found.bins == 2  # 300 held-out rows are too few for more
    assert run(planted(0, rate=WEAK)[0], feature="debt", bins=4).bins == 4
    assert run(of, feature="age", other="age").axes == ("age",)
    assert len(set(run(of, other="age").axes)) == 2


def test_more_levels_are_the_same_tree_and_the_same_list() -> None:
    of, _ = planted(0, rate=WEAK)
    few, many = run(of, depth=2), run(of, depth=5)
    assert few.nodes["depth"].max() == 2
    assert many.nodes["depth"].max() > 2
    assert few.nodes["sql"].tolist() == many.nodes["sql"].head(len(few.nodes)).tolist()
    assert_same(few.slices, many.slices)


def test_other_columns_are_looked_along_only_if_asked_for() -> None:
    rng, features = np.random.default_rng(100), people(4_000)
    branch = rng.choice(["x", "y"], 4_000)
    wrong = rng.random(4_000) < np.where(branch == "x", WEAK, CALM)
    says = rng.random(4_000) < 0.5
    table = features.assign(branch=branch, p=np.where(says, 0.85, 0.15), y=(says ^ wrong).astype(int))
    roles = Roles(target="y", predictions=("p",), task=Task.BINARY, ignore=("branch",))
    of = make_subject("branches", table, roles)
    assert not any("branch" in place.features for place in run(of).places)
    finding = run(of, all_columns=True).findings[0]
    assert finding.slice is not None
    assert finding.slice.text == "branch = 'x'"


def test_a_budget_that_is_too_small_is_said_and_what_fits_is_shown() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(6_000, 40)), columns=[f"x{i}" for i in range(40)])
    weak = (table["x7"] > 1).to_numpy()
    found = run(scored(table, rng.random(6_000) < np.where(weak, WEAK, CALM)), seconds=1.0, count=30)
    assert any("three conditions" in s and "columns that stand out" in s and "more time" in s for s in found.left_out)
    assert found.places[0].features == ("x7",)
    assert len(found.nodes) > 1
    assert len(found.cells)


# --- bad input: an answer or a sentence, never an empty chart -------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 5, 29, 59])
def test_few_rows_are_an_honest_sentence(rows: int) -> None:
    found = run(scored(people(rows), np.arange(rows) % 2 == 0))
    assert "too few to search" in found.obstacle
    assert found.findings == ()
    assert found.nodes["rows"].tolist() == [rows]
    assert found.axes == ()


def test_with_too_few_held_out_rows_nothing_is_confirmed_or_denied() -> None:
    features = people(96)
    found = run(scored(features, (features["debt"] > 0.8).to_numpy()))
    assert len(found.slices)
    thin = found.slices[found.slices["held_out_rows"] < 30]
    assert len(thin)
    assert set(thin["verdict"]) == {"too few rows"}
    assert thin["p_value"].isna().all()


@pytest.mark.parametrize("truth", [1.0, 1.5])
def test_equal_losses_are_an_honest_sentence(truth: float) -> None:
    table = people(500).assign(said=1.0, y=truth)
    found = run(make_subject("equal", table, Roles(target="y", predictions=("said",), task=Task.REGRESSION)))
    assert "same value" in found.obstacle
    assert found.overall.value == (truth - 1) ** 2
    assert found.findings == ()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "columns",
    [
        {"constant": 1.0},
        {"empty": np.nan},
        {"constant": "x", "empty": None},
    ],
    ids=["constant", "missing", "both"],
)
def test_features_that_say_nothing_are_an_honest_sentence(columns: dict[str, object], method: str) -> None:
    table = pd.DataFrame({name: [value] * 400 for name, value in columns.items()})
    found = run(scored(table, np.arange(400) % 3 == 0), method=method)
    assert "two different values" in found.obstacle
    assert found.axes == ()
    assert len(found.cells) == 0
    assert found.shares(np.arange(400) < 100)[0].tolist() == [0.25]


def test_one_feature_spans_a_grid_of_one_line() -> None:
    features = people(2_000)[["debt"]]
    found = run(scored(features, (features["debt"] > 1).to_numpy()))
    assert found.axes == ("debt",)
    assert set(found.cells["y"]) == {0}
    assert found.cells["rows"].sum() == 2_000


@pytest.mark.parametrize("method", METHODS)
def test_a_column_of_10_000_categories_is_looked_along(method: str) -> None:
    rng = np.random.default_rng(0)
    codes = np.where(rng.random(30_000) < 0.2, "common", rng.integers(0, 10_000, 30_000).astype(str))
    table = pd.DataFrame({"code": codes, "z": rng.normal(size=30_000)})
    found = run(scored(table, rng.random(30_000) < np.where(codes == "common", WEAK, CALM)), method=method)
    assert any("of code only the 1 most frequent" in s and "group rare values" in s for s in found.left_out)
    if method == "clusters":  # clusters follow crowds of features, which need not be where the errors are
        assert len(found.slices) or found.obstacle
    else:
        assert found.places[0].text == "code = 'common'"
        assert {"common", "other values"} <= set(found.cells["x_label"])


@pytest.mark.parametrize("method", METHODS)
def test_one_row_per_category_is_no_region(method: str) -> None:
    table = pd.DataFrame({"id": [f"row {i}" for i in range(900)], "z": np.random.default_rng(0).normal(size=900)})
    found = run(scored(table, np.arange(900) % 4 == 0), method=method)
    assert all("id" not in place.features for place in found.places)
    assert any("of id only the 0 most frequent" in s for s in found.left_out)


def test_odd_names_and_values_stay_what_they_are() -> None:
    rng, features = np.random.default_rng(0), people(3_000).rename(columns=ODD_NAMES)
    features['a"b'] = features['a"b'].map({"sales": "it's", "it": "<i>", "care": "城市"})
    wrong = rng.random(3_000) < np.where(features['a"b'] == "it's", WEAK, CALM)
    of = scored(features, wrong)
    found = run(of)
    assert found.findings[0].features == ('a"b',)
    assert cohort_mask(of, found.slices["sql"].iloc[0]).sum() == found.slices["rows"].iloc[0]


def test_the_details_are_plain() -> None:
    found = run(subject(Task.BINARY))
    assert {"nodes", "cells", "left_out", "obstacle"} <= set(json.loads(json.dumps(found.details(), default=str)))


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
