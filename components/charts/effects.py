"""Effect curves: one feature, the gallery of all, and the surface of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from components.charts.theme import FONT, Palette, colour_key, figure, scale
from components.text import number, plotly_text, value_text

MISSING = "missing"
MAX_DRAWN = 60


@dataclass(frozen=True)
class CurveLook:
    """How the curves of one feature are drawn.

    Parameters
    ----------
    title : str
        Of the vertical axis.
    ordered : bool
        Whether the values can be joined by a line; else bars are drawn.
    centred : bool
        Whether every individual curve starts at 0.
    """

    title: str
    ordered: bool
    centred: bool


def curve_figure(
    curves: pd.DataFrame,
    lines: pd.DataFrame,
    palette: Palette,
    look: CurveLook,
    *,
    rest: pd.DataFrame | None = None,
    groups: pd.DataFrame | None = None,
    thin: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw one output's curves of one feature, with the data's distribution below.

    Parameters
    ----------
    curves, lines, groups : DataFrame
        One output's rows of `EffectsResult.curves`, `EffectsResult.lines` and `EffectsResult.groups`.
    thin : DataFrame
        `EffectsResult.thin`.
    palette : Palette
    look : CurveLook
    rest : DataFrame, optional
        The curves of the rows outside the active cohort, drawn beside.
    """
    feature = plotly_text(curves["feature"].iloc[0])
    plot = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.82, 0.18], vertical_spacing=0.03)
    base = figure(palette, height=500, y=plotly_text(look.title))
    plot.update_layout(base.layout)
    plot.update_layout(
        yaxis={"domain": [0.22, 1]},
        yaxis2=base.layout.yaxis.to_plotly_json() | {"domain": [0, 0.17], "nticks": 3},
        xaxis2=base.layout.xaxis.to_plotly_json(),
        bargap=0.15,
    )
    plot.update_layout(yaxis2_title_text="rows", xaxis2_title_text=feature)
    plot.update_xaxes(zeroline=False)
    known = curves[curves["value"].notna()]
    if look.ordered and len(known):
        _ordered(plot, known, lines, palette, centred=look.centred, rest=rest)
        if thin is not None:
            _shade(plot, thin, palette)
        if groups is not None:
            _grouped(plot, groups, palette, centred=look.centred)
        _missing_mark(plot, curves, known, palette)
    else:
        _bars(plot, curves, palette, rest=rest)
    return plot


def _ordered(
    plot: go.Figure,
    known: pd.DataFrame,
    lines: pd.DataFrame,
    palette: Palette,
    *,
    centred: bool,
    rest: pd.DataFrame | None,
) -> None:
    x = known["value"].astype(float).to_numpy()
    shift = known["pdp"].iloc[0] if centred else 0.0
    _individual(plot, lines, palette, centred=centred)
    band = np.concatenate([known["pdp_high"] - shift, (known["pdp_low"] - shift)[::-1]])
    plot.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=band, fill="toself", line={"width": 0}, hoverinfo="skip",
        fillcolor=_faded(palette.cohort, 0.22), name="95 % interval of the mean", row=1, col=1,
    )  # fmt: skip
    plot.add_scatter(
        x=x, y=known["pdp"] - shift, mode="lines+markers", name="partial dependence (mean)", row=1, col=1,
        line={"color": palette.cohort, "width": 3}, marker={"size": 5},
        customdata=np.stack([known["pdp_low"], known["pdp_high"], known["rows"], known["support"]], axis=1),
        hovertemplate="%{x}: %{y:.4g}<br>%{customdata[0]:.4g} to %{customdata[1]:.4g}"
        "<br>%{customdata[2]:,} rows nearest<br>%{customdata[3]:.1%} of rows within reach<extra></extra>",
    )  # fmt: skip
    if known["ale"].notna().any():
        level = known["pdp"].to_numpy() @ known["rows"].to_numpy() / max(known["rows"].sum(), 1)
        ale = known["ale"] - known["ale"].iloc[0] if centred else known["ale"] + level
        plot.add_scatter(
            x=x, y=ale, mode="lines", name="accumulated local effect" + ("" if centred else " (at the mean's level)"),
            line={"color": palette.caution, "width": 2.5, "dash": "dash"}, row=1, col=1,
            customdata=known["ale_rows"],
            hovertemplate="%{x}: %{y:.4g}<br>%{customdata:,} rows in the bin that ends here<extra>ALE</extra>",
        )  # fmt: skip
    if rest is not None:
        others = rest[rest["value"].notna()]
        base = others["pdp"].iloc[0] if centred and len(others) else 0.0
        plot.add_scatter(
            x=others["value"].astype(float), y=others["pdp"] - base, mode="lines", name="rows outside the cohort",
            line={"color": palette.muted, "width": 2, "dash": "dot"}, row=1, col=1,
        )  # fmt: skip
    plot.add_bar(
        x=x, y=known["rows"], marker={"color": palette.line}, showlegend=False, row=2, col=1,
        hovertemplate="%{x}: %{y:,} rows nearest<extra></extra>",
    )  # fmt: skip


def _grouped(plot: go.Figure, groups: pd.DataFrame, palette: Palette, *, centred: bool) -> None:
    """Draw the mean of each of two groups that the mean of all hides."""
    for (name, part), colour in zip(groups.groupby("group", sort=False), (palette.good, palette.error), strict=True):
        known = part[part["value"].notna()]
        shift = known["pdp"].iloc[0] if centred else 0.0
        plot.add_scatter(
            x=known["value"].astype(float), y=known["pdp"] - shift, mode="lines", row=1, col=1,
            name=f"{plotly_text(name, 40)} ({part['rows'].iloc[0]:,} rows)", line={"color": colour, "width": 2.5},
            hovertemplate="%{x}: %{y:.4g}<extra></extra>",
        )  # fmt: skip


def _individual(plot: go.Figure, lines: pd.DataFrame, palette: Palette, *, centred: bool) -> None:
    """Draw the rows' own curves as one trace: gaps between them keep it fast."""
    known = lines[lines["value"].notna()]
    wide = known.pivot_table(index="row", columns="value", values="ice", aggfunc="first").iloc[:MAX_DRAWN]
    if not len(wide.columns):
        return
    values = wide.to_numpy(dtype=float)
    if centred:
        values = values - values[:, :1]
    gap = np.full((len(values), 1), np.nan)
    x = np.tile(np.append(wide.columns.to_numpy(dtype=float), np.nan), len(values))
    plot.add_scatter(
        x=x, y=np.hstack([values, gap]).ravel(), mode="lines", hoverinfo="skip", row=1, col=1,
        name=f"single rows ({len(values)} drawn)", line={"color": _faded(palette.muted, 0.28), "width": 1},
    )  # fmt: skip


def _shade(plot: go.Figure, thin: pd.DataFrame, palette: Palette) -> None:
    """Shade where hardly any row lies: the curve is extrapolated there."""
    for i, (low, high) in enumerate(zip(thin["low"], thin["high"], strict=True)):
        plot.add_vrect(
            x0=low, x1=high, fillcolor=palette.caution, opacity=0.14, line_width=0, row=1, col=1, layer="below",
            name="under 1 % of rows near", showlegend=i == 0,
        )  # fmt: skip


def _missing_mark(plot: go.Figure, curves: pd.DataFrame, known: pd.DataFrame, palette: Palette) -> None:
    """Draw the prediction for missing values as a line of its own: it has no place on the axis."""
    missing = curves[curves["value"].isna()]
    if len(missing) and len(known):
        level, rows = float(missing["pdp"].iloc[0]), int(missing["rows"].iloc[0])
        plot.add_hline(
            y=level, line={"color": palette.good, "width": 1.5, "dash": "dot"}, row=1, col=1,
            annotation_text=f"missing: {number(level)} ({rows:,} rows)",
        )  # fmt: skip


def _bars(plot: go.Figure, curves: pd.DataFrame, palette: Palette, *, rest: pd.DataFrame | None) -> None:
    names = [plotly_text(v if v is not None and v == v else MISSING, 28) for v in curves["value"]]  # noqa: PLR0124
    plot.update_xaxes(type="category")
    plot.add_bar(
        x=names, y=curves["pdp"], name="partial dependence (mean)", marker={"color": palette.cohort}, row=1, col=1,
        error_y={
            "type": "data", "symmetric": False, "color": palette.text, "thickness": 1.2,
            "array": curves["pdp_high"] - curves["pdp"], "arrayminus": curves["pdp"] - curves["pdp_low"],
        },
        hovertemplate="%{x}: %{y:.4g}<extra></extra>",
    )  # fmt: skip
    if rest is not None:
        others = [plotly_text(v if v is not None and v == v else MISSING, 28) for v in rest["value"]]  # noqa: PLR0124
        plot.add_bar(
            x=others, y=rest["pdp"], name="rows outside the cohort", marker={"color": palette.line}, row=1, col=1
        )
    plot.add_bar(x=names, y=curves["rows"], marker={"color": palette.line}, showlegend=False, row=2, col=1)


def gallery_figure(curves: pd.DataFrame, ranking: pd.DataFrame, palette: Palette, *, columns: int = 4) -> go.Figure:
    """Draw small curves of every feature on one scale, the widest range first.

    Parameters
    ----------
    curves, ranking : DataFrame
        `EffectsResult.curves` of one output, and `EffectsResult.ranking`.
    """
    features = ranking["feature"].tolist()
    n_rows = max(1, -(-len(features) // columns))
    titles = [plotly_text(f, 30) for f in features]
    plot = make_subplots(
        rows=n_rows, cols=columns, shared_yaxes="all", subplot_titles=titles,
        horizontal_spacing=0.03, vertical_spacing=min(0.09, 0.45 / n_rows),
    )  # fmt: skip
    plot.update_layout(figure(palette, height=110 + 170 * n_rows, legend=False).layout)
    plot.update_annotations(font={"size": 12, "color": palette.text, "family": FONT})
    plot.update_layout(margin={"b": 36, "t": 36})
    plot.update_xaxes(
        showgrid=False, zeroline=False, nticks=4, tickfont={"size": 10, "color": palette.muted}, linecolor=palette.line,
        # On a phone the labels of neighbours would run into each other.
        tickangle=0, ticklabeloverflow="hide past domain",
    )  # fmt: skip
    plot.update_yaxes(gridcolor=palette.faint, nticks=4, tickfont={"size": 10, "color": palette.muted})
    groups = dict(iter(curves.groupby("feature", sort=False)))
    for i, feature in enumerate(features):
        part = groups[feature]
        at = {"row": i // columns + 1, "col": i % columns + 1}
        known = part[part["value"].notna()]
        if known["ale"].notna().any():
            x = known["value"].astype(float)
            line = {"color": palette.cohort, "width": 2}
            plot.add_scatter(x=x, y=known["pdp"], mode="lines", line=line, name=plotly_text(feature), **at)
        else:
            names = [plotly_text(v, 14) for v in known["value"]]
            plot.add_scatter(
                x=names, y=known["pdp"], mode="markers", marker={"color": palette.cohort, "size": 7},
                name=plotly_text(feature), **at,
            )  # fmt: skip
    return plot


def surface_figure(surface: pd.DataFrame, palette: Palette, *, title: str, solid: bool) -> go.Figure:
    """Draw the partial dependence of two features as a heat map or as a surface in space.

    Parameters
    ----------
    surface : DataFrame
        One output's rows of `EffectsResult.surface`.
    solid : bool
        In space; both features have to be numbers.
    """
    x, y = plotly_text(surface["feature"].iloc[0]), plotly_text(surface["other"].iloc[0])
    if solid:
        surface = surface[surface["x"].notna() & surface["y"].notna()]
    wide = surface.assign(x=_named(surface["x"]), y=_named(surface["y"])).pivot_table(
        index="y", columns="x", values="pdp", sort=False, aggfunc="first"
    )
    plot = figure(palette, height=520, x=x, y=y, legend=False)
    colours = {"colorscale": scale(palette.sequential), "colorbar": colour_key(plot, plotly_text(title, 30))}
    if solid:
        plot.add_surface(x=wide.columns.to_list(), y=wide.index.to_list(), z=wide.to_numpy(), **colours)
        axis = {"gridcolor": palette.line, "backgroundcolor": "rgba(0,0,0,0)", "color": palette.muted}
        titles = {"xaxis": x, "yaxis": y, "zaxis": plotly_text(title, 30)}
        scene = {a: axis | {"title": {"text": t}} for a, t in titles.items()}
        plot.update_layout(scene=scene | {"camera": {"eye": {"x": -1.5, "y": -1.7, "z": 0.9}}}, dragmode="orbit")
        return plot
    plot.add_heatmap(
        x=wide.columns, y=wide.index, z=wide.to_numpy(), hovertemplate="%{x}, %{y}: %{z:.4g}<extra></extra>", **colours
    )
    # Numbers as text would be put on a numeric axis again, and "missing" with them.
    plot.update_xaxes(type=None if pd.api.types.is_numeric_dtype(wide.columns) else "category")
    plot.update_yaxes(type=None if pd.api.types.is_numeric_dtype(wide.index) else "category")
    return plot


def _named(values: pd.Series) -> pd.Series:
    """Return numbers as they are where all are numbers, else every value as text that is safe for plotly."""
    if values.map(lambda v: isinstance(v, int | float) and not isinstance(v, bool)).all() and values.notna().all():
        return values.astype(float)
    return values.map(lambda v: plotly_text(value_text(v), 20))


def _faded(colour: str, alpha: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
