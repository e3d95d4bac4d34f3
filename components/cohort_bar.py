"""The cohort bar: which rows are active, how they compare with the rest, and the ways to change that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st

from components import state
from components.notes import notes
from components.saving import annotations_of
from components.text import badge_text, interval, literal, number, percent
from debuggers.cohort import MODEL_COLUMNS, Cohort, cohort_mask
from debuggers.errors import BadPredicate
from debuggers.statistics import Moments, difference
from debuggers.subject import Subject

Mask = npt.NDArray[np.bool_]


def cohort_rows(subject: Subject) -> Mask | None:
    """Return which test rows are active, None where no cohort is; one that cannot be used is said and dropped."""
    cohort = state.cohort()
    if cohort is None:
        return None
    try:
        return _mask(subject.fingerprint, cohort.predicate, subject)
    except BadPredicate as problem:
        state.set_cohort(None)
        st.warning(f"{literal(problem)} The view shows all rows.", icon=":material/warning:")
        return None


@st.cache_data(show_spinner=False, max_entries=64)
def _mask(fingerprint: str, predicate: str, _subject: Subject) -> Mask:
    assert fingerprint == _subject.fingerprint
    return cohort_mask(_subject, predicate)


def active_rows(subject: Subject) -> Mask | None:
    """Return which test rows are active, None for all; a cohort without rows counts as all."""
    mask = cohort_rows(subject)
    return mask if mask is not None and mask.any() else None


def cohort_bar(opened: state.Opened, subject: Subject, page: str) -> None:
    """Draw the bar over a page: which rows are active, and the notes."""
    mask = cohort_rows(subject)
    with st.container(key="cohort_bar", horizontal=True, vertical_alignment="center", gap="small"):
        cohort = state.cohort()
        if cohort is None or mask is None:
            st.badge("All rows", icon=":material/select_all:", color="gray")
            st.caption(_whole(subject), width="content")
        else:
            st.badge(
                badge_text(_short(cohort.title)),
                icon=":material/filter_alt:",
                color="blue",
                help=literal(cohort.predicate),
            )
            st.caption(_comparison(subject, mask), width="content")
            st.button("Clear", key="_cohort_clear", icon=":material/close:", on_click=state.set_cohort, args=(None,))
        _editor(opened, cohort)
        notes(opened, page)


def _short(text: str, limit: int = 90) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _whole(subject: Subject) -> str:
    rows = f"{len(subject.test):,} rows"
    if not subject.has_labels:
        return rows
    loss = Moments.of(subject.loss).estimate().at_least(0)
    return f"{rows} · mean loss {number(loss.value)} ({interval(loss.low, loss.high)})"


def _comparison(subject: Subject, mask: Mask) -> str:
    n = int(mask.sum())
    rows = f"{n:,} of {len(mask):,} rows ({percent(n / max(len(mask), 1))})"
    if n == 0:
        return f"{rows}: no row fits, so every page shows all rows"
    if not subject.has_labels:
        return rows
    inside, outside = Moments.of(subject.loss[mask]), Moments.of(subject.loss[~mask])
    gap = difference(inside, outside)
    text = f"{rows} · mean loss {number(inside.mean)}"
    if outside.n == 0:
        return text
    return f"{text} against {number(outside.mean)}, difference {number(gap.value)} ({interval(gap.low, gap.high)})"


def _editor(opened: state.Opened, cohort: Cohort | None) -> None:
    with st.popover("Cohort", icon=":material/edit:"):
        with st.form("_cohort_form", border=False):
            predicate = st.text_area(
                "Condition",
                cohort.predicate if cohort else "",
                placeholder='"age" >= 30 AND "job" = \'sales\'',
                help="A DuckDB condition over the test table's columns. What the model made of a row is there as "
                + ", ".join(f"model.{c}" for c in MODEL_COLUMNS)
                + ".",
            )
            saved = cohort is not None and annotations_of(opened.token).cohorts().get(cohort.label) == cohort
            name = st.text_input(
                "Save under the name", cohort.label if cohort and saved else "", placeholder="optional"
            )
            if st.form_submit_button("Apply", type="primary"):
                _apply(opened, predicate.strip(), name.strip())
        _saved(opened)


def _apply(opened: state.Opened, predicate: str, name: str) -> None:
    if not predicate:
        state.set_cohort(None)
        st.rerun()
    try:
        cohort_mask(opened.subject, predicate)
    except BadPredicate as problem:
        st.error(literal(problem), icon=":material/error:")
        return
    now = state.cohort()
    if name:
        annotations_of(opened.token).save_cohort(name, predicate)
    # A text that a chart gave to other rows would be wrong for these.
    kept = now.label if now is not None and now.predicate == predicate else ""
    state.set_cohort(Cohort(predicate, name or kept))
    st.rerun()


def _saved(opened: state.Opened) -> None:
    notebook = annotations_of(opened.token)
    cohorts = notebook.cohorts()
    if not cohorts:
        st.caption("Saved cohorts will be listed here, for everyone with the link.")
        return
    for i, (name, cohort) in enumerate(cohorts.items()):
        use, drop = st.columns([5, 1])
        use.button(literal(name), key=f"_cohort_use_{i}", on_click=state.set_cohort, args=(cohort,), width="stretch")
        drop.button(
            "",
            key=f"_cohort_drop_{i}",
            icon=":material/delete:",
            help="Delete",
            on_click=notebook.drop_cohort,
            args=(name,),
        )
