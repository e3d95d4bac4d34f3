"""The cheapest change of a row by which readable trees say what is wanted: exact, or with a bound on what it misses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.data.schema import Kind
from debuggers.editing import varied
from debuggers.ensembles import Ensemble
from debuggers.execution import report
from debuggers.goals import Goal
from debuggers.kernels.tree_boxes import Space, open_queue, search
from debuggers.kernels.tree_lines import left_masks
from debuggers.moves import Moves
from debuggers.response import strip_values
from debuggers.steps import Steps, nodes_of, steps_of

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Changes = dict[str, Any]
Beat = Callable[[Changes | None], tuple[Changes, float] | None]
# Boxes that are cut before the search gives up, and between two reports of progress.
BOXES, BOXES_AT_ONCE = 10_000, 500
# Sums that are this close to the goal, as a share of their size, count as reaching it: the model itself has the last
# word. Where it says no, the goal is moved away by the second share, which is that of single precision.
CLOSE, APART = 1e-12, 3e-6


@dataclass(frozen=True, eq=False)
class Cheapest:
    """What a search found.

    Parameters
    ----------
    changes : dict or None
        New values of the features that change; None: nothing was found.
    cost : float
        Of the changes; infinite where there are none.
    bound : float
        Nothing costs less than this: `cost` itself where that is proved.
    """

    changes: Changes | None
    cost: float
    bound: float


@dataclass(frozen=True, eq=False)
class _Options:
    """What each column of the model may become.

    Parameters
    ----------
    values : list
        For each column the values of its steps.
    costs : list of ndarray
    is_set : ndarray of shape (n_columns,)
    now, low, high : ndarray of shape (n_columns,)
        Steps: the present one and the ends of what is allowed.
    """

    values: list[list[Any]]
    costs: list[Floats]
    is_set: npt.NDArray[np.bool_]
    now: npt.NDArray[np.int32]
    low: npt.NDArray[np.int32]
    high: npt.NDArray[np.int32]


def cheapest(
    moves: Moves,
    ensemble: Ensemble,
    goal: Goal,
    *,
    limit: float = np.inf,
    apart: bool = False,
    boxes: int = BOXES,
    beat: Beat | None = None,
) -> Cheapest:
    """Return the cheapest allowed change of a row by which the trees reach a goal.

    Parameters
    ----------
    limit : float
        Only what costs less is looked for.
    apart : bool
        Whether the goal has to be reached by more than what single precision can hide.
    boxes : int
        Cut before the search gives up.
    beat : callable, optional
        Asked once where the search is not short: from what was found so far (None: nothing) to a change that reaches
        the goal, with its cost, or None. Only what costs less is looked for from then on.

    Raises
    ------
    UnreadableTrees
        The goal is no bound on sums of what the trees say.
    """
    steps = steps_of(moves.subject, ensemble)
    options = _options(moves, steps)
    space = _space(moves, ensemble, steps, options, _reached(moves, ensemble, goal, APART if apart else -CLOSE))
    many = np.array([len(v) for v in options.values], dtype=np.uint64)
    kept = np.where(options.is_set, (np.uint64(1) << many) - np.uint64(1), np.uint64(0)).astype(np.uint64)
    queue = open_queue(space, options.low, options.high, kept, limit, boxes + 2)
    found: Changes | None = None

    def changes() -> Changes | None:
        """Return the best that is known: what was to be beaten, or what the search found since."""
        if queue.limit[0] >= limit:
            return found
        columns = [(c, name) for c, name in enumerate(steps.columns) if queue.best[c] != options.now[c]]
        return {name: options.values[c][queue.best[c]] for c, name in columns}

    bound = 0.0
    for start in range(0, boxes, BOXES_AT_ONCE):
        report(start / boxes, "Searching for the smallest change")
        bound = float(search(space, queue, BOXES_AT_ONCE))
        if not queue.size[1]:
            break
        known = beat(changes()) if start == 0 and beat is not None else None
        if known is not None and known[1] < queue.limit[0]:
            found, queue.limit[0] = known
            limit = known[1]
    cost, best = float(queue.limit[0]), changes()
    return Cheapest(None, np.inf, min(bound, limit)) if best is None else Cheapest(best, cost, min(bound, cost))


def _options(moves: Moves, steps: Steps) -> _Options:
    n = len(steps.columns)
    values: list[list[Any]] = []
    now, low, high = (np.zeros(n, np.int32) for _ in range(3))
    is_set = np.ones(n, np.bool_)
    for c, name in enumerate(steps.columns):
        if moves.held_because(name):
            values.append([moves.values[name]])
        elif steps.ordered[c]:
            is_set[c] = False
            ends = moves.bounds(name)
            now[c], low[c], high[c] = steps.steps_at(c, [moves.values[name], *ends])
            values.append(_nearest_numbers(moves, steps, c, ends))
        else:
            values.append(_tried(moves, name))
    costs = [moves.costs(name, v) for name, v in zip(steps.columns, values, strict=True)]
    return _Options(values, costs, is_set, now, low, high)


def _nearest_numbers(moves: Moves, steps: Steps, c: int, ends: tuple[float, float]) -> list[Any]:
    """Return of each step the number that is nearest to the row's own; of steps that are not allowed whatever."""
    now = float(moves.values[steps.columns[c]])
    first, last = np.concatenate([[-np.inf], steps.above[c]]), np.concatenate([steps.below[c], [np.inf]])
    numbers = np.clip(np.clip(now, first, last), *ends)
    whole = moves.subject.test.schema[steps.columns[c]].kind is Kind.INTEGER
    return [int(v) if whole and v.is_integer() else v for v in numbers.tolist()]


def _tried(moves: Moves, name: str) -> list[Any]:
    """Return the values that a column without steps may become, the row's own first."""
    column = moves.subject.test.schema[name]
    if not column.kind.is_numeric:
        return moves.options(name)
    low, high = moves.bounds(name)
    tried, _ = strip_values(moves.subject, name, 60)
    return [moves.values[name], *(v for v in tried if v is not None and low <= v <= high and v != moves.values[name])]


def _reached(moves: Moves, ensemble: Ensemble, goal: Goal, distance: float) -> tuple[Floats, Floats]:
    """Return what each node adds to each score, and what is there before: the goal is reached where none is below 0."""
    trees = ensemble.trees
    weights, added = goal.scores(moves.subject, ensemble)
    size = float(np.abs(trees.raw(_rows(moves, ensemble, {}))).max(initial=1.0)) * float(np.abs(weights).max())
    return _scores(ensemble, weights), weights @ trees.base + added - distance * size


def _space(moves: Moves, ensemble: Ensemble, steps: Steps, options: _Options, reached: tuple[Floats, Floats]) -> Space:
    trees = ensemble.trees
    return Space(
        root=trees.root,
        column=steps.column,
        code=steps.code,
        mask=_masks(moves, ensemble, steps, options),
        left=trees.left,
        right=trees.right,
        value=reached[0],
        base=reached[1],
        is_set=options.is_set,
        first=np.concatenate([[0], np.cumsum([len(v) for v in options.values])]).astype(np.int64),
        cost=np.concatenate([*options.costs, np.zeros(0)]),
        now=options.now,
        largest=moves.distance == "largest",
        depth=trees.depth,
    )


def _scores(ensemble: Ensemble, weights: Floats) -> Floats:
    """Return what each node adds to each score."""
    trees = ensemble.trees
    order = np.argsort(trees.root)
    behind = np.searchsorted(trees.root[order], np.arange(len(trees.feature)), side="right")
    output = trees.output[order[np.maximum(behind - 1, 0)]] if len(order) else np.zeros(len(trees.feature), np.int32)
    out = np.zeros((len(trees.feature), len(weights)))
    for j in range(trees.width):
        out += weights.T[output + j] * trees.value[:, [j]]
    return out / trees.divisor


def _masks(moves: Moves, ensemble: Ensemble, steps: Steps, options: _Options) -> npt.NDArray[np.uint64]:
    """Return for each node which of its column's values go left, of columns that are no steps."""
    tried = {
        name: options.values[c] if options.is_set[c] else [moves.values[name]] for c, name in enumerate(steps.columns)
    }
    inputs = ensemble.trees.rounded(_rows(moves, ensemble, tried)[1:])
    first = np.concatenate([[0], np.cumsum([len(v) for v in tried.values()])]).astype(np.int64)
    masks: npt.NDArray[np.uint64] = left_masks(inputs, nodes_of(ensemble), steps.column, first)
    return masks


def _rows(moves: Moves, ensemble: Ensemble, tried: Mapping[str, list[Any]]) -> Floats:
    """Return the encoded row, and behind it the row with each value that is tried."""
    return ensemble.encode(varied(moves.subject, moves.values, list(tried.items())))
