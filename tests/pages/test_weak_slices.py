"""The page answers, and its cards, charts and builder set the cohort."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from components import compute
from components.charts.theme import DARK, LIGHT, Palette
from components.charts.weak_slices import changes_figure, map_figure, overlap_figure, spread_figure
from debuggers.analyses.weak_slices import WeakSlicesParams, WeakSlicesResult, weak_slices
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.subject import Subject
from debuggers.task import Task
from tests.analyses.functions import Function
from tests.pages.frame import answer, choose, linked, opened, plain, said
from tests.subjects import ODD_NAMES, people, subject


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "PATIENCE", 120)


@cache
def weak() -> Subject:
    """Return a regression subject that misses most in one job, and a benchmark that misses in another."""
    features = people(3_000).rename(columns=ODD_NAMES)
    features['a"b'] = features['a"b'].map({"sales": "it's", "it": "<i>", "care": "$x$"})
    rng = np.random.default_rng(0)
    names = [str(c) for c in features.columns]
    noise = rng.choice([-1.0, 1.0], 3_000)
    truth = features["age"] / 20 + noise * np.where(features['a"b'] == "it's", 2.0, 0.3)
    bad = truth + rng.choice([-1.0, 1.0], 3_000) * np.where(features['a"b'] == "<i>", 2.0, 0.3)

    def shifted(shift: np.ndarray) -> EstimatorModel:
        return EstimatorModel(Function(lambda X: X["age"] / 20 + shift[X.index.to_numpy()], names))

    model, benchmark = shifted(np.zeros(3_000)), shifted((bad - features["age"] / 20).to_numpy())
    roles = Roles(target="y", task=Task.REGRESSION)
    return make_subject("weak", features.assign(y=truth), roles, model=model, benchmark=benchmark)


LINK = {"weak_slices_draws": "0"}


def test_the_page_says_which_slice_is_weakest_and_lists_all_as_cards() -> None:
    app = opened("weak_slices", weak(), **LINK)
    assert "where a\"b = 'it's' (confirmed on other rows)" in answer(app)
    cards = [m for m in said(app.markdown) if m.startswith("**1.**")]
    assert cards == ["**1.** **a\"b = 'it's'**"]
    assert any("held-out rows" in m and "against" in m for m in said(app.markdown))


def test_a_card_makes_its_rows_the_cohort_and_all_rows_again() -> None:
    app = opened("weak_slices", weak(), **LINK)
    app.button(key="weak_slices_use_0").click().run()
    assert linked(app, "cohort") == "\"a\"\"b\" = 'it''s'"
    assert any("its test, which has to allow for that, is on its card" in c for c in said(app.caption))
    app.button(key="weak_slices_use_0").click().run()
    assert linked(app, "cohort") is None


def test_a_slice_of_ones_own_becomes_the_cohort_and_is_tested_once() -> None:
    app = opened("weak_slices", weak(), **LINK)
    choose(app, "Condition 1", "age")
    app.number_input(key="weak_slices_low_0_age").set_value(60).run()
    app.button(key="weak_slices_own_test").click().run()
    assert not app.exception
    assert linked(app, "cohort") == '"age" >= 60'
    assert any("is not shown to err more than the rest" in m for m in said(app.markdown))
    assert any("One test on all rows" in c for c in said(app.caption))


def test_the_slices_of_both_models_are_compared() -> None:
    app = opened("weak_slices", weak(), weak_slices_compared="true", **LINK)
    assert not app.exception
    tables = [t.value for t in app.dataframe if "change" in t.value]
    changes = dict(zip(tables[0]["slice"], tables[0]["change"], strict=True))
    assert changes["a\"b = 'it's'"] != changes["a\"b = '<i>'"]


def test_a_chosen_slice_has_its_hints() -> None:
    app = opened("weak_slices", subject(Task.BINARY, missing=True), **LINK)
    box = next(s for s in app.selectbox if s.label == "Slice")
    box.set_value(box.options[0]).run()
    assert not app.exception
    assert sum(name in plain(m) for m in said(app.markdown) for name in ("Too few training rows", "Miscalibrated")) == 2


def test_nothing_to_find_is_said_in_one_sentence() -> None:
    table = people(500).assign(said=1.0, y=1.5)
    of = make_subject("equal", table, Roles(target="y", predictions=("said",), task=Task.REGRESSION))
    app = opened("weak_slices", of)
    assert "same value" in answer(app)
    assert not app.error


def test_a_measure_that_the_task_does_not_have_is_a_sentence() -> None:
    app = opened("weak_slices", weak(), weak_slices_measure="false positives", **LINK)
    assert any("need a binary classifier" in e for e in said(app.error))


@cache
def result() -> WeakSlicesResult:
    return weak_slices(weak(), WeakSlicesParams(draws=0, compare=True))


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_charts_show_the_numbers_of_the_table(palette: Palette) -> None:
    found = result()
    points = map_figure(found.slices, palette, title=found.title, active=str(found.slices["sql"].iloc[0])).data
    drawn = {int(i): y for trace in points for i, y in zip(trace.customdata, trace.y, strict=True)}
    assert drawn == dict(enumerate(found.slices["difference"]))
    assert palette.cohort in {colour for trace in points for colour in trace.marker.line.color}
    heat, marks = overlap_figure(found.overlap, palette).data
    assert [heat.z[i][i] for i in range(len(found.slices))] == [1.0] * len(found.slices)
    assert len(marks.customdata) == len(found.overlap)
    bars, rest = spread_figure(found.spread[found.spread["slice"] == 0], palette).data
    assert sum(bars.y) == pytest.approx(1)
    assert sum(rest.y) == pytest.approx(1)
    lines = changes_figure(found.changes, palette, title=found.title)
    assert [t.name for t in lines.data[-2:]] == ["benchmark", "model"]
    assert list(lines.data[-1].x) == found.changes["loss"].tolist()


def test_a_share_is_drawn_as_right_and_wrong() -> None:
    spread = pd.DataFrame({"low": [0.0, 0.5], "high": [0.5, 1.0], "inside": [0.6, 0.4], "rest": [0.9, 0.1]})
    assert list(spread_figure(spread, LIGHT).data[0].x) == ["right", "wrong"]
