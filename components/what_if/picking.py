"""A table of which a click on a row does something to the row on the bench."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from components import state
from components.page import tidy_columns
from components.what_if.bench import Bench


def pick(
    table: pd.DataFrame, bench: Bench, name: str, act: Callable[[int], None], config: dict[str, Any] | None = None
) -> None:
    """Draw a table of which a clicked row does something; each step of the history has a table of its own."""
    key = f"what_if_{name}_{bench.at}_{len(bench.steps)}"

    def clicked() -> None:
        rows = state.widget(key, {}).get("selection", {}).get("rows", [])
        if rows:
            act(rows[0])

    st.dataframe(
        table,
        key=key,
        hide_index=True,
        column_config=tidy_columns(table) | (config or {}),
        on_select=clicked,
        selection_mode="single-row",
    )
