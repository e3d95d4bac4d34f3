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

import numpy as np

from debuggers.kernels.bits import lowest, popcount
from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import Floats, Forest, Longs, smallest
from debuggers.kernels.questions import questions_of
from debuggers.kernels.tree_indices import Seen, add_values, count_indices, list_seen
from debuggers.kernels.tree_parts import MOST_SLOTS, Parts, cut_trees


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
    weight, filled = _orders(), np.zeros(1 << MOST_SLOTS, np.int64)
    for part in range(start, stop):
        first, n_filled = index_start[part], 0
        for index in range(1 << parts.bits[part]):
            if background[first + index] != 0.0:
                filled[n_filled] = index
                n_filled += 1
        for leaf in range(parts.leaf_start[part], parts.leaf_start[part + 1]):
            m = parts.pattern_start[leaf + 1] - parts.pattern_start[leaf]
            known[: 1 << m] = False
            rows[: 1 << m] = 0.0
            for k in range(n_filled):
                rows[_pattern(filled[k], leaf, parts)] += background[first + filled[k]]
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
    if 1 << np.int64(popcount(np.uint64(pattern))) <= n_present:
        sub = pattern
        while True:  # over the background patterns that make up for what this one misses
            if rows[missed | sub] != 0.0:
                _against(pattern, missed | sub, rows[missed | sub], weight, out)
            if sub == 0:
                return
            sub = (sub - 1) & pattern
    for k in range(n_present):
        if pattern | present[k] == full:
            _against(pattern, present[k], rows[present[k]], weight, out)


@compiled
def _against(pattern: int, other: int, share: float, weight: Floats, out: Floats) -> None:
    ours, theirs = np.uint64(pattern & ~other), np.uint64(other & ~pattern)
    a, b = np.int64(popcount(ours)), np.int64(popcount(theirs))
    plus, minus = share * weight[a, b], share * weight[b, a]
    while ours != 0:
        out[pattern, lowest(ours)] += plus
        ours &= ours - np.uint64(1)
    while theirs != 0:
        out[pattern, lowest(theirs)] -= minus
        theirs &= theirs - np.uint64(1)


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
