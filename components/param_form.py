"""One widget per declared parameter, bound to the link."""

from __future__ import annotations

from typing import Any

import streamlit as st

from components import state
from debuggers.params import Choice, Declared, Edits, Feature, Flag, Params, Range, Row
from debuggers.subject import Subject


def param_form(slug: str, params: type[Params], subject: Subject, *, hidden: tuple[str, ...] = ()) -> Params:
    """Draw a widget for each parameter that is not hidden, and return the parameters.

    Parameters
    ----------
    slug : str
        The debugger's; with the parameter's name it is the widget's key and its name in the link.
    params : type
        Class of the parameters.
    hidden : tuple of str
        Parameters that the page draws itself; they keep their defaults here.
    """
    shown = [d for d in params.declared() if d.name not in hidden]
    values: dict[str, Any] = {}
    if shown:
        cells = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
        with cells:
            for declared in shown:
                values[declared.name] = _widget(slug, declared, subject)
    return params(**values)


def param_widget(slug: str, params: type[Params], name: str, subject: Subject) -> Any:
    """Draw the widget of one parameter and return its value."""
    return _widget(slug, next(d for d in params.declared() if d.name == name), subject)


def widget_key(slug: str, name: str) -> str:
    """Return the key of a parameter's widget, which is also its name in the link."""
    return f"{slug}_{name}"


def _label(declared: Declared) -> str:
    return declared.spec.label or declared.name.replace("_", " ").capitalize()


def _widget(slug: str, declared: Declared, subject: Subject) -> Any:
    key, spec = widget_key(slug, declared.name), declared.spec
    common: dict[str, Any] = {"key": key, "help": spec.help or None, "bind": "query-params"}
    match spec:
        case Flag():
            return st.toggle(_label(declared), value=declared.default, **common)
        case Choice():
            index = spec.options.index(declared.default)
            return st.selectbox(_label(declared), spec.options, index=index, width=170, **common)
        case Feature():
            return _feature(declared, spec, subject, common)
        case Row():
            last = int(subject.test.rows.max())
            return st.number_input(_label(declared), 0, last, declared.default, width=170, **common)
        case Edits():
            return st.text_input(_label(declared), declared.default, **common)
        case Range():
            return _range(declared, spec, common)


def _feature(declared: Declared, spec: Feature, subject: Subject, common: dict[str, Any]) -> str | None:
    names = subject.test.features if spec.among == "features" else tuple(str(c) for c in subject.test.table.columns)
    index = names.index(declared.default) if declared.default in names else None if declared.optional else 0
    chosen: str | None = st.selectbox(
        _label(declared), names, index=index, placeholder=spec.nothing, width=240, **common
    )
    return chosen


def _range(declared: Declared, spec: Range, common: dict[str, Any]) -> float | int:
    whole = declared.type is int
    low, high = (int(spec.low), int(spec.high)) if whole else (float(spec.low), float(spec.high))
    step = spec.step or (1 if whole else (high - low) / 100)
    kind = int if whole else float
    if high - low <= 200 * step:
        # Two digits, as sliders show them, would round a finer step.
        fine = "percent" if spec.share else None if whole or step >= 0.01 else "%.3f"
        value: float = st.slider(
            _label(declared), low, high, declared.default, kind(step), format=fine, width=200, **common
        )
        return value
    number: float = st.number_input(_label(declared), low, high, declared.default, kind(step), width=150, **common)
    return number


def set_param(slug: str, name: str, value: Any) -> None:
    """Set a parameter's widget before it is drawn, as a click on a chart or a finding does."""
    state.put_widget(widget_key(slug, name), value)
