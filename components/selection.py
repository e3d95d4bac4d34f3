"""What a person selected in a chart, as a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

from debuggers.cohort import Cohort
from debuggers.slices import sql_value

# A lasso names its rows up to here; a larger one becomes the box around it, and says so.
MAX_NAMED_ROWS = 300


def rows_cohort(rows: Sequence[int], label: str) -> Cohort:
    """Return the cohort of single rows by their position in the file."""
    named = ", ".join(str(int(r)) for r in sorted(set(rows)))
    return Cohort(f"model.row IN ({named})", label)


def box_cohort(selection: Mapping[str, Any], x: str, y: str, label: str) -> Cohort | None:
    """Return the cohort of a box, or of the box around a lasso, over two columns; None where nothing was drawn.

    Parameters
    ----------
    selection : mapping
        As plotly's selection: `box` and `lasso`, each a list of shapes with `x` and `y`.
    x, y : str
        What lies along the axes, as DuckDB expressions.
    """
    shapes = [*selection.get("box", []), *selection.get("lasso", [])]
    if not shapes:
        return None
    shape = shapes[0]
    bounds = []
    for name, values in ((x, shape["x"]), (y, shape["y"])):
        low, high = _ends(values)
        bounds.append(f"{name} BETWEEN {sql_value(low)} AND {sql_value(high)}")
    return Cohort(" AND ".join(bounds), label)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return both ends of a drawn side, as exact as a hand can draw and short enough to read."""
    low, high = float(min(values)), float(max(values))
    if low == high:
        return low, high
    digits = 4 - floor(log10(high - low))
    return round(low, digits), round(high, digits)


def selected_cohort(selection: Mapping[str, Any], x: str | None, y: str) -> Cohort | None:
    """Return the cohort of a selection among points that carry their row, None where nothing is selected.

    A click or a small lasso names its rows; a box becomes a condition on the axes, as does a large lasso.
    """
    rows = [p["customdata"] for p in selection.get("points", []) if isinstance(p.get("customdata"), int | float)]
    if not rows and not selection.get("box") and not selection.get("lasso"):
        return None
    if x is not None and (selection.get("box") or len(rows) > MAX_NAMED_ROWS or not rows):
        return box_cohort(selection, x, y, "")
    if len(rows) > MAX_NAMED_ROWS:
        return rows_cohort(rows[:MAX_NAMED_ROWS], f"{MAX_NAMED_ROWS:,} of {len(rows):,} selected rows")
    return rows_cohort(rows, f"{len(rows):,} selected rows") if rows else None


def range_cohort(selection: Mapping[str, Any], column: str) -> Cohort | None:
    """Return the cohort of a box along one column, whatever its height; None where no box was drawn."""
    boxes = selection.get("box", [])
    if not boxes:
        return None
    low, high = _ends(boxes[0]["x"])
    return Cohort(f"{column} BETWEEN {sql_value(low)} AND {sql_value(high)}")
