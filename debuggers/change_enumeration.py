"""Several cheapest changes of a row by which a model says what is wanted, one after another."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.change_search import Changes, near_change
from debuggers.editing import edited
from debuggers.ensembles import Ensemble, ensemble_of
from debuggers.execution import in_threads
from debuggers.goals import Goal
from debuggers.models.trees import UnreadableTrees
from debuggers.moves import Moves
from debuggers.steps import steps_of
from debuggers.tree_search import Cheapest, cheapest

Bools = npt.NDArray[np.bool_]
# Boxes cut for the first change, and for each search for another one; and searches.
FIRST_BOXES, FURTHER_BOXES = 10_000, 1_500
MAX_SEARCHES = 12


@dataclass(eq=False)
class ChangeSearch:
    """The searches for one row and goal."""

    moves: Moves
    goal: Goal
    asked_because: str = ""
    _ensemble: Ensemble | None = None
    _is_proved: bool = False

    def __post_init__(self) -> None:
        try:
            self._ensemble = ensemble_of(self.moves.subject)
            self.goal.scores(self.moves.subject, self._ensemble)
        except UnreadableTrees as reason:
            self._ensemble, self.asked_because = None, str(reason)
        subject = self.moves.subject
        self._outcomes = self.goal.is_reached(subject, subject.as_outputs(subject.scores))

    def several(self, many: int) -> list[Cheapest]:
        """Return the cheapest changes, none of which changes all the features that an earlier one does.

        Each further one is the cheapest of those that leave some feature alone: Lawler's way of enumerating.
        """
        order, tried = count(), {frozenset[str]()}
        waiting: list[tuple[float, int, frozenset[str], Cheapest]] = []
        found: list[Cheapest] = []

        def look(fixed: list[frozenset[str]], boxes: int) -> None:
            """Search with some features held, every set of them by itself."""
            span = (len(found) / many, (len(found) + 1) / many)
            work = partial(self._without, boxes=boxes)
            for held, solved in zip(fixed, in_threads(work, fixed, "Looking for other ways", span), strict=True):
                if solved.changes:
                    heapq.heappush(waiting, (solved.cost, next(order), held, solved))

        look([frozenset()], FIRST_BOXES)
        while waiting and len(found) < many:
            _, _, fixed, solved = heapq.heappop(waiting)
            # What changes all that an earlier one does is no other way, but hides those that leave some of it alone.
            earlier = next(
                (set(f.changes or ()) for f in found if set(f.changes or ()) <= set(solved.changes or ())), None
            )
            if earlier is None:
                found.append(solved)
            if len(found) < many:
                narrower = [fixed | {feature} for feature in sorted(earlier or solved.changes or ())]
                fresh = [held for held in narrower if held not in tried][: MAX_SEARCHES - len(tried)]
                tried.update(fresh)
                look(fresh, FURTHER_BOXES)
        return _other_ways(found)

    def _without(self, fixed: frozenset[str], boxes: int) -> Cheapest:
        return self.one(self.moves.without(fixed), boxes)

    def one(self, moves: Moves, boxes: int) -> Cheapest:
        """Return the cheapest change that the model confirms."""
        if self._ensemble is None:
            return self._asked(moves)
        solved = Cheapest(None, np.inf, 0.0)
        for apart in (False, True):
            solved = self._from_trees(moves, self._ensemble, boxes, apart=apart)
            if solved.changes is None:
                self._is_proved = solved.bound == np.inf
                return solved
            if self._confirmed(moves, solved.changes):
                return solved
        return replace(self._asked(moves), bound=solved.bound)

    def _from_trees(self, moves: Moves, ensemble: Ensemble, boxes: int, *, apart: bool) -> Cheapest:
        """Search the trees; where that takes long, for what is cheaper than what a search by asking finds."""

        def reached(rows: pd.DataFrame) -> Bools:
            return self.goal.is_reached(moves.subject, ensemble.predict(rows))

        def beat(found: Changes | None) -> tuple[Changes, float] | None:
            return near_change(moves, reached, self._outcomes, () if found is None else (found,))

        return cheapest(moves, ensemble, self.goal, apart=apart, boxes=boxes, beat=beat)

    def _asked(self, moves: Moves) -> Cheapest:
        def reached(rows: pd.DataFrame) -> Bools:
            return self.goal.is_reached(moves.subject, moves.subject.predict(rows))

        found = near_change(moves, reached, self._outcomes)
        return Cheapest(None, np.inf, np.nan) if found is None else Cheapest(*found, np.nan)

    def _confirmed(self, moves: Moves, changes: Changes) -> bool:
        outputs = moves.subject.predict(edited(moves.subject, moves.values, [changes]))
        return bool(self.goal.is_reached(moves.subject, outputs)[0])

    def coarse(self) -> tuple[str, ...]:
        """Return the numbers of which only some values were tried."""
        if self._ensemble is None:
            return ()
        steps = steps_of(self.moves.subject, self._ensemble)
        schema = self.moves.subject.test.schema
        tested = np.unique(steps.column[steps.column >= 0])
        free = [c for c in tested.tolist() if not steps.ordered[c] and not self.moves.held_because(steps.columns[c])]
        return tuple(steps.columns[c] for c in free if schema[steps.columns[c]].kind.is_numeric)

    def why_none(self) -> str:
        """Return why nothing was found."""
        if self._is_proved and not self.coarse():
            return "no allowed change reaches it: that is proved from the model's trees"
        if not self._outcomes.any():
            return "none was found, and no test row has that outcome"
        return "none was found; that none exists is not proved"


def _other_ways(found: list[Cheapest]) -> list[Cheapest]:
    """Return what was found, the cheapest first, without what changes all that a cheaper one does.

    Where the budget of a search ended, a later one may have found something cheaper.
    """
    kept: list[Cheapest] = []
    for solved in sorted(found, key=lambda s: s.cost):
        if not any(set(k.changes or ()) <= set(solved.changes or ()) for k in kept):
            kept.append(solved)
    return kept
