"""Opening what a link asks for, and the demos."""

from __future__ import annotations

import streamlit as st

from components import state
from components.compute import wait
from components.text import literal
from debuggers.data.demos import all_demos, load_demo
from debuggers.execution import report
from debuggers.opening import demo_files
from debuggers.subject import Subject


def open_link() -> None:
    """Open the demo that the link asks for, with progress at its first use; say where a link leads nowhere."""
    name = state.wanted_demo()
    if name and name not in {demo.name for demo in all_demos()}:
        state.forget_link()
        st.warning(f"There is no demo called {literal(name)}: choose one below.", icon=":material/warning:")
    elif name:
        state.keep_demo(name, wait(("demo", name), lambda: demo_subject(name), "Opening the demo"))
    if state.lost_link():
        state.forget_link()
        st.warning(
            "This link leads to a subject that the server no longer holds: load its files again or ask for a new link.",
            icon=":material/warning:",
        )


def demo_subject(name: str) -> Subject:
    """Return a demo as a subject; at its first use the model is trained, outside this process."""
    files, roles = demo_files(load_demo(name, lambda share, text: report(0.9 * share, text)))
    report(0.95, "Matching model and table")
    understanding = files.understand(roles)
    if understanding.problems:
        raise understanding.problems[0]
    assert understanding.subject is not None
    return understanding.subject


def sidebar() -> None:
    """Say in the sidebar what is loaded."""
    subject = state.subject()
    if subject is None:
        return
    with st.sidebar:
        st.caption(f"**{literal(subject.name)}**  \n{subject.task} · {len(subject.test):,} rows")
        if len(subject.classes) == 2:
            st.caption(f"positive: {literal(subject.classes[1])} above {subject.threshold:g}")
