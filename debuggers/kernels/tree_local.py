"""Local effects of tree ensembles: how a row's answer changes from one end of its bin to the other, for all columns.

In a tree, a row goes the same way at both ends of a column's bin, and at its own value, unless it meets a node that
tells these apart; with narrow bins few rows do. So all rows go down a tree together, parted at its nodes, and only a
row that meets such a node is followed from there to the leaves of both ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from debuggers.kernels.bits import Words
from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import Codes, Floats, Forest, Ints, Longs, fill_bits, n_rows, smallest
from debuggers.kernels.links import LOGISTIC, Answer, answer
from debuggers.kernels.questions import Questions, goes_left, questions_of

Bins = npt.NDArray[np.int32]
ONE = np.uint64(1)


class Edges(NamedTuple):
    """The bins' edges.

    Parameters
    ----------
    place : ndarray of shape (n_features,)
        Position of each column among those that are followed; -1 for the others.
    left : ndarray of shape (n_rows, n_words)
        The table of bits of the edges.
    most : int
        Edges of the column that has most.
    """

    place: Ints
    left: Words
    most: int


class _Room(NamedTuple):
    """What a block of rows needs.

    Parameters
    ----------
    order, aside, met : ndarray of shape (n,)
        The rows, those of a node side by side; and room for rows that go right, and for rows to be followed.
    stack : ndarray of shape (n_levels, 3)
        Nodes with the first of their rows and the one after their last.
    last : ndarray of shape (n_columns, n)
        The last tree in which the row was followed to the ends of its bin, -1 for none.
    own : ndarray of shape (n_outputs, n)
        What the row's own leaves add up to.
    upper, lower : ndarray of shape (n_columns, n_outputs, n)
        What is to be added to that at the upper and at the lower end of the bin.
    """

    order: Longs
    aside: Longs
    met: Longs
    stack: Longs
    last: Ints
    own: Floats
    upper: Floats
    lower: Floats


@compiled
def local_changes(
    codes: Codes, start: int, stop: int, block: int, forest: Forest, questions: Questions, edges: Edges, bins: Bins,
    link: Answer,
) -> Floats:  # fmt: skip
    """Return the changes from edge k - 1 to k, added up over the rows of that bin from `start` to `stop`.

    Parameters
    ----------
    block : int
        Rows that go down the trees together.
    bins : ndarray of shape (n_columns, n)
        The edge at which each row's bin ends, 0 for none.

    Returns
    -------
    ndarray of shape (n_columns, n_outputs, n_edges)
        On the scale of the answer.
    """
    n_columns, n_outputs = len(bins), len(forest.base)
    room = _Room(
        np.arange(block), np.zeros(block, np.int64), np.zeros(block, np.int64),
        np.zeros((forest.depth + 2, 3), np.int64), np.zeros((n_columns, block), np.int32), np.zeros((n_outputs, block)),
        np.zeros((n_columns, n_outputs, block)), np.zeros((n_columns, n_outputs, block)),
    )  # fmt: skip
    sums = np.zeros((n_columns, n_outputs, edges.most))
    values = np.zeros((n_outputs, 2 * block))
    for first in range(start, stop, block):
        n = min(block, stop - first)
        room.order[:n] = np.arange(n)
        room.last[:] = -1
        room.own[:], room.upper[:], room.lower[:] = 0.0, 0.0, 0.0
        for t in range(len(forest.root)):
            _go_down(t, codes, first, n, forest, questions, edges, bins, room)
        for c in range(n_columns):
            _add_changes(c, first, n, forest.base, bins, link, room, values, sums)
    return sums


@compiled
def _go_down(
    t: int, codes: Codes, first: int, n: int, forest: Forest, questions: Questions, edges: Edges, bins: Bins,
    room: _Room,
) -> None:  # fmt: skip
    """Send the rows down a tree, and follow those whose bin it parts."""
    stack, top = room.stack, 1
    stack[0, 0], stack[0, 1], stack[0, 2] = forest.root[t], 0, n
    while top > 0:
        top -= 1
        at, low, high = stack[top, 0], stack[top, 1], stack[top, 2]
        f = forest.feature[at]
        if f < 0:
            for k in range(low, high):
                for j in range(forest.value.shape[1]):
                    room.own[forest.output[t] + j, room.order[k]] += forest.value[at, j]
            continue
        c = edges.place[f]
        if c >= 0:
            for m in range(_find_parted(forest.test[at], f, c, codes, first, low, high, questions, edges, bins, room)):
                i = room.met[m]
                if room.last[c, i] != t:
                    room.last[c, i] = t
                    _follow(i, first + i, at, f, c, forest.output[t], codes, forest, questions, edges, bins, room)
        middle = _part(forest.test[at], f, codes, first, low, high, questions, room)
        if high > middle:
            stack[top, 0], stack[top, 1], stack[top, 2] = forest.right[at], middle, high
            top += 1
        if middle > low:
            stack[top, 0], stack[top, 1], stack[top, 2] = forest.left[at], low, middle
            top += 1


@compiled
def _find_parted(
    row: int, f: int, c: int, codes: Codes, first: int, low: int, high: int, questions: Questions, edges: Edges,
    bins: Bins, room: _Room,
) -> int:  # fmt: skip
    """List the rows of a node that it does not send the same way at both ends of their bin and at their own value."""
    n = 0
    for k in range(low, high):
        i = room.order[k]
        end = bins[c, first + i]
        own = goes_left(codes[f, first + i], row, questions)
        upper, lower = _is_left(edges.left, row, end), _is_left(edges.left, row, max(end - 1, 0))
        room.met[n] = i
        n += (end > 0) & ((upper != own) | (lower != own))
    return n


@compiled
def _part(
    row: int, f: int, codes: Codes, first: int, low: int, high: int, questions: Questions, room: _Room
) -> int:  # fmt: skip
    """Put the rows of a node that go left before those that go right, and return where these begin."""
    lefts, rights = low, 0
    for k in range(low, high):
        i = room.order[k]
        is_left = goes_left(codes[f, first + i], row, questions)
        room.order[lefts] = i
        room.aside[rights] = i
        lefts += is_left
        rights += not is_left
    for k in range(rights):
        room.order[lefts + k] = room.aside[k]
    return lefts


@compiled
def _is_left(left: Words, row: int, edge: int) -> bool:
    return (left[row, edge >> 6] >> np.uint64(edge & 63)) & ONE != np.uint64(0)  # type: ignore[no-any-return]


@compiled
def _follow(
    i: int, row: int, at: int, f: int, c: int, output: int, codes: Codes, forest: Forest, questions: Questions,
    edges: Edges, bins: Bins, room: _Room,
) -> None:  # fmt: skip
    """Add what a tree changes, from a node on, if a row's column has the value of either end of its bin."""
    end = bins[c, row]
    own = _leaf(at, row, f, -1, codes, forest, questions, edges)
    upper = _leaf(at, row, f, end, codes, forest, questions, edges)
    lower = _leaf(at, row, f, end - 1, codes, forest, questions, edges)
    for j in range(forest.value.shape[1]):
        room.upper[c, output + j, i] += forest.value[upper, j] - forest.value[own, j]
        room.lower[c, output + j, i] += forest.value[lower, j] - forest.value[own, j]


@compiled
def _leaf(
    at: int, row: int, f: int, edge: int, codes: Codes, forest: Forest, questions: Questions, edges: Edges
) -> int:  # fmt: skip
    """Return the leaf that a row comes to from a node, with a column at an edge, or, for -1, at its own value."""
    while forest.feature[at] >= 0:
        g, test = forest.feature[at], forest.test[at]
        if g == f and edge >= 0:
            is_left = _is_left(edges.left, test, edge)
        else:
            is_left = goes_left(codes[g, row], test, questions)
        at = forest.left[at] if is_left else forest.right[at]
    return at


@compiled
def _add_changes(
    c: int, first: int, n: int, base: Floats, bins: Bins, link: Answer, room: _Room, values: Floats, sums: Floats
) -> None:
    """Add the changes of a column's answers over its bins; rows that were never followed have none."""
    m = 0
    for i in range(n):
        if room.last[c, i] >= 0:
            room.met[m] = i
            for o in range(len(base)):
                values[o, 2 * m] = base[o] + room.own[o, i] + room.upper[c, o, i]
                values[o, 2 * m + 1] = base[o] + room.own[o, i] + room.lower[c, o, i]
            m += 1
    answer(link, values, 2 * m)
    for k in range(m):
        for o in range(len(base)):
            sums[c, o, bins[c, first + room.met[k]]] += values[o, 2 * k] - values[o, 2 * k + 1]


def warm() -> None:
    """Compile this module's kernels."""
    forest, splits, codes = smallest()
    left = np.zeros((n_rows(splits), 1), np.uint64)
    fill_bits(codes, 0, 2, splits, left)
    link, edges = Answer(LOGISTIC, 1.0, 0.0, log_odds=False), Edges(np.zeros(1, np.int32), left, 2)
    local_changes(codes, 0, 2, 2, forest, questions_of(splits), edges, np.ones((1, 2), np.int32), link)
