"""The smallest changes of a row by which the model decides otherwise, each of another kind, and real rows that do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.change_enumeration import ChangeSearch
from debuggers.change_search import Changes, cost_of
from debuggers.editing import edited
from debuggers.goals import Goal
from debuggers.moves import Move, Moves
from debuggers.neighbours import neighbourhood
from debuggers.real_rows import nearest_rows
from debuggers.response import decide
from debuggers.subject import Subject
from debuggers.task import Task
from debuggers.tree_search import Cheapest

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """A change of a row by which the model says what is wanted; the model itself was asked.

    Parameters
    ----------
    changes : dict
        New values of the features that change.
    cost : float
    bound : float or None
        No change of this kind costs less; `cost` itself where that is proved, None where nothing is known.
    outputs : tuple of float
    decision : str or None
        None for a regressor.
    percentile : float
        Share of real rows that are nearer to their nearest other row than the changed row is to its own: above 0.99
        it is unusual. NaN where there is no other row.
    """

    changes: Changes
    cost: float
    bound: float | None
    outputs: tuple[float, ...]
    decision: str | None
    percentile: float

    @property
    def is_smallest(self) -> bool:
        """Whether it is proved that no change of its kind costs less."""
        return self.bound is not None and self.bound >= self.cost * (1 - 1e-9)

    @property
    def gap(self) -> float:
        """At most this share of the cost could be saved; NaN where nothing is known."""
        return np.nan if self.bound is None else max(0.0, 1.0 - self.bound / self.cost) if self.cost else 0.0


@dataclass(frozen=True, eq=False)
class Counterfactuals:
    """What would have to change for another decision.

    Parameters
    ----------
    goal : Goal
    found : tuple of Counterfactual
        The first is the smallest change; each further one is the smallest that leaves alone, of every one before it, at
        least one feature that changes there.
    conflicts : DataFrame
        Pairs that contradict each other: `first`, `second` (positions in `found`), `feature` ("" where all of it does
        not go together), `why`.
    real : DataFrame
        The nearest test row with the wanted outcome by each distance: `distance`, `row`, `apart`, `differs` (number of
        features), `allowed` (whether every difference is an allowed move). Empty where no test row has that outcome.
    real_rows, total : int
        Test rows that were searched, and rows there are.
    held : mapping of str to str
        Why features stay as they are.
    coarse : tuple of str
        Features of which only some values were tried, although trees were read.
    asked_because : str
        Why changes were looked for by asking the model, without proof; empty where its trees were searched.
    none_because : str
        Why there is no counterfactual; empty where there is one.
    values : mapping
        The row.
    """

    goal: Goal
    found: tuple[Counterfactual, ...]
    conflicts: pd.DataFrame
    real: pd.DataFrame
    real_rows: int
    total: int
    held: Mapping[str, str]
    coarse: tuple[str, ...]
    asked_because: str
    none_because: str
    values: Mapping[str, Any]

    def table(self) -> pd.DataFrame:
        """Return the changes: `counterfactual`, `feature`, `now`, `new`, `cost`, `smallest`, `gap`."""
        rows = [
            (i, f, self.values[f], new, c.cost, c.is_smallest, c.gap)
            for i, c in enumerate(self.found)
            for f, new in c.changes.items()
        ]
        return pd.DataFrame(rows, columns=["counterfactual", "feature", "now", "new", "cost", "smallest", "gap"])


def counterfactuals(
    subject: Subject,
    values: Mapping[str, Any],
    goal: Goal,
    *,
    rules: Mapping[str, Move] | None = None,
    distance: str = "sum",
    many: int = 4,
) -> Counterfactuals:
    """Return the smallest changes of a row by which the model says what is wanted.

    Where the model's trees can be read, a branch and bound over the boxes of their leaves proves that nothing smaller
    does, or says how much smaller it could be at most. Any other model is asked: what is found is valid, and nothing is
    known of what is smaller.

    Parameters
    ----------
    values : mapping
        The row: a value for every feature, None where it is missing.
    goal : Goal
    rules : mapping of str to Move
        What may change, how far, and what it costs; by default every feature is free within the range of the data, one
        standard deviation costs 1, and so does another category.
    distance : {"sum", "largest", "changes"}
        What is smallest: the sum of the costs, the largest of them, or the number of features that change.
    many : int
        How many at most.

    Raises
    ------
    BadParameter
        A rule names no feature or says what cannot be.

    References
    ----------
    Wachter, Mittelstadt and Russell (2018), Harvard Journal of Law and Technology 31, 841-887. Kantchelian, Tygar and
    Joseph (2016), International Conference on Machine Learning. Mothilal, Sharma and Tan (2020), FAT*.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from debuggers.matching import Roles, make_subject
    >>> from debuggers.models.estimator import EstimatorModel
    >>> table = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [0, 0, 1, 1]})
    >>> model = EstimatorModel(DecisionTreeClassifier().fit(table[["x"]], table["y"]))
    >>> subject = make_subject("four", table, Roles(target="y"), model=model)
    >>> found = counterfactuals(subject, {"x": 3.0}, Goal(0.0)).found[0]
    >>> found.changes, found.is_smallest
    ({'x': 1}, True)
    """
    moves = Moves(subject, values, rules or {}, distance)
    search = ChangeSearch(moves, goal)
    solved = search.several(many)
    held = {f: why for f in subject.test.features if (why := moves.held_because(f))}
    real, searched = nearest_rows(moves, goal)
    return Counterfactuals(
        goal=goal,
        found=_judged(moves, solved),
        conflicts=_conflicts(moves, goal, [s.changes for s in solved if s.changes]),
        real=real,
        real_rows=searched,
        total=len(subject.test),
        held=held,
        coarse=search.coarse(),
        asked_because=search.asked_because,
        none_because="" if solved else search.why_none(),
        values=dict(values),
    )


def other_goals(subject: Subject, outputs: Floats) -> tuple[Goal, ...]:
    """Return the goals that a row's outputs, shape (n_outputs,), do not reach yet; of a regressor none is given.

    Those of a classifier come in falling order of their probability.
    """
    if subject.task is Task.REGRESSION:
        return ()
    shares = np.array([1 - outputs[0], outputs[0]]) if len(outputs) == 1 else outputs
    goals = [Goal(float(code)) for code in np.argsort(-shares, kind="stable")]
    return tuple(g for g in goals if not g.is_reached(subject, outputs[None])[0])


def _judged(moves: Moves, solved: list[Cheapest]) -> tuple[Counterfactual, ...]:
    """Return what was found with what the model says and how plausible it is."""
    subject, changes = moves.subject, [s.changes for s in solved if s.changes]
    if not changes:
        return ()
    rows = edited(subject, moves.values, changes)
    outputs = subject.predict(rows)
    decisions: list[str | None] = [None] * len(rows)
    if subject.task.is_classification:
        decisions = [str(d) for d in subject.named(decide(subject, outputs))]
    near = neighbourhood(subject)
    points = near.encoder.points(rows)
    costs = cost_of(moves, changes)
    return tuple(
        Counterfactual(
            changes=changes[i],
            cost=float(costs[i]),
            bound=None if np.isnan(s.bound) else min(s.bound, float(costs[i])),
            outputs=tuple(outputs[i].tolist()),
            decision=decisions[i],
            percentile=near.percentile(float(near.distances(points[i]).min())),
        )
        for i, s in enumerate(solved)
    )


def _conflicts(moves: Moves, goal: Goal, changes: list[Changes]) -> pd.DataFrame:
    """Return which counterfactuals contradict each other."""
    schema, rows = moves.subject.test.schema, []
    together: list[tuple[int, int]] = []
    for i, j in combinations(range(len(changes)), 2):
        shared = [f for f in changes[i] if f in changes[j]]
        whys = {f: _opposed(schema[f].kind.is_numeric, moves.values[f], changes[i][f], changes[j][f]) for f in shared}
        opposed = {f: why for f, why in whys.items() if why}
        rows += [(i, j, f, why) for f, why in opposed.items()]
        if not opposed:
            together.append((i, j))
    if together:
        both = [_both(moves, changes[i], changes[j]) for i, j in together]
        reached = goal.is_reached(moves.subject, moves.subject.predict(edited(moves.subject, moves.values, both)))
        failing = [pair for pair, ok in zip(together, reached, strict=True) if not ok]
        rows += [(i, j, "", "both at once do not reach it") for i, j in failing]
    return pd.DataFrame(rows, columns=["first", "second", "feature", "why"])


def _opposed(is_number: bool, now: Any, one: Any, other: Any) -> str:  # noqa: FBT001 -- one of four that belong together
    if is_number:
        return "opposite directions" if (one > now) != (other > now) else ""
    return "different categories" if one != other else ""


def _both(moves: Moves, one: Changes, other: Changes) -> Changes:
    """Return two changes at once; a feature that both change goes the farther way."""
    out = {**one, **other}
    for f in one.keys() & other.keys():
        costs = moves.costs(f, [one[f], other[f]])
        out[f] = one[f] if costs[0] >= costs[1] else other[f]
    return out
