"""Residuals: what the model missed, along the prediction, the target or a feature, and the worst rows."""

import streamlit as st

from components.charts.residuals import cloud_figure, groups_figure, histogram_figure, quantile_figure
from components.page import open_page
from components.selection import rows_cohort, selected_cohort
from components.text import literal, number
from debuggers.analyses.residuals import MAX_POINTS, ResidualsParams, ResidualsResult
from debuggers.slices import sql_name

frame = open_page("residuals")
subject = frame.subject

with st.container(horizontal=True, vertical_alignment="bottom"):
    kind = frame.control("kind")
    against = frame.control("against")
    feature = frame.control("feature") if against == "feature" else None
if against == "feature" and feature is None:
    feature = subject.test.features[0] if subject.test.features else None

params = ResidualsParams(kind, against, feature)
result: ResidualsResult = frame.answer(params)
worst = result.worst.iloc[0]
frame.say(
    f"The largest miss is row {int(worst['row'])}: predicted {number(worst['prediction'])}, "
    f"truth {literal(result.worst['target'].iloc[0])}, loss {number(worst['loss'])}."
)
title = "Residual" if kind == "plain" else "Deviance residual"
if len(result.groups):
    drawn = groups_figure(result.groups, frame.palette, axis=result.axis, title=title)
    frame.chart(drawn, key="residuals_groups", alt=f"Mean residual by {result.axis}")
    st.caption("Mean over all rows of a value with its 95 % interval; at most the 30 most frequent values.")
else:
    active = frozenset(subject.test.rows[frame.mask].tolist()) if frame.mask is not None else frozenset()
    part: ResidualsResult | None = frame.answer(params, frame.cohort) if frame.cohort is not None else None
    drawn = cloud_figure(
        result.points, result.cells, result.trend, frame.palette, axis=result.axis, title=title, active=active,
        cohort=None if part is None else part.trend,
    )  # fmt: skip
    selection = frame.chart(
        drawn, key=f"residuals_cloud_{against}_{kind}_{feature}", alt=f"Residuals along {result.axis}",
        select=("points", "box", "lasso"),
    )  # fmt: skip
    sampled = f"{len(result.points):,} of {result.total:,} rows, drawn at random with a fixed seed"
    if len(result.cells):
        st.caption(f"All {result.total:,} rows in cells; the trend follows {sampled}. Draw a box to set the cohort.")
    else:
        st.caption(f"All {result.total:,} rows. A click, a box or a lasso sets the cohort.")
    names = {"prediction": "model.prediction", "target": sql_name(subject.test.target or "")}
    along = sql_name(feature) if feature is not None else names[against]
    chosen = (
        selected_cohort(selection, along, "model.residual") if kind == "plain" else selected_cohort(selection, None, "")
    )
    frame.follow(chosen)

left, right = st.columns(2)
with left:
    histogram = histogram_figure(result.histogram, frame.palette, title=title)
    frame.chart(histogram, key="residuals_histogram", alt="Distribution of the residuals", main=False)
with right:
    quantiles = quantile_figure(result.quantiles, frame.palette, title=title)
    frame.chart(quantiles, key="residuals_quantiles", alt="Quantiles of the residuals", main=False)

st.subheader("The worst rows", anchor=False)
shown = 200
table = result.with_values(subject, shown)
picked = frame.table(
    table,
    key="residuals_worst",
    select=True,
    config={
        name: st.column_config.NumberColumn(name.capitalize(), format="%.4g")
        for name in ("residual", "prediction", "deviance", "loss")
    },
)
st.caption(
    f"The {len(table):,} largest of {result.total:,} absolute residuals with all columns of their rows; "
    f"the export holds {len(result.worst):,}. A click on a row makes it the cohort."
)
row = int(table["row"].iloc[picked[0]]) if picked else None
frame.follow(None if row is None else rows_cohort([row], f"row {row}"))
if result.total > MAX_POINTS and len(result.groups) == 0:
    st.caption(f"Past {MAX_POINTS:,} rows the cloud is drawn as cells.")

frame.close(params, result.worst)
