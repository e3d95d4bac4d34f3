"""Counterfactuals side by side: which features each one changes, how far and in which direction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.theme import Palette, figure, scale
from components.text import plotly_text

ROW_HEIGHT = 34


def changes_figure(changes: pd.DataFrame, palette: Palette) -> go.Figure:
    """Draw a column for each counterfactual and a row for each feature that any of them changes.

    Parameters
    ----------
    changes : DataFrame
        `counterfactual` (from 1), `feature`, `text` (what is written into the cell), `units` (how far it moves: above
        0 upwards, below 0 downwards; NaN for a category, which has no direction).
    palette : Palette
    """
    features = changes["feature"].drop_duplicates().tolist()
    columns = sorted(set(changes["counterfactual"]))
    at = {name: i for i, name in enumerate(features)}
    far, known = np.full((len(features), len(columns)), np.nan), np.zeros((len(features), len(columns)), dtype=bool)
    texts = np.full(far.shape, "", dtype=object)
    for name, which, text, units in changes[["feature", "counterfactual", "text", "units"]].itertuples(index=False):
        cell = at[name], columns.index(which)
        far[cell], known[cell], texts[cell] = units, True, plotly_text(text, 40)
    most = float(np.nanmax(np.abs(far))) if np.isfinite(far).any() else 1.0
    plot = figure(palette, height=70 + ROW_HEIGHT * len(features), legend=False)
    # Where it is unchanged nothing is drawn; a category is drawn in the colour of no direction.
    plot.add_heatmap(
        x=[str(c) for c in columns], y=[plotly_text(f, 40) for f in features],
        z=np.where(known, np.nan_to_num(far), np.nan), text=texts,
        texttemplate="%{text}", textfont={"size": 12, "color": palette.text}, hoverinfo="skip",
        colorscale=scale((palette.cohort, palette.faint, palette.error)), zmin=-2 * most, zmax=2 * most,
        showscale=False, xgap=4, ygap=3,
    )  # fmt: skip
    plot.update_xaxes(type="category", side="top", showline=False, ticks="", tickprefix="Change ")
    plot.update_yaxes(autorange="reversed", showgrid=False, showline=False, ticks="")
    return plot
