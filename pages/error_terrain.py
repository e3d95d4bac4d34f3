"""Error terrain: a tree of the error, a grid of two features, and ranked slices, linked through the cohort."""

import pandas as pd
import streamlit as st

from components import state
from components.charts.error_terrain import VERDICTS, can_rise, grid_figure, look, surface_figure, tree_figure
from components.page import open_page
from components.text import interval, literal, number
from debuggers.analyses.error_terrain import ErrorTerrainParams, ErrorTerrainResult
from debuggers.cohort import Cohort
from debuggers.slice_report import compared
from debuggers.slice_targets import measure_title
from debuggers.slices import Slice
from debuggers.tree_table import MIN_ROWS

NUMBER = st.column_config.NumberColumn
SHOWN = {
    "slice": st.column_config.TextColumn("Slice", width=560),
    "confirmed": st.column_config.TextColumn("Verdict"),
    "held_out_rows": NUMBER("Rows", help="Of the held-out half", format="localized"),
    "held_out_loss": NUMBER("Mean", help="Of the held-out half", format="%.3g"),
    "difference": NUMBER("Difference", help="From the other held-out rows", format="%.3g"),
    "interval": st.column_config.TextColumn("95 % interval", help="Of the difference"),
    "q_value": NUMBER("Adjusted p", help="Holm's method, over every region tested", format="%.2g"),
    "share_of_loss": NUMBER("Share of all", help="Share of the whole loss or error, over all rows", format="percent"),
    "said": NUMBER("Expected", help="If the model's own probabilities were right", format="%.3g"),
    "search_rows": NUMBER("Rows searched", help="Of the half that the tree was grown on", format="localized"),
    "search_loss": NUMBER("Mean there", help="Of the half that the tree was grown on", format="%.3g"),
}

frame = open_page("error_terrain")
subject = frame.subject
active = state.cohort()
predicate = active.predicate if active else ""


def choose(rows: pd.DataFrame, position: int) -> None:
    """Make a node, a cell or a slice the cohort; all rows if it is the cohort already."""
    sql, text = str(rows["sql"].iloc[position]), str(rows["slice"].iloc[position])
    if sql == predicate:
        state.set_cohort(None)
        st.rerun()
    frame.follow(Cohort(sql, text) if sql != Slice().sql else None)


def answer(found: ErrorTerrainResult, title: str) -> str:
    """Return the sentence that answers the page's question."""
    slices = found.slices
    if not len(slices):
        return f"{title.capitalize()} is {number(found.overall.value)}; no region stands out. {found.obstacle}"
    confirmed = slices[[known is True for known in slices["confirmed"]]]
    counts = f"{len(confirmed)} of {len(slices)} slices confirmed"
    where = literal(slices["slice"].iloc[0])
    if all(known is None for known in slices["confirmed"]):
        return f"Nothing can be confirmed: {where} stands out, with fewer than {MIN_ROWS} other rows to check it on."
    if not len(confirmed):
        return f"No region is confirmed to err more than the rest; {where} seemed to at first. {counts}."
    where = literal(confirmed["slice"].iloc[0])
    rate = compared(confirmed["held_out_loss"].iloc[0], confirmed["rest_loss"].iloc[0], title)
    return f"{rate} where {where} (confirmed on other rows); {counts}."


with st.container(horizontal=True, vertical_alignment="bottom"):
    measure = frame.control("measure")
    depth = frame.control("depth")
    min_share = frame.control("min_share")
    all_columns = frame.control("all_columns")

tree_view, slice_view, grid_view = st.container(), st.container(), st.container()
with grid_view:
    st.subheader("Two features", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        feature = frame.control("feature")
        other = frame.control("other")
        bins = frame.control("bins")
        shape = st.segmented_control(
            "Draw", ("heat map", "surface"), default="heat map", required=True, key="error_terrain_shape",
            bind="query-params",
        )  # fmt: skip
    grid_place = st.container()

params = ErrorTerrainParams(measure, depth, min_share, all_columns, feature, other, bins)
with tree_view:
    result: ErrorTerrainResult = frame.answer(params)
title = measure_title(subject.task, measure)
shared = look(result.nodes, result.overall.value, frame.palette, title, predicate)
frame.say(answer(result, title))

with tree_view:
    picked = frame.chart(
        frame.drawn(result, "tree", lambda: tree_figure(result.nodes, shared), predicate),
        key="error_terrain_tree",
        alt=f"Tree of the {title}: width is rows, colour is {title}",
        select=("points",),
    )
    st.caption(
        f"Grown on {result.searched:,} rows drawn at random; colours and means are of the other {result.held_out:,}. "
        f"Width: share of rows. Dark fill: share of the whole {title.removeprefix('mean ')}. "
        f"Hatched: fewer than {MIN_ROWS} held-out rows. A click on a region makes its rows the cohort, "
        "another click all rows."
    )
    for point in picked.get("points", [])[:1]:
        choose(result.nodes[result.nodes["node"] == point["customdata"]], 0)

with slice_view:
    st.subheader("Slices, the clearest first", anchor=False)
    if len(result.slices):
        slices = result.slices.assign(
            confirmed=result.slices["confirmed"].map(VERDICTS),
            interval=[interval(*ends) for ends in zip(result.slices["low"], result.slices["high"], strict=True)],
        )
        chosen = frame.table(
            slices[[name for name in SHOWN if name != "said" or subject.task.is_classification]],
            key="error_terrain_slices",
            select=True,
            config=SHOWN,
        )
        st.caption(
            "Ranked on the searched half by Welch's t; estimates, intervals and p values are of the held-out half. "
            "A selected slice becomes the cohort."
        )
        for position in chosen[:1]:
            choose(result.slices, position)
    else:
        st.info(result.obstacle, icon=":material/info:")

with grid_place:
    if not result.axes:
        st.info("There is no feature with two different values to draw a grid of.", icon=":material/info:")
    elif shape == "surface" and can_rise(result.cells):
        surface = frame.drawn(result, "surface", lambda: surface_figure(result.cells, result.axes, shared))
        frame.chart(surface, key="error_terrain_surface", alt=f"Surface of the {title}", main=False)
        st.caption(f"All rows. Holes: cells with fewer than {MIN_ROWS} rows.")
    else:
        if shape == "surface":
            st.caption(f"A surface needs two features and two by two cells of {MIN_ROWS} rows; this is the heat map.")
        cell = frame.chart(
            frame.drawn(result, "grid", lambda: grid_figure(result.cells, result.axes, shared), predicate),
            key="error_terrain_grid",
            alt=f"{title.capitalize()} by {' and '.join(result.axes)}",
            select=("points",),
            main=False,
        )
        st.caption(f"All rows. Hatched: fewer than {MIN_ROWS} rows. A click on a cell makes its rows the cohort.")
        for point in cell.get("points", [])[:1]:
            choose(result.cells, point["customdata"])

frame.close(params, result.table())
