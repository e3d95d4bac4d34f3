"""Columns as small codes: quantile bins of numbers, frequent categories, and "missing" as a bin of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.data.schema import Column, Kind, Schema
from debuggers.execution import in_threads
from debuggers.kernels import cuts as kernel
from debuggers.slices import Literal, Op, readable
from debuggers.statistics import SEED
from debuggers.subject import sample_rows

Codes = npt.NDArray[np.uint8 | np.uint16]
MAX_BINS = 32
# Of a category, however many bins are asked for.
MAX_CATEGORIES = 255
# Cuts between numbers need no more rows than this; the rows that fall between them are all counted.
CUT_ROWS = 20_000
# Rows among which a column's few values are looked for first.
EARLY = 1024
# Where a column has more values than bins, one that a smaller share of the rows has counts as "other".
RARE = 0.002
# A longer text makes no readable condition; such values count as "other".
MAX_TEXT = 200
OTHERS, MISSING = "other values", "missing"


@dataclass(frozen=True, eq=False)
class Bins(ABC):
    """A column in bins.

    Parameters
    ----------
    feature : str
    codes : ndarray of uint8 or, for more bins, uint16, shape (n,)
        Each row's bin: 0 to `known` - 1, and `known` where the value is missing.
    known : int
        Number of bins of known values.
    """

    feature: str
    codes: Codes
    known: int

    @property
    def missing(self) -> int:
        """Code of a missing value."""
        return self.known

    @cached_property
    def has_missing(self) -> bool:
        """Whether any value is missing."""
        return bool((self.codes == self.missing).any())

    @property
    @abstractmethod
    def ordered(self) -> bool:
        """Whether the codes of known values have an order."""

    @abstractmethod
    def label(self, code: int) -> str:
        """Return a bin as a person reads it on an axis."""

    @abstractmethod
    def _literal(self, codes: list[int]) -> Literal:
        """Return the condition of some but not all bins of known values."""

    def literal(self, codes: Collection[int]) -> Literal:
        """Return the condition that a row lies in one of these bins: missing alone, or bins of known values."""
        if len(codes) == 1 and self.missing in codes:
            return Literal(self.feature, Op.MISSING)
        assert self.missing not in codes, "a missing value is never together with known ones"
        return Literal(self.feature, Op.KNOWN) if len(codes) == self.known else self._literal(sorted(codes))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all bins that rows can have, "missing" last."""
        return (*(self.label(c) for c in range(self.known)), *([MISSING] if self.has_missing else []))


@dataclass(frozen=True, eq=False)
class Intervals(Bins):
    """A column with an order in intervals.

    Parameters
    ----------
    cuts : tuple
        Bin i holds the values from ``cuts[i - 1]``, included, to ``cuts[i]``, excluded.
    values : tuple
        Where each bin holds one value only: those values; else empty.
    """

    cuts: tuple[Any, ...] = ()
    values: tuple[Any, ...] = ()

    @property
    def ordered(self) -> bool:
        """Yes."""
        return True

    def _literal(self, codes: list[int]) -> Literal:
        low, high = codes[0], codes[-1]
        if self.values and low == high:
            return Literal(self.feature, Op.EQUAL, self.values[low])
        if low == 0:
            return Literal(self.feature, Op.LESS, self.cuts[high])
        if high == self.known - 1:
            return Literal(self.feature, Op.GREATER_EQUAL, self.cuts[low - 1])
        return Literal(self.feature, Op.IN, (self.cuts[low - 1], self.cuts[high]))

    def label(self, code: int) -> str:
        """Return "< 20", "20 to 30", "≥ 30", or the one value; between whole numbers "20 to 29"."""
        if code == self.missing:
            return MISSING
        if self.values or not self.cuts:
            return _plain(self.values[code]) if self.values else "any"
        low, high = self.cuts[max(code - 1, 0)], self.cuts[min(code, len(self.cuts) - 1)]
        if code in (0, self.known - 1):
            return f"≥ {_plain(low)}" if code else f"< {_plain(high)}"
        if isinstance(low, int) and isinstance(high, int):
            return f"{low}" if high == low + 1 else f"{low} to {high - 1}"
        return f"{_plain(low)} to {_plain(high)}"


def _plain(value: object) -> str:
    """Write a value for an axis: text without quotes, a date without an empty time."""
    return readable(value).strip("'").removesuffix(" 00:00:00")


@dataclass(frozen=True, eq=False)
class Categories(Bins):
    """A column without an order, one bin per frequent value.

    Parameters
    ----------
    values : tuple
        The most frequent values; where there are more, the last bin holds all others.
    """

    values: tuple[Any, ...] = ()

    @property
    def ordered(self) -> bool:
        """No."""
        return False

    @property
    def has_others(self) -> bool:
        """Whether the last bin holds the rarer values."""
        return self.known > len(self.values)

    def _literal(self, codes: list[int]) -> Literal:
        inside = tuple(self.values[c] for c in codes if c < len(self.values))
        outside = tuple(v for c, v in enumerate(self.values) if c not in codes)
        if self.has_others and self.known - 1 in codes:
            return Literal(self.feature, Op.NONE_OF, outside)
        if len(inside) == 1:
            return Literal(self.feature, Op.EQUAL, inside[0])
        shorter = not self.has_others and len(outside) < len(inside)
        return Literal(self.feature, Op.NONE_OF, outside) if shorter else Literal(self.feature, Op.ONE_OF, inside)

    def label(self, code: int) -> str:
        """Return the value, "other values" or "missing"."""
        if code == self.missing:
            return MISSING
        return OTHERS if code >= len(self.values) else _plain(self.values[code])


def bin_columns(
    table: pd.DataFrame, schema: Schema, names: Sequence[str], bins: int = MAX_BINS, span: tuple[float, float] = (0, 0)
) -> list[Bins]:
    """Return several columns in bins, shared out among the cores; parameters are those of `bin_column`.

    Parameters
    ----------
    span : (float, float)
        Where in the whole work's progress this begins and ends; equal ends: nothing is reported.
    """
    return in_threads(lambda name: bin_column(table[name], schema[name], bins), list(names), "Binning columns", span)


def bin_column(column: pd.Series, kind: Column, bins: int = MAX_BINS) -> Bins:
    """Return a column in at most `bins` bins, "missing" included.

    Parameters
    ----------
    column : Series
    kind : Column
        The column's entry in the schema.
    bins : int

    Notes
    -----
    Numbers and dates are cut so that bins hold about as many rows, values that many rows share in a bin of their own.
    Cuts are the roundest numbers near the quantiles. Few different values have one bin each.

    Examples
    --------
    >>> from debuggers.data.schema import infer_schema
    >>> table = pd.DataFrame({"job": ["a", "b", None, "a"]})
    >>> bin_column(table["job"], infer_schema(table)["job"]).labels
    ('a', 'b', 'missing')
    """
    name, room = kind.name, max(bins - 1, 1)
    if kind.kind.is_numeric:
        plain = column.dtype == np.float64  # then nothing is copied unless other columns lie between the values
        values = column.to_numpy() if plain else column.to_numpy(dtype=np.float64, na_value=np.nan)
        return _numbers(name, values, room, few=kind.distinct <= room, whole=kind.kind is Kind.INTEGER)
    if kind.kind is Kind.DATE:
        return _dates(name, column, room)
    return _categories(name, column, room)


def _numbers(name: str, values: npt.NDArray[np.float64], room: int, *, few: bool, whole: bool) -> Intervals:
    values = kernel.fixed(values)
    known = np.isfinite(values)
    finite = values if known.all() else values[known]
    infinite = len(finite) < len(values) and bool(np.isinf(values).any())
    if not len(finite):
        return Intervals(name, np.isnan(values).astype(np.uint8) * int(infinite), int(infinite))
    if few:
        distinct, codes = _few(values, known, finite)
        plain = [int(v) for v in distinct] if whole else distinct
        # An infinite value lies in the bin of the smallest or largest number, which then holds more than one value.
        return Intervals(name, codes, len(plain), tuple(plain[1:]), () if infinite else tuple(plain))
    codes = np.empty(len(values), dtype=code_type(room))
    cuts = kernel.even_bins(_sample(finite), room, values, codes).tolist()
    return Intervals(name, codes, len(cuts) + 1, tuple(int(c) if whole and c.is_integer() else c for c in cuts))


def _few(
    values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_], finite: npt.NDArray[np.float64]
) -> tuple[list[float], Codes]:
    """Return the different finite values, rising, and each value's place among them; the first rows often have all."""
    for distinct in (np.sort(pd.unique(some)) for some in (finite[:EARLY], finite)):
        codes = kernel.number_codes(values, distinct[1:], code_type(len(distinct)))
        if ((distinct.take(codes, mode="clip") == values) | ~known).all():
            break
    return distinct.tolist(), codes


def code_type(largest: int) -> type[np.uint8 | np.uint16]:
    """Return the smallest type that holds codes up to `largest`."""
    return np.uint8 if largest < 256 else np.uint16


def equal_cuts(values: npt.NDArray[np.float64], bins: int) -> list[float]:
    """Return at most ``bins - 1`` rising cuts between which lie about as many of `values`, one or more and finite.

    Examples
    --------
    >>> equal_cuts(np.arange(1000.0), 4)
    [250.0, 500.0, 750.0]
    """
    cuts: list[float] = kernel.even_cuts(*kernel.steps(_sample(values)), bins).tolist()
    return cuts


def _sample(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return kernel.fixed(values[_sampled(len(values))] if len(values) > CUT_ROWS else values)


@lru_cache(maxsize=4)
def _sampled(n: int) -> npt.NDArray[np.intp]:
    """Return the rows that cuts are found on: the same for every column of a table."""
    rows = sample_rows(n, CUT_ROWS, SEED)
    rows.flags.writeable = False
    return rows


def round_between(low: float, high: float) -> float:
    """Return the roundest number above `low` and not above `high`.

    Examples
    --------
    >>> round_between(31873.2, 32411.9), round_between(0.123, 0.131), round_between(-2.0, 5.0)
    (32000.0, 0.13, 0.0)
    """
    return float(kernel.round_between(low, high))


def _dates(name: str, column: pd.Series, room: int) -> Intervals:
    """Bin by rank: dates may be text, of which only the order counts."""
    ranks, distinct = pd.factorize(column, sort=True)
    if len(distinct) <= room:
        places, values = list(range(1, len(distinct))), tuple(distinct)
    else:
        places, values = [int(np.ceil(c)) for c in equal_cuts(ranks[ranks >= 0].astype(np.float64), room)], ()
    codes = np.searchsorted(np.array(places), ranks, side="right")
    known = len(places) + 1 if len(distinct) else 0
    codes[ranks < 0] = known
    return Intervals(name, codes.astype(code_type(known)), known, tuple(distinct[p] for p in places), values)


def _categories(name: str, column: pd.Series, room: int) -> Categories:
    room = min(room, MAX_CATEGORIES)
    found, distinct = pd.factorize(column)
    counts = np.bincount(found[found >= 0], minlength=len(distinct))
    usable = np.array([not isinstance(v, str) or len(v) <= MAX_TEXT for v in distinct], dtype=bool)
    order = np.lexsort((-counts, ~usable))
    fits = len(distinct) <= room and bool(usable.all())
    frequent = usable & (counts >= RARE * len(found))
    kept = order[: len(distinct) if fits else min(room - 1, int(frequent.sum()))]
    known = len(kept) + (0 if fits else 1)
    lookup = np.full(len(distinct) + 1, len(kept), dtype=np.uint8)
    lookup[kept] = np.arange(len(kept))
    lookup[-1] = known  # where `found` is -1
    return Categories(name, lookup[found], known, tuple(distinct[i] for i in kept))
