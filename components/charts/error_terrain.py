"""The error terrain: a tree as a map, two features as a grid or a surface; colour is the mean error throughout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.theme import Palette, colour_key, figure, inks, scale
from components.text import interval, number, percent, plotly_text

# Pixels that the labels of the tree are wrapped for; where the screen is narrower those that do not fit are left out.
LABEL_WIDTH, LETTER = 900, 6.6
# Height of the line that says which share of a region is part of the cohort, as a share of the region's own.
COHORT_LINE = 0.09
CONFIRMED = " ✓"


# Which share of each region is part of the cohort; None without one.
Inside = Sequence[float] | None


@dataclass(frozen=True)
class Look:
    """What the views of one terrain share.

    Parameters
    ----------
    palette : Palette
    title : str
        What the colour means, such as "mean log loss".
    top : float
        Value of the last colour; the first one is 0.
    active : str
        Predicate of the active cohort; what equals it is outlined.
    """

    palette: Palette
    title: str
    top: float
    active: str = ""

    @property
    def colours(self) -> dict[str, Any]:
        """The colour scale, from 0 to `top`."""
        return {"colorscale": scale(self.palette.sequential), "cmin": 0, "cmax": self.top}


def look(nodes: pd.DataFrame, overall: float, palette: Palette, title: str, active: str) -> Look:
    """Return the look of a terrain: the mean over all rows lies at most in the middle of the colours."""
    known = nodes.loc[nodes["enough"], "held_out_loss"]
    top = max([2 * overall, *known[np.isfinite(known)]])
    return Look(palette, title, top if top > 0 else 1.0, active)


def tree_figure(nodes: pd.DataFrame, shared: Look, inside: Inside = None) -> go.Figure:
    """Draw the tree as a map: levels from top to bottom, width = rows, colour = error, fill = share of all loss.

    Parameters
    ----------
    nodes : DataFrame
        `ErrorTerrainResult.nodes`. A point's `customdata` is its `node`.
    shared : Look
    inside : sequence of float, optional
        Which share of each node is part of the cohort.
    """
    levels = int(nodes["depth"].max()) + 1
    height = max(66, 118 - 9 * levels)
    plot = figure(shared.palette, height=90 + height * levels, legend=False)
    boxes = pd.DataFrame(
        {
            "id": nodes["node"],
            "x": nodes["start"],
            "width": nodes["share"],
            "base": -nodes["depth"] - 0.97,
            "height": 0.94,
            "value": nodes["held_out_loss"],
            "enough": nodes["enough"],
            "sql": nodes["sql"],
            "text": [_node_label(row, height) for row in _rows(nodes)],
            "hover": [_hover(row, shared.title) for row in _rows(nodes)],
            "inside": 0.0 if inside is None else inside,
        }
    )
    _boxes(plot, boxes, shared)
    below = nodes["parent"] >= 0  # the root holds all of it
    plot.add_bar(
        x=boxes["x"][below], width=boxes["width"][below], base=boxes["base"][below], offset=0, hoverinfo="skip",
        y=(boxes["height"] * nodes["share_of_loss"].fillna(0))[below],
        marker={"color": shared.palette.text, "opacity": 0.13, "line": {"width": 0}},
    )  # fmt: skip
    shares = [0, 0.25, 0.5, 0.75, 1]
    plot.update_xaxes(range=[0, 1], tickvals=shares, ticktext=[f"{share:.0%}" for share in shares])
    plot.update_yaxes(visible=False, range=[-levels - 0.03, 0.03])
    return plot


def _node_label(row: Any, height: int) -> str:
    letters = int(row.share * LABEL_WIDTH / LETTER)
    value = f"<b>{number(row.held_out_loss)}</b>" if row.enough else _few(row)
    if letters < 10:
        return value
    words = "all rows" if row.parent < 0 else row.condition
    options: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False, "placeholder": " …"}
    listed = [f"slice {row.listed + 1}{CONFIRMED if row.verdict == 'confirmed' else ''}"] if row.listed >= 0 else []
    lines = wrap(words, letters, max_lines=max(1, height // 20 - 1 - len(listed)), **options)
    return "<br>".join([*(plotly_text(line, 200) for line in lines), value, *listed])


def _few(region: Any) -> str:
    return f"{region.held_out_rows:,} row{'s' * (region.held_out_rows != 1)}"


def _hover(region: Any, title: str) -> str:
    """Return what is said of a node or a cell: the same numbers in the same words."""
    unseen = f"{number(region.held_out_loss)} ({interval(region.held_out_low, region.held_out_high)})"
    lines = [
        f"<b>{_lines(region.slice)}</b>",
        f"{plotly_text(title)}, held-out half: {unseen}, {region.held_out_rows:,} rows",
        f"searched half: {number(region.search_loss)}, {region.search_rows:,} rows",
    ]
    if np.isfinite(region.said):
        lines.append(f"its own probabilities say: {number(region.said)}")
    lines.append(f"{percent(region.share_of_loss)} of the total in {percent(region.share)} of the rows")
    if region.listed >= 0:
        lines.append(f"slice {region.listed + 1} of the list: {region.verdict}")
    if not region.enough:
        lines.append("too few held-out rows for a colour")
    return "<br>".join(lines)


def _rows(table: pd.DataFrame) -> Any:
    """Return the rows of a table, whose values are what the table's maker says."""
    return table.itertuples()


def _lines(text: str) -> str:
    return "<br>".join(plotly_text(line, 120) for line in wrap(text, 70, max_lines=6))


def grid_figure(cells: pd.DataFrame, axes: tuple[str, ...], shared: Look, inside: Inside = None) -> go.Figure:
    """Draw the grid of one or two features as a heat map.

    Parameters
    ----------
    cells : DataFrame
        `ErrorTerrainResult.cells`. A point's `customdata` is a cell's position in it.
    axes : tuple of str
        `ErrorTerrainResult.axes`.
    shared : Look
    inside : sequence of float, optional
        Which share of each cell is part of the cohort.
    """
    rows = max(1, cells["y"].nunique())
    titles = [plotly_text(axis, 60) for axis in axes]
    plot = figure(shared.palette, height=150 + min(44 * rows, 420), x=titles[0], legend=False)
    boxes = pd.DataFrame(
        {
            "id": range(len(cells)),
            "x": cells["x"] - 0.48,
            "width": 0.96,
            "base": cells["y"] - 0.48,
            "height": 0.96,
            "value": cells["held_out_loss"],
            "enough": cells["enough"],
            "sql": cells["sql"],
            "text": [number(c.held_out_loss, 2) if c.enough else _few(c) for c in _rows(cells)],
            "hover": [_hover(cell, shared.title) for cell in _rows(cells)],
            "inside": 0.0 if inside is None else inside,
        }
    )
    _boxes(plot, boxes, shared)
    plot.update_xaxes(**_ticks(cells, "x"), range=[-0.55, cells["x"].max() + 0.55])
    plot.update_yaxes(**_ticks(cells, "y"), range=[-0.55, cells["y"].max() + 0.55], showgrid=False)
    if len(titles) > 1:
        plot.update_yaxes(title={"text": titles[1]})
    return plot


def _ticks(cells: pd.DataFrame, axis: str, write: Callable[[object, int], str] = plotly_text) -> dict[str, Any]:
    names = cells.drop_duplicates(axis).sort_values(axis)
    return {"tickvals": names[axis], "ticktext": [write(v, 22) for v in names[f"{axis}_label"]], "ticks": ""}


def _in_space(text: object, limit: int) -> str:
    """Return text for an axis in space, where plotly reads tags but no entities."""
    plain = str(text)
    short = plain if len(plain) <= limit else plain[: limit - 1] + "…"
    return short.replace("<", "‹").replace(">", "›").replace("$", "＄")


def _boxes(plot: go.Figure, boxes: pd.DataFrame, shared: Look) -> None:
    """Draw rectangles as bars, which can be clicked: coloured by value, hatched where rows are too few."""
    for enough in (True, False):
        part = boxes[boxes["enough"] == enough]
        plot.add_bar(
            x=part["x"], width=part["width"], base=part["base"], y=part["height"], offset=0, customdata=part["id"],
            text=part["text"], hovertext=part["hover"], hoverinfo="text", textposition="inside", textangle=0,
            insidetextanchor="middle", marker=_fill(plot, part["value"], shared) if enough else _hatch(shared.palette),
            selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
            insidetextfont={"color": _inks(part["value"], shared) if enough else shared.palette.text},
        )  # fmt: skip
    part = boxes[boxes["inside"] > 0]
    plot.add_bar(
        x=part["x"], width=part["width"] * part["inside"], base=part["base"], y=COHORT_LINE * part["height"], offset=0,
        hoverinfo="skip", marker={"color": shared.palette.cohort, "line": {"width": 0}},
    )  # fmt: skip
    for box in boxes[boxes["sql"] == shared.active].pipe(_rows):
        plot.add_shape(
            type="rect", x0=box.x, x1=box.x + box.width, y0=box.base, y1=box.base + box.height, layer="above",
            line={"color": shared.palette.cohort, "width": 4},
        )  # fmt: skip
    plot.update_xaxes(zeroline=False)
    plot.update_yaxes(zeroline=False)
    plot.update_layout(barmode="overlay", bargap=0, uniformtext={"minsize": 10, "mode": "hide"})


def _fill(plot: go.Figure, values: pd.Series, shared: Look) -> dict[str, Any]:
    line = {"color": shared.palette.background, "width": 1.5}
    return {"color": values, "colorbar": _bar(plot, shared), "showscale": True, "line": line, **shared.colours}


def _inks(values: pd.Series, shared: Look) -> list[str]:
    return inks(values / shared.top, shared.palette.sequential)


def _bar(plot: go.Figure, shared: Look) -> dict[str, Any]:
    return colour_key(plot, plotly_text(shared.title), width=260)


def _hatch(palette: Palette) -> dict[str, Any]:
    pattern = {"shape": "/", "size": 8, "solidity": 0.15, "fgcolor": palette.line, "bgcolor": "rgba(0,0,0,0)"}
    return {"color": palette.faint, "pattern": pattern, "line": {"color": palette.line, "width": 1}}


def can_rise(cells: pd.DataFrame) -> bool:
    """Whether the cells span a surface: at least two by two of them have enough rows."""
    filled = cells[cells["enough"]]
    return min(len(set(filled["x"])), len(set(filled["y"]))) > 1


def surface_figure(cells: pd.DataFrame, axes: tuple[str, ...], shared: Look, inside: Inside = None) -> go.Figure:
    """Draw the grid as a surface in space, with holes where cells have too few rows.

    Parameters
    ----------
    cells : DataFrame
        `ErrorTerrainResult.cells`, for which `can_rise` holds.
    axes : tuple of str
    shared : Look
    inside : sequence of float, optional
        Which share of each cell is part of the cohort: a point on the surface, the larger the more.
    """
    drawn = cells.assign(
        loss=cells["held_out_loss"].where(cells["enough"]), hover=[_hover(cell, shared.title) for cell in _rows(cells)]
    )
    wide = drawn.pivot_table(index="y", columns="x", values="loss", dropna=False, aggfunc="first")
    texts = drawn.pivot_table(index="y", columns="x", values="hover", dropna=False, aggfunc="first")
    plot = figure(shared.palette, height=560, legend=False)
    plot.add_surface(
        x=wide.columns.to_list(), y=wide.index.to_list(), z=wide.to_numpy(), hovertext=texts.to_numpy(),
        hoverinfo="text", connectgaps=False, colorbar=_bar(plot, shared),
        lighting={"ambient": 0.85, "diffuse": 0.35, "specular": 0.02},
        contours={"x": _lines_along(shared), "y": _lines_along(shared)}, **shared.colours,
    )  # fmt: skip
    part = drawn.assign(inside=0.0 if inside is None else inside).query("inside > 0 and enough")
    plot.add_scatter3d(
        x=part["x"], y=part["y"], z=part["loss"], mode="markers", hovertext=part["hover"], hoverinfo="text",
        marker={"color": shared.palette.cohort, "size": 2 + 8 * np.sqrt(part["inside"])},
    )  # fmt: skip
    names = (*(_in_space(axis, 40) for axis in axes), shared.title)
    line, clear = shared.palette.line, "rgba(0,0,0,0)"
    plain: dict[str, Any] = {"gridcolor": line, "backgroundcolor": clear, "color": shared.palette.muted}
    places = (_ticks(cells, "x", _in_space), _ticks(cells, "y", _in_space), {"range": [0, shared.top]})
    plot.update_layout(
        scene={
            f"{letter}axis": plain | {"title": {"text": name}} | place
            for letter, name, place in zip("xyz", names, places, strict=True)
        }
        | {"camera": {"eye": {"x": -1.35, "y": -1.45, "z": 0.8}}, "aspectratio": {"x": 1.2, "y": 1.2, "z": 0.65}},
        dragmode="orbit",
    )
    return plot


def _lines_along(shared: Look) -> dict[str, Any]:
    """Return lines on the surface at each bin."""
    return {"show": True, "color": shared.palette.line, "width": 1, "start": 0, "end": 40, "size": 1}
