"""Inner loops of a tree of the error: sums of each node's bins, cuts of a node, and rows moved down a level."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled_fast

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8 | np.uint16]
Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


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
def best_cuts(sums: Floats, gaps: Mask, min_rows: float) -> tuple[Ints, Floats]:
    """Return where to divide each node's bins in two so that the means explain most of the loss's spread.

    Parameters
    ----------
    sums : ndarray of shape (nodes, bins, 2)
        Rows and sum of the loss in each bin, in the order in which they can be divided; those of missing values last.
    gaps : ndarray of bool, shape (nodes,)
        Whether a node's missing values become a part of their own.
    min_rows : float
        Rows of each part, at least; missing values that are fewer count for nothing.

    Returns
    -------
    cuts : ndarray of int32, shape (nodes,)
        Number of bins of the first part; 0 where only missing values are told apart, -1 where nothing is.
    gains : ndarray of shape (nodes,)
        Squared deviation from the node's mean that the parts' means explain; minus infinity without a cut.
    """
    nodes, known = sums.shape[0], sums.shape[1] - 1
    cuts, gains = np.full(nodes, -1, np.int32), np.full(nodes, -np.inf)
    for node in range(nodes):
        all_n, all_s = sums[node, :known, 0].sum(), sums[node, :known, 1].sum()
        has_gap = gaps[node] and sums[node, known, 0] >= max(min_rows, 1.0)
        gap_n, gap_s = (sums[node, known, 0], sums[node, known, 1]) if has_gap else (0.0, 0.0)
        best, cut = -1.0, -1
        left_n = left_s = 0.0
        for i in range(1, known):
            left_n += sums[node, i - 1, 0]
            left_s += sums[node, i - 1, 1]
            right_n, right_s = all_n - left_n, all_s - left_s
            if left_n >= min_rows and right_n >= min_rows:
                explained = left_s * left_s / max(left_n, 1.0) + right_s * right_s / max(right_n, 1.0)
                if explained > best:
                    best, cut = explained, i
        if cut < 0 and has_gap and all_n >= min_rows:
            best, cut = all_s * all_s / max(all_n, 1.0), 0
        if cut >= 0:
            whole_n, whole_s = all_n + gap_n, all_s + gap_s
            cuts[node] = cut
            gains[node] = best + gap_s * gap_s / max(gap_n, 1.0) - whole_s * whole_s / max(whole_n, 1.0)
    return cuts, gains


@compiled_fast
def descend(codes: Codes, places: Ints, columns: Ints, children: Ints, levels: int) -> None:
    """Move rows down some levels of a tree.

    Parameters
    ----------
    codes : ndarray of uint8 or uint16, shape (columns, n)
    places : ndarray of int32, shape (n,)
        Node of each row; changed.
    columns : ndarray of int32, shape (nodes,)
        Column that each node is split by; any for one that is not.
    children : ndarray of int32, shape (nodes, bins)
        Child of each node for each bin of that column; a node that is not split is its own child.
    levels : int
    """
    for r in range(len(places)):
        node = places[r]
        for _ in range(levels):
            node = children[node, codes[columns[node], r]]
        places[r] = node


def warm() -> None:
    """Compile everything here, or read it from the disk, on a table of two rows."""
    places = np.zeros(2, dtype=np.int32)
    for codes in (np.zeros(2, np.uint8), np.zeros(2, np.uint16)):
        node_sums(codes, places, np.ones(2), 0, 1, 3)
        descend(codes[None], places, np.zeros(1, dtype=np.int32), np.zeros((1, 3), dtype=np.int32), 1)
    best_cuts(np.ones((1, 3, 2)), np.zeros(1, dtype=np.bool_), 1.0)
