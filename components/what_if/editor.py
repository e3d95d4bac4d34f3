"""The live part of the page: the readout, the tools, the cells of the features and what stands below them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Semaphore
from typing import Any

import pandas as pd
import streamlit as st

from components.charts.strips import Heights, Look, legend_html, strip_html
from components.charts.what_if import Chip, chips_html, readout_html
from components.compute import show_failure
from components.exports import export_menu
from components.page import Frame
from components.text import literal, number, percent
from components.what_if.bench import Bench, shown
from components.what_if.controls import draw_controls, drawing
from components.what_if.evidence import draw_evidence
from debuggers.analyses.what_if import WhatIfParams, WhatIfResult, outputs_alone, what_if
from debuggers.editing import write_edits
from debuggers.errors import InputError

# An answer that took longer than the first comes after the output alone, which is on screen while it is computed;
# one that took longer than the second is computed with progress shown.
AT_ONCE_SECONDS, QUICK_SECONDS = 0.06, 0.3
# Many short runs at once in one interpreter hold each other up: in turn, the first is done before the last begins.
TURNS = Semaphore(2)
FILTER_FROM = 12
SHOWN = 36


@dataclass
class Editor:
    """The row on the bench, as the page shows it.

    Parameters
    ----------
    frame : Frame
    bench : Bench
    bounds : (float, float)
        Ends of the output's gauge.
    base : WhatIfResult
        The answer for the row as it is in the file.
    params : WhatIfParams
        What is asked for the row as it is now.
    """

    frame: Frame
    bench: Bench
    bounds: tuple[float, float]
    base: WhatIfResult
    params: WhatIfParams = field(init=False)
    _said: tuple[WhatIfParams, pd.DataFrame | None] | None = None
    _answered: tuple[WhatIfParams, WhatIfResult] | None = None
    _log_odds: bool = True

    def __post_init__(self) -> None:
        """Begin with the answer that is there."""
        self.params = start = WhatIfParams(self.base.row)
        self._said, self._answered = (start, self.base.outputs), (start, self.base)

    def draw(self) -> None:
        """Draw everything, what the model says first: it is on screen while the rest is still computed."""
        with TURNS if self.bench.seconds <= QUICK_SECONDS else nullcontext():
            result = self._draw_cells()
        if result is not None:
            draw_evidence(self.bench, self.frame.subject, result)  # may wait: in no turn

    def _draw_cells(self) -> WhatIfResult | None:
        """Draw readout and cells and return the answer; None where the model fails."""
        self.params = WhatIfParams(self.bench.row, write_edits(self.bench.edits))
        with st.container(key="what_if_readout", gap=None):
            self._readout()
        result = self.answer()
        if result is not None:
            self.frame.say(sentence(self.frame, result))
            self._cells(result, self._features())
        return result

    # --- answers ---

    def outputs(self) -> pd.DataFrame | None:
        """Return what the model says of the row now, None where it fails: what is shown first."""
        if self._said is None or self._said[0] != self.params:
            self._said = (self.params, self._quick_outputs())
        return self._said[1]

    def answer(self) -> WhatIfResult | None:
        """Return the whole answer, computed once however many parts show it; None where the model fails."""
        if self.outputs() is None:
            return None
        if self._answered is None or self._answered[0] != self.params:
            if self.bench.seconds > QUICK_SECONDS:
                return self._remembered(self.frame.answer(self.params, in_fragment=True))
            return self._remembered(what_if(self.frame.subject, self.params))
        return self._answered[1]

    def _remembered(self, result: WhatIfResult) -> WhatIfResult:
        self.bench.seconds = min(self.bench.seconds, result.seconds)
        self._answered = (self.params, result)
        return result

    def _quick_outputs(self) -> pd.DataFrame | None:
        try:
            if self.bench.seconds > AT_ONCE_SECONDS:
                outputs = outputs_alone(self.frame.subject, self.params)
            else:
                outputs = self._remembered(what_if(self.frame.subject, self.params)).outputs
        except InputError as problem:
            st.error(f"{literal(problem)} Undo the last change to go on.", icon=":material/error:")
            return None
        except Exception as failure:  # noqa: BLE001 - the page boundary: it is logged, and the person told
            show_failure(failure)
            return None
        step = self.bench.steps[self.bench.at]
        step.outputs = tuple(outputs["after"])
        step.decision = outputs["decision_after"].iloc[0] or ""
        return outputs

    # --- parts ---

    def _readout(self) -> None:
        outputs, subject, bench = self.outputs(), self.frame.subject, self.bench
        if outputs is not None:
            threshold = subject.threshold if len(subject.classes) == 2 else None
            title, palette = subject.output_title, self.frame.palette
            st.html(readout_html(outputs, palette, title=title, threshold=threshold, bounds=self.bounds))
        with st.container(key="what_if_tools", horizontal=True, gap="small", vertical_alignment="center"):
            result = self.answer()
            if result is not None:
                st.html(chips_html(chips(result), self.frame.palette))
            self._tool("Undo", "undo", bench.go, bench.at - 1, idle=bench.at == 0)
            self._tool("Redo", "redo", bench.go, bench.at + 1, idle=bench.at + 1 >= len(bench.steps))
            self._tool("Reset all", "restart_alt", bench.put, {}, "all as in the file", idle=not bench.edits)
            if result is not None:
                export_menu(self.frame.debugger, self.params, result.table, None)

    def _tool(self, name: str, icon: str, act: Callable[..., None], *args: Any, idle: bool) -> None:
        st.button(
            name, icon=f":material/{icon}:", key=f"what_if_{icon}", disabled=idle,
            on_click=act, args=args,
        )  # fmt: skip

    def _features(self) -> Sequence[str]:
        """Draw filter and scale; return the features to draw, those of the widest response first."""
        features: Sequence[str] = self.bench.order
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            if len(features) > FILTER_FROM:
                words = st.text_input(
                    "Find a feature", key="what_if_filter", placeholder="part of its name", width=200,
                    persist_state="session",
                )  # fmt: skip
                features = [f for f in features if words.casefold() in f.casefold()]
            self._log_odds = self.frame.subject.task.is_classification and _scale() == "log-odds"
            st.caption(
                "Under each feature: the output if only it changed, the widest response first. An empty field is a "
                "missing value; numbers beyond the slider can be typed."
            )
        if not features:
            st.caption("No feature has that in its name.")
        if len(features) > SHOWN and not st.toggle(f"Show all {len(features)} features", key="what_if_all"):
            edited = [f for f in features[SHOWN:] if f in self.bench.edits]
            features = [*features[:SHOWN], *edited]
        return features

    def _cells(self, result: WhatIfResult, features: Sequence[str]) -> None:
        """Draw for each feature its controls and its response strip."""
        subject, schema = self.frame.subject, self.frame.subject.test.schema
        threshold = subject.threshold if len(subject.classes) == 2 else None
        heights = Heights.of(result.responses, log_odds=self._log_odds, threshold=threshold)
        look = Look(self.frame.palette, heights, len(subject.classes))
        st.html(legend_html(look, subject.classes))
        responses = {r.feature: r for r in result.responses}
        grid = st.container(key="what_if_cells").grid(3, min_column_width=290, gap=("medium", "large"))
        with grid, drawing(self.bench):
            for feature in features:
                with st.container(gap=None, key=f"what_if_cell_{subject.test.features.index(feature)}"):
                    draw_controls(self.bench, schema[feature])
                    st.html(
                        strip_html(
                            responses[feature],
                            look,
                            current=result.after[feature],
                            original=result.before[feature],
                            unit=subject.output_title,
                            beyond=feature in result.beyond,
                        )
                    )


@st.fragment
def edit(editor: Editor) -> None:
    """Draw the editor as a fragment: a released slider runs nothing else of the page."""
    editor.draw()
    # Last: a new address makes the browser draw everything once more.
    editor.bench.link()


def _scale() -> str:
    """Draw the choice of the strips' scale."""
    chosen: str = st.segmented_control(
        "Height of the strips", ("log-odds", "probability"), default="log-odds", required=True,
        key="what_if_scale", persist_state="session",
        help="Log-odds show as much of 0.01 to 0.02 as of 0.50 to 0.67; all strips share one scale",
    )  # fmt: skip
    return chosen


def chips(result: WhatIfResult) -> list[Chip]:
    """Return the remarks on the edited row: how plausible it is, and what lies beyond the data."""
    found = result.plausibility
    sampled = "" if found.rows == found.total else ", drawn at random with a fixed seed"
    meaning = (
        f"Distance to the nearest real row: {number(found.distance)}; compared with {found.rows:,} of "
        f"{found.total:,} real rows{sampled}."
    )
    if math.isnan(found.percentile):
        marks = [Chip("plausibility unknown", "muted", "There is no other row to compare with.")]
    else:
        nearer = f"{meaning} {percent(found.percentile)} of real rows are nearer to their nearest other row."
        odd = Chip("unusual: far from every real row", "caution", nearer)
        marks = [odd if found.is_unusual else Chip("plausible", "good", nearer)]
    if result.beyond:
        marks.append(Chip(f"beyond the data: {', '.join(result.beyond[:3])}", "caution", "No row has such a value."))
    return marks


def sentence(frame: Frame, result: WhatIfResult) -> str:
    """Return the line that answers the page's question for the row as it is now."""
    outputs = result.outputs
    changed = sum(result.before[f] != result.after[f] for f in result.before)
    what = f"Row {result.row}" + (f" with {changed} change{'s' * (changed > 1)}" if changed else "")
    if not frame.subject.task.is_classification:
        best = max(result.responses, key=lambda r: r.width)
        return (
            f"{what}: {literal(frame.subject.output_title)} {number(outputs['after'].iloc[0])}; "
            f"{literal(best.feature)} alone could move it by {number(best.width)}."
        )
    decision = literal(outputs["decision_after"].iloc[0])
    if result.flips.empty:
        return f"{what}: decided {decision}; no single feature changes that within the data's range."
    flip = result.flips.iloc[0]
    rest = result.flips["feature"].nunique() - 1
    others = f"; {rest} other feature{'s' * (rest > 1)} could change it too" if rest else ""
    value, other = literal(shown(flip["value"])), literal(flip["decision"])
    return f"{what}: decided {decision}; {literal(flip['feature'])} at {value} alone would make it {other}{others}."
