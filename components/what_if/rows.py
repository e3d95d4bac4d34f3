"""Choosing a row: the worst, the most borderline, at random, near a prediction, or by its position in the file."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st

from components import state
from components.text import literal, number
from components.what_if.bench import ROW, open_row, shown
from debuggers.errors import BadParameter
from debuggers.row_choice import PREDICTION, orders_for, position_of, rows_in_order
from debuggers.subject import Subject

Mask = npt.NDArray[np.bool_]
NAMES = {
    "worst": "Worst",
    "borderline": "Most borderline",
    "random": "Random",
    PREDICTION: "By prediction",
}
ORDER, NEAR, FIELD = "what_if_order", "what_if_near", "what_if_position"


def choose_row(subject: Subject, mask: Mask | None) -> int:
    """Draw the ways to choose a row, and return the one that is chosen; only rows of the active cohort are offered."""
    row = _linked_row(subject)
    if row is None:
        row = int(rows_in_order(subject, orders_for(subject)[0], among=mask)[0])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Choose a row" if mask is None else "Choose a row of the cohort",
            orders_for(subject),
            default=orders_for(subject)[0],
            required=True,
            format_func=NAMES.__getitem__,
            key=ORDER,
            persist_state="session",
            help="The largest loss, the decision closest to another one, shuffled with a fixed seed, or near to a "
            "prediction of your choice. Narrow the rows down with the cohort bar above.",
            on_change=_go,
            args=(subject, mask, None),
        )
        if state.widget(ORDER) == PREDICTION:
            start = float(np.median(subject.scores))
            st.number_input(
                "Prediction near", value=start, format="%.4g", key=NEAR, width=130, persist_state="session",
                on_change=_go, args=(subject, mask, None),
            )  # fmt: skip
        st.button("Next", icon=":material/skip_next:", key="what_if_next", on_click=_go, args=(subject, mask, row))
        if state.widget(FIELD) != row:
            state.put_widget(FIELD, row)
        st.number_input(
            "Row in the file", 0, int(subject.test.rows.max()), step=1, key=FIELD, width=130, on_change=_type_row,
            help="Its position, the first row is 0",
        )  # fmt: skip
        st.caption(_about(subject, mask, row), width="content")
    return row


def _about(subject: Subject, mask: Mask | None, row: int) -> str:
    at = position_of(subject, row)
    parts = [f"{len(subject.test.features)} features"]
    if subject.has_labels:
        parts = [f"truth {literal(shown(subject.labels[at]))}", f"loss {number(float(subject.loss[at]))}", *parts]
    if mask is not None and not mask[at]:
        parts.append("outside the active cohort")
    return " · ".join(parts)


def _linked_row(subject: Subject) -> int | None:
    text = state.linked(ROW)
    if text is None:
        return None
    try:
        row = int(text)
        position_of(subject, row)
    except (ValueError, BadParameter):
        open_row(None)
        st.warning(
            f"The test table has no row {literal(text)} that is used; this is the first one instead.",
            icon=":material/warning:",
        )
        return None
    return row


def _type_row() -> None:
    open_row(state.widget(FIELD))


def _go(subject: Subject, mask: Mask | None, behind: int | None) -> None:
    """Open the first row in the chosen order, or the one behind `behind`."""
    near = state.widget(NEAR, float(np.median(subject.scores)))
    rows = rows_in_order(subject, state.widget(ORDER), among=mask, value=near)
    at = np.flatnonzero(rows == behind)
    open_row(int(rows[(at[0] + 1) % len(rows)] if len(at) else rows[0]))
