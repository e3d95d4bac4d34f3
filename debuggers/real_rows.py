"""The nearest real rows with a wanted outcome, by several distances."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.editing import edited, own_values
from debuggers.goals import Goal
from debuggers.moves import Moves
from debuggers.neighbours import neighbourhood

Floats = npt.NDArray[np.float64]


def _straight(apart: Floats) -> Floats:
    return np.asarray(np.sqrt(np.square(apart).sum(axis=1)))


def _added(apart: Floats) -> Floats:
    return np.asarray(apart.sum(axis=1))


def _largest(apart: Floats) -> Floats:
    return np.asarray(apart.max(axis=1, initial=0.0))


def _differing(apart: Floats) -> Floats:
    return np.asarray((apart > 0).sum(axis=1), dtype=np.float64)


# From the distances of the features, shape (n, n_features), how far rows are.
DISTANCES: dict[str, Callable[[Floats], Floats]] = {
    "straight line": _straight,
    "sum of differences": _added,
    "largest difference": _largest,
    "features that differ": _differing,
}


def nearest_rows(moves: Moves, goal: Goal) -> tuple[pd.DataFrame, int]:
    """Return the nearest test rows with the wanted outcome by several distances, and how many rows were searched."""
    subject, near = moves.subject, neighbourhood(moves.subject)
    outputs = subject.as_outputs(subject.scores[near.tested])
    wanted = np.flatnonzero(goal.is_reached(subject, outputs))
    point = near.encoder.points(edited(subject, moves.values, [{}]))[0]
    apart = near.apart(point)[wanted]
    rows = []
    for name, distance in DISTANCES.items() if len(wanted) else ():
        far = distance(apart)
        # Of equally far ones the nearest by the sum of differences.
        at = int(np.lexsort((apart.sum(axis=1), far))[0])
        position = int(near.tested[wanted[at]])
        values = own_values(subject, position)
        differing = [f for f, v in values.items() if v != moves.values[f]]
        allowed = all(moves.allows(f, values[f]) for f in differing)
        rows.append((name, int(subject.test.rows[position]), float(far[at]), len(differing), allowed))
    return pd.DataFrame(rows, columns=["distance", "row", "apart", "differs", "allowed"]), len(near.tested)
