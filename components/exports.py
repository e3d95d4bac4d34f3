"""What can be taken away from a page: the figure, the table, and the equivalent Python call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from debuggers.debugger import Debugger
from debuggers.params import Params

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV in which no text can be read as a spreadsheet's formula.

    Examples
    --------
    >>> safe_csv(pd.DataFrame({"=a": ["=1+1", "x"]})).decode("utf-8-sig").splitlines()
    ["'=a", "'=1+1", 'x']
    """
    plain = table.copy()
    for position, dtype in enumerate(plain.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            plain.isetitem(position, plain.iloc[:, position].map(_quoted, na_action="ignore").array)
    plain.columns = [_quoted(str(c)) for c in plain.columns]
    return str(plain.to_csv(index=False)).encode("utf-8-sig")


def _quoted(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA) else value


def python_call(debugger: Debugger, params: Params) -> str:
    """Return the Python that gives the same answer."""
    changed = ", ".join(f"{name}={value!r}" for name, value in params.changed().items())
    cls = type(params).__name__
    return (
        f"from debuggers.analyses.{debugger.slug} import {cls}, {debugger.function.__name__}\n\n"
        f"result = {debugger.function.__name__}(subject, {cls}({changed}))\n"
        "result.table()"
    )


def figure_html(figure: go.Figure) -> bytes:
    """Return a figure as a page of its own that needs no network."""
    return str(figure.to_html(include_plotlyjs=True, full_html=True)).encode()


def export_menu(
    debugger: Debugger, params: Params, table: pd.DataFrame | Callable[[], pd.DataFrame], figure: go.Figure | None
) -> None:
    """Draw the menu of everything that can be taken away; a table that is costly to make is made when it is wanted."""
    with st.popover("Export", icon=":material/download:"):
        st.download_button(
            "Table as CSV",
            lambda: safe_csv(table() if callable(table) else table),
            f"{debugger.slug}.csv",
            "text/csv",
            key="_export_csv",
            on_click="ignore",
            width="stretch",
        )
        if figure is not None:
            st.download_button(
                "Figure as HTML",
                lambda: figure_html(figure),
                f"{debugger.slug}.html",
                "text/html",
                key="_export_html",
                on_click="ignore",
                width="stretch",
            )
            st.segmented_control(
                "The camera above the chart saves",
                ("png", "svg"),
                default="png",
                required=True,
                key="image_format",
                format_func=str.upper,
                persist_state="session",
            )
        st.caption("The same from Python")
        st.code(python_call(debugger, params), language="python")
