"""Error terrain: the weak slices as regions of a tree, on a grid of two features and as a list, linked."""

import pandas as pd
import streamlit as st

from components import state
from components.charts.error_terrain import can_rise, grid_figure, look, surface_figure, tree_figure
from components.page import open_page
from components.text import interval, literal
from components.weak_slices import answer_line, as_cohort, more_controls, toggle
from debuggers.analyses.error_terrain import ErrorTerrainParams, ErrorTerrainResult
from debuggers.regions import MIN_ROWS
from debuggers.slices import Slice

NUMBER = st.column_config.NumberColumn
SHOWN = {
    "place": NUMBER("No."),
    "slice": st.column_config.TextColumn("Slice", width=330),
    "verdict": st.column_config.TextColumn("Verdict"),
    "held_out_rows": NUMBER("Rows", help="Of the held-out half", format="localized"),
    "held_out_loss": NUMBER("Mean", help="Of the held-out half", format="%.3g"),
    "difference": NUMBER("Difference", help="From the other held-out rows", format="%.3g"),
    "interval": st.column_config.TextColumn("95 % interval", help="Of the difference"),
    "q_value": NUMBER("Adjusted p", help="Holm's method, over every slice listed", format="%.2g"),
    "share_of_loss": NUMBER("Share of all", help="Share of the whole loss or error, over all rows", format="percent"),
    "said": NUMBER("Expected", help="If the model's own probabilities were right", format="%.3g"),
    "search_rows": NUMBER("Rows searched", help="Of the half that was searched", format="localized"),
    "search_loss": NUMBER("Mean there", help="Of the half that was searched", format="%.3g"),
}

frame = open_page("error_terrain")
subject = frame.subject
active = state.cohort()
predicate = active.predicate if active else ""


def choose(rows: pd.DataFrame, position: int) -> None:
    """Make a node, a cell or a slice the cohort; all rows if it is the cohort already, or holds them all."""
    everything = str(rows["sql"].iloc[position]) == Slice().sql
    if active is not None or not everything:
        toggle(None if everything else as_cohort(rows, position))


with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = {name: frame.control(name) for name in ("measure", "method", "min_share", "depth")}
    chosen |= more_controls(frame, "max_literals")

tree_view, slice_view, grid_view = st.container(), st.container(), st.container()
with grid_view:
    st.subheader("Two features", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen |= {name: frame.control(name) for name in ("feature", "other", "bins")}
        shape = st.segmented_control(
            "Draw", ("heat map", "surface"), default="heat map", required=True, key="error_terrain_shape",
            bind="query-params",
        )  # fmt: skip
    grid_place = st.container()

params = ErrorTerrainParams(**chosen)
with tree_view:
    result: ErrorTerrainResult = frame.answer(params)
title = result.title
shared = look(result.nodes, result.overall.value, frame.palette, title, predicate)
of_nodes, of_cells = (None, None) if frame.mask is None else (s.tolist() for s in result.shares(frame.mask))
frame.say(answer_line(result.slices, result.overall, title, result.obstacle))

with tree_view:
    for sentence in result.left_out:
        st.caption(f":material/info: {literal(sentence)}")
    if len(result.nodes) > 1:
        picked = frame.chart(
            frame.drawn(result, "tree", lambda: tree_figure(result.nodes, shared, of_nodes), predicate),
            key="error_terrain_tree",
            alt=f"Tree of the {title}: width is rows, colour is {title}",
            select=("points",),
        )
        st.caption(
            f"Grown on {result.searched:,} rows drawn at random; colours and means are of the other "
            f"{result.held_out:,}. Width: share of rows. Band at the foot: share of the whole "
            f"{title.removeprefix('mean ')}. Hatched: fewer than {MIN_ROWS} held-out rows, with their number. ✓: a "
            "confirmed slice. A click makes a region's rows the cohort, another click all rows; a blue line shows how "
            "much of a region is part of it."
        )
        for point in picked.get("points", [])[:1]:
            if "customdata" in point:
                choose(result.nodes[result.nodes["node"] == point["customdata"]], 0)
    elif not result.obstacle:
        st.info("No split of the rows explains enough to draw a tree; the slices below are from the search of all.",
                icon=":material/info:")  # fmt: skip

with slice_view:
    if len(result.slices):
        st.subheader("Slices", anchor=False)
        ends = zip(result.slices["low"], result.slices["high"], strict=True)
        slices = result.slices.assign(
            place=range(1, len(result.slices) + 1), interval=[interval(low, high) for low, high in ends]
        )
        picked_rows = frame.table(
            slices[[name for name in SHOWN if name != "said" or slices["said"].notna().any()]],
            key="error_terrain_slices",
            select=True,
            config=SHOWN,
        )
        st.caption(
            f"The list of Weak slices, by the method chosen above: {result.looked_at:,} slices were looked at; each is "
            "the weakest given those before it. Estimates, intervals and p values are of the held-out half. A selected "
            "slice becomes the cohort."
        )
        for position in picked_rows[:1]:
            choose(result.slices, position)
    else:
        st.info(result.obstacle, icon=":material/info:")

with grid_place:
    counts = f"The held-out half, at most {result.bins} bins a feature. "
    if not result.axes:
        st.info(result.obstacle or "There is no feature to draw a grid of.", icon=":material/info:")
    elif shape == "surface" and can_rise(result.cells):
        drawn = frame.drawn(
            result, "surface", lambda: surface_figure(result.cells, result.axes, shared, of_cells), predicate
        )
        frame.chart(drawn, key="error_terrain_surface", alt=f"Surface of the {title}", main=False)
        st.caption(counts + f"Holes: cells with fewer than {MIN_ROWS} rows of it. Blue points: cells that hold rows of "
                   "the cohort.")  # fmt: skip
    else:
        if shape == "surface":
            st.caption(f"A surface needs two features and two by two cells of {MIN_ROWS} rows; this is the heat map.")
        cell = frame.chart(
            frame.drawn(result, "grid", lambda: grid_figure(result.cells, result.axes, shared, of_cells), predicate),
            key="error_terrain_grid",
            alt=f"{title.capitalize()} by {' and '.join(result.axes)}",
            select=("points",),
            main=False,
        )
        st.caption(
            f"{counts}Hatched: fewer than {MIN_ROWS} rows of it, with their number. A click on a cell makes its rows "
            "the cohort."
        )
        for point in cell.get("points", [])[:1]:
            if "customdata" in point:
                choose(result.cells, point["customdata"])

frame.close(params, result.table())
