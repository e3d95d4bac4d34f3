"""What may change in a row, and what a change costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.data.schema import Column, Kind
from debuggers.editing import plain_or_none
from debuggers.errors import BadParameter
from debuggers.neighbours import neighbourhood
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
FREE, FIXED, UP, DOWN = "free", "fixed", "up", "down"
DIRECTIONS = (FREE, FIXED, UP, DOWN)
# How the costs of several changes make one: added up, the largest, or how many there are.
DISTANCES = ("sum", "largest", "changes")
# Of "changes": a unit of a move costs so much more than nothing, so that of equally many changes the smaller win.
TRIFLE = 1e-3
MAX_OPTIONS = 60


@dataclass(frozen=True)
class Move:
    """How one feature may move.

    Parameters
    ----------
    direction : {"free", "fixed", "up", "down"}
    cost : float
        What a unit costs: one standard deviation of a number, another category.
    low, high : float or None
        Ends of a number's new value; None: the range of the data.
    allowed : tuple or None
        Categories that it may become; None: those that occur.
    """

    direction: str = FREE
    cost: float = 1.0
    low: float | None = None
    high: float | None = None
    allowed: tuple[Any, ...] | None = None


@dataclass(frozen=True, eq=False)
class Moves:
    """What may change in one row.

    Parameters
    ----------
    subject : Subject
    values : mapping
        The row: a value for every feature.
    rules : mapping
        A `Move` for some features; the others are free.
    distance : {"sum", "largest", "changes"}
        What is smallest: the sum of the costs, the largest of them, or the number of features changed.

    Raises
    ------
    BadParameter
        A rule is for something that is no feature, or says what cannot be.
    """

    subject: Subject
    values: Mapping[str, Any]
    rules: Mapping[str, Move]
    distance: str = "sum"

    def __post_init__(self) -> None:
        if self.distance not in DISTANCES:
            raise BadParameter("distance", self.distance, f"one of {', '.join(DISTANCES)}")
        for name, rule in self.rules.items():
            if name not in self.subject.test.features:
                raise BadParameter("moves", name, "a feature of the model")
            if rule.direction not in DIRECTIONS:
                raise BadParameter(f"move of {name}", rule.direction, f"one of {', '.join(DIRECTIONS)}")
            if not (np.isfinite(rule.cost) and rule.cost > 0):
                raise BadParameter(f"cost of {name}", rule.cost, "a number above 0")

    def rule(self, feature: str) -> Move:
        """Return the rule of a feature."""
        return self.rules.get(feature, Move())

    def without(self, features: Iterable[str]) -> Moves:
        """Return the moves in which some features are fixed besides."""
        fixed = {f: Move(FIXED) for f in features}
        return Moves(self.subject, self.values, {**self.rules, **fixed}, self.distance)

    def held_because(self, feature: str) -> str:
        """Return why a feature stays as it is; empty where it may change."""
        column, rule = self.subject.test.schema[feature], self.rule(feature)
        if rule.direction == FIXED:
            return "it is fixed"
        if column.kind in (Kind.DATE, Kind.TEXT):
            return f"it is a {column.kind}, of which no distance is known"
        if column.kind.is_numeric and self.values[feature] is None:
            return "it is missing, from which no distance is known"
        if column.kind.is_numeric and (column.minimum is None or column.is_constant):
            return "it has one value in the data"
        return ""

    def bounds(self, feature: str) -> tuple[float, float]:
        """Return between which numbers a feature may move; its own value is always among them."""
        column, rule, now = self.subject.test.schema[feature], self.rule(feature), float(self.values[feature])
        assert column.minimum is not None
        assert column.maximum is not None
        low = column.minimum if rule.low is None else rule.low
        high = column.maximum if rule.high is None else rule.high
        low = now if rule.direction == UP else min(low, now)
        high = now if rule.direction == DOWN else max(high, now)
        return low, high

    def options(self, feature: str) -> list[Any]:
        """Return the categories that a feature may become, its own first: at most 60, the most frequent ones."""
        column, rule, now = self.subject.test.schema[feature], self.rule(feature), self.values[feature]
        known = [plain_or_none(v) for v in column.categories] if rule.allowed is None else list(rule.allowed)
        if column.kind is Kind.BOOLEAN and rule.allowed is None:
            known = [v for v in (False, True) if v in column.categories]
        return [now, *(v for v in known if v is not None and v != now)][:MAX_OPTIONS]

    def costs(self, feature: str, values: Sequence[Any] | Floats) -> Floats:
        """Return what it costs to give a feature each of some values."""
        now, rule, column = self.values[feature], self.rule(feature), self.subject.test.schema[feature]
        if column.kind.is_numeric:
            moved = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
            units = np.isfinite(moved) * 1.0 if now is None else np.abs(moved - float(now)) / self.unit(feature)
        else:
            units = np.array([0.0 if v == now or (v is None and now is None) else 1.0 for v in values])
        if self.distance == "changes":
            units = np.where(units > 0, 1.0 + TRIFLE * units / (1.0 + units), 0.0)
        return np.asarray(rule.cost * units)

    def unit(self, feature: str) -> float:
        """Return a number's standard deviation in the data, as the distances between rows take it."""
        encoder = neighbourhood(self.subject).encoder
        at = encoder.numeric.index(feature)
        return float(encoder.deviation[at] * encoder.size[at])

    def total(self, costs: Floats) -> Floats:
        """Return what rows cost whose features cost `costs`, shape (n, n_features)."""
        return np.asarray(costs.max(axis=1, initial=0.0) if self.distance == "largest" else costs.sum(axis=1))

    def allows(self, feature: str, value: Any) -> bool:
        """Whether a feature may have a value."""
        now = self.values[feature]
        if value == now or (value is None and now is None):
            return True
        if value is None or self.held_because(feature):
            return False
        if self.subject.test.schema[feature].kind.is_numeric:
            low, high = self.bounds(feature)
            return low <= float(value) <= high
        allowed = self.rule(feature).allowed
        return allowed is None or value in allowed


def is_changed(column: Column, one: Any, other: Any) -> bool:
    """Whether two values of a column differ."""
    if one is None or other is None:
        return one is not other
    return float(one) != float(other) if column.kind.is_numeric else bool(one != other)
