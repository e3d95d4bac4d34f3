"""Parts of the Importance page that are computed when they are opened: a row, permutations, pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from components import navigation, state
from components.charts.importance_parts import MOST_PAIRED, pairs_figure, permutation_figure, waterfall_figure
from components.importance.shown import FEATURE, PARTNER, VIEW, Shown, choose_once
from components.importance.trust import draw_checks, draw_surrogate
from components.text import interval, literal, number, percent
from debuggers.row_choice import first_row

NUMBER = st.column_config.NumberColumn
_PAIR = "importance_pair"


def draw_tabs(shown: Shown) -> None:
    """Draw the parts that are computed when they are opened."""
    for tab, draw in zip(
        st.tabs([*TABS], key=VIEW, on_change="rerun", bind="query-params"), TABS.values(), strict=True
    ):
        if tab.open:
            with tab:
                draw(shown)


def _row(shown: Shown) -> None:
    frame, subject = shown.frame, shown.frame.subject
    with st.container(horizontal=True, vertical_alignment="bottom"):
        row = frame.control("row")
    at = first_row(frame.cohort or subject) if row is None else row
    found = shown.part("row", row=at)
    table = found.waterfall[found.waterfall["output"] == subject.outputs[shown.output]]
    base, total = float(found.base[shown.output]), float(found.base[shown.output] + table["contribution"].sum())
    which = (
        "" if row is not None or not subject.has_labels else ", the worst" + (" of the cohort" if frame.cohort else "")
    )
    st.markdown(
        f"**Row {at}**{which}: from {number(base)} without knowing the row to {number(total)} ({literal(shown.unit)})."
    )
    sides = [("contribution", base, shown.unit)]
    if subject.has_labels:
        sides.append(("error_contribution", found.error_base, found.measure))
    for place, (column, start, title) in zip(st.columns(len(sides)), sides, strict=True):
        with place:
            drawn = waterfall_figure(table, frame.palette, base=start, column=column, title=title, what="this row")
            frame.chart(drawn, key=f"importance_{column}", alt=f"How the {title} of row {at} comes about", main=False)
    against = f"{found.counts['background']:,} background rows" if found.counts["background"] else "the training rows"
    words = f"Against {against}; {literal(found.method)}."
    if subject.has_labels:
        words += f" The loss against {found.counts['error_background']:,} rows."
    st.caption(words)
    shown_table = table.drop(columns="output").assign(
        value=table["value"].map(lambda v: "missing" if v is None else str(v))
    )
    with st.expander("Every feature of the row", icon=":material/table_rows:"):
        frame.table(shown_table, key="importance_row_table")
    st.page_link(
        navigation.path_of("what_if"), label="Open this row in What-if", icon=":material/tune:",
        query_params={**state.link(), "what_if_row": str(at)},
    )  # fmt: skip


# --- permutation ----------------------------------------------------------------------------------------------------


def _permutation(shown: Shown) -> None:
    frame = shown.frame
    if not frame.subject.has_labels:
        st.info("Without labels there is no loss that could grow.", icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        repeats, rows = frame.control("repeats"), frame.control("permuted_rows")
    found = shown.part("permutation", repeats=repeats, permuted_rows=rows)
    drawn = permutation_figure(found.permuted, frame.palette, measure=found.measure)
    frame.chart(drawn, key="importance_permutation", alt="Growth of the loss when a feature is permuted", main=False)
    sure = int((found.permuted["q_value"] <= 0.05).sum())
    st.caption(
        f"{repeats} permutations of each feature among {shown.of(found.counts['permuted'])}. Interval: over rows, "
        f"widened by the spread between repetitions. {sure} of {len(found.permuted)} features grow the loss beyond "
        "chance (Benjamini-Hochberg, 5 %)."
    )
    table = found.permuted.assign(
        interval=[interval(*e) for e in zip(found.permuted["low"], found.permuted["high"], strict=True)]
    )
    config = {"between": NUMBER("Between repetitions", format="%.3g"), "q_value": NUMBER("Adjusted p", format="%.2g"),
              "importance": NUMBER("Growth of the loss", format="%.3g"), "interval": "95 % interval"}  # fmt: skip
    frame.table(table[["feature", "importance", "interval", "between", "q_value"]], key="importance_permuted",
                config=config)  # fmt: skip


# --- pairs ----------------------------------------------------------------------------------------------------------


def _interactions(shown: Shown) -> None:
    frame = shown.frame
    found = shown.part("interactions", output=shown.output)
    if found.obstacle or not len(found.pairs):
        st.info(literal(found.obstacle or "No two features interact: the model adds up what it makes of single ones."),
                icon=":material/info:")  # fmt: skip
        return
    value = st.segmented_control(
        "Measure", ["strength", "h"], default="strength", required=True, key="importance_pairs_by", bind="query-params",
        format_func={"h": "H", "strength": "Strength"}.__getitem__,
    )  # fmt: skip
    best = found.pairs.iloc[0]
    st.markdown(
        f"**{literal(best['first'])} and {literal(best['second'])}** interact most: {percent(best['h'])} of how they "
        "move the prediction together is not the sum of what they do alone."
    )
    picked = frame.chart(
        frame.drawn(found, "pairs", lambda: pairs_figure(found.pairs, frame.palette, value=value), value),
        key=f"importance_pairs_{value}", alt="Interaction of every two features", select=("points",), main=False,
    )  # fmt: skip
    counts = found.counts
    asked = f" The model is asked, because {literal(found.asked_because)}." if found.asked_because else ""
    st.caption(
        "Friedman’s H: share of the joint effect’s standard deviation that the single ones do not give. Strength: "
        f"that deviation ({literal(shown.unit)}); H alone misleads for pairs that hardly matter. Averaged over "
        f"{shown.of(counts['averaged'])}, compared at {counts['evaluated']:,}; at most {MOST_PAIRED} features are "
        f"drawn.{asked} A click on a cell shows the first feature’s dependence, coloured by the second."
    )
    _open_pair(found.pairs, picked)
    frame.table(found.pairs, key="importance_pair_table", config={"h": NUMBER("H", format="%.3f")})


def _open_pair(pairs: pd.DataFrame, picked: Mapping[str, Any]) -> None:
    places = [int(p["customdata"]) for p in picked.get("points", []) if "customdata" in p][:1]
    pair = pairs.loc[places[0]] if places else None
    wanted = {} if pair is None else {FEATURE: str(pair["first"]), PARTNER: str(pair["second"])}
    choose_once(_PAIR, places[0] if places else None, wanted)


TABS: dict[str, Callable[[Shown], None]] = {
    "One row": _row,
    "Permutation": _permutation,
    "Interactions": _interactions,
    "Checks": draw_checks,
    "Surrogate": draw_surrogate,
}
