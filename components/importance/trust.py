"""How far importances can be believed: checks of the explanation, and a surrogate with its fidelity."""

from __future__ import annotations

from typing import Any

import streamlit as st

from components.charts.importance_parts import MOST_SLICES, deletion_figure, fidelity_figure
from components.importance.shown import Shown
from components.text import interval, literal, number, percent
from debuggers.cohort import Cohort
from debuggers.importance_result import ImportanceResult
from debuggers.surrogate import MIN_ROWS, TRUSTED_AGREEMENT, TRUSTED_R2

NUMBER = st.column_config.NumberColumn
# Icon and colour of each verdict.
MARKS: dict[str, tuple[str, Any]] = {
    "pass": (":material/check_circle:", "green"),
    "fail": (":material/error:", "red"),
    "unknown": (":material/help:", "gray"),
}


def draw_checks(shown: Shown) -> None:
    """Draw what each check found, with its number and how to read it."""
    found = shown.part("checks")
    counts = found.checks["verdict"].value_counts()
    said = ", ".join(
        f"{counts[v]} {w}" for v, w in (("pass", "passed"), ("fail", "failed"), ("unknown", "unknown")) if v in counts
    )
    st.markdown(f"**Checks of the explanation itself:** {said}.")
    for r in found.checks.itertuples():
        verdict = str(r.verdict)
        badge, words = st.columns([1, 7], vertical_alignment="top", gap="small")
        badge.badge(verdict, icon=MARKS[verdict][0], color=MARKS[verdict][1])
        figure = f"{number(float(str(r.number)))}, has to be {r.limit}; " if str(r.number) != "nan" else ""
        words.markdown(f"**{r.check}** · {figure}{r.rows:,} rows  \n{literal(r.reading)}")
    frame = shown.frame
    drawn = deletion_figure(found.deletion, frame.palette, title=f"mean change ({shown.unit})")
    frame.chart(drawn, key="importance_deletion", alt="Change of the output while features are replaced", main=False)
    st.caption("Features are replaced by those of background rows, in the order of the explanation and at random.")


def draw_surrogate(shown: Shown) -> None:
    """Draw the surrogate's rules and how far it can stand for the model."""
    frame, subject = shown.frame, shown.frame.subject
    with st.container(horizontal=True, vertical_alignment="bottom"):
        depth = frame.control("depth")
    found = shown.part("surrogate", depth=depth, output=shown.output)
    overall = found.fidelity.iloc[0]
    parts = [f"R² {number(overall['r2'])} (at least {TRUSTED_R2:g})"]
    if subject.task.is_classification:
        ends = interval(overall["low"], overall["high"])
        parts.insert(0, f"it decides as the model does on {percent(overall['agreement'])} of held-out rows ({ends}; at "
                        f"least {percent(TRUSTED_AGREEMENT)})")  # fmt: skip
    words = "; ".join(parts)
    if overall["trusted"] is None:
        st.info(f"**Too few rows to tell** whether the tree says what the model says: {words}.", icon=":material/help:")
    elif overall["trusted"]:
        st.success(f"**The tree can stand for the model:** {words}.", icon=":material/check_circle:")
    else:
        st.error(
            f"**Fidelity too low to trust:** the tree is another model. {words.capitalize()}.", icon=":material/error:"
        )
    st.caption(f"Grown on what the model says of {found.counts['grown']:,} rows drawn at random; measured on the other "
               f"{found.counts['held_out']:,}.")  # fmt: skip
    _rules(shown, found)
    _fidelity(shown, found)


def _rules(shown: Shown, found: ImportanceResult) -> None:
    title = shown.frame.subject.output_title.capitalize()
    rules = found.rules if shown.frame.subject.task.is_classification else found.rules.drop(columns="agreement")
    picked = shown.frame.table(
        rules.drop(columns="sql"), key="importance_rules", select=True,
        config={
            "rule": st.column_config.TextColumn("Rule", width=420), "rows": NUMBER("Rows", format="localized"),
            "share": st.column_config.ProgressColumn("Share of rows", format="percent"),
            "says": NUMBER("The tree says", help=title, format="%.3g"),
            "model": NUMBER("The model, mean", help="Of held-out rows", format="%.3g"),
            "agreement": NUMBER("Same decision", help="Share of held-out rows", format="percent"),
            "spread": NUMBER("Typical difference", help="Root mean square, held-out rows", format="%.2g"),
        },
    )  # fmt: skip
    st.caption("Rules of the tree, the highest output first. A selected rule becomes the cohort.")
    for i in picked[:1]:
        shown.frame.follow(Cohort(str(found.rules["sql"].iloc[i]), str(found.rules["rule"].iloc[i])))


def _fidelity(shown: Shown, found: ImportanceResult) -> None:
    frame, table = shown.frame, found.fidelity.iloc[1:]
    measure = "agreement" if frame.subject.task.is_classification else "r2"
    limit = TRUSTED_AGREEMENT if measure == "agreement" else TRUSTED_R2
    st.markdown("**Fidelity by slice**")
    picked = frame.chart(
        frame.drawn(found, "fidelity", lambda: fidelity_figure(table, frame.palette, measure=measure, limit=limit)),
        key="importance_fidelity", alt="Fidelity of the surrogate in slices", select=("points",), main=False,
    )  # fmt: skip
    untrusted = int((table["trusted"].map(lambda v: v is False)).sum())
    more = f" The {MOST_SLICES} least faithful of {len(table)} are drawn." if len(table) > MOST_SLICES else ""
    st.caption(
        f"Red: too low to trust, in {untrusted} of {len(table)} slices, by decisions or by R² (in the hover); grey: "
        f"under {MIN_ROWS} held-out rows.{more} A click makes the slice the cohort."
    )
    for point in picked.get("points", [])[:1]:
        if "customdata" in point:
            place = table.loc[int(point["customdata"])]
            frame.follow(Cohort(str(place["sql"]), str(place["slice"])))
