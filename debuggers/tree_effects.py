"""Effects of tree ensembles: exact curves of all columns in one pass over the rows."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from debuggers.coding import Coded, Coder
from debuggers.execution import in_threads, row_parts
from debuggers.kernels import links
from debuggers.kernels.forest import Runs, Slots, fill_bits, lay_out_runs, lay_out_slots, n_rows
from debuggers.kernels.links import Answer
from debuggers.kernels.questions import nodes_of, questions_of
from debuggers.kernels.tree_counts import Counts, count_rows, dependence_from_counts
from debuggers.kernels.tree_curves import Grids, Sums, individual_curves, summed_curves
from debuggers.kernels.tree_local import Bins, Steps, local_changes
from debuggers.models.trees import Link, Trees, UnreadableTrees

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

# Bytes that the steps of a block of rows, and its bits, may take: few, to stay near the processor, and many, because
# the walk over the trees costs the same for all of them.
BLOCK_BYTES = 3 << 20
COUNT_WORDS = 64
MANY_BITS = 8_000  # distinct questions of all trees: a deep forest
LOCAL_BYTES = 1 << 19  # that the changes of a block of rows may take
PART_ROWS = 1 << 16

_LINKS = {
    Link.IDENTITY: links.IDENTITY,
    Link.LOGISTIC: links.LOGISTIC,
    Link.SOFTMAX: links.SOFTMAX,
    Link.ONE_VS_ALL: links.ONE_VS_ALL,
    Link.EXP: links.EXP,
    Link.ISOLATION: links.ISOLATION,
}
RAW = Answer(links.IDENTITY, 1.0, 0.0, log_odds=False)


def answer_of(trees: Trees, *, log_odds: bool = False) -> Answer:
    """Return how a kernel turns raw values into what the model answers.

    Raises
    ------
    UnreadableTrees
        That is not known.
    """
    if trees.link not in _LINKS:
        raise UnreadableTrees("how its objective turns raw scores into predictions is not known")
    return Answer(_LINKS[trees.link], trees.slope, trees.offset, log_odds)


@dataclass(frozen=True, eq=False)
class Curves:
    """What is known of the curves of some columns, each of shape (n_columns, n_outputs, n_points).

    Parameters
    ----------
    mean : ndarray
        Partial dependence.
    deviation : ndarray
        Standard deviation of the individual curves over the rows.
    heterogeneity : ndarray
        The same, of the curves less their value at the anchor.
    hidden : ndarray of shape (n_columns, n_outputs)
        Share of the curves' variance along the grid that the mean does not show.
    moved : ndarray of shape (n_columns,)
        Rows whose curve is not flat.
    rows : int
    """

    mean: Floats
    deviation: Floats
    heterogeneity: Floats
    hidden: Floats
    moved: Floats
    rows: int


class TreeEffects:
    """The curves of a model's trees over the rows of one table.

    Parameters
    ----------
    coder : Coder
    inputs : ndarray of shape (n, n_inputs)
        The rows, encoded.
    grid_inputs : ndarray of shape (n_points, n_inputs)
        Row g holds what encoding makes of the g-th value of every raw column's grid.
    points : sequence of int
        Values of each raw column's grid.
    """

    def __init__(self, coder: Coder, inputs: Floats, grid_inputs: Floats, points: Sequence[int]) -> None:
        self._coded: Coded = coder.compile(inputs, grid_inputs)
        self._points = np.asarray(points, dtype=np.int64)
        self.n = len(inputs)
        self.longest = int(self._points.max(initial=0))
        self._layouts: dict[tuple[int, ...], tuple[Slots, Runs]] = {}

    @property
    def n_outputs(self) -> int:
        """Raw outputs."""
        return len(self._coded.forest.base)

    @cached_property
    def _every(self) -> tuple[int, ...]:
        return tuple(range(len(self._points)))

    def _layout(self, columns: tuple[int, ...]) -> tuple[Slots, Runs]:
        """Return the leaves' slots, and the grids' values that fulfil them; made once for a choice of columns."""
        if columns not in self._layouts:
            forest, splits, grid = self._coded.forest, self._coded.splits, self._coded.tables[1]
            wanted = np.zeros(forest.n_features, np.bool_)
            wanted[[*columns]] = True
            slots = lay_out_slots(forest, wanted)
            bits = np.zeros((n_rows(splits), max(1, -(-grid.shape[1] // 64))), np.uint64)
            fill_bits(grid, 0, grid.shape[1], splits, bits)
            self._layouts[columns] = (slots, lay_out_runs(forest, slots, bits, self._points))
        return self._layouts[columns]

    def dependence(self, columns: Sequence[int] | None = None) -> Floats:
        """Return the partial dependence on the raw scale, shape (n_features, n_outputs, n_points).

        A column that is not asked for has the mean prediction throughout; beyond a column's own grid nothing is said.
        """
        forest = self._coded.forest
        slots, runs = self._layout(self._every if columns is None else tuple(columns))
        counts = self._count(slots)
        out = np.zeros((forest.n_features, self.n_outputs, self.longest))
        dependence_from_counts(counts, forest, slots, runs, self.n, out)
        return np.asarray(out + forest.base[:, None])

    def _count(self, slots: Slots) -> Counts:
        codes, forest, splits = self._coded.tables[0], self._coded.forest, self._coded.splits
        words = min(COUNT_WORDS, max(1, -(-self.n // 128)))

        def work(part: tuple[int, int]) -> Counts:
            found: Counts = count_rows(codes, *part, words, forest, splits, slots)
            return found

        parts = in_threads(work, row_parts(self.n, PART_ROWS))
        return Counts(*(np.sum([p[k] for p in parts], axis=0) for k in range(3)))

    def _grids(self, columns: tuple[int, ...], anchors: Sequence[int] | None) -> Grids:
        place = np.full(len(self._points), -1, np.int32)
        place[[*columns]] = np.arange(len(columns), dtype=np.int32)
        chosen = self._points[[*columns]].astype(np.int32)
        return Grids(place, chosen, np.zeros_like(chosen) if anchors is None else np.asarray(anchors, np.int32))

    def _words(self, columns: int) -> int:
        """Return how many words of rows make a block."""
        per_word = 64 * 8 * columns * self.n_outputs * (self.longest + 1) + 8 * self._bit_rows
        fewest = 1 if self._bit_rows < MANY_BITS else 16
        return int(np.clip(BLOCK_BYTES // per_word, fewest, max(1, -(-self.n // 64))))

    @cached_property
    def _bit_rows(self) -> int:
        return int(n_rows(self._coded.splits))

    def individual(self, columns: Sequence[int] | None = None, rows: tuple[int, int] | None = None) -> Floats:
        """Return the raw individual curves, shape (n_rows, n_columns, n_outputs, n_points)."""
        chosen = self._every if columns is None else tuple(columns)
        first, last = rows or (0, self.n)
        slots, runs = self._layout(chosen)
        out = np.empty((last - first, len(chosen), self.n_outputs, self.longest))
        codes = np.ascontiguousarray(self._coded.tables[0][:, first:last])  # kernels are compiled for whole tables
        grids, words = self._grids(chosen, None), self._words(len(chosen))

        def work(part: tuple[int, int]) -> None:
            individual_curves(codes, *part, words, self._coded.forest, self._coded.splits, slots, runs, grids, out)

        in_threads(work, row_parts(last - first, PART_ROWS))
        return out

    def summary(
        self,
        columns: Sequence[int] | None = None,
        *,
        how: Answer = RAW,
        anchors: Sequence[int] | None = None,
    ) -> Curves:
        """Return means and deviations of the curves on the scale of `how`, without keeping the curves.

        Parameters
        ----------
        anchors : sequence of int
            For each column the point at which its curves are centred; the first by default.
        """
        chosen = self._every if columns is None else tuple(columns)
        slots, runs = self._layout(chosen)
        grids = self._grids(chosen, anchors)
        pivot = self.answered(self.individual(chosen, (0, 1))[0], how)
        words = self._words(len(chosen))
        coded = self._coded

        def work(part: tuple[int, int]) -> Sums:
            found: Sums = summed_curves(
                coded.tables[0], *part, words, coded.forest, coded.splits, slots, runs, grids, how, pivot
            )
            return found

        parts = in_threads(work, row_parts(self.n, PART_ROWS))
        return _curves(Sums(*(np.sum([p[k] for p in parts], axis=0) for k in range(5))), pivot, grids, self.n)

    def local(self, bins: Ints, columns: Sequence[int] | None = None, *, how: Answer = RAW) -> Floats:
        """Return the changes from point k - 1 to k over the rows of that bin, summed: (n_columns, n_outputs, n_points).

        Parameters
        ----------
        bins : ndarray of shape (n_columns, n)
            For each row the point up to which its bin goes, 0 for none.
        """
        chosen = self._every if columns is None else tuple(columns)
        coded, questions = self._coded, questions_of(self._coded.splits)
        steps = Steps(coded.forest, nodes_of(coded.forest, questions), questions.answers)
        ends = Bins(self._grids(chosen, None).place, coded.tables[1], np.ascontiguousarray(bins, np.int32))
        block = int(np.clip(LOCAL_BYTES // (16 * max(1, len(chosen)) * self.n_outputs), 64, max(64, self.n)))

        def work(part: tuple[int, int]) -> Floats:
            found: Floats = local_changes(coded.tables[0], *part, block, steps, ends, how)
            return found

        return np.asarray(np.sum(in_threads(work, row_parts(self.n, PART_ROWS)), axis=0))

    def holding(self, column: int, point: int) -> TreeEffects:
        """Return the effects over the same rows with one column at a value of its grid in all of them."""
        held = copy.copy(self)
        codes = self._coded.tables[0].copy()
        codes[column] = self._coded.tables[1][column, point]
        held.__dict__["_coded"] = dataclasses.replace(self._coded, tables=(codes, self._coded.tables[1]))
        return held

    @staticmethod
    def answered(curves: Floats, how: Answer) -> Floats:
        """Return raw curves of shape (n, n_outputs, n_points) as answers."""
        out = np.ascontiguousarray(curves)
        for curve in out:
            links.answer(how, curve, curve.shape[1])
        return out


def _curves(sums: Sums, pivot: Floats, grids: Grids, n: int) -> Curves:
    """Return the summary of sums over `n` rows."""
    away = sums.total / n
    anchor = grids.anchor[:, None, None].astype(np.int64)
    centre = np.take_along_axis(away, anchor, axis=2)
    mean = away + pivot
    inside = np.arange(pivot.shape[2]) < grids.points[:, None, None]
    count = np.maximum(grids.points, 1)[:, None]
    middle = np.where(inside, mean, 0.0).sum(axis=2) / count
    shown = np.where(inside, (mean - middle[:, :, None]) ** 2, 0.0).sum(axis=2)
    whole = sums.spread / n
    with np.errstate(invalid="ignore", divide="ignore"):
        hidden = np.where(whole > 0, np.clip(1.0 - shown / whole, 0.0, 1.0), 0.0)
    return Curves(
        mean=mean,
        deviation=np.sqrt(np.maximum(sums.square / n - away**2, 0.0)),
        heterogeneity=np.sqrt(np.maximum(sums.centred / n - (away - centre) ** 2, 0.0)),
        hidden=hidden,
        moved=sums.moved,
        rows=n,
    )
