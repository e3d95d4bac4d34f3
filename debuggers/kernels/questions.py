"""What trees ask of a column's codes, answered for one row at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import Ints, Longs, Splits

Bytes = npt.NDArray[np.uint8]


class Questions(NamedTuple):
    """What the rows of the table of bits ask, for one value at a time.

    Parameters
    ----------
    feature : ndarray of shape (n_rows,)
    limit : ndarray of shape (n_rows,)
        The answer is yes for codes up to this; -1 where it is looked up.
    start : ndarray of shape (n_rows,)
        Where the answers for a column's codes begin in `answers`.
    answers : ndarray of uint8
    """

    feature: Ints
    limit: Longs
    start: Longs
    answers: Bytes


@compiled
def goes_left(code: int, row: int, questions: Questions) -> bool:
    """Whether a code goes left at the nodes that ask a row of the table of bits."""
    limit = questions.limit[row]
    return code <= limit if limit >= 0 else questions.answers[questions.start[row] + code] != 0  # type: ignore[no-any-return]


def questions_of(splits: Splits) -> Questions:
    """Return what the rows of the table of bits ask."""
    sizes = np.diff(splits.code_start)
    n_plain, n_more = int(splits.code_start[-1]), len(splits.feature)
    feature = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), splits.feature]).astype(np.int32)
    limit = np.concatenate([np.arange(n_plain) - np.repeat(splits.code_start[:-1], sizes), np.full(n_more, -1)])
    lengths = sizes[splits.feature]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    answers = np.zeros(int(starts[-1]) + 1, np.uint8)
    for t in range(n_more):
        for r in range(int(splits.run_start[t]), int(splits.run_start[t + 1])):
            answers[starts[t] + splits.run_low[r] : starts[t] + splits.run_high[r] + 1] = 1
    start = np.concatenate([np.zeros(n_plain), starts[:-1]])
    return Questions(feature, limit.astype(np.int64), start.astype(np.int64), answers)
