"""The findings of the scan so far: each debugger's as soon as it has answered."""

from __future__ import annotations

import streamlit as st

from components.compute import known_answer
from components.findings import finding_card, ranked
from components.text import literal
from debuggers.debugger import Finding
from debuggers.scan import scanned_debuggers
from debuggers.subject import Subject

POLL_SECONDS = 0.7
SHOWN = 4


def findings_so_far(subject: Subject) -> None:
    """Draw the findings that are there, say what is still being computed, and look again until all have answered."""
    pending = _draw_if_done(subject)
    if pending:
        _polling(subject)


def _draw_if_done(subject: Subject) -> bool:
    found, pending = _collect(subject)
    if not pending:
        _draw(subject, found, pending)
    return bool(pending)


@st.fragment(run_every=POLL_SECONDS)
def _polling(subject: Subject) -> None:
    found, pending = _collect(subject)
    if not pending:
        st.rerun()
    _draw(subject, found, pending)


def _collect(subject: Subject) -> tuple[list[tuple[str, Finding]], list[str]]:
    found: list[tuple[str, Finding]] = []
    pending = []
    for debugger in scanned_debuggers():
        if debugger.obstacle(subject) is None:
            state, findings = known_answer(debugger, subject, debugger.params())
            if state == "pending":
                pending.append(debugger.title)
            found += [(debugger.slug, f) for f in findings]
    return found, pending


def _draw(subject: Subject, found: list[tuple[str, Finding]], pending: list[str]) -> None:
    st.subheader("What the scan found", anchor=False)
    cards = list(enumerate(ranked(found)))
    for i, (slug, finding) in cards[:SHOWN]:
        finding_card(slug, finding, number_of=i)
    if len(cards) > SHOWN:
        with st.expander(f"{len(cards) - SHOWN} more"):
            for i, (slug, finding) in cards[SHOWN:]:
                finding_card(slug, finding, number_of=i)
    if pending:
        st.caption(f":material/hourglass: Still looking: {', '.join(pending)}.")
        st.skeleton(height=60)
        return
    with_findings = {slug for slug, _ in found}
    passed = [d.title for d in scanned_debuggers() if d.obstacle(subject) is None and d.slug not in with_findings]
    if passed:
        st.caption(f":material/check: Nothing found by {', '.join(passed)}.")
    for debugger in scanned_debuggers():
        reason = debugger.obstacle(subject)
        if reason is not None:
            st.caption(f":material/block: {debugger.title}: {literal(reason)}")
