"""The page answers, follows a feature, takes rows apart, and says how far it can be believed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from components.charts.importance import MOST_BARS, bars_figure, dependence_figure, swarm_figure
from components.charts.importance_parts import (
    deletion_figure,
    fidelity_figure,
    pairs_figure,
    permutation_figure,
    waterfall_figure,
    waterfall_steps,
)
from components.charts.theme import DARK, LIGHT, Palette
from debuggers.analyses.importance import ImportanceParams, importance
from debuggers.importance_points import cohort_tables, dependence_points, swarm_points
from debuggers.importance_result import ImportanceResult
from debuggers.matching import Roles, make_subject
from debuggers.subject import Subject
from debuggers.task import Task
from tests.analyses.functions import subject_of
from tests.pages.frame import answer, choose, opened, plain, said
from tests.subjects import ODD_NAMES, people, subject

VIEWS = ("One row", "Permutation", "Interactions", "Checks", "Surrogate")


@cache
def odd() -> Subject:
    """Return a subject whose columns look like markup."""
    X = people(400).rename(columns=ODD_NAMES)
    return subject_of(lambda t: t["age"] * 1.0 + (t["age"] > 50) * t["debt"] * 9, X)


def test_the_page_says_what_drives_the_prediction_and_the_error() -> None:
    app = opened("importance", subject(Task.BINARY, missing=True))
    line = answer(app)
    assert "moves the prediction most" in line
    assert "the error hangs on" in line
    assert any("Prediction: all 600 rows, against 300 rows drawn at random; exact" in c for c in said(app.caption))


def test_without_labels_the_page_says_that_there_is_no_error() -> None:
    app = opened("importance", subject(Task.BINARY, labels=False))
    assert "Without labels nothing is known of the error" in answer(app)
    for view in VIEWS:
        other = opened("importance", subject(Task.BINARY, labels=False), importance_view=view)
        assert not other.error or view == "Surrogate"


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("task", list(Task))
def test_every_part_is_drawn_for_every_task(task: Task, view: str) -> None:
    app = opened("importance", subject(task, missing=True), importance_view=view, importance_asked_rows="10")
    assert [t.label for t in app.tabs if t.label == view]
    assert not any("our fault" in e for e in said(app.error))


def test_a_feature_is_chosen_and_coloured_by_its_strongest_partner() -> None:
    app = opened("importance", odd())
    choose(app, "Feature", "debt")
    box = next(s for s in app.selectbox if s.label == "Colour")
    assert box.placeholder == "strongest: age"
    assert any("Colour: age, which accounts for" in c for c in said(app.caption))


def test_a_cohort_is_counted_in_both_parts() -> None:
    app = opened("importance", subject(Task.BINARY, missing=True), cohort="age >= 50")
    assert any("rows kept for comparing" in c for c in said(app.caption))


def test_a_row_of_the_link_is_taken_apart() -> None:
    app = opened("importance", subject(Task.BINARY), importance_view="One row", importance_row="17")
    assert any(plain(m.value).startswith("**Row 17**: from") for m in app.markdown)


def test_the_worst_row_of_the_cohort_is_taken_apart_first() -> None:
    of = subject(Task.BINARY)
    app = opened("importance", of, importance_view="One row", cohort="age >= 70")
    inside = (of.test.table["age"] >= 70).to_numpy()
    worst = int(of.test.rows[inside][np.argmax(of.loss[inside])])
    assert any(f"**Row {worst}**, the worst of the cohort" in m for m in said(app.markdown))


def test_a_surrogate_that_fails_is_red() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 2, size=(1_000, 8)), columns=[f"b{i}" for i in range(8)])
    app = opened("importance", subject_of(lambda t: t.sum(axis=1) % 2, X), importance_view="Surrogate")
    assert any("Fidelity too low to trust" in e for e in said(app.error))


def test_a_model_that_is_asked_says_why_and_on_how_many_rows() -> None:
    X = people(150, categories=False)
    of = subject_of(lambda t: t["age"] * t["debt"], X)
    app = opened("importance", of, importance_asked_rows="20")
    assert any("Prediction: 20 of 150 rows" in c for c in said(app.caption))
    assert any("The model is asked, because" in c for c in said(app.caption))


def test_what_if_leads_to_the_row() -> None:
    app = opened("what_if", subject(Task.BINARY), what_if_row="17")
    links = [str(link.proto) for link in app.get("page_link")]
    assert any("What each feature contributes" in link and "importance_row=17" in link for link in links)


# --- charts ---------------------------------------------------------------------------------------------------------


@cache
def result() -> ImportanceResult:
    return importance(odd(), ImportanceParams())


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_bars_are_the_numbers_of_the_table_and_names_are_no_markup(palette: Palette) -> None:
    table = result().features
    plot = bars_figure(table, palette, scale_title="x", measure="y")
    assert list(plot.data[0].x)[::-1] == table["importance"].head(MOST_BARS).tolist()
    assert list(plot.data[1].x)[::-1] == table["error_importance"].head(MOST_BARS).tolist()
    assert set(plot.data[0].customdata) == set(table["feature"])
    assert "&lt;b&gt;x&lt;/b&gt;" in plot.data[0].y
    mask = (odd().test.table["age"] > 50).to_numpy()
    groups = bars_figure(table, palette, scale_title="x", measure="y", groups=cohort_tables(odd(), result(), 0, mask))
    assert len(groups.data) == 4


def test_points_carry_their_rows_and_stay_few() -> None:
    points = swarm_points(odd(), result(), 0, ["age", "debt"])
    plot = swarm_figure(points, LIGHT, title="t")
    assert sum(len(t.x) for t in plot.data) == len(points) <= 5_000
    assert list(plot.data[-1].customdata) == points[points["feature"] == "age"]["row"].tolist()
    assert all(abs(y - 1) < 0.5 for y in plot.data[-1].y)


@pytest.mark.parametrize("feature", ["age", 'a"b', "__proto__"])
@pytest.mark.parametrize("partner", [None, "debt", 'a"b'])
def test_dependence_is_drawn_along_numbers_and_categories(feature: str, partner: str | None) -> None:
    points = dependence_points(odd(), result(), 0, feature, partner)
    plot = dependence_figure(points, LIGHT, feature=feature, partner=partner, title="t", ordered=feature == "age")
    assert sum(len(t.x) for t in plot.data) == len(points)


def test_a_waterfall_begins_at_the_base_and_ends_at_the_sum() -> None:
    table = pd.DataFrame({"feature": list("abcdefghijklmnopqr"), "value": 1.0, "contribution": np.arange(-9.0, 9.0)})
    steps = waterfall_steps(table, 2.0, "contribution", "this row")
    assert [steps[0].label, steps[-1].label] == ["base", "this row"]
    assert steps[-1].start == pytest.approx(2.0 - 9.0)
    assert steps[-2].label == "4 other features"
    assert steps[1].text == "-9"
    plot = waterfall_figure(table, LIGHT, base=2.0, column="contribution", title="t", what="this row")
    assert len(plot.data[0].x) == 15


def test_pairs_permutations_fidelity_and_deletion_are_drawn() -> None:
    of = odd()
    pairs = importance(of, ImportanceParams(part="interactions")).pairs
    heat, marks = pairs_figure(pairs, LIGHT, value="h").data
    assert len(marks.customdata) == 2 * len(pairs)
    assert heat.z.shape[0] == len(set(pairs["first"]) | set(pairs["second"]))
    permuted = importance(of, ImportanceParams(part="permutation", repeats=2)).permuted
    assert list(permutation_figure(permuted, LIGHT, measure="m").data[0].x)[::-1] == permuted["importance"].tolist()
    fidelity = importance(of, ImportanceParams(part="surrogate")).fidelity.iloc[1:]
    drawn = fidelity_figure(fidelity, LIGHT, measure="r2", limit=0.75).data[0]
    tints = dict(zip(drawn.customdata, drawn.marker.color, strict=True))
    assert all((tints[i] == LIGHT.error) == (v is False) for i, v in fidelity["trusted"].items() if i in tints)
    curve = importance(of, ImportanceParams(part="checks")).deletion
    assert list(deletion_figure(curve, LIGHT, title="t").data[1].y) == curve["explained"].tolist()


def test_a_subject_with_one_feature_has_a_page() -> None:
    X = pd.DataFrame({"x": np.arange(40.0)})
    of = make_subject("one", X.assign(y=X["x"]), Roles(target="y"), model=subject_of(lambda t: t["x"], X).model.model)  # type: ignore[union-attr]
    for view in VIEWS:
        assert "moves the prediction most" in answer(opened("importance", of, importance_view=view))
