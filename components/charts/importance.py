"""Importance: bars for the prediction and the error, swarms of rows, and dependence on one feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from components.charts.theme import Palette, colour_key, figure, scale
from components.text import number, plotly_text

MOST_BARS = 15
NAME = 26


def axis_names(features: Sequence[str], limit: int = NAME) -> list[str]:
    """Return axis labels that differ where features do."""
    short = [plotly_text(f, limit) for f in features]
    return [s if short.count(s) == 1 else f"{s} ({i + 1})" for i, s in enumerate(short)]


def panels(palette: Palette, height: int, titles: Sequence[tuple[str, ...]]) -> go.Figure:
    """Return an empty figure of panels side by side with one vertical axis; the lines of each panel's title."""
    plot = make_subplots(rows=1, cols=len(titles), shared_yaxes=True, horizontal_spacing=0.04)
    base = figure(palette, height=height)
    axis = base.layout.xaxis.to_plotly_json()
    plot.update_layout(base.layout)
    for i, title in enumerate(titles):
        text = "<br>".join(plotly_text(line, 40) for line in title)
        own = axis | {"title": axis["title"] | {"text": text}, "showgrid": True, "nticks": 5}
        plot.update_xaxes(own | {"anchor": f"y{i + 1 if i else ''}"}, row=1, col=i + 1)
        plot.update_yaxes(showgrid=False, zeroline=False, automargin=True, row=1, col=i + 1)
    return plot


def bars_figure(
    table: pd.DataFrame, palette: Palette, *, scale_title: str, measure: str,
    groups: tuple[pd.DataFrame, pd.DataFrame] | None = None, chosen: str | None = None,
) -> go.Figure:  # fmt: skip
    """Draw importance for the prediction beside importance for the error; of a cohort beside the rest.

    Parameters
    ----------
    table : DataFrame
        One output's rows of `ImportanceResult.features`, the largest first. A bar's `customdata` is its feature.
    scale_title, measure : str
        What contributions to the prediction, and to the loss, are measured in.
    groups : tuple of DataFrame, optional
        What `cohort_tables` returns.
    chosen : str, optional
        The feature that is looked at below.
    """
    drawn = table.head(MOST_BARS)[::-1]
    has_error = bool(drawn["error_importance"].notna().any())
    titles = [("prediction", scale_title)] + ([("error", measure)] if has_error else [])
    bar = 30 if groups is not None else 24
    plot = panels(palette, 110 + bar * len(drawn), titles)
    names = axis_names(drawn["feature"].tolist())
    kinds = [("", palette.cohort, "prediction")] + ([("error_", palette.error, "error")] if has_error else [])
    for i, (prefix, colour, title) in enumerate(kinds):
        if groups is None:
            part = drawn[[f"{prefix}importance", f"{prefix}low", f"{prefix}high", f"{prefix}share"]]
            part = part.set_axis(["value", "low", "high", "share"], axis=1).assign(feature=drawn["feature"])
            draw_bar(plot, names, part, {"color": colour, "name": title, "column": i + 1, "palette": palette})
            continue
        both = groups[i].set_index("feature").loc[drawn["feature"]].reset_index()
        for group, tint in (("rest", palette.muted), ("cohort", colour)):
            part = both[[group, f"{group}_low", f"{group}_high"]].set_axis(["value", "low", "high"], axis=1)
            part = part.assign(feature=both["feature"], share=np.nan)
            said = f"{title}: the cohort" if group == "cohort" else "the rest"
            draw_bar(plot, names, part, {"color": tint, "name": said, "column": i + 1, "palette": palette})
    plot.update_layout(barmode="group", bargap=0.3, showlegend=groups is not None, margin={"t": 34})
    plot.update_traces(showlegend=False, selector={"name": "the rest", "xaxis": "x2"})
    plot.update_layout(legend={"traceorder": "reversed"})
    if chosen in set(drawn["feature"]):
        at = drawn["feature"].tolist().index(chosen)
        plot.add_hrect(y0=at - 0.5, y1=at + 0.5, fillcolor=palette.faint, line_width=0, layer="below")
    return plot


def draw_bar(plot: go.Figure, names: Sequence[str], part: pd.DataFrame, look: dict[str, Any]) -> None:
    """Draw bars with intervals into one panel.

    Parameters
    ----------
    names : sequence of str
        Labels of the vertical axis.
    part : DataFrame
        `feature`, `value`, `low`, `high`, `share`.
    look : mapping
        `color`, `name`, `column` (of the panel, from 1), `palette`.
    """
    lines = [
        f"<b>{plotly_text(r.feature)}</b><br>{look['name']}: {number(r.value)}"
        + (f" ({number(r.low)} – {number(r.high)})" if np.isfinite(r.low) else " (no interval)")
        + (f"<br>{r.share:.1%} of all" if np.isfinite(r.share) else "")
        for r in records(part)
    ]
    plot.add_bar(
        y=list(names), x=part["value"], orientation="h", name=look["name"], customdata=part["feature"],
        marker={"color": look["color"]}, hovertext=lines, hoverinfo="text", row=1, col=look["column"],
        error_x={
            "type": "data", "symmetric": False, "array": part["high"] - part["value"],
            "arrayminus": part["value"] - part["low"], "color": look["palette"].text, "thickness": 1.1, "width": 3,
        },
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip


def records(table: pd.DataFrame) -> Any:
    """Return the rows of a table, whose values are what the table's maker says."""
    return table.itertuples()


# --- points ---------------------------------------------------------------------------------------------------------


def swarm_figure(points: pd.DataFrame, palette: Palette, *, title: str) -> go.Figure:
    """Draw every feature's contributions as a swarm of rows, coloured by the feature's value.

    Parameters
    ----------
    points : DataFrame
        What `swarm_points` returns, the most important feature first. A point's `customdata` is its row.
    title : str
        Of the horizontal axis.
    """
    features = list(dict.fromkeys(points["feature"]))[::-1]
    plot = figure(palette, height=120 + 30 * len(features), x=plotly_text(title), legend=False)
    names = axis_names(features)
    key = _value_key(plot, "value of the feature")
    reach = float(np.ptp(points["contribution"])) or 1.0
    for i, feature in enumerate(features):
        part = points[points["feature"] == feature]
        known = part["level"].notna()
        offset = _spread(part["contribution"].to_numpy(), reach)
        texts = [
            f"<b>{plotly_text(feature)} = {plotly_text(t, 40)}</b><br>contributes {number(c)}<br>row {r}"
            for t, c, r in zip(part["text"], part["contribution"], part["row"], strict=True)
        ]
        plot.add_scatter(
            x=part["contribution"], y=i + offset, mode="markers", customdata=part["row"], hovertext=texts,
            hoverinfo="text", name=names[i], unselected={"marker": {"opacity": 0.2}},
            marker={
                "size": 5, "opacity": 0.8, "showscale": i == 0,
                "color": np.where(known, part["level"], 0.5), "colorscale": scale(palette.diverging), "cmin": 0,
                "cmax": 1, "colorbar": key,
                "line": {"width": 0},
            },
        )  # fmt: skip
    plot.update_yaxes(tickvals=list(range(len(names))), ticktext=names, showgrid=False, zeroline=False,
                      range=[-0.6, len(names) - 0.4])  # fmt: skip
    plot.update_xaxes(zeroline=True, showgrid=True)
    return plot


def _value_key(plot: go.Figure, title: str) -> dict[str, Any]:
    return colour_key(plot, plotly_text(title, 40), tickvals=[0, 1], ticktext=["low", "high"])


def _spread(values: npt.NDArray[np.float64], reach: float) -> npt.NDArray[np.float64]:
    """Return vertical places within a lane: points of nearly the same contribution lie above one another."""
    cell = np.floor(values / (reach / 120)).astype(np.int64)
    order = np.argsort(cell, kind="stable")
    _, start, count = np.unique(cell[order], return_index=True, return_counts=True)
    within = np.arange(len(values)) - np.repeat(start, count)
    side = np.where(within % 2 == 0, within // 2, -(within // 2 + 1)).astype(np.float64)
    out = np.empty(len(values))
    out[order] = side
    return out * min(0.06, 0.8 / max(int(count.max(initial=1)), 1))


def dependence_figure(
    points: pd.DataFrame, palette: Palette, *, feature: str, partner: str | None, title: str, ordered: bool,
    active: frozenset[int] = frozenset(),
) -> go.Figure:  # fmt: skip
    """Draw one feature's contributions along its value, coloured by its strongest partner.

    Parameters
    ----------
    points : DataFrame
        What `dependence_points` returns. A point's `customdata` is its row.
    ordered : bool
        Whether the values are numbers; else they stand side by side.
    active : frozenset of int
        Rows of the cohort, which have a ring.
    """
    plot = figure(palette, height=430, x=plotly_text(feature), y=plotly_text(title), legend=True)
    drawn = points[points["text"] != "missing"] if ordered else points
    x: Any = drawn["value"].astype(float) if ordered else [plotly_text(t, 24) for t in drawn["text"]]
    texts = [
        f"{plotly_text(feature)} = {plotly_text(r.text, 40)}<br>contributes {number(r.contribution)}"
        + (f"<br>{plotly_text(partner)} = {plotly_text(r.partner_text, 40)}" if partner else "")
        + f"<br>row {r.row}"
        for r in records(drawn)
    ]
    rings = [1.6 if int(row) in active else 0.0 for row in drawn["row"]]
    levels = drawn["partner_level"]
    shared: dict[str, Any] = {
        "mode": "markers", "hoverinfo": "text", "unselected": {"marker": {"opacity": 0.2}},
    }  # fmt: skip
    line = {"width": rings, "color": palette.text}
    if partner is None or levels.notna().any():
        colour = {
            "color": levels.fillna(0.5), "colorscale": scale(palette.diverging), "cmin": 0, "cmax": 1,
            "showscale": True, "colorbar": _value_key(plot, f"value of {partner}"),
        } if partner else {"color": palette.cohort}  # fmt: skip
        marker = {"size": 6, "opacity": 0.8, "line": line} | colour
        plot.add_scatter(x=x, y=drawn["contribution"], customdata=drawn["row"], hovertext=texts, marker=marker,
                         showlegend=False, **shared)  # fmt: skip
    else:
        plot.update_layout(margin={"t": 50})  # for the legend
        _by_category(plot, drawn, (x, texts, rings), palette, shared)
    lost = points[points["text"] == "missing"] if ordered else points.iloc[:0]
    if len(lost):
        level = float(lost["contribution"].mean())
        plot.add_hline(y=level, line={"color": palette.good, "width": 1.5, "dash": "dot"},
                       annotation_text=f"missing: {number(level)} ({len(lost):,} rows)")  # fmt: skip
    plot.update_layout(dragmode=False)
    plot.update_xaxes(type=None if ordered else "category", zeroline=False)
    return plot


def _by_category(
    plot: go.Figure, drawn: pd.DataFrame, parts: tuple[Any, list[str], list[float]], palette: Palette,
    shared: dict[str, Any],
) -> None:  # fmt: skip
    """Draw a trace for each of the partner's most frequent categories, and one for the others."""
    frequent = drawn["partner_text"].value_counts().index[: len(palette.series) - 1]
    label = drawn["partner_text"].where(drawn["partner_text"].isin(frequent), "others")
    x, texts, rings = pd.Series(list(parts[0])), pd.Series(parts[1]), pd.Series(parts[2])
    for i, name in enumerate([*frequent, "others"]):
        inside = (label == name).to_numpy()
        if not inside.any():
            continue
        plot.add_scatter(
            x=x[inside], y=drawn["contribution"][inside], customdata=drawn["row"][inside], hovertext=texts[inside],
            name=plotly_text(name, 24),
            marker={"size": 6, "opacity": 0.8, "color": palette.series[i],
                    "line": {"width": rings[inside], "color": palette.text}}, **shared,
        )  # fmt: skip
