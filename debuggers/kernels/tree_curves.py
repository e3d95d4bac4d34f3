"""Individual curves of tree ensembles, of all columns in one pass, and what pages read from them.

If one column of a row changes, a tree can only answer with leaves whose conditions the row fulfils but for those on
that column. A walk over each tree carries, as bits, the rows that fulfil all conditions so far and, per column, those
that fail conditions on this column only. At a leaf the latter get a step: up by the leaf's value less the value of the
row's own leaf where the column's grid enters the leaf, down where it leaves it. Steps added up along the grid are the
row's curve; nothing is predicted twice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from debuggers.kernels.bits import ROWS_PER_WORD, Words, add_missed, first_rows, keep_both, lowest
from debuggers.kernels.compiled import compiled, compiled_fast
from debuggers.kernels.forest import (
    Codes,
    Floats,
    Forest,
    Ints,
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
)
from debuggers.kernels.links import LOGISTIC, Answer, answer


class Sums(NamedTuple):
    """What is added up over rows; merges by addition.

    Parameters
    ----------
    total, square : ndarray of shape (n_columns, n_outputs, n_points)
        Of the individual curves less those of the pivot.
    centred : ndarray of the same shape
        Squares of the curves less their value at the anchor, less the same of the pivot.
    spread : ndarray of shape (n_columns, n_outputs)
        Squares of the curves less their mean over the points.
    moved : ndarray of shape (n_columns,)
        Rows whose curve is not flat.
    """

    total: Floats
    square: Floats
    centred: Floats
    spread: Floats
    moved: Floats


class Grids(NamedTuple):
    """Where curves are drawn.

    Parameters
    ----------
    place : ndarray of shape (n_features,)
        Position of each column among those that are drawn; -1 for the others.
    points : ndarray of shape (n_columns,)
        Values of each grid.
    anchor : ndarray of shape (n_columns,)
        Position at which curves are centred.
    """

    place: Ints
    points: Ints
    anchor: Ints


@compiled
def individual_curves(
    codes: Codes, start: int, stop: int, words: int, forest: Forest, splits: Splits, slots: Slots, runs: Runs,
    grids: Grids, out: Floats,
) -> None:  # fmt: skip
    """Write the raw individual curves of the rows from `start` to `stop`.

    Parameters
    ----------
    out : ndarray of shape (n, n_columns, n_outputs, n_points)
        Beyond the values of a column's own grid, its last value.
    """
    room, way = _room(words, forest, splits, runs, grids), room_for_way(forest, slots.most, words)
    for at in range(start, stop, words * ROWS_PER_WORD):
        end = min(stop, at + words * ROWS_PER_WORD)
        fill_bits(codes, at, end, splits, room.bits)
        _add_steps(end - at, forest, slots, runs, grids, room, way)
        for i in range(end - at):
            for c in range(out.shape[1]):
                for o in range(out.shape[2]):
                    value = room.own[i, o] + forest.base[o]
                    for g in range(out.shape[3]):
                        value += room.steps[i, c, o, g]
                        out[at + i, c, o, g] = value


@compiled
def summed_curves(
    codes: Codes, start: int, stop: int, words: int, forest: Forest, splits: Splits, slots: Slots, runs: Runs,
    grids: Grids, link: Answer, pivot: Floats,
) -> Sums:  # fmt: skip
    """Return the sums over the rows from `start` to `stop` of their curves, on the scale of the answer.

    Parameters
    ----------
    pivot : ndarray of shape (n_columns, n_outputs, n_points)
        A curve that is subtracted from all, so that equal curves give squares of exactly 0.
    """
    shape = pivot.shape
    sums = Sums(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape[:2]), np.zeros(shape[0]))
    room, way = _room(words, forest, splits, runs, grids), room_for_way(forest, slots.most, words)
    curve = np.zeros((shape[1], shape[2]))
    for at in range(start, stop, words * ROWS_PER_WORD):
        end = min(stop, at + words * ROWS_PER_WORD)
        fill_bits(codes, at, end, splits, room.bits)
        _add_steps(end - at, forest, slots, runs, grids, room, way)
        for i in range(end - at):
            for c in range(shape[0]):
                n = grids.points[c]
                still = True
                for o in range(shape[1]):
                    value = room.own[i, o] + forest.base[o]
                    for g in range(n):
                        still &= g == 0 or room.steps[i, c, o, g] == 0.0
                        value += room.steps[i, c, o, g]
                        curve[o, g] = value
                _add_row(curve, n, still, c, grids.anchor[c], link, pivot, sums)
    return sums


@compiled
def _add_row(curve: Floats, n: int, still: bool, c: int, anchor: int, link: Answer, pivot: Floats, sums: Sums) -> None:
    """Add one row's raw curve of one column to the sums."""
    if still:  # one answer for all points
        answer(link, curve, 1)
        for o in range(len(curve)):
            curve[o, 1:n] = curve[o, 0]
    else:
        answer(link, curve, n)
        sums.moved[c] += 1
    for o in range(len(curve)):
        if not still:
            sums.spread[c, o] += _spread(curve, o, n)
        for g in range(n):
            curve[o, g] -= pivot[c, o, g]
        _add_powers(curve, o, n, curve[o, anchor], c, sums)


@compiled_fast
def _spread(curve: Floats, o: int, n: int) -> float:
    """Return the squares of a curve less its mean."""
    mean = 0.0
    for g in range(n):
        mean += curve[o, g]
    mean /= n
    total = 0.0
    for g in range(n):
        total += (curve[o, g] - mean) ** 2
    return total


@compiled_fast
def _add_powers(curve: Floats, o: int, n: int, centre: float, c: int, sums: Sums) -> None:
    for g in range(n):
        sums.total[c, o, g] += curve[o, g]
    for g in range(n):
        sums.square[c, o, g] += curve[o, g] * curve[o, g]
    for g in range(n):
        sums.centred[c, o, g] += (curve[o, g] - centre) ** 2


class _Room(NamedTuple):
    """What a block of rows needs.

    Parameters
    ----------
    bits : ndarray of shape (n_rows, n_words)
    own : ndarray of shape (n, n_outputs)
        What each row's own leaves add up to.
    steps : ndarray of shape (n, n_columns, n_outputs, n_points + 1)
    leaf : ndarray of shape (n, width)
        Value of the row's leaf in the present tree.
    """

    bits: Words
    own: Floats
    steps: Floats
    leaf: Floats


@compiled
def _room(words: int, forest: Forest, splits: Splits, runs: Runs, grids: Grids) -> _Room:
    rows = words * ROWS_PER_WORD
    return _Room(
        np.zeros((n_rows(splits), words), np.uint64),
        np.zeros((rows, len(forest.base))),
        np.zeros((rows, len(grids.points), len(forest.base), runs.points + 1)),
        np.zeros((rows, forest.value.shape[1])),
    )


@compiled
def _add_steps(n: int, forest: Forest, slots: Slots, runs: Runs, grids: Grids, room: _Room, way: Way) -> None:
    """Write the value of each of `n` rows' own leaves, and the steps of its curves."""
    room.own[:] = 0.0
    room.steps[:n] = 0.0
    for t in range(len(forest.root)):
        root, first = forest.root[t], forest.output[t]
        first_rows(way.sets, 0, n)
        _find_own(root, forest, room, way)
        for i in range(n):
            for j in range(room.leaf.shape[1]):
                room.own[i, first + j] += room.leaf[i, j]
        first_rows(way.sets, 0, n)
        if forest.feature[root] >= 0:
            _walk(root, first, forest, slots, runs, grids, room, way)


@compiled
def _find_own(root: int, forest: Forest, room: _Room, way: Way) -> None:
    """Write the value of the leaf that each row reaches; the sets lie one behind the other, a level each."""
    d = 0
    way.node[0], way.phase[0] = root, 0
    while d >= 0:
        at = way.node[d]
        if forest.feature[at] < 0:
            for w in range(way.sets.shape[1]):
                word = way.sets[d, w]
                while word != 0:
                    i = w * 64 + lowest(word)
                    word &= word - np.uint64(1)
                    for j in range(room.leaf.shape[1]):
                        room.leaf[i, j] = forest.value[at, j]
            d -= 1
            continue
        if way.phase[d] == 2:
            d -= 1
            continue
        inverted = way.phase[d] == 1
        way.phase[d] += 1
        if keep_both(way.sets, d + 1, d, room.bits, forest.test[at], inverted):
            d += 1
            way.node[d], way.phase[d] = forest.right[at] if inverted else forest.left[at], 0


@compiled
def _walk(root: int, first: int, forest: Forest, slots: Slots, runs: Runs, grids: Grids, room: _Room, way: Way) -> None:
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
        if forest.feature[child] < 0:
            _step_leaf(way, d, at, child, inverted, first, forest, slots, runs, grids, room)
        elif _go_down(way, d, room.bits, forest.test[at], inverted, forest.feature[at], grids):
            d += 1
            way.node[d], way.phase[d] = child, 0


@compiled
def _go_down(way: Way, d: int, bits: Words, row: int, inverted: bool, feature: int, grids: Grids) -> bool:
    """Write the sets of the next level, and return whether any row is in one of them.

    Here a column's set holds rows that fail conditions on that column, and fulfil all others.
    """
    m, here, below = way.many[d], d * way.stride + 1, (d + 1) * way.stride + 1
    hit = slot_of(way, d, feature)
    some = keep_both(way.sets, below - 1, here - 1, bits, row, inverted)
    for s in range(m):
        way.met[d + 1, s] = way.met[d, s]
        if s == hit:
            some |= add_missed(way.sets, below + s, here + s, here - 1, bits, row, inverted)
        else:
            some |= keep_both(way.sets, below + s, here + s, bits, row, inverted)
    if hit < 0 and grids.place[feature] >= 0:
        way.met[d + 1, m] = feature
        some |= keep_both(way.sets, below + m, here - 1, bits, row, not inverted)
        m += 1
    way.many[d + 1] = m
    return some


@compiled
def _step_leaf(
    way: Way, d: int, at: int, leaf: int, inverted: bool, first: int, forest: Forest, slots: Slots, runs: Runs,
    grids: Grids, room: _Room,
) -> None:  # fmt: skip
    """Add the steps that a leaf, whose parent `at` is on level `d`, gives to rows that fail on one column only."""
    f, row, slot, m = forest.feature[at], forest.test[at], slots.start[leaf], way.many[d]
    here, free = d * way.stride + 1, len(way.sets) - 1
    hit = slot_of(way, d, f)
    for s in range(m):
        if runs.start[slot + s] == runs.start[slot + s + 1]:
            continue
        if s == hit:
            some = add_missed(way.sets, free, here + s, here - 1, room.bits, row, inverted)
        else:
            some = keep_both(way.sets, free, here + s, room.bits, row, inverted)
        if some:
            _step(way, grids.place[way.met[d, s]], first, leaf, slot + s, forest, runs, room)
    if hit >= 0 or grids.place[f] < 0 or runs.start[slot + m] == runs.start[slot + m + 1]:
        return
    if keep_both(way.sets, free, here - 1, room.bits, row, not inverted):
        _step(way, grids.place[f], first, leaf, slot + m, forest, runs, room)


@compiled
def _step(way: Way, c: int, first: int, leaf: int, slot: int, forest: Forest, runs: Runs, room: _Room) -> None:
    """Add a leaf's steps along a column to the rows of the free set."""
    free = len(way.sets) - 1
    for r in range(runs.start[slot], runs.start[slot + 1]):
        low, high = runs.low[r], runs.high[r]
        for w in range(way.sets.shape[1]):
            word = way.sets[free, w]
            while word != 0:
                i = w * 64 + lowest(word)
                word &= word - np.uint64(1)
                for j in range(room.leaf.shape[1]):
                    change = forest.value[leaf, j] - room.leaf[i, j]
                    room.steps[i, c, first + j, low] += change
                    room.steps[i, c, first + j, high] -= change


def warm() -> None:
    """Compile this module's kernels."""
    forest, splits, codes = smallest()
    slots = lay_out_slots(forest, np.ones(1, np.bool_))
    bits = np.zeros((n_rows(splits), 1), np.uint64)
    fill_bits(codes, 0, 2, splits, bits)
    runs = lay_out_runs(forest, slots, bits, np.array([2]))
    first = np.zeros(1, np.int32)
    grids = Grids(first, np.array([2], np.int32), first)
    individual_curves(codes, 0, 2, 1, forest, splits, slots, runs, grids, np.zeros((2, 1, 1, 2)))
    link, pivot = Answer(LOGISTIC, 1.0, 0.0, log_odds=False), np.zeros((1, 1, 2))
    summed_curves(codes, 0, 2, 1, forest, splits, slots, runs, grids, link, pivot)
