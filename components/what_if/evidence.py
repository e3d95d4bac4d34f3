"""What stands below the editor: ways to change the decision, the nearest other outcome, scenarios and history."""

from __future__ import annotations

from typing import Any, cast

import pandas as pd
import streamlit as st

from components import state
from components.exports import safe_csv
from components.page import tidy_columns
from components.text import literal, number
from components.what_if.bench import Bench, shown
from debuggers.analyses.what_if import OTHER_OUTCOME, WhatIfResult
from debuggers.subject import Subject

NAME = "what_if_scenario"


def draw_evidence(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    """Draw the tabs; only the open one is drawn."""
    parts = {
        "Ways to flip it": _flips,
        "Nearest other outcome": _nearest,
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


def _pick(table: pd.DataFrame, bench: Bench, name: str, config: dict[str, Any] | None = None) -> int | None:
    """Draw a table and return the row that was clicked; each step of the history has a table of its own."""
    picked = st.dataframe(
        table,
        key=f"what_if_{name}_{bench.at}_{len(bench.steps)}",
        hide_index=True,
        column_config=tidy_columns(table) | (config or {}),
        on_select="rerun",
        selection_mode="single-row",
    )
    rows = cast("Any", picked).get("selection", {}).get("rows", [])
    return rows[0] if rows else None


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
            **{name: flips[f"output: {name}"] for name in subject.outputs},
        }
    )
    move = st.column_config.ProgressColumn("Share of the range", format="percent", min_value=0.0, max_value=1.0)
    picked = _pick(table, bench, "flips", {"from": "Flips at", "move": move})
    st.caption("The smallest changes of one feature alone that change the decision. A click applies one.")
    if picked is not None:
        bench.change(flips["feature"].iloc[picked], flips["value"].iloc[picked])
        st.rerun()


def _nearest(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    found = result.neighbour
    if found is None:
        st.caption("No test row has another outcome.")
        return
    said = f"decided {literal(found.decision)}, " if found.decision is not None else ""
    st.markdown(
        f"**Row {found.row}** is the nearest test row with another outcome: {said}{literal(subject.output_title)} "
        f"{', '.join(number(o) for o in found.outputs)}, distance {number(found.distance)}."
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
        f"Searched {searched} test rows; {len(result.nearest) - len(differing)} features are equal. Distance: numbers in "
        f"standard deviations, a different category counts as 1.{other}"
    )


def _scenarios(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name", f"Scenario {len(bench.scenarios) + 1}", key=f"{NAME}_{len(bench.scenarios)}", width=260
        )
        if st.button("Save what is shown", icon=":material/bookmark_add:", key="what_if_save"):
            bench.save(name.strip() or f"Scenario {len(bench.scenarios) + 1}", result.outputs)
            st.rerun(scope="fragment")
        table = bench.scenario_table()
        if len(table):
            st.download_button(
                "CSV", lambda: safe_csv(table), "scenarios.csv", "text/csv", icon=":material/download:",
                key="what_if_scenarios_csv", on_click="ignore",
            )  # fmt: skip
    if table.empty:
        st.caption("Saved scenarios are listed here side by side; they last as long as this session.")
        return
    picked = _pick(table, bench, f"scenarios_{len(table)}")
    st.caption(f"{literal(subject.output_title).capitalize()} before and after. A click brings a scenario back.")
    if picked is not None:
        chosen = bench.scenarios[picked]
        if chosen.row == bench.row:
            bench.put(chosen.edits, literal(chosen.name))
        else:
            open_scenario(chosen.row, chosen.edits)
        st.rerun()


def open_scenario(row: int, edits: dict[str, Any]) -> None:
    """Open another row with its edits at the next run."""
    from components.what_if.bench import EDITS, ROW
    from debuggers.editing import write_edits

    state.set_linked(ROW, str(row))
    state.set_linked(EDITS, write_edits(edits) if edits else None)


def _history(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    assert result.row == bench.row
    table = pd.DataFrame(
        [
            {"step": i, "change": s.text, **dict(zip(subject.outputs, s.outputs, strict=False)), "decision": s.decision}
            for i, s in enumerate(bench.steps)
        ]
    )
    if not subject.task.is_classification:
        table = table.drop(columns="decision")
    picked = _pick(table, bench, "history")
    st.caption(f"Step {bench.at} is shown. A click goes to another one.")
    if picked is not None and picked != bench.at:
        bench.go(picked)
        st.rerun()
