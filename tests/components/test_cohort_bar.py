"""The cohort bar: a condition is applied, named, saved, used, cleared and deleted, and never wears a wrong name."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from components import state
from components.saving import annotations_of
from debuggers.task import Task
from tests.pages.frame import linked, said
from tests.subjects import subject


def bar() -> None:
    import streamlit as st

    from components import state
    from components.cohort_bar import cohort_bar
    from debuggers.cohort import Cohort

    opened = state.shelf().get("bar")
    assert opened is not None
    if "label" in st.query_params:
        state.set_cohort(Cohort("age < 40", st.query_params.pop("label")))
    cohort_bar(opened, opened.subject, "overview")


@pytest.fixture
def app() -> AppTest:
    state.shelf().put(subject(Task.BINARY), "bar")
    for name in list(annotations_of("bar").cohorts()):
        annotations_of("bar").drop_cohort(name)
    return AppTest.from_function(bar, default_timeout=30).run()


def apply(app: AppTest, condition: str, name: str | None = None) -> None:
    app.text_area[0].set_value(condition)
    if name is not None:
        app.text_input[0].set_value(name)
    next(b for b in app.button if b.label == "Apply").click().run()
    assert not app.exception


def test_a_condition_is_compared_with_the_rest_and_cleared(app: AppTest) -> None:
    assert "All rows" in said(app.markdown)[0]
    apply(app, "age >= 50")
    assert linked(app, "cohort") == "age >= 50"
    assert " of 600 rows (" in said(app.caption)[0]
    assert " against " in said(app.caption)[0]
    app.button(key="_cohort_clear").click().run()
    assert linked(app, "cohort") is None
    assert "All rows" in said(app.markdown)[0]


@pytest.mark.parametrize("condition", ["", "   "])
def test_an_empty_condition_is_all_rows(app: AppTest, condition: str) -> None:
    apply(app, "age >= 50")
    apply(app, condition)
    assert linked(app, "cohort") is None


@pytest.mark.parametrize("condition", ["read_csv('/etc/passwd') IS NULL", "age >", "wage > 3", "1; DROP TABLE test"])
def test_a_condition_that_cannot_be_used_is_said_and_the_last_one_stays(app: AppTest, condition: str) -> None:
    apply(app, "age >= 50")
    apply(app, condition)
    assert "cannot be used" in said(app.error)[0]
    assert linked(app, "cohort") == "age >= 50"


def test_a_condition_that_no_row_fits_is_all_rows_and_says_so(app: AppTest) -> None:
    apply(app, "age > 900")
    assert "no row fits" in said(app.caption)[0]


def test_a_named_condition_is_saved_used_and_deleted(app: AppTest) -> None:
    apply(app, "age >= 50", "*older*")
    assert "*older*" in said(app.markdown)[0]
    app.button(key="_cohort_clear").click().run()
    app.button(key="_cohort_use_0").click().run()
    assert linked(app, "cohort") == "age >= 50"
    assert "*older*" in said(app.markdown)[0]
    app.button(key="_cohort_drop_0").click().run()
    assert not [b for b in app.button if str(b.key).startswith("_cohort_use")]
    assert linked(app, "cohort") == "age >= 50"


def test_another_condition_does_not_wear_the_name_of_what_a_chart_chose(app: AppTest) -> None:
    app.query_params["label"] = "young"
    app.run()
    assert "young" in said(app.markdown)[0]
    apply(app, "age < 40")
    assert "young" in said(app.markdown)[0]  # the same rows
    apply(app, "age >= 50")
    assert "young" not in said(app.markdown)[0]
    opened = state.shelf().get("bar")
    assert opened is not None
    assert annotations_of("bar").cohorts() == {}
