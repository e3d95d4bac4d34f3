"""The trees of a subject's model, over the subject's own columns and outputs, where they can be had."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.coding import Coder
from debuggers.kernels.links import Answer
from debuggers.models.composed import ComposedTrees
from debuggers.models.model import Model
from debuggers.models.trees import Link, Trees, UnreadableTrees
from debuggers.statistics import SEED
from debuggers.subject import Subject, sample_rows
from debuggers.task import Task
from debuggers.tree_effects import answer_of

Floats = npt.NDArray[np.float64]
# Predictions that trees have to reproduce before anything is drawn from them, and how closely.
CHECKED_ROWS = 200
TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The trees of a subject's model.

    Parameters
    ----------
    trees : Trees
        Their outputs lead to the subject's.
    picks : tuple of int
        Which of their answers are the subject's outputs.
    coder : Coder
        Over the columns that the model reads.
    columns : tuple of str
        The table's names of them.
    encode : callable
        From rows of the subject's table to inputs of the trees.
    """

    trees: Trees
    picks: tuple[int, ...]
    coder: Coder
    columns: tuple[str, ...]
    encode: Callable[[pd.DataFrame], Floats]
    _subject: Subject

    @cached_property
    def inputs(self) -> Floats:
        """The test rows as the trees take them."""
        return self.encode(self._subject.test.table)

    def answer(self, *, log_odds: bool = False) -> Answer:
        """Return how raw values become what the subject predicts."""
        return answer_of(self.trees, log_odds=log_odds and self._subject.task.is_classification)

    def predict(self, table: pd.DataFrame) -> Floats:
        """Return the subject's outputs of rows, shape (n, n_outputs)."""
        return self.trees.answers(self.trees.raw(self.encode(table)))[:, self.picks]


_known: WeakKeyDictionary[Subject, Ensemble | str] = WeakKeyDictionary()
_lock = Lock()


def ensemble_of(subject: Subject) -> Ensemble:
    """Return the trees of a subject's model; read and checked against its predictions once.

    Raises
    ------
    UnreadableTrees
        They cannot be had, or do not reproduce the model's predictions; the text is the reason.
    """
    with _lock:
        found = _known.get(subject)
    if found is None:
        try:
            found = _checked(_read(subject), subject)
        except UnreadableTrees as error:
            found = str(error)
        with _lock:
            _known[subject] = found
    if isinstance(found, str):
        raise UnreadableTrees(found)
    return found


def why_unreadable(subject: Subject) -> str:
    """Return why the trees of a subject's model cannot be had; empty where they can."""
    try:
        ensemble_of(subject)
    except UnreadableTrees as reason:
        return str(reason)
    return ""


def _read(subject: Subject) -> Ensemble:
    if subject.model is None:
        raise UnreadableTrees("there is no model")
    bound = subject.model
    composed = _composed(bound.model)
    if composed.n_features != len(bound.columns):
        raise UnreadableTrees(f"its trees take {composed.n_features} columns, and the table has {len(bound.columns)}")
    trees, picks = _oriented(composed.trees, subject.task, bound.order)

    def encode(table: pd.DataFrame) -> Floats:
        rows = table[list(bound.columns)]
        return composed.encode(rows if bound.columns == bound.inputs else rows.set_axis(list(bound.inputs), axis=1))

    coder = Coder(trees, composed.source, composed.n_features)
    return Ensemble(trees, picks, coder, bound.columns, encode, subject)


def _composed(model: Model) -> ComposedTrees:
    if hasattr(model, "composed_trees"):
        found: ComposedTrees = model.composed_trees()
        return found
    raise UnreadableTrees("only its answers are known")


def _oriented(trees: Trees, task: Task, order: tuple[int, ...]) -> tuple[Trees, tuple[int, ...]]:
    """Return trees whose outputs are in the order of the subject's classes, and which answers are its outputs."""
    if task is Task.REGRESSION:
        if trees.n_outputs != 1:
            raise UnreadableTrees(f"its trees give {trees.n_outputs} numbers for a row")
        return trees, (0,)
    order = order or tuple(range(max(2, trees.n_outputs)))
    if trees.n_outputs == 1:
        if order == (1, 0):
            if trees.link is not Link.LOGISTIC:
                raise UnreadableTrees("its trees give the other class")
            trees = dataclasses.replace(trees, slope=-trees.slope)
        return trees, (0,)
    if trees.n_outputs != len(order):
        raise UnreadableTrees(f"its trees give {trees.n_outputs} numbers for {len(order)} classes")
    if len(order) == 2 and trees.link is Link.IDENTITY:  # both shares say the same
        return trees.outputs((order[1],)), (0,)
    return trees.outputs(order), (1,) if len(order) == 2 else tuple(range(len(order)))


def _checked(found: Ensemble, subject: Subject) -> Ensemble:
    """Return trees that say what the model says of some rows."""
    rows = subject.test.table.iloc[sample_rows(len(subject.test), CHECKED_ROWS, SEED)]
    expected = subject.predict(rows)
    ours = found.predict(rows)
    size = max(1.0, float(np.abs(expected).max(initial=0.0))) if subject.task is Task.REGRESSION else 1.0
    if ours.shape != expected.shape or not np.allclose(ours, expected, rtol=0, atol=TOLERANCE * size):
        raise UnreadableTrees("what they say differs from what the model predicts")
    return found
