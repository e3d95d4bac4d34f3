"""The findings of the scan so far: each debugger's as soon as it has answered."""

from __future__ import annotations

import streamlit as st

from components import state
from components.compute import Answer, known_answer
from components.findings import dismissed_findings, finding_card, title_of
from components.saving import annotations_of, keep_findings
from components.text import literal
from debuggers.scan import ranked, scanned_debuggers
from debuggers.subject import Subject

POLL_SECONDS = 0.7
SHOWN = 4


def findings_so_far(subject: Subject) -> None:
    """Draw the findings that are there, say what is still being computed, and look again until all have answered."""
    answers = _collect(subject)
    if any(answer.state == "pending" for answer in answers.values()):
        _polling(subject)
    else:
        _keep(subject, answers)
        _draw(subject, answers)


@st.fragment(run_every=POLL_SECONDS)
def _polling(subject: Subject) -> None:
    answers = _collect(subject)
    if all(answer.state != "pending" for answer in answers.values()):
        st.rerun()
    _draw(subject, answers)


def _collect(subject: Subject) -> dict[str, Answer]:
    """Return what each debugger that applies has answered so far, by slug; starts those that have not been asked."""
    return {
        debugger.slug: known_answer(debugger, subject, debugger.params())
        for debugger in scanned_debuggers()
        if debugger.obstacle(subject) is None
    }


def _keep(subject: Subject, answers: dict[str, Answer]) -> None:
    """Keep the findings of a scan that is done, once per session; one at a threshold that is tried out is not."""
    opened = state.opened()
    if opened is None or subject is not opened.subject or state.recall("scan_kept") == opened.token:
        return
    keep_findings(opened.token, {slug: answer.findings for slug, answer in answers.items()})
    state.remember("scan_kept", opened.token)


def _draw(subject: Subject, answers: dict[str, Answer]) -> None:
    st.subheader("What the scan found", anchor=False)
    opened = state.opened()
    reasons = {} if opened is None else annotations_of(opened.token).dismissals()
    found = ranked([(slug, f) for slug, answer in answers.items() for f in answer.findings])
    dismissed = [(slug, f) for slug, f in found if f.id(slug) in reasons]
    cards = list(enumerate((slug, f) for slug, f in found if f.id(slug) not in reasons))
    for i, (slug, finding) in cards[:SHOWN]:
        finding_card(slug, finding, number_of=i, can_dismiss=True)
    if len(cards) > SHOWN:
        with st.expander(f"{len(cards) - SHOWN} more"):
            for i, (slug, finding) in cards[SHOWN:]:
                finding_card(slug, finding, number_of=i, can_dismiss=True)
    dismissed_findings(dismissed, reasons)
    _outcome(answers)
    for debugger in scanned_debuggers():
        reason = debugger.obstacle(subject)
        if reason is not None:
            st.caption(f":material/block: {debugger.title}: {literal(reason)}")


def _outcome(answers: dict[str, Answer]) -> None:
    """Say which debuggers are still at work, which found nothing, and which failed, and why."""
    by_state: dict[str, list[str]] = {}
    for slug, answer in answers.items():
        if not answer.findings:
            by_state.setdefault(answer.state, []).append(title_of(slug))
        if answer.state == "failed":
            st.caption(f":material/error: {title_of(slug)} could not answer: {literal(answer.problem)}")
    if "done" in by_state:
        st.caption(f":material/check: Nothing found by {', '.join(by_state['done'])}.")
    if "pending" in by_state:
        st.caption(f":material/hourglass: Still looking: {', '.join(by_state['pending'])}.")
        st.skeleton(height=60)
