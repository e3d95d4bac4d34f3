"""One look for every chart: a colour-blind-safe palette (Okabe and Ito) for light and dark, and the base layout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import convert_colors_to_same_type, sample_colorscale, unlabel_rgb


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


def inks(shares: Iterable[float], colours: tuple[str, ...]) -> list[str]:
    """Return the colour of text, dark or white, that is read best on each colour of a scale.

    Parameters
    ----------
    shares : iterable of float
        Positions on the scale; beyond its ends, the end.
    colours : tuple of str
        Of the scale.

    Examples
    --------
    >>> inks([0, 1], ("#FFFFFF", "#000000"))
    ['#1F2430', '#FFFFFF']
    """
    at = np.clip(np.nan_to_num(np.fromiter(shares, dtype=np.float64)), 0, 1)
    fills = sample_colorscale(scale(tuple(convert_colors_to_same_type(colours)[0])), at)
    dark, white = _luminance(LIGHT.text), _luminance("#FFFFFF")
    lights = [_luminance(fill) for fill in fills]
    return [LIGHT.text if (y + 0.05) / (dark + 0.05) >= (white + 0.05) / (y + 0.05) else "#FFFFFF" for y in lights]


def _luminance(colour: str) -> float:
    """Return the relative luminance of the Web Content Accessibility Guidelines 2.2."""
    channels = np.array(unlabel_rgb(convert_colors_to_same_type([colour])[0][0])) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


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
        "xaxis": axis | {"title": title | {"text": x, "standoff": 10}, "showgrid": False},
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


def colour_key(plot: go.Figure, title: str, *, width: int = 200, **settings: Any) -> dict[str, Any]:
    """Make room above a figure on its left for the key of its colours, and return the key.

    Parameters
    ----------
    plot : Figure
        From `figure`, without a title of its own.
    title : str
        Of the key, already safe for plotly.
    width : int
        Pixels.
    settings
        Of plotly's colorbar.
    """
    # A key that pushes the chart down leaves the title of the x axis behind, and its own title moves with the height.
    top = {"y": 1, "yref": "container", "yanchor": "top"}
    heading = top | {"text": title, "font": {"size": 12}, "x": 0, "xref": "container", "pad": {"t": 6, "l": 8}}
    plot.update_layout(title=heading, margin={"t": 64})
    return top | {
        "orientation": "h", "thickness": 8, "len": width, "lenmode": "pixels", "x": 0, "xref": "container",
        "xanchor": "left", "xpad": 8, "ypad": 24, "outlinewidth": 0, "nticks": 5, "ticklabeloverflow": "allow",
        "tickfont": {"color": plot.layout.xaxis.tickfont.color, "size": 11},
    } | settings  # fmt: skip


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
