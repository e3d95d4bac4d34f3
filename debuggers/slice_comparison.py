"""The weak slices of two models side by side: which got better, which got worse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.regions import MIN_ROWS
from debuggers.slice_evidence import Candidate
from debuggers.slice_targets import Target
from debuggers.statistics import CONFIDENCE, Moments, holm

Mask = npt.NDArray[np.bool_]
BETTER, WORSE, SAME, UNKNOWN = "got better", "got worse", "no clear change", "too few rows"
COLUMNS = (
    "slice", "sql", "found_by", "rows", "held_out_rows", "loss", "benchmark_loss", "difference", "low", "high",
    "p_value", "q_value", "change",
)  # fmt: skip


def changes(
    candidates: Sequence[tuple[str, Candidate]], model: Target, benchmark: Target, held_out: Mask
) -> pd.DataFrame:
    """Compare two models on the same rows of each slice.

    Parameters
    ----------
    candidates : sequence of (str, Candidate)
        Slices with the name of the model in whose errors they were found: "model", "benchmark" or "both".
    model, benchmark : Target
        The same measure of both models.
    held_out : ndarray of bool, shape (n,)
        Rows that neither search has seen.

    Returns
    -------
    DataFrame
        `slice`, `sql`, `found_by`, `rows` (all), `held_out_rows`; there the model's mean `loss` and the
        `benchmark_loss`, their paired `difference` (model minus benchmark) with its t interval `low` and `high`,
        two-sided `p_value` and, adjusted by Holm's method, `q_value`; `change`: "got better" where the model's loss
        is lower than the benchmark's, "got worse" where it is higher, at q of at most 5 %; "no clear change"; or
        "too few rows".
    """
    table = pd.DataFrame(
        [_row(name, c, model, benchmark, held_out) for name, c in candidates], columns=list(COLUMNS[:-2])
    )
    table["q_value"] = holm(table["p_value"].tolist())
    table["change"] = [_change(row.q_value, row.difference) for row in table.itertuples()]
    return table


def _row(name: str, found: Candidate, model: Target, benchmark: Target, held_out: Mask) -> dict[str, Any]:
    rows = found.inside & held_out & model.counted
    paired = Moments.of(model.values[rows] - benchmark.values[rows])
    gap = paired.estimate()
    return {
        "slice": found.slice.text,
        "sql": found.slice.sql,
        "found_by": name,
        "rows": int(found.inside.sum()),
        "held_out_rows": int(rows.sum()),
        "loss": float(model.values[rows].mean()) if rows.any() else np.nan,
        "benchmark_loss": float(benchmark.values[rows].mean()) if rows.any() else np.nan,
        "difference": gap.value,
        "low": gap.low,
        "high": gap.high,
        "p_value": _two_sided(paired) if paired.n >= MIN_ROWS else np.nan,
    }


def _two_sided(paired: Moments) -> float:
    """Return the p value of Student's test that the mean is 0; 1 where every row is the same for both models."""
    from scipy import stats

    if paired.deviation == 0:
        return 1.0 if paired.mean == 0 else 0.0
    t = paired.mean / (paired.deviation / np.sqrt(paired.n))
    return float(2 * stats.t.sf(abs(t), paired.n - 1))


def _change(q_value: Any, gap: Any) -> str:
    if not np.isfinite(q_value):
        return UNKNOWN
    if q_value > 1 - CONFIDENCE:
        return SAME
    return BETTER if gap < 0 else WORSE


def merged(model: Sequence[Candidate], benchmark: Sequence[Candidate]) -> list[tuple[str, Candidate]]:
    """Return the slices of both searches, each once, the model's first."""
    by_id = {c.slice.id: ("model", c) for c in model}
    for c in benchmark:
        known = by_id.get(c.slice.id)
        by_id[c.slice.id] = ("benchmark", c) if known is None else ("both", known[1])
    return list(by_id.values())
