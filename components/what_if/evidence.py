"""What stands below the editor: ways to change the decision, the nearest other outcome, scenarios and history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from components import state
from components.exports import safe_csv
from components.page import tidy_columns
from components.text import literal, number
from components.what_if.bench import Bench, open_row, shown
from components.what_if.counterfactuals import draw_counterfactuals
from debuggers.analyses.what_if import OTHER_OUTCOME, WhatIfResult
from debuggers.subject import Subject


def draw_evidence(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    """Draw the tabs; only the open one is drawn."""
    parts = {
        "Ways to flip it": _flips,
        "Nearest other outcome": _nearest,
        "Smallest change": draw_counterfactuals,
        "Scenarios": _scenarios,
        "History": _history,
    }
    if not subject.task.is_classification:
        del parts["Ways to flip it"]
    tabs = st.tabs(list(parts), key="what_if_tabs", on_change="rerun")
    for tab, draw in zip(tabs, parts.values(), strict=True):
        if tab.open:
            with tab:
                draw(bench, subject, result)


def titles(subject: Subject) -> tuple[str, ...]:
    """Return headings of the outputs."""
    return subject.outputs if len(subject.outputs) > 1 else (subject.output_title,)


def _pick(
    table: pd.DataFrame, bench: Bench, name: str, act: Callable[[int], None], config: dict[str, Any] | None = None
) -> None:
    """Draw a table of which a clicked row does something; each step of the history has a table of its own."""
    key = f"what_if_{name}_{bench.at}_{len(bench.steps)}"

    def clicked() -> None:
        rows = state.widget(key, {}).get("selection", {}).get("rows", [])
        if rows:
            act(rows[0])

    st.dataframe(
        table,
        key=key,
        hide_index=True,
        column_config=tidy_columns(table) | (config or {}),
        on_select=clicked,
        selection_mode="single-row",
    )


def _flips(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    flips = result.flips
    if flips.empty:
        st.caption("No single feature changes the decision within the data's range: look at the nearest other outcome.")
        return
    table = pd.DataFrame(
        {
            "feature": flips["feature"],
            "now": [shown(bench.values[f]) for f in flips["feature"]],
            "from": [shown(v) for v in flips["value"]],
            "move": flips["move"],
            "decision": flips["decision"],
            **{title: flips[f"output: {o}"] for o, title in zip(subject.outputs, titles(subject), strict=True)},
        }
    )
    move = st.column_config.ProgressColumn("Share of the range", format="percent", min_value=0.0, max_value=1.0)

    def apply(i: int) -> None:
        bench.change(flips["feature"].iloc[i], flips["value"].iloc[i])

    _pick(table, bench, "flips", apply, {"from": "Flips at", "move": move})
    st.caption("Changes of one feature alone that change the decision, the smallest first. A click applies one.")


def _nearest(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    found = result.neighbour
    if found is None:
        st.caption("No test row has another outcome.")
        return
    said = f"decided {literal(found.decision)}, " if found.decision is not None else ""
    st.markdown(
        f"**Row {found.row}** is the nearest test row with another outcome: {said}{literal(subject.output_title)}: "
        f"{', '.join(number(o) for o in found.outputs)}; distance {number(found.distance)}."
    )
    differing = result.nearest[result.nearest["differs"]]
    table = pd.DataFrame(
        {
            "feature": differing["feature"],
            "this row": [shown(v) for v in differing["value"]],
            f"row {found.row}": [shown(v) for v in differing["nearest"]],
        }
    )
    st.dataframe(table, hide_index=True, key="what_if_nearest", column_config={"feature": "Feature"})
    st.button(
        "Apply these values",
        icon=":material/input:",
        key="what_if_apply",
        on_click=bench.put,
        args=(found.values, f"values of row {found.row}"),
    )
    searched = (
        "all" if found.rows == found.total else f"{found.rows:,} of {found.total:,}, drawn at random with a seed,"
    )
    other = "" if found.decision is not None else (
        f" Another outcome is a prediction at least {OTHER_OUTCOME:g} standard deviations of all predictions away."
    )  # fmt: skip
    st.caption(
        f"Searched {searched} test rows; {len(result.nearest) - len(differing)} features are equal. Distance: numbers "
        f"in standard deviations, a different category counts as 1.{other}"
    )


def _scenarios(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    suggested = f"Scenario {len(bench.scenarios) + 1}"
    key = f"what_if_scenario_{len(bench.scenarios)}"
    table = bench.scenario_table(titles(subject))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name", suggested, key=key, width=260)
        st.button(
            "Save what is shown", icon=":material/bookmark_add:", key="what_if_save",
            on_click=lambda: bench.save(state.widget(key, "").strip() or suggested, result),
        )  # fmt: skip
        if len(table):
            st.download_button(
                "CSV", lambda: safe_csv(table), "scenarios.csv", "text/csv", icon=":material/download:",
                key="what_if_scenarios_csv", on_click="ignore",
            )  # fmt: skip
    if table.empty:
        st.caption("Saved scenarios are listed here side by side; they last as long as this session.")
        return

    def bring_back(i: int) -> None:
        chosen = bench.scenarios[i]
        if chosen.row == bench.row:
            bench.put(chosen.edits, chosen.name)
        else:
            open_row(chosen.row, chosen.edits)
            st.rerun()

    _pick(table, bench, f"scenarios_{len(table)}", bring_back)
    st.caption(f"{literal(subject.output_title).capitalize()} before and after. A click brings a scenario back.")


def _history(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    assert result.row == bench.row
    table = pd.DataFrame(
        [
            {"step": i, "change": s.text, **dict(zip(titles(subject), s.outputs, strict=True)), "decision": s.decision}
            for i, s in enumerate(bench.steps)
        ]
    )
    if not subject.task.is_classification:
        table = table.drop(columns="decision")
    _pick(table, bench, "history", bench.go)
    st.caption(f"Step {bench.at} is shown. A click goes to another one.")
