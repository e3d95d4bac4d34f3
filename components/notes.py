"""Notes on a view: written beside the cohort bar, kept with the subject, and a way back to what they were about."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from components import state
from components.navigation import path_of, title_of_page
from components.saving import annotations_of, link_of, visitor
from components.text import literal
from debuggers.workspace.annotations import Note

MAX_LENGTH = 2_000
TEXT = "_note_text"


def notes(opened: state.Opened, page: str) -> None:
    """Draw the notes of a subject and a form for a new one.

    Parameters
    ----------
    opened : Opened
    page : str
        Slug of the page that is shown.
    """
    written = annotations_of(opened.token).notes()
    with st.popover(f"Notes ({len(written)})" if written else "Notes", icon=":material/sticky_note_2:"):
        with st.form("_note_form", border=False, clear_on_submit=True):
            st.text_area(
                "Note on this view", key=TEXT, max_chars=MAX_LENGTH, placeholder="What you see, and what to do"
            )
            st.form_submit_button("Save", on_click=_write, args=(opened, page))
        for note in written:
            _note(opened, note)
        if not written:
            st.caption("Notes keep the view that they were written on; everyone with the link reads them.")


def _write(opened: state.Opened, page: str) -> None:
    text = str(state.widget(TEXT, "")).strip()
    if text:
        annotations_of(opened.token).add_note(visitor(), text, page, link_of(state.parameters()))


def _note(opened: state.Opened, note: Note) -> None:
    with st.container(border=True, key=f"_note_{note.id}"):
        st.markdown(literal(note.text))
        moment = datetime.fromtimestamp(note.saved, UTC)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{title_of_page(note.page)} · {moment:%Y-%m-%d %H:%M} UTC", width="stretch")
            if path_of(note.page).exists():
                st.button("Show", key=f"_note_show_{note.id}", on_click=_go_to, args=(note,))
            if note.author == visitor():
                st.button(
                    "", key=f"_note_drop_{note.id}", icon=":material/delete:", help="Delete",
                    on_click=annotations_of(opened.token).drop_note, args=(note.id, note.author),
                )  # fmt: skip


def _go_to(note: Note) -> None:
    state.forget_chosen()
    st.switch_page(path_of(note.page), query_params={**state.identity(), **note.link})
