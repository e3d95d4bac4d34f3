"""The controls of one feature: a field with a slider, or a choice; an empty field is a missing value."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from components import state
from components.text import literal
from components.what_if.bench import Bench, shown
from debuggers.data.schema import Column, Kind

MISSING = "missing"
_UNSET = object()
# Whole numbers beyond this are not exact in a browser.
EXACT = 2**53 - 1
# By then a browser has fetched what a run has drawn.
SETTLED_SECONDS = 1.0


def draw_controls(bench: Bench, column: Column) -> None:
    """Draw what edits one feature, within `drawing`."""
    label = f"**{literal(column.name)}**"
    i, value = list(bench.before).index(column.name), bench.values[column.name]
    match column.kind:
        case Kind.NUMERIC | Kind.INTEGER:
            _number(bench, column, i, label, value)
        case Kind.CATEGORY | Kind.BOOLEAN:
            _choice(bench, column, i, label, value)
        case Kind.TEXT | Kind.DATE:
            _text(bench, column, i, label, value)
    if column.name in bench.edits:
        st.button(
            literal(f"was {shown(bench.before[column.name])}"),
            key=f"what_if_was_{i}",
            icon=":material/undo:",
            type="tertiary",
            help="Back to the value in the file",
            on_click=bench.reset,
            args=(column.name,),
        )


@contextmanager
def drawing(bench: Bench) -> Iterator[None]:
    """Note when the controls of all features are drawn.

    A run that overtakes another one drops what the browser has not fetched yet, and with it values that the server
    takes for shown: the browser would draw defaults, and send them back as if a person had chosen them. So values are
    said again where the last drawing was broken off or has only just ended.
    """
    bench.doubtful = time.monotonic() - bench.drawn_at < SETTLED_SECONDS
    bench.drawn_at = math.inf
    yield
    bench.drawn_at, bench.told = time.monotonic(), ""


def _sync(bench: Bench, key: str, value: Any) -> None:
    """Let a widget show `value`: it may have been changed by its twin, by undo or by the link."""
    if state.widget(key, _UNSET) != value or (bench.doubtful and key != bench.told):
        state.put_widget(key, value)


def _changed(bench: Bench, feature: str, key: str) -> None:
    value, bench.told = state.widget(key), key
    bench.change(feature, None if value == "" else value)


def _number(bench: Bench, column: Column, i: int, label: str, value: Any) -> None:
    whole = is_whole(column) and (value is None or (math.isfinite(value) and float(value).is_integer()))
    kind = int if whole and (value is None or abs(value) <= EXACT) else float
    field, slider = f"what_if_field_{i}_{kind.__name__}", f"what_if_slider_{i}"
    _sync(bench, field, None if value is None or not math.isfinite(value) else kind(value))
    st.number_input(
        label, value=None, step=kind(1), format="%d" if kind is int else "%.6g", key=field, placeholder=MISSING,
        on_change=_changed, args=(bench, column.name, field),
    )  # fmt: skip
    span = slider_span(column)
    if span is None:
        return
    low, high, step = span
    # A missing value has no place on the slider: the thumb waits in the middle.
    place = type(low)((low + high) / 2 if value is None else min(max(value, low), high))
    _sync(bench, slider, place)
    st.slider(
        label, low, high, place, step=step, key=slider, label_visibility="collapsed",
        on_change=_changed, args=(bench, column.name, slider),
    )  # fmt: skip


def is_whole(column: Column) -> bool:
    """Whether a browser can hold the column's values as whole numbers."""
    low, high = column.minimum, column.maximum
    return column.kind is Kind.INTEGER and low is not None and high is not None and max(-low, high) <= EXACT


def slider_span(column: Column) -> tuple[float, float, float] | None:
    """Return smallest, largest value and step of a column's slider; None where there is nothing to slide over.

    Examples
    --------
    >>> slider_span(Column("share", Kind.NUMERIC, 10, 0, 10, 0.0, 1.0))
    (0.0, 1.0, 0.005)
    """
    low, high = column.minimum, column.maximum
    if low is None or high is None or low >= high or not math.isfinite(high - low):
        return None
    if is_whole(column):
        return int(low), int(high), 1
    rough = (high - low) / 200
    size = 10 ** math.floor(math.log10(rough))
    return float(low), float(high), float(size * next(m for m in (1, 2, 5, 10) if m * size >= rough * 0.999))


def _choice(bench: Bench, column: Column, i: int, label: str, value: Any) -> None:
    options = [False, True] if column.kind is Kind.BOOLEAN else list(column.categories)
    if value is not None and value not in options:
        options.insert(0, value)
    key = f"what_if_choice_{i}"
    _sync(bench, key, value)
    st.selectbox(
        label, options, index=None, format_func=str, key=key, placeholder=MISSING,
        on_change=_changed, args=(bench, column.name, key),
    )  # fmt: skip


def _text(bench: Bench, column: Column, i: int, label: str, value: Any) -> None:
    key = f"what_if_text_{i}"
    _sync(bench, key, "" if value is None else str(value))
    st.text_input(label, key=key, placeholder=MISSING, on_change=_changed, args=(bench, column.name, key))
