"""Effects: partial dependence, individual curves and accumulated local effects."""

from dataclasses import replace

import streamlit as st

from components.charts.effects import MAX_DRAWN, CurveLook, curve_figure, gallery_figure, surface_figure
from components.effect_notes import DISAGREE, SHADED, disagreement_sentence, draw_partners, groups_sentence
from components.page import open_page
from components.text import literal, number, value_text
from debuggers.analyses.effects import EffectsParams, EffectsResult
from debuggers.ensembles import why_unreadable

NUMBER = st.column_config.NumberColumn
CURVE = {
    "pdp": NUMBER(
        "PDP", help="Partial dependence: the mean prediction, were every row to have this value", format="%.4g"
    ),
    "pdp_low": NUMBER("PDP, low", help="Lower end of its 95 % interval", format="%.4g"),
    "pdp_high": NUMBER("PDP, high", help="Upper end of its 95 % interval", format="%.4g"),
    "ale": NUMBER("ALE", help="Accumulated local effect: 0 on average over the rows", format="%.4g"),
    "ale_rows": NUMBER("Rows of ALE", help="Rows in the bin that ends here", format="localized"),
    "heterogeneity": NUMBER("Heterogeneity", help="How far the single rows' centred curves differ", format="%.4g"),
    "rows": NUMBER("Rows", help="Rows nearest to this value", format="localized"),
    "support": NUMBER("Rows within reach", help="Share of the rows", format="percent"),
}

frame = open_page("effects")
subject = frame.subject

with st.container(horizontal=True, vertical_alignment="bottom"):
    feature = frame.control("feature")
    other = frame.control("other") if feature else None
    scale = frame.control("scale") if subject.task.is_classification else "probability"
    points = frame.control("points")
    # Trees are followed over all rows; only a model that has to be asked needs a sample.
    is_asked = bool(why_unreadable(subject))
    rows = frame.control("rows") if feature and is_asked else EffectsParams().rows
    gallery_rows = frame.control("gallery_rows") if is_asked and not feature else EffectsParams().gallery_rows
    output = subject.outputs[0]
    if len(subject.outputs) > 1:
        output = st.selectbox("Class", subject.outputs, key="effects_output", bind="query-params", width=170)
    centred = bool(feature) and st.toggle("Centre the curves", key="effects_centred", bind="query-params")
    solid = bool(other) and st.toggle("In space", key="effects_solid", bind="query-params")

params = EffectsParams(feature, other, scale, points, rows, gallery_rows)
subject_rows = frame.cohort or subject
result: EffectsResult = frame.answer(params, subject_rows)
curves = result.curves[result.curves["output"] == output] if len(result.curves) else result.curves
title = subject.output_title if scale == "probability" else "log-odds"
if len(subject.outputs) > 1:
    title = f"{title} of {output}"


def over(rows: int) -> str:
    """Say which rows a mean is over, and where it comes from."""
    drawn = f"{rows:,} of {result.total:,} rows, drawn at random with a fixed seed"
    which = f"all {result.total:,} rows" if rows == result.total else drawn
    if frame.cohort is not None:
        which += ", of the cohort"
    if not result.asked_because:
        return f"{which}, computed exactly from the model’s trees."
    return f"{which}. The model is asked for each: its trees cannot be read, because {literal(result.asked_because)}."


if not len(curves):
    frame.say("There is nothing to follow: every value of this feature is missing.")
elif feature is None:
    first = result.ranking.iloc[0]
    frame.say(
        f"{literal(first['feature'])} moves the mean prediction most, by {number(first['range'])} "
        f"({literal(title)}); {len(result.ranking)} features are ordered by that range."
    )
    gallery = frame.drawn(result, "gallery", lambda: gallery_figure(curves, result.ranking, frame.palette), output)
    frame.chart(gallery, key="effects_gallery", alt="Curves of all features")
    st.caption(
        f"One vertical scale: {literal(title)}. Choose a feature for its interval, single rows and ALE. "
        f"Mean over {over(result.sampled)}"
    )
    picked = frame.table(
        result.ranking,
        key="effects_ranking",
        select=True,
        config={
            "feature": "Feature",
            "range": st.column_config.NumberColumn("Range of the mean", format="%.4g"),
            "interaction": st.column_config.ProgressColumn(
                "Hidden by the mean",
                help="Share of the single rows' variance that the mean does not show",
                format="percent",
            ),
            "disagreement": st.column_config.ProgressColumn(
                "PDP and ALE apart",
                help="Their difference as a share of the larger one's spread: beyond a half trust the local effect",
                format="percent",
            ),
        },
    )
    if picked:
        frame.set_param("feature", result.ranking["feature"].iloc[picked[0]])
        st.rerun()
elif len(result.surface):
    surface = result.surface[result.surface["output"] == output]
    low, high = surface["pdp"].min(), surface["pdp"].max()
    frame.say(
        f"{literal(feature)} and {literal(other)} move the mean "
        f"from {number(low)} to {number(high)} ({literal(title)})."
    )
    numeric = all(subject.test.schema[name].kind.is_numeric for name in (feature, other) if name)
    frame.chart(
        surface_figure(surface, frame.palette, title=title, solid=solid and numeric),
        key="effects_surface",
        alt=f"Mean prediction over {feature} and {other}",
    )
    if solid and not numeric:
        st.caption("A surface in space needs two numeric features; this is the heat map.")
    st.caption(f"Mean over {over(result.surface_rows)}")
    frame.table(surface.assign(x=surface["x"].map(value_text), y=surface["y"].map(value_text)), key="effects_cells")
else:
    rank = result.ranking.iloc[0]
    moves = f"The mean prediction moves by {number(rank['range'])} ({literal(title)}) along {literal(feature)}"
    frame.say(f"{moves}{groups_sentence(result, output)}.")
    if rank["disagreement"] > DISAGREE:
        st.info(disagreement_sentence(rank), icon=":material/compare_arrows:")
    ordered = subject.test.schema[feature].kind.is_numeric
    rest = None
    if frame.rest is not None:
        outside: EffectsResult = frame.answer(params, frame.rest)
        rest = outside.curves[outside.curves["output"] == output]
    lines = result.lines[result.lines["output"] == output]
    groups = result.groups[result.groups["output"] == output] if len(result.groups) else None
    look = CurveLook(title=title, ordered=ordered, centred=centred)
    frame.chart(
        curve_figure(curves, lines, frame.palette, look, rest=rest, groups=groups, thin=result.thin),
        key="effects_curve",
        alt=f"Mean prediction along {feature}",
    )
    st.caption(
        (f"At most {MAX_DRAWN} single rows are drawn. " if ordered else "")
        + f"Mean over {over(result.sampled)}{SHADED if ordered else ''}"
    )
    draw_partners(frame, result, feature)
    if feature in result.left_out:
        st.caption(f"{result.left_out[feature]:,} rarer categories are not tried.")
    shown = curves.drop(columns=["feature", "output"])
    frame.table(shown.assign(value=shown["value"].map(value_text)), key="effects_table", config=CURVE)

frame.close(replace(params), result.table())
