"""From what a library returns to what `Model.predict` promises."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from debuggers.models.adapter import WrongTask
from debuggers.task import Task

Floats = npt.NDArray[np.float64]


def check_task(task: Task | None, outputs: int) -> None:
    """Check that a model with so many outputs per row can be used for a task.

    Raises
    ------
    WrongTask
        It cannot.
    """
    fits = {Task.BINARY: outputs in (1, 2), Task.MULTICLASS: outputs > 1, Task.REGRESSION: outputs == 1}
    if task is not None and not fits[task]:
        raise WrongTask(task.value, outputs)


def flat(values: npt.ArrayLike) -> Floats:
    """Return an array without a second axis of length one."""
    array = np.asarray(values, dtype=np.float64)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def both_classes(positive: npt.ArrayLike) -> Floats:
    """Return (n, 2) probabilities from those of the positive class.

    Examples
    --------
    >>> both_classes([0.25]).tolist()
    [[0.75, 0.25]]
    """
    p = np.asarray(positive, dtype=np.float64)
    return np.column_stack([1.0 - p, p])


def from_margins(margins: npt.ArrayLike) -> Floats:
    """Return probabilities from log-odds (n,) or from one score per class (n, k).

    Examples
    --------
    >>> from_margins([0.0]).tolist()
    [[0.5, 0.5]]
    """
    m = flat(margins)
    if m.ndim == 1:
        return np.column_stack([np.exp(-np.logaddexp(0, m)), np.exp(-np.logaddexp(0, -m))])
    shifted = np.exp(m - m.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
