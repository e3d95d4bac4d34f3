"""Parts of the page of weak slices: a card for each, the builder of one's own, its test, and hints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pandas as pd
import streamlit as st

from components import state
from components.page import Frame
from components.text import interval, literal, number, percent
from debuggers.cohort import Cohort
from debuggers.regions import MIN_ROWS
from debuggers.slice_evidence import OwnTest
from debuggers.slice_hints import Hint
from debuggers.slice_report import compared
from debuggers.slices import Literal as Condition
from debuggers.slices import Op, Slice
from debuggers.statistics import Estimate
from debuggers.subject import Subject

BADGES: dict[str, tuple[Literal["orange", "gray"], str, str]] = {
    "confirmed": ("orange", ":material/verified:", "The half that was not searched errs more there, too."),
    "not confirmed": ("gray", ":material/help:", "The half that was not searched does not bear it out."),
    "too few rows": ("gray", ":material/hourglass_empty:", "The half that was not searched has too few rows to tell."),
}
HOLDS = {True: ":orange-badge[speaks for it]", False: ":gray-badge[does not]", None: ":gray-badge[unknown]"}
REASONS = {
    "training rows": "Too few training rows",
    "shift": "Shifted against training",
    "noisy labels": "Noisy labels",
    "calibration": "Miscalibrated",
    "benchmark": "Hard for the benchmark too",
}


def slice_card(row: Any, position: int, title: str, *, active: bool, distribution: Callable[[int], None]) -> None:
    """Draw one slice: text, rows, mean against the rest, verdict, distribution, and a button that sets the cohort.

    Parameters
    ----------
    row : namedtuple
        The slice's row of `WeakSlicesResult.slices`.
    position : int
        Its place in the list, from 0.
    title : str
        What the mean is called.
    active : bool
        Whether its rows are the cohort.
    distribution : callable
        Draws how the measure is distributed in the slice at a position.
    """
    with st.container(border=True, key=f"weak_slices_card_{position}"):
        st.markdown(f"**{position + 1}.** **{literal(row.slice)}**")
        with st.container(horizontal=True, gap="small"):
            colour, icon, words = BADGES[row.verdict]
            st.badge(row.verdict, icon=icon, color=colour, help=words)
            hardness = _hardness(row)
            if hardness:
                st.badge(hardness[0], color="gray", help=hardness[1])
            if active:
                st.badge("cohort", icon=":material/filter_alt:", color="blue")
        numbers, drawing = st.columns([3, 2], vertical_alignment="center")
        with numbers:
            st.markdown("  \n".join(_facts(row, title)))
        with drawing:
            distribution(position)
        st.button(
            "All rows" if active else "Show these rows", key=f"weak_slices_use_{position}",
            icon=":material/filter_alt:", on_click=flip, args=(Cohort(str(row.sql), str(row.slice)),),
        )  # fmt: skip


def _facts(row: Any, title: str) -> list[str]:
    means = (
        f"{literal(title[:1].upper() + title[1:])} **{number(row.held_out_loss)}** "
        f"({interval(row.held_out_low, row.held_out_high)}) against **{number(row.rest_loss)}** "
        f"({interval(row.rest_low, row.rest_high)}), {row.held_out_rows:,} held-out rows"
    )
    facts = [
        f"{row.rows:,} rows ({percent(row.share)}), {percent(row.share_of_loss)} of the total",
        means,
        f"Searched half: {number(row.search_loss)}, {row.search_rows:,} rows, t {number(row.t)}",
    ]
    if row.q_value == row.q_value:
        facts[-1] += f"; adjusted p {number(row.q_value, 2)}"
    if row.search_p_value == row.search_p_value:
        facts.append(f"By chance alone as clear in at most {percent(row.search_p_value)} of searches")
    if len(row.literal_shares) > 1:
        parts = (f"{literal(name)} {number(share, 2)}" for name, share in row.literal_shares.items())
        facts.append("Brought by " + ", ".join(parts))
    return facts


def _hardness(row: Any) -> tuple[str, str] | None:
    """Return whether the loss exceeds what the model itself expects, and in which words to say so."""
    if row.said != row.said or row.verdict != "confirmed":
        return None
    beside = f"{number(row.held_out_loss)} against {number(row.said)} that its own probabilities lead to expect."
    if row.said_q_value <= 0.05:
        return "worse than it says", beside
    return "hard, and it says so", beside


def hint_list(found: tuple[Hint, ...]) -> None:
    """Draw hints: each with its name, whether its numbers speak for it, and the numbers."""
    for hint in found:
        st.markdown(f"{HOLDS[hint.holds]} **{REASONS[hint.kind]}.** {literal(hint.sentence)}")


def slice_builder(subject: Subject) -> None:
    """Draw up to three conditions to choose, and a button that makes their rows the cohort."""
    names = [str(c) for c in subject.test.table.columns if str(c) not in subject.predictions]
    conditions: list[Condition] = []
    for i, place in enumerate(st.columns(3)):
        with place:
            name = st.selectbox(
                f"Condition {i + 1}", names, index=None, placeholder="column", key=f"weak_slices_own_{i}"
            )
            if name is not None:
                found = _condition(subject, name, i)
                if found is not None:
                    conditions.append(found)
    own = Slice(tuple(conditions))
    st.button(
        "Test these rows", key="weak_slices_own_test", icon=":material/science:", disabled=not conditions,
        on_click=state.set_cohort, args=(Cohort(own.sql, own.text),),
    )  # fmt: skip


def _condition(subject: Subject, name: str, i: int) -> Condition | None:
    column = subject.test.schema[name]
    if column.kind.is_numeric and column.minimum is not None and column.maximum is not None:
        low = st.number_input("from", value=column.minimum, key=f"weak_slices_low_{i}_{name}")
        high = st.number_input(
            "up to, not included",
            value=None,
            placeholder="no end",
            key=f"weak_slices_high_{i}_{name}",
        )
        return Condition(name, Op.GREATER_EQUAL, low) if high is None else Condition(name, Op.IN, (low, high))
    options = list(subject.test.table[name].dropna().unique()[:1000])
    chosen = st.multiselect("is one of", options, key=f"weak_slices_values_{i}_{name}", format_func=str)
    if st.checkbox("missing", key=f"weak_slices_missing_{i}_{name}"):
        return Condition(name, Op.MISSING)
    if not chosen:
        return None
    return Condition(name, Op.EQUAL, chosen[0]) if len(chosen) == 1 else Condition(name, Op.ONE_OF, tuple(chosen))


def own_test(place: str, found: OwnTest, title: str) -> None:
    """Say what the one test of a person's own slice found."""
    if found.p_value != found.p_value:
        st.info(f"{literal(place)}: {found.inside.n:,} rows in it and {found.rest.n:,} outside are too few to test.",
                icon=":material/hourglass_empty:")  # fmt: skip
        return
    sure = found.p_value <= 0.05
    words = "errs more than the rest" if sure else "is not shown to err more than the rest"
    st.markdown(
        f":{'orange' if sure else 'gray'}-badge[{'yes' if sure else 'no'}] **{literal(place)}** {words}: "
        f"{literal(title)} {number(found.inside.value)} ({interval(found.inside.low, found.inside.high)}, "
        f"{found.inside.n:,} rows) against {number(found.rest.value)} ({interval(found.rest.low, found.rest.high)}); "
        f"difference {number(found.gap.value)} ({interval(found.gap.low, found.gap.high)}), "
        f"p {number(found.p_value, 2)}."
    )
    st.caption(
        "One test on all rows, by Welch's t: it holds for a condition that was chosen before looking at the list above."
    )


def as_cohort(rows: pd.DataFrame, position: int) -> Cohort:
    """Return a slice of a table as a cohort."""
    return Cohort(str(rows["sql"].iloc[position]), str(rows["slice"].iloc[position]))


def toggle(cohort: Cohort | None) -> None:
    """Make rows the cohort, or all rows if they are it already, and draw the page anew."""
    flip(cohort)
    st.rerun()


def flip(cohort: Cohort | None) -> None:
    """Make rows the cohort, or all rows if they are it already: what a button calls."""
    active = state.cohort()
    same = active is not None and cohort is not None and active.predicate == cohort.predicate
    state.set_cohort(None if same else cohort)


def more_controls(frame: Frame, *extra: str) -> dict[str, Any]:
    """Draw the parameters of the engine that are seldom changed, and `extra` ones, and return their values."""
    with st.popover("More", icon=":material/tune:"):
        names = ("ranking", "alpha", "count", *extra, "seconds", "seed", "all_columns")
        return {name: frame.control(name) for name in names}


def answer_line(slices: pd.DataFrame, overall: Estimate, title: str, obstacle: str) -> str:
    """Return the sentence that answers the question of a page of slices."""
    if obstacle:
        known = "" if overall.value != overall.value else f"{literal(title.capitalize())} is {number(overall.value)}. "
        return known + literal(obstacle)
    sure = slices[slices["verdict"] == "confirmed"]
    counts = f"{len(sure)} of {len(slices)} slices confirmed"
    if (slices["verdict"] == "too few rows").all():
        where = literal(slices["slice"].iloc[0])
        return f"Nothing can be confirmed: {where} stands out, with fewer than {MIN_ROWS} other rows to check it on."
    if not len(sure):
        return f"No slice is confirmed; {literal(slices['slice'].iloc[0])} seemed weak at first. {counts}."
    rate = compared(sure["held_out_loss"].iloc[0], sure["rest_loss"].iloc[0], title)
    return f"{literal(rate)} where {literal(sure['slice'].iloc[0])} (confirmed on other rows); {counts}."
