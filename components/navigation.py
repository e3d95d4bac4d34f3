"""Sections, pages and their order, and the menu; a page that is not built has no entry."""

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
    """Declare the pages, and return the one that the link asks for.

    The root has no page of its own: it leads to the Overview where a subject is open and to Load where none is.
    Every page keeps its address that way, so that links stay valid. On a phone the menu is Streamlit's own, which
    closes when a page is chosen; elsewhere it is `menu`. With `hidden` there is none.
    """
    root = st.Page(_root, title="Faultline", url_path="root", default=True, visibility="hidden")
    own = hidden or not _on_a_phone()
    return st.navigation({"": [root], **_sections()}, position="hidden" if own else "sidebar", expanded=True)


def menu(place: Any) -> dict[str, str]:
    """Draw the menu, and return the parameters of its links: what is open, the rows and the threshold.

    With them one press of Back is one page back. Streamlit's own menu drops them: written back by the page that is
    reached, they are a step of their own in the browser's history.

    Parameters
    ----------
    place : DeltaGenerator
        An empty place in the sidebar; what was drawn in it before is replaced.
    """
    shared = state.link()
    if not _on_a_phone():
        with place.container(gap="small"):
            for section, pages in _sections().items():
                with st.container(gap="xxsmall"):
                    st.caption(section)
                    for page in pages:
                        st.page_link(page, query_params=shared, width="stretch")
    return shared


def _sections() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"Start": [st.Page(path_of(LOAD), title="Load", url_path=LOAD)]}
    for slug, debugger in sorted(all_debuggers().items(), key=lambda item: _position(item[0], item[1].title)):
        if path_of(slug).exists():
            page = st.Page(path_of(slug), title=debugger.title, url_path=slug)
            found.setdefault(debugger.section, []).append(page)
    return {name: found[name] for name in SECTIONS if name in found}


def _on_a_phone() -> bool:
    """Whether the browser names itself as those of phones do."""
    return "Mobi" in st.context.headers.get("User-Agent", "")


def _root() -> None:
    start = LOAD if state.opened() is None else OVERVIEW
    st.switch_page(path_of(start), query_params=state.link())


def _position(slug: str, title: str) -> tuple[int, str]:
    return (ORDER.index(slug) if slug in ORDER else len(ORDER), title)
