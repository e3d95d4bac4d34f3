"""On which groups of rows the model fails more than it should: found on one half of the rows, tested on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.debugger import Finding, debugger
from debuggers.execution import report
from debuggers.params import Choice, Flag, Params, Range
from debuggers.slice_comparison import changes, merged
from debuggers.slice_evidence import Nulls, evidence, overlaps
from debuggers.slice_hints import Hint, as_table, hints
from debuggers.slice_items import Columns
from debuggers.slice_methods import METHODS, Hunt, hunt
from debuggers.slice_null import Null, judged
from debuggers.slice_report import findings, spread
from debuggers.slice_search import RANKINGS, Settings
from debuggers.slice_targets import MEASURES, Target, make_target
from debuggers.slices import Slice
from debuggers.statistics import SEED, Estimate, halves, mean, share
from debuggers.subject import Subject
from debuggers.task import Task

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# No slice is searched for among fewer rows than this of the searched half, however small a share is asked for.
MIN_SEARCHED = 15
MIN_COUNTED = 4 * MIN_SEARCHED


@dataclass(frozen=True)
class WeakSlicesParams(Params):
    """What to look for, how, and how hard."""

    measure: Annotated[str, Choice(MEASURES, "What a slice is weak in; no two misses cancel")] = "loss"
    method: Annotated[str, Choice(METHODS, "Exact search of all slices, nodes of a tree, or clusters of rows")] = (
        "lattice"
    )
    ranking: Annotated[
        str,
        Choice(tuple(RANKINGS), "Welch's t: how sure; SliceLine: mean and size; effect: how large; share: the cost"),
    ] = "Welch t"
    alpha: Annotated[float, Range(0, 1, "SliceLine's weight of the mean against the size", 0.01)] = 0.95
    max_literals: Annotated[int, Range(1, 3, "Conditions of a slice", label="Conditions")] = 3
    min_share: Annotated[
        float, Range(0.001, 0.2, "Smallest share of rows in a slice", step=0.001, label="Smallest slice")
    ] = 0.005
    count: Annotated[int, Range(1, 30, "Slices to report at most", label="Slices")] = 10
    draws: Annotated[int, Range(0, 999, "Redrawn losses that judge the search itself; 0: none", label="Null draws")] = (
        199
    )
    seconds: Annotated[float, Range(1, 600, "Time for the search, and again for its nulls, on two cores", step=1)] = (
        10.0
    )
    seed: Annotated[int, Range(0, 9999, "Which random half of the rows is searched")] = 0
    why: Annotated[int, Range(0, 30, "Say why this slice of the list may be weak; 0: none", label="Explain slice")] = 0
    compare: Annotated[bool, Flag("Search the benchmark's slices too, and say which got better or worse")] = False
    all_columns: Annotated[
        bool, Flag("Look along every column but the target and predictions, not only along the model's features")
    ] = False


@dataclass(frozen=True, eq=False)
class WeakSlicesResult:
    """The slices and what they rest on.

    Parameters
    ----------
    slices : DataFrame
        What `slice_evidence.evidence` returns, in the order in which slices were found.
    places : tuple of Slice
        The same slices.
    spread : DataFrame
        How the measure is distributed on held-out rows: `slice` (position), `low`, `high`, `inside`, `rest` (shares of
        rows).
    overlap : DataFrame
        What `slice_evidence.overlaps` returns.
    overall : Estimate
        Mean of the measure over all counted rows.
    title : str
        What that mean is called.
    searched, held_out : int
        Counted rows in each half.
    looked_at : int
        Slices that the method looked at in its first round.
    null_limit : float
        Welch's t that the best slice of a search among permuted losses exceeds in 5 % of searches; NaN if not computed.
    hints : DataFrame
        What `slice_hints.as_table` returns, for the slice asked for.
    changes : DataFrame
        What `slice_comparison.changes` returns, where it was asked for and there is a benchmark model.
    left_out : tuple of str
        What was not looked at, or not computed, in sentences.
    obstacle : str
        Why there are no slices, in one sentence; empty where there are some.
    """

    slices: pd.DataFrame
    places: tuple[Slice, ...]
    spread: pd.DataFrame
    overlap: pd.DataFrame
    overall: Estimate
    title: str
    searched: int
    held_out: int
    looked_at: int
    null_limit: float
    hints: pd.DataFrame
    changes: pd.DataFrame
    left_out: tuple[str, ...]
    obstacle: str
    findings: tuple[Finding, ...]

    def table(self) -> pd.DataFrame:
        """Return the slices."""
        return self.slices

    def details(self) -> dict[str, Any]:
        """Return what the table does not hold, in plain types."""
        return {
            "measure": self.title,
            "overall": {"value": self.overall.value, "interval": [self.overall.low, self.overall.high]},
            "searched_rows": self.searched,
            "held_out_rows": self.held_out,
            "slices_looked_at": self.looked_at,
            "null_limit": self.null_limit,
            "left_out": list(self.left_out),
            "obstacle": self.obstacle,
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
    target = make_target(subject, params.measure)
    counted = int(target.counted.sum())
    obstacle = _obstacle_before(target)
    columns = Columns((), ()) if obstacle else Columns.of(subject.test, _names(subject, all_columns=params.all_columns))
    searched = _searched(target, params.seed)
    rows = searched & target.counted
    found = Hunt((), (), 0) if obstacle else _hunt(columns, subject, target, rows, params)
    nulls, skipped = _nulls(found, target, rows, params)
    report(0.95, "Testing on the other half")
    table = evidence(found.candidates, target, searched, _outcomes(subject), nulls)
    return WeakSlicesResult(
        slices=table,
        places=tuple(c.slice for c in found.candidates),
        spread=spread(found.candidates, target, ~searched & target.counted),
        overlap=overlaps([c.inside for c in found.candidates]),
        overall=_overall(target),
        title=target.title,
        searched=int(rows.sum()),
        held_out=counted - int(rows.sum()),
        looked_at=found.looked_at,
        null_limit=nulls.exchangeable.limit,
        hints=as_table(_hints(subject, target, found, params)),
        changes=compare_slices(subject, params, found) if params.compare else pd.DataFrame(),
        left_out=(*_sentences(found.left_out), *skipped),
        obstacle="" if len(table) else obstacle or _obstacle_after(columns),
        findings=tuple(findings(found.candidates, table, target, params.changed())),
    )


def _hunt(columns: Columns, subject: Subject, target: Target, rows: Mask, params: WeakSlicesParams) -> Hunt:
    settings = _settings(params, int(rows.sum()))
    return hunt(params.method, columns, subject.test, values=target.values, rows=rows, settings=settings)


def _hints(subject: Subject, target: Target, found: Hunt, params: WeakSlicesParams) -> tuple[Hint, ...]:
    if not 0 < params.why <= len(found.candidates):
        return ()
    return hints(subject, target, found.candidates[params.why - 1].slice)


def compare_slices(subject: Subject, params: WeakSlicesParams, found: Hunt | None = None) -> pd.DataFrame:
    """Return the weak slices of the model and of its benchmark, and which got better or worse.

    Parameters
    ----------
    subject : Subject
    params : WeakSlicesParams
    found : Hunt, optional
        The model's slices, where they are known.

    Returns
    -------
    DataFrame
        What `slice_comparison.changes` returns; empty without a benchmark model.
    """
    other = subject.with_benchmark()
    target = make_target(subject, params.measure)
    if other is None or _obstacle_before(target):
        return pd.DataFrame()
    columns = Columns.of(subject.test, _names(subject, all_columns=params.all_columns))
    searched, theirs = _searched(target, params.seed), make_target(other, params.measure)
    rows = searched & target.counted
    found = found or _hunt(columns, subject, target, rows, params)
    second = Hunt((), (), 0) if _obstacle_before(theirs) else _hunt(columns, other, theirs, rows, params)
    return changes(merged(found.candidates, second.candidates), target, theirs, ~searched)


def _names(subject: Subject, *, all_columns: bool) -> list[str]:
    names = list(subject.test.features)
    if all_columns:
        hidden = {subject.test.target, *subject.predictions, *names}
        names += [str(c) for c in subject.test.table.columns if str(c) not in hidden]
    return names


def _searched(target: Target, seed: int) -> Mask:
    """Return the half of the rows to search; counted rows are divided evenly by their values."""
    strata = np.where(target.counted, target.values, target.values.min(initial=0.0) - 1)
    return halves(strata, seed=SEED + seed)


def _settings(params: WeakSlicesParams, rows: int) -> Settings:
    return Settings(
        ranking=params.ranking,
        depth=params.max_literals,
        min_rows=max(MIN_SEARCHED, int(np.ceil(params.min_share * rows))),
        alpha=params.alpha,
        count=params.count,
        seconds=params.seconds,
    )


def _nulls(found: Hunt, target: Target, rows: Mask, params: WeakSlicesParams) -> tuple[Nulls, list[str]]:
    """Return what chance makes of the search, and why a part of it was not computed."""
    none = Null(np.empty(0))
    if params.draws == 0 or found.lattice is None or found.groups is None or not found.candidates:
        return Nulls(none, none), []
    rng = np.random.default_rng(SEED + params.seed)
    values = target.values[rows]
    common: dict[str, Any] = {
        "draws": params.draws,
        "min_rows": _settings(params, int(rows.sum())).min_rows,
        "seconds": params.seconds / 2,
    }
    lattice, groups = found.lattice, found.groups
    shuffled = judged(
        lattice, groups, lambda: rng.permutation(values), against_rest=True, message="Searching shuffled losses",
        span=(0.6, 0.78), **common,
    )  # fmt: skip
    drawn = none
    draw, said = target.draw, target.said
    if draw is not None and said is not None:
        drawn = judged(
            lattice, groups, lambda: (draw(rng) - said)[rows], against_rest=False,
            message="Searching losses as the model expects them", span=(0.78, 0.95), **common,
        )  # fmt: skip
    return Nulls(shuffled, drawn), list(dict.fromkeys(null.left_out for null in (shuffled, drawn) if null.left_out))


def _sentences(left_out: Sequence[str]) -> list[str]:
    advice = "give it more time, or larger slices"
    return [f"Left out: {part}; {advice}." for part in left_out]


def _obstacle_before(target: Target) -> str:
    """Return why no search can be made, else an empty text."""
    values = target.values[target.counted]
    if len(values) < MIN_COUNTED:
        return f"{len(values):,} rows are too few to search: at least {MIN_COUNTED} have to count."
    if np.ptp(values) == 0:
        return "Every row has the same value, so there is nothing to tell slices apart by."
    return ""


def _obstacle_after(columns: Columns) -> str:
    """Return why a search found nothing."""
    if all(len(b.labels) < 2 for b in columns.bins):
        return "No feature has two different values to divide the rows by."
    return "No group of rows that is large enough errs more than the rest: try a smaller slice or another method."


def _overall(target: Target) -> Estimate:
    values = target.values[target.counted]
    return share(float(values.sum()), len(values)) if target.is_share else mean(values)


def _outcomes(subject: Subject) -> npt.NDArray[np.intp] | None:
    """Return whether each row is a true positive, false positive, false negative or true negative: 0 to 3."""
    if subject.task is not Task.BINARY:
        return None
    positive, truth = subject.decision == 1, subject.y == 1
    return np.select([positive & truth, positive, truth], [0, 1, 2], 3)
