"""Interactions of all pairs of columns in a tree ensemble, by counting: the joint partial dependence of two columns.

The walk is that of `tree_counts`, which carries for every column the rows that fulfil the conditions on all others;
here also for every pair of columns. From these counts follows, at the values of some rows, how far the joint partial
dependence of two columns is from the sum of their own: their interaction (Friedman and Popescu 2008).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from debuggers.kernels.bits import ROWS_PER_WORD, Words, copy, count, count_both, first_rows, keep_both, lowest
from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import (
    Codes,
    Floats,
    Forest,
    Longs,
    Slots,
    Splits,
    Way,
    fill_bits,
    lay_out_slots,
    n_rows,
    narrow,
    room_for_way,
    slot_of,
    smallest,
    wanted_columns,
)
from debuggers.kernels.tree_counts import Counts


@compiled
def pair_starts(slots: Slots) -> Longs:
    """Return for each node the first of its leaf's pairs; the last entry is their number."""
    out = np.zeros(len(slots.size) + 1, np.int64)
    for at in range(len(slots.size)):
        out[at + 1] = out[at] + slots.size[at] * (slots.size[at] - 1) // 2
    return out


@compiled
def pair_keys(slots: Slots, starts: Longs, n_features: int) -> Longs:
    """Return for each leaf's pairs ``larger column * n_features + smaller column``."""
    out = np.zeros(starts[-1], np.int64)
    for at in range(len(slots.size)):
        first, k = slots.start[at], starts[at]
        for t in range(slots.size[at]):
            for s in range(t):
                one, other = slots.feature[first + t], slots.feature[first + s]
                out[k] = max(one, other) * n_features + min(one, other)
                k += 1
    return out


@compiled
def count_pairs(
    codes: Codes, start: int, stop: int, words: int, forest: Forest, splits: Splits, slots: Slots, starts: Longs
) -> Counts:
    """Count the rows from `start` to `stop`, in blocks of `words` words of bits."""
    counts = Counts(
        np.zeros(len(forest.feature), np.int64), np.zeros(len(slots.feature), np.int64), np.zeros(starts[-1], np.int64)
    )
    bits = np.zeros((n_rows(splits), words), np.uint64)
    # Behind each level's sets of single columns lie those of pairs: (0, 1), (0, 2), (1, 2), (0, 3) ...
    most = slots.most + (slots.most + 1) * slots.most // 2
    way, wanted = room_for_way(forest, most, words), wanted_columns(forest, slots)
    for at in range(start, stop, words * ROWS_PER_WORD):
        end = min(stop, at + words * ROWS_PER_WORD)
        fill_bits(codes, at, end, splits, bits)
        for root in forest.root:
            first_rows(way.sets, 0, end - at)
            if forest.feature[root] < 0:
                counts.reach[root] += end - at
            else:
                _count_tree(root, bits, forest, slots, starts, wanted, counts, way)
    return counts


@compiled
def _count_tree(
    root: int, bits: Words, forest: Forest, slots: Slots, starts: Longs, wanted: npt.NDArray[np.bool_], counts: Counts,
    way: Way,
) -> None:  # fmt: skip
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
            _count_leaf(way, d, child, bits, row, inverted, f, wanted[f], slots, starts, counts)
        elif _go_down(way, d, bits, row, inverted, f, wanted[f], slots.most):
            d += 1
            way.node[d], way.phase[d] = child, 0


@compiled
def _count_leaf(
    way: Way, d: int, leaf: int, bits: Words, row: int, inverted: bool, feature: int, wanted: bool, slots: Slots,
    starts: Longs, counts: Counts,
) -> None:  # fmt: skip
    """Count the rows of a leaf, whose parent is on level `d`."""
    m, here, first = way.many[d], d * way.stride + 1, slots.start[leaf]
    pairs, pair = here + slots.most + 1, starts[leaf]
    hit = slot_of(way, d, feature)
    counts.reach[leaf] += count_both(way.sets, here - 1, bits, row, inverted)
    for t in range(m):
        for s in range(t):
            k = t * (t - 1) // 2 + s
            if hit in (s, t):
                counts.without_both[pair + k] += count(way.sets, pairs + k)
            else:
                counts.without_both[pair + k] += count_both(way.sets, pairs + k, bits, row, inverted)
        if hit == t:
            counts.without[first + t] += count(way.sets, here + t)
        else:
            counts.without[first + t] += count_both(way.sets, here + t, bits, row, inverted)
    if hit < 0 and wanted:
        counts.without[first + m] += count(way.sets, here - 1)
        for s in range(m):
            counts.without_both[pair + m * (m - 1) // 2 + s] += count(way.sets, here + s)


@compiled
def _go_down(way: Way, d: int, bits: Words, row: int, inverted: bool, feature: int, wanted: bool, most: int) -> bool:
    """Write the sets of the next level, and return whether any row is in one of them."""
    m, here, below = way.many[d], d * way.stride + 1, (d + 1) * way.stride + 1
    pairs, more = here + most + 1, below + most + 1
    hit = slot_of(way, d, feature)
    some = keep_both(way.sets, below - 1, here - 1, bits, row, inverted)
    for t in range(m):
        way.met[d + 1, t] = way.met[d, t]
        for s in range(t):
            k = t * (t - 1) // 2 + s
            if hit in (s, t):
                copy(way.sets, more + k, pairs + k)
                some = True
            else:
                some |= keep_both(way.sets, more + k, pairs + k, bits, row, inverted)
        if hit == t:
            copy(way.sets, below + t, here + t)
            some = True
        else:
            some |= keep_both(way.sets, below + t, here + t, bits, row, inverted)
    if hit < 0 and wanted:
        way.met[d + 1, m] = feature
        copy(way.sets, below + m, here - 1)
        for s in range(m):
            copy(way.sets, more + m * (m - 1) // 2 + s, here + s)
        m += 1
        some = True
    way.many[d + 1] = m
    return some


@compiled
def add_pairs(
    forest: Forest, slots: Slots, starts: Longs, counts: Counts, place: Longs, bits: Words, output: int, own: Floats,
    joint: Floats,
) -> None:  # fmt: skip
    """Add what all trees say of one output at the values of some rows, as sums over the rows counted.

    Parameters
    ----------
    place : ndarray of shape (n_pairs,)
        For each leaf's pairs their row of `joint`.
    bits : ndarray of shape (n_rows, n_words)
        The table of bits of the rows whose values are evaluated.
    own : ndarray of shape (n_features, n_evaluated)
        Partial dependence of each column, less the mean.
    joint : ndarray of shape (n_joint, n_evaluated)
        That of both columns of a pair, less the sum of their own, plus the mean.
    """
    way, wanted = room_for_way(forest, slots.most, bits.shape[1]), wanted_columns(forest, slots)
    for t in range(len(forest.root)):
        column = output - forest.output[t]
        d = 0
        way.node[0], way.phase[0], way.many[0] = forest.root[t], 0, 0
        while d >= 0:
            at = way.node[d]
            if forest.feature[at] >= 0 and way.phase[d] < 2:
                way.phase[d] += 1
                narrow(way, d, bits, forest.test[at], forest.feature[at], wanted)
                way.node[d + 1] = forest.left[at] if way.phase[d] == 1 else forest.right[at]
                d += 1
                way.phase[d] = 0
                continue
            if forest.feature[at] < 0:
                _add_leaf(way, d, at, forest.value[at, column], slots, starts, counts, place, own, joint)
            d -= 1


@compiled
def _add_leaf(
    way: Way, d: int, leaf: int, value: float, slots: Slots, starts: Longs, counts: Counts, place: Longs, own: Floats,
    joint: Floats,
) -> None:  # fmt: skip
    here, free = d * way.stride + 1, len(way.sets) - 1
    first, pair, reach = slots.start[leaf], starts[leaf], counts.reach[leaf]
    for t in range(way.many[d]):
        own[way.met[d, t]] -= value * reach
        _add(way.sets, here + t, value * counts.without[first + t], own, way.met[d, t])
        for s in range(t):
            at = pair + t * (t - 1) // 2 + s
            row = place[at]
            joint[row] += value * reach
            _add(way.sets, here + t, -value * counts.without[first + t], joint, row)
            _add(way.sets, here + s, -value * counts.without[first + s], joint, row)
            keep_both(way.sets, free, here + t, way.sets, here + s, False)
            _add(way.sets, free, value * counts.without_both[at], joint, row)


@compiled
def _add(sets: Words, at: int, value: float, out: Floats, row: int) -> None:
    """Add a number to the entries whose rows are in a set."""
    if value == 0.0:
        return
    for w in range(sets.shape[1]):
        word = sets[at, w]
        while word != 0:
            i = w * 64 + lowest(word)
            word &= word - np.uint64(1)
            if i < out.shape[1]:  # a column not met yet has every bit set
                out[row, i] += value


def warm() -> None:
    """Compile this module's kernels."""
    forest, splits, codes = smallest()
    slots = lay_out_slots(forest, np.ones(1, np.bool_))
    starts = pair_starts(slots)
    counts = count_pairs(codes, 0, 2, 1, forest, splits, slots, starts)
    bits = np.zeros((n_rows(splits), 1), np.uint64)
    fill_bits(codes, 0, 2, splits, bits)
    place = pair_keys(slots, starts, 1)
    add_pairs(forest, slots, starts, counts, place, bits, 0, np.zeros((1, 2)), np.zeros((1, 2)))
