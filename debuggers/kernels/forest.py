"""Trees over coded columns, and the sets of rows that their nodes send to the left.

A column is coded by whole numbers such that every question that a tree asks of it depends on the code only: numbers
by the thresholds they lie between, categories by themselves, with codes of their own for a missing and for an unknown
value. A node then sends a set of codes to the left, whatever library it comes from.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from debuggers.kernels.bits import Words, copy, keep_both
from debuggers.kernels.compiled import compiled

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[Any]  # unsigned, of two bytes or, past 65,535 codes, of four


class Forest(NamedTuple):
    """An ensemble of trees over coded columns.

    Parameters
    ----------
    root, output : ndarray of shape (n_trees,)
        First node of each tree, and the first output that it adds to.
    feature : ndarray of shape (n_nodes,)
        Column that a node tests, -1 for a leaf.
    test : ndarray of shape (n_nodes,)
        Row of the table of bits that holds which rows go left.
    left, right : ndarray of shape (n_nodes,)
    value : ndarray of shape (n_nodes, width)
    cover : ndarray of shape (n_nodes,)
    base : ndarray of shape (n_outputs,)
    depth : int
        Most steps from a root to a leaf.
    n_features : int
    """

    root: Ints
    output: Ints
    feature: Ints
    test: Ints
    left: Ints
    right: Ints
    value: Floats
    cover: Floats
    base: Floats
    depth: int
    n_features: int


class Splits(NamedTuple):
    """Which codes each split sends to the left.

    The table of bits has one row for each code of each column, for "the code is at most this", and behind these one
    for each further split, which is a union of runs of codes.

    Parameters
    ----------
    code_start : ndarray of shape (n_features + 1,)
        First row of each column.
    feature : ndarray of shape (n_splits,)
        Column of each further split.
    run_start : ndarray of shape (n_splits + 1,)
    run_low, run_high : ndarray of shape (n_runs,)
        First and last code of each run.
    """

    code_start: Longs
    feature: Ints
    run_start: Longs
    run_low: Ints
    run_high: Ints


class Slots(NamedTuple):
    """The columns that the way to each leaf tests, each once, in the order in which it meets them.

    Parameters
    ----------
    start : ndarray of shape (n_nodes,)
        First slot of each leaf.
    size : ndarray of shape (n_nodes,)
        Slots of each leaf.
    feature : ndarray of shape (n_slots,)
    most : int
        Most slots of a leaf.
    """

    start: Longs
    size: Longs
    feature: Ints
    most: int


class Runs(NamedTuple):
    """Which values of its column's grid fulfil each slot's conditions, as runs ``low <= position < high``.

    Parameters
    ----------
    start : ndarray of shape (n_slots + 1,)
    low, high : ndarray of shape (n_runs,)
    points : int
        Values of the longest grid.
    """

    start: Longs
    low: Ints
    high: Ints
    points: int


class Way(NamedTuple):
    """Room for a walk down a tree, one entry for each level.

    Parameters
    ----------
    sets : ndarray of shape (n_levels * stride, n_words)
        At ``level * stride`` the rows that fulfil all conditions so far; behind it, for each column met so far and in
        that order, rows that fulfil the conditions on the others. The last set is free for use.
    stride : int
    met : ndarray of shape (n_levels, n_slots)
        The columns met so far.
    many : ndarray of shape (n_levels,)
        How many there are.
    node, phase : ndarray of shape (n_levels,)
        The node, and how many of its children were seen.
    """

    sets: Words
    stride: int
    met: Ints
    many: Longs
    node: Longs
    phase: npt.NDArray[np.int8]


@compiled
def room_for_way(forest: Forest, most: int, words: int) -> Way:
    """Return room for walks in which no way meets more than `most` columns."""
    levels = forest.depth + 2
    return Way(
        np.zeros((levels * (most + 2) + 1, words), np.uint64),
        most + 2,
        np.zeros((levels, most + 1), np.int32),
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int8),
    )


@compiled
def slot_of(way: Way, d: int, feature: int) -> int:
    """Return which of the columns met down to a level a column is, -1 for none."""
    for s in range(way.many[d]):
        if way.met[d, s] == feature:
            return s
    return -1


@compiled
def wanted_columns(forest: Forest, slots: Slots) -> npt.NDArray[np.bool_]:
    """Return which columns have slots."""
    wanted = np.zeros(forest.n_features, np.bool_)
    for s in range(len(slots.feature)):
        wanted[slots.feature[s]] = True
    return wanted


@compiled
def n_rows(splits: Splits) -> int:
    """Return the rows of the table of bits."""
    return splits.code_start[-1] + len(splits.feature)  # type: ignore[no-any-return]


@compiled
def fill_bits(codes: Codes, start: int, stop: int, splits: Splits, bits: Words) -> None:
    """Fill the table of bits for the rows from `start` to `stop`.

    Parameters
    ----------
    codes : ndarray of shape (n_features, n)
    bits : ndarray of shape (n_rows, n_words)
    """
    for f in range(len(splits.code_start) - 1):
        first, last = splits.code_start[f], splits.code_start[f + 1]
        bits[first:last] = 0
        for i in range(stop - start):
            bits[first + codes[f, start + i], i >> 6] |= np.uint64(1) << np.uint64(i & 63)
        for k in range(first + 1, last):
            for w in range(bits.shape[1]):
                bits[k, w] |= bits[k - 1, w]
    at = splits.code_start[-1]
    for t in range(len(splits.feature)):
        first = splits.code_start[splits.feature[t]]
        bits[at + t] = 0
        for r in range(splits.run_start[t], splits.run_start[t + 1]):
            for w in range(bits.shape[1]):
                below = bits[first + splits.run_low[r] - 1, w] if splits.run_low[r] > 0 else np.uint64(0)
                bits[at + t, w] |= bits[first + splits.run_high[r], w] & ~below


@compiled
def lay_out_slots(forest: Forest, wanted: npt.NDArray[np.bool_]) -> Slots:
    """Return the slots of all leaves; columns that are not wanted have none."""
    n = len(forest.feature)
    start, size = np.zeros(n, np.int64), np.zeros(n, np.int64)
    way = room_for_way(forest, min(forest.depth, forest.n_features), 1)
    found = np.zeros(1024, np.int32)
    total, most = 0, 0
    for root in forest.root:
        d = 0
        way.node[0], way.phase[0], way.many[0] = root, 0, 0
        while d >= 0:
            at, m = way.node[d], way.many[d]
            f = forest.feature[at]
            if f < 0 or way.phase[d] == 2:
                if f < 0:
                    start[at], size[at] = total, m
                    while total + m > len(found):
                        found = np.concatenate((found, np.zeros_like(found)))
                    found[total : total + m] = way.met[d, :m]
                    total += m
                    most = max(most, m)
                d -= 1
                continue
            way.phase[d] += 1
            way.met[d + 1, :m] = way.met[d, :m]
            if wanted[f] and slot_of(way, d, f) < 0:
                way.met[d + 1, m] = f
                m += 1
            d += 1
            way.node[d] = forest.left[at] if way.phase[d - 1] == 1 else forest.right[at]
            way.phase[d], way.many[d] = 0, m
    return Slots(start, size, found[:total].copy(), most)


@compiled
def lay_out_runs(forest: Forest, slots: Slots, bits: Words, lengths: Longs) -> Runs:
    """Return which values of the grids fulfil each slot's conditions.

    Parameters
    ----------
    bits : ndarray of shape (n_rows, n_words)
        The table of bits of the grids: its row i is the i-th value of every column's grid.
    lengths : ndarray of shape (n_features,)
        Values of each column's grid.
    """
    n_slots = len(slots.feature)
    run_start = np.zeros(n_slots + 1, np.int64)
    low, high = np.zeros(n_slots + 16, np.int32), np.zeros(n_slots + 16, np.int32)
    way, wanted = room_for_way(forest, slots.most, bits.shape[1]), wanted_columns(forest, slots)
    total = 0
    for root in forest.root:
        d = 0
        way.node[0], way.phase[0], way.many[0] = root, 0, 0
        while d >= 0:
            at = way.node[d]
            if forest.feature[at] < 0 or way.phase[d] == 2:
                if forest.feature[at] < 0:
                    for s in range(way.many[d]):
                        n = lengths[way.met[d, s]]
                        while total + n + 1 > len(low):
                            low = np.concatenate((low, np.zeros_like(low)))
                            high = np.concatenate((high, np.zeros_like(high)))
                        total = _append_runs(way.sets, d * way.stride + 1 + s, n, low, high, total)
                        run_start[slots.start[at] + s + 1] = total
                d -= 1
                continue
            way.phase[d] += 1
            narrow(way, d, bits, forest.test[at], forest.feature[at], wanted)
            way.node[d + 1] = forest.left[at] if way.phase[d] == 1 else forest.right[at]
            d += 1
            way.phase[d] = 0
    return Runs(run_start, low[:total].copy(), high[:total].copy(), lengths.max() if len(lengths) else 0)


@compiled
def narrow(way: Way, d: int, bits: Words, row: int, feature: int, wanted: npt.NDArray[np.bool_]) -> None:
    """Go one level down: of the column that is asked, only the values that go there stay."""
    m = way.many[d]
    here, below = d * way.stride + 1, (d + 1) * way.stride + 1
    for s in range(m):
        way.met[d + 1, s] = way.met[d, s]
        copy(way.sets, below + s, here + s)
    hit = slot_of(way, d, feature)
    if hit < 0 and wanted[feature]:
        hit = m
        way.met[d + 1, m] = feature
        way.sets[below + m] = ~np.uint64(0)
        m += 1
    if hit >= 0:
        keep_both(way.sets, below + hit, below + hit, bits, row, way.phase[d] == 2)
    way.many[d + 1] = m


@compiled
def _append_runs(sets: Words, at: int, n: int, low: Ints, high: Ints, total: int) -> int:
    """Append the runs of members among the first `n`, and return how many runs there are then."""
    open_ = False
    for g in range(n):
        is_in = (sets[at, g >> 6] >> np.uint64(g & 63)) & np.uint64(1) != np.uint64(0)
        if is_in and not open_:
            low[total] = g
        if open_ and not is_in:
            high[total] = g
            total += 1
        open_ = is_in
    if open_:
        high[total] = n
        total += 1
    return total


def smallest() -> tuple[Forest, Splits, Codes]:
    """Return a tree with one question, and the codes of two rows: what kernels are warmed with."""
    root, feature, left, right = (np.array(v, dtype=np.int32) for v in ([0], [0, -1, -1], [1, -1, -1], [2, -1, -1]))
    forest = Forest(
        root=root,
        output=root.copy(),
        feature=feature,
        test=np.zeros(3, np.int32),
        left=left,
        right=right,
        value=np.array([[0.0], [1.0], [2.0]]),
        cover=np.array([2.0, 1.0, 1.0]),
        base=np.zeros(1),
        depth=1,
        n_features=1,
    )
    none = np.zeros(0, np.int32)
    splits = Splits(np.array([0, 3]), none, np.zeros(1, np.int64), none, none)
    return forest, splits, np.array([[0, 1]], dtype=np.uint16)


def warm() -> None:
    """Compile this module's kernels."""
    forest, splits, codes = smallest()
    slots = lay_out_slots(forest, np.ones(1, np.bool_))
    bits = np.zeros((n_rows(splits), 1), np.uint64)
    fill_bits(codes, 0, 2, splits, bits)
    lay_out_runs(forest, slots, bits, np.array([2]))
