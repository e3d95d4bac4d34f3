"""Where a model's trees cut the columns of the table: the numbers between which their answer cannot change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.data.schema import Kind
from debuggers.editing import own_values, varied
from debuggers.ensembles import Ensemble
from debuggers.kernels.tree_lines import along_columns, left_masks
from debuggers.models.trees import Rule
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
# Halvings of the range of a column, which then is known to its last digit, but for numbers next to zero.
HALVINGS = 64


@dataclass(frozen=True, eq=False)
class Steps:
    """The steps of numeric columns whose order reaches the trees.

    Between two neighbouring cuts the trees' answer is the same. Step k goes from ``above[k - 1]`` to ``below[k]``, the
    first and the last number in it.

    Parameters
    ----------
    columns : tuple of str
        All columns that the model reads; the arrays below follow their order.
    below, above : list of ndarray
        For each column the last number before each cut, and the first one behind it, rising; empty for a column that
        has no steps.
    ordered, single : ndarray of shape (n_columns,)
        Whether a column has steps, and whether its numbers are rounded to single precision before they are compared.
    column, code : ndarray of shape (n_nodes,)
        The column that a node tests, -1 for a leaf; of an ordered column the last step that goes left.
    """

    columns: tuple[str, ...]
    below: list[Floats]
    above: list[Floats]
    ordered: npt.NDArray[np.bool_]
    single: npt.NDArray[np.bool_]
    column: Ints
    code: Ints

    def steps_at(self, c: int, values: npt.ArrayLike) -> npt.NDArray[np.intp]:
        """Return the steps of a column that numbers lie in."""
        with np.errstate(over="ignore"):
            compared = np.asarray(values, dtype=np.float32 if self.single[c] else np.float64).astype(np.float64)
        return np.searchsorted(self.below[c], compared, side="left")

    def nearest(self, c: int, step: int, value: float) -> float:
        """Return the number of a step that is nearest to `value`."""
        low = self.above[c][step - 1] if step > 0 else -np.inf
        high = self.below[c][step] if step < len(self.below[c]) else np.inf
        return float(min(max(value, low), high))

    @property
    def first(self) -> npt.NDArray[np.int64]:
        """Where the steps of each column begin, if all stand one behind another with a free place between columns."""
        many = [len(b) + 2 if o else 0 for b, o in zip(self.below, self.ordered, strict=True)]
        return np.concatenate([[0], np.cumsum(many)]).astype(np.int64)


_known: WeakKeyDictionary[Ensemble, Steps] = WeakKeyDictionary()
_lock = Lock()


def steps_of(subject: Subject, ensemble: Ensemble) -> Steps:
    """Return the steps of a subject's columns, found once.

    Of a column that preprocessing bends, such as a scaler, the cuts are those of the table's own numbers: the last one
    that preprocessing still puts on the left, to the last digit. What is beyond the range of the data has no cuts.
    """
    with _lock:
        found = _known.get(ensemble)
    if found is None:
        found = _find(subject, ensemble)
        with _lock:
            _known[ensemble] = found
    return found


def _find(subject: Subject, ensemble: Ensemble) -> Steps:
    trees, coder = ensemble.trees, ensemble.coder
    column = np.where(trees.feature >= 0, coder.source[np.maximum(trees.feature, 0)], -1).astype(np.int32)
    feeds = _feeds(subject, ensemble)
    bent = {c: e for c, e in feeds.items() if not _is_plain(subject, ensemble, c, e)}
    ends = {c: _cuts(ensemble, e) for c, e in feeds.items() if c not in bent} | _bent_cuts(subject, ensemble, bent)
    below = [np.zeros(0)] * len(ensemble.columns)
    above = list(below)
    code = np.zeros(len(trees.feature), np.int32)
    for c, (numbers, behind) in ends.items():
        whole = subject.test.schema[ensemble.columns[c]].kind is Kind.INTEGER
        last, following = (np.floor(numbers), np.floor(numbers) + 1) if whole else (numbers, behind)
        below[c], at = np.unique(last, return_index=True)
        above[c] = following[at]
        nodes = np.flatnonzero(column == c)
        rank = np.searchsorted(coder.cuts[feeds[c]], trees.threshold[nodes])
        code[nodes] = np.searchsorted(below[c], last)[rank]
    every = np.arange(len(ensemble.columns))
    ordered, plain = np.isin(every, list(ends)), ~np.isin(every, list(bent))
    return Steps(ensemble.columns, below, above, ordered, ordered & plain & trees.single, column, code)


def _feeds(subject: Subject, ensemble: Ensemble) -> dict[int, int]:
    """Return the input that each column feeds alone, of numbers that reach the trees in their order."""
    trees, source = ensemble.trees, ensemble.coder.source
    tested = np.unique(trees.feature[trees.feature >= 0])
    plain = np.setdiff1d(tested, np.unique(trees.feature[(trees.feature >= 0) & (trees.rule != Rule.AT_MOST)]))
    out = {}
    for c, name in enumerate(ensemble.columns):
        inputs = tested[source[tested] == c]
        if len(inputs) == 1 and inputs[0] in plain and subject.test.schema[name].kind.is_numeric:
            values, encoded = _both(subject, ensemble, c, int(inputs[0]))
            order = np.argsort(values, kind="stable")
            if (np.diff(encoded[order]) >= 0).all():
                out[c] = int(inputs[0])
    return out


def _both(subject: Subject, ensemble: Ensemble, c: int, e: int) -> tuple[Floats, Floats]:
    """Return a column's known numbers, and what the trees get instead."""
    values = subject.test.table[ensemble.columns[c]].to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(values)
    return values[known], ensemble.inputs[known, e]


def _is_plain(subject: Subject, ensemble: Ensemble, c: int, e: int) -> bool:
    values, encoded = _both(subject, ensemble, c, e)
    return bool((values == encoded).all())


def _cuts(ensemble: Ensemble, e: int) -> tuple[Floats, Floats]:
    """Return the last numbers before an input's cuts and the first ones behind them."""
    cuts, zero = ensemble.coder.cuts[e], ensemble.trees.near_zero
    if not ensemble.trees.single:
        # What is taken for zero lies on one side of a cut.
        last = np.where((np.abs(cuts) <= zero) & (cuts < 0), np.nextafter(-zero, -np.inf), cuts)
        behind = np.nextafter(last, np.inf)
        return last, np.where((np.abs(behind) <= zero) & (cuts >= 0), np.nextafter(zero, np.inf), behind)
    with np.errstate(over="ignore"):
        near = cuts.astype(np.float32)
        last = np.where(near.astype(np.float64) <= cuts, near, np.nextafter(near, np.float32(-np.inf)))
        return last.astype(np.float64), np.nextafter(last, np.float32(np.inf)).astype(np.float64)


def _bent_cuts(subject: Subject, ensemble: Ensemble, bent: Mapping[int, int]) -> dict[int, tuple[Floats, Floats]]:
    """Return for columns that are bent before the trees where their own numbers cross the cuts, by halving.

    All cuts of all columns are halved together: row k of one table asks for the k-th cut of every column.
    """
    if not bent:
        return {}
    schema = subject.test.schema
    names = {c: ensemble.columns[c] for c in bent}
    longest = max(len(ensemble.coder.cuts[e]) for e in bent.values())
    low = {c: np.full(longest, schema[names[c]].minimum or 0.0, dtype=np.float64) for c in bent}
    high = {c: np.full(longest, schema[names[c]].maximum or 0.0, dtype=np.float64) for c in bent}
    cuts = {c: np.resize(ensemble.coder.cuts[e], longest) for c, e in bent.items()}
    base = own_values(subject, 0)

    def is_left(tried: Mapping[int, Floats]) -> dict[int, npt.NDArray[np.bool_]]:
        rows = _together(subject, base, {names[c]: v for c, v in tried.items()})
        inputs = ensemble.trees.rounded(ensemble.encode(rows))
        return {c: inputs[:, e] <= cuts[c] for c, e in bent.items()}

    at_low, at_high = is_left(low), is_left(high)
    for _ in range(HALVINGS):
        middle = {c: low[c] / 2 + high[c] / 2 for c in bent}
        if all(((middle[c] <= low[c]) | (middle[c] >= high[c])).all() for c in bent):
            break
        left = is_left(middle)
        for c in bent:
            inside = (middle[c] > low[c]) & (middle[c] < high[c])
            low[c] = np.where(inside & left[c], middle[c], low[c])
            high[c] = np.where(inside & ~left[c], middle[c], high[c])
    out = {}
    for c, e in bent.items():
        n = len(ensemble.coder.cuts[e])
        last = np.where(at_low[c], np.where(at_high[c], np.inf, low[c]), -np.inf)[:n]
        next_ = np.where(at_low[c], np.where(at_high[c], np.inf, high[c]), -np.inf)[:n]
        out[c] = (last, next_)
    return out


def _together(subject: Subject, base: Mapping[str, Any], columns: Mapping[str, Floats]) -> pd.DataFrame:
    """Return rows like `base` with whole columns replaced."""
    n = len(next(iter(columns.values())))
    rows = varied(subject, base, [])
    rows = rows.iloc[np.zeros(n, dtype=np.intp)].reset_index(drop=True)
    return rows.assign(**columns)


# --- one row --------------------------------------------------------------------------------------------------------


def nodes_of(ensemble: Ensemble) -> tuple[Any, ...]:
    """Return what the nodes ask, as `left_masks` takes it."""
    t = ensemble.trees
    return (t.feature, t.threshold, t.rule, t.missing_left, t.members, t.set_start, t.set_value)


def outputs_along(ensemble: Ensemble, steps: Steps, inputs: Floats) -> list[Floats]:
    """Return the raw outputs of one row at every step of each column, each of shape (n_steps, n_outputs).

    Parameters
    ----------
    inputs : ndarray of shape (1, n_inputs)
        The row, encoded.
    """
    trees, first = ensemble.trees, steps.first
    same = np.repeat(trees.rounded(inputs), len(steps.columns), axis=0)  # each column's value is the row's own
    goes = left_masks(same, nodes_of(ensemble), steps.column, np.arange(len(same) + 1))
    out = np.zeros((trees.n_outputs, int(first[-1])))
    along_columns(
        trees.root, trees.output, steps.column, steps.code, goes, trees.left, trees.right, trees.value, first,
        trees.depth, out,
    )  # fmt: skip
    raw = trees.raw(inputs)
    changes = np.split(out.T / trees.divisor, first[1:-1])
    return [raw + np.cumsum(change[:-1], axis=0) for change in changes]
