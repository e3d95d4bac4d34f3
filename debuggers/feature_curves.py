"""Curves of a subject's features: exact from trees over all rows, else by asking the model on a sample of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.curves import accumulated, bins_of, grid_table
from debuggers.ensembles import Ensemble
from debuggers.execution import report
from debuggers.grids import Grid, with_value
from debuggers.statistics import SEED, bootstrap_mean, mean_interval
from debuggers.subject import Subject, sample_rows
from debuggers.tree_effects import Curves, TreeEffects

Floats = npt.NDArray[np.float64]
# Rows per call of the model: large enough to be fast, small enough to report progress and stay within memory.
BATCH = 100_000
MAX_LINES = 200
# Of more rows than this the interval of a mean is Student's, which then is that of the bootstrap.
BOOTSTRAPPED = 20_000


@dataclass(frozen=True, eq=False)
class FeatureCurves:
    """The curves of one feature, each of shape (n_values, n_outputs).

    Parameters
    ----------
    grid : Grid
    mean, low, high : ndarray
        Partial dependence with its interval over the rows.
    local : ndarray
        Accumulated local effect; NaN for categories and "missing".
    heterogeneity : ndarray
        Standard deviation over rows of the individual curves, centred at the anchor.
    hidden : float
        Share of the individual curves' variance that the mean does not show; the largest of all outputs.
    is_flat : bool
        Whether no row's prediction changes.
    lines : ndarray of shape (n_lines, n_values, n_outputs)
        Individual curves of the rows `drawn`; empty where they were not asked for.
    drawn : ndarray of shape (n_lines,)
        Positions in the table of the rows that `lines` belong to.
    """

    grid: Grid
    mean: Floats
    low: Floats
    high: Floats
    local: Floats
    heterogeneity: Floats
    hidden: float
    is_flat: bool
    lines: Floats
    drawn: npt.NDArray[np.intp]


def anchor_of(grid: Grid, column: pd.Series) -> int:
    """Return the position of the value that the row in the middle belongs to."""
    counts = np.bincount(grid.nearest(column) + 1, minlength=len(grid.values) + 1)[1:]
    return int(np.argmax(counts.cumsum() >= counts.sum() / 2))


# --- exact, from trees ----------------------------------------------------------------------------------------------


class TreeCurves:
    """Curves of a subject whose model's trees are readable, over all of its rows.

    Parameters
    ----------
    grids : sequence of Grid
        Of the features to follow; features that the model does not read are flat.
    """

    def __init__(self, subject: Subject, ensemble: Ensemble, grids: Sequence[Grid], *, log_odds: bool) -> None:
        self._subject, self._ensemble, self._grids = subject, ensemble, list(grids)
        self._how = ensemble.answer(log_odds=log_odds)
        self._place = [ensemble.columns.index(g.feature) for g in self._grids]
        by_column = dict(zip(self._place, self._grids, strict=True))
        self._points = [len(by_column[c].values) if c in by_column else 0 for c in range(len(ensemble.columns))]
        self._table = subject.test.table
        rows = self._table[list(ensemble.columns)]
        values = {c: list(g.values) for c, g in by_column.items()}
        self._grid_inputs = ensemble.encode(pd.DataFrame(grid_table(rows, values)))
        self._effects = TreeEffects(ensemble.coder, ensemble.inputs, self._grid_inputs, self._points)

    def all(self) -> list[FeatureCurves]:
        """Return the curves of all features, in one pass over the rows."""
        found, local = self._summary(self._place, self._grids)
        return [self._curves(found, local, i, grid) for i, grid in enumerate(self._grids)]

    def one(self, grid: Grid) -> FeatureCurves:
        """Return the curves of one of the features, with the individual curves of some rows."""
        column = self._place[self._grids.index(grid)]
        found, local = self._summary([column], [grid])
        n = len(self._table)
        drawn = sample_rows(n, MAX_LINES, SEED)
        inputs = np.ascontiguousarray(self._ensemble.inputs[drawn])
        few = TreeEffects(self._ensemble.coder, inputs, self._grid_inputs, self._points)
        lines = self._answered(few.individual([column]), len(grid.values))
        interval = None
        if n <= BOOTSTRAPPED:
            every = self._answered(self._effects.individual([column]), len(grid.values))
            ends = [bootstrap_mean(every[:, :, o]) for o in range(every.shape[2])]
            interval = (np.stack([low for low, _ in ends], axis=1), np.stack([high for _, high in ends], axis=1))
        return self._curves(found, local, 0, grid, lines=lines, drawn=drawn, interval=interval)

    def means(self, grid: Grid, mask: npt.NDArray[np.bool_]) -> Floats:
        """Return the partial dependence over some of the rows, shape (n_values, n_outputs)."""
        column = self._place[self._grids.index(grid)]
        inputs = np.ascontiguousarray(self._ensemble.inputs[mask])
        part = TreeEffects(self._ensemble.coder, inputs, self._grid_inputs, self._points)
        return np.asarray(part.summary([column], how=self._how).mean[0][self._ensemble.picks, : len(grid.values)].T)

    def surface(self, first: Grid, second: Grid) -> Floats:
        """Return the mean over all rows at each pair of values, shape (n_first, n_second, n_outputs)."""
        row, column = (self._place[self._grids.index(g)] for g in (first, second))
        parts = []
        for j in range(len(second.values)):
            report(j / len(second.values), f"Following {first.feature} and {second.feature}")
            found = self._effects.holding(column, j).summary([row], how=self._how)
            parts.append(found.mean[0][self._ensemble.picks, : len(first.values)].T)
        return np.stack(parts, axis=1)

    def _summary(self, columns: Sequence[int], grids: Sequence[Grid]) -> tuple[Curves, Floats]:
        """Return the curves of some columns, and the sums of their local changes."""
        anchors = [anchor_of(g, self._table[g.feature]) for g in grids]
        bins = np.array([self._bins(g) for g in grids])
        curves = self._effects.summary(columns, how=self._how, anchors=anchors)
        return curves, self._effects.local(bins, columns, how=self._how)

    def _bins(self, grid: Grid) -> npt.NDArray[np.int32]:
        if not grid.ordered or len(grid.numbers) < 2:
            return np.zeros(len(self._table), np.int32)
        return bins_of(self._numbers(grid), grid.numbers, clipped=True)

    def _numbers(self, grid: Grid) -> Floats:
        return self._table[grid.feature].to_numpy(dtype=np.float64, na_value=np.nan)

    def _answered(self, raw: Floats, points: int) -> Floats:
        """Return raw curves of one column, shape (n, 1, n_outputs, n_points), on the subject's scale."""
        curves = TreeEffects.answered(raw[:, 0], self._how)
        return curves[:, self._ensemble.picks, :points].swapaxes(1, 2)

    def _curves(
        self,
        found: Curves,
        local: Floats,
        at: int,
        grid: Grid,
        *,
        lines: Floats | None = None,
        drawn: npt.NDArray[np.intp] | None = None,
        interval: tuple[Floats, Floats] | None = None,
    ) -> FeatureCurves:
        picks, points = self._ensemble.picks, len(grid.values)
        mean, deviation, heterogeneity, changes = (
            part[at][picks, :points].T for part in (found.mean, found.deviation, found.heterogeneity, local)
        )
        half = mean_interval(found.rows, 0.0, 1.0)[1] * np.sqrt(found.rows / max(found.rows - 1, 1))
        low, high = interval or (mean - half * deviation, mean + half * deviation)
        return FeatureCurves(
            grid=grid,
            mean=mean,
            low=low,
            high=high,
            local=self._local(grid, changes),
            heterogeneity=heterogeneity,
            hidden=float(found.hidden[at, picks].max()),
            is_flat=points > 1 and found.moved[at] == 0,
            lines=np.zeros((0, points, len(picks))) if lines is None else lines,
            drawn=np.zeros(0, np.intp) if drawn is None else drawn,
        )

    def _local(self, grid: Grid, sums: Floats) -> Floats:
        out = np.full_like(sums, np.nan)
        if grid.ordered:
            edges, values = grid.numbers, self._numbers(grid)
            counts = np.bincount(self._bins(grid), minlength=len(edges))
            out[: len(edges)] = accumulated(sums[: len(edges)], counts, edges, values)
        return out


# --- by asking the model --------------------------------------------------------------------------------------------


class AskedCurves:
    """Curves of any model, over some rows: it is asked for every row and value.

    Parameters
    ----------
    rows : ndarray of int
        Positions in the test table of the rows to average over.
    """

    def __init__(self, subject: Subject, rows: npt.NDArray[np.intp], *, log_odds: bool) -> None:
        self._subject, self._log_odds, self._rows = subject, log_odds, rows
        self._table = subject.test.table.iloc[rows]

    def one(self, grid: Grid) -> FeatureCurves:
        """Return the curves of one feature, with the individual curves of some rows."""
        curves = self._individual(self._table, grid)
        anchor = anchor_of(grid, self._subject.test.table[grid.feature])
        ends = [bootstrap_mean(curves[:, :, o]) for o in range(curves.shape[2])]
        level = curves - curves.mean(axis=1, keepdims=True)
        whole, rest = (np.square(part).mean(axis=(0, 1)) for part in (level, level - level.mean(axis=0)))
        kept = sample_rows(len(self._rows), MAX_LINES, SEED)
        return FeatureCurves(
            grid=grid,
            mean=curves.mean(axis=0),
            low=np.stack([low for low, _ in ends], axis=1),
            high=np.stack([high for _, high in ends], axis=1),
            local=self._local(grid),
            heterogeneity=(curves - curves[:, [anchor]]).std(axis=0),
            hidden=float(np.divide(rest, whole, out=np.zeros_like(rest), where=whole > 0).max(initial=0.0)),
            is_flat=len(grid.values) > 1 and bool((np.ptp(curves, axis=1) == 0).all()),
            lines=curves[kept],
            drawn=self._rows[kept],
        )

    def means(self, grid: Grid, mask: npt.NDArray[np.bool_]) -> Floats:
        """Return the partial dependence over those of the rows that are in a mask of the table."""
        return np.asarray(self._individual(self._table[mask[self._rows]], grid).mean(axis=0))

    def surface(self, first: Grid, second: Grid, limit: int) -> Floats:
        """Return the mean over at most `limit` rows at each pair of values, shape (n_first, n_second, n_outputs)."""
        sample = self._table.iloc[sample_rows(len(self._table), limit, SEED)]
        parts = []
        for j, value in enumerate(second.values):
            report(j / len(second.values), f"Following {first.feature} and {second.feature}")
            parts.append(self._individual(with_value(sample, second.feature, value), first).mean(axis=0))
        return np.stack(parts, axis=1)

    def _individual(self, rows: pd.DataFrame, grid: Grid) -> Floats:
        """Predict every row at every value of the grid, shape (n_rows, n_values, n_outputs)."""
        n, g = len(rows), len(grid.values)
        out = np.empty((n, g, len(self._subject.outputs)))
        step = max(1, BATCH // max(n, 1))
        for start in range(0, g, step):
            values = grid.values[start : start + step]
            stacked = rows.iloc[np.tile(np.arange(n), len(values))]
            stacked = with_value(stacked, grid.feature, np.repeat(np.array(values, dtype=object), n))
            predicted = self._subject.predict(stacked, log_odds=self._log_odds)
            out[:, start : start + step] = predicted.reshape(len(values), n, -1).swapaxes(0, 1)
        return out

    def _local(self, grid: Grid) -> Floats:
        out = np.full((len(grid.values), len(self._subject.outputs)), np.nan)
        if not grid.ordered:
            return out
        edges = grid.numbers
        values = self._table[grid.feature].to_numpy(dtype=np.float64, na_value=np.nan)
        bins = bins_of(values, edges, clipped=True)
        inside = bins > 0
        sums = np.zeros((len(edges), out.shape[1]))
        if inside.any():
            known, at = self._table[inside], bins[inside]
            upper, lower = (
                self._subject.predict(with_value(known, grid.feature, edges[k]), log_odds=self._log_odds)
                for k in (at, at - 1)
            )
            sums = np.stack([np.bincount(at, weights=c, minlength=len(edges)) for c in (upper - lower).T], axis=1)
        out[: len(edges)] = accumulated(sums, np.bincount(bins, minlength=len(edges)), edges, values)
        return out
