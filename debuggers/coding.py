"""From trees and tables to what kernels read: coded columns, and for each node the codes that go left.

The columns of kernels are those of the *raw* table. Where preprocessing stands before the trees, a raw column feeds one
input of the trees or several, and its code stands for all of them: a question to any of these inputs is a question to
the column.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.kernels.cuts import number_codes
from debuggers.kernels.forest import Codes, Forest, Splits
from debuggers.models.trees import Bools, Floats, Rule, Trees

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Coded:
    """Trees over coded columns, and coded tables.

    Parameters
    ----------
    forest : Forest
    splits : Splits
    tables : tuple of ndarray of shape (n_features, n)
        The codes of each table's rows, column by column.
    """

    forest: Forest
    splits: Splits
    tables: tuple[Codes, ...]


class Coder:
    """Codes tables by the questions that trees ask.

    Parameters
    ----------
    trees : Trees
    source : array-like of int, optional
        For each input of the trees the raw column that feeds it; by default the input of the same position.
    n_features : int, optional
        Raw columns.
    """

    def __init__(self, trees: Trees, source: npt.ArrayLike | None = None, n_features: int | None = None) -> None:
        self.trees = trees
        self.source = np.arange(trees.n_inputs) if source is None else np.asarray(source, dtype=np.int64)
        assert len(self.source) == trees.n_inputs
        self.n_features = n_features or (int(self.source.max()) + 1 if len(self.source) else 0)
        self._inner = np.flatnonzero(trees.feature >= 0)
        order = np.argsort(trees.feature[self._inner], kind="stable")
        bounds = np.searchsorted(trees.feature[self._inner][order], np.arange(trees.n_inputs + 1))
        self._nodes = [self._inner[order[a:b]] for a, b in pairwise(bounds)]

    @cached_property
    def cuts(self) -> list[Floats]:
        """For each numeric input the numbers that its nodes tell apart: x <= cut; empty for a category."""
        return [self._cuts(e) for e in range(self.trees.n_inputs)]

    def _cuts(self, e: int) -> Floats:
        nodes, trees = self._nodes[e], self.trees
        if trees.categorical[e]:
            return np.zeros(0)
        rule, threshold = trees.rule[nodes], trees.threshold[nodes]
        equal = threshold[rule == Rule.EQUAL]
        parts = [threshold, np.nextafter(equal, -np.inf)]
        if (rule == Rule.AT_MOST_OR_ZERO).any():
            parts.append(np.array([np.nextafter(0.0, -1.0), 0.0]))
        return np.unique(np.concatenate(parts) + 0.0)  # adding zero makes minus zero plus zero

    @cached_property
    def n_codes(self) -> Longs:
        """Codes of each input: the missing value has the last one, an unknown category the one before it."""
        return (
            np.array(
                [self._n_categories(e) if c else len(self.cuts[e]) + 1 for e, c in enumerate(self.trees.categorical)]
            )
            + 1
        )

    def _n_categories(self, e: int) -> int:
        trees = self.trees
        used = np.unique(trees.members[self._nodes[e]])
        highest = [trees.set_value[trees.set_start[k] : trees.set_start[k + 1]].max(initial=-1) for k in used.tolist()]
        return int(max(highest, default=-1)) + 2

    def input_codes(self, rounded: Floats, e: int) -> npt.NDArray[Any]:
        """Return the codes of one input's values."""
        column, kind = rounded[:, e], np.uint16 if self.n_codes[e] <= 0xFFFF else np.uint32
        if not self.trees.categorical[e]:
            return number_codes(column, self.cuts[e], kind, below=True)
        unknown = int(self.n_codes[e]) - 2
        known = (column >= 0) & (column < unknown)
        codes = np.where(known, np.where(known, column, 0), np.where(np.isnan(column), unknown + 1, unknown))
        return codes.astype(kind)

    def compile(self, *tables: npt.ArrayLike) -> Coded:
        """Code tables of inputs, and make the trees over their codes.

        Parameters
        ----------
        tables : array-like of shape (n, n_inputs)
            Inputs of the trees as the library's predictor takes them, as numbers.
        """
        values = [self.trees.rounded(t) for t in tables]
        stops = np.cumsum([len(v) for v in values])
        feeds = [np.flatnonzero(self.source == f) for f in range(self.n_features)]
        columns = [_Column(self, values, inputs) for inputs in feeds]
        code_start = np.concatenate([[0], np.cumsum([c.n_codes for c in columns])])
        dtype = np.uint16 if max((c.n_codes for c in columns), default=0) <= 0xFFFF else np.uint32
        codes = np.empty((self.n_features, int(stops[-1])), dtype)
        for f, column in enumerate(columns):
            codes[f] = column.codes
        test, splits = self._splits(columns, code_start)
        parts = np.split(codes, stops[:-1], axis=1)
        return Coded(self._forest(test), splits, tuple(np.ascontiguousarray(p) for p in parts))

    def _splits(self, columns: list[_Column], code_start: Longs) -> tuple[Longs, Splits]:
        """Return each node's row of the table of bits, and the rows that are no plain "at most"."""
        test = np.zeros(len(self.trees.feature), np.int64)
        features: list[int] = []
        runs: list[Longs] = []
        at = int(code_start[-1])
        for f, column in enumerate(columns):
            for e in column.inputs.tolist():
                nodes = self._nodes[e]
                keys = self._keys(e, has_missing=column.has_missing[e])
                plain = (keys[:, 0] == Rule.AT_MOST) & (keys[:, 2] == 0) & column.is_single
                test[nodes[plain]] = code_start[f] + keys[plain, 1]
                distinct, which = np.unique(keys[~plain], axis=0, return_inverse=True)
                test[nodes[~plain]] = at + which.reshape(-1)
                at += len(distinct)
                features += [f] * len(distinct)
                runs += [_runs(column.of(e, self.left_codes(e, *key))) for key in distinct.tolist()]
        lengths = [len(r) for r in runs]
        both = np.concatenate([*runs, np.zeros((0, 2), np.int64)])
        return test, Splits(
            code_start=code_start.astype(np.int64),
            feature=np.array(features, dtype=np.int32),
            run_start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            run_low=both[:, 0].astype(np.int32),
            run_high=both[:, 1].astype(np.int32),
        )

    def _keys(self, e: int, *, has_missing: bool) -> Longs:
        """Return what each node of an input asks: rule, code or set, whether missing values go left."""
        nodes, trees = self._nodes[e], self.trees
        rule = trees.rule[nodes].astype(np.int64)
        what = np.where(rule == Rule.AMONG, trees.members[nodes], np.searchsorted(self.cuts[e], trees.threshold[nodes]))
        missing = trees.missing_left[nodes] & (has_missing | (rule == Rule.AT_MOST_OR_ZERO))
        return np.stack([rule, what, missing.astype(np.int64)], axis=1)

    def left_codes(self, e: int, rule: int, what: int, missing_left: int) -> Bools:
        """Return for each code of an input whether it goes left."""
        left = np.zeros(int(self.n_codes[e]), np.bool_)
        if rule == Rule.AMONG:
            left[self.trees.set_value[self.trees.set_start[what] : self.trees.set_start[what + 1]]] = True
        elif rule == Rule.EQUAL:
            left[what] = True
        else:
            left[: what + 1] = True
            if rule == Rule.AT_MOST_OR_ZERO:
                left[np.searchsorted(self.cuts[e], 0.0)] = missing_left
        left[-1] = missing_left
        return left

    def _forest(self, test: Longs) -> Forest:
        trees = self.trees
        feature = np.where(trees.feature >= 0, self.source[np.maximum(trees.feature, 0)], -1)
        return Forest(
            root=trees.root,
            output=trees.output,
            feature=feature.astype(np.int32),
            test=test.astype(np.int32),
            left=trees.left,
            right=trees.right,
            value=trees.value / trees.divisor,
            cover=trees.cover,
            base=trees.base,
            depth=trees.depth,
            n_features=self.n_features,
        )


class _Column:
    """One raw column: the inputs that it feeds, and the codes of all tables' rows."""

    def __init__(self, coder: Coder, tables: list[Floats], inputs: Longs) -> None:
        used = [e for e in inputs.tolist() if coder.n_codes[e] > 2 or coder.trees.categorical[e]]
        self.inputs = np.array(used, dtype=np.int64)
        self.is_single = len(used) == 1
        parts = {e: np.concatenate([coder.input_codes(t, e) for t in tables]) for e in used}
        self.has_missing = {e: bool((codes == coder.n_codes[e] - 1).any()) for e, codes in parts.items()}
        n = sum(map(len, tables))
        self.codes: npt.NDArray[Any]
        self._atoms: dict[int, npt.NDArray[Any]] = {}
        if not used:  # nothing is asked of it
            self.codes, self.n_codes = np.zeros(n, np.uint16), 1
        elif self.is_single:
            (only,) = parts.values()
            self.codes, self.n_codes = only, int(coder.n_codes[used[0]])
        else:
            self.codes, first = _joint(list(parts.values()), [int(coder.n_codes[e]) for e in used])
            self.n_codes = len(first)
            self._atoms = {e: codes[first] for e, codes in parts.items()}

    def of(self, e: int, left: Bools) -> Bools:
        """Turn what holds for codes of an input into what holds for codes of the column."""
        return left if self.is_single else left[self._atoms[e]]


def _joint(parts: list[npt.NDArray[Any]], sizes: list[int]) -> tuple[Longs, Longs]:
    """Return one code for each combination that occurs, and a row where each occurs first."""
    joint, n = parts[0].astype(np.int64), sizes[0]
    for part, size in zip(parts[1:], sizes[1:], strict=True):
        if n * size >= 1 << 62:
            distinct, joint = np.unique(joint, return_inverse=True)
            n = len(distinct)
        joint, n = joint * size + part, n * size
    _, first, code = np.unique(joint, return_index=True, return_inverse=True)
    return code.astype(np.int64), first


def _runs(left: Bools) -> Longs:
    """Return first and last position of each run of codes that go left, shape (n_runs, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], left, [False]]).astype(np.int8)))
    runs = edges.reshape(-1, 2)
    return np.stack([runs[:, 0], runs[:, 1] - 1], axis=1)
