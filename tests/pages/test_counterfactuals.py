"""The tab of the smallest changes: it says what it proves, applies with one click, and keeps to what may change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from streamlit.testing.v1 import AppTest

from components.charts.counterfactuals import changes_figure
from components.charts.theme import DARK, LIGHT
from components.what_if.counterfactuals import _conflicts
from debuggers.counterfactuals import Counterfactuals
from debuggers.goals import Goal
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.subject import Subject
from debuggers.task import Task
from tests.pages.test_what_if import act, page_of, patient, said
from tests.subjects import subject

__all__ = ["patient"]


def opened(of: Subject, **link: str) -> AppTest:
    app = page_of(of, **link)
    app.session_state["what_if_tabs"] = "Smallest change"
    app.run()
    return app


def tables(app: AppTest) -> list[pd.DataFrame]:
    return [d.value for d in app.dataframe]


@pytest.mark.parametrize("task", list(Task))
def test_the_smallest_changes_are_found_and_applied_with_a_click(task: Task) -> None:
    app = opened(subject(task, missing=True), what_if_row="3")
    before = said(app)
    act(app, app.button(key="what_if_find").click())
    assert any("the smallest there is, proved" in m.value for m in app.markdown)
    found = next(t for t in tables(app) if "what changes" in t)
    assert found["smallest of its kind"].iloc[0] == "proved smallest"
    assert any("branch and bound" in c.value for c in app.caption)
    act(app, app.button(key="what_if_apply_change_0").click())
    assert "with 1 change" in said(app)
    if task is not Task.REGRESSION:
        assert f"decided {found['decision'].iloc[0]}" in said(app)
        assert said(app) != before
    # What was found was for the row as it was.
    assert not any("the smallest there is" in m.value for m in app.markdown)


def test_a_real_row_is_applied_with_a_click() -> None:
    app = opened(subject(Task.BINARY), what_if_row="3")
    act(app, app.button(key="what_if_find").click())
    row = int(next(t for t in tables(app) if "nearest by" in t)["row"].iloc[0])
    decided = str(subject(Task.BINARY).named(subject(Task.BINARY).decision[row : row + 1])[0])
    act(app, app.button(key=f"what_if_apply_row_{row}").click())
    assert f"decided {decided}" in said(app)


def test_a_model_that_is_asked_says_that_nothing_is_proved() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "<b>"])
    y = (table["a"] > 0).astype(int)
    of = make_subject(
        "asked", table.assign(y=y), Roles(target="y"), model=EstimatorModel(LogisticRegression().fit(table, y))
    )
    app = opened(of)
    act(app, app.button(key="what_if_find").click())
    assert any("no proof" in m.value for m in app.markdown)
    assert any("cannot be searched" in c.value for c in app.caption)


def test_conflicts_are_sentences_that_count_from_one() -> None:
    pairs = pd.DataFrame(
        [(0, 1, "a*b", "opposite directions"), (0, 1, "job", "different categories"), (1, 2, "", "both at once")],
        columns=["first", "second", "feature", "why"],
    )
    empty: Any = pd.DataFrame()
    found = Counterfactuals(Goal(1.0), (), pairs, empty, 0, 0, {}, (), "", "", {})
    assert _conflicts(found) == [
        "Changes 1 and 2 contradict each other: a\\*b goes in opposite directions; job goes to different categories.",
        "Changes 2 and 3 contradict each other: both at once do not change the decision.",
    ]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_the_chart_has_a_cell_for_each_change(palette: Any) -> None:
    changes = pd.DataFrame(
        [(1, "<b>age", "1 → 2", 0.4), (2, "<b>age", "1 → 0", -0.4), (2, "job", "it → care", np.nan)],
        columns=["counterfactual", "feature", "text", "units"],
    )
    (cells,) = changes_figure(changes, palette).data
    assert cells.text.tolist() == [["1 → 2", "1 → 0"], ["", "it → care"]]
    assert "<b>" not in cells.y[0]
    assert cells.z[0].tolist() == [0.4, -0.4]
    assert np.isnan(cells.z[1][0])
    assert cells.z[1][1] == 0
