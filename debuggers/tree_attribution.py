"""Exact Shapley values of tree ensembles over raw columns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from debuggers.coding import Coder
from debuggers.execution import in_threads, row_parts, threads
from debuggers.kernels.forest import Codes, lay_out_slots
from debuggers.kernels.questions import questions_of
from debuggers.kernels.tree_indices import Seen, add_values, count_indices, list_seen
from debuggers.kernels.tree_parts import MOST_SLOTS, Parts, cut_trees
from debuggers.kernels.tree_shap import fill_interventional, fill_path_dependent, gauss_legendre
from debuggers.models.trees import UnreadableTrees

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

PART_ROWS = 1 << 16
# What tables may take at a time; trees whose tables are larger take turns.
TABLE_BYTES = 1 << 28


class TreeAttribution:
    """Shapley values of a model's raw outputs.

    Parameters
    ----------
    coder : Coder
    inputs : ndarray of shape (n, n_inputs)
        The rows to explain, encoded.
    background : ndarray of shape (n_background, n_inputs), optional
        Rows that take the place of columns left out; without them the training rows as the trees remember them.

    Raises
    ------
    UnreadableTrees
        A way meets more than `MOST_SLOTS` columns, or the trees do not remember their training rows.
    """

    def __init__(self, coder: Coder, inputs: Floats, background: Floats | None = None) -> None:
        trees = coder.trees
        if background is None and not trees.has_cover:
            raise UnreadableTrees("they do not say how many training rows went which way; give background rows")
        empty = np.zeros((0, trees.n_inputs))
        coded = coder.compile(inputs, empty if background is None else background)
        self._forest, self._codes, self._others = coded.forest, coded.tables[0], coded.tables[1]
        most = lay_out_slots(self._forest, np.ones(self._forest.n_features, np.bool_)).most
        if most > MOST_SLOTS:
            raise UnreadableTrees(
                f"a way down a tree meets {most} columns, and tables of attributions go up to {MOST_SLOTS}"
            )
        self._questions = questions_of(coded.splits)
        self._raw = None if background is None else trees.raw(background)

    @cached_property
    def base(self) -> Floats:
        """What the model says when nothing is known of a row, shape (n_outputs,)."""
        if self._raw is not None:
            return np.asarray(self._raw.mean(axis=0))
        forest = self._forest
        out = forest.base.copy()
        for t, root in enumerate(forest.root):
            part, level = np.array([1.0]), np.array([root])
            while len(level):
                leaf = forest.feature[level] < 0
                values = forest.value[level[leaf]] * part[leaf, None]
                out[forest.output[t] : forest.output[t] + values.shape[1]] += values.sum(axis=0)
                inner, share = level[~leaf], part[~leaf]
                children = np.concatenate([forest.left[inner], forest.right[inner]])
                total = np.concatenate([forest.cover[inner]] * 2)
                ratio = np.divide(forest.cover[children], total, out=np.zeros(len(children)), where=total > 0)
                level, part = children, np.concatenate([share, share]) * ratio
        return out

    def values(self, weights: Floats | None = None) -> Floats:
        """Return the attributions, shape (n, n_features, n_outputs): with the base they add up to the raw output.

        Parameters
        ----------
        weights : ndarray of shape (n_background,), optional
            Of the background rows, negative ones too; by default each has its share. The values are sums over them.
        """
        n = self._others.shape[1]
        weights = np.full(n, 1.0 / n if n else 0.0) if weights is None else np.asarray(weights, dtype=np.float64)
        return self.mixed_values(weights[:, None], np.ones((self._codes.shape[1], 1)))

    def mixed_values(self, weights: Floats, shares: Floats) -> Floats:
        """Return the sum over k of each row's share k times its attributions with the background's weights k.

        Parameters
        ----------
        weights : ndarray of shape (n_background, n_weights)
        shares : ndarray of shape (n, n_weights)

        Returns
        -------
        ndarray of shape (n, n_features, n_outputs)
        """
        out = np.zeros((self._codes.shape[1], self._forest.n_features, len(self._forest.base)))
        for parts in self._turns():
            index_start = np.concatenate([[0], np.cumsum(1 << parts.bits)])
            seen: Seen = list_seen(self._counted(self._codes, self._once, parts, index_start), index_start)
            size = np.diff(parts.feature_start) * self._forest.value.shape[1] * np.diff(seen.start)
            table_start = np.concatenate([[0], np.cumsum(size)])
            for k in range(weights.shape[1]):
                table, share = np.zeros(int(table_start[-1])), np.ascontiguousarray(shares[:, k])
                background = self._counted(self._others, np.ascontiguousarray(weights[:, k]), parts, index_start)
                self._fill(parts, index_start, background, seen, (table, table_start))
                self._look_up(parts, index_start, seen, (table, table_start), share=share, out=out)
        return out

    @cached_property
    def _once(self) -> Floats:
        return np.ones(self._codes.shape[1])

    def _look_up(
        self, parts: Parts, index_start: Longs, seen: Seen, tables: tuple[Floats, Longs], *, share: Floats, out: Floats
    ) -> None:
        def work(rows: tuple[int, int]) -> None:
            add_values(self._codes, *rows, self._forest, parts, self._questions, index_start, seen, *tables, share, out)

        in_threads(work, row_parts(self._codes.shape[1], PART_ROWS), "Looking attributions up")

    def _largest(self, parts: Parts) -> int:
        """Return the bytes that the tables take if every index, or every row, is another one."""
        entries = np.minimum(1 << parts.bits, self._codes.shape[1])
        return 8 * int((np.diff(parts.feature_start) * self._forest.value.shape[1] * entries).sum())

    def _turns(self) -> Iterator[Parts]:
        """Yield the parts of as many trees at a time as the memory for tables allows."""
        n_trees, first = len(self._forest.root), 0
        step = n_trees
        while first < n_trees:
            parts: Parts = cut_trees(self._forest, first, min(first + step, n_trees))
            size = self._largest(parts)
            if size > TABLE_BYTES and step > 1:
                step = max(1, min(step // 2, int(step * TABLE_BYTES / size)))
                continue
            if len(parts.root):
                yield parts
            first += step

    def _fill(
        self, parts: Parts, index_start: Longs, background: Floats, seen: Seen, tables: tuple[Floats, Longs]
    ) -> None:
        forest = self._forest
        points, weights = gauss_legendre()

        def work(chosen: tuple[int, int]) -> None:
            if self._raw is None:
                fill_path_dependent(*chosen, forest, parts, seen, *tables, points, weights)
            else:
                fill_interventional(*chosen, forest, parts, seen, background, index_start, *tables)

        step = max(1, -(-len(parts.root) // (8 * threads())))
        in_threads(work, row_parts(len(parts.root), step), "Making tables of attributions")

    def _counted(self, codes: Codes, weights: Floats, parts: Parts, index_start: Longs) -> Floats:
        def work(rows: tuple[int, int]) -> Floats:
            found: Floats = count_indices(codes, *rows, weights, self._forest, parts, self._questions, index_start)
            return found

        total = np.zeros(int(index_start[-1]))
        for part in in_threads(work, row_parts(codes.shape[1], PART_ROWS)):
            total += part
        return total
