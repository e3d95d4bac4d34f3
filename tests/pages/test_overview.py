"""The Overview answers, compares, and hands its threshold and cohort on to every page."""

from __future__ import annotations

import pytest

from debuggers.metrics import Confusion
from debuggers.task import Task
from tests.pages.frame import answer, choose, linked, opened, said
from tests.subjects import subject


@pytest.mark.parametrize(("task", "score"), [("binary", "Log loss"), ("multiclass", "Log loss"), ("regression", "R²")])
def test_the_answer_names_the_main_score_with_its_interval_and_rows(task: str, score: str) -> None:
    app = opened("overview", subject(Task(task)))
    assert answer(app).startswith(f"**{score} is ")
    assert answer(app).endswith("on 600 rows.**")
    assert "–" in answer(app)
    assert len(app.metric) >= 4


def test_groups_are_compared_and_each_row_is_in_one() -> None:
    app = opened("overview", subject(Task.BINARY))
    choose(app, "Compare groups of", "job")
    assert "Groups of job" in said(app.subheader)
    app.button_group(key="overview_measure").set_value("fpr").run()
    assert not app.exception
    (table,) = [d.value for d in app.dataframe if "fpr" in d.value]
    assert table["rows"].sum() == 600


def test_the_threshold_changes_the_decisions_here_and_elsewhere() -> None:
    of = subject(Task.BINARY)
    app = opened("overview", of)
    app.slider(key="_threshold").set_value(0.2).run()
    assert linked(app, "threshold") == "0.2"
    counts = Confusion.of(of.y, of.scores > 0.2)
    shown = {m.label: float(m.value) for m in app.metric}
    assert shown["Recall"] == pytest.approx(counts.shares["recall"].value, abs=6e-4)
    assert linked(app.switch_page("pages/residuals.py").run(), "threshold") == "0.2"


@pytest.mark.parametrize("threshold", ["7", "nan", "x", "-1"])
def test_a_threshold_that_is_none_is_left_aside(threshold: str) -> None:
    app = opened("overview", subject(Task.BINARY), threshold=threshold)
    assert app.slider(key="_threshold").value == 0.5


def test_the_cohort_stands_beside_the_rest() -> None:
    app = opened("overview", subject(Task.BINARY), cohort="age >= 50")
    assert "The cohort against the rest" in said(app.subheader)
    (table,) = [d.value for d in app.dataframe if list(d.value["group"]) == ["cohort", "rest", "all rows"]]
    rows = table.set_index("group")["rows"]
    assert rows["cohort"] + rows["rest"] == rows["all rows"] == 600


def test_a_condition_of_the_link_that_cannot_be_used_is_said_and_dropped() -> None:
    app = opened("overview", subject(Task.BINARY), cohort="read_csv('/etc/passwd') IS NULL")
    assert any("cannot be used" in text for text in said(app.warning))
    assert linked(app, "cohort") is None
    assert answer(app).endswith("on 600 rows.**")


def test_a_link_to_a_subject_that_is_gone_says_so_and_leads_to_load() -> None:
    app = opened("overview", None, subject="gone")
    assert any("no longer holds" in text for text in said(app.warning))
    assert any("Nothing is loaded yet" in text for text in said(app.info))
    assert linked(app, "subject") is None


def test_a_link_to_an_unknown_demo_says_so() -> None:
    app = opened("overview", None, demo="<b>x</b>")
    assert any("no demo called <b>x</b>" in text for text in said(app.warning))
    assert linked(app, "demo") is None
