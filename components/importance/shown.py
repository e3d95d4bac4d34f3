"""What the parts of the Importance page share, and the part that follows one feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from components import state
from components.charts.importance import dependence_figure
from components.page import Frame
from components.selection import range_cohort, selected_cohort
from components.text import literal, percent
from debuggers.analyses.importance import ImportanceParams
from debuggers.importance_points import DEPENDENCE_ROWS, dependence_points
from debuggers.importance_result import ImportanceResult
from debuggers.slices import sql_name

FEATURE, PARTNER, VIEW = "importance_feature", "importance_partner", "importance_view"
_BAR, _NEXT = "importance_bar", "importance_next"


@dataclass(frozen=True)
class Shown:
    """What all parts of the page share.

    Parameters
    ----------
    frame : Frame
    params : ImportanceParams
        Of the main answer.
    result : ImportanceResult
    output : int
        Position of the output that is looked at.
    table : DataFrame
        Its features, the most important first.
    """

    frame: Frame
    params: ImportanceParams
    result: ImportanceResult
    output: int
    table: pd.DataFrame

    @property
    def feature(self) -> str:
        """The feature that is looked at: the one chosen, else the most important."""
        chosen = state.widget(FEATURE)
        if chosen is None:
            chosen = state.linked(FEATURE)
        return chosen if chosen in set(self.table["feature"]) else str(self.table["feature"].iloc[0])

    @property
    def unit(self) -> str:
        """What contributions are measured in, and of which class."""
        subject = self.frame.subject
        if not subject.task.is_classification:
            return subject.output_title if self.result.scale == "units of the prediction" else self.result.scale
        return f"{self.result.scale} of {subject.outputs[self.output]}"

    def of(self, rows: int) -> str:
        """Say how many of all rows something rests on."""
        total = self.result.counts["total"]
        return f"all {total:,} rows" if rows == total else f"{rows:,} of {total:,} rows, drawn at random with a seed"

    def follow_bar(self, picked: Mapping[str, Any]) -> None:
        """Show the feature whose bar was clicked."""
        names = [str(p["customdata"]) for p in picked.get("points", []) if "customdata" in p][:1]
        choose_once(_BAR, names[0] if names else None, {FEATURE: names[0] if names else None, PARTNER: None})

    def part(self, name: str, **changed: Any) -> ImportanceResult:
        """Return the answer of another part."""
        found: ImportanceResult = self.frame.answer(replace(self.params, part=name, **changed))
        return found


def take_choice() -> None:
    """Put what was chosen in a chart of the last run into this run's widgets, before they are drawn."""
    for key, value in state.recall(_NEXT, {}).items():
        state.put_widget(key, value)
    state.remember(_NEXT, {})


def choose_once(name: str, clicked: object, widgets: Mapping[str, Any]) -> None:
    """Let the next run show what was clicked; a click that was followed before is not followed again."""
    is_new = clicked is not None and clicked != state.recall(name)
    state.remember(name, clicked)
    if is_new:
        state.remember(_NEXT, widgets)
        st.rerun()


def draw_dependence(shown: Shown) -> None:
    """Draw one feature's contributions along its value, with the controls that choose it."""
    frame, result, subject = shown.frame, shown.result, shown.frame.subject
    names = shown.table["feature"].tolist()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        feature = st.selectbox("Feature", names, key=FEATURE, bind="query-params", width=240)
        found = result.partners
        found = found[(found["feature"] == feature) & (found["output"] == subject.outputs[shown.output])]
        strongest = str(found["partner"].iloc[0]) if len(found) and found["explained"].iloc[0] > 0 else None
        others = [n for n in found["partner"].tolist() or names if n != feature]
        partner = st.selectbox(
            "Colour", others, index=None, key=PARTNER, bind="query-params", width=240,
            placeholder=f"strongest: {strongest}" if strongest else "no partner stands out",
        ) or strongest  # fmt: skip
    active = frozenset(subject.test.rows[frame.mask].tolist()) if frame.mask is not None else frozenset()
    points = dependence_points(subject, result, shown.output, feature, partner)
    ordered = subject.test.schema[feature].kind.is_numeric
    drawn = dependence_figure(
        points, frame.palette, feature=feature, partner=partner, title=f"contribution ({shown.unit})", ordered=ordered,
        active=active,
    )  # fmt: skip
    selection = frame.chart(
        drawn, key=f"importance_dependence_{feature}_{shown.output}", alt=f"Contributions of {feature} along its value",
        select=("points", "box", "lasso"), main=False,
    )  # fmt: skip
    said = "" if partner is None else f" Colour: {literal(partner)}"
    if len(found) and partner in set(found["partner"]):
        share = float(found.loc[found["partner"] == partner, "explained"].iloc[0])
        said += f", which accounts for {percent(share)} of how the contribution varies at one value of the feature"
    if feature not in set(result.partners["feature"]):
        said += f" Partners were looked for among the {result.counts['partnered']} most important features only."
    st.caption(
        f"{shown.of(min(len(points), DEPENDENCE_ROWS)).capitalize()}.{said}. A click or a lasso makes the rows the "
        "cohort, a box all rows in its range."
    )
    frame.follow(
        (range_cohort(selection, sql_name(feature)) if ordered else None) or selected_cohort(selection, None, "")
    )
