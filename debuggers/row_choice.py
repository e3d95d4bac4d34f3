"""Rows worth looking at, in the order in which a person goes through them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from debuggers import metrics
from debuggers.errors import BadParameter
from debuggers.statistics import SEED
from debuggers.subject import Subject

Mask = npt.NDArray[np.bool_]
WORST, BORDERLINE, RANDOM, PREDICTION = "worst", "borderline", "random", "prediction"


def orders_for(subject: Subject) -> tuple[str, ...]:
    """Return the orders that make sense for a subject.

    - worst: largest loss first;
    - borderline: the decision closest to another one first;
    - random: shuffled with a fixed seed;
    - prediction: nearest to a given prediction first.
    """
    there = {
        WORST: subject.has_labels,
        BORDERLINE: subject.task.is_classification,
        RANDOM: True,
        PREDICTION: subject.scores.ndim == 1,
    }
    return tuple(order for order, is_there in there.items() if is_there)


def rows_in_order(
    subject: Subject, order: str, *, among: Mask | None = None, value: float = 0.0
) -> npt.NDArray[np.int64]:
    """Return positions in the file of the test rows, those to look at first in front.

    Parameters
    ----------
    order : str
        One of `orders_for`.
    among : ndarray of bool, optional
        The rows of a cohort; all by default.
    value : float
        The prediction to be near to.

    Raises
    ------
    BadParameter
        The order does not make sense for this subject.
    """
    if order not in orders_for(subject):
        raise BadParameter("order", order, f"one of {', '.join(orders_for(subject))}")
    chosen = np.arange(len(subject.test)) if among is None else np.flatnonzero(among)
    if order == RANDOM:
        return np.asarray(subject.test.rows[np.random.default_rng(SEED).permutation(chosen)])
    if order == WORST:
        keys = -subject.loss
    elif order == BORDERLINE:
        keys = metrics.margin(subject.task, subject.scores, subject.threshold)
    else:
        keys = np.abs(subject.scores - value)
    ordered = chosen[np.argsort(keys[chosen], kind="stable")]
    return np.asarray(subject.test.rows[ordered])


def first_row(subject: Subject) -> int:
    """Return the position in the file of the row to begin with: the worst, else the most borderline, else the first."""
    orders = orders_for(subject)
    return int(subject.test.rows[0] if orders[0] == RANDOM else rows_in_order(subject, orders[0])[0])


def position_of(subject: Subject, row: int) -> int:
    """Return where in the test table a row of the file stands.

    Raises
    ------
    BadParameter
        The test table has no such row.
    """
    found = np.flatnonzero(subject.test.rows == row)
    if not len(found):
        rows = subject.test.rows
        raise BadParameter("row", row, f"the position of a test row in the file, from {rows.min()} to {rows.max()}")
    return int(found[0])
