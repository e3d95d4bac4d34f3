"""Values of decision trees, row by row: the plain way that every faster kernel is tested against."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled

AT_MOST, AT_MOST_OR_ZERO, EQUAL, AMONG = 0, 1, 2, 3


@compiled
def goes_left(x: float, rule: int, threshold: float, missing_left: bool, members: npt.NDArray[np.int32]) -> bool:
    """Whether a row whose input is `x` goes left at a node.

    Parameters
    ----------
    x : float
        Already rounded as the library rounds; NaN is a missing value.
    members : ndarray
        The node's categories, in rising order.
    """
    if np.isnan(x):
        return missing_left
    if rule == AMONG:
        at = np.searchsorted(members, x)
        return bool(at < len(members) and members[at] == x)
    if rule == EQUAL:
        return x == threshold
    if rule == AT_MOST_OR_ZERO and x == 0.0:
        return missing_left
    return x <= threshold


@compiled
def raw_values(
    X: npt.NDArray[np.float64], nodes: Any, root: npt.NDArray[np.int32], output: npt.NDArray[np.int32],
    out: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """Add the value of the leaf that each row reaches in each tree to `out`, of shape (n, n_outputs)."""
    feature, threshold, rule, left, right, missing_left, members, set_start, set_value, value = nodes
    for i in range(len(X)):
        for t in range(len(root)):
            at = root[t]
            while feature[at] >= 0:
                k = members[at]
                own = set_value[set_start[k] : set_start[k + 1]] if k >= 0 else set_value[:0]
                x = X[i, feature[at]]
                at = left[at] if goes_left(x, rule[at], threshold[at], missing_left[at], own) else right[at]
            for j in range(value.shape[1]):
                out[i, output[t] + j] += value[at, j]


def warm() -> None:
    """Compile this module's kernels."""
    none = np.zeros(0, np.int32)
    leaf = np.full(1, -1, np.int32)
    nodes = (
        leaf, np.zeros(1), np.zeros(1, np.uint8), leaf, leaf, np.zeros(1, np.bool_), leaf, np.zeros(1, np.int64), none,
        np.zeros((1, 1)),
    )  # fmt: skip
    first = np.zeros(1, np.int32)
    raw_values(np.zeros((1, 1)), nodes, first, first, np.zeros((1, 1)))
