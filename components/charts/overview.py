"""Charts of the scorecard: curves over the threshold, reliability, confusion, groups, and fit."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from components.charts.theme import Palette, figure, scale
from components.text import plotly_text

CURVES = {
    "roc": ("fpr", "recall", "False-positive rate", "True-positive rate"),
    "precision": ("recall", "precision", "Recall", "Precision"),
}


def curve_figure(thresholds: pd.DataFrame, chosen: float, palette: Palette, *, kind: str) -> go.Figure:
    """Draw the ROC or the precision-recall curve with the chosen threshold on it.

    Parameters
    ----------
    thresholds : DataFrame
        `OverviewResult.thresholds`.
    kind : {"roc", "precision"}
        The dotted line is a coin: the diagonal, or the share of positive rows.
    """
    x, y, x_title, y_title = CURVES[kind]
    table = thresholds.dropna(subset=[x, y]).sort_values("threshold", ascending=False)
    plot = figure(palette, height=360, x=x_title, y=y_title, legend=False)
    first = thresholds.iloc[0]
    prevalence = (first["tp"] + first["fn"]) / max(first[["tp", "fp", "fn", "tn"]].sum(), 1)
    reference = ([0, 1], [0, 1]) if kind == "roc" else ([0, 1], [prevalence, prevalence])
    plot.add_scatter(
        x=reference[0], y=reference[1], mode="lines", line={"color": palette.line, "dash": "dot"}, hoverinfo="skip"
    )
    plot.add_scatter(
        x=table[x], y=table[y], mode="lines", line={"color": palette.cohort, "width": 3}, customdata=table["threshold"],
        hovertemplate=f"{x_title} %{{x:.3f}}<br>{y_title} %{{y:.3f}}<br>threshold %{{customdata:.3f}}<extra></extra>",
    )  # fmt: skip
    here = table.iloc[(table["threshold"] - chosen).abs().argsort()[:1]]
    plot.add_scatter(
        x=here[x], y=here[y], mode="markers+text", marker={"color": palette.error, "size": 12},
        text=[f"  {chosen:g}"], textposition="middle right", hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip
    plot.update_xaxes(range=[-0.02, 1.02]).update_yaxes(range=[-0.02, 1.05])
    return plot


def cost_figure(thresholds: pd.DataFrame, chosen: float, palette: Palette) -> go.Figure:
    """Draw the mean cost per row over the threshold, with the chosen and the cheapest one."""
    table = thresholds.sort_values("threshold")
    plot = figure(palette, height=360, x="Threshold", y="Cost per row", legend=False)
    plot.add_scatter(
        x=table["threshold"], y=table["cost"], mode="lines", line={"color": palette.cohort, "width": 3},
        hovertemplate="threshold %{x:.3f}: %{y:.4g}<extra></extra>",
    )  # fmt: skip
    best = table.sort_values("cost", kind="stable").iloc[0]
    plot.add_scatter(
        x=[best["threshold"]], y=[best["cost"]], mode="markers+text", marker={"color": palette.good, "size": 12},
        text=[f"cheapest {best['threshold']:.3g}"], textposition="top center", hoverinfo="skip",
    )  # fmt: skip
    plot.add_vline(x=chosen, line={"color": palette.error, "dash": "dot"})
    plot.update_yaxes(rangemode="tozero")
    return plot


def reliability_figure(table: pd.DataFrame, palette: Palette, title: str) -> go.Figure:
    """Draw how often probabilities come true; on the diagonal they do as often as they say."""
    plot = figure(palette, height=360, x=plotly_text(title.capitalize()), y="Observed share", legend=False)
    plot.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": palette.line, "dash": "dot"}, hoverinfo="skip")
    plot.add_scatter(
        x=table["probability"], y=table["observed"], mode="markers+lines",
        marker={"color": palette.cohort, "size": 8}, line={"color": palette.cohort, "width": 1.5},
        customdata=table["rows"],
        error_y={
            "type": "data", "symmetric": False, "array": table["high"] - table["observed"],
            "arrayminus": table["observed"] - table["low"], "color": palette.muted, "thickness": 1.2,
        },
        hovertemplate="said %{x:.3f}, observed %{y:.3f}<br>%{customdata:,} rows<extra></extra>",
    )  # fmt: skip
    return plot


def confusion_figure(table: pd.DataFrame, classes: tuple[str, ...], palette: Palette) -> go.Figure:
    """Draw truth against decision; each row of the chart sums to its class."""
    wide = table.pivot_table(index="truth", columns="decision", values="rows", aggfunc="sum", fill_value=0)
    wide = wide.reindex(index=list(classes), columns=list(classes), fill_value=0)
    shares = wide.div(wide.sum(axis=1).where(wide.sum(axis=1) > 0), axis=0)
    names = [plotly_text(c, 24) for c in classes]
    plot = figure(palette, height=360, x="Decision", y="Truth", legend=False)
    many = len(classes) > 8
    plot.add_heatmap(
        x=names, y=names, z=shares.to_numpy(), customdata=wide.to_numpy(), zmin=0, zmax=1, showscale=False,
        xgap=2, ygap=2,
        colorscale=[[0, palette.faint], [1, palette.cohort]],
        texttemplate=None if many else "%{customdata:,}<br>%{z:.1%}",
        hovertemplate="truth %{y}, decided %{x}<br>%{customdata:,} rows, %{z:.1%} of the class<extra></extra>",
    )  # fmt: skip
    plot.update_xaxes(type="category", side="bottom").update_yaxes(type="category", autorange="reversed")
    return plot


def groups_figure(groups: pd.DataFrame, measure: str, title: str, overall: float, palette: Palette) -> go.Figure:
    """Draw one figure per group with its interval, and the value of all rows as a line; bars can be clicked."""
    names = [plotly_text(g, 40) for g in groups["group"]]
    plot = figure(palette, height=max(220, 60 + 34 * len(groups)), x=plotly_text(title), legend=False)
    low, high = groups.get(f"{measure}_low"), groups.get(f"{measure}_high")
    error = None
    if low is not None and high is not None:
        error = {
            "type": "data", "symmetric": False, "array": high - groups[measure], "arrayminus": groups[measure] - low,
            "color": palette.text, "thickness": 1.2,
        }  # fmt: skip
    plot.add_bar(
        y=names, x=groups[measure], orientation="h", marker={"color": palette.error}, error_x=error,
        customdata=groups["rows"], hovertemplate="%{y}: %{x:.4g}<br>%{customdata:,} rows<extra></extra>",
        selected={"marker": {"color": palette.cohort}}, unselected={"marker": {"opacity": 0.6}},
    )  # fmt: skip
    plot.add_vline(x=overall, line={"color": palette.muted, "dash": "dot"})
    plot.update_yaxes(type="category", autorange="reversed", showgrid=False)
    plot.update_layout(bargap=0.35)
    return plot


def fit_figure(cells: pd.DataFrame, palette: Palette, target: str) -> go.Figure:
    """Draw predicted against actual values, as cells coloured by rows on a logarithmic scale."""
    name = plotly_text(target, 40)
    plot = figure(palette, height=420, x=f"Actual {name}", y=f"Predicted {name}", legend=False)
    wide = cells.pivot_table(index="y", columns="x", values="rows", aggfunc="sum")
    counts = wide.to_numpy(dtype=float)
    plot.add_heatmap(
        x=wide.columns, y=wide.index, z=pd.DataFrame(counts).map(_log10).to_numpy(), customdata=counts,
        colorscale=scale((palette.faint, palette.cohort)), showscale=False, hoverongaps=False,
        hovertemplate="actual %{x:.4g}, predicted %{y:.4g}: %{customdata:,} rows<extra></extra>",
    )  # fmt: skip
    ends = [float(cells[["x", "y"]].min().min()), float(cells[["x", "y"]].max().max())]
    plot.add_scatter(x=ends, y=ends, mode="lines", line={"color": palette.error, "dash": "dot"}, hoverinfo="skip")
    return plot


def _log10(count: float) -> float:
    from math import log10

    return log10(count) + 0.3 if count > 0 else float("nan")
