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

    def towards(self, direction: str, value: float | None, low: float, high: float) -> Iterator[tuple[int, float]]:
        """Yield the steps on one side of a value, the nearest first, each with its number that is nearest to the value.

        Parameters
        ----------
        direction : {"below", "above"}
        value : float or None
            None, a missing value: the steps are walked upwards from the lowest number.
        low, high : float
            Ends of what is tried.
        """
        if direction == "above":
            start = int(self.steps.steps_at(self.column, low if value is None else value))
            if value is None:
                yield start, low
            for k in range(start, len(self.above)):
                if self.above[k] > high:
                    return
                if self.above[k] >= low:
                    yield k + 1, float(self.above[k])
        elif value is not None:
            for k in range(int(self.steps.steps_at(self.column, value)) - 1, -1, -1):
                if self.below[k] < low:
                    return
                if self.below[k] <= high:
                    yield k, float(self.below[k])


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
    for step, number in line.towards(direction, value, column.minimum, column.maximum):
        if other[step]:
            yield number


def _decide(subject: Subject, outputs: Floats) -> Floats:
    return metrics.decide(subject.task, outputs if outputs.shape[1] > 1 else outputs[:, 0], subject.threshold)
