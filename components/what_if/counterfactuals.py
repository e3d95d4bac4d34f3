"""The tab that finds the smallest changes of the row by which the model decides otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from components import state
from components.charts.counterfactuals import changes_figure
from components.compute import wait
from components.page import palette, tidy_columns
from components.text import literal, percent
from components.what_if.bench import Bench, shown
from debuggers.analyses.what_if import UNUSUAL, WhatIfResult
from debuggers.counterfactuals import Counterfactual, Counterfactuals, counterfactuals, other_goals
from debuggers.data.schema import Kind
from debuggers.editing import own_values
from debuggers.goals import Goal
from debuggers.moves import DIRECTIONS, MAX_OPTIONS, Move
from debuggers.row_choice import position_of
from debuggers.subject import Subject
from debuggers.task import Task

ASKED, RULES = "what_if_counterfactuals", "what_if_moves"
_BEGUN, _LAST = f"{RULES}_begun", f"{RULES}_last"
NAMES = {"changes": "Fewest features", "sum": "Sum of moves", "largest": "Largest move"}
WAYS = {"free": "either way", "up": "only up", "down": "only down", "fixed": "not at all"}


def draw_counterfactuals(bench: Bench, subject: Subject, result: WhatIfResult) -> None:
    """Draw what is wanted and what may change, and what was found once it was asked for."""
    now = result.outputs["after"].to_numpy(dtype=np.float64)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        goal = _goal(subject, now)
        distance = st.segmented_control(
            "Smallest by", list(NAMES), default="changes", required=True, format_func=NAMES.__getitem__,
            key="what_if_distance", persist_state="session",
            help="Fewest features: of equally many the smaller moves. Moves are counted in standard deviations, "
            "another category as 1, each times the feature's cost.",
        )  # fmt: skip
        with st.popover("What may change", icon=":material/tune:"):
            rules = _rules(subject)
        key = (subject.fingerprint, tuple(result.after.items()), goal, distance, tuple(rules.items()))
        st.button(
            "Find the smallest changes", type="primary", icon=":material/search:", key="what_if_find",
            on_click=state.remember, args=(ASKED, key),
        )  # fmt: skip
    if rules:
        st.caption(_said(rules))
    if state.recall(ASKED) != key:
        st.caption(
            "Looks for the smallest changes of this row, several features at once, by which the model decides "
            "otherwise. Where the model’s trees can be read it proves that nothing smaller does."
        )
        return
    values = dict(result.after)
    found: Counterfactuals = wait(
        ("counterfactuals", *key),
        lambda: counterfactuals(subject, values, goal, rules=rules, distance=distance),
        "Searching for the smallest changes",
        in_fragment=True,
    )
    _draw(bench, subject, found)


# --- what is asked ----------------------------------------------------------------------------------------------------


def _goal(subject: Subject, now: Any) -> Goal:
    """Draw what is wanted and return it."""
    if subject.task is Task.REGRESSION:
        present, middle = float(now[0]), float(np.median(subject.scores))
        start = middle if middle != present else present + float(np.std(subject.scores)) / 2
        wanted = st.number_input(
            f"Wanted: {literal(subject.output_title)}", value=start, format="%.4g", key="what_if_wanted", width=220,
            help="At least this where it is above the present one, at most this where it is below",
        )  # fmt: skip
        return Goal(float(wanted), at_least=wanted >= present)
    goals = other_goals(subject, now)
    if len(goals) == 1:
        return goals[0]
    names = {goal: str(subject.named(np.array([goal.value]))[0]) for goal in goals}
    chosen: Goal = st.selectbox(
        "Wanted decision", goals, format_func=lambda goal: names.get(goal, ""), key="what_if_wanted_class", width=220
    )
    return chosen


def _rules(subject: Subject) -> dict[str, Move]:
    """Draw what may change, feature by feature, and return what differs from the default."""
    st.caption(
        "How each feature may move, what a move costs (1: a standard deviation, or another category), and between "
        "which numbers; empty: the range of the data. A table as large as this one is easiest on a wide screen."
    )
    features = list(subject.test.features)
    categories = sorted({c for f in features if _is_category(subject, f) for c in map(str, _levels(subject, f))})
    table = pd.DataFrame(
        {"feature": features, "may move": WAYS["free"], "cost": 1.0, "lowest": np.nan, "highest": np.nan}
    )
    table["may become"] = pd.Series([[] for _ in features], dtype=object)
    config: dict[str, Any] = {
        "feature": st.column_config.TextColumn("Feature", disabled=True, pinned=True),
        "may move": st.column_config.SelectboxColumn("May move", options=list(WAYS.values()), required=True),
        "cost": st.column_config.NumberColumn("Cost", min_value=0.001, max_value=1_000.0, required=True, format="%.3g"),
        "lowest": st.column_config.NumberColumn("Lowest", format="%.6g"),
        "highest": st.column_config.NumberColumn("Highest", format="%.6g"),
        "may become": st.column_config.MultiselectColumn("May become", options=categories) if categories else None,
    }
    key = f"{RULES}_{subject.fingerprint[:12]}"
    edited = st.data_editor(
        _kept(key, table), key=key, hide_index=True, column_config=config, num_rows="fixed", placeholder=""
    )
    state.remember(_LAST, (key, edited))
    moves = {str(row["feature"]): _move(subject, row) for row in edited.to_dict("records")}
    return {feature: move for feature, move in moves.items() if move != Move()}


def _kept(key: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return what the editor begins with: it forgets what was typed when another tab or page is drawn."""
    if state.widget(key) is None:
        last, edited = state.recall(_LAST, ("", table))
        state.remember(_BEGUN, edited if last == key else table)
    kept: pd.DataFrame = state.recall(_BEGUN, table)
    return kept


def _said(rules: Mapping[str, Move]) -> str:
    """Say what may not change freely."""
    parts = []
    for feature, move in rules.items():
        words = [] if move.direction == "free" else [WAYS[move.direction]]
        words += [f"cost {shown(move.cost)}"] if move.cost != 1 else []
        words += [f"from {shown(move.low)}"] if move.low is not None else []
        words += [f"up to {shown(move.high)}"] if move.high is not None else []
        words += [f"to {', '.join(map(str, move.allowed))}"] if move.allowed is not None else []
        parts.append(f"{literal(feature)} {literal(', '.join(words))}")
    return f"May move: {'; '.join(parts)}; every other feature either way."


def _move(subject: Subject, row: Mapping[Any, Any]) -> Move:
    direction = next((d for d in DIRECTIONS if WAYS[d] == row["may move"]), "free")
    low, high = (None if pd.isna(row[end]) else float(row[end]) for end in ("lowest", "highest"))
    chosen = set(row["may become"] or ())
    allowed = tuple(v for v in _levels(subject, row["feature"]) if str(v) in chosen) or None
    return Move(direction, float(row["cost"]), low, high, allowed)


def _is_category(subject: Subject, feature: str) -> bool:
    return subject.test.schema[feature].kind in (Kind.CATEGORY, Kind.BOOLEAN)


def _levels(subject: Subject, feature: str) -> tuple[Any, ...]:
    return subject.test.schema[feature].categories if _is_category(subject, feature) else ()


# --- what was found ---------------------------------------------------------------------------------------------------


def _draw(bench: Bench, subject: Subject, found: Counterfactuals) -> None:
    if found.found:
        st.markdown(f"**{_headline(found)}**")
        _table(bench, subject, found)
        chart = changes_figure(_cells(subject, found), palette())
        st.plotly_chart(
            chart, key="what_if_changes", config={"displayModeBar": False}, theme=None,
            alt="Which features each change moves, and in which direction",
        )  # fmt: skip
        for sentence in _conflicts(found):
            st.warning(sentence, icon=":material/call_split:")
    else:
        st.info(f"No counterfactual: {literal(found.none_because)}.", icon=":material/info:")
    _real(bench, subject, found)
    st.caption(" ".join(_fine_print(found)))


def _headline(found: Counterfactuals) -> str:
    first = found.found[0]
    many = len(first.changes)
    changes = "; ".join(f"{literal(f)} to {literal(shown(v))}" for f, v in first.changes.items())
    proof = "the smallest there is, proved" if first.is_smallest else _proof(first)
    return f"{many} change{'s' * (many > 1)}: {changes} ({proof})."


def _proof(one: Counterfactual) -> str:
    if one.bound is None:
        return "no proof"
    return "proved smallest" if one.is_smallest else f"up to {percent(one.gap)} smaller may exist"


def _table(bench: Bench, subject: Subject, found: Counterfactuals) -> None:
    outputs = np.array([c.outputs for c in found.found])
    names = subject.outputs if outputs.shape[1] > 1 else (subject.output_title,)
    table = pd.DataFrame(
        {
            "change": range(1, len(found.found) + 1),
            "features": [len(c.changes) for c in found.found],
            "cost": [c.cost for c in found.found],
            "smallest of its kind": [_proof(c) for c in found.found],
            **{name: outputs[:, i] for i, name in enumerate(names)},
            "decision": [c.decision for c in found.found],
            "plausible": ["unusual" if c.percentile > UNUSUAL else "yes" for c in found.found],
            "what changes": [
                "; ".join(f"{f}: {shown(found.values[f])} → {shown(v)}" for f, v in c.changes.items())
                for c in found.found
            ],
        }
    )
    if not subject.task.is_classification:
        table = table.drop(columns="decision")
    config = tidy_columns(table) | {"what changes": st.column_config.TextColumn("What changes", width="large")}
    st.dataframe(table, key="what_if_found", hide_index=True, column_config=config)
    with st.container(horizontal=True, gap="small"):
        for i, c in enumerate(found.found):
            st.button(
                f"Apply change {i + 1}", icon=":material/input:", key=f"what_if_apply_change_{i}",
                on_click=bench.put, args=({**bench.edits, **c.changes}, f"smallest change {i + 1}"),
            )  # fmt: skip
    st.caption(
        "Each further change is the smallest that leaves alone at least one feature of every one before it. “Unusual”: "
        "farther from every real row than 99 % of real rows are from each other."
    )


def _cells(subject: Subject, found: Counterfactuals) -> pd.DataFrame:
    rows = []
    for i, c in enumerate(found.found):
        for feature, new in c.changes.items():
            now, units = found.values[feature], np.nan
            if subject.test.schema[feature].kind.is_numeric:
                units = np.sign(float(new) - float(now)) * (0.3 + _share(subject, feature, float(new) - float(now)))
            rows.append((i + 1, f"{feature}: {shown(now)}", f"→ {shown(new)}", units))
    return pd.DataFrame(rows, columns=["counterfactual", "feature", "text", "units"])


def _share(subject: Subject, feature: str, move: float) -> float:
    """Return a move as a share of the feature's range."""
    column = subject.test.schema[feature]
    if column.minimum is None or column.maximum is None or column.is_constant:
        return 0.0
    return min(1.0, abs(move) / (column.maximum - column.minimum))


def _conflicts(found: Counterfactuals) -> list[str]:
    """Return a sentence for each pair of changes that contradict each other."""
    out = []
    for (first, second), part in found.conflicts.groupby(["first", "second"], sort=False):
        pair = f"Changes {first + 1} and {second + 1} contradict each other: "  # type: ignore[operator]
        whys = [
            "both at once do not change the decision"
            if not feature
            else f"{literal(feature)} goes {'in' if why.startswith('opposite') else 'to'} {why}"
            for feature, why in zip(part["feature"], part["why"], strict=True)
        ]
        out.append(pair + "; ".join(whys) + ".")
    return out


def _real(bench: Bench, subject: Subject, found: Counterfactuals) -> None:
    """Draw the nearest real rows with the wanted outcome; a click applies one."""
    if found.real.empty:
        st.caption("No test row that was searched has that outcome.")
        return
    table = pd.DataFrame(
        {
            "nearest by": found.real["distance"],
            "row": found.real["row"],
            "distance": found.real["apart"],
            "features that differ": found.real["differs"],
            "all allowed": found.real["allowed"],
        }
    )

    st.markdown("**The nearest real rows with that outcome**")
    st.dataframe(table, key="what_if_real", hide_index=True, column_config=tidy_columns(table))
    with st.container(horizontal=True, gap="small"):
        for row in found.real["row"].drop_duplicates().tolist():
            st.button(
                f"Apply row {row}", icon=":material/input:", key=f"what_if_apply_row_{row}",
                on_click=bench.put, args=(own_values(subject, position_of(subject, row)), f"values of row {row}"),
            )  # fmt: skip
    which = "all" if found.real_rows == found.total else f"{found.real_rows:,} of {found.total:,}, drawn at random,"
    st.caption(f"Searched {which} test rows. Distance: of each feature in standard deviations, another category as 1.")


def _fine_print(found: Counterfactuals) -> list[str]:
    """Return what bounds the answer."""
    out = []
    if found.asked_because:
        out.append(
            "The model was asked, from real rows onwards, and nothing is known of smaller changes: its trees cannot be "
            f"searched, because {literal(found.asked_because)}."
        )
    else:
        out.append(
            "Searched by branch and bound over the boxes of the trees’ leaves; the model itself confirmed every change."
        )
    if found.held:
        kinds: dict[str, list[str]] = {}
        for feature, why in found.held.items():
            kinds.setdefault(why, []).append(feature)
        parts = [
            f"{literal(', '.join(features[:6]))}{' …' * (len(features) > 6)} ({why})" for why, features in kinds.items()
        ]
        out.append(f"Left as they are: {'; '.join(parts)}.")
    if found.coarse:
        out.append(f"Of {literal(', '.join(found.coarse))} only {MAX_OPTIONS} values were tried.")
    out.append("Association, not cause: that the model would decide otherwise does not mean that the world would.")
    return out
