"""The live part of the page: a fragment, so that a released slider costs one answer and the elements it changes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from components.charts.what_if import Chip, decision_colours, readout_html
from components.compute import show_failure
from components.exports import export_menu
from components.page import Frame
from components.text import literal, number, percent
from components.what_if.bench import Bench, shown
from components.what_if.cells import draw_cells
from components.what_if.evidence import draw_evidence
from debuggers.analyses.what_if import WhatIfParams, WhatIfResult
from debuggers.editing import write_edits
from debuggers.errors import InputError

# An answer that took longer than this is computed with progress shown.
QUICK_SECONDS = 0.3
FILTER_FROM = 12
SHOWN = 36


@st.fragment
def edit(frame: Frame, bench: Bench, bounds: tuple[float, float]) -> None:
    """Draw readout, editor and evidence of the row on the bench."""
    params = WhatIfParams(bench.row, write_edits(bench.edits))
    # The answer first: an element that waits for it would be empty for a moment.
    result = _answer(frame, bench, params)
    with st.container(key="what_if_readout", gap="small"):
        if result is not None:
            step = bench.steps[bench.at]
            step.outputs = tuple(result.outputs["after"])
            step.decision = result.outputs["decision_after"].iloc[0] or ""
            st.html(_readout(frame, result, bounds))
        _tools(frame, bench, params, result)
    if result is not None:
        frame.say(sentence(frame, result))
        features, log_odds = _choose(frame, bench)
        draw_cells(bench, frame.subject, result, features, frame.palette, log_odds=log_odds)
        draw_evidence(bench, frame.subject, result)


def _answer(frame: Frame, bench: Bench, params: WhatIfParams) -> WhatIfResult | None:
    """Return the answer; None where there is none, with the reason on the page."""
    if bench.seconds > QUICK_SECONDS:
        slow: WhatIfResult = frame.answer(params)
        return slow
    started = time.perf_counter()
    try:
        result = frame.debugger.run(frame.subject, params)
    except InputError as problem:
        st.error(f"{literal(problem)} Undo the last change to go on.", icon=":material/error:")
        return None
    except Exception as failure:  # noqa: BLE001 - the page boundary: it is logged, and the person told
        show_failure(failure)
        return None
    bench.seconds = time.perf_counter() - started
    assert isinstance(result, WhatIfResult)
    return result


def _readout(frame: Frame, result: WhatIfResult, bounds: tuple[float, float]) -> str:
    subject = frame.subject
    return readout_html(
        result.outputs,
        frame.palette,
        title=subject.output_title,
        colours=decision_colours(frame.palette, len(subject.classes)),
        threshold=subject.threshold if len(subject.classes) == 2 else None,
        bounds=bounds,
        chips=_chips(result),
    )


def _chips(result: WhatIfResult) -> list[Chip]:
    found = result.plausibility
    compared = f"{found.rows:,} of {found.total:,} real rows" + (
        "" if found.rows == found.total else ", drawn at random with a fixed seed"
    )
    meaning = f"Distance to the nearest real row: {number(found.distance)}; compared with {compared}."
    chips = []
    if found.percentile != found.percentile:  # noqa: PLR0124 - NaN: there is one row
        chips.append(Chip("plausibility unknown", "muted", "There is no other row to compare with."))
    elif found.is_unusual:
        more = f"{found.percentile:.1%} of real rows are nearer to their nearest one."
        chips.append(Chip("unusual: far from every real row", "caution", f"{meaning} {more}"))
    else:
        nearer = f"{percent(found.percentile)} of real rows are nearer to their nearest one."
        chips.append(Chip("plausible", "good", f"{meaning} {nearer}"))
    if result.beyond:
        chips.append(Chip(f"beyond the data: {', '.join(result.beyond[:3])}", "caution", "No row has such a value."))
    return chips


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
    number_of = result.flips["feature"].nunique()
    others = f", and {number_of - 1} other feature{'s' * (number_of > 2)} could" if number_of > 1 else ""
    return (
        f"{what}: decided {decision}; {literal(flip['feature'])} at {literal(shown(flip['value']))} alone would make it "
        f"{literal(flip['decision'])}{others}."
    )


def _tools(frame: Frame, bench: Bench, params: WhatIfParams, result: WhatIfResult | None) -> None:
    with st.container(key="what_if_tools", horizontal=True, gap="small"):
        st.button(
            "Undo", icon=":material/undo:", key="what_if_undo", disabled=bench.at == 0,
            on_click=bench.go, args=(bench.at - 1,),
        )  # fmt: skip
        st.button(
            "Redo", icon=":material/redo:", key="what_if_redo", disabled=bench.at + 1 >= len(bench.steps),
            on_click=bench.go, args=(bench.at + 1,),
        )  # fmt: skip
        st.button(
            "Reset all", icon=":material/restart_alt:", key="what_if_reset", disabled=not bench.edits,
            on_click=bench.put, args=({}, "all as in the file"),
        )  # fmt: skip
        if result is not None:
            export_menu(frame.debugger, params, result.table, None)


def _choose(frame: Frame, bench: Bench) -> tuple[Sequence[str], bool]:
    """Draw filter and scale; return the features to draw, those of the widest response first, and the scale."""
    features: Sequence[str] = bench.order
    log_odds = False
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(features) > FILTER_FROM:
            words = st.text_input(
                "Find a feature",
                key="what_if_filter",
                placeholder="part of its name",
                width=220,
                persist_state="session",
            )
            features = [f for f in features if words.casefold() in f.casefold()]
        if frame.subject.task.is_classification:
            scale = st.segmented_control(
                "Height of the strips", ("log-odds", "probability"), default="log-odds", required=True,
                key="what_if_scale", persist_state="session",
                help="Log-odds show as much of 0.01 to 0.02 as of 0.50 to 0.67; all strips share one scale",
            )  # fmt: skip
            log_odds = scale == "log-odds"
    note = "The widest response comes first. Under each feature: the output if only it changed"
    note += "; colour: the decision, upright marks: where it flips." if frame.subject.task.is_classification else "."
    st.caption(f"{note} An empty field is a missing value.")
    if len(features) > SHOWN and not st.toggle(f"Show all {len(features)} features", key="what_if_all"):
        edited = [f for f in features[SHOWN:] if f in bench.edits]
        features = [*features[:SHOWN], *edited]
    return features, log_odds
