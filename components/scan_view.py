"""The findings of the scan so far: each debugger's as soon as it has answered."""

from __future__ import annotations

from time import sleep
from typing import Any

import streamlit as st

from components import state
from components.compute import Answer, known_answer
from components.findings import dismissed_findings, finding_card, title_of
from components.saving import annotations_of, keep_findings
from components.text import literal
from debuggers.scan import ranked, scanned_debuggers
from debuggers.subject import Subject

POLL_SECONDS = 0.3
SHOWN = 4


def findings_so_far(subject: Subject, place: Any) -> None:
    """Draw the findings that are there, and all anew whenever a debugger has answered, until all have.

    Parameters
    ----------
    subject : Subject
    place : DeltaGenerator
        A container on the page. As this may wait, it is called when all else is drawn.
    """
    pulse, last, drawn = st.empty(), place.empty(), None
    while True:
        answers = _collect(subject)
        states = {slug: answer.state for slug, answer in answers.items()}
        complete = "pending" not in states.values()
        if complete or states != drawn:
            # Drawn over within one run, the rest of a longer drawing would stay: each has a place of its own.
            last.empty()
            last = place.empty()
            with last.container():
                _draw(subject, answers, round_of="" if complete else f"_{list(states.values())}")
        if complete:
            _keep(subject, answers)
            return
        drawn = states
        sleep(POLL_SECONDS)
        pulse.empty()  # lets a click end this run


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


def _draw(subject: Subject, answers: dict[str, Answer], round_of: str) -> None:
    """Draw everything; widgets of a round have keys of their own, as a run may draw a key only once."""
    st.subheader("What the scan found", anchor=False)
    opened = state.opened()
    reasons = {} if opened is None else annotations_of(opened.token).dismissals()
    found = ranked([(slug, f) for slug, answer in answers.items() for f in answer.findings])
    dismissed = [(slug, f) for slug, f in found if f.id(slug) in reasons]
    cards = list(enumerate((slug, f) for slug, f in found if f.id(slug) not in reasons))
    for i, (slug, finding) in cards[:SHOWN]:
        finding_card(slug, finding, number_of=f"{i}{round_of}", can_dismiss=not round_of)
    if len(cards) > SHOWN:
        with st.expander(f"{len(cards) - SHOWN} more"):
            for i, (slug, finding) in cards[SHOWN:]:
                finding_card(slug, finding, number_of=f"{i}{round_of}", can_dismiss=not round_of)
    if not round_of:
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
