"""Sections, pages and their order; a page that is not built has no entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from debuggers.debugger import all_debuggers

PAGES = Path(__file__).parents[1] / "pages"
SECTIONS = ("Start", "Explore", "Detect", "Verify", "Repair", "Watch")
# Within a section pages stand in this order, others behind them by title.
ORDER = ("load", "overview", "what_if", "effects", "importance", "residuals", "error_terrain", "weak_slices")
LOAD = "load"


def path_of(slug: str) -> Path:
    """Return the file of a page."""
    return PAGES / f"{slug}.py"


def declare(*, ready: bool) -> Any:
    """Declare the navigation and return the page that the link asks for.

    Parameters
    ----------
    ready : bool
        Whether a subject is open; without one Load is the page to begin with, with one the Overview.
    """
    start = "overview" if ready else LOAD
    sections: dict[str, list[Any]] = {
        "Start": [st.Page(path_of(LOAD), title="Load", url_path=LOAD, default=start == LOAD)]
    }
    for slug, debugger in sorted(all_debuggers().items(), key=lambda item: _position(item[0], item[1].title)):
        if path_of(slug).exists():
            page = st.Page(path_of(slug), title=debugger.title, url_path=slug, default=slug == start)
            sections.setdefault(debugger.section, []).append(page)
    return st.navigation({name: sections[name] for name in SECTIONS if name in sections}, expanded=True)


def _position(slug: str, title: str) -> tuple[int, str]:
    return (ORDER.index(slug) if slug in ORDER else len(ORDER), title)
