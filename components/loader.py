"""Opening what a link asks for, and the demos."""

from __future__ import annotations

import streamlit as st

from components import state
from components.compute import desk, finish, show_failure, wait
from components.saving import DEMO_PREFIX, day, workspace
from components.services import secrets
from components.text import literal
from debuggers.data.demos import all_demos, load_demo
from debuggers.errors import InputError
from debuggers.execution import Cancelled, report
from debuggers.opening import demo_files
from debuggers.subject import Subject


def open_link() -> None:
    """Open what the link asks for, with progress: a demo or saved work; say where a link leads nowhere."""
    name = state.wanted_demo()
    if name and name not in {demo.name for demo in all_demos()}:
        state.forget_link()
        st.warning(f"There is no demo called {literal(name)}: choose one below.", icon=":material/warning:")
    elif name:
        state.keep_demo(name, wait(("demo", name), lambda: demo_subject(name), "Opening the demo"))
    token = state.wanted_subject()
    if token:
        _open_saved(token)


def _open_saved(token: str) -> None:
    """Open saved work; what cannot be opened is taken out of the link, so that the page goes on without it."""
    key, known = ("saved", token), secrets()
    try:
        state.keep_saved(token, finish(key, lambda: workspace().open(token, known), "Opening saved work"))
    except KeyError:
        _leave(
            "This link leads to a subject that the server no longer holds: load its files again or ask for a new link."
        )
    except Cancelled:
        _leave("Opening was cancelled: follow the link again, or choose something below.")
    except InputError as problem:
        _leave(literal(problem))
    except Exception as failure:  # noqa: BLE001 - the page boundary: it is logged, and the person told
        state.forget_link()
        show_failure(failure)
    desk().forget(key)


def _leave(sentence: str) -> None:
    state.forget_link()
    st.warning(sentence, icon=":material/warning:")


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
    """Say in the sidebar what is loaded and whether it is saved."""
    opened, subject = state.opened(), state.subject()
    if opened is None or subject is None:
        return
    with st.sidebar:
        st.caption(f"**{literal(subject.name)}**  \n{subject.task} · {len(subject.test):,} rows")
        if len(subject.classes) == 2:
            st.caption(f"positive: {literal(subject.classes[1])} above {subject.threshold:g}")
        _saved_line(opened.token)


def _saved_line(token: str) -> None:
    if token.startswith(DEMO_PREFIX):
        return
    saved = workspace().find(token)
    if saved is None:
        st.caption(":material/cloud_off: Not saved: gone when the server stops.")
    else:
        st.caption(f":material/cloud_done: Saved. Deleted on {day(saved.until)} unless it is used again.")
