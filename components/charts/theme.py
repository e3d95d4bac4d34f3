"""One look for every chart: a colour-blind-safe palette (Okabe and Ito) for light and dark, and the base layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go


@dataclass(frozen=True)
class Palette:
    """Colours by meaning; error is one colour everywhere, cohort another."""

    error: str
    cohort: str
    good: str
    caution: str
    text: str
    muted: str
    line: str
    faint: str
    background: str
    # From little to much, grey to vermilion.
    sequential: tuple[str, ...]
    # From negative over neutral to positive, blue over grey to vermilion.
    diverging: tuple[str, ...]
    # Classes and series without a meaning of their own.
    series: tuple[str, ...]


LIGHT = Palette(
    error="#D55E00",
    cohort="#0072B2",
    good="#009E73",
    caution="#E69F00",
    text="#1F2430",
    muted="#5B6472",
    line="#C9CED6",
    faint="#EEF0F3",
    background="#FFFFFF",
    sequential=("#EEF0F3", "#F6D9C4", "#F0B48A", "#E58A4C", "#D55E00", "#9C4400"),
    diverging=("#0072B2", "#7FB4D4", "#E4E7EB", "#EBAF80", "#D55E00"),
    series=("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8C6D1F", "#5B6472", "#D55E00"),
)
DARK = Palette(
    error="#FF8A3D",
    cohort="#56B4E9",
    good="#2FC79A",
    caution="#F5BD41",
    text="#E8EAEE",
    muted="#A4ACB9",
    line="#3C4350",
    faint="#252A33",
    background="#14171C",
    sequential=("#252A33", "#4A372B", "#7A4A28", "#B4622B", "#FF8A3D", "#FFC49B"),
    diverging=("#56B4E9", "#35678A", "#333943", "#8A5530", "#FF8A3D"),
    series=("#56B4E9", "#F5BD41", "#2FC79A", "#E39BC4", "#9AD2F2", "#CDB46A", "#A4ACB9", "#FF8A3D"),
)

HEIGHT = 460
FONT = "Source Sans, Source Sans Pro, sans-serif"


def scale(colours: tuple[str, ...]) -> list[list[Any]]:
    """Return evenly spaced colours as plotly's colour scale."""
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


def figure(palette: Palette, *, height: int = HEIGHT, x: str = "", y: str = "", legend: bool = True) -> go.Figure:
    """Return an empty plotly figure in the house's look.

    Parameters
    ----------
    palette : Palette
    height : int
        Pixels.
    x, y : str
        Titles of the axes, already safe for plotly (`plotly_text`).
    """
    axis: dict[str, Any] = {
        "gridcolor": palette.faint,
        "linecolor": palette.line,
        "zerolinecolor": palette.line,
        "tickfont": {"color": palette.muted},
        "title": {"font": {"color": palette.muted, "size": 13}},
        "automargin": True,
    }
    title: dict[str, Any] = axis["title"]
    layout = {
        "height": height,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "color": palette.text, "size": 13},
        "margin": {"l": 8, "r": 8, "t": 28, "b": 8},
        "xaxis": axis | {"title": title | {"text": x}, "showgrid": False},
        "yaxis": axis | {"title": title | {"text": y}},
        "showlegend": legend,
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "colorway": list(palette.series),
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": palette.muted, "activecolor": palette.cohort},
        "dragmode": False,
        "uirevision": "keep",
    }
    return go.Figure(layout=layout)


def altair_config(chart: Any, palette: Palette) -> Any:
    """Return an altair chart in the house's look."""
    return (
        chart.configure(font=FONT, background="transparent")
        .configure_axis(
            labelColor=palette.muted,
            titleColor=palette.muted,
            titleFontWeight="normal",
            gridColor=palette.faint,
            domainColor=palette.line,
            tickColor=palette.line,
            labelLimit=160,
        )
        .configure_view(strokeWidth=0)
        .configure_legend(labelColor=palette.text, titleColor=palette.muted, orient="top")
    )
