"""The editor: for each feature a field, a slider or a choice, and under it the response strip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from components import state
from components.charts.theme import Palette
from components.charts.what_if import Heights, decision_colours, strip_html
from components.text import literal
from components.what_if.bench import Bench, shown
from debuggers.analyses.what_if import WhatIfResult
from debuggers.data.schema import Column, Kind
from debuggers.subject import Subject

MISSING = "missing"
# Whole numbers beyond this are not exact in a browser.
EXACT = 2**53 - 1


def draw_cells(
    bench: Bench, subject: Subject, result: WhatIfResult, features: Sequence[str], palette: Palette, *, log_odds: bool
) -> None:
    """Draw the cells of `features`; a change is a step of the bench."""
    responses = {r.feature: r for r in result.responses}
    binary = len(subject.classes) == 2
    heights = Heights.of(result.responses, log_odds=log_odds, threshold=subject.threshold if binary else None)
    colours = decision_colours(palette, len(subject.classes))
    numbers = {feature: i for i, feature in enumerate(subject.test.features)}
    with st.container(key="what_if_cells"), st.grid(3, min_column_width=290, gap=("medium", "large")):
        for feature in features:
            with st.container(gap=None, key=f"what_if_cell_{numbers[feature]}"):
                _controls(bench, subject.test.schema[feature], numbers[feature], beyond=feature in result.beyond)
                strip = strip_html(
                    responses[feature],
                    palette,
                    heights=heights,
                    colours=colours,
                    current=bench.values[feature],
                    original=bench.before[feature],
                    unit=subject.output_title,
                )
                st.html(strip)
                if feature in bench.edits:
                    st.button(
                        literal(f"was {shown(bench.before[feature])}"),
                        key=f"what_if_reset_{numbers[feature]}",
                        icon=":material/undo:",
                        type="tertiary",
                        on_click=bench.reset,
                        args=(feature,),
                    )


def _controls(bench: Bench, column: Column, i: int, *, beyond: bool) -> None:
    label = f"**{literal(column.name)}**" + (" :orange-badge[beyond the data]" if beyond else "")
    value = bench.values[column.name]
    match column.kind:
        case Kind.NUMERIC | Kind.INTEGER:
            _number(bench, column, i, label, value)
        case Kind.CATEGORY | Kind.BOOLEAN:
            _choice(bench, column, i, label, value)
        case Kind.TEXT | Kind.DATE:
            _text(bench, column, i, label, value)


def _sync(key: str, value: Any) -> None:
    """Let a widget show `value`: it may have been changed by its twin, by undo or by the link."""
    if not state.has_widget(key) or state.widget(key) != value:
        state.put_widget(key, value)


def _changed(bench: Bench, feature: str, key: str) -> None:
    value = state.widget(key)
    bench.change(feature, None if value == "" else value)


def _number(bench: Bench, column: Column, i: int, label: str, value: Any) -> None:
    whole = is_whole(column) and (value is None or (math.isfinite(value) and float(value).is_integer()))
    kind = int if whole and (value is None or abs(value) <= EXACT) else float
    field, slider = f"what_if_field_{i}_{kind.__name__}", f"what_if_slider_{i}"
    _sync(field, None if value is None or not math.isfinite(value) else kind(value))
    st.number_input(
        label, value=None, step=kind(1), format="%d" if kind is int else "%.6g", key=field, placeholder=MISSING,
        on_change=_changed, args=(bench, column.name, field),
    )  # fmt: skip
    span = slider_span(column)
    if span is None:
        return
    low, high, step = span
    # A missing value has no place on the slider: the thumb waits in the middle.
    place = (low + high) / 2 if value is None else min(max(value, low), high)
    _sync(slider, type(low)(place))
    st.slider(
        label, low, high, step=step, key=slider, label_visibility="collapsed",
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
    _sync(key, value)
    st.selectbox(
        label, options, index=None, format_func=str, key=key, placeholder=MISSING,
        on_change=_changed, args=(bench, column.name, key),
    )  # fmt: skip


def _text(bench: Bench, column: Column, i: int, label: str, value: Any) -> None:
    key = f"what_if_text_{i}"
    _sync(key, "" if value is None else str(value))
    st.text_input(label, key=key, placeholder=MISSING, on_change=_changed, args=(bench, column.name, key))
