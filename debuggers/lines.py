"""How the output of readable trees runs along each number of one row, step by step, and where the decision flips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers import metrics
from debuggers.editing import varied
from debuggers.ensembles import ensemble_of
from debuggers.models.trees import UnreadableTrees
from debuggers.steps import Steps, outputs_along, steps_of
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
# A decision that is closer than this is asked from the model itself, which may add up in another order or precision.
DOUBT = 1e-5


@dataclass(frozen=True, eq=False)
class Line:
    """The output along one feature.

    Parameters
    ----------
    feature : str
    below, above : ndarray of shape (n_steps - 1,)
        The last number of each step but the last, and the first one of each step but the first.
    outputs : ndarray of shape (n_steps, n_outputs)
    steps : Steps
    column : int
        Of `steps`.
    """

    feature: str
    below: Floats
    above: Floats
    outputs: Floats
    steps: Steps
    column: int

    def at(self, numbers: npt.ArrayLike) -> Floats:
        """Return the outputs at some numbers, shape (n, n_outputs)."""
        return self.outputs[self.steps.steps_at(self.column, numbers)]

    def towards(self, direction: str, value: float | None, low: float, high: float) -> tuple[Ints, Floats]:
        """Return the steps on one side of a value, the nearest first, each with its nearest number to the value.

        Parameters
        ----------
        direction : {"below", "above"}
        value : float or None
            None, a missing value: the steps are walked upwards from the lowest number.
        low, high : float
            Ends of what is tried.

        Returns
        -------
        steps : ndarray of shape (n,)
        numbers : ndarray of shape (n,)
        """
        if direction == "below":
            stop = 0 if value is None else int(self.steps.steps_at(self.column, value))
            behind = np.arange(stop)[::-1]
            numbers = self.below[behind]
            kept = (numbers >= low) & (numbers <= high)
            return behind[kept], numbers[kept]
        start = int(self.steps.steps_at(self.column, low if value is None else value))
        ahead = np.arange(start, len(self.above))
        numbers = self.above[ahead]
        kept = (numbers >= low) & (numbers <= high)
        if value is not None:
            return ahead[kept] + 1, numbers[kept]
        return np.concatenate([[start], ahead[kept] + 1]), np.concatenate([[low], numbers[kept]])


def lines_of(subject: Subject, values: Mapping[str, Any]) -> dict[str, Line]:
    """Return the lines of a row by feature: none where the model's trees cannot be read."""
    try:
        ensemble = ensemble_of(subject)
    except UnreadableTrees:
        return {}
    steps = steps_of(subject, ensemble)
    raw = outputs_along(ensemble, steps, ensemble.encode(varied(subject, values, ())))
    ordered = [c for c in range(len(steps.columns)) if steps.ordered[c]]
    answers = ensemble.trees.answers(np.concatenate([raw[c] for c in ordered]))[:, ensemble.picks] if ordered else None
    lines, start = {}, 0
    for c in ordered:
        assert answers is not None
        stop = start + len(raw[c])
        name = steps.columns[c]
        lines[name] = Line(name, steps.below[c], steps.above[c], answers[start:stop], steps, c)
        start = stop
    return lines


@dataclass(frozen=True, eq=False)
class LineFlip:
    """The nearest number on one side of the row's own at which the decision is another one."""

    feature: str
    direction: str
    value: float
    decision: float
    outputs: Floats


def flips_along(subject: Subject, values: Mapping[str, Any], now: float, lines: Mapping[str, Line]) -> list[LineFlip]:
    """Return the first flip on each side of each line, within the range of the data; the model confirms each.

    Parameters
    ----------
    now : float
        Code of the row's decision.
    """
    waiting = {
        (name, direction): _candidates(subject, line, direction, values[name], now)
        for name, line in lines.items()
        for direction in ("below", "above")
    }
    found: list[LineFlip] = []
    while waiting:
        asked = {key: number for key, numbers in waiting.items() if (number := next(numbers, None)) is not None}
        waiting = {key: waiting[key] for key in asked}
        if not asked:
            break
        rows = varied(subject, values, [(name, [number]) for (name, _), number in asked.items()])
        outputs = subject.predict(rows)[1:]
        codes = _decide(subject, outputs)
        for i, (name, direction) in enumerate(asked):
            if codes[i] != now:
                flip = LineFlip(name, direction, asked[name, direction], float(codes[i]), outputs[i])
                found.append(flip)
                del waiting[name, direction]
    return found


def _candidates(subject: Subject, line: Line, direction: str, value: float | None, now: float) -> Iterator[float]:
    """Yield numbers at which the decision is another one by the trees, or too close to tell."""
    column = subject.test.schema[line.feature]
    if column.minimum is None or column.maximum is None:
        return
    scores = line.outputs if line.outputs.shape[1] > 1 else line.outputs[:, 0]
    other = _decide(subject, line.outputs) != now
    other |= metrics.margin(subject.task, scores, subject.threshold) < DOUBT
    at, numbers = line.towards(direction, value, column.minimum, column.maximum)
    yield from numbers[other[at]].tolist()


def _decide(subject: Subject, outputs: Floats) -> Floats:
    return metrics.decide(subject.task, outputs if outputs.shape[1] > 1 else outputs[:, 0], subject.threshold)
