"""Trees along every column of one row: where their answer changes while everything else is held.

A column is a row of steps: the intervals between the numbers that the trees compare it with, in rising order. A node
sends the first of them to the left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.kernels.bits import Words
from debuggers.kernels.compiled import compiled
from debuggers.kernels.tree_values import goes_left

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ONE = np.uint64(1)


@compiled
def left_masks(X: Floats, nodes: Any, column: Ints, first: Longs) -> Words:
    """Return for each node which rows of its column go left, as bits; the rows of column c begin at ``first[c]``.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_inputs)
        Inputs, rounded; at most 64 rows for a column.
    """
    feature, threshold, rule, missing_left, members, set_start, set_value = nodes
    out = np.zeros(len(feature), np.uint64)
    for at in range(len(feature)):
        e, c, k = feature[at], column[at], members[at]
        if e < 0:
            continue
        own = set_value[set_start[k] : set_start[k + 1]] if k >= 0 else set_value[:0]
        for i in range(first[c], first[c + 1]):
            if goes_left(X[i, e], rule[at], threshold[at], missing_left[at], own):
                out[at] |= ONE << np.uint64(i - first[c])
    return out


@compiled
def along_columns(
    root: Ints, output: Ints, column: Ints, code: Ints, row_left: Words, left: Ints, right: Ints, value: Floats,
    first: Longs, depth: int, out: Floats,
) -> None:  # fmt: skip
    """Add how the raw outputs of a row change along each column, as differences from step to step.

    Parameters
    ----------
    row_left : ndarray of shape (n_nodes,)
        1 where the row goes left.
    first : ndarray of shape (n_columns + 1,)
        Where the steps of each column begin, with one place more than it has steps; a column without is not followed.
    out : ndarray of shape (n_outputs, n_places)
        Added up from each column's first step on, the change of the outputs there.
    """
    n = len(first) - 1
    low, high = np.zeros(n, np.int32), np.zeros(n, np.int32)
    stack = np.zeros((depth + 2, 3), np.int32)
    for t in range(len(root)):
        for c in range(n):
            low[c], high[c] = 0, first[c + 1] - first[c] - 2
        own = root[t]
        while column[own] >= 0:
            own = left[own] if row_left[own] else right[own]
        at = root[t]
        while column[at] >= 0:
            c, k = column[at], code[at]
            if first[c + 1] > first[c]:
                if row_left[at]:
                    if high[c] > k:
                        stack[0, 0], stack[0, 1], stack[0, 2] = right[at], max(low[c], k + 1), high[c]
                        _spread(c, own, stack, column, code, row_left, left, right, value, output[t], first[c], out)
                    high[c] = min(high[c], k)
                else:
                    if low[c] <= k:
                        stack[0, 0], stack[0, 1], stack[0, 2] = left[at], low[c], min(high[c], k)
                        _spread(c, own, stack, column, code, row_left, left, right, value, output[t], first[c], out)
                    low[c] = max(low[c], k + 1)
            at = left[at] if row_left[at] else right[at]


@compiled
def _spread(
    moved: int, own: int, stack: Ints, column: Ints, code: Ints, row_left: Words, left: Ints, right: Ints,
    value: Floats, output: int, first: int, out: Floats,
) -> None:  # fmt: skip
    """Follow a row down a part of a tree in which one column is at any step of a range."""
    n = 1
    while n:
        n -= 1
        at, low, high = stack[n, 0], stack[n, 1], stack[n, 2]
        while column[at] >= 0 and column[at] != moved:
            at = left[at] if row_left[at] else right[at]
        if column[at] < 0:
            for j in range(value.shape[1]):
                change = value[at, j] - value[own, j]
                out[output + j, first + low] += change
                out[output + j, first + high + 1] -= change
            continue
        k = code[at]
        if low <= k:
            stack[n, 0], stack[n, 1], stack[n, 2] = left[at], low, min(high, k)
            n += 1
        if high > k:
            stack[n, 0], stack[n, 1], stack[n, 2] = right[at], max(low, k + 1), high
            n += 1


def warm() -> None:
    """Compile this module's kernels."""
    leaf = np.array([0, -1, -1], dtype=np.int32)
    left, right = np.array([1, -1, -1], dtype=np.int32), np.array([2, -1, -1], dtype=np.int32)
    first, root, zeros = np.array([0, 2]), np.zeros(1, np.int32), np.zeros(3, np.int32)
    nodes = (
        leaf, np.zeros(3), np.zeros(3, np.uint8), np.zeros(3, np.bool_), left, np.zeros(1, np.int64), zeros[:0]
    )  # fmt: skip
    mask = left_masks(np.zeros((2, 1)), nodes, leaf, first)
    value = np.array([[0.0], [-1.0], [1.0]])
    along_columns(root, root, leaf, zeros, mask, left, right, value, first + first // 2, 1, np.zeros((1, 3)))
