"""The search for weak slices on some rows: the best one, then the best beside it, and so on, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from debuggers.execution import in_threads, report, threads
from debuggers.kernels import slice_lattice as kernel
from debuggers.slice_items import Codes, Columns, Item, Lattice, make_lattice, quantile_ranges, rows_of
from debuggers.slice_refining import Likelihood, Refining, welch
from debuggers.strata import added, beyond, divided

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]
RANKINGS = {
    "Welch t": kernel.WELCH,
    "SliceLine score": kernel.SLICELINE,
    "effect size": kernel.EFFECT,
    "share of loss": kernel.SHARE,
}
# Nanoseconds of one core that counting a row, scoring a box and clearing a cell of a cube take, about.
PER_ROW, PER_BOX, PER_CELL = 2.0, 8.0, 4.0
MAX_CELLS = 4_000_000  # of one cube: 128 MB
# The budget is reckoned for so many cores, whatever the machine has, so that every machine gives the same answer.
CORES = 2
# Slices that stand out in what is left, of which those that err more than all other rows are finalists.
NEXT = 50
# The slice that is best once its ends fit is seldom the first between quantiles, but nearly always among so many.
FINALISTS = 6
# Among more rows than this the first is taken as it is: a slice stands out there before its ends fit.
MANY_ROWS = 100_000
# Work of fewer nanoseconds is not worth a thread.
SMALL = 2e6


@dataclass(frozen=True)
class Settings:
    """What is searched for, and how much that may cost.

    Parameters
    ----------
    ranking : str
        A key of `RANKINGS`.
    depth : int
        Literals of a slice, at most.
    min_rows : int
        Rows of a slice, at least.
    grain : int
        Intervals between quantiles that a number is cut into before the ends are refined.
    alpha : float
        Weight of the mean against the size in SliceLine's score.
    pays : float
        Least Welch t of a slice against what any one of its literals shuts out; minus infinity: no such rule.
    adds : float
        Least t of a slice beside those already found.
    count : int
        Slices to find.
    seconds : float
        What one search may take on `CORES` cores, about.
    """

    ranking: str = "Welch t"
    depth: int = 3
    min_rows: int = 32
    grain: int = 6
    alpha: float = 0.95
    pays: float = 2.0
    adds: float = 3.5
    count: int = 10
    seconds: float = 20.0

    @property
    def finalists(self) -> int:
        """Slices of which the ends are moved before the best is taken; where another score ranks, its first one."""
        return FINALISTS if self.ranking == "Welch t" else 1


@dataclass(frozen=True, eq=False)
class Search:
    """What a search found and what it left out.

    Parameters
    ----------
    found : tuple of tuple of Item
        Slices in the order in which they were found, each the best given those before it; the ends of their intervals
        are where they fit best, and literals that say little are dropped.
    left_out : tuple of str
        In sentences, each with the next step.
    lattice : Lattice
        Of the first round, for judging the search itself.
    groups : ndarray of int64, shape (m, 3)
        Triples of columns that were looked at.
    """

    found: tuple[tuple[Item, ...], ...]
    left_out: tuple[str, ...]
    lattice: Lattice
    groups: Groups

    @property
    def looked_at(self) -> int:
        """Combinations of items that one round looks at; those with too few rows are told by their counts alone."""
        return int(boxes(self.lattice, self.groups).sum())


def search(columns: Columns, codes: Sequence[Codes], values: Floats, settings: Settings) -> Search:
    """Find the best slice, take its excess away, find the best in what is left, and so on.

    Parameters
    ----------
    columns : Columns
    codes : sequence of ndarray of uint8, each of shape (n,)
        Fine bins of the rows to search.
    values : ndarray of shape (n,)
        Their loss.
    settings : Settings

    Notes
    -----
    After each round every row's loss is taken relative to the mean of the rows that lie in the same slices found so
    far, so that a slice that only repeats one of them has nothing left to show.
    """
    overall = float(values.mean()) if len(values) else 0.0
    strata = np.zeros(len(values), dtype=np.intp)
    found: list[tuple[Item, ...]] = []
    first: tuple[Lattice, Groups, list[str]] | None = None
    ranges = quantile_ranges(columns, codes, settings.grain)
    for i in range(settings.count):
        report(0.6 * i / settings.count, f"Searching slices, {i + 1} of at most {settings.count}")
        left = beyond(values, strata)
        lattice = make_lattice(columns, codes, left, ranges, settings.min_rows)
        groups, left_out = within_budget(lattice, left + overall, settings)
        first = first or (lattice, groups, left_out)
        least = settings.adds if found else -np.inf
        top = best(lattice, left + overall, settings, NEXT, groups)
        items = _Round(columns, codes, values, left + overall, settings, least).best(lattice, top)
        if items is None:
            break
        inside = rows_of(codes, items)
        if found and not added(values, inside, strata) >= settings.adds:
            break
        found.append(items)
        strata = divided(strata, inside)
    assert first is not None, "a search has at least one round"
    lattice, groups, left_out = first
    return Search(tuple(found), (*columns.left_out, *left_out), lattice, groups)


@dataclass(frozen=True, eq=False)
class _Round:
    """One round of a search: the rows searched, and what is left of their loss beside the slices already found."""

    columns: Columns
    codes: Sequence[Codes]
    values: Floats
    left: Floats
    settings: Settings
    least: float  # Welch's t that a slice has to reach among all other rows, not only among those of its stratum

    def best(self, lattice: Lattice, top: Sequence[tuple[float, tuple[int, ...]]]) -> tuple[Item, ...] | None:
        """Return the best of the first slices of a lattice once the ends of their intervals fit; None without any."""
        finalists: dict[tuple[int, ...], tuple[Item, ...]] = {}
        wanted = self.settings.finalists if len(self.values) <= MANY_ROWS else 1
        for _, chosen in top:
            items = tuple(lattice.items[item] for item in chosen)
            place = tuple(item.column for item in items)
            if place not in finalists and self._stands_out(items):
                finalists[place] = items
            if len(finalists) == wanted:
                break
        likelihood = Likelihood(self.left, float(self.values.max()))
        refining = Refining(self.columns, self.codes, likelihood, self.settings.min_rows, self.settings.adds)

        def refined(coarse: tuple[Item, ...]) -> tuple[float, tuple[Item, ...]]:
            worth, items = refining.simplest(coarse)
            # What fits what is left better than it errs more than the rest stays as the search found it.
            return (worth, items) if self._stands_out(items) else (-np.inf, coarse)

        found = in_threads(refined, list(finalists.values()), span=(0, 0))
        return max(found, key=lambda one: one[0])[1] if found else None

    def _stands_out(self, items: Sequence[Item]) -> bool:
        return welch(self.values, rows_of(self.codes, items)) >= self.least


def nearest(lattice: Lattice, codes: Sequence[Codes], items: Sequence[Item]) -> tuple[Item, ...]:
    """Return the slice of a lattice whose items hold most nearly the same rows as `items`."""
    chosen = []
    for item in items:
        own = rows_of(codes, [item])
        options = [other for other in lattice.items if other.column == item.column]
        shared = [(own & rows).sum() / max((own | rows).sum(), 1) for rows in (rows_of(codes, [o]) for o in options)]
        chosen.append(options[int(np.argmax(shared))])
    return tuple(chosen)


def best(
    lattice: Lattice, values: Floats, settings: Settings, k: int, groups: Groups | None = None
) -> list[tuple[float, tuple[int, ...]]]:
    """Return the `k` best slices of a lattice as score and positions of their items, the best first.

    Parameters
    ----------
    lattice : Lattice
    values : ndarray of shape (n,)
        The loss of the lattice's rows.
    groups : ndarray of int64, shape (m, 3), optional
        Triples of columns to look at; all by default.
    """
    groups = all_groups(lattice, settings.depth) if groups is None else groups
    base = float(values.mean()) if len(values) else 0.0
    centred = values - base
    ranking, nothing = RANKINGS[settings.ranking], len(lattice.items)

    def work(part: Groups) -> tuple[Floats, Groups]:
        return kernel.best_slices(
            lattice.codes, lattice.widths, lattice.starts, lattice.lows, lattice.highs, centred, part,
            float(settings.min_rows), ranking, base, settings.alpha, settings.pays, k,
        )  # fmt: skip

    found = [
        (float(s), tuple(int(i) for i in items if i != nothing))
        for scores, chosen in in_threads(work, parts(lattice, groups))
        for s, items in zip(scores, chosen, strict=True)
        if np.isfinite(s)
    ]
    return sorted(found, key=lambda one: (-one[0], len(one[1]), one[1]))[:k]


def all_groups(lattice: Lattice, depth: int) -> Groups:
    """Return every column, pair and triple of columns that have items, filled up with the empty last column."""
    nothing = len(lattice.counts)
    columns = np.flatnonzero(lattice.counts).tolist()
    groups = [(*some, *[nothing] * (3 - size)) for size in range(1, depth + 1) for some in combinations(columns, size)]
    return np.array(groups, dtype=np.int64).reshape(-1, 3)


def boxes(lattice: Lattice, groups: Groups) -> Floats:
    """Return how many slices each triple of columns has."""
    return np.asarray(np.append(lattice.counts, 1).astype(np.float64)[groups].prod(axis=1))


def cells(lattice: Lattice, groups: Groups) -> Floats:
    """Return the cells of each triple's cube."""
    return np.asarray((lattice.widths + 1).astype(np.float64)[groups].prod(axis=1))


def costs(lattice: Lattice, groups: Groups) -> Floats:
    """Return about how many nanoseconds of one core each triple of columns takes."""
    rows = lattice.codes.shape[1] * PER_ROW
    return np.asarray(rows + boxes(lattice, groups) * PER_BOX + cells(lattice, groups) * PER_CELL)


def parts(lattice: Lattice, groups: Groups) -> list[Groups]:
    """Divide triples into parts of about equal cost, several for each thread."""
    if not len(groups):
        return []
    cost = np.cumsum(costs(lattice, groups))
    if cost[-1] < SMALL:
        return [groups]
    ends = np.searchsorted(cost, np.linspace(0, cost[-1], 8 * threads() + 1)[1:-1])
    return [part for part in np.split(groups, np.unique(ends)) if len(part)]


def within_budget(lattice: Lattice, values: Floats, settings: Settings) -> tuple[Groups, list[str]]:
    """Return the triples of columns that the budget has room for, and what was left out, in sentences.

    Where not all fit, the columns that stand out most on their own are combined, first in pairs.
    """
    groups = all_groups(lattice, settings.depth)
    room = settings.seconds / settings.count * CORES * 1e9
    small, cost = cells(lattice, groups) <= MAX_CELLS, costs(lattice, groups)
    if small.all() and cost.sum() <= room:
        return groups, []
    places = _standing_out_first(lattice, values, settings)
    size = (groups < len(places)).sum(axis=1)
    chosen, left_out = [], []
    for literals in range(1, settings.depth + 1):
        at = np.flatnonzero((size == literals) & small)
        # Columns come in by how much they stand out; a combination is looked at once its last one is in.
        last = np.append(places, -1)[groups[at]].max(axis=1, initial=-1)
        spent = np.bincount(last, cost[at], minlength=len(places)).cumsum()
        inside = last < (len(places) if literals == 1 else int(np.searchsorted(spent, room, side="right")))
        chosen.append(groups[at[inside]])
        room -= float(cost[at[inside]].sum())
        if inside.sum() < (size == literals).sum():
            left_out.append(_left_out(literals, len(np.unique(chosen[-1])), int((lattice.counts > 0).sum())))
    return np.concatenate(chosen), left_out


def _standing_out_first(lattice: Lattice, values: Floats, settings: Settings) -> npt.NDArray[np.int64]:
    """Return each column's place by the best score of its items alone: 0 for the best, columns without items last."""
    alone = best(lattice, values, replace(settings, depth=1), len(lattice.items))
    columns = dict.fromkeys(lattice.items[items[0]].column for _, items in alone)
    others = [c for c in np.argsort(-lattice.counts, kind="stable").tolist() if c not in columns]
    places = np.empty(len(lattice.counts), dtype=np.int64)
    places[[*columns, *others]] = np.arange(len(places))
    return places


def _left_out(literals: int, columns: int, of: int) -> str:
    """Return what was left out among the slices of some length, of which `columns` columns were combined."""
    words = ("", "one condition", "two conditions", "three conditions")[literals]
    if columns >= of:
        part = f"slices of {words} on columns with very many categories"
        return f"Left out: {part}, which need too much memory; ask for larger slices or fewer conditions."
    among = columns - (literals < 3)  # a shorter slice is filled up with the empty column
    part = f"slices of {words}"
    if columns:
        part += f" but those among the {among} of {of} columns that stand out most on their own"
    return f"Left out: {part}; give it more time, or ask for larger slices."
