"""Sections, pages and their order; a page that is not built has no entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from components import state
from debuggers.debugger import all_debuggers

PAGES = Path(__file__).parents[1] / "pages"
SECTIONS = ("Start", "Explore", "Detect", "Verify", "Repair", "Watch")
# Within a section pages stand in this order, others behind them by title.
ORDER = ("load", "overview", "what_if", "effects", "importance", "residuals", "error_terrain", "weak_slices")
LOAD, OVERVIEW = "load", "overview"


def path_of(slug: str) -> Path:
    """Return the file of a page."""
    return PAGES / f"{slug}.py"


def title_of_page(slug: str) -> str:
    """Return the title of a page in the menu."""
    found = all_debuggers().get(slug)
    return found.title if found is not None else slug.replace("_", " ").capitalize()


def declare(*, hidden: bool = False) -> Any:
    """Declare the navigation, shown in the sidebar unless `hidden`, and return the page that the link asks for.

    The root has no page of its own: it leads to the Overview where a subject is open and to Load where none is.
    Every page keeps its address that way, so that links stay valid.
    """
    sections: dict[str, list[Any]] = {"Start": [st.Page(path_of(LOAD), title="Load", url_path=LOAD)]}
    for slug, debugger in sorted(all_debuggers().items(), key=lambda item: _position(item[0], item[1].title)):
        if path_of(slug).exists():
            page = st.Page(path_of(slug), title=debugger.title, url_path=slug)
            sections.setdefault(debugger.section, []).append(page)
    root = st.Page(_root, title="Faultline", url_path="root", default=True, visibility="hidden")
    shown = {name: sections[name] for name in SECTIONS if name in sections}
    return st.navigation({"": [root], **shown}, position="hidden" if hidden else "sidebar", expanded=True)


def _root() -> None:
    start = LOAD if state.opened() is None else OVERVIEW
    st.switch_page(path_of(start), query_params=state.link())


def _position(slug: str, title: str) -> tuple[int, str]:
    return (ORDER.index(slug) if slug in ORDER else len(ORDER), title)
