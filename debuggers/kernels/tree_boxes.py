"""Trees around one row: their answer along every column, and the cheapest change by which a score is reached.

A column is a row of steps. Of a number they are the intervals between what the trees compare it with, in rising order,
and a node sends the first of them to the left; of anything else they are some 64 values to try, and a node sends a set
of them to the left. A box holds, for each column, the steps that are still allowed. The cheapest point of a box
is known at once, because what a column costs depends on this column only and grows with the distance; the highest score
in it is at most the sum of the highest leaves that each tree can reach. The search takes the box whose cheapest point
is cheapest, cuts it in two, and forgets what cannot reach the score or costs more than what was found: a branch and
bound (Kantchelian, Tygar and Joseph 2016; Chen et al. 2019; Devos, Meert and Davis 2021).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from debuggers.kernels.bits import Words, lowest
from debuggers.kernels.compiled import compiled

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ONE = np.uint64(1)


class Space(NamedTuple):
    """Trees over steps, and what each step costs.

    Parameters
    ----------
    root : ndarray of shape (n_trees,)
    column : ndarray of shape (n_nodes,)
        Column that a node tests, -1 for a leaf.
    code : ndarray of shape (n_nodes,)
        Of a number: the last step that goes left.
    mask : ndarray of shape (n_nodes,)
        Of anything else: the steps that go left, as bits.
    left, right : ndarray of shape (n_nodes,)
    value : ndarray of shape (n_nodes, n_scores)
    base : ndarray of shape (n_scores,)
        A point is a solution where no score, base and leaves added up, is below 0.
    is_set : ndarray of shape (n_columns,)
    first : ndarray of shape (n_columns + 1,)
        Where the costs of each column's steps begin.
    cost : ndarray of shape (n_steps,)
    now : ndarray of shape (n_columns,)
        The row's own steps, which cost nothing.
    largest : bool
        Whether the largest cost of a column counts, else their sum.
    depth : int
    """

    root: Ints
    column: Ints
    code: Ints
    mask: Words
    left: Ints
    right: Ints
    value: Floats
    base: Floats
    is_set: Bools
    first: Longs
    cost: Floats
    now: Ints
    largest: bool
    depth: int


class Queue(NamedTuple):
    """Boxes that are still open, as a heap, and the best point so far.

    Parameters
    ----------
    low, high : ndarray of shape (room, n_columns)
        First and last step of numbers.
    kept : ndarray of shape (room, n_columns)
        Steps of the others, as bits.
    cost : ndarray of shape (room,)
        Of each box's cheapest point.
    cut : ndarray of shape (room,)
        Node at which a box will be cut.
    heap : ndarray of shape (room,)
    size : ndarray of shape (3,)
        Places taken, boxes in the heap, and boxes cut so far.
    best : ndarray of shape (n_columns,)
        Steps of the cheapest solution.
    limit : ndarray of shape (1,)
        What it costs; only cheaper ones are looked for.
    """

    low: Ints
    high: Ints
    kept: Words
    cost: Floats
    cut: Ints
    heap: Longs
    size: Longs
    best: Ints
    limit: Floats


class Room(NamedTuple):
    """Room for walks down a tree, one entry for each level."""

    node: Ints
    phase: Ints
    turn: Ints
    cost: Floats
    low: Ints
    high: Ints
    kept: Words
    point: Ints
    score: Floats
    upper: Floats
    best: Floats


@compiled
def open_queue(space: Space, low: Ints, high: Ints, kept: Words, limit: float, room: int) -> Queue:
    """Return a queue with one box."""
    n = len(low)
    queue = Queue(
        np.zeros((room, n), np.int32),
        np.zeros((room, n), np.int32),
        np.zeros((room, n), np.uint64),
        np.zeros(room),
        np.zeros(room, np.int32),
        np.zeros(room, np.int64),
        np.zeros(3, np.int64),
        space.now.copy(),
        np.full(1, limit),
    )
    queue.low[0], queue.high[0], queue.kept[0] = low, high, kept
    _enter(space, queue, _room(space), 0)
    return queue


@compiled
def search(space: Space, queue: Queue, boxes: int) -> float:
    """Cut boxes until none is open, there is no room, or `boxes` were cut; return a bound on what is cheapest.

    The bound is the cost of the best point where that is proved to be the cheapest.
    """
    room, end = _room(space), queue.size[2] + boxes
    while queue.size[1] > 0:
        top = queue.heap[0]
        if queue.cost[top] >= queue.limit[0]:
            queue.size[1] = 0
            break
        if queue.size[2] >= end or queue.size[0] >= len(queue.cost) - 1:
            return queue.cost[top]  # type: ignore[no-any-return]
        _pop(queue)
        queue.size[2] += 1
        at = queue.cut[top]
        c = space.column[at]
        for side in range(2):
            new = top if side == 1 else queue.size[0]
            if side == 0:  # the other half takes the place of the box itself
                queue.low[new], queue.high[new], queue.kept[new] = queue.low[top], queue.high[top], queue.kept[top]
            if space.is_set[c]:
                queue.kept[new, c] &= space.mask[at] if side == 0 else ~space.mask[at]
            elif side == 0:
                queue.high[new, c] = min(queue.high[new, c], space.code[at])
            else:
                queue.low[new, c] = max(queue.low[new, c], space.code[at] + 1)
            _enter(space, queue, room, new)
    return queue.limit[0]  # type: ignore[no-any-return]


@compiled
def _room(space: Space) -> Room:
    levels, n, k = space.depth + 2, len(space.now), len(space.base)
    return Room(
        np.zeros(levels, np.int32),
        np.zeros(levels, np.int32),
        np.zeros(levels, np.int32),
        np.zeros(levels),
        np.zeros(levels, np.int32),
        np.zeros(levels, np.int32),
        np.zeros(levels, np.uint64),
        np.zeros(n, np.int32),
        np.zeros(k),
        np.zeros(k),
        np.zeros(k),
    )


@compiled
def _nearest(space: Space, c: int, low: int, high: int, kept: np.uint64) -> int:
    """Return the cheapest of the steps that a box allows for a column."""
    if not space.is_set[c]:
        return min(max(space.now[c], low), high)  # type: ignore[no-any-return]
    best, found = np.inf, -1
    while kept != 0:
        i = lowest(kept)
        kept &= kept - ONE
        if space.cost[space.first[c] + i] < best:
            best, found = space.cost[space.first[c] + i], i
    return found


@compiled
def _enter(space: Space, queue: Queue, room: Room, new: int) -> None:
    """Put a box into the queue, unless it holds no solution that is cheaper than the best one, or is one itself."""
    low, high, kept = queue.low[new], queue.high[new], queue.kept[new]
    total = 0.0
    for c in range(len(low)):
        step = _nearest(space, c, low[c], high[c], kept[c])
        room.point[c] = step
        own = space.cost[space.first[c] + step]
        total = max(total, own) if space.largest else total + own
    if total >= queue.limit[0]:
        return
    _score(space, room)
    worst = int(np.argmin(room.score))
    if room.score[worst] >= 0.0:
        queue.limit[0] = total
        queue.best[:] = room.point
        return
    room.upper[:] = space.base
    hope, cut = 0.0, -1
    for root in space.root:
        turn = _highest(space, root, low, high, kept, total, queue.limit[0], room)
        for k in range(len(room.best)):
            room.upper[k] += room.best[k]
        more = room.best[worst] - _leaf(space, room, root, worst)
        if turn >= 0 and more > hope:
            hope, cut = more, turn
    if cut < 0 or room.upper.min() < 0.0:
        return
    queue.cost[new], queue.cut[new] = total, cut
    queue.size[0] = max(queue.size[0], new + 1)
    _push(queue, new)


@compiled
def _goes_left(space: Space, room: Room, at: int) -> bool:
    """Whether a box's cheapest point goes left at a node."""
    step = room.point[space.column[at]]
    if space.is_set[space.column[at]]:
        return bool((space.mask[at] >> np.uint64(step)) & ONE != 0)
    return step <= space.code[at]  # type: ignore[no-any-return]


@compiled
def _leaf(space: Space, room: Room, root: int, k: int) -> float:
    at = root
    while space.column[at] >= 0:
        at = space.left[at] if _goes_left(space, room, at) else space.right[at]
    return space.value[at, k]  # type: ignore[no-any-return]


@compiled
def _score(space: Space, room: Room) -> None:
    """Write the scores of a box's cheapest point."""
    room.score[:] = space.base
    for root in space.root:
        at = root
        while space.column[at] >= 0:
            at = space.left[at] if _goes_left(space, room, at) else space.right[at]
        for k in range(len(space.base)):
            room.score[k] += space.value[at, k]


@compiled
def _highest(
    space: Space, root: int, low: Ints, high: Ints, kept: Words, total: float, limit: float, room: Room
) -> int:
    """Write the highest leaves of a tree in a box that cost less than the limit.

    Returns the node at which the way to the leaf that is highest in what the cheapest point lacks most leaves the way
    of that point, -1 where it does not.
    """
    worst = np.argmin(room.score)
    room.best[:] = -np.inf
    d, found = 0, -1
    room.node[0], room.phase[0], room.turn[0], room.cost[0] = root, 0, -1, total
    while d >= 0:
        at = room.node[d]
        c = space.column[at]
        if c < 0:
            if space.value[at, worst] > room.best[worst]:
                found = room.turn[d]
            for k in range(len(room.best)):
                room.best[k] = max(room.best[k], space.value[at, k])
            d -= 1
            continue
        if room.phase[d] == 0:
            room.low[d], room.high[d], room.kept[d] = low[c], high[c], kept[c]
        else:
            low[c], high[c], kept[c] = room.low[d], room.high[d], room.kept[d]
        if room.phase[d] == 2:
            d -= 1
            continue
        goes = room.phase[d] == 0
        room.phase[d] += 1
        before = space.cost[space.first[c] + _nearest(space, c, low[c], high[c], kept[c])]
        if space.is_set[c]:
            kept[c] &= space.mask[at] if goes else ~space.mask[at]
            if kept[c] == 0:
                continue
        elif goes:
            if low[c] > space.code[at]:
                continue
            high[c] = min(high[c], space.code[at])
        else:
            if high[c] <= space.code[at]:
                continue
            low[c] = max(low[c], space.code[at] + 1)
        own = space.cost[space.first[c] + _nearest(space, c, low[c], high[c], kept[c])]
        cost = max(room.cost[d], own) if space.largest else room.cost[d] + (own - before)
        if cost >= limit:
            continue
        turn = room.turn[d]
        if turn < 0 and _goes_left(space, room, at) != goes:
            turn = at
        d += 1
        room.node[d] = space.left[at] if goes else space.right[at]
        room.phase[d], room.turn[d], room.cost[d] = 0, turn, cost
    return found


# --- the heap -------------------------------------------------------------------------------------------------------


@compiled
def _push(queue: Queue, new: int) -> None:
    heap, at = queue.heap, queue.size[1]
    queue.size[1] += 1
    while at > 0:
        above = (at - 1) // 2
        if queue.cost[heap[above]] <= queue.cost[new]:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = new


@compiled
def _pop(queue: Queue) -> None:
    """Take the cheapest box out of the heap."""
    heap = queue.heap
    queue.size[1] -= 1
    n, at = queue.size[1], 0
    last = heap[n]
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and queue.cost[heap[child + 1]] < queue.cost[heap[child]]:
            child += 1
        if queue.cost[heap[child]] >= queue.cost[last]:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = last


def warm() -> None:
    """Compile this module's kernels."""
    leaf = np.array([0, -1, -1], dtype=np.int32)
    left, right = np.array([1, -1, -1], dtype=np.int32), np.array([2, -1, -1], dtype=np.int32)
    zeros, number = np.zeros(3, np.int32), np.zeros(1, np.bool_)
    space = Space(
        zeros[:1], leaf, zeros, np.zeros(3, np.uint64), left, right, np.array([[0.0], [-1.0], [1.0]]), np.zeros(1),
        number, np.array([0, 2]), np.array([0.0, 1.0]), zeros[:1], False, 1,
    )  # fmt: skip
    queue = open_queue(space, zeros[:1], zeros[:1] + 1, np.zeros(1, np.uint64), np.inf, 8)
    search(space, queue, 8)
