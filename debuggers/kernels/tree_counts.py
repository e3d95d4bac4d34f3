"""Partial dependence of tree ensembles by counting: exact, for all columns, in one pass over the rows.

The partial dependence of column j at g is the mean over rows i of f(g, x_i without j). A leaf adds its value for every
row that fulfils the leaf's conditions on the *other* columns, if g fulfils those on j. So for every leaf and every
column on the way to it, one needs the number of rows that fulfil all conditions except those on that column. A walk
over each tree carries these rows as bits, 64 in a word: a set that fulfils all conditions so far, and one per column
that leaves this column out. The idea is that of fast partial dependence (FastPD; Liu et al. 2024), on bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from debuggers.kernels.bits import ROWS_PER_WORD, Words, copy, count, count_both, first_rows, keep_both
from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import (
    Codes,
    Floats,
    Forest,
    Longs,
    Runs,
    Slots,
    Splits,
    Way,
    fill_bits,
    lay_out_runs,
    lay_out_slots,
    n_rows,
    room_for_way,
    slot_of,
    smallest,
    wanted_columns,
)


class Counts(NamedTuple):
    """Rows that reach leaves.

    Parameters
    ----------
    reach : ndarray of shape (n_nodes,)
        Rows that fulfil all conditions of each leaf.
    without : ndarray of shape (n_slots,)
        Rows that fulfil all but those on the slot's column.
    without_both : ndarray of shape (n_pairs,)
        Rows that fulfil all but those on two slots' columns: of each leaf the pairs (0, 1), (0, 2), (1, 2), (0, 3) ...
        Empty where pairs are not counted.
    """

    reach: Longs
    without: Longs
    without_both: Longs


@compiled
def count_rows(codes: Codes, start: int, stop: int, words: int, forest: Forest, splits: Splits, slots: Slots) -> Counts:
    """Count the rows from `start` to `stop`, in blocks of `words` words of bits."""
    counts = Counts(
        np.zeros(len(forest.feature), np.int64), np.zeros(len(slots.feature), np.int64), np.zeros(0, np.int64)
    )
    bits = np.zeros((n_rows(splits), words), np.uint64)
    way, wanted = room_for_way(forest, slots.most, words), wanted_columns(forest, slots)
    for at in range(start, stop, words * ROWS_PER_WORD):
        end = min(stop, at + words * ROWS_PER_WORD)
        fill_bits(codes, at, end, splits, bits)
        for root in forest.root:
            first_rows(way.sets, 0, end - at)
            if forest.feature[root] < 0:
                counts.reach[root] += end - at
            else:
                _count_tree(root, bits, forest, slots, wanted, counts, way)
    return counts


@compiled
def _count_tree(
    root: int, bits: Words, forest: Forest, slots: Slots, wanted: npt.NDArray[np.bool_], counts: Counts, way: Way
) -> None:
    d = 0
    way.node[0], way.phase[0], way.many[0] = root, 0, 0
    while d >= 0:
        at = way.node[d]
        if way.phase[d] == 2:
            d -= 1
            continue
        inverted = way.phase[d] == 1
        way.phase[d] += 1
        child = forest.right[at] if inverted else forest.left[at]
        f, row = forest.feature[at], forest.test[at]
        if forest.feature[child] < 0:
            _count_leaf(way, d, slots.start[child], bits, row, inverted, f, wanted[f], counts)
            counts.reach[child] += count_both(way.sets, d * way.stride, bits, row, inverted)
        elif _go_down(way, d, bits, row, inverted, f, wanted[f]):
            d += 1
            way.node[d], way.phase[d] = child, 0


@compiled
def _count_leaf(
    way: Way, d: int, first: int, bits: Words, row: int, inverted: bool, feature: int, wanted: bool, counts: Counts
) -> None:
    """Count the rows of a leaf's slots, whose parent is on level `d`."""
    m, here = way.many[d], d * way.stride + 1
    hit = slot_of(way, d, feature)
    for s in range(m):
        if s == hit:
            counts.without[first + s] += count(way.sets, here + s)
        else:
            counts.without[first + s] += count_both(way.sets, here + s, bits, row, inverted)
    if hit < 0 and wanted:
        counts.without[first + m] += count(way.sets, here - 1)


@compiled
def _go_down(way: Way, d: int, bits: Words, row: int, inverted: bool, feature: int, wanted: bool) -> bool:
    """Write the sets of the next level, and return whether any row is in one of them."""
    m, here, below = way.many[d], d * way.stride + 1, (d + 1) * way.stride + 1
    hit = slot_of(way, d, feature)
    some = keep_both(way.sets, below - 1, here - 1, bits, row, inverted)
    for s in range(m):
        way.met[d + 1, s] = way.met[d, s]
        if s == hit:
            copy(way.sets, below + s, here + s)
            some = True
        elif keep_both(way.sets, below + s, here + s, bits, row, inverted):
            some = True
    if hit < 0 and wanted:
        way.met[d + 1, m] = feature
        copy(way.sets, below + m, here - 1)
        m += 1
        some = True
    way.many[d + 1] = m
    return some


@compiled
def dependence_from_counts(
    counts: Counts, forest: Forest, slots: Slots, runs: Runs, n: int, out: npt.NDArray[np.float64]
) -> None:
    """Write the mean over `n` rows of the sum of all trees, without base, to `out`.

    Parameters
    ----------
    out : ndarray of shape (n_features, n_outputs, n_points)
        Of columns without a slot, the mean prediction at every point.
    """
    steps = np.zeros((out.shape[0], out.shape[1], runs.points + 1))
    total = np.zeros(out.shape[1])
    own = np.zeros((out.shape[0], out.shape[1]))
    for t in range(len(forest.root)):
        _add_leaves(t, counts, forest, slots, runs, steps, total, own)
    for f in range(out.shape[0]):
        for o in range(out.shape[1]):
            value = total[o] - own[f, o]
            for g in range(runs.points):
                value += steps[f, o, g]
                out[f, o, g] = value / n


@compiled
def _add_leaves(
    t: int, counts: Counts, forest: Forest, slots: Slots, runs: Runs, steps: Floats, total: Floats, own: Floats
) -> None:
    stack = np.zeros(forest.depth + 2, np.int64)
    stack[0] = forest.root[t]
    top = 1
    while top > 0:
        top -= 1
        at = stack[top]
        if forest.feature[at] >= 0:
            stack[top], stack[top + 1] = forest.left[at], forest.right[at]
            top += 2
            continue
        for j in range(forest.value.shape[1]):
            o, value = forest.output[t] + j, forest.value[at, j]
            total[o] += value * counts.reach[at]
            for s in range(slots.start[at], slots.start[at] + slots.size[at]):
                f, weight = slots.feature[s], value * counts.without[s]
                own[f, o] += value * counts.reach[at]
                for r in range(runs.start[s], runs.start[s + 1]):
                    steps[f, o, runs.low[r]] += weight
                    steps[f, o, runs.high[r]] -= weight


def warm() -> None:
    """Compile this module's kernels."""
    forest, splits, codes = smallest()
    slots = lay_out_slots(forest, np.ones(1, np.bool_))
    bits = np.zeros((n_rows(splits), 1), np.uint64)
    fill_bits(codes, 0, 2, splits, bits)
    runs = lay_out_runs(forest, slots, bits, np.array([2]))
    counts = count_rows(codes, 0, 2, 1, forest, splits, slots)
    dependence_from_counts(counts, forest, slots, runs, 2, np.zeros((1, 1, 2)))
