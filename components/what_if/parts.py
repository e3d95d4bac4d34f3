"""Which parts of the page a change redraws: each part is a fragment, so that a released slider sends few elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from components.what_if.bench import Bench, same

READOUT, STRIPS, EVIDENCE = "what_if_readout_part", "what_if_strips_part", "what_if_evidence_part"


def part(key: str, draw: Callable[[], None]) -> None:
    """Draw a part of the page that can be drawn again alone."""
    st.fragment(draw, key=key)()


def cell_part(bench: Bench, feature: str) -> str:
    """Return the key of the controls of one feature."""
    return f"what_if_controls_{list(bench.before).index(feature)}"


def then_redraw(bench: Bench, act: Callable[..., None], *args: Any) -> None:
    """Change the bench, in a widget's callback, and redraw what depends on it: of the controls the changed ones."""
    before = bench.values
    act(*args)
    after = bench.values
    moved = [f for f in bench.drawn if not same(before[f], after[f])]
    st.rerun([READOUT, *(cell_part(bench, f) for f in moved), STRIPS, EVIDENCE])
