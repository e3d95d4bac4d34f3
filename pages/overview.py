"""Overview: scores with intervals, the threshold and its costs, subgroups, and what the scan found so far."""

import streamlit as st

from components import state
from components.charts.overview import (
    confusion_figure,
    cost_figure,
    curve_figure,
    fit_figure,
    groups_figure,
    reliability_figure,
)
from components.page import open_page
from components.scan_view import findings_so_far
from components.text import interval, literal, number
from debuggers.analyses.overview import OverviewParams, OverviewResult, cohort_table
from debuggers.cohort import Cohort
from debuggers.metrics import SHARE_TITLES
from debuggers.task import Task

frame = open_page("overview")
subject = frame.subject
binary = subject.task is Task.BINARY

with st.container(horizontal=True, vertical_alignment="bottom"):
    by = frame.control("by")
    if binary:
        st.slider(
            "Decision threshold", 0.0, 1.0, subject.threshold, 0.01, key="_threshold", width=260,
            help="Positive above it; every page uses it",
            on_change=lambda: state.set_threshold(state.widget("_threshold")),
        )  # fmt: skip
        cost_fp, cost_fn = frame.control("cost_fp"), frame.control("cost_fn")
    else:
        cost_fp = cost_fn = OverviewParams().cost_fp

params = OverviewParams(by, cost_fp, cost_fn)
result: OverviewResult = frame.answer(params)
main = result.scores.iloc[0]
frame.say(
    f"{literal(main['score'])} is {number(main['value'])} ({interval(main['low'], main['high'])}) "
    f"on {len(subject.test):,} rows."
)

with st.grid("auto", min_column_width=150, border=True, gap="small"):
    for score in result.scores.to_dict("records"):
        with st.container(gap=None):
            st.metric(
                score["score"], number(score["value"]), help=f"{score['rows']:,} rows; interval: {score['interval']}"
            )
            st.caption(interval(score["low"], score["high"]))
            for other in ("train", "benchmark"):
                if other in score:
                    st.caption(f"{other} {number(score[other])}")

charts, findings = st.columns([3, 2], gap="large")
with findings:
    scanned = st.container()
with charts:
    if binary:
        drawings = {
            "ROC": lambda: curve_figure(result.thresholds, subject.threshold, frame.palette, kind="roc"),
            "Precision and recall": lambda: curve_figure(
                result.thresholds, subject.threshold, frame.palette, kind="precision"
            ),
            "Cost": lambda: cost_figure(result.thresholds, subject.threshold, frame.palette),
            "Confusion": lambda: confusion_figure(result.confusion, subject.classes, frame.palette),
            "Reliability": lambda: reliability_figure(result.calibration, frame.palette, subject.output_title),
        }
        for tab, (name, draw) in zip(st.tabs(list(drawings), on_change="rerun"), drawings.items(), strict=True):
            if tab.open:
                with tab:
                    frame.chart(frame.drawn(result, name, draw), key=f"overview_{name}", alt=name)
    elif subject.task.is_classification:
        left, right = st.columns(2)
        with left:
            confusion = confusion_figure(result.confusion, subject.classes, frame.palette)
            frame.chart(confusion, key="overview_confusion", alt="Truth against decision")
        with right:
            reliability = reliability_figure(result.calibration, frame.palette, "probability of the decision")
            frame.chart(reliability, key="overview_reliability", alt="Reliability", main=False)
    else:
        fit = fit_figure(result.fit, frame.palette, subject.test.target or "value")
        frame.chart(fit, key="overview_fit", alt="Predicted against actual values")

if frame.mask is not None:
    st.subheader("The cohort against the rest", anchor=False)
    frame.table(cohort_table(subject, frame.mask), key="overview_cohort")

if by is not None:
    st.subheader(f"Groups of {literal(by)}", anchor=False)
    measures = {"loss": "Mean loss", "error": "Error"} | (SHARE_TITLES if binary else {})
    measure = st.segmented_control(
        "Compare", list(measures), default="loss", required=True, format_func=measures.__getitem__,
        key="overview_measure", bind="query-params",
    )  # fmt: skip
    overall = float(cohort_table(subject, None)[measure].iloc[0])
    bars = groups_figure(result.groups, measure, measures[measure], overall, frame.palette)
    picked = frame.chart(
        bars, key=f"overview_groups_{by}", alt=f"{measures[measure]} by {by}", select=("points",), main=False
    )
    st.caption("The dotted line is the value of all rows. A click on a bar makes its rows the cohort.")
    if result.left_out:
        st.caption(f"{result.left_out:,} rarer values are not shown.")
    frame.table(result.groups.drop(columns="sql"), key="overview_group_table")
    clicked = [result.groups.iloc[point["point_index"]] for point in picked.get("points", [])[:1]]
    frame.follow(Cohort(clicked[0]["sql"], clicked[0]["group"]) if clicked else None)

frame.close(params, result.scores)
findings_so_far(subject, scanned)
