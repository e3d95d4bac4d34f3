"""Distances between rows of numbers and categories: the nearest real row, and how far from all rows is unusual."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from debuggers.statistics import SEED
from debuggers.subject import Subject, sample_rows

Floats = npt.NDArray[np.float64]
MAX_ROWS = 20_000
MAX_CELLS = 10_000_000  # of the encoded sample: 80 MB
BASELINE_ROWS = 1_000
MAX_LEVELS = 50
FAR = 1e6  # standard deviations; beyond it squares lose their meaning
MAX_KNOWN = 12


@dataclass(frozen=True, eq=False)
class Encoder:
    """Turns rows into points: numbers in standard deviations, categories so that two different ones lie 1 apart.

    A missing number lies at the mean and 1 apart from all that are known. Categories beyond the `MAX_LEVELS` most
    frequent count as one.

    Parameters
    ----------
    numeric : list of str
    size, mean, deviation : ndarray of shape (n_numeric,)
        Of the numbers; mean and deviation are of the values divided by `size`.
    levels : mapping of str to Index
        Known values of the other features.
    """

    numeric: list[str]
    size: Floats
    mean: Floats
    deviation: Floats
    levels: Mapping[str, pd.Index]

    @classmethod
    def of(cls, rows: pd.DataFrame, numeric: list[str]) -> Encoder:
        """Learn scales and levels from rows."""
        size, mean, deviation = np.array([_scale(column) for column in _numbers(rows[numeric]).T]).reshape(-1, 3).T
        others = [name for name in rows.columns if name not in set(numeric)]
        levels = {name: rows[name].astype(object).value_counts().index[:MAX_LEVELS] for name in others}
        return cls(numeric, size, mean, deviation, levels)

    @property
    def width(self) -> int:
        """Coordinates of a point."""
        return 2 * len(self.numeric) + sum(len(known) + 2 for known in self.levels.values())

    def points(self, rows: pd.DataFrame) -> Floats:
        """Return one point per row, shape (n, width)."""
        out = np.zeros((len(rows), self.width))
        at = len(self.numeric)
        values = _numbers(rows[self.numeric])
        known = np.isfinite(values)
        units = (np.where(known, values, 0.0) / self.size - self.mean) / self.deviation
        out[:, :at] = np.where(known, np.clip(units, -FAR, FAR), 0.0)
        out[:, at : 2 * at] = ~known
        at *= 2
        for name, known_levels in self.levels.items():
            column = rows[name].astype(object)
            codes = known_levels.get_indexer(pd.Index(column, dtype=object))
            codes = np.where(codes < 0, len(known_levels), codes)
            codes = np.where(column.isna().to_numpy(), len(known_levels) + 1, codes)
            # Two different categories then differ in two coordinates, and lie 1 apart.
            out[np.arange(len(rows)), at + codes] = np.sqrt(0.5)
            at += len(known_levels) + 2
        return out


def _numbers(rows: pd.DataFrame) -> Floats:
    return np.asarray(rows.to_numpy(dtype=np.float64, na_value=np.nan))


def _scale(values: Floats) -> tuple[float, float, float]:
    finite = values[np.isfinite(values)]
    size = float(np.abs(finite).max()) if len(finite) else 0.0
    if size == 0:
        return 1.0, 0.0, 1.0
    deviation = float((finite / size).std())
    return size, float((finite / size).mean()), deviation if deviation > 0 else 1.0


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """A sample of real rows as points, and how far from the others each of them lies.

    Parameters
    ----------
    encoder : Encoder
    points : ndarray of shape (n, width)
        Test rows first, training rows behind.
    tested : ndarray
        Positions in the test table of the test rows among the points.
    total : int
        Test and training rows there are.
    usual : ndarray
        Sorted distances to the nearest other row, of at most `BASELINE_ROWS` real rows.
    """

    encoder: Encoder
    points: Floats
    tested: npt.NDArray[np.intp]
    total: int
    usual: Floats

    def distances(self, point: Floats) -> Floats:
        """Return the distance of one point, shape (width,), from every real row, shape (n,)."""
        return np.asarray(cdist(self.points, point[None])[:, 0])

    def apart(self, point: Floats) -> Floats:
        """Return how far each feature of one point is from that of every real row, shape (n, n_features).

        The features are the encoder's numbers, and behind them the others.
        """
        squares = np.square(self.points - point)
        m = len(self.encoder.numeric)
        sizes = [len(known) + 2 for known in self.encoder.levels.values()]
        starts = 2 * m + np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.intp)
        others = np.add.reduceat(squares, starts, axis=1) if len(starts) else np.zeros((len(squares), 0))
        return np.asarray(np.sqrt(np.concatenate([squares[:, :m] + squares[:, m : 2 * m], others], axis=1)))

    def percentile(self, distance: float) -> float:
        """Return the share of real rows whose nearest other row is nearer than `distance`; NaN without other rows."""
        n = len(self.usual)
        return float(np.searchsorted(self.usual, distance, side="left") / n) if n else np.nan


_known: OrderedDict[tuple[Any, ...], Neighbourhood] = OrderedDict()
_lock = Lock()


def neighbourhood(subject: Subject) -> Neighbourhood:
    """Return the neighbourhood of a subject's rows, made once for the same data."""
    train = None if subject.train is None else subject.train.fingerprint
    key = (subject.test.fingerprint, subject.test.features, train)
    with _lock:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
    made = _make(subject)
    with _lock:
        _known[key] = made
        while len(_known) > MAX_KNOWN:
            _known.popitem(last=False)
    return made


def _make(subject: Subject) -> Neighbourhood:
    features = list(subject.test.features)
    limit = MAX_ROWS if subject.train is None else MAX_ROWS // 2
    tested = sample_rows(len(subject.test), limit, SEED)
    numeric = [f for f in features if subject.test.schema[f].kind.is_numeric]
    encoder = Encoder.of(subject.test.table[features].iloc[tested], numeric)
    most = max(100, MAX_CELLS // max(encoder.width, 1) * limit // MAX_ROWS)
    tested = tested[sample_rows(len(tested), most, SEED)]
    points = [encoder.points(subject.test.table[features].iloc[tested])]
    total = len(subject.test)
    if subject.train is not None:
        trained = sample_rows(len(subject.train), min(limit, most), SEED)
        points.append(encoder.points(subject.train.table[features].iloc[trained]))
        total += len(subject.train)
    cloud = np.concatenate(points)
    return Neighbourhood(encoder, cloud, tested, total, _nearest_others(cloud))


def _nearest_others(points: Floats) -> Floats:
    """Return the sorted distances of some points to the nearest other point."""
    if len(points) < 2:
        return np.empty(0)
    some = sample_rows(len(points), BASELINE_ROWS, SEED)
    distances, _ = NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points[some])
    return np.sort(distances[:, 1])
