"""Findings as cards; each opens the page that shows it."""

from __future__ import annotations

import streamlit as st

from components import state
from components.navigation import path_of
from components.param_form import set_param
from components.text import interval, literal, number
from debuggers.cohort import Cohort
from debuggers.debugger import Finding, Severity, all_debuggers

COLOURS: dict[Severity, str] = {Severity.HIGH: "red", Severity.MEDIUM: "orange", Severity.LOW: "gray"}
CONFIRMED = {
    True: ":green-badge[confirmed on rows that the search did not see]",
    False: ":gray-badge[not confirmed on other rows]",
    None: "",
}


def finding_card(slug: str, finding: Finding, *, number_of: int, show_button: bool = True) -> None:
    """Draw one finding: severity, headline, size with interval, and a button that opens its page with its slice."""
    key = f"_finding_{slug}_{number_of}"
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
            if show_button and st.button("Show", key=f"{key}_show", icon=":material/arrow_forward:"):
                open_finding(slug, finding)


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
