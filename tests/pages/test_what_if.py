"""The what-if page: choosing a row, editing it, undoing, scenarios, and the link that brings it all back."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from components import compute, state
from components.charts.strips import Heights, Look, strip_html
from components.charts.theme import DARK, LIGHT
from components.charts.what_if import readout_html
from components.what_if import controls
from components.what_if.bench import Bench, Step
from components.what_if.controls import slider_span
from debuggers.analyses.what_if import WhatIfParams, what_if
from debuggers.data.schema import Column, Kind
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.row_choice import BORDERLINE, rows_in_order
from debuggers.subject import Subject
from debuggers.task import Task
from tests.subjects import ODD_NAMES, subject

ROOT = Path(__file__).parents[2]
OF = subject(Task.BINARY, missing=True)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "PATIENCE", 120)


def page_of(of: Subject = OF, **link: str) -> AppTest:
    state.shelf().put(of, "what-if")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["subject"] = "what-if"
    for name, value in link.items():
        app.query_params[name] = value
    app.switch_page("pages/what_if.py").run()
    assert not app.exception
    return app


def act(app: AppTest, element: Any) -> None:
    """Run what a person did, then the whole page: a run of its parts alone leaves the test without the others."""
    element.run()
    assert not app.exception
    app.run()
    assert not app.exception


def said(app: AppTest) -> str:
    """Return the answer line."""
    return next(m.value for m in app.markdown if m.value.startswith("**Row"))


class Text(HTMLParser):
    """The visible text of HTML, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags = "", set[str]()
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert not any(name.startswith("on") for name, _ in attrs)
        self.tags.add(tag)


def html(app: AppTest, part: str) -> list[str]:
    return [e.proto.body for e in app.get("html") if part in e.proto.body]


def readout(app: AppTest) -> str:
    return Text(html(app, 'class="fl-readout"')[0]).text


def link(app: AppTest, name: str) -> str | None:
    found = app.query_params.get(name)
    return found[0] if isinstance(found, list) else found


def edits(app: AppTest) -> Any:
    return json.loads(link(app, "what_if_edits") or "{}")


def key_of(of: Subject, feature: str, kind: str) -> str:
    i = list(of.test.features).index(feature)
    return f"what_if_{kind}_{i}"


@pytest.mark.parametrize("task", list(Task))
def test_every_feature_has_a_control_and_a_strip(task: Task) -> None:
    of = subject(task, missing=True)
    app = page_of(of)
    assert said(app).startswith("**Row")
    assert len(html(app, 'class="fl-strip"')) == len(of.test.features)
    assert len(app.slider) == 3
    # One of the number fields is the row's.
    assert len(app.number_input) == 4
    assert {s.label for s in app.selectbox} == {"**job**", "**flag**"}


def test_a_moved_slider_changes_output_link_and_field() -> None:
    app = page_of()
    before = readout(app)
    act(app, app.slider(key=key_of(OF, "debt", "slider")).set_value(2.0))
    assert edits(app) == {"debt": 2.0}
    assert app.number_input(key=key_of(OF, "debt", "field") + "_float").value == 2.0
    assert readout(app) != before
    expected = what_if(OF, WhatIfParams(int(link(app, "what_if_row") or -1), '{"debt": 2.0}'))
    assert f"{expected.outputs['after'].iloc[0]:.1%}".replace("%", " %") in readout(app)
    assert "with 1 change" in said(app)


def said_values(app: AppTest) -> list[bool]:
    """Return for each slider and field whether the last run told the browser its value."""
    fields = [w for w in app.number_input if str(w.key).startswith("what_if_field")]
    assert len(fields) == len(app.slider) > 2
    return [bool(w.proto.set_value) for w in (*fields, *app.slider)]


def test_values_are_said_again_where_they_may_not_have_reached_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "SETTLED_SECONDS", 0)
    app = page_of()
    app.run()
    assert not any(said_values(app)), "said once, and the browser has had time"
    app.session_state["_page:what_if"].drawn_at = math.inf
    app.run()
    assert all(said_values(app)), "the last drawing was broken off"
    monkeypatch.setattr(controls, "SETTLED_SECONDS", 3600)
    app.run()
    assert all(said_values(app)), "the last drawing has only just ended"
    app.slider[0].set_value(app.slider[0].max)
    app.run()
    moved = app.slider[0]
    assert not moved.proto.set_value, "it came from the browser"
    assert list(moved.proto.default) == [moved.value]


def test_a_link_brings_back_row_and_edits() -> None:
    app = page_of(what_if_row="7", what_if_edits='{"age": 33, "job": "it"}')
    assert app.number_input(key="what_if_position").value == 7
    assert app.number_input(key=key_of(OF, "age", "field") + "_int").value == 33
    assert app.selectbox(key=key_of(OF, "job", "choice")).value == "it"
    same = page_of(what_if_row="7", what_if_edits=link(app, "what_if_edits") or "")
    assert readout(same) == readout(app)
    assert said(same) == said(app)


def test_undo_redo_and_reset() -> None:
    app = page_of()
    slider = key_of(OF, "debt", "slider")
    start = app.slider(key=slider).value
    assert app.button(key="what_if_undo").disabled
    act(app, app.slider(key=slider).set_value(1.5))
    act(app, app.selectbox(key=key_of(OF, "job", "choice")).set_value("care"))
    assert set(edits(app)) == {"debt", "job"}
    act(app, app.button(key="what_if_undo").click())
    assert edits(app) == {"debt": 1.5}
    act(app, app.button(key="what_if_undo").click())
    assert edits(app) == {}
    assert app.slider(key=slider).value == pytest.approx(start)
    assert app.button(key="what_if_undo").disabled
    act(app, app.button(key="what_if_redo").click())
    act(app, app.button(key="what_if_redo").click())
    assert set(edits(app)) == {"debt", "job"}
    act(app, app.button(key=key_of(OF, "debt", "was")).click())
    assert edits(app) == {"job": "care"}
    act(app, app.button(key="what_if_restart_alt").click())
    assert edits(app) == {}
    assert "as in the file" in readout(app)


def test_an_empty_field_is_missing_and_a_typed_number_may_lie_beyond_the_data() -> None:
    app = page_of()
    act(app, app.number_input(key=key_of(OF, "age", "field") + "_int").set_value(None))
    act(app, app.number_input(key=key_of(OF, "debt", "field") + "_float").set_value(999.0))
    assert not app.exception
    assert edits(app) == {"age": None, "debt": 999.0}
    chips = " ".join(html(app, 'class="fl-chips"'))
    assert "beyond the data: debt" in chips
    assert "unusual" in chips
    strips = html(app, 'class="fl-strip"')
    assert sum("beyond the data" in strip for strip in strips) == 1
    assert app.slider(key=key_of(OF, "debt", "slider")).value == OF.test.schema["debt"].maximum


def test_rows_are_chosen_by_order_position_and_prediction() -> None:
    app = page_of()
    worst = rows_in_order(OF, "worst")
    assert f"Row {worst[0]}:" in said(app)
    act(app, app.button(key="what_if_next").click())
    assert f"Row {worst[1]}:" in said(app)
    act(app, app.segmented_control(key="what_if_order").set_value(BORDERLINE))
    assert f"Row {rows_in_order(OF, BORDERLINE)[0]}:" in said(app)
    act(app, app.number_input(key="what_if_position").set_value(12))
    assert "Row 12:" in said(app)
    act(app, app.segmented_control(key="what_if_order").set_value("prediction"))
    act(app, app.number_input(key="what_if_near").set_value(0.9))
    assert not app.exception
    assert f"Row {rows_in_order(OF, 'prediction', value=0.9)[0]}:" in said(app)


def test_another_row_begins_without_edits() -> None:
    app = page_of()
    act(app, app.slider(key=key_of(OF, "debt", "slider")).set_value(1.5))
    act(app, app.button(key="what_if_next").click())
    assert edits(app) == {}
    assert "as in the file" in readout(app)


def test_only_rows_of_the_cohort_are_offered() -> None:
    app = page_of(cohort="age >= 70")
    inside = (OF.test.table["age"] >= 70).to_numpy()
    assert f"Row {rows_in_order(OF, 'worst', among=inside)[0]}:" in said(app)
    out = page_of(cohort="age >= 70", what_if_row=str(int(OF.test.rows[~inside][0])))
    assert any("outside the active cohort" in c.value for c in out.caption)


@pytest.mark.parametrize(
    ("name", "value"),
    [("what_if_row", "99999"), ("what_if_row", "x"), ("what_if_edits", '{"no": 1}'), ("what_if_edits", "[")],
)
def test_a_link_that_does_not_fit_is_said_and_the_page_answers(name: str, value: str) -> None:
    app = page_of(OF, **{name: value})
    assert len(app.warning) == 1
    assert said(app)


def test_a_model_that_cannot_take_the_edit_says_so_and_undo_mends_it() -> None:
    table = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7})

    class Picky:
        classes_ = np.array([0, 1])
        n_features_in_ = 2

        def predict_proba(self, X: pd.DataFrame) -> Any:
            if X["a"].isna().any():
                raise ValueError("no gaps")
            p = 1 / (1 + np.exp(20 - X["a"].to_numpy()))
            return np.stack([1 - p, p], axis=1)

    roles = Roles(target="y")
    of = make_subject("picky", table.assign(y=(table["a"] > 20).astype(int)), roles, model=EstimatorModel(Picky()))
    app = page_of(of)
    act(app, app.number_input(key=key_of(of, "a", "field") + "_int").set_value(None))
    assert not app.exception
    assert len(app.error) == 1
    act(app, app.button(key="what_if_undo").click())
    assert not app.error
    assert readout(app)


def test_the_values_of_the_nearest_other_outcome_change_the_decision() -> None:
    app = page_of(what_if_row="3")
    neighbour = what_if(OF, WhatIfParams(3)).neighbour
    assert neighbour is not None
    app.session_state["what_if_tabs"] = "Nearest other outcome"
    app.run()
    act(app, app.button(key="what_if_apply").click())
    assert not app.exception
    assert f"decided {neighbour.decision}" in said(app)


def test_scenarios_stand_side_by_side() -> None:
    app = page_of()
    app.session_state["what_if_tabs"] = "Scenarios"
    act(app, app.slider(key=key_of(OF, "debt", "slider")).set_value(2.0))
    act(app, app.button(key="what_if_save").click())
    act(app, app.slider(key=key_of(OF, "debt", "slider")).set_value(-2.0))
    act(app, app.text_input(key="what_if_scenario_1").set_value("=low debt"))
    act(app, app.button(key="what_if_save").click())
    assert not app.exception
    table = app.dataframe[-1].value
    assert table["scenario"].tolist() == ["Scenario 1", "=low debt"]
    assert all("debt" in c for c in table["changes"])
    before, after = table.columns[3:5]
    assert len(set(table[before])) == 1
    assert len(set(table[after])) == 2


def test_names_of_strangers_are_never_markup() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.normal(size=60) for name in ODD_NAMES.values()})
    table["<i>c</i>"] = rng.choice(["<script>x</script>", '"onload=', "plain"], 60)
    y = np.where(table["城市"] > 0, "<b>yes</b>", "no")

    class Marked:
        classes_ = np.array(["<b>yes</b>", "no"])
        n_features_in_ = 6

        def predict_proba(self, X: pd.DataFrame) -> Any:
            p = 1 / (1 + np.exp(-X["城市"].to_numpy()))
            return np.stack([p, 1 - p], axis=1)

    of = make_subject("odd", table.assign(y=y), Roles(target="y"), model=EstimatorModel(Marked()))
    app = page_of(of)
    for element in app.get("html"):
        assert Text(element.proto.body).tags <= {"div", "span", "i", "s", "strong", "style"}
        assert "<b>yes" not in element.proto.body
        assert "<script" not in element.proto.body


# --- drawings and state ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("task", list(Task))
def test_strips_and_readout_are_drawn_for_every_task(task: Task, palette: Any) -> None:
    of = subject(task, missing=True)
    result = what_if(of, WhatIfParams(0, '{"age": null}'))
    threshold = 0.5 if task is Task.BINARY else None
    look = Look(
        palette,
        Heights.of(result.responses, log_odds=task is not Task.REGRESSION, threshold=threshold),
        len(of.classes),
    )
    for r in result.responses:
        drawn = strip_html(
            r, look, current=result.after[r.feature], original=result.before[r.feature], unit="p", beyond=False
        )
        assert Text(drawn).tags <= {"div", "span"}
        for flip in r.flips:
            if flip.direction in ("above", "below"):
                assert 'class="fl-flip"' in drawn
    text = Text(readout_html(result.outputs, palette, title="p", threshold=threshold, bounds=(0, 1))).text
    assert ("threshold" in text) == (task is Task.BINARY)


def test_a_strip_is_as_high_as_the_output() -> None:
    table = pd.DataFrame({"x": np.linspace(0, 1, 50)})

    class Line:
        classes_ = np.array([0, 1])
        n_features_in_ = 1

        def predict_proba(self, X: pd.DataFrame) -> Any:
            p = X["x"].to_numpy()
            return np.stack([1 - p, p], axis=1)

    of = make_subject("line", table, Roles(task=Task.BINARY, classes=("0", "1")), model=EstimatorModel(Line()))
    result = what_if(of, WhatIfParams(10))
    heights = Heights.of(result.responses, log_odds=False, threshold=0.5)
    drawn = strip_html(result.responses[0], Look(LIGHT, heights, 2), current=0.2, original=0.2, unit="p", beyond=False)
    flip = result.flips["value"].iloc[0]
    assert f"{LIGHT.muted} {100 * flip:.2f}%,{LIGHT.cohort} {100 * flip:.2f}%" in drawn
    assert f"left:{100 * flip:.2f}%" in drawn
    assert heights.shares(np.array([0.0, 0.5, 1.0])) == pytest.approx([0.08 / 1.16, 0.5, 1.08 / 1.16])


def test_the_slider_covers_the_data_in_steps_that_people_count_in() -> None:
    def span(kind: Kind, low: float | None, high: float | None) -> Any:
        return slider_span(Column("x", kind, 10, 0, 10, low, high))

    assert span(Kind.INTEGER, 1, 9) == (1, 9, 1)
    assert span(Kind.NUMERIC, 0, 37) == (0, 37, 0.2)
    assert span(Kind.NUMERIC, 2, 2) is None
    assert span(Kind.NUMERIC, None, None) is None
    assert span(Kind.NUMERIC, -1.7e308, 1.7e308) is None


def test_history_drops_what_was_undone_and_keeps_the_file() -> None:
    bench = Bench("s", 3, {"a": 1, "b": True}, ("a", "b"), [Step({}, "as in the file")])
    bench.at, bench.steps = 0, [Step({}, "as in the file"), Step({"a": 2}, "a = 2"), Step({"a": 3}, "a = 3")]
    assert bench.values == {"a": 1, "b": True}
    assert bench.changes == "none"
