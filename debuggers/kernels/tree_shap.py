"""Exact Shapley values of tree ensembles by tables.

A leaf has conditions on m columns, and a row fulfils them or not, column by column: that is one of 2**m patterns. What
the leaf adds to the Shapley value of each column depends on the pattern only, so it is tabled and looked up. Two
things make that fast. A subtree in which few questions are asked is one *part*: its index is the pattern of the columns
on the way to its root and the answers to its questions, and its table the sum of those of its leaves, which saves most
look-ups. And only patterns that occur among the rows are computed, so that many columns on a way cost no more than
there are rows.

Path-dependent values weigh the columns left out by the training rows' shares r on the way down. With o = 1 where a row
fulfils a column's conditions, they are integrals of ``prod(o t + r (1 - t))`` over the other columns, which
Gauss-Legendre points give exactly. Interventional values replace the columns left out by those of background rows, of
which only the number with each pattern matters.

References
----------
Lundberg et al. (2020), Nature Machine Intelligence 2, 56-67. Yu et al. (2022), Linear TreeShap, NeurIPS. Nadel and
Wettenstein (2025), From Decision Trees to Boolean Logic: A Fast and Unified SHAP Algorithm (WOODELF).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import Codes, Floats, Forest, Ints, Longs, smallest
from debuggers.kernels.questions import Questions, questions_of

MOST_SLOTS = 16  # columns on one way: patterns are of 16 bits
PART_BITS = 10  # of a part's index: tables that stay near the processor
BLOCK = 2048

Patterns = npt.NDArray[np.uint16]


class Seen(NamedTuple):
    """The indices that occur among the rows: tables have entries for these only.

    Parameters
    ----------
    start : ndarray of shape (n_parts + 1,)
        First of each part's in `indices`.
    indices : ndarray
        In rising order for each part.
    rank : ndarray of shape (n_indices,)
        Of every index of every part its position among those seen.
    """

    start: Longs
    indices: Ints
    rank: Ints


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


# --- rows to indices ------------------------------------------------------------------------------------------------


@compiled
def _answer(codes: Codes, first: int, n: int, row: int, questions: Questions, out: Patterns) -> None:
    """Write 1 for rows whose answer is yes, 0 for the others."""
    f, ask = questions.feature[row], questions.ask[row]
    if ask >= 0:
        for i in range(n):
            out[i] = codes[f, first + i] <= ask
    else:
        for i in range(n):
            out[i] = questions.answers[codes[f, first + i] - 1 - ask]


@compiled
def _and_bit(out: Patterns, pattern: Patterns, yes: Patterns, bit: int, inverted: bool, n: int) -> None:
    """Write a pattern whose bit stays set only where the answer is as it should be."""
    mask = np.uint16(~(1 << bit) & 0xFFFF)
    shift = np.uint16(bit)
    if inverted:
        for i in range(n):
            out[i] = pattern[i] & (mask | ((yes[i] ^ np.uint16(1)) << shift))
    else:
        for i in range(n):
            out[i] = pattern[i] & (mask | (yes[i] << shift))


@compiled
def _set_bit(out: Patterns, pattern: Patterns, yes: Patterns, bit: int, inverted: bool, n: int) -> None:
    """Write a pattern with one more bit: whether the answer is as it should be."""
    shift = np.uint16(bit)
    flip = np.uint16(1 if inverted else 0)
    for i in range(n):
        out[i] = pattern[i] | ((yes[i] ^ flip) << shift)


class Walk(NamedTuple):
    """Room for a block of rows on its way down a tree."""

    patterns: npt.NDArray[np.uint16]
    met: Longs
    many: Longs
    node: Longs
    phase: npt.NDArray[np.int8]
    yes: Patterns
    indices: Patterns


@compiled
def _room(forest: Forest) -> Walk:
    levels = forest.depth + 2
    return Walk(
        np.zeros((levels, BLOCK), np.uint16),
        np.zeros((levels, MOST_SLOTS + 1), np.int64),
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int8),
        np.zeros(BLOCK, np.uint16),
        np.zeros(BLOCK, np.uint16),
    )


@compiled
def _next_part(
    d: int, part: int, codes: Codes, first: int, n: int, forest: Forest, parts: Parts, questions: Questions, walk: Walk
) -> int:  # fmt: skip
    """Go on from level `d` to the next part, write the rows' indices, and return the level; -1 where the tree ends."""
    while d >= 0:
        at, m = walk.node[d], walk.many[d]
        if walk.phase[d] == 0 and part < len(parts.root) and parts.root[part] == at:
            _index(part, m, walk.patterns[d], codes, first, n, parts, questions, walk)
            return d
        if walk.phase[d] == 2:
            d -= 1
            continue
        inverted = walk.phase[d] == 1
        walk.phase[d] += 1
        _answer(codes, first, n, forest.test[at], questions, walk.yes)
        hit = -1
        for s in range(m):
            walk.met[d + 1, s] = walk.met[d, s]
            if walk.met[d, s] == forest.feature[at]:
                hit = s
        if hit < 0:
            walk.met[d + 1, m] = forest.feature[at]
            _set_bit(walk.patterns[d + 1], walk.patterns[d], walk.yes, m, inverted, n)
            m += 1
        else:
            _and_bit(walk.patterns[d + 1], walk.patterns[d], walk.yes, hit, inverted, n)
        d += 1
        walk.node[d], walk.phase[d], walk.many[d] = forest.right[at] if inverted else forest.left[at], 0, m
    return -1


@compiled
def _index(
    part: int, m: int, pattern: Patterns, codes: Codes, first: int, n: int, parts: Parts, questions: Questions,
    walk: Walk,
) -> None:  # fmt: skip
    index = walk.indices
    index[:n] = pattern[:n]
    for k in range(parts.test_start[part], parts.test_start[part + 1]):
        _answer(codes, first, n, parts.test[k], questions, walk.yes)
        shift = np.uint16(m + k - parts.test_start[part])
        for i in range(n):
            index[i] |= walk.yes[i] << shift


@compiled
def count_indices(
    codes: Codes, start: int, stop: int, weights: Floats, forest: Forest, parts: Parts, questions: Questions,
    index_start: Longs,
) -> Floats:  # fmt: skip
    """Return the weight of the rows from `start` to `stop` at each index of each part.

    Parameters
    ----------
    weights : ndarray of shape (n,)
    index_start : ndarray of shape (n_parts + 1,)
        Where the indices of each part begin.
    """
    out = np.zeros(index_start[-1])
    walk = _room(forest)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        part = 0
        while part < len(parts.root):
            walk.node[0], walk.phase[0], walk.many[0] = forest.root[parts.tree[part]], 0, 0
            walk.patterns[0, :n] = 0
            d = 0
            while True:
                d = _next_part(d, part, codes, first, n, forest, parts, questions, walk)
                if d < 0:
                    break
                at = index_start[part]
                for i in range(n):
                    out[at + walk.indices[i]] += weights[first + i]
                part += 1
                d -= 1
    return out


@compiled
def list_seen(counts: Floats, index_start: Longs) -> Seen:
    """Return which indices have rows."""
    start, rank = np.zeros(len(index_start), np.int64), np.zeros(len(counts), np.int32)
    index = np.zeros(len(counts), np.int32)
    total = 0
    for part in range(len(index_start) - 1):
        for i in range(index_start[part], index_start[part + 1]):
            if counts[i] > 0.0:
                index[total], rank[i] = i - index_start[part], total - start[part]
                total += 1
        start[part + 1] = total
    return Seen(start, index[:total].copy(), rank)


@compiled
def add_values(
    codes: Codes, start: int, stop: int, forest: Forest, parts: Parts, questions: Questions, index_start: Longs,
    seen: Seen, table: Floats, table_start: Longs, share: Floats, out: Floats,
) -> None:  # fmt: skip
    """Add the share of each row from `start` to `stop` of what the tables say of it.

    Parameters
    ----------
    table_start : ndarray of shape (n_parts + 1,)
        Where each part's table begins: for each of its columns and outputs of its leaves a number for each index seen.
    share : ndarray of shape (n,)
    out : ndarray of shape (n, n_features, n_outputs)
    """
    walk = _room(forest)
    block, rank = np.zeros((out.shape[1] * out.shape[2], BLOCK)), np.zeros(BLOCK, np.int64)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        block[:] = 0.0
        part = 0
        while part < len(parts.root):
            walk.node[0], walk.phase[0], walk.many[0] = forest.root[parts.tree[part]], 0, 0
            walk.patterns[0, :n] = 0
            d = 0
            while True:
                d = _next_part(d, part, codes, first, n, forest, parts, questions, walk)
                if d < 0:
                    break
                for i in range(n):
                    rank[i] = seen.rank[index_start[part] + walk.indices[i]]
                _look_up(part, rank, n, forest, parts, seen, table, table_start[part], out.shape[2], block)
                part += 1
                d -= 1
        for i in range(n):
            for f in range(out.shape[1]):
                for o in range(out.shape[2]):
                    out[first + i, f, o] += share[first + i] * block[f * out.shape[2] + o, i]


@compiled
def _look_up(
    part: int, rank: Longs, n: int, forest: Forest, parts: Parts, seen: Seen, table: Floats, at: int, n_outputs: int,
    block: Floats,
) -> None:  # fmt: skip
    """Add one part's entries, the table beginning at `at`, to a block of rows."""
    output = forest.output[parts.tree[part]]
    for q in range(parts.feature_start[part], parts.feature_start[part + 1]):
        for j in range(forest.value.shape[1]):
            row = parts.feature[q] * n_outputs + output + j
            for i in range(n):
                block[row, i] += table[at + rank[i]]
            at += seen.start[part + 1] - seen.start[part]


# --- tables ---------------------------------------------------------------------------------------------------------


@compiled
def _pattern(index: int, leaf: int, parts: Parts) -> int:
    """Return which of a leaf's columns an index fulfils, as bits."""
    first = parts.pattern_start[leaf]
    pattern = 0
    for s in range(parts.pattern_start[leaf + 1] - first):
        one, zero = parts.ones[first + s], parts.zeros[first + s]
        if index & one == one and index & zero == 0:
            pattern |= 1 << s
    return pattern


@compiled
def fill_path_dependent(
    start: int, stop: int, forest: Forest, parts: Parts, seen: Seen, table: Floats, table_start: Longs,
    points: Floats, weights: Floats,
) -> None:  # fmt: skip
    """Fill the tables of the parts from `start` to `stop` at indices that were seen.

    Parameters
    ----------
    points, weights : ndarray of shape (MOST_SLOTS // 2 + 1, MOST_SLOTS // 2)
        Gauss-Legendre points on (0, 1): in row q the q points of that rule.
    """
    known, tabled = np.zeros(1 << MOST_SLOTS, np.bool_), np.zeros((1 << MOST_SLOTS, MOST_SLOTS))
    factor, share = np.zeros((2, MOST_SLOTS, MOST_SLOTS // 2)), np.zeros((2, MOST_SLOTS, MOST_SLOTS // 2))
    for part in range(start, stop):
        for leaf in range(parts.leaf_start[part], parts.leaf_start[part + 1]):
            first = parts.pattern_start[leaf]
            m = parts.pattern_start[leaf + 1] - first
            rule = (m + 1) // 2
            _prepare(leaf, parts, points[rule], weights[rule], factor, share)
            known[: 1 << m] = False
            for at in range(seen.start[part], seen.start[part + 1]):
                pattern = _pattern(seen.indices[at], leaf, parts)
                if not known[pattern]:
                    known[pattern] = True
                    _against_training(pattern, m, rule, factor, share, tabled)
                _add_leaf(part, leaf, at, pattern, tabled, m, forest, parts, seen, table, table_start)


@compiled
def _prepare(leaf: int, parts: Parts, points: Floats, weights: Floats, factor: Floats, share: Floats) -> None:
    """Write what each column, fulfilled or not, multiplies the integrand by, and what is left of it for itself."""
    first = parts.pattern_start[leaf]
    for s in range(parts.pattern_start[leaf + 1] - first):
        r = parts.share[first + s]
        for q in range(len(points)):
            t = points[q]
            factor[1, s, q], factor[0, s, q] = t + (1.0 - t) * r, (1.0 - t) * r
            share[1, s, q] = weights[q] * (1.0 - r) / (t + (1.0 - t) * r)
            share[0, s, q] = -weights[q] / (1.0 - t)


@compiled
def _against_training(pattern: int, m: int, rule: int, factor: Floats, share: Floats, out: Floats) -> None:
    """Write a leaf's values of one pattern against the training rows' shares."""
    for s in range(m):
        out[pattern, s] = 0.0
    for q in range(rule):
        product = 1.0
        for s in range(m):
            product *= factor[(pattern >> s) & 1, s, q]
        for s in range(m):
            out[pattern, s] += product * share[(pattern >> s) & 1, s, q]


@compiled
def fill_interventional(
    start: int, stop: int, forest: Forest, parts: Parts, seen: Seen, background: Floats, index_start: Longs,
    table: Floats, table_start: Longs,
) -> None:  # fmt: skip
    """Fill the tables of the parts from `start` to `stop` at indices that were seen.

    Parameters
    ----------
    background : ndarray
        Weight of the background rows at each index of each part; weights may be negative.
    """
    known, tabled = np.zeros(1 << MOST_SLOTS, np.bool_), np.zeros((1 << MOST_SLOTS, MOST_SLOTS))
    rows, present = np.zeros(1 << MOST_SLOTS), np.zeros(1 << MOST_SLOTS, np.int64)
    weight = _orders()
    for part in range(start, stop):
        for leaf in range(parts.leaf_start[part], parts.leaf_start[part + 1]):
            m = parts.pattern_start[leaf + 1] - parts.pattern_start[leaf]
            known[: 1 << m] = False
            rows[: 1 << m] = 0.0
            for index in range(1 << parts.bits[part]):
                if background[index_start[part] + index] != 0.0:
                    rows[_pattern(index, leaf, parts)] += background[index_start[part] + index]
            n_present = 0
            for pattern in range(1 << m):
                if rows[pattern] != 0.0:
                    present[n_present] = pattern
                    n_present += 1
            for at in range(seen.start[part], seen.start[part + 1]):
                pattern = _pattern(seen.indices[at], leaf, parts)
                if not known[pattern]:
                    known[pattern] = True
                    _against_background(pattern, m, rows, present, n_present, weight, tabled)
                _add_leaf(part, leaf, at, pattern, tabled, m, forest, parts, seen, table, table_start)


@compiled
def _orders() -> Floats:
    """Return ``(a - 1)! b! / (a + b)!`` at (a, b): the share of orders in which one of a comes after its fellows."""
    out = np.zeros((MOST_SLOTS + 1, MOST_SLOTS + 1))
    for a in range(1, MOST_SLOTS + 1):
        out[a, 0] = 1.0 / a
        for b in range(1, MOST_SLOTS + 1):
            out[a, b] = out[a, b - 1] * b / (a + b)
    return out


@compiled
def _against_background(
    pattern: int, m: int, rows: Floats, present: Longs, n_present: int, weight: Floats, out: Floats
) -> None:
    """Write a leaf's values of one pattern against all patterns of the background."""
    full = (1 << m) - 1
    missed = full & ~pattern
    for s in range(m):
        out[pattern, s] = 0.0
    if 1 << _size(pattern) <= n_present:
        sub = pattern
        while True:  # over the background patterns that make up for what this one misses
            if rows[missed | sub] != 0.0:
                _against(pattern, missed | sub, m, rows[missed | sub], weight, out)
            if sub == 0:
                return
            sub = (sub - 1) & pattern
    for k in range(n_present):
        if pattern | present[k] == full:
            _against(pattern, present[k], m, rows[present[k]], weight, out)


@compiled
def _against(pattern: int, other: int, m: int, share: float, weight: Floats, out: Floats) -> None:
    ours, theirs = pattern & ~other, other & ~pattern
    a, b = _size(ours), _size(theirs)
    for s in range(m):
        if (ours >> s) & 1:
            out[pattern, s] += share * weight[a, b]
        elif (theirs >> s) & 1:
            out[pattern, s] -= share * weight[b, a]


@compiled
def _size(pattern: int) -> int:
    n = 0
    while pattern:
        pattern &= pattern - 1
        n += 1
    return n


@compiled
def _add_leaf(
    part: int, leaf: int, at: int, pattern: int, tabled: Floats, m: int, forest: Forest, parts: Parts, seen: Seen,
    table: Floats, table_start: Longs,
) -> None:  # fmt: skip
    """Add a leaf's values to the entry of a part's table that belongs to the index seen `at`."""
    width, first = forest.value.shape[1], parts.pattern_start[leaf]
    size = seen.start[part + 1] - seen.start[part]
    entry = table_start[part] + at - seen.start[part]
    for s in range(m):
        for j in range(width):
            row = parts.place[first + s] * width + j
            table[entry + row * size] += tabled[pattern, s] * forest.value[parts.leaf[leaf], j]


def gauss_legendre() -> tuple[Floats, Floats]:
    """Return points and weights of the Gauss-Legendre rules on (0, 1), one rule a row."""
    most = MOST_SLOTS // 2
    points, weights = np.full((most + 1, most), 0.5), np.zeros((most + 1, most))
    for q in range(1, most + 1):
        x, w = np.polynomial.legendre.leggauss(q)
        points[q, :q], weights[q, :q] = (x + 1.0) / 2.0, w / 2.0
    return points, weights


def warm() -> None:
    """Compile this module's kernels."""
    forest, splits, codes = smallest()
    questions, parts = questions_of(splits), cut_trees(forest, 0, 1)
    index_start = np.concatenate([[0], np.cumsum(1 << parts.bits)])
    counts = count_indices(codes, 0, 2, np.ones(2), forest, parts, questions, index_start)
    seen = list_seen(counts, index_start)
    table_start = np.array([0, len(seen.indices)])
    table = np.zeros(len(seen.indices))
    points, weights = gauss_legendre()
    fill_path_dependent(0, 1, forest, parts, seen, table, table_start, points, weights)
    fill_interventional(0, 1, forest, parts, seen, counts, index_start, table, table_start)
    out = np.zeros((2, 1, 1))
    add_values(codes, 0, 2, forest, parts, questions, index_start, seen, table, table_start, np.ones(2), out)
