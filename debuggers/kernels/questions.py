"""What trees ask of a column's codes, answered for one row at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import Forest, Ints, Longs, Splits

Bytes = npt.NDArray[np.uint8]


class Questions(NamedTuple):
    """What the rows of the table of bits ask, for one value at a time.

    Parameters
    ----------
    feature : ndarray of shape (n_rows,)
    ask : ndarray of shape (n_rows,)
        Of 0 or more: the answer is yes for codes up to this. Of less: ``answers[code - 1 - ask]``.
    answers : ndarray of uint8
    """

    feature: Ints
    ask: Longs
    answers: Bytes


@compiled
def goes_left(code: int, ask: int, answers: Bytes) -> bool:
    """Whether a node that asks so sends a code to the left."""
    return code <= ask if ask >= 0 else answers[code - 1 - ask] != 0


def questions_of(splits: Splits) -> Questions:
    """Return what the rows of the table of bits ask."""
    sizes = np.diff(splits.code_start)
    n_plain, n_more = int(splits.code_start[-1]), len(splits.feature)
    feature = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), splits.feature]).astype(np.int32)
    lengths = sizes[splits.feature]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    answers = np.zeros(int(starts[-1]) + 1, np.uint8)
    for t in range(n_more):
        for r in range(int(splits.run_start[t]), int(splits.run_start[t + 1])):
            answers[starts[t] + splits.run_low[r] : starts[t] + splits.run_high[r] + 1] = 1
    plain = np.arange(n_plain) - np.repeat(splits.code_start[:-1], sizes)
    return Questions(feature, np.concatenate([plain, -1 - starts[:-1]]).astype(np.int64), answers)


def nodes_of(forest: Forest, questions: Questions) -> Longs:
    """Return what a step down a tree reads, side by side: column, what is asked of it, left and right child.

    Returns
    -------
    ndarray of shape (n_nodes, 4)
    """
    asks = questions.ask[forest.test] if len(questions.ask) else np.zeros(len(forest.test), np.int64)
    return np.stack([forest.feature, asks, forest.left, forest.right], axis=1).astype(np.int64)
