"""Weak slices: how the measure spreads in one, all by size and effect, their overlap, and two models' slices."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.theme import Palette, figure, inks, scale
from components.text import interval, number, percent, plotly_text

SYMBOLS = {"confirmed": "circle", "not confirmed": "circle-open", "too few rows": "diamond-open"}


def verdict_colours(palette: Palette) -> dict[str, str]:
    """Return the colour of each verdict."""
    return {"confirmed": palette.error, "not confirmed": palette.muted, "too few rows": palette.caution}


def spread_figure(spread: pd.DataFrame, palette: Palette) -> go.Figure:
    """Draw how the measure is distributed in one slice, as bars, and outside it, as a line.

    Parameters
    ----------
    spread : DataFrame
        The rows of one slice of `WeakSlicesResult.spread`.
    """
    plot = figure(palette, height=112, legend=False)
    two = len(spread) == 2  # a share: the only values are 0 and 1
    x = ["right", "wrong"] if two else (spread["low"] + spread["high"]) / 2
    names = x if two else [f"{number(a)} to {number(b)}" for a, b in zip(spread["low"], spread["high"], strict=True)]
    texts = [
        f"{plotly_text(name)}<br>in the slice {percent(a)}<br>outside {percent(b)}"
        for name, a, b in zip(names, spread["inside"], spread["rest"], strict=True)
    ]
    plot.add_bar(
        x=x, y=spread["inside"], marker={"color": palette.error, "opacity": 0.75}, hovertext=texts, hoverinfo="text"
    )
    plot.add_scatter(
        x=x, y=spread["rest"], mode="markers" if two else "lines", hoverinfo="skip",
        line={"color": palette.muted, "width": 2, "shape": "hvh"},
        marker={"color": palette.muted, "size": 16, "symbol": "line-ew", "line": {"width": 3, "color": palette.muted}},
    )  # fmt: skip
    plot.update_layout(bargap=0.5 if two else 0.12, margin={"l": 0, "r": 0, "t": 4, "b": 0})
    plot.update_xaxes(title=None, nticks=4, tickfont={"size": 11})
    plot.update_yaxes(visible=False, rangemode="tozero")
    return plot


def map_figure(slices: pd.DataFrame, palette: Palette, *, title: str, active: str = "") -> go.Figure:
    """Draw every slice by its share of the rows and how far its mean lies above the rest, with intervals.

    Parameters
    ----------
    slices : DataFrame
        `WeakSlicesResult.slices`. A point's `customdata` is the slice's position.
    title : str
    active : str
        Predicate of the active cohort; the slice that equals it is outlined.
    """
    plot = figure(
        palette, height=420, x="Share of all rows", y=f"Difference in {plotly_text(title)} from the rest, held-out half"
    )
    plot.add_hline(y=0, line={"color": palette.line})
    positions = slices.assign(position=range(len(slices)))
    for verdict, colour in verdict_colours(palette).items():
        part = positions[positions["verdict"] == verdict]
        if not len(part):
            continue
        plot.add_scatter(
            x=part["share"], y=part["difference"], mode="markers+text", name=verdict, customdata=part["position"],
            text=[f"{p + 1}" for p in part["position"]], textposition="top right", textfont={"color": palette.muted},
            hovertext=[_hover(row, title) for row in part.itertuples()], hoverinfo="text",
            marker={
                "color": colour, "symbol": SYMBOLS[verdict],
                "size": 9 + 26 * np.sqrt(part["share_of_loss"].fillna(0).clip(0, 1)),
                "line": {"width": [4 if sql == active else 1.5 for sql in part["sql"]],
                         "color": [palette.cohort if sql == active else colour for sql in part["sql"]]},
            },
            error_y={
                "type": "data", "symmetric": False, "array": (part["high"] - part["difference"]).fillna(0),
                "arrayminus": (part["difference"] - part["low"]).fillna(0), "color": palette.muted, "thickness": 1,
                "width": 0,
            },
        )  # fmt: skip
    low, high = slices["share"].min() / 1.6, min(1.15, slices["share"].max() * 1.6)
    plot.update_xaxes(type="log", tickformat=".1~%", dtick="D2", range=[np.log10(low), np.log10(high)])
    return plot


def _hover(row: Any, title: str) -> str:
    lines = "<br>".join(plotly_text(line, 120) for line in wrap(row.slice, 70, max_lines=6))
    return (
        f"<b>{lines}</b><br>{row.rows:,} rows ({percent(row.share)})"
        f"<br>{plotly_text(title)}, held-out half: {number(row.held_out_loss)} against {number(row.rest_loss)}"
        f"<br>difference {interval(row.low, row.high)}<br>{percent(row.share_of_loss)} of the total"
    )


def overlap_figure(overlap: pd.DataFrame, palette: Palette) -> go.Figure:
    """Draw which share of each slice's rows also lies in each other one.

    Parameters
    ----------
    overlap : DataFrame
        `WeakSlicesResult.overlap`. A point's `customdata` is a row's position in it.
    """
    count, colours = int(overlap["first"].max()) + 1, (palette.faint, palette.cohort)
    plot = figure(palette, height=130 + 34 * count, x="... that also lie in slice", y="Rows of slice", legend=False)
    names = [str(i + 1) for i in range(count)]
    wide = overlap.pivot_table(index="first", columns="second", values="share", dropna=False).to_numpy(dtype=float)
    plot.add_heatmap(
        x=names, y=names, z=wide, zmin=0, zmax=1, colorscale=scale(colours), showscale=False,
        xgap=2, ygap=2, hoverinfo="skip",
    )  # fmt: skip
    texts = [
        f"{percent(share)} of the rows of slice {first + 1} lie in slice {second + 1} too<br>{both:,} rows"
        for first, second, both, share, _ in overlap.itertuples(index=False, name=None)
    ]
    plot.add_scatter(
        x=[names[i] for i in overlap["second"]], y=[names[i] for i in overlap["first"]], mode="markers+text",
        marker={"opacity": 0, "size": 28, "symbol": "square"}, customdata=list(range(len(overlap))),
        text=[f"{share:.0%}" for share in overlap["share"]], hovertext=texts, hoverinfo="text",
        textfont={"size": 11, "color": inks(overlap["share"], colours)},
    )  # fmt: skip
    plot.update_xaxes(type="category", showgrid=False, side="top")
    plot.update_yaxes(type="category", showgrid=False, autorange="reversed")
    plot.update_layout(margin={"t": 60})
    return plot


def changes_figure(changes: pd.DataFrame, palette: Palette, *, title: str) -> go.Figure:
    """Draw the benchmark's and the model's mean in each slice, joined by a line.

    Parameters
    ----------
    changes : DataFrame
        What `slice_comparison.changes` returns. A point's `customdata` is the slice's position.
    title : str
    """
    plot = figure(palette, height=120 + 34 * len(changes), x=plotly_text(title))
    colours = {"got better": palette.good, "got worse": palette.error}
    names = [f"{i + 1}  {plotly_text(row.slice, 52)}" for i, row in enumerate(changes.itertuples())]
    for name, row in zip(names, changes.itertuples(), strict=True):
        plot.add_scatter(
            x=[row.benchmark_loss, row.loss], y=[name, name], mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": colours.get(str(row.change), palette.line), "width": 4},
        )  # fmt: skip
    for column, label, colour, symbol in (
        ("benchmark_loss", "benchmark", palette.muted, "circle-open"), ("loss", "model", palette.cohort, "circle"),
    ):  # fmt: skip
        plot.add_scatter(
            x=changes[column], y=names, mode="markers", name=label, customdata=list(range(len(changes))),
            marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2}},
            hovertemplate=f"{label}: %{{x:.4g}}<extra></extra>",
        )  # fmt: skip
    plot.update_yaxes(autorange="reversed", showgrid=True)
    plot.update_xaxes(rangemode="tozero")
    return plot
