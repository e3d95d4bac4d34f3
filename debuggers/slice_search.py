"""The search for weak slices on some rows: the best one, then the best beside it, and so on, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from debuggers.execution import THREADS, in_threads, report
from debuggers.kernels import slice_lattice as kernel
from debuggers.slice_items import Codes, Columns, Item, Lattice, make_lattice
from debuggers.strata import added, beyond, divided

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]
RANKINGS = {"Welch t": kernel.WELCH, "SliceLine": kernel.SLICELINE, "effect size": kernel.EFFECT, "share": kernel.SHARE}
# Nanoseconds of one core that counting a row, scoring a box and clearing a cell of a cube take, about.
PER_ROW, PER_BOX, PER_CELL = 3.0, 8.0, 4.0
MAX_CELLS = 4_000_000  # of one cube: 128 MB
# The budget is reckoned for so many cores, whatever the machine has, so that every machine gives the same answer.
CORES = 2
# Times that each literal's ends are moved at most.
SWEEPS = 4


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
        Intervals between quantiles that a number is cut into.
    alpha : float
        Weight of the mean against the size in SliceLine's score.
    pays : float
        Least Welch t of a slice against what any one of its literals shuts out.
    adds : float
        Least t of a slice beside those already found.
    count : int
        Slices to find.
    seconds : float
        What one search may take on this machine's cores, about.
    """

    ranking: str = "Welch t"
    depth: int = 3
    min_rows: int = 32
    grain: int = 8
    alpha: float = 0.95
    pays: float = 2.0
    price: float = 1.0
    interval: float = 8.0
    category: float = 4.0
    adds: float = 3.0
    count: int = 10
    seconds: float = 10.0


@dataclass(frozen=True)
class Found:
    """A slice that the search found.

    Parameters
    ----------
    items : tuple of Item
        With the ends of intervals where they fit best.
    coarse : tuple of Item
        The slice of the lattice that it came from.
    t : float
        Welch's t of `coarse` against the rest, as the search ranks it.
    adds : float
        t of the slice beside those found before it.
    """

    items: tuple[Item, ...]
    coarse: tuple[Item, ...]
    t: float
    adds: float


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
    moments = moments_of(values - base)
    ranking = RANKINGS[settings.ranking]

    def work(part: Groups) -> tuple[Floats, Groups]:
        return kernel.best_slices(
            lattice.codes, lattice.widths, lattice.starts, lattice.lows, lattice.highs, moments, part,
            float(settings.min_rows), ranking, base, settings.alpha, settings.pays, prices(lattice, settings), k,
        )  # fmt: skip

    answers = list(in_threads(work, parts(lattice, groups)))
    nothing = len(lattice.items)
    found = [
        (float(s), tuple(int(i) for i in items if i != nothing))
        for scores, chosen in answers
        for s, items in zip(scores, chosen, strict=True)
        if np.isfinite(s)
    ]
    return sorted(found, key=lambda slice_: (-slice_[0], len(slice_[1]), slice_[1]))[:k]


def prices(lattice: Lattice, settings: Settings) -> Floats:
    m = np.append(lattice.counts, 1).astype(float)
    g = all_groups(lattice, settings.depth); size=(g < len(lattice.counts)).sum(1)
    M = np.bincount(size, m[g].prod(1), 4)
    out = np.zeros(4)
    for l in (2, 3):
        if M[l] and M[1]: out[l] = settings.price * np.log(max(M[l] / M[1], 1.0))
    return out


def moments_of(centred: Floats) -> Floats:
    """Return 1, the value and its square of each row, as the kernel takes them."""
    moments = np.zeros((len(centred), kernel.FIELDS))
    moments[:, 0], moments[:, 1] = 1.0, centred
    np.square(centred, out=moments[:, 2])
    return moments


def all_groups(lattice: Lattice, depth: int) -> Groups:
    """Return every column, pair and triple of columns that have items, filled up with the empty last column."""
    nothing = len(lattice.counts)
    columns = np.flatnonzero(lattice.counts).tolist()
    groups = [(*chosen, *[nothing] * (3 - size)) for size in range(1, depth + 1) for chosen in combinations(columns, size)]
    return np.array(groups, dtype=np.int64).reshape(-1, 3)


def costs(lattice: Lattice, groups: Groups) -> Floats:
    """Return about how many nanoseconds of one core each triple of columns takes."""
    boxes = np.append(lattice.counts, 1).astype(np.float64)[groups].prod(axis=1)
    return np.asarray(lattice.codes.shape[1] * PER_ROW + boxes * PER_BOX + cells(lattice, groups) * PER_CELL)


def cells(lattice: Lattice, groups: Groups) -> Floats:
    """Return the cells of each triple's cube."""
    return np.asarray((lattice.widths + 1).astype(np.float64)[groups].prod(axis=1))


def parts(lattice: Lattice, groups: Groups) -> list[Groups]:
    """Divide triples into parts of about equal cost, several for each thread."""
    if not len(groups):
        return []
    cost = np.cumsum(costs(lattice, groups))
    if cost[-1] < 2e6:  # not worth a thread
        return [groups]
    ends = np.searchsorted(cost, np.linspace(0, cost[-1], 8 * THREADS + 1)[1:-1])
    return [part for part in np.split(groups, np.unique(ends)) if len(part)]


def within_budget(lattice: Lattice, columns: Columns, values: Floats, settings: Settings) -> tuple[Groups, list[str]]:
    """Return the triples of columns that the budget has room for, and what was left out, in sentences.

    Where not all fit, the columns that stand out most on their own are combined, with as many literals as there is room.
    """
    groups = all_groups(lattice, settings.depth)
    room = settings.seconds / max(settings.count, 1) * CORES * 1e9
    small = cells(lattice, groups) <= MAX_CELLS
    fits = costs(lattice, groups)
    if small.all() and fits.sum() <= room:
        return groups, []
    order = _standing_out_first(lattice, values, settings)
    size = (groups < len(lattice.counts)).sum(axis=1)
    chosen, left_out = [], []
    for literals in range(1, settings.depth + 1):
        at = np.flatnonzero(size == literals)
        # A triple is looked at once the last of its columns is in: columns come in by how much they stand out.
        last = np.append(order, -1)[groups[at]].max(axis=1)
        cost = np.bincount(last, np.where(small[at], fits[at], 0.0), minlength=len(order) + 1).cumsum()
        columns_in = int(np.searchsorted(cost, room if literals > 1 else np.inf, side="right"))
        inside = (last < columns_in) & small[at]
        chosen.append(groups[at[inside]])
        room = max(room - float(fits[at[inside]].sum()), 0.0)
        if not inside.all():
            left_out.append(_left_out(literals, columns_in, int((lattice.counts > 0).sum())))
    return np.concatenate(chosen), left_out


def _standing_out_first(lattice: Lattice, values: Floats, settings: Settings) -> npt.NDArray[np.int64]:
    """Return each column's place by the best score of its items alone, 0 for the best; columns without items are last."""
    alone = best(lattice, values, replace(settings, depth=1), len(lattice.items))
    columns = dict.fromkeys(lattice.items[items[0]].column for _, items in alone)
    rest = [c for c in np.argsort(-lattice.counts, kind="stable").tolist() if c not in columns]
    places = np.empty(len(lattice.counts), dtype=np.int64)
    places[[*columns, *rest]] = np.arange(len(places))
    return places


def _left_out(literals: int, columns: int, of: int) -> str:
    words = {1: "one condition", 2: "two conditions", 3: "three conditions"}[literals]
    if columns >= of:
        return f"some combinations of columns with very many categories, for slices of {words}"
    if columns < literals:
        return f"slices of {words}"
    return f"slices of {words} beyond those among the {columns} of {of} columns that stand out most on their own"


@dataclass(frozen=True)
class Search:
    """What a search found and what it left out.

    Parameters
    ----------
    found : tuple of Found
        In the order in which they were found: each is the best given those before it.
    left_out : tuple of str
        Parts of sentences.
    looked_at : int
        Combinations of items that the first round scored, about.
    lattice : Lattice
        Of the first round, for judging the search itself.
    groups : ndarray of int64, shape (m, 3)
        Triples of columns that were looked at.
    """

    found: tuple[Found, ...]
    left_out: tuple[str, ...]
    looked_at: int
    lattice: Lattice
    groups: Groups


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
    """
    overall = float(values.mean()) if len(values) else 0.0
    strata = np.zeros(len(values), dtype=np.intp)
    found: list[Found] = []
    first: tuple[Lattice, Groups, list[str]] | None = None
    for i in range(settings.count):
        report(i / settings.count, "Searching slices")
        left = beyond(values, strata) + overall
        lattice = make_lattice(columns, codes, left - overall, grain=settings.grain, min_rows=settings.min_rows)
        groups, left_out = within_budget(lattice, columns, left, settings)
        first = first or (lattice, groups, left_out)
        top = best(lattice, left, settings, 1, groups)
        if not top:
            break
        coarse = tuple(lattice.items[item] for item in top[0][1])
        items = simplest(columns, codes, left, coarse, settings)
        inside = rows_of(codes, items)
        adds = added(values, inside, strata)
        if found and adds < settings.adds:
            break
        found.append(Found(items, coarse, _welch(values, rows_of(codes, coarse)), adds))
        strata = divided(strata, inside)
    assert first is not None
    lattice, groups, left_out = first
    boxes = np.append(lattice.counts, 1).astype(np.float64)[groups].prod(axis=1).sum()
    return Search(tuple(found), tuple(left_out), int(boxes), lattice, groups)


def rows_of(codes: Sequence[Codes], items: Sequence[Item]) -> npt.NDArray[np.bool_]:
    """Return which rows lie in all of `items`, from their fine bins."""
    inside = np.ones(len(codes[0]), dtype=bool)
    for item in items:
        inside &= (codes[item.column] >= item.low) & (codes[item.column] < item.high)
    return inside


def simplest(
    columns: Columns, codes: Sequence[Codes], values: Floats, items: Sequence[Item], settings: Settings
) -> tuple[Item, ...]:
    """Refine a slice, and drop the literals that say little: without which Welch's t² falls by less than their price."""
    chosen = refined(columns, codes, values, items, settings)
    while len(chosen) > 1:
        here = _welch(values, rows_of(codes, chosen)) ** 2
        best_, gain = None, np.inf
        for item in chosen:
            less = refined(columns, codes, values, [other for other in chosen if other is not item], settings)
            t = _welch(values, rows_of(codes, less))
            lost = here - t * abs(t) - (settings.interval if columns.is_interval(item) else settings.category)
            if lost < min(gain, 0):
                best_, gain = less, lost
        if best_ is None:
            break
        chosen = best_
    return chosen


def refined(
    columns: Columns, codes: Sequence[Codes], values: Floats, items: Sequence[Item], settings: Settings
) -> tuple[Item, ...]:
    """Move the ends of a slice's intervals, one literal after the other, to where the slice ranks best."""
    base = float(values.mean())
    totals = moments_of(values - base)[:, :3].sum(axis=0)
    prior, ranking = kernel.overall_variance(totals), RANKINGS[settings.ranking]
    chosen = list(items)
    for _ in range(SWEEPS):
        before = list(chosen)
        for i, item in enumerate(chosen):
            if not columns.is_interval(item):
                continue
            others = rows_of(codes, [other for other in chosen if other is not item])
            bins = columns.bins[item.column].known
            sums = kernel.bin_sums(codes[item.column][others], values[others] - base, bins + 1)[:bins]
            _, low, high = kernel.best_range(
                sums, totals, float(settings.min_rows), ranking, base, settings.alpha, prior
            )
            if high > low:
                chosen[i] = Item(item.column, low, high)
        if chosen == before:
            break
    return tuple(chosen)


def _welch(values: Floats, inside: npt.NDArray[np.bool_]) -> float:
    """Return Welch's t of some rows against the others, as the search ranks it."""
    centred = values - values.mean()
    totals, own = (moments_of(part)[:, :3].sum(axis=0) for part in (centred, centred[inside]))
    return float(kernel.welch(*own, *totals, kernel.overall_variance(totals)))
