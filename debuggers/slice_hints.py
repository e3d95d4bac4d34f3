"""Why a slice may be weak: hints with their numbers, and no verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from debuggers import metrics
from debuggers.binning import bin_column
from debuggers.calibration import calibration_gap
from debuggers.data.schema import infer_schema
from debuggers.neighbours import Encoder
from debuggers.slice_targets import Target
from debuggers.slices import Slice
from debuggers.statistics import CONFIDENCE, SEED, Estimate, Moments, benjamini_hochberg, difference, share
from debuggers.subject import Subject, sample_rows
from debuggers.task import Task

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# A slice that has fewer training rows than this, or half the share of rows that it has among test rows, learned little.
FEW, HALF = 100, 0.5
NEIGHBOURS = 10
# Rows whose neighbours are looked for, in the slice and outside it, and rows among which they are looked for.
ASKED, AROUND = 2_000, 20_000
BINS = 10


@dataclass(frozen=True)
class Hint:
    """One possible reason.

    Parameters
    ----------
    kind : str
        "training rows", "shift", "noisy labels", "calibration" or "benchmark".
    holds : bool or None
        Whether the numbers speak for it; None where it cannot be told.
    sentence : str
        What was found, with its numbers; plain text.
    inside : Estimate or None
        The number in the slice.
    rest : Estimate or None
        The same outside it.
    """

    kind: str
    holds: bool | None
    sentence: str
    inside: Estimate | None = None
    rest: Estimate | None = None


def hints(subject: Subject, target: Target, place: Slice) -> tuple[Hint, ...]:
    """Return the hints for one slice, in the order in which they are worth a look.

    Parameters
    ----------
    subject : Subject
        With labels.
    target : Target
        What the slice is weak in.
    place : Slice
    """
    inside = place.mask(subject.test.table)
    if not inside.any():
        return ()
    return (
        _training_rows(subject, place, inside),
        _shift(subject, place, inside),
        _noisy_labels(subject, inside),
        _calibration(subject, inside),
        _benchmark(subject, target, inside),
    )


def as_table(found: tuple[Hint, ...]) -> pd.DataFrame:
    """Return hints as a table: `kind`, `holds`, `sentence`, and both numbers with their intervals."""
    rows = []
    for hint in found:
        row: dict[str, object] = {"kind": hint.kind, "holds": hint.holds, "sentence": hint.sentence}
        for name, e in (("inside", hint.inside), ("rest", hint.rest)):
            row |= {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high} if e else {}
        rows.append(row)
    return pd.DataFrame(rows)


def _training_rows(subject: Subject, place: Slice, inside: Mask) -> Hint:
    kind = "training rows"
    table = None if subject.train is None else subject.train.table
    if table is None or not set(place.features) <= set(table.columns):
        return Hint(kind, None, "Unknown: there is no training table with these columns.")
    trained = place.mask(table)
    here, there = share(int(inside.sum()), len(inside)), share(int(trained.sum()), len(trained))
    ratio = there.value / here.value
    few = bool(trained.sum() < FEW or ratio < HALF)
    text = (
        f"{int(trained.sum()):,} training rows lie in it, {there.value:.2%} of them; among test rows it is "
        f"{here.value:.2%} ({ratio:.2g} times the share)."
    )
    return Hint(kind, few, text, there, here)


def _shift(subject: Subject, place: Slice, inside: Mask) -> Hint:
    """Compare the other features of the slice's rows with those of the training rows in it."""
    kind = "shift"
    if subject.train is None or not set(place.features) <= set(subject.train.table.columns):
        return Hint(kind, None, "Unknown: there is no training table with these columns.")
    trained = subject.train.table[place.mask(subject.train.table)]
    tested = subject.test.table[inside]
    names = [f for f in subject.test.features if f not in place.features and f in trained.columns]
    if min(len(trained), len(tested)) < FEW // 2 or not names:
        return Hint(kind, None, f"Unknown: {len(trained):,} training and {len(tested):,} test rows in it are too few.")
    compared = [_compared(name, tested, trained) for name in names]
    adjusted = benjamini_hochberg([p for _, p in compared])
    distances = [d for d, _ in compared]
    worst = int(np.nanargmax(distances)) if np.isfinite(distances).any() else 0
    moved = bool((adjusted <= 1 - CONFIDENCE).any() and distances[worst] >= 0.1)
    text = (
        f"{names[worst]} differs most between its test and training rows: {distances[worst]:.1%} of rows would have to "
        f"change their value (adjusted p {adjusted[worst]:.2g}, over {len(names)} features)."
    )
    return Hint(kind, moved, text)


def _compared(name: str, tested: pd.DataFrame, trained: pd.DataFrame) -> tuple[float, float]:
    """Return the total variation distance of a column between two tables in bins, and the p value of a chi² test."""
    both = pd.concat([tested[name], trained[name]], ignore_index=True).to_frame(name)
    codes = bin_column(both[name], infer_schema(both)[name], BINS + 1).codes
    first = np.bincount(codes[: len(tested)], minlength=256).astype(np.float64)
    second = np.bincount(codes[len(tested) :], minlength=256).astype(np.float64)
    seen = first + second > 0
    if seen.sum() < 2:
        return 0.0, np.nan
    p_value = float(stats.chi2_contingency(np.stack([first[seen], second[seen]]), correction=False).pvalue)
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2), p_value


def _noisy_labels(subject: Subject, inside: Mask) -> Hint:
    """Compare how often a row's nearest neighbours have another label, or how far theirs lie, in and outside."""
    kind = "noisy labels"
    around = sample_rows(len(inside), AROUND, SEED)
    if len(around) <= NEIGHBOURS + 1 or not subject.test.features:
        return Hint(kind, None, "Unknown: there are too few rows to look for neighbours.")
    neighbours = _Neighbours.of(subject, around)
    parts = []
    for part in (inside, ~inside):
        rows = np.flatnonzero(part)
        rows = rows[sample_rows(len(rows), ASKED, SEED)]
        parts.append(neighbours.disagreement(rows) if len(rows) else np.empty(0))
    own, rest = (Moments.of(part) for part in parts)
    gap = difference(own, rest)
    if subject.task.is_classification:
        text = (
            f"Of its rows' {NEIGHBOURS} nearest neighbours {own.mean:.1%} have another label, outside it "
            f"{rest.mean:.1%} (difference {gap.low:.1%} to {gap.high:.1%})."
        )
    else:
        text = (
            f"Its rows' targets lie {own.mean:.3g} standard deviations from the mean of their {NEIGHBOURS} nearest "
            f"neighbours, outside it {rest.mean:.3g} (difference {gap.low:.3g} to {gap.high:.3g})."
        )
    return Hint(kind, bool(gap.low > 0), text, own.estimate(), rest.estimate())


@dataclass(frozen=True, eq=False)
class _Neighbours:
    """Test rows as points, and which lie around a row.

    Parameters
    ----------
    around : ndarray of int
        Positions of the rows among which neighbours are looked for.
    """

    subject: Subject
    around: npt.NDArray[np.intp]
    encoder: Encoder
    near: NearestNeighbors

    @classmethod
    def of(cls, subject: Subject, around: npt.NDArray[np.intp]) -> _Neighbours:
        features = list(subject.test.features)
        table = subject.test.table[features].iloc[around]
        encoder = Encoder.of(table, [f for f in features if subject.test.schema[f].kind.is_numeric])
        return cls(subject, around, encoder, NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(encoder.points(table)))

    def disagreement(self, rows: npt.NDArray[np.intp]) -> Floats:
        """Return for each row the share of its neighbours with another label, or how far their mean target lies."""
        table, y = self.subject.test.table[list(self.subject.test.features)].iloc[rows], self.subject.y
        found = self.around[self.near.kneighbors(self.encoder.points(table))[1]]
        others = found != rows[:, None]
        # A row that is not among its own nearest neighbours, because of twins or of the sample, gives up the farthest.
        others[others.all(axis=1), -1] = False
        if self.subject.task.is_classification:
            return np.asarray(((y[found] != y[rows][:, None]) & others).sum(axis=1) / NEIGHBOURS, dtype=np.float64)
        means = (y[found] * others).sum(axis=1) / NEIGHBOURS
        spread = float(y.std())
        return np.asarray(np.abs(y[rows] - means) / (spread if spread > 0 else 1.0), dtype=np.float64)


def _calibration(subject: Subject, inside: Mask) -> Hint:
    kind = "calibration"
    if subject.task is Task.REGRESSION:
        residual = metrics.residual(subject.task, subject.y, subject.scores)
        own, rest = (Moments.of(residual[part]).estimate() for part in (inside, ~inside))
        holds = bool(own.low > 0 or own.high < 0)
        side = "low" if own.value > 0 else "high"
        text = f"Its predictions are too {side} by {abs(own.value):.3g} on average ({own.low:.3g} to {own.high:.3g})."
        return Hint(kind, holds, text, own, rest)
    if subject.task is Task.BINARY:
        hit, probability, of = subject.y == 1, subject.scores, subject.classes[1]
    else:
        hit, probability, of = subject.decision == subject.y, subject.scores.max(axis=1), "the class it decides for"
    gap, p_value = calibration_gap(hit[inside], probability[inside])
    other, _ = calibration_gap(hit[~inside], probability[~inside])
    text = (
        f"It says {probability[inside].mean():.1%} for {of} on average, and {hit[inside].mean():.1%} are "
        f"(difference {gap.low:.1%} to {gap.high:.1%}, p {p_value:.2g})."
    )
    return Hint(kind, bool(p_value <= 1 - CONFIDENCE) if np.isfinite(p_value) else None, text, gap, other)


def _benchmark(subject: Subject, target: Target, inside: Mask) -> Hint:
    kind = "benchmark"
    other = subject.with_benchmark()
    if other is None:
        return Hint(kind, None, "Unknown: there is no benchmark model.")
    from debuggers.slice_targets import make_target

    values = make_target(other, target.measure)
    own, rest = (Moments.of(values.values[part & values.counted]) for part in (inside, ~inside))
    gap = difference(own, rest)
    text = (
        f"The benchmark's {target.title} is {own.mean:.3g} in it and {rest.mean:.3g} outside "
        f"(difference {gap.low:.3g} to {gap.high:.3g})."
    )
    return Hint(kind, bool(gap.low > 0), text, own.estimate(), rest.estimate())
