"""Residuals: against an axis, their distribution, and their quantiles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.theme import Palette, figure, scale
from components.text import plotly_text


def cloud_figure(
    points: pd.DataFrame,
    cells: pd.DataFrame,
    trend: pd.DataFrame,
    palette: Palette,
    *,
    axis: str,
    title: str,
    active: frozenset[int] = frozenset(),
    cohort: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw residuals along a numeric axis with their trend; cells instead of points where there are too many rows.

    Parameters
    ----------
    points, cells, trend : DataFrame
        Of `ResidualsResult`; cells are drawn where there are any, with an invisible point each, so that a lasso and
        a click work on them too.
    axis, title : str
        What lies along the axis, and which residual.
    active : frozenset of int
        Rows of the active cohort among the points.
    cohort : DataFrame, optional
        The trend of the active cohort alone.
    """
    plot = figure(palette, height=480, x=plotly_text(axis), y=plotly_text(title))
    if len(cells):
        _cells(plot, cells, palette)
    else:
        inside = points["row"].isin(active)
        for part, colour, name in (
            (points[~inside], palette.muted, "rows"), (points[inside], palette.cohort, "rows of the cohort"),
        ):  # fmt: skip
            if len(part):
                plot.add_scatter(
                    x=part["x"], y=part["residual"], mode="markers", name=name, customdata=part["row"],
                    marker={"color": colour, "size": 5, "opacity": 0.55},
                    hovertemplate="row %{customdata}<br>%{x}: %{y:.4g}<extra></extra>",
                )  # fmt: skip
    plot.add_hline(y=0, line={"color": palette.line})
    if len(trend):
        plot.add_scatter(
            x=trend["x"], y=trend["residual"], mode="lines", name="trend (LOWESS)", hoverinfo="skip",
            line={"color": palette.error, "width": 3},
        )  # fmt: skip
    if cohort is not None and len(cohort):
        plot.add_scatter(
            x=cohort["x"], y=cohort["residual"], mode="lines", name="trend of the cohort", hoverinfo="skip",
            line={"color": palette.cohort, "width": 3},
        )  # fmt: skip
    plot.update_layout(dragmode="select")
    return plot


def _cells(plot: go.Figure, cells: pd.DataFrame, palette: Palette) -> None:
    wide = cells.pivot_table(index="y", columns="x", values="rows", aggfunc="sum")
    counts = wide.to_numpy(dtype=float)
    plot.add_heatmap(
        x=wide.columns, y=wide.index, z=np.log10(counts) + 0.3, customdata=counts, showscale=False, hoverongaps=False,
        colorscale=scale((palette.faint, palette.muted)),
        hovertemplate="%{customdata:,} rows near %{x:.4g}, %{y:.4g}<extra></extra>",
    )  # fmt: skip
    plot.add_scatter(
        x=cells["x"], y=cells["y"], mode="markers", showlegend=False, hoverinfo="skip",
        marker={"opacity": 0, "size": 9}, customdata=cells[["width", "height"]].to_numpy(),
    )  # fmt: skip


def groups_figure(groups: pd.DataFrame, palette: Palette, *, axis: str, title: str) -> go.Figure:
    """Draw the mean residual of each category with its interval."""
    names = [plotly_text(v, 30) for v in groups["x"]]
    plot = figure(palette, height=460, x=plotly_text(axis), y=f"Mean {plotly_text(title)}", legend=False)
    plot.add_hline(y=0, line={"color": palette.line})
    plot.add_scatter(
        x=names, y=groups["mean"], mode="markers", marker={"color": palette.error, "size": 10},
        customdata=groups["rows"], hovertemplate="%{x}: %{y:.4g}<br>%{customdata:,} rows<extra></extra>",
        error_y={
            "type": "data", "symmetric": False, "array": groups["high"] - groups["mean"],
            "arrayminus": groups["mean"] - groups["low"], "color": palette.muted,
        },
    )  # fmt: skip
    plot.update_xaxes(type="category")
    return plot


def histogram_figure(table: pd.DataFrame, palette: Palette, *, title: str) -> go.Figure:
    """Draw the distribution of the residuals."""
    plot = figure(palette, height=320, x=plotly_text(title), y="Rows", legend=False)
    plot.add_bar(
        x=(table["low"] + table["high"]) / 2, y=table["rows"], width=table["high"] - table["low"],
        marker={"color": palette.muted, "line": {"width": 0}}, customdata=table[["low", "high"]].to_numpy(),
        hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{y:,} rows<extra></extra>",
    )  # fmt: skip
    return plot


def quantile_figure(table: pd.DataFrame, palette: Palette, *, title: str) -> go.Figure:
    """Draw the quantiles of the residuals against those of a normal distribution, with a line through the quarters."""
    plot = figure(palette, height=320, x="Standard normal quantile", y=plotly_text(title), legend=False)
    x, y = table["normal"].to_numpy(), table["residual"].to_numpy()
    if len(x) >= 4:
        low, high = np.interp([-0.6745, 0.6745], x, y)
        slope = (high - low) / 1.349
        ends = np.array([x[0], x[-1]])
        plot.add_scatter(
            x=ends, y=(low + high) / 2 + slope * ends, mode="lines", hoverinfo="skip",
            line={"color": palette.line, "dash": "dot"},
        )  # fmt: skip
    plot.add_scatter(
        x=x, y=y, mode="markers", marker={"color": palette.error, "size": 5},
        hovertemplate="%{x:.2f}: %{y:.4g}<extra></extra>",
    )  # fmt: skip
    return plot
