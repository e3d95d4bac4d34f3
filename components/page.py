"""The frame that every debugger's page shares: question, answer, controls, chart, evidence, how to read, export."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from components import navigation, sign_in, state
from components.charts.theme import DARK, LIGHT, Palette
from components.cohort_bar import active_rows
from components.compute import answer
from components.exports import export_menu
from components.param_form import param_form, param_widget, set_param
from components.text import literal
from debuggers.cohort import Cohort
from debuggers.debugger import Debugger, Result, all_debuggers
from debuggers.params import Params
from debuggers.subject import Subject

Mask = npt.NDArray[np.bool_]
MAX_FIGURES = 96


def palette() -> Palette:
    """Return the colours of the theme that the browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def guard() -> None:
    """Send a run that began without ``app.py`` back to it: a deep link opened first after a restart does that."""
    if not state.entered():
        navigation.declare(hidden=sign_in.is_needed())
        state.enter()
        st.rerun()
    sign_in.require()


class Figures:
    """The server's drawn figures, the least recently used one dropped past `MAX_FIGURES`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], tuple[Result, go.Figure]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[object, ...], result: Result, make: Callable[[], go.Figure]) -> go.Figure:
        """Return the figure of `key`; the result is kept beside it, so that its id stays its own."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        figure = make()
        with self._lock:
            self._kept[key] = (result, figure)
            while len(self._kept) > MAX_FIGURES:
                self._kept.popitem(last=False)
        return figure


@st.cache_resource(show_spinner=False)
def figures() -> Figures:
    """Return the server's one store of figures."""
    return Figures()


@dataclass
class Frame:
    """One page under construction, from top to bottom.

    Parameters
    ----------
    debugger : Debugger
    subject : Subject
    mask : ndarray of bool or None
        The active cohort's rows, None for all.
    """

    debugger: Debugger
    subject: Subject
    mask: Mask | None
    palette: Palette
    _answer_line: Any
    _export: Any
    _figure: go.Figure | None = None

    @property
    def cohort(self) -> Subject | None:
        """The subject on the active cohort's rows, None where all rows are active."""
        return None if self.mask is None else self.subject.restrict(self.mask)

    @property
    def rest(self) -> Subject | None:
        """The subject on the other rows, None where there are none."""
        return None if self.mask is None or self.mask.all() else self.subject.restrict(~self.mask)

    def controls(self, *, hidden: tuple[str, ...] = ()) -> Params:
        """Draw the debugger's parameters and return them."""
        return param_form(self.debugger.slug, self.debugger.params, self.subject, hidden=hidden)

    def control(self, name: str) -> Any:
        """Draw the widget of one parameter and return its value."""
        return param_widget(self.debugger.slug, self.debugger.params, name, self.subject)

    def set_param(self, name: str, value: Any) -> None:
        """Set a parameter for the next run, as a click on a chart or a table does."""
        set_param(self.debugger.slug, name, value)

    def follow(self, chosen: Cohort | None) -> None:
        """Make what was selected in a chart or a table the cohort, and draw the page anew; None: nothing was."""
        if chosen is not None:
            state.set_cohort(chosen)
            st.rerun()

    def answer(self, params: Params, subject: Subject | None = None, *, in_fragment: bool = False) -> Any:
        """Return the debugger's result; while it is computed the page shows progress and waits."""
        return answer(self.debugger, subject or self.subject, params, in_fragment=in_fragment)

    def say(self, sentence: str) -> None:
        """Write the line that answers the question; names in it are already made literal."""
        self._answer_line.markdown(f"**{sentence}**")

    def drawn(self, result: Result, name: str, make: Callable[[], go.Figure], *on: object) -> go.Figure:
        """Return a figure of a result, drawn once: plotly takes longer to put a figure together than to send it.

        Parameters
        ----------
        result : Result
            What it is drawn from; as long as that is kept, so is the figure.
        name : str
        make : callable
            Draws it.
        on : hashable
            Everything else that it depends on.
        """
        return figures().get((id(result), name, self.palette, on), result, make)

    def chart(
        self, figure: go.Figure, *, key: str, alt: str, select: tuple[str, ...] = (), main: bool = True
    ) -> dict[str, Any]:
        """Draw a plotly figure and return the selection made in it.

        Parameters
        ----------
        figure : Figure
        key : str
        alt : str
            What the chart shows, for screen readers.
        select : tuple of {"points", "box", "lasso"}
            Ways to select; none: the chart is no input.
        main : bool
            Whether the page's export offers it.
        """
        if main:
            self._figure = figure
        config = {
            "displaylogo": False,
            "modeBarButtonsToRemove": ["autoScale2d"] if select else ["select2d", "lasso2d", "autoScale2d"],
            "toImageButtonOptions": {
                "format": state.widget("image_format", "png"),
                "filename": f"faultline-{self.debugger.slug}",
                "scale": 2,
            },
        }
        if not select:
            st.plotly_chart(figure, key=key, config=config, theme=None, alt=alt)
            return {}
        picked = st.plotly_chart(
            figure, key=_key_for_now(key), config=config, theme=None, alt=alt,
            on_select="rerun", selection_mode=cast("Any", select),
        )  # fmt: skip
        return dict(cast("Any", picked).get("selection", {}))

    def table(
        self, table: pd.DataFrame, *, key: str, config: dict[str, Any] | None = None, select: bool = False
    ) -> list[int]:
        """Draw a table and return the positions of the rows selected in it."""
        config = tidy_columns(table) | (config or {})
        if not select:
            st.dataframe(table, key=key, hide_index=True, column_config=config)
            return []
        picked = st.dataframe(
            table, key=_key_for_now(key), hide_index=True, column_config=config,
            on_select="rerun", selection_mode="single-row",
        )  # fmt: skip
        return list(cast("Any", picked).get("selection", {}).get("rows", []))

    def close(self, params: Params, table: pd.DataFrame) -> None:
        """Draw what stands below the evidence: how to read the page, and the export menu beside its title."""
        self.how_to_read()
        with self._export:
            export_menu(self.debugger, params, table, self._figure)

    def how_to_read(self) -> None:
        """Draw how to read the page; of a page that draws its export menu itself."""
        with st.expander("How to read this", icon=":material/menu_book:"):
            st.markdown(reading(self.debugger))


def _key_for_now(key: str) -> str:
    """Return another key for each cohort: what was selected before must not come back when the cohort changes."""
    cohort = state.cohort()
    return key if cohort is None else f"{key}@{cohort.predicate}"


def tidy_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Return headings for the columns of a debugger's table, and four digits for its numbers."""
    config: dict[str, Any] = {}
    for name, dtype in table.dtypes.items():
        title = str(name).replace("_", " ").capitalize()
        number = pd.api.types.is_float_dtype(dtype)
        config[str(name)] = st.column_config.NumberColumn(title, format="%.4g") if number else title
    return config


def open_page(slug: str) -> Frame:
    """Begin the page of a debugger: title, question and the place of the answer; stops where it does not apply."""
    guard()
    debugger = all_debuggers()[slug]
    head = st.container(horizontal=True, vertical_alignment="bottom")
    with head:
        with st.container(gap=None):
            st.title(debugger.title, anchor=False)
            st.caption(debugger.question)
        export = st.container(width="content")
    subject = state.subject()
    if subject is None:
        empty_page()
    assert subject is not None
    reason = debugger.obstacle(subject)
    if reason is not None:
        st.info(f"**{debugger.title} does not apply to this subject.** {literal(reason)}", icon=":material/info:")
        st.page_link(navigation.path_of(navigation.LOAD), label="Go to Load", icon=":material/upload_file:")
        st.stop()
    return Frame(debugger, subject, active_rows(subject), palette(), st.empty(), export)


def empty_page() -> None:
    """Say what to do where nothing is loaded, and stop."""
    st.info("**Nothing is loaded yet.** Upload a model and a table, or open a demo.", icon=":material/upload_file:")
    st.page_link(navigation.path_of(navigation.LOAD), label="Go to Load", icon=":material/arrow_forward:")
    st.stop()


def reading(debugger: Debugger) -> str:
    """Return the debugger's docstring as markdown: what it answers, how to read it, when it misleads, references."""
    text = debugger.reading
    parts = re.split(r"\n(?=[^\n]+\n-{3,}\n)", text)
    kept = [parts[0].strip()]
    for part in parts[1:]:
        heading, _, body = part.strip().partition("\n")
        if heading in {"How to read", "When it misleads", "References", "Notes"}:
            kept.append(f"**{heading}.** " + body.partition("\n")[2].strip().replace("``", "`"))
    return "\n\n".join(kept)
