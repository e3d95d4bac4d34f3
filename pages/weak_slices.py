"""Weak slices: the groups of rows on which the model fails most, each tested on rows that the search did not see."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components import state
from components.charts.weak_slices import changes_figure, map_figure, overlap_figure, spread_figure
from components.compute import wait
from components.page import open_page
from components.text import interval, literal
from components.weak_slices import (
    answer_line,
    as_cohort,
    hint_list,
    more_controls,
    own_test,
    slice_builder,
    slice_card,
    toggle,
)
from debuggers.analyses.weak_slices import WeakSlicesParams, WeakSlicesResult, compare_slices
from debuggers.cohort import Cohort
from debuggers.slice_evidence import one_test
from debuggers.slice_hints import hints
from debuggers.slice_targets import make_target

NUMBER = st.column_config.NumberColumn
CHANGES = {
    "slice": st.column_config.TextColumn("Slice", width=460),
    "change": st.column_config.TextColumn("The model"),
    "found_by": st.column_config.TextColumn("Weak slice of"),
    "held_out_rows": NUMBER("Rows", help="Of the held-out half", format="localized"),
    "loss": NUMBER("Model", format="%.3g"),
    "benchmark_loss": NUMBER("Benchmark", format="%.3g"),
    "difference": NUMBER("Difference", help="Model minus benchmark on the same rows", format="%.3g"),
    "interval": st.column_config.TextColumn("95 % interval", help="Of the difference"),
    "q_value": NUMBER("Adjusted p", help="Holm's method, two-sided", format="%.2g"),
}

frame = open_page("weak_slices")
subject = frame.subject
active = state.cohort()
predicate = active.predicate if active else ""

with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = {name: frame.control(name) for name in ("measure", "method", "max_literals", "min_share")}
    chosen |= more_controls(frame, "draws")
params = WeakSlicesParams(**chosen)
result: WeakSlicesResult = frame.answer(params)
slices = result.slices


frame.say(answer_line(slices, result.overall, result.title, result.obstacle))
if len(slices):
    st.caption(
        f"{result.looked_at:,} slices were looked at on {result.searched:,} rows drawn at random; "
        f"the numbers are those of the other {result.held_out:,}. Each slice is the weakest given those before it."
    )
for sentence in result.left_out:
    st.caption(f":material/info: {literal(sentence)}")


def distribution(position: int) -> None:
    """Draw how the measure is distributed in one slice and outside it."""
    part = result.spread[result.spread["slice"] == position]
    drawn = frame.drawn(result, "spread", lambda: spread_figure(part, frame.palette), position)
    words = f"{result.title} in slice {position + 1}, as bars, and outside it, as a line"
    frame.chart(drawn, key=f"weak_slices_spread_{position}", alt=words, main=False)


cells: list[DeltaGenerator] = []
for i, row in enumerate(slices.itertuples()):
    cells = cells or list(st.columns(2))  # in pairs, so that a narrow screen keeps their order
    with cells.pop(0):
        slice_card(row, i, result.title, active=str(row.sql) == predicate, distribution=distribution)
if len(slices):
    st.caption("Small charts: the held-out rows of the slice as bars, all others as a line, by their value.")

    st.subheader("Size and effect", anchor=False)
    plot = frame.drawn(
        result, "map", lambda: map_figure(slices, frame.palette, title=result.title, active=predicate), predicate
    )
    words = "Slices by share of rows and difference from the rest"
    picked = frame.chart(plot, key="weak_slices_map", alt=words, select=("points",))
    st.caption("Numbers are those of the list; a larger point holds more of the total. A click sets the cohort.")
    for point in picked.get("points", [])[:1]:
        if "customdata" in point:
            toggle(as_cohort(slices, int(point["customdata"])))

if len(slices) > 1:
    st.subheader("Overlap", anchor=False)
    crossing = frame.chart(
        frame.drawn(result, "overlap", lambda: overlap_figure(result.overlap, frame.palette)),
        key="weak_slices_overlap", alt="Shared rows of every two slices", select=("points",), main=False,
    )  # fmt: skip
    st.caption("A click makes the rows that lie in both the cohort.")
    for point in crossing.get("points", [])[:1]:
        if "customdata" in point:
            pair = result.overlap.iloc[int(point["customdata"])]
            ends = [as_cohort(slices, int(pair[name])) for name in ("first", "second")]
            sql = " AND ".join(dict.fromkeys(f"({end.predicate})" for end in ends))
            toggle(
                Cohort(sql, " and ".join(dict.fromkeys(end.label for end in ends))) if ends[0] != ends[1] else ends[0]
            )

st.subheader("Test your own suspicion", anchor=False)
slice_builder(subject)
if active is None or frame.mask is None:
    st.caption("Choose up to three conditions: the rows become the cohort, and one test says whether they are weak.")
elif predicate in set(slices["sql"] if len(slices) else ()):
    st.caption("The cohort is a slice that the search found: its test, which has to allow for that, is on its card.")
else:
    own_test(active.title, one_test(make_target(subject, params.measure), frame.mask), result.title)

if subject.benchmark is not None:
    st.subheader("Against the benchmark", anchor=False)
    if st.toggle("Search the benchmark's slices too", key="weak_slices_compared", bind="query-params"):
        changes = wait(
            (frame.debugger.version, subject.fingerprint, params, "compared"),
            lambda: compare_slices(subject, params),
            "Searching the benchmark's slices",
        )
        if len(changes):
            frame.chart(changes_figure(changes, frame.palette, title=result.title), key="weak_slices_changes",
                        alt="Both models in each slice", main=False)  # fmt: skip
            rows = changes.assign(interval=[interval(*e) for e in zip(changes["low"], changes["high"], strict=True)])
            for position in frame.table(
                rows[list(CHANGES)], key="weak_slices_change_table", config=CHANGES, select=True
            )[:1]:
                toggle(as_cohort(changes, position))
        else:
            st.info("Neither model has a weak slice to compare.", icon=":material/info:")

if len(slices):
    st.subheader("Why is it weak?", anchor=False)
    texts = [f"{i + 1}. {text}" for i, text in enumerate(slices["slice"])]
    at = next((i for i, sql in enumerate(slices["sql"]) if sql == predicate), None)
    asked = st.selectbox("Slice", texts, index=at, placeholder="choose a slice", key=f"weak_slices_why_{predicate}")
    if asked is not None:
        place = result.places[texts.index(asked)]
        key = (frame.debugger.version, subject.fingerprint, params.measure, place.id, "hints")
        hint_list(wait(key, lambda: hints(subject, make_target(subject, params.measure), place), "Looking for reasons"))
        st.caption("Hints with their numbers: more than one can hold, and none proves a cause.")

frame.close(params, result.table())
