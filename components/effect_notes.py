"""What the Effects page says of a curve besides drawing it: hidden groups, disagreement, partners."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from components.page import Frame
from components.text import literal, number, percent
from debuggers.analyses.effects import EffectsResult
from debuggers.curve_tables import REACH, THIN

# Partial dependence and local effect that are this far apart, as a share of the larger one's spread, are said to.
DISAGREE = 0.5
SHADED = f" Shaded: under {100 * THIN:g} % of the rows lie within {100 * REACH:g} % of the drawn range from the value."


def groups_sentence(result: EffectsResult, output: str) -> str:
    """Say which groups the mean of one output hides, as the end of a sentence; empty where it hides none."""
    if not len(result.groups):
        return ""
    partner = result.partners.iloc[0]
    parts = [
        f"where {literal(name)} it {_ends(part.loc[part['output'] == output, 'pdp'].to_numpy(dtype=np.float64))}"
        for name, part in result.groups.groupby("group", sort=False)
    ]
    found = f"interaction with {literal(partner['partner'])} (H {number(partner['h'])})"
    return f"; the average hides two groups: {found}: {', '.join(parts)}"


def _ends(curve: npt.NDArray[np.float64]) -> str:
    """Say how far a curve gets from its lower to its upper end."""
    change = float(curve[-1] - curve[0])
    return f"{'rises' if change > 0 else 'falls'} by {number(abs(change))}" if change else "ends where it begins"


def disagreement_sentence(rank: Any) -> str:
    """Say that partial dependence and local effect disagree, and which to trust.

    Parameters
    ----------
    rank : Series
        A row of `EffectsResult.ranking`.
    """
    return (
        f"Partial dependence and local effect disagree on {literal(rank['feature'])}: they are "
        f"{percent(rank['disagreement'])} of the larger one’s spread apart. It moves together with other features, and "
        "partial dependence asks for rows that do not occur: trust the local effect."
    )


def draw_partners(frame: Frame, result: EffectsResult, feature: str) -> None:
    """Draw what a feature interacts with, where its mean hides groups."""
    if result.partners.empty:
        return
    averaged, evaluated = result.partner_rows
    st.markdown(f"**What {literal(feature)} interacts with**")
    h = st.column_config.ProgressColumn("Friedman’s H", format="percent", min_value=0.0, max_value=1.0)
    frame.table(result.partners.head(10), key="effects_partners", config={"partner": "Feature", "h": h})
    st.caption(
        "Friedman’s H: the share of the joint effect that two separate effects do not give; strength: its size, on the "
        f"raw scale. Averaged over {averaged:,} rows at the values of {evaluated:,}, of {result.total:,}, drawn at "
        "random with a fixed seed. The two groups are parted where the curves of the drawn rows differ most."
    )
