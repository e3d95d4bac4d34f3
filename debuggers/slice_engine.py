"""The one engine behind every page of slices: what is asked, what is searched, what was found and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.debugger import Finding
from debuggers.errors import NotApplicable
from debuggers.params import Choice, Flag, Params, Range
from debuggers.slice_evidence import NO_NULLS, Nulls, evidence
from debuggers.slice_items import Columns
from debuggers.slice_methods import METHODS, Hunt, hunt
from debuggers.slice_search import RANKINGS, Settings
from debuggers.slice_targets import MEASURES, Target, make_target
from debuggers.slices import Slice
from debuggers.statistics import SEED, Estimate, halves
from debuggers.subject import Subject
from debuggers.task import Task

Mask = npt.NDArray[np.bool_]
# No slice is searched for among fewer rows than this of the searched half, however small a share is asked for.
MIN_SEARCHED = 15
MIN_COUNTED = 4 * MIN_SEARCHED


@dataclass(frozen=True)
class SliceParams(Params):
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
        float, Range(0.001, 0.2, "Smallest share of rows in a slice", step=0.001, label="Smallest slice", share=True)
    ] = 0.005
    count: Annotated[int, Range(1, 30, "Slices to report at most", label="Slices")] = 10
    seconds: Annotated[float, Range(1, 600, "Time for the search, and again for its nulls, on two cores", step=1)] = (
        10.0
    )
    seed: Annotated[int, Range(0, 9999, "Which random half of the rows is searched")] = 0
    all_columns: Annotated[
        bool, Flag("Look along every column but the target and predictions, not only along the model's features")
    ] = False


@dataclass(frozen=True, eq=False)
class FoundSlices:
    """What every page of slices answers; each adds what it shows beside it.

    Parameters
    ----------
    slices : DataFrame
        What `slice_evidence.evidence` returns, in the order in which slices were found.
    places : tuple of Slice
        The same slices.
    overall : Estimate
        Mean of the measure over all counted rows.
    title : str
        What that mean is called.
    searched, held_out : int
        Counted rows in each half.
    looked_at : int
        Slices that the method looked at in its first round.
    left_out : tuple of str
        What was not looked at, or not computed, in sentences.
    obstacle : str
        Why there are no slices, in one sentence; empty where there are some.
    """

    slices: pd.DataFrame
    places: tuple[Slice, ...]
    overall: Estimate
    title: str
    searched: int
    held_out: int
    looked_at: int
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
            "left_out": list(self.left_out),
            "obstacle": self.obstacle,
        }


@dataclass(frozen=True, eq=False)
class Examined:
    """What was searched for on one half of the rows, and what was found there.

    Parameters
    ----------
    target : Target
    columns : Columns
        Those searched along; none where nothing could be searched.
    searched : ndarray of bool, shape (n,)
        The half of all rows that was searched; of it, only counted rows.
    settings : Settings
    found : Hunt
    outcomes : ndarray or None
        Of a binary classifier, whether each row is a true positive, false positive, false negative or true negative.
    obstacle : str
        Why nothing could be searched, in one sentence; else empty.
    """

    target: Target
    columns: Columns
    searched: Mask
    settings: Settings
    found: Hunt
    outcomes: npt.NDArray[np.intp] | None
    obstacle: str

    @cached_property
    def rows(self) -> Mask:
        """Counted rows of the half searched."""
        return self.searched & self.target.counted

    @cached_property
    def held_out(self) -> Mask:
        """Counted rows of the other half."""
        return ~self.searched & self.target.counted

    @property
    def overall(self) -> Estimate:
        """Mean of the measure over all counted rows."""
        return self.target.estimate(self.target.values[self.target.counted])

    def evidence(self, nulls: Nulls = NO_NULLS) -> pd.DataFrame:
        """Return what `slice_evidence.evidence` says of the slices found."""
        return evidence(self.found.candidates, self.target, self.searched, self.outcomes, nulls)

    @property
    def problem(self) -> str:
        """Why no slice was found, in one sentence; empty where some were."""
        if self.found.candidates or self.obstacle:
            return self.obstacle
        if all(len(b.labels) < 2 for b in self.columns.bins):
            return "No feature has two different values to divide the rows by."
        return "No group of rows that is large enough errs more than the rest: try a smaller slice or another method."


def examine(subject: Subject, params: SliceParams, *, searched: Mask | None = None) -> Examined:
    """Search one half of the rows for weak slices.

    Parameters
    ----------
    subject : Subject
    params : SliceParams
    searched : ndarray of bool, shape (n,), optional
        The half to search; by default it is drawn, so that both halves have the measure alike.

    Raises
    ------
    NotApplicable
        The subject's task does not have the measure, or its values are too large to be squared and added up.
    """
    target = make_target(subject, params.measure)
    with np.errstate(over="ignore"):
        if not np.isfinite(np.square(target.values).sum()):
            raise NotApplicable("The measure", "its values are too large to add up: give the target in larger units.")
    obstacle = _obstacle(target)
    columns = Columns((), ()) if obstacle else Columns.of(subject.test, column_names(subject, params))
    searched = _half(target, params.seed) if searched is None else searched
    rows = searched & target.counted
    settings = _settings(params, int(rows.sum()))
    found = Hunt((), (), 0)
    if not obstacle:
        found = hunt(params.method, columns, subject.test, values=target.values, rows=rows, settings=settings)
    return Examined(target, columns, searched, settings, found, _outcomes(subject), obstacle)


def column_names(subject: Subject, params: SliceParams) -> list[str]:
    """Return the columns that slices are searched along."""
    names = list(subject.test.features)
    if params.all_columns:
        hidden = {subject.test.target, *subject.predictions, *names}
        names += [str(c) for c in subject.test.table.columns if str(c) not in hidden]
    return names


def _half(target: Target, seed: int) -> Mask:
    """Return the half of the rows to search; counted rows are divided evenly by their values."""
    strata = np.where(target.counted, target.values, target.values.min(initial=0.0) - 1)
    return halves(strata, seed=SEED + seed)


def _settings(params: SliceParams, rows: int) -> Settings:
    return Settings(
        ranking=params.ranking,
        depth=params.max_literals,
        min_rows=max(MIN_SEARCHED, int(np.ceil(params.min_share * rows))),
        alpha=params.alpha,
        count=params.count,
        seconds=params.seconds,
    )


def _obstacle(target: Target) -> str:
    """Return why no search can be made, else an empty text."""
    values = target.values[target.counted]
    if len(values) < MIN_COUNTED:
        return f"{len(values):,} rows are too few to search: at least {MIN_COUNTED} have to count."
    if np.ptp(values) == 0:
        return "Every row has the same value, so there is nothing to tell slices apart by."
    return ""


def _outcomes(subject: Subject) -> npt.NDArray[np.intp] | None:
    """Return whether each row is a true positive, false positive, false negative or true negative: 0 to 3."""
    if subject.task is not Task.BINARY:
        return None
    positive, truth = subject.decision == 1, subject.y == 1
    return np.select([positive & truth, positive, truth], [0, 1, 2], 3)
