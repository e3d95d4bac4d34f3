"""What is said of a slice: its finding, and how the measure is distributed in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.debugger import Finding, Severity
from debuggers.slice_evidence import Candidate
from debuggers.slice_targets import Target
from debuggers.statistics import CONFIDENCE, Estimate

BARS = 12


def spread(candidates: Sequence[Candidate], target: Target, rows: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Return how the measure is distributed in each slice and outside it, up to its 99th percentile."""
    values = target.values[rows]
    parts = []
    if target.is_share or not len(values):
        edges = np.array([0.0, 0.5, 1.0])
    else:
        top = float(np.quantile(values, 0.99))
        edges = np.linspace(0, top if top > 0 else max(float(values.max()), 1.0), BARS + 1)
    codes = np.searchsorted(edges[1:-1], values, side="right")
    for i, candidate in enumerate(candidates):
        inside = candidate.inside[rows]
        counts = [np.bincount(codes[part], minlength=len(edges) - 1) / max(part.sum(), 1) for part in (inside, ~inside)]
        parts.append(
            pd.DataFrame({"slice": i, "low": edges[:-1], "high": edges[1:], "inside": counts[0], "rest": counts[1]})
        )
    columns = ["slice", "low", "high", "inside", "rest"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def findings(
    candidates: Sequence[Candidate], table: pd.DataFrame, target: Target, params: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield the confirmed slices, in the order in which they were found."""
    for candidate, row in zip(candidates, table.to_dict("records"), strict=True):
        if row["confirmed"] is True:
            yield _finding(candidate, {str(k): v for k, v in row.items()}, target, params)


EVIDENCE = (
    "search_rows", "search_loss", "held_out_rows", "held_out_loss", "rest_loss", "share_of_loss",
    "excess_share_of_loss", "said", "said_q_value", "search_p_value", "search_said_p_value", "literal_shares",
)  # fmt: skip


def _finding(candidate: Candidate, row: dict[str, Any], target: Target, params: Mapping[str, Any]) -> Finding:
    # Where the model itself says that it is unsure, the slice is hard: worth knowing, no failure.
    hard = np.isfinite(row["said"]) and not row["said_q_value"] <= 1 - CONFIDENCE
    rate = compared(row["held_out_loss"], row["rest_loss"], target.title)
    return Finding(
        kind="weak_slice",
        severity=Severity.LOW if hard else Severity.of_share(max(row["excess_share_of_loss"], 0.0)),
        headline=f"{rate} where {candidate.slice.text}{beside_said(row, hard=hard)}.",
        rows=int(row["rows"]),
        effect=Estimate(row["difference"], row["low"], row["high"], int(row["held_out_rows"])),
        slice=candidate.slice,
        features=candidate.slice.features,
        p_value=row["p_value"],
        q_value=row["q_value"],
        confirmed=True,
        evidence={name: row[name] for name in EVIDENCE} | {"measure": target.title},
        params=params,
    )


def compared(inside: float, rest: float, title: str) -> str:
    """Return "Mean log loss is 2.4x as high" for a slice against the rest, both on held-out rows."""
    words = f"{inside / rest:.1f}x as high" if rest > 0 else f"{inside:.3g} against 0"
    return f"{title[:1].upper()}{title[1:]} is {words}"


def beside_said(row: dict[str, Any], *, hard: bool) -> str:
    """Return how the slice's loss compares with what the model's own probabilities lead to expect."""
    if hard:
        return ", as its own probabilities say: hard rather than wrong"
    said = f", more than its own probabilities say ({row['held_out_loss']:.3g} against {row['said']:.3g})"
    return said if np.isfinite(row["said"]) else ""
