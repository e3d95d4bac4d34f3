"""Inner loops of a tree of the error: sums of each node's bins, cuts of a node, and rows moved down a level."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled_fast

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8 | np.uint16]
Ints = npt.NDArray[np.int32]


@compiled_fast
def node_sums(codes: Codes, places: Ints, loss: Floats, first: int, nodes: int, bins: int) -> Floats:
    """Return rows and sum of the loss in each bin of a column, for some nodes of a tree.

    Parameters
    ----------
    codes : ndarray of uint8 or uint16, shape (n,)
        Bins of the column, below `bins`.
    places : ndarray of int32, shape (n,)
        Node of each row.
    loss : ndarray of shape (n,)
    first, nodes : int
        The nodes from `first`, so many of them; rows of nodes before it are left out.

    Returns
    -------
    ndarray of shape (nodes, bins, 2)
    """
    sums = np.zeros((nodes, bins, 2))
    for r in range(len(codes)):
        node = places[r] - first
        if node >= 0:
            sums[node, codes[r], 0] += 1.0
            sums[node, codes[r], 1] += loss[r]
    return sums


@compiled_fast
def best_cut(n: Floats, s: Floats, gap_n: float, gap_s: float, min_rows: float) -> tuple[int, float]:
    """Return where to divide bins in two so that the means explain most of the loss's spread, and how much that is.

    Parameters
    ----------
    n, s : ndarray of shape (bins,)
        Rows and sum of the loss in each bin, in the order in which they can be divided.
    gap_n, gap_s : float
        Rows and sum of missing values that become a part of their own; 0 without.
    min_rows : float
        Rows of each part, at least.

    Returns
    -------
    cut : int
        Number of bins of the first part; 0 where only missing values are told apart, -1 where nothing is.
    gain : float
        Squared deviation from the node's mean that the parts' means explain.
    """
    all_n, all_s = n.sum(), s.sum()
    best, cut = -1.0, -1
    left_n = left_s = 0.0
    for i in range(1, len(n)):
        left_n += n[i - 1]
        left_s += s[i - 1]
        right_n, right_s = all_n - left_n, all_s - left_s
        if left_n >= min_rows and right_n >= min_rows:
            explained = left_s * left_s / max(left_n, 1.0) + right_s * right_s / max(right_n, 1.0)
            if explained > best:
                best, cut = explained, i
    if cut < 0 and gap_n > 0 and all_n >= min_rows:
        best, cut = all_s * all_s / max(all_n, 1.0), 0
    whole_n, whole_s = all_n + gap_n, all_s + gap_s
    return cut, best + gap_s * gap_s / max(gap_n, 1.0) - whole_s * whole_s / max(whole_n, 1.0)


@compiled_fast
def descend(codes: Codes, places: Ints, features: Ints, children: Ints) -> None:
    """Move rows down to the children of the nodes that are split, until they are in a node that is not.

    Parameters
    ----------
    codes : ndarray of uint8 or uint16, shape (columns, n)
    places : ndarray of int32, shape (n,)
        Node of each row; changed.
    features : ndarray of int32, shape (nodes,)
        Column that each node is split by, -1 for none.
    children : ndarray of int32, shape (nodes, bins)
        Child of each node for each bin of that column.
    """
    for r in range(len(places)):
        node = places[r]
        while features[node] >= 0:
            node = children[node, codes[features[node], r]]
        places[r] = node


def warm() -> None:
    """Compile everything here, or read it from the disk, on a table of two rows."""
    places = np.zeros(2, dtype=np.int32)
    for codes in (np.zeros(2, np.uint8), np.zeros(2, np.uint16)):
        node_sums(codes, places, np.ones(2), 0, 1, 3)
        descend(codes[None], places, np.full(1, -1, dtype=np.int32), np.zeros((1, 3), dtype=np.int32))
    best_cut(np.ones(2), np.ones(2), 0.0, 0.0, 1.0)
