"""Importance, part by part: one row's waterfall, permutations, pairs, and the deletion curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.importance import MOST_BARS, axis_names, draw_bar, panels, records
from components.charts.theme import Palette, colour_key, figure, scale
from components.text import number, plotly_text, value_text

MOST_PAIRED, MOST_STEPS, MOST_SLICES = 16, 14, 24


@dataclass(frozen=True)
class Step:
    """A bar of the waterfall, or with `is_level` a level that it begins or ends at."""

    label: str
    start: float
    size: float
    is_level: bool = False

    @property
    def text(self) -> str:
        """The number beside it."""
        if self.is_level:
            return number(self.start)
        return f"{'+' if self.size >= 0 else ''}{number(self.size)}"


def waterfall_steps(table: pd.DataFrame, base: float, column: str, what: str) -> list[Step]:
    """Return the steps from the base to the sum, the largest first; small ones are put together."""
    ordered = table.reindex(table[column].abs().sort_values(ascending=False, kind="stable").index)
    head, tail = ordered.head(MOST_STEPS), ordered.iloc[MOST_STEPS:]
    moves = [(f"{r.feature} = {value_text(r.value)}", float(getattr(r, column))) for r in records(head)]
    if len(tail):
        moves.append((f"{len(tail)} other features", float(tail[column].sum())))
    steps, at = [Step("base", base, 0.0, is_level=True)], base
    for label, size in moves:
        steps.append(Step(label, at, size))
        at += size
    return [*steps, Step(what, at, 0.0, is_level=True)]


def waterfall_figure(
    table: pd.DataFrame, palette: Palette, *, base: float, column: str, title: str, what: str
) -> go.Figure:
    """Draw how one row's output, or its loss, comes about: from the base, feature by feature, the largest first.

    Parameters
    ----------
    table : DataFrame
        One output's rows of `ImportanceResult.waterfall`.
    base : float
    column : {"contribution", "error_contribution"}
    title : str
        Of the horizontal axis.
    what : str
        What the sum is, such as "this row".
    """
    steps = waterfall_steps(table, base, column, what)[::-1]
    places = list(range(len(steps)))
    up, down = (
        (palette.error, palette.good) if column == "error_contribution" else (palette.diverging[-1], palette.cohort)
    )
    plot = figure(palette, height=110 + 26 * len(steps), x=plotly_text(title), legend=False)
    moves = [(i, s) for i, s in zip(places, steps, strict=True) if not s.is_level]
    plot.add_bar(
        x=[s.size for _, s in moves], base=[s.start for _, s in moves], y=[i for i, _ in moves], orientation="h",
        marker={"color": [up if s.size > 0 else down for _, s in moves]}, width=0.7, hoverinfo="text",
        hovertext=[f"{plotly_text(s.label)}: {s.text}" for _, s in moves],
    )  # fmt: skip
    for i, step in zip(places, steps, strict=True):
        right = max(step.start, step.start + step.size)
        if step.is_level:
            plot.add_shape(type="line", x0=step.start, x1=step.start, y0=i - 0.35, y1=i + 0.35,
                           line={"color": palette.text, "width": 3})  # fmt: skip
        plot.add_annotation(x=right, y=i, text=step.text, showarrow=False, xanchor="left", xshift=6,
                            font={"size": 12, "color": palette.text})  # fmt: skip
    plot.add_vline(x=base, line={"color": palette.line, "width": 1, "dash": "dot"}, layer="below")
    plot.update_yaxes(tickvals=places, ticktext=[plotly_text(s.label, 34) for s in steps], showgrid=False,
                      zeroline=False, range=[-0.6, len(steps) - 0.4])  # fmt: skip
    ends = [e for s in steps for e in (s.start, s.start + s.size)]
    pad = 0.08 * ((max(ends) - min(ends)) or 1.0)
    plot.update_xaxes(range=[min(ends) - pad, max(ends) + 2.5 * pad], zeroline=False, showgrid=True)
    return plot


def permutation_figure(table: pd.DataFrame, palette: Palette, *, measure: str) -> go.Figure:
    """Draw by how much the loss grows when a feature is permuted, with intervals.

    Parameters
    ----------
    table : DataFrame
        What `permutation_table` returns.
    """
    drawn = table.head(MOST_BARS)[::-1]
    plot = panels(palette, 110 + 24 * len(drawn), [(f"growth of the mean {measure}",)])
    part = drawn.rename(columns={"importance": "value"}).assign(share=np.nan)
    draw_bar(plot, axis_names(drawn["feature"].tolist()), part,
         {"color": palette.error, "name": "growth", "column": 1, "palette": palette})  # fmt: skip
    plot.update_xaxes(zeroline=True, zerolinecolor=palette.muted)
    plot.update_layout(showlegend=False, bargap=0.35)
    return plot


def paired_features(pairs: pd.DataFrame) -> list[str]:
    """Return the features that interact most, at most `MOST_PAIRED`, the strongest first."""
    ends = pd.concat([pairs[["first", "strength"]].set_axis(["feature", "strength"], axis=1),
                      pairs[["second", "strength"]].set_axis(["feature", "strength"], axis=1)])  # fmt: skip
    total = ends.groupby("feature", sort=False)["strength"].sum().sort_values(ascending=False, kind="stable")
    return [str(name) for name in total.index[:MOST_PAIRED]]


def pairs_figure(pairs: pd.DataFrame, palette: Palette, *, value: str) -> go.Figure:
    """Draw the interaction of every two features as a matrix.

    Parameters
    ----------
    pairs : DataFrame
        `ImportanceResult.pairs`. A point's `customdata` is a pair's position in it.
    value : {"h", "strength"}
    """
    features = paired_features(pairs)
    place = {f: i for i, f in enumerate(features)}
    shown = pairs[pairs["first"].isin(place) & pairs["second"].isin(place)]
    matrix = np.full((len(features), len(features)), np.nan)
    np.fill_diagonal(matrix, np.nan)
    for r in records(shown):
        matrix[place[r.first], place[r.second]] = matrix[place[r.second], place[r.first]] = getattr(r, value)
    names = [plotly_text(f, 18) for f in features]
    ticks = list(range(len(features)))
    plot = figure(palette, height=190 + 26 * len(features), legend=False)
    title = "H" if value == "h" else "strength"
    plot.add_heatmap(
        x=ticks, y=ticks, z=matrix, colorscale=scale(palette.sequential), zmin=0, hoverinfo="skip", xgap=1, ygap=1,
        colorbar=colour_key(plot, title),
    )  # fmt: skip
    both = [(place[r.first], place[r.second], i, r) for i, r in zip(shown.index, records(shown), strict=True)]
    both += [(y, x, i, r) for x, y, i, r in both]
    plot.add_scatter(
        x=[b[0] for b in both], y=[b[1] for b in both], mode="markers", customdata=[int(b[2]) for b in both],
        marker={"size": 22, "opacity": 0, "symbol": "square"}, hoverinfo="text",
        hovertext=[f"<b>{plotly_text(r.first)} × {plotly_text(r.second)}</b><br>H {number(r.h)}<br>"
                   f"strength {number(r.strength)}" for *_, r in both],
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip
    plot.update_xaxes(
        tickvals=ticks, ticktext=names, tickangle=-90, tickfont={"size": 11}, zeroline=False, showgrid=False
    )
    plot.update_yaxes(tickvals=ticks, ticktext=names, autorange="reversed", zeroline=False, showgrid=False)
    return plot


def deletion_figure(curve: pd.DataFrame, palette: Palette, *, title: str) -> go.Figure:
    """Draw how the output changes while features are replaced, in the explanation's order and at random."""
    plot = figure(palette, height=300, x="share of features replaced", y=plotly_text(title))
    plot.add_scatter(x=curve["removed"], y=curve["random"], name="random order",
                     line={"color": palette.muted, "width": 2, "dash": "dot"})  # fmt: skip
    plot.add_scatter(x=curve["removed"], y=curve["explained"], name="most important first",
                     line={"color": palette.cohort, "width": 3})  # fmt: skip
    plot.update_xaxes(tickformat=".0%")
    return plot


def fidelity_figure(table: pd.DataFrame, palette: Palette, *, measure: str, limit: float) -> go.Figure:
    """Draw how well the surrogate says in each slice what the model says, the least faithful first.

    Parameters
    ----------
    table : DataFrame
        Rows of `Surrogate.fidelity`. A point's `customdata` is its row's label.
    measure : {"agreement", "r2"}
    limit : float
        Below it the surrogate is not to be trusted.
    """
    drawn = table.sort_values(measure, kind="stable").head(MOST_SLICES)[::-1]
    title = "share of the same decisions" if measure == "agreement" else "R²"
    plot = figure(palette, height=110 + 22 * len(drawn), x=title, legend=False)
    colours = {True: palette.good, False: palette.error, None: palette.muted}
    tints = [colours[v] for v in drawn["trusted"]]
    spans = {
        "type": "data", "symmetric": False, "array": drawn["high"] - drawn[measure], "thickness": 1.2, "width": 0,
        "arrayminus": drawn[measure] - drawn["low"], "color": palette.muted,
    } if measure == "agreement" else None  # fmt: skip
    plot.add_scatter(
        x=drawn[measure], y=axis_names(drawn["slice"].tolist(), 44), mode="markers", customdata=drawn.index,
        marker={"size": 10, "color": tints}, error_x=spans, hoverinfo="text", unselected={"marker": {"opacity": 1}},
        hovertext=[
            f"<b>{plotly_text(r.slice)}</b><br>same decision {number(r.agreement)}<br>R² {number(r.r2)}"
            f"<br>{r.rows:,} rows"
            for r in records(drawn)
        ],
    )  # fmt: skip
    plot.add_vline(x=limit, line={"color": palette.error, "width": 1, "dash": "dot"}, layer="below")
    plot.update_yaxes(showgrid=False)
    plot.update_xaxes(showgrid=True, zeroline=False)
    return plot
