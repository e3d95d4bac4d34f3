"""A small change of a row by which any model says what is wanted: from real rows, by taking back what is not needed.

What it finds is valid, and no proof that nothing smaller is: for trees it is the start of an exact search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.data.schema import Kind
from debuggers.editing import edited, plain_or_none
from debuggers.moves import Moves, is_changed
from debuggers.neighbours import neighbourhood

Floats = npt.NDArray[np.float64]
Reached = Callable[[pd.DataFrame], npt.NDArray[np.bool_]]
Changes = dict[str, Any]

# Real rows that are tried, of these the cheapest that are worked on, and values between there and the row's own.
TRIED, KEPT, BETWEEN = 60, 4, 8
MAX_ROUNDS = 60
# Savings below this share of the cost end the search.
ENOUGH = 1e-4


def near_change(
    moves: Moves, reached: Reached, outcomes: npt.NDArray[np.bool_], seeds: Sequence[Changes] = ()
) -> tuple[Changes, float] | None:
    """Return a change that is reached, and what it costs; None where none was found.

    Parameters
    ----------
    reached : callable
        Whether rows of a table have the wanted outcome.
    outcomes : ndarray of shape (n_test_rows,)
        Which test rows have it.
    seeds : sequence of dict
        Changes to begin with besides real rows.
    """
    starts = [*seeds, *_from_rows(moves, outcomes)]
    starts = [s for s in starts if s]
    if not starts:
        return None
    costs = cost_of(moves, starts)
    good = np.flatnonzero(reached(edited(moves.subject, moves.values, starts)))
    best: tuple[Changes, float] | None = None
    for i in good[np.argsort(costs[good], kind="stable")][:KEPT]:
        found = _Descent(moves, reached).down(starts[i])
        if best is None or found[1] < best[1]:
            best = found
    return best


def cost_of(moves: Moves, changes: Sequence[Changes]) -> Floats:
    """Return what some changes cost."""
    features = moves.subject.test.features
    each = [moves.costs(f, [c.get(f, moves.values[f]) for c in changes]) for f in features]
    return moves.total(np.stack(each, axis=1))


def _from_rows(moves: Moves, outcomes: npt.NDArray[np.bool_]) -> list[Changes]:
    """Return the changes to the nearest test rows with the wanted outcome, as far as they are allowed."""
    subject = moves.subject
    near = neighbourhood(subject)
    point = near.encoder.points(edited(subject, moves.values, [{}]))[0]
    wanted = np.flatnonzero(outcomes[near.tested])
    order = wanted[np.argsort(near.distances(point)[wanted], kind="stable")][:TRIED]
    some = subject.test.table.iloc[near.tested[order]]
    columns = [[plain_or_none(v) for v in some[f].array] for f in subject.test.features]
    return [_allowed(moves, dict(zip(subject.test.features, row, strict=True))) for row in zip(*columns, strict=True)]


def _allowed(moves: Moves, values: Changes) -> Changes:
    """Return those changes to other values that are allowed; numbers go as far as they may."""
    out = {}
    for feature, value in values.items():
        column, now = moves.subject.test.schema[feature], moves.values[feature]
        if value is None or moves.held_because(feature):
            continue
        new = value
        if column.kind.is_numeric:
            new = type(value)(np.clip(value, *moves.bounds(feature)))
        if is_changed(column, now, new) and moves.allows(feature, new):
            out[feature] = new
    return out


@dataclass(frozen=True)
class _Descent:
    """Makes a change cheaper, step by step, as long as it is reached."""

    moves: Moves
    reached: Reached

    def down(self, changes: Changes) -> tuple[Changes, float]:
        """Return the cheapest that was found, and its cost."""
        cost = float(cost_of(self.moves, [changes])[0])
        for _ in range(MAX_ROUNDS):
            tried = self._taken_back(changes) or self._part_of_the_way(changes)
            if tried is None:
                break
            saved = cost - tried[1]
            changes, cost = tried
            if saved < ENOUGH * cost:
                break
        return changes, cost

    def _taken_back(self, changes: Changes) -> tuple[Changes, float] | None:
        """Return the changes without the one that is not needed and costs most."""
        if len(changes) < 2:
            return None
        return self._cheapest([{f: v for f, v in changes.items() if f != name} for name in changes], changes)

    def _part_of_the_way(self, changes: Changes) -> tuple[Changes, float] | None:
        """Return the changes with one number nearer to the row's own."""
        tried = []
        for name, value in changes.items():
            column, now = self.moves.subject.test.schema[name], self.moves.values[name]
            if column.kind.is_numeric and now is not None:
                for share in np.arange(1, BETWEEN) / BETWEEN:
                    number = float(now) + (float(value) - float(now)) * float(share)
                    whole = column.kind is Kind.INTEGER
                    number = int(np.floor(number) if value > now else np.ceil(number)) if whole else number
                    if is_changed(column, now, number) and is_changed(column, value, number):
                        tried.append({**changes, name: number})
        return self._cheapest(tried, changes)

    def _cheapest(self, tried: list[Changes], than: Changes) -> tuple[Changes, float] | None:
        if not tried:
            return None
        good = np.flatnonzero(self.reached(edited(self.moves.subject, self.moves.values, tried)))
        costs = cost_of(self.moves, [*tried, than])
        good = good[costs[good] < costs[-1]]
        if not len(good):
            return None
        best = int(good[np.argmin(costs[good])])
        return tried[best], float(costs[best])
