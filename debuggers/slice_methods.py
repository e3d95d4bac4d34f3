"""Three ways to find weak slices on the rows searched: the lattice, a decision tree, and clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from debuggers.error_tree import ErrorTree, grow
from debuggers.execution import report
from debuggers.kernels import slice_lattice as kernel
from debuggers.neighbours import Encoder
from debuggers.slice_evidence import Candidate, selected
from debuggers.slice_items import Codes, Columns, Item, Lattice, make_lattice, quantile_ranges, rows_of
from debuggers.slice_search import RANKINGS, Groups, Settings, nearest, search
from debuggers.slices import MAX_LITERALS
from debuggers.statistics import SEED
from debuggers.subject import Dataset, sample_rows

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
METHODS = ("lattice", "decision tree", "clusters")
TREE_DEPTH = 6
CLUSTERS = 16
# Rows that the centres of clusters are found on; every row is then given to one.
CLUSTER_ROWS = 20_000
# Rows of that sample that a literal of a cluster's description holds, at least.
LEAST = 10


@dataclass(frozen=True, eq=False)
class Hunt:
    """What a method found.

    Parameters
    ----------
    candidates : tuple of Candidate
        In the order of the ranking, each adding to those before it.
    left_out : tuple of str
        What was not looked at, each with the next step, in sentences.
    looked_at : int
        Slices that were looked at.
    lattice, groups
        What the lattice method searched first; None for the others, whose search has no null here.
    tree : ErrorTree or None
        What the tree method grew.
    """

    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...]
    looked_at: int
    lattice: Lattice | None = None
    groups: Groups | None = None
    tree: ErrorTree | None = None


def hunt(method: str, columns: Columns, data: Dataset, *, values: Floats, rows: Mask, settings: Settings) -> Hunt:
    """Find weak slices on some rows.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    columns : Columns
    data : Dataset
    values : ndarray of shape (n,)
        The loss of every row; only that of `rows` is looked at.
    rows : ndarray of bool, shape (n,)
        The rows to search.
    settings : Settings
    """
    if method == "lattice":
        return _lattice(columns, values, rows, settings)
    if method == "decision tree":
        return _tree(columns, values, rows, settings)
    return _clusters(columns, data, values, rows, settings)


def _lattice(columns: Columns, values: Floats, rows: Mask, settings: Settings) -> Hunt:
    codes = columns.codes(rows)
    done = search(columns, codes, values[rows], settings)
    every = [b.codes for b in columns.bins]
    candidates = [_candidate(columns, every, items, nearest(done.lattice, codes, items)) for items in done.found]
    return Hunt(tuple(candidates), done.left_out, done.looked_at, done.lattice, done.groups)


def _candidate(
    columns: Columns, codes: Sequence[Codes], items: Sequence[Item], coarse: Sequence[Item] | None = None
) -> Candidate:
    """Return items as a slice of all rows; conditions that every row satisfies are left out."""
    ordered = sorted(items, key=lambda item: columns.bins[item.column].feature)
    literals = tuple(rows_of(codes, [item]) for item in ordered)
    before = None if coarse is None else rows_of(codes, coarse)
    return Candidate(columns.slice(ordered), rows_of(codes, ordered), literals, before)


def _tree(columns: Columns, values: Floats, rows: Mask, settings: Settings) -> Hunt:
    """Return the nodes of a tree of the loss, of at most three conditions."""
    tree = grown(columns, values, rows, settings)
    candidates = []
    for node in range(1, len(tree.nodes)):
        place = tree.slice(node)
        if len(place.literals) <= settings.depth:
            allowed = {columns.bins[f].feature: (f, codes) for f, codes in tree.nodes[node].allowed.items()}
            literals = tuple(_allowed(columns, *allowed[literal.feature]) for literal in place.literals)
            candidates.append(Candidate(place, np.logical_and.reduce(literals), literals))
    found = _ranked(candidates, values, rows, settings)
    return Hunt(found, columns.left_out, len(tree.nodes) - 1, tree=tree)


def grown(columns: Columns, values: Floats, rows: Mask, settings: Settings, depth: int = TREE_DEPTH) -> ErrorTree:
    """Return the tree of the loss of some rows; a shallower one is the upper part of a deeper one."""
    return grow(columns.bins, columns.codes(rows), values[rows], depth=depth, min_rows=settings.min_rows)


def _allowed(columns: Columns, column: int, codes: frozenset[int]) -> Mask:
    table = np.zeros(columns.bins[column].known + 1, dtype=bool)
    table[list(codes)] = True
    return np.asarray(table[columns.bins[column].codes])


def _ranked(candidates: Sequence[Candidate], values: Floats, rows: Mask, settings: Settings) -> tuple[Candidate, ...]:
    """Return the candidates that err more than the rest, the best first, each adding to those before it."""
    base = float(values[rows].mean())
    totals = kernel.sums_of(values[rows] - base)
    scores = []
    for candidate in candidates:
        own = kernel.sums_of(values[rows & candidate.inside] - base)
        enough = settings.min_rows <= own[0] <= totals[0] - settings.min_rows
        scores.append(_score(own, totals, base, settings) if enough else -np.inf)
    order = sorted((i for i, s in enumerate(scores) if s > kernel.SAME), key=lambda i: (-scores[i], i))
    ordered = [candidates[i] for i in order]
    return tuple(selected(ordered, values, rows, adds=settings.adds, count=settings.count))


def _score(own: Floats, totals: Floats, base: float, settings: Settings) -> float:
    floor, ranking = kernel.overall_variance(totals), RANKINGS[settings.ranking]
    return kernel.score(ranking, own[0], own[1], own[2], totals[0], totals[1], totals[2], floor, base, settings.alpha)


def _clusters(columns: Columns, data: Dataset, values: Floats, rows: Mask, settings: Settings) -> Hunt:
    """Return the literals that tell the rows of each cluster best from the others.

    Rows are clustered by their features, each with the weight of its loss, so that centres lie where loss gathers.
    """
    from sklearn.cluster import KMeans

    report(0.1, "Clustering rows by their features")
    names = [b.feature for b in columns.bins]
    table = data.table.loc[rows, names]
    some = sample_rows(len(table), CLUSTER_ROWS, SEED)
    encoder = Encoder.of(table.iloc[some], [n for n in names if data.schema[n].kind.is_numeric])
    points, weights = encoder.points(table.iloc[some]), values[rows][some]
    k = min(CLUSTERS, len(np.unique(points, axis=0)), int((weights > 0).sum()))
    if k < 2:
        return Hunt((), columns.left_out, 0)
    model = KMeans(k, n_init=1, max_iter=100, random_state=SEED % 2**32).fit(points, sample_weight=weights)
    labels = model.labels_
    codes = [c[some] for c in columns.codes(rows)]
    every = [b.codes for b in columns.bins]
    candidates = []
    for cluster in range(k):
        report(0.3 + 0.3 * cluster / k, "Describing the clusters")
        items = _description(columns, codes, labels == cluster, settings)
        if items:
            candidates.append(_candidate(columns, every, items))
    unique = list({c.slice.id: c for c in candidates}.values())
    left = (
        [f"Centres of clusters were found on {CLUSTER_ROWS:,} rows drawn at random; every slice is of all rows."]
        if len(table) > len(some)
        else []
    )
    return Hunt(_ranked(unique, values, rows, settings), (*columns.left_out, *left), k)


def _description(columns: Columns, codes: Sequence[Codes], member: Mask, settings: Settings) -> tuple[Item, ...]:
    """Return up to three items that tell the members of a cluster best from other rows, one after the other by F1."""
    truth = member.astype(np.float64)
    lattice = make_lattice(columns, codes, truth - truth.mean(), quantile_ranges(columns, codes, settings.grain), LEAST)
    chosen: tuple[Item, ...] = ()
    inside, best = np.ones(len(member), dtype=bool), 0.0
    for _ in range(min(settings.depth, MAX_LITERALS)):
        taken = {item.column for item in chosen}
        options = [item for item in lattice.items if item.column not in taken]
        if not options:
            break
        scores = [_f1(inside & rows_of(codes, [item]), member) for item in options]
        at = int(np.argmax(scores))
        if scores[at] <= best + kernel.SAME:
            break
        best, chosen = scores[at], (*chosen, options[at])
        inside &= rows_of(codes, [options[at]])
    return chosen


def _f1(inside: Mask, member: Mask) -> float:
    return float(2 * (inside & member).sum() / max(inside.sum() + member.sum(), 1))
