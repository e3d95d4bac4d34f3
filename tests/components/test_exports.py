"""What leaves the page is complete, and safe to open."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from components.exports import figure_html, python_call, safe_csv
from debuggers.analyses.effects import EffectsParams
from debuggers.debugger import all_debuggers
from debuggers.task import Task
from tests.names import FORMATTED
from tests.subjects import subject


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_is_read_as_a_formula(start: str) -> None:
    table = pd.DataFrame({f"{start}a": [f"{start}1+1", "x"], "n": [-1.5, 2.0], "c": pd.Categorical([f"{start}c", "d"])})
    plain = safe_csv(table).decode("utf-8-sig")
    back = pd.read_csv(io.StringIO(plain), lineterminator="\n" if start == "\r" else None)
    assert back.columns[0].startswith("'")
    assert [str(back.iloc[0, i])[0] for i in (0, 2)] == ["'", "'"]
    assert back["n"].tolist() == [-1.5, 2.0]  # numbers stay numbers


def test_other_text_and_gaps_come_back_as_they_were() -> None:
    kept = [name for name in FORMATTED if not name.startswith(("=", "+", "-", "@"))]
    table = pd.DataFrame({"name": [*kept, None], "flag": [True] * len(kept) + [None]})
    back = pd.read_csv(io.BytesIO(safe_csv(table)), encoding="utf-8-sig")
    assert back["name"].tolist()[:-1] == kept
    assert pd.isna(back["name"].iloc[-1])


def test_the_table_itself_is_not_changed() -> None:
    table = pd.DataFrame({"=a": ["=1"]})
    safe_csv(table)
    assert table.columns.tolist() == ["=a"]
    assert table.iloc[0, 0] == "=1"


def test_two_columns_of_one_name_are_both_written() -> None:
    table = pd.DataFrame(np.array([["=1", "=2"]]), columns=["a", "a"])
    assert safe_csv(table).decode("utf-8-sig").splitlines() == ["a,a", "'=1,'=2"]


def test_the_python_call_gives_the_same_answer() -> None:
    debugger, params = all_debuggers()["effects"], EffectsParams(feature="debt", points=7)
    scope: dict[str, Any] = {"subject": subject(Task.BINARY)}
    code = python_call(debugger, params).replace("result.table()", "table = result.table()")
    exec(code, scope)
    pd.testing.assert_frame_equal(scope["table"], debugger.run(subject(Task.BINARY), params).table())


def test_a_name_in_the_python_call_is_a_text_and_no_code() -> None:
    params = EffectsParams(feature='"); import os; os.abort(); ("')
    compiled = compile(python_call(all_debuggers()["effects"], params), "call", "exec")
    assert "os" not in compiled.co_names


def test_a_figure_needs_no_network() -> None:
    page = figure_html(go.Figure(go.Scatter(x=[1], y=[2]))).decode()
    assert 'src="http' not in page
    assert "Plotly.newPlot" in page
