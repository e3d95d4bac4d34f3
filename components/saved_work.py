"""The visitor's saved work on the Load page: open it, choose how long it is kept, delete it."""

from __future__ import annotations

import streamlit as st

from components import state
from components.navigation import OVERVIEW, path_of
from components.saving import day, visitor, workspace
from components.text import literal
from debuggers.errors import NotSaved
from debuggers.workspace.recipe import Origin
from debuggers.workspace.store import Saved

CHOICES = (1, 7, 30, 90, 365)
SHOWN = 6
MEGABYTE = 2**20


def saved_work() -> None:
    """Draw the visitor's saved work; nothing where there is none."""
    found = workspace().of(visitor())
    if not found:
        return
    st.subheader("Go on with saved work", anchor=False)
    for saved in found[:SHOWN]:
        _card(saved)
    if len(found) > SHOWN:
        with st.expander(f"{len(found) - SHOWN} more"):
            for saved in found[SHOWN:]:
                _card(saved)


def keep(opened: state.Opened, origin: Origin) -> None:
    """Save a subject that was just opened for this visitor; it stays open where that fails, and the screen says so."""
    if not workspace().keeps:
        return
    try:
        workspace().save(opened.token, visitor(), opened.subject, origin)
    except NotSaved as problem:
        st.toast(literal(problem), icon=":material/cloud_off:", duration="infinite")


def kept_for() -> str:
    """Return a sentence that says what becomes of uploads on this server."""
    days = workspace().retention.days
    if days == 0:
        return "This server saves nothing: uploads live in its memory and are gone when it stops."
    return (
        f"What you open is saved on this server for you and everyone with its link, and deleted {days} days after its "
        "last use, or whenever you delete it here. Uploads that are not opened are gone when this tab is closed."
    )


def _card(saved: Saved) -> None:
    with st.container(border=True, key=f"saved_{saved.token}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{literal(saved.name)}** {_badges(saved)}", width="stretch")
            st.button(
                "Open", key=f"saved_open_{saved.token}", icon=":material/arrow_forward:",
                on_click=_open, args=(saved.token,),
            )  # fmt: skip
            _keeping(saved)
            _deleting(saved)
        st.caption(
            f"{saved.task} · {saved.rows:,} rows · {max(saved.bytes / MEGABYTE, 0.1):,.1f} MB · saved on "
            f"{day(saved.saved)} · deleted on {day(saved.until)} unless it is used again"
        )


def _badges(saved: Saved) -> str:
    colours = {"high": "red", "medium": "orange", "low": "gray"}
    shown = [f":{colours[s]}-badge[{saved.findings[s]} {s}]" for s in colours if s in saved.findings]
    return " ".join(shown)


def _keeping(saved: Saved) -> None:
    days = sorted(
        {d for d in CHOICES if d < workspace().retention.days} | {workspace().retention.days, saved.keep_days}
    )
    key = f"saved_keep_{saved.token}"

    def chosen() -> None:
        workspace().keep(saved.token, visitor(), state.widget(key))

    st.selectbox(
        "Keep", days, index=days.index(saved.keep_days), format_func=lambda d: f"keep {d} days", key=key, width=150,
        label_visibility="collapsed", on_change=chosen, help="After the last use",
    )  # fmt: skip


def _deleting(saved: Saved) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        st.write("Deletes its files, cohorts, notes and results on this server. Links to it lead nowhere then.")
        st.button(
            "Delete for good", key=f"saved_delete_{saved.token}", type="primary", on_click=_delete, args=(saved.token,)
        )


def _open(token: str) -> None:
    state.ask_for(token)
    st.switch_page(path_of(OVERVIEW), query_params={"subject": token})


def _delete(token: str) -> None:
    workspace().delete(token, visitor())
    state.close_subject(token)
