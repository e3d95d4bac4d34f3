"""Findings as cards; each opens the page that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from components import state
from components.navigation import path_of
from components.param_form import set_param
from components.saving import annotations_of
from components.text import interval, literal, number
from debuggers.cohort import Cohort
from debuggers.debugger import Finding, Severity, all_debuggers

COLOURS: dict[Severity, str] = {Severity.HIGH: "red", Severity.MEDIUM: "orange", Severity.LOW: "gray"}
MAX_REASON = 300
CONFIRMED = {
    True: ":green-badge[confirmed on rows that the search did not see]",
    False: ":gray-badge[not confirmed on other rows]",
    None: "",
}


def finding_card(
    slug: str, finding: Finding, *, number_of: int | str, show_button: bool = True, can_dismiss: bool = False
) -> None:
    """Draw one finding: severity, headline, size with interval, and a button that opens its page with its slice."""
    key = f"_finding_{slug}_{number_of}_{finding.id(slug)}"
    with st.container(border=True, key=key):
        badge = f":{COLOURS[finding.severity]}-badge[{finding.severity}]"
        st.markdown(f"{badge} **{literal(finding.headline)}**")
        facts = [f"{finding.rows:,} rows"]
        if finding.effect is not None:
            facts.append(f"effect {number(finding.effect.value)} ({interval(finding.effect.low, finding.effect.high)})")
        if finding.q_value is not None:
            facts.append(f"adjusted p {number(finding.q_value, 2)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(" · ".join(facts) + " " + CONFIRMED[finding.confirmed], width="stretch")
            if show_button:
                st.button(
                    "Show", key=f"{key}_show", icon=":material/arrow_forward:",
                    on_click=open_finding, args=(slug, finding),
                )  # fmt: skip
            if can_dismiss:
                _dismiss(key, finding.id(slug))


def _dismiss(key: str, finding: str) -> None:
    opened = state.opened()
    if opened is None:
        return
    notebook = annotations_of(opened.token)
    with st.popover("Dismiss", icon=":material/visibility_off:"), st.form(f"{key}_dismiss", border=False):
        st.text_input(
            "Why it is no problem", key=f"{key}_reason", max_chars=MAX_REASON,
            placeholder="known, accepted, being mended",
        )  # fmt: skip
        st.form_submit_button(
            "Dismiss",
            on_click=lambda: notebook.dismiss(finding, str(state.widget(f"{key}_reason", "")).strip()),
        )


def dismissed_findings(found: Sequence[tuple[str, Finding]], reasons: Mapping[str, str]) -> None:
    """Draw the findings that were dismissed, folded, each with its reason and the way back."""
    opened = state.opened()
    if not found or opened is None:
        return
    with st.expander(f"{len(found)} dismissed"):
        for slug, finding in found:
            id = finding.id(slug)  # noqa: A001 - the field's word
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(literal(finding.headline), width="stretch")
                st.caption(literal(reasons[id]) or "no reason given", width="content")
                st.button(
                    "Restore", key=f"_restore_{id}", on_click=annotations_of(opened.token).restore, args=(id,)
                )  # fmt: skip


def open_finding(slug: str, finding: Finding) -> None:
    """Set the cohort and the parameters that show a finding, and go to its page."""
    if finding.slice is not None:
        state.set_cohort(Cohort(finding.slice.sql, finding.slice.text))
    for name, value in finding.params.items():
        set_param(slug, name, value)
    if path_of(slug).exists():
        st.switch_page(path_of(slug), query_params=state.link())


def title_of(slug: str) -> str:
    """Return the title of a debugger."""
    return all_debuggers()[slug].title
