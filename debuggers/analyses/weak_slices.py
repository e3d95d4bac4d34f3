"""On which groups of rows the model fails more than it should: found on one half of the rows, tested on the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd

from debuggers.debugger import debugger
from debuggers.execution import report
from debuggers.params import Flag, Range
from debuggers.slice_comparison import changes, merged
from debuggers.slice_engine import Examined, FoundSlices, SliceParams, examine
from debuggers.slice_evidence import NO_NULLS, Nulls, overlaps
from debuggers.slice_hints import Hint, as_table, hints
from debuggers.slice_null import judged
from debuggers.slice_report import findings, spread
from debuggers.statistics import SEED
from debuggers.subject import Subject


@dataclass(frozen=True)
class WeakSlicesParams(SliceParams):
    """What the engine is asked for, and what is said of the slices that it finds."""

    draws: Annotated[int, Range(0, 999, "Redrawn losses that judge the search itself; 0: none", label="Null draws")] = (
        199
    )
    why: Annotated[int, Range(0, 30, "Say why this slice of the list may be weak; 0: none", label="Explain slice")] = 0
    compare: Annotated[bool, Flag("Search the benchmark's slices too, and say which got better or worse")] = False


@dataclass(frozen=True, eq=False)
class WeakSlicesResult(FoundSlices):
    """The slices and what they rest on.

    Parameters
    ----------
    spread : DataFrame
        How the measure is distributed on held-out rows: `slice` (position), `low`, `high`, `inside`, `rest` (shares of
        rows).
    overlap : DataFrame
        What `slice_evidence.overlaps` returns.
    null_limit : float
        Welch's t that the best slice of a search among permuted losses exceeds in 5 % of searches; NaN if not computed.
    hints : DataFrame
        What `slice_hints.as_table` returns, for the slice asked for.
    changes : DataFrame
        What `slice_comparison.changes` returns, where it was asked for and there is a benchmark model.
    """

    spread: pd.DataFrame
    overlap: pd.DataFrame
    null_limit: float
    hints: pd.DataFrame
    changes: pd.DataFrame

    def details(self) -> dict[str, Any]:
        """Return what the table does not hold, in plain types."""
        return super().details() | {
            "null_limit": self.null_limit,
            "overlap": self.overlap.to_dict("records"),
            "spread": self.spread.to_dict("records"),
            "hints": self.hints.to_dict("records"),
            "changes": self.changes.to_dict("records"),
        }


@debugger(
    title="Weak slices",
    section="Detect",
    question="On which groups of rows does the model fail more than it should?",
    needs={"labels", "features"},
)
def weak_slices(subject: Subject, params: WeakSlicesParams) -> WeakSlicesResult:
    """Search every group of rows that up to three conditions describe, and test the weakest on rows not searched.

    How to read
    -----------
    One half of the rows, drawn at random, is searched: every conjunction of up to three conditions (categories,
    intervals, missing values) with enough rows is scored, and the best is kept; then the best that still adds
    something beside it, and so on. The ends of intervals are then moved to where they fit best, and conditions that
    say little dropped. The other half, which the search has not seen, tells how large the loss is in each slice and
    whether it exceeds that of the rest: *confirmed* is an adjusted p value (Welch's test, one-sided; Holm's method
    for all slices listed) of at most 5 % and an interval of the difference above 0. *By chance alone* is the share of
    searches among shuffled losses that find a slice as clear as this one did on the half searched. *Expected* is what
    the model's own probabilities lead to expect: where the loss does not exceed it, the slice is hard and not wrong.
    Each condition's share says how much of the difference it brings (Shapley).

    When it misleads
    ----------------
    On the half searched the slices look worse than they are, because they were chosen for it. Of two columns that say
    the same only one is named. Between neighbouring ends of an interval the data cannot tell. A slice smaller than the
    smallest share, or of four conditions, is not found. Being in a slice is associated with errors; it need not cause
    them. For false positives and negatives only the rows of that truth count, which is fewer than the slice's rows.

    References
    ----------
    Chung, Kraska, Polyzotis, Tae and Whang (2019), ICDE, Slice Finder. Sagadeeva and Boehm (2021), SIGMOD, SliceLine.
    Pastor, de Alfaro and Baralis (2021), SIGMOD, DivExplorer. Westfall and Young (1993), Resampling-Based Multiple
    Testing, for the null of the search. Welch (1947), Biometrika 34, 28-35. Holm (1979), Scandinavian Journal of
    Statistics 6, 65-70.

    Examples
    --------
    >>> from debuggers.matching import Roles, make_subject
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"job": rng.choice(["a", "b", "c"], 3000), "age": rng.integers(18, 80, 3000), "said": 0.0})
    >>> weak = (table["job"] == "b") & (table["age"] < 30)
    >>> table["y"] = rng.normal(size=3000) * np.where(weak, 4, 1)
    >>> subject = make_subject("jobs", table, Roles(target="y", predictions=("said",)))
    >>> weak_slices(subject, WeakSlicesParams(draws=0)).table()[["slice", "confirmed"]].to_numpy().tolist()
    [["age < 30 and job = 'b'", True]]
    """
    found = examine(subject, params)
    nulls, skipped = _nulls(found, params)
    report(0.95, "Testing on the other half")
    table, candidates = found.evidence(nulls), found.found.candidates
    return WeakSlicesResult(
        slices=table,
        places=tuple(c.slice for c in candidates),
        spread=spread(candidates, found.target, found.held_out),
        overlap=overlaps([c.inside for c in candidates]),
        overall=found.overall,
        title=found.target.title,
        searched=int(found.rows.sum()),
        held_out=int(found.held_out.sum()),
        looked_at=found.found.looked_at,
        null_limit=nulls.exchangeable.limit,
        hints=as_table(_hints(subject, found, params)),
        changes=compare_slices(subject, params, found) if params.compare else pd.DataFrame(),
        left_out=(*found.found.left_out, *skipped),
        obstacle=found.problem,
        findings=tuple(findings(candidates, table, found.target, params.changed())),
    )


def _hints(subject: Subject, found: Examined, params: WeakSlicesParams) -> tuple[Hint, ...]:
    candidates = found.found.candidates
    if not 0 < params.why <= len(candidates):
        return ()
    return hints(subject, found.target, candidates[params.why - 1].slice)


def compare_slices(subject: Subject, params: WeakSlicesParams, found: Examined | None = None) -> pd.DataFrame:
    """Return the weak slices of the model and of its benchmark, and which got better or worse.

    Parameters
    ----------
    subject : Subject
    params : WeakSlicesParams
    found : Examined, optional
        The model's slices, where they are known.

    Returns
    -------
    DataFrame
        What `slice_comparison.changes` returns; empty without a benchmark model.
    """
    other = subject.with_benchmark()
    if other is None:
        return pd.DataFrame()
    found = found or examine(subject, params)
    if found.obstacle:
        return pd.DataFrame()
    second = examine(other, params, searched=found.searched)
    pairs = merged(found.found.candidates, second.found.candidates)
    return changes(pairs, found.target, second.target, ~found.searched)


def _nulls(found: Examined, params: WeakSlicesParams) -> tuple[Nulls, tuple[str, ...]]:
    """Return what chance makes of the search, and why a part of it was not computed."""
    lattice, groups = found.found.lattice, found.found.groups
    if params.draws == 0 or lattice is None or groups is None or not found.found.candidates:
        return NO_NULLS, ()
    rng, target = np.random.default_rng(SEED + params.seed), found.target
    values, draw, said = target.values[found.rows], target.draw, target.said
    common: dict[str, Any] = {
        "draws": params.draws, "min_rows": found.settings.min_rows, "seconds": params.seconds / 2,
    }  # fmt: skip
    shuffled = judged(
        lattice, groups, lambda: rng.permutation(values), against_rest=True, message="Searching shuffled losses",
        span=(0.6, 0.78), **common,
    )  # fmt: skip
    drawn = NO_NULLS.own
    if draw is not None and said is not None:
        drawn = judged(
            lattice, groups, lambda: (draw(rng) - said)[found.rows], against_rest=False,
            message="Searching losses as the model expects them", span=(0.78, 0.95), **common,
        )  # fmt: skip
    skipped = dict.fromkeys(null.left_out for null in (shuffled, drawn) if null.left_out)
    return Nulls(shuffled, drawn), tuple(skipped)
