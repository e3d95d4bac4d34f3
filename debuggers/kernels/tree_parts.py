"""Trees cut into parts: subtrees in which few questions are asked, so that a table can hold every answer.

A part's index is the pattern of the columns on the way to its root, one bit each for whether a row fulfils their
conditions, and the answers to the questions asked below it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import Floats, Forest, Longs

MOST_SLOTS = 16  # columns on one way: patterns are of 16 bits
PART_BITS = 10  # of a part's index: tables that stay near the processor


class Parts(NamedTuple):
    """Subtrees, each with one table.

    Parameters
    ----------
    root, tree : ndarray of shape (n_parts,)
        First node, and the tree that it belongs to.
    bits : ndarray of shape (n_parts,)
        Of the index: the columns met on the way to the root come first, then the questions asked below it.
    test_start, feature_start, leaf_start : ndarray of shape (n_parts + 1,)
    test : ndarray
        Rows of the table of bits.
    feature : ndarray
        Columns that the part's leaves say something about.
    leaf : ndarray of shape (n_leaves,)
    pattern_start : ndarray of shape (n_leaves + 1,)
        First slot of each leaf.
    place : ndarray of shape (n_slots,)
        Position of each slot's column among its part's.
    ones, zeros : ndarray of shape (n_slots,)
        Bits of the index that have to be 1, and those that have to be 0, for a row to fulfil the column's conditions.
    share : ndarray of shape (n_slots,)
        Share of the training rows that go the leaf's way at its questions to the column.
    """

    root: Longs
    tree: Longs
    bits: Longs
    test_start: Longs
    feature_start: Longs
    leaf_start: Longs
    test: Longs
    feature: Longs
    leaf: Longs
    pattern_start: Longs
    place: Longs
    ones: Longs
    zeros: Longs
    share: Floats


# --- cutting trees into parts ---------------------------------------------------------------------------------------


# Lists that grow while trees are cut.
_ROOT, _TREE, _BITS, _TEST_START, _FEATURE_START, _LEAF_START, _TEST, _FEATURE, _LEAF, _PATTERN_START = range(10)
_PLACE, _ONES, _ZEROS, _SHARE, _N_LISTS = range(10, 15)


class _Lists(NamedTuple):
    """Lists of numbers, one a row.

    Parameters
    ----------
    cells : ndarray of shape (n_lists, room)
    sizes : ndarray of shape (n_lists,)
    """

    cells: Floats
    sizes: Longs


class _Way(NamedTuple):
    """Columns met on a way down, level by level, and what is known of each.

    Parameters
    ----------
    met : ndarray of shape (n_levels, n_slots)
    share : ndarray of the same shape
        Share of the training rows that go this way at questions to the column.
    ones, zeros : ndarray of the same shape
        Bits of a part's index that have to be 1, or 0.
    many, node, phase : ndarray of shape (n_levels,)
    """

    met: Longs
    share: Floats
    ones: Longs
    zeros: Longs
    many: Longs
    node: Longs
    phase: npt.NDArray[np.int8]


@compiled
def _append(lists: _Lists, k: int, value: float) -> _Lists:
    """Append to a list, and return the lists, which may have moved to a larger place."""
    cells = lists.cells
    if lists.sizes[k] == cells.shape[1]:
        cells = np.concatenate((cells, np.zeros_like(cells)), axis=1)
    cells[k, lists.sizes[k]] = value
    lists.sizes[k] += 1
    return _Lists(cells, lists.sizes)


@compiled
def _integers(lists: _Lists, k: int) -> Longs:
    return lists.cells[k, : lists.sizes[k]].astype(np.int64)


@compiled
def _way(levels: int) -> _Way:
    shape = (levels, MOST_SLOTS + 1)
    return _Way(
        np.zeros(shape, np.int64), np.ones(shape), np.zeros(shape, np.int64), np.zeros(shape, np.int64),
        np.zeros(levels, np.int64), np.zeros(levels, np.int64), np.zeros(levels, np.int8),
    )  # fmt: skip


@compiled
def _step(way: _Way, d: int, forest: Forest) -> int:
    """Go from level `d` to the next child, and return the slot of the column that was asked."""
    at, m = way.node[d], way.many[d]
    way.phase[d] += 1
    child = forest.left[at] if way.phase[d] == 1 else forest.right[at]
    hit = m
    for s in range(m):
        way.met[d + 1, s], way.share[d + 1, s] = way.met[d, s], way.share[d, s]
        way.ones[d + 1, s], way.zeros[d + 1, s] = way.ones[d, s], way.zeros[d, s]
        if way.met[d, s] == forest.feature[at]:
            hit = s
    if hit == m:
        way.met[d + 1, m], way.share[d + 1, m] = forest.feature[at], 1.0
        way.ones[d + 1, m], way.zeros[d + 1, m] = 0, 0
    way.share[d + 1, hit] *= _share(forest, at, child)
    way.node[d + 1], way.phase[d + 1], way.many[d + 1] = child, 0, max(m, hit + 1)
    return int(hit)


@compiled
def _distinct_below(at: int, forest: Forest, most: int, tests: Longs, stack: Longs) -> int:
    """Write the distinct questions of a subtree to `tests`, and return how many; more than `most` are not counted."""
    n, top = 0, 1
    stack[0] = at
    while top > 0:
        top -= 1
        node = stack[top]
        if forest.feature[node] < 0:
            continue
        if _position(tests, n, forest.test[node]) < 0:
            if n == most:
                return most + 1
            tests[n] = forest.test[node]
            n += 1
        stack[top], stack[top + 1] = forest.right[node], forest.left[node]
        top += 2
    return n


@compiled
def _position(items: Longs, n: int, value: int) -> int:
    """Return the position of a value among the first `n`, -1 where it is none."""
    for k in range(n):
        if items[k] == value:
            return k
    return -1


@compiled
def cut_trees(forest: Forest, first: int, last: int) -> Parts:
    """Cut the trees from `first` to `last` into parts; no way meets more than `MOST_SLOTS` columns."""
    lists = _Lists(np.zeros((_N_LISTS, 1024)), np.zeros(_N_LISTS, np.int64))
    levels = forest.depth + 2
    way, below = _way(levels), _way(levels)
    tests, stack = np.zeros(MOST_SLOTS + 2, np.int64), np.zeros(levels + 1, np.int64)
    for t in range(first, last):
        d = 0
        way.node[0], way.phase[0], way.many[0] = forest.root[t], 0, 0
        while d >= 0:
            room = min(MOST_SLOTS, max(PART_BITS, way.many[d] + 1)) - way.many[d]
            n = _distinct_below(way.node[d], forest, room, tests, stack) if way.phase[d] == 0 else room + 1
            if n <= room:
                lists = _append(lists, _TREE, t)
                lists = _cut_part(way, d, tests, n, below, forest, lists)
                d -= 1
            elif way.phase[d] < 2:
                _step(way, d, forest)
                d += 1
            else:
                d -= 1
    for start, of in ((_TEST_START, _TEST), (_FEATURE_START, _FEATURE), (_LEAF_START, _LEAF), (_PATTERN_START, _PLACE)):
        lists = _append(lists, start, lists.sizes[of])
    return Parts(
        _integers(lists, _ROOT), _integers(lists, _TREE), _integers(lists, _BITS), _integers(lists, _TEST_START),
        _integers(lists, _FEATURE_START), _integers(lists, _LEAF_START), _integers(lists, _TEST),
        _integers(lists, _FEATURE), _integers(lists, _LEAF), _integers(lists, _PATTERN_START),
        _integers(lists, _PLACE), _integers(lists, _ONES), _integers(lists, _ZEROS),
        lists.cells[_SHARE, : lists.sizes[_SHARE]].copy(),
    )  # fmt: skip


@compiled
def _cut_part(way: _Way, d: int, tests: Longs, n: int, below: _Way, forest: Forest, lists: _Lists) -> _Lists:
    """Append the part whose root is on level `d` of a way, and in which `n` questions are asked."""
    m = way.many[d]
    lists = _append(_append(lists, _ROOT, way.node[d]), _BITS, m + n)
    for start, of in ((_TEST_START, _TEST), (_FEATURE_START, _FEATURE), (_LEAF_START, _LEAF)):
        lists = _append(lists, start, lists.sizes[of])
    for k in range(n):
        lists = _append(lists, _TEST, tests[k])
    columns = np.zeros(2 * MOST_SLOTS + 2, np.int64)
    n_columns = m
    columns[:m] = way.met[d, :m]
    below.node[0], below.phase[0], below.many[0] = way.node[d], 0, m
    for s in range(m):
        below.met[0, s], below.share[0, s] = way.met[d, s], way.share[d, s]
        below.ones[0, s], below.zeros[0, s] = np.int64(1) << s, 0
    e = 0
    while e >= 0:
        node = below.node[e]
        if forest.feature[node] >= 0 and below.phase[e] < 2:
            bit = np.int64(1) << (m + _position(tests, n, forest.test[node]))
            _step_by(below, e, forest, bit)
            e += 1
            continue
        if forest.feature[node] < 0:
            for s in range(below.many[e]):
                if _position(columns, n_columns, below.met[e, s]) < 0:
                    columns[n_columns] = below.met[e, s]
                    n_columns += 1
            lists = _append_leaf(below, e, columns, n_columns, lists)
        e -= 1
    for q in range(n_columns):
        lists = _append(lists, _FEATURE, columns[q])
    return lists


@compiled
def _step_by(below: _Way, e: int, forest: Forest, bit: int) -> None:
    """Go from level `e` to the next child of a part, whose question is one bit of the index."""
    hit = _step(below, e, forest)
    if below.phase[e] == 1:
        below.ones[e + 1, hit] |= bit
    else:
        below.zeros[e + 1, hit] |= bit


@compiled
def _append_leaf(below: _Way, e: int, columns: Longs, n_columns: int, lists: _Lists) -> _Lists:
    lists = _append(_append(lists, _LEAF, below.node[e]), _PATTERN_START, lists.sizes[_PLACE])
    for s in range(below.many[e]):
        lists = _append(lists, _PLACE, _position(columns, n_columns, below.met[e, s]))
        lists = _append(lists, _SHARE, below.share[e, s])
        lists = _append(_append(lists, _ONES, below.ones[e, s]), _ZEROS, below.zeros[e, s])
    return lists


@compiled
def _share(forest: Forest, at: int, child: int) -> float:
    """Return the share of a node's training rows that go to a child; none where the node has none."""
    return float(forest.cover[child] / forest.cover[at]) if forest.cover[at] > 0.0 else 0.0
