"""Local effects of tree ensembles: how a row's answer changes from one end of its bin to the other, for all columns.

In a tree, a row goes the same way at both ends of a column's bin, and at its own value, unless it meets a node that
tells these apart; with narrow bins few rows do. So all rows go down a tree together, parted at its nodes, and only a
row that meets such a node is followed from there to the leaves of both ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import Codes, Floats, Forest, Ints, Longs, smallest
from debuggers.kernels.links import LOGISTIC, Answer, answer
from debuggers.kernels.questions import Bytes, goes_left, nodes_of, questions_of

OWN, LOWER, UPPER = range(3)  # a row's value in a column, and the ends of its bin


class Steps(NamedTuple):
    """Trees, as steps down them read them.

    Parameters
    ----------
    forest : Forest
    nodes : ndarray of shape (n_nodes, 4)
        As `nodes_of` gives them.
    answers : ndarray of uint8
    """

    forest: Forest
    nodes: Longs
    answers: Bytes


class Bins(NamedTuple):
    """The bins of rows.

    Parameters
    ----------
    place : ndarray of shape (n_features,)
        Position of each column among those that are followed; -1 for the others.
    edges : ndarray of shape (n_features, n_edges)
        The codes of each column's edges.
    end : ndarray of shape (n_columns, n)
        The edge at which each row's bin ends, 0 for none.
    """

    place: Ints
    edges: Codes
    end: Ints


class _Room(NamedTuple):
    """What a block of rows needs.

    Parameters
    ----------
    code : ndarray of shape (n_features, n, 3)
        The codes of each row's value and of the ends of its bin.
    order, aside : ndarray of shape (n,)
        The rows, those of a node side by side; and room for those that go right.
    leaf : ndarray of shape (n,)
        Of each row in the present tree.
    stack : ndarray of shape (n_levels, 3)
        Nodes with the first of their rows and the one after their last.
    met : ndarray of shape (n_columns * n + n, 3)
        In the present tree: rows to follow, their columns, and the nodes from which on. Behind these is room for the
        rows of one node.
    last : ndarray of shape (n_columns, n)
        The last tree in which the row is to be followed, -1 for none.
    own : ndarray of shape (n_outputs, n)
        What the row's own leaves add up to.
    change : ndarray of shape (n_columns, n_outputs, n, 2)
        What is to be added to that at the lower and at the upper end of the bin.
    """

    code: Codes
    order: Ints
    aside: Ints
    leaf: Ints
    stack: Longs
    met: Ints
    last: Ints
    own: Floats
    change: Floats


@compiled
def local_changes(codes: Codes, start: int, stop: int, block: int, steps: Steps, bins: Bins, link: Answer) -> Floats:
    """Return the changes from edge k - 1 to k, added up over the rows of that bin from `start` to `stop`.

    Parameters
    ----------
    block : int
        Rows that go down the trees together.

    Returns
    -------
    ndarray of shape (n_columns, n_outputs, n_edges)
        On the scale of the answer.
    """
    n_columns, base = len(bins.end), steps.forest.base
    room = _room(codes, block, n_columns, steps.forest)
    sums = np.zeros((n_columns, len(base), bins.edges.shape[1]))
    values = np.zeros((len(base), 2 * block))
    for first in range(start, stop, block):
        n = min(block, stop - first)
        _fill_codes(codes, first, n, bins, room)
        room.order[:n] = np.arange(n)
        room.last[:], room.own[:], room.change[:] = -1, 0.0, 0.0
        for t in range(len(steps.forest.root)):
            n_met = _go_down(t, n, steps, bins, room)
            _follow(t, n, n_met, steps, bins, room)
        for c in range(n_columns):
            _add_changes(c, first, n, base, bins, link, room, values, sums)
    return sums


@compiled
def _room(codes: Codes, block: int, n_columns: int, forest: Forest) -> _Room:
    n_outputs = len(forest.base)
    return _Room(
        np.zeros((len(codes), block, 3), codes.dtype),
        np.zeros(block, np.int32),
        np.zeros(block, np.int32),
        np.zeros(block, np.int32),
        np.zeros((forest.depth + 2, 3), np.int64),
        np.zeros(((n_columns + 1) * block, 3), np.int32),
        np.zeros((n_columns, block), np.int32),
        np.zeros((n_outputs, block)),
        np.zeros((n_columns, n_outputs, block, 2)),
    )


@compiled
def _fill_codes(codes: Codes, first: int, n: int, bins: Bins, room: _Room) -> None:
    """Fill in the codes; a row that is in no bin, and one in a column that is not followed, stays where it is."""
    for f in range(len(codes)):
        c = bins.place[f]
        for i in range(n):
            end = bins.end[c, first + i] if c >= 0 else 0
            own = codes[f, first + i]
            room.code[f, i, OWN] = own
            room.code[f, i, LOWER] = bins.edges[f, end - 1] if end > 0 else own
            room.code[f, i, UPPER] = bins.edges[f, end] if end > 0 else own


@compiled
def _go_down(t: int, n: int, steps: Steps, bins: Bins, room: _Room) -> int:
    """Send the rows down a tree to their leaves, and return how many are to be followed."""
    stack, nodes, top, n_met = room.stack, steps.nodes, 1, 0
    stack[0, 0], stack[0, 1], stack[0, 2] = steps.forest.root[t], 0, n
    while top > 0:
        top -= 1
        at, low, high = stack[top, 0], stack[top, 1], stack[top, 2]
        f = nodes[at, 0]
        if f < 0:
            for k in range(low, high):
                room.leaf[room.order[k]] = at
            continue
        middle, parted = _part(f, nodes[at, 1], steps.answers, low, high, n_met, room)
        for k in range(n_met, parted):  # of those of this node the ones that are new stay
            i, c = room.met[k, 0], bins.place[f]
            if room.last[c, i] != t:
                room.last[c, i] = t
                room.met[n_met, 0], room.met[n_met, 1], room.met[n_met, 2] = i, f, at
                n_met += 1
        if high > middle:
            stack[top, 0], stack[top, 1], stack[top, 2] = nodes[at, 3], middle, high
            top += 1
        if middle > low:
            stack[top, 0], stack[top, 1], stack[top, 2] = nodes[at, 2], low, middle
            top += 1
    return n_met


@compiled
def _part(f: int, ask: int, answers: Bytes, low: int, high: int, n_met: int, room: _Room) -> tuple[int, int]:
    """Put the rows of a node that go left before those that go right, and list those whose bin it parts.

    Returns
    -------
    int, int
        Where those begin that go right, and where the list ends.
    """
    code, order, aside, met = room.code, room.order, room.aside, room.met
    left, right = low, 0
    for k in range(low, high):
        i = order[k]
        own = goes_left(code[f, i, OWN], ask, answers)
        lower = goes_left(code[f, i, LOWER], ask, answers)
        upper = goes_left(code[f, i, UPPER], ask, answers)
        met[n_met, 0] = i
        n_met += (lower != own) | (upper != own)
        order[left] = i
        aside[right] = i
        left += own
        right += not own
    for k in range(right):
        order[left + k] = aside[k]
    return left, n_met


@compiled
def _follow(t: int, n: int, n_met: int, steps: Steps, bins: Bins, room: _Room) -> None:
    """Add the values of the rows' leaves, and what rows to be followed have at the ends of their bins instead."""
    value, first = steps.forest.value, steps.forest.output[t]
    for j in range(value.shape[1]):
        for i in range(n):
            room.own[first + j, i] += value[room.leaf[i], j]
    for k in range(n_met):
        i, f, at = room.met[k, 0], room.met[k, 1], room.met[k, 2]
        lower, upper = _leaf(at, i, f, LOWER, steps, room), _leaf(at, i, f, UPPER, steps, room)
        for j in range(value.shape[1]):
            own = value[room.leaf[i], j]
            room.change[bins.place[f], first + j, i, 0] += value[lower, j] - own
            room.change[bins.place[f], first + j, i, 1] += value[upper, j] - own


@compiled
def _leaf(at: int, i: int, moved: int, end: int, steps: Steps, room: _Room) -> int:
    """Return the leaf that a row comes to from a node with one column at an end of its bin."""
    nodes = steps.nodes
    f = nodes[at, 0]
    while f >= 0:
        code = room.code[f, i, end if f == moved else OWN]
        at = nodes[at, 2] if goes_left(code, nodes[at, 1], steps.answers) else nodes[at, 3]
        f = nodes[at, 0]
    return at


@compiled
def _add_changes(
    c: int, first: int, n: int, base: Floats, bins: Bins, link: Answer, room: _Room, values: Floats, sums: Floats
) -> None:
    """Add the changes of a column's answers over its bins; rows that were never followed have none."""
    m = 0
    for i in range(n):
        if room.last[c, i] >= 0:
            room.order[m] = i
            for o in range(len(base)):
                value = base[o] + room.own[o, i]
                values[o, 2 * m] = value + room.change[c, o, i, 0]
                values[o, 2 * m + 1] = value + room.change[c, o, i, 1]
            m += 1
    answer(link, values, 2 * m)
    for k in range(m):
        for o in range(len(base)):
            sums[c, o, bins.end[c, first + room.order[k]]] += values[o, 2 * k + 1] - values[o, 2 * k]


def warm() -> None:
    """Compile this module's kernels."""
    forest, splits, codes = smallest()
    questions = questions_of(splits)
    steps = Steps(forest, nodes_of(forest, questions), questions.answers)
    bins = Bins(np.zeros(1, np.int32), codes, np.ones((1, 2), np.int32))
    local_changes(codes, 0, 2, 2, steps, bins, Answer(LOGISTIC, 1.0, 0.0, log_odds=False))
