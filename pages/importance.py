"""Importance: which features drive the prediction and which the error, and how far that can be believed."""

import streamlit as st

from components import state
from components.charts.importance import MOST_BARS, bars_figure, swarm_figure
from components.importance.parts import draw_tabs
from components.importance.shown import Shown, draw_dependence, take_choice
from components.page import open_page
from components.selection import selected_cohort
from components.text import interval, literal, number, percent
from debuggers.analyses.importance import ImportanceParams
from debuggers.ensembles import why_unreadable
from debuggers.importance_points import SWARM_ROWS, cohort_tables, swarm_points
from debuggers.importance_result import ImportanceResult

NUMBER = st.column_config.NumberColumn
COLUMNS = {
    "feature": "Feature",
    "importance": NUMBER("Prediction", help="Mean size of its contributions", format="%.3g"),
    "interval": "95 % interval",
    "share": st.column_config.ProgressColumn("Share", help="Of all contributions", format="percent"),
    "direction": NUMBER("Direction", help="Rank correlation of value and contribution", format="%.2f"),
    "error_importance": NUMBER("Error", help="Mean size of its contributions to the loss", format="%.3g"),
    "error_share": st.column_config.ProgressColumn("Share of the error", format="percent"),
    "change": NUMBER("Change of the loss", help="Mean contribution; above 0 it makes the model worse", format="%.3g"),
    "change_interval": "95 % interval of the change",
}

frame = open_page("importance")
subject = frame.subject
take_choice()

with st.container(horizontal=True, vertical_alignment="bottom"):
    output = 0
    if len(subject.outputs) > 1:
        named = st.selectbox("Class", subject.outputs, key="importance_class", bind="query-params", width=170)
        output = subject.outputs.index(named)
    kind = ImportanceParams().kind if why_unreadable(subject) else frame.control("kind")
    background = frame.control("background")
    with st.popover("More", icon=":material/tune:"):
        rows, error_rows, asked_rows, seed = (frame.control(n) for n in ("rows", "error_rows", "asked_rows", "seed"))

params = ImportanceParams(
    kind=kind, background=background, rows=rows, error_rows=error_rows, asked_rows=asked_rows, seed=seed
)
result: ImportanceResult = frame.answer(params)
table = result.features[result.features["output"] == subject.outputs[output]]
shown = Shown(frame, params, result, output, table)


def answer() -> str:
    """Return the sentence that answers the page's question."""
    first = table.iloc[0]
    if not first["importance"] > 0:
        return "No feature moves the prediction on these rows."
    said = (
        f"{literal(first['feature'])} moves the prediction most, by {number(first['importance'])} "
        f"({shown.unit}) on average, {percent(first['share'])} of all"
    )
    if not len(result.error_values):
        return f"{said}. Without labels nothing is known of the error."
    worst = table.sort_values("error_importance", ascending=False).iloc[0]
    too = "too" if worst["feature"] == first["feature"] else "most"
    return f"{said}; the error hangs on {literal(worst['feature'])} {too} ({percent(worst['error_share'])})."


frame.say(answer())
for finding in result.findings:
    st.warning(literal(finding.headline), icon=":material/warning:")

groups = None if frame.mask is None else cohort_tables(subject, result, output, frame.mask)
picked = frame.chart(
    frame.drawn(
        result, "bars",
        lambda: bars_figure(table, frame.palette, scale_title=shown.unit, measure=result.measure, groups=groups,
                            chosen=shown.feature),
        output, shown.feature, state.cohort(),
    ),
    key=f"importance_bars_{output}", alt="Importance of features for the prediction and for the error",
    select=("points",),
)  # fmt: skip
counts = result.counts
held = f"{counts['background']:,} rows drawn at random" if counts["background"] else "the trees’ own training rows"
st.caption(
    (f"The {MOST_BARS} largest of {len(table):,} features; the table has all. " if len(table) > MOST_BARS else "")
    + f"Prediction: {shown.of(counts['explained'])}, against {held}; {literal(result.method)}."
    + (f" The model is asked, because {literal(result.asked_because)}." if result.asked_because else "")
)
if counts["error"]:
    digits = "" if result.asked_because else ", each to two digits or better"
    st.caption(
        f"Error: {literal(result.measure)} of {shown.of(counts['error'])}, against {counts['error_background']:,} "
        f"background rows{digits}. A click on a bar shows the feature below."
    )
else:
    st.caption("There are no labels, so there is no error to take apart. A click on a bar shows the feature below.")
if groups is not None:
    inside, error_inside = groups[0]["cohort_rows"].iloc[0], groups[1]["cohort_rows"].iloc[0] if counts["error"] else 0
    st.caption(
        f"Cohort: {inside:,} of the {len(result.kept):,} rows kept for comparing, for the error {error_inside:,} of "
        f"{len(result.error_kept):,}; both parts against the same background."
    )
shown.follow_bar(picked)

st.subheader("Row by row", anchor=False)
names = tuple(table["feature"].head(MOST_BARS))
swarm = frame.chart(
    frame.drawn(
        result, "swarm",
        lambda: swarm_figure(swarm_points(subject, result, output, names), frame.palette,
                             title=f"contribution ({shown.unit})"),
        output,
    ),
    key=f"importance_swarm_{output}", alt="Contributions of single rows, coloured by the feature's value",
    select=("points", "lasso"), main=False,
)  # fmt: skip
st.caption(
    f"{min(SWARM_ROWS, len(result.kept)):,} of {counts['total']:,} rows, drawn at random with a fixed seed; grey: "
    "categories and missing values. A click or a lasso makes the rows the cohort."
)
frame.follow(selected_cohort(swarm, None, ""))

st.subheader("Along one feature", anchor=False)
draw_dependence(shown)
draw_tabs(shown)

with st.expander("All features", icon=":material/table_rows:"):
    listed = table.assign(
        interval=[interval(*ends) for ends in zip(table["low"], table["high"], strict=True)],
        change_interval=[interval(*ends) for ends in zip(table["change_low"], table["change_high"], strict=True)],
    )
    kept = [name for name in COLUMNS if counts["error"] or name not in {"error_importance", "error_share", "change",
                                                                       "change_interval"}]  # fmt: skip
    frame.table(listed[kept], key="importance_table", config=COLUMNS)

frame.close(params, result.table())
