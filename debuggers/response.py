"""How the model's output responds to each feature of one row, and where its decision flips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers import metrics
from debuggers.data.schema import Column, Kind
from debuggers.editing import plain_or_none, varied
from debuggers.grids import MAX_BARS, make_grid
from debuggers.lines import Line, LineFlip, flips_along, lines_of
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
# A flip between two values of the strip is searched until it is known to this share of the feature's range.
TOLERANCE = 1e-4
# Each round tries this many values inside every bracket at once, which narrows it by one more than that.
INSIDE = 15
MAX_ROUNDS = 12


@dataclass(frozen=True)
class Flip:
    """A value at which the decision is another one.

    Parameters
    ----------
    feature : str
    value : object
        The decision is `decision` at this very value; None: missing.
    direction : {"below", "above", "category", "missing"}
        "below" and "above": the nearest such number on that side of the present value.
    decision : float
        Code of the class decided for.
    outputs : tuple of float
    move : float
        Distance from the present value as a share of the feature's range; NaN where there is no distance.
    """

    feature: str
    value: Any
    direction: str
    decision: float
    outputs: tuple[float, ...]
    move: float = np.nan


@dataclass(frozen=True, eq=False)
class Response:
    """The model's output along one feature, the others held.

    Parameters
    ----------
    feature : str
    values : tuple
        Numbers in rising order, or categories, the most frequent first; a last None stands for "missing".
    ordered : bool
        Whether the values are numbers.
    left_out : int
        Categories that are not tried.
    outputs : ndarray of shape (n_values, n_outputs)
    decisions : ndarray of shape (n_values,)
        Codes of classes; of a regressor the predictions.
    flips : tuple of Flip
        Empty for a regressor.
    """

    feature: str
    values: tuple[Any, ...]
    ordered: bool
    left_out: int
    outputs: Floats
    decisions: Floats
    flips: tuple[Flip, ...] = ()

    @property
    def width(self) -> float:
        """Largest range of an output."""
        return float(np.ptp(self.outputs, axis=0).max()) if len(self.values) else 0.0

    @property
    def numbers(self) -> Floats:
        """The values without "missing", of an ordered response."""
        return np.array([v for v in self.values if v is not None], dtype=np.float64)


def strip_values(subject: Subject, feature: str, points: int) -> tuple[tuple[Any, ...], int]:
    """Return the values to try along a feature, and how many categories are left out.

    Numbers: `points` evenly spaced ones from the smallest to the largest of the data; whole numbers stay whole.
    Categories: the most frequent ones. "Missing" (None) comes last where the data have it.
    """
    column = subject.test.schema[feature]
    missing = (None,) if column.missing else ()
    if column.kind.is_numeric:
        return (*_evenly(column, points), *missing), 0
    if column.kind is Kind.BOOLEAN:
        return (*(v for v in (False, True) if v in column.categories), *missing), 0
    if column.categories:
        kept = tuple(plain_or_none(v) for v in column.categories[:MAX_BARS])
        return (*kept, *missing), column.distinct - len(kept)
    grid = make_grid(subject.test.table[feature], column, points)
    return tuple(None if v is None else plain_or_none(v) for v in grid.values), grid.left_out


def _evenly(column: Column, points: int) -> list[float] | list[int]:
    low, high = column.minimum, column.maximum
    if low is None or high is None:
        return []
    if column.kind is Kind.INTEGER:
        whole = np.unique(np.rint(np.linspace(low, high, min(points, int(high - low) + 1))))
        return [int(v) for v in whole]
    # Half of each, so that a range wider than the largest float does not overflow.
    share = np.linspace(0, 1, points)
    return list(dict.fromkeys((low * (1 - share) + high * share).tolist()))


def respond(subject: Subject, values: Mapping[str, Any], points: int) -> tuple[Floats, tuple[Response, ...]]:
    """Predict a row, and the row with each feature at each value of its strip.

    Along numbers that reach readable trees in their order the outputs are those of the trees, and flips are exact, to
    the last digit; everything else is asked in one call of the model, and flips are narrowed down.

    Parameters
    ----------
    values : mapping
        A value for every feature.
    points : int
        Numbers per strip.

    Returns
    -------
    outputs : ndarray of shape (n_outputs,)
        Of the row itself.
    responses : tuple of Response
        One per feature, in the model's order.
    """
    strips = {feature: strip_values(subject, feature, points) for feature in subject.test.features}
    lines = lines_of(subject, values)
    asked = {feature: _asked(strip, lines.get(feature)) for feature, (strip, _) in strips.items()}
    outputs = subject.predict(varied(subject, values, list(asked.items())))
    responses, start = [], 1
    for feature, (strip, left_out) in strips.items():
        part = slice(start, start + len(asked[feature]))
        start = part.stop
        numbers = [v for v in strip if v is not None] if feature in lines else []
        along = [lines[feature].at(numbers)] if numbers else []
        whole = np.concatenate([*along, outputs[part]])
        ordered = subject.test.schema[feature].kind.is_numeric
        responses.append(Response(feature, strip, ordered, left_out, whole, decide(subject, whole)))
    if subject.task.is_classification:
        now = float(decide(subject, outputs[:1])[0])
        return outputs[0], _with_flips(subject, values, now, responses, lines)
    return outputs[0], tuple(responses)


def _asked(strip: tuple[Any, ...], line: Line | None) -> tuple[Any, ...]:
    """Return those values of a strip that the model has to be asked for."""
    return strip if line is None else tuple(v for v in strip if v is None)


def decide(subject: Subject, outputs: Floats) -> Floats:
    """Return the decisions that follow from outputs of shape (n, n_outputs)."""
    scores = outputs if outputs.shape[1] > 1 else outputs[:, 0]
    return metrics.decide(subject.task, scores, subject.threshold)


# --- flips ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Bracket:
    """A flip lies between `inside`, where the decision is the row's, and `outside`, where it is another."""

    feature: str
    direction: str
    inside: float
    outside: float
    whole: bool
    decision: float
    outputs: Floats

    @property
    def between(self) -> list[float] | list[int]:
        """Values to try, from the inside outwards."""
        if not np.isfinite(self.inside):
            return []
        share = np.linspace(0, 1, INSIDE + 2)[1:-1]
        tried = self.inside * (1 - share) + self.outside * share
        if not self.whole:
            return [float(v) for v in tried if v not in (self.inside, self.outside)]
        return [v for v in dict.fromkeys(np.rint(tried).astype(int).tolist()) if v not in (self.inside, self.outside)]

    @property
    def flip(self) -> Flip:
        value = int(self.outside) if self.whole else self.outside
        return Flip(self.feature, value, self.direction, self.decision, tuple(self.outputs.tolist()))


def _with_flips(
    subject: Subject,
    values: Mapping[str, Any],
    now: float,
    responses: Sequence[Response],
    lines: Mapping[str, Line],
) -> tuple[Response, ...]:
    """Return the responses with the values at which the decision is not `now`."""
    others = [r for r in responses if r.ordered and r.feature not in lines]
    brackets = [b for r in others for b in _brackets(subject, r, values[r.feature], now)]
    flips = [bracket.flip for bracket in _narrowed(subject, values, now, brackets)]
    flips += [_of_line(subject, f) for f in flips_along(subject, values, now, lines)]
    found: dict[str, list[Flip]] = {r.feature: [] for r in responses}
    for flip in flips:
        move = _move(subject.test.schema[flip.feature], values[flip.feature], flip.value)
        found[flip.feature].append(replace(flip, move=move))
    for r in responses:
        for i in np.flatnonzero(r.decisions != now):
            value = r.values[i]
            if value is None or not r.ordered:
                direction = "missing" if value is None else "category"
                flip = Flip(r.feature, value, direction, float(r.decisions[i]), tuple(r.outputs[i].tolist()))
                found[r.feature].append(flip)
    return tuple(replace(r, flips=tuple(found[r.feature])) for r in responses)


def _of_line(subject: Subject, flip: LineFlip) -> Flip:
    whole = subject.test.schema[flip.feature].kind is Kind.INTEGER and flip.value == np.rint(flip.value)
    value = int(flip.value) if whole else flip.value
    return Flip(flip.feature, value, flip.direction, flip.decision, tuple(flip.outputs.tolist()))


def _move(column: Column, current: Any, value: float) -> float:
    if current is None or column.minimum is None or column.maximum is None or column.is_constant:
        return np.nan
    return float(abs(value - current) / (column.maximum - column.minimum))


def _brackets(subject: Subject, r: Response, current: Any, now: float) -> list[_Bracket]:
    """Return the steps of the strip, at most one on each side, in which the decision first changes.

    A missing value has no sides: the strip is then walked upwards from its lower end.
    """
    numbers = r.numbers
    here = -np.inf if current is None else float(current)
    other = r.decisions[: len(numbers)] != now
    whole = subject.test.schema[r.feature].kind is Kind.INTEGER and here in (-np.inf, np.rint(here))
    brackets = []
    for direction, side in (("below", np.flatnonzero(numbers < here)[::-1]), ("above", np.flatnonzero(numbers > here))):
        hits = np.flatnonzero(other[side])
        if len(hits):
            first = hits[0]
            inside = float(numbers[side[first - 1]]) if first else here
            at = side[first]
            brackets.append(
                _Bracket(r.feature, direction, inside, float(numbers[at]), whole, float(r.decisions[at]), r.outputs[at])
            )
    return brackets


def _narrowed(subject: Subject, values: Mapping[str, Any], now: float, brackets: list[_Bracket]) -> list[_Bracket]:
    """Narrow all brackets together, one call of the model per round."""
    for _ in range(MAX_ROUNDS):
        tried = {i: b.between for i, b in enumerate(brackets) if _is_wide(subject, b)}
        tried = {i: between for i, between in tried.items() if between}
        if not tried:
            break
        rows = varied(subject, values, [(brackets[i].feature, between) for i, between in tried.items()])
        outputs = subject.predict(rows)
        codes = decide(subject, outputs)
        start = 1
        for i, between in tried.items():
            part = slice(start, start + len(between))
            start = part.stop
            brackets[i] = _narrower(brackets[i], between, now, codes[part], outputs[part])
    return brackets


def _is_wide(subject: Subject, bracket: _Bracket) -> bool:
    column = subject.test.schema[bracket.feature]
    assert column.minimum is not None
    assert column.maximum is not None
    return abs(bracket.outside - bracket.inside) > TOLERANCE * (column.maximum - column.minimum)


def _narrower(bracket: _Bracket, between: Sequence[float], now: float, codes: Floats, outputs: Floats) -> _Bracket:
    hits = np.flatnonzero(codes != now)
    if not len(hits):
        return replace(bracket, inside=float(between[-1]))
    first = hits[0]
    inside = float(between[first - 1]) if first else bracket.inside
    return replace(
        bracket,
        inside=inside,
        outside=float(between[first]),
        decision=float(codes[first]),
        outputs=outputs[first],
    )
