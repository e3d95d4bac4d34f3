"""A declared parameter is one widget, whose value comes from the link and stays within its range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
from streamlit.testing.v1 import AppTest

from debuggers.params import Choice, Feature, Flag, Params, Range, Row


@dataclass(frozen=True)
class Example(Params):
    """One parameter of every kind."""

    depth: Annotated[int, Range(1, 6, "Levels")] = 3
    rows: Annotated[int, Range(50, 1_000_000, "Rows")] = 1_000
    kind: Annotated[str, Choice(("plain", "deviance"), "Kind", label="Residual")] = "plain"
    deep: Annotated[bool, Flag("Deep")] = False
    feature: Annotated[str | None, Feature("Feature")] = None
    column: Annotated[str, Feature("Column", among="columns")] = "age"
    row: Annotated[int, Row("Row")] = 0


def form() -> None:
    import streamlit as st

    from components.param_form import param_form
    from debuggers.task import Task
    from tests.components.test_param_form import Example
    from tests.subjects import subject

    params = param_form("x", Example, subject(Task.BINARY), hidden=("deep",) if "hide" in st.query_params else ())
    st.text(repr(params))


def shown(**link: str) -> AppTest:
    app = AppTest.from_function(form, default_timeout=30)
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def params(app: AppTest) -> Example:
    found = eval(app.text[0].value, {"Example": Example})
    assert isinstance(found, Example)
    return found


def test_every_kind_has_its_widget_and_its_default() -> None:
    app = shown()
    assert params(app) == Example()
    assert [s.label for s in app.slider] == ["Depth"]
    assert [n.label for n in app.number_input] == ["Rows", "Row"]
    assert [s.label for s in app.selectbox] == ["Residual", "Feature", "Column"]
    assert [t.label for t in app.toggle] == ["Deep"]
    # The features of a model are fewer than the columns of its table.
    features, columns = (next(s for s in app.selectbox if s.label == label).options for label in ("Feature", "Column"))
    assert set(features) == {"age", "income", "debt", "job", "flag"}
    assert set(columns) > set(features)


def test_values_come_from_the_link() -> None:
    app = shown(
        x_depth="5", x_rows="70", x_kind="deviance", x_deep="true", x_feature="debt", x_column="group", x_row="9"
    )
    assert params(app) == Example(5, 70, "deviance", deep=True, feature="debt", column="group", row=9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", "9"),
        ("depth", "x"),
        ("rows", "1"),
        ("kind", "other"),
        ("feature", "group"),
        ("row", "600"),
        ("row", "-1"),
    ],
)
def test_a_value_that_cannot_be_does_not_reach_the_debugger(name: str, value: str) -> None:
    found = params(shown(**{f"x_{name}": value}))
    assert str(getattr(found, name)) != value


def test_what_the_page_draws_itself_keeps_its_default() -> None:
    app = shown(hide="1", x_deep="true")
    assert not app.toggle
    assert params(app).deep is False
