"""A slice of the lattice made exact: the ends of its intervals moved, and literals that say little dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from debuggers.kernels import slice_lattice as kernel
from debuggers.slice_items import Codes, Columns, Item, rows_of

Floats = npt.NDArray[np.float64]
# Times that each literal's ends are moved at most.
SWEEPS = 4
# By how much a literal has to raise the square of Welch's t to stay. An interval's ends are chosen among thousands, a
# category among dozens: chance alone raises it by about twice the logarithm of that. Measured on planted slices.
INTERVAL_PRICE, CATEGORY_PRICE = 14.0, 4.0
# By how much an end of an interval has to raise it, beside leaving the interval open on that side.
END_PRICE = 4.0


@dataclass(frozen=True)
class Rank:
    """How slices are compared.

    Parameters
    ----------
    min_rows : int
        Rows of a slice, at least.
    ranking, alpha
        As `kernel.score` takes them.
    """

    min_rows: int
    ranking: int = kernel.WELCH
    alpha: float = 0.95


def welch(values: Floats, inside: npt.NDArray[np.bool_]) -> float:
    """Return Welch's t of some rows against the others, as the search ranks it."""
    centred = values - values.mean()
    totals, own = (kernel.sums_of(part) for part in (centred, centred[inside]))
    return kernel.welch(own[0], own[1], own[2], totals[0], totals[1], totals[2], kernel.overall_variance(totals))


def student(values: Floats, inside: npt.NDArray[np.bool_]) -> float:
    """Return Student's t of some rows against 0, whose variance counts as no less than the overall one."""
    totals, own = (kernel.sums_of(part) for part in (values, values[inside]))
    n, s, q = own
    variance = max((q - s * s / n) / max(n - 1, 1), kernel.overall_variance(totals)) / n if n else 0.0
    return float(s / n / np.sqrt(variance)) if variance > 0 else 0.0


def refined(
    columns: Columns, codes: Sequence[Codes], values: Floats, items: Sequence[Item], rank: Rank
) -> tuple[Item, ...]:
    """Move the ends of a slice's intervals, one literal after the other, to where the slice ranks best.

    Parameters
    ----------
    columns : Columns
    codes : sequence of ndarray of uint8, each of shape (n,)
        Fine bins of the rows.
    values : ndarray of shape (n,)
    items : sequence of Item
    rank : Rank
    """
    base = float(values.mean())
    totals = kernel.sums_of(values - base)
    floor, chosen = kernel.overall_variance(totals), list(items)
    for _ in range(SWEEPS):
        before = list(chosen)
        for i, item in enumerate(chosen):
            if not columns.is_interval(item):
                continue
            others = rows_of(codes, [other for other in chosen if other is not item])
            bins = columns.bins[item.column].known
            sums = kernel.bin_sums(codes[item.column][others], values[others] - base, bins + 1)[:bins]
            _, low, high = kernel.best_range(sums, totals, float(rank.min_rows), rank.ranking, base, rank.alpha, floor)
            if high > low:
                chosen[i] = Item(item.column, low, high)
        if chosen == before:
            break
    return tuple(chosen)


def simplest(
    columns: Columns, codes: Sequence[Codes], values: Floats, items: Sequence[Item], rank: Rank
) -> tuple[Item, ...]:
    """Refine a slice and drop, one after the other, the literals that do not earn their price.

    Parameters are those of `refined`.
    """
    chosen = refined(columns, codes, values, items, rank)
    while len(chosen) > 1:
        square = _square(values, codes, chosen)
        options = []
        for item in chosen:
            shorter = [other for other in chosen if other is not item]
            less = refined(columns, codes, values, shorter, rank)
            price = INTERVAL_PRICE if columns.is_interval(item) else CATEGORY_PRICE
            options.append((square - _square(values, codes, less) - price, less))
        lost, less = min(options)
        if lost >= 0:
            break
        chosen = less
    return _opened(columns, codes, values, chosen)


def _opened(columns: Columns, codes: Sequence[Codes], values: Floats, items: Sequence[Item]) -> tuple[Item, ...]:
    """Leave intervals open where an end says little, unless that leaves no condition at all."""
    chosen = list(items)
    for i, item in enumerate(items):
        if not columns.is_interval(item):
            continue
        known = columns.bins[item.column].known
        for low, high in ((0, item.high), (item.low, known)):
            wider = [
                *chosen[:i],
                Item(item.column, min(low, chosen[i].low), max(high, chosen[i].high)),
                *chosen[i + 1 :],
            ]
            if (wider[i].low, wider[i].high) == (0, known):
                continue
            if _square(values, codes, chosen) - _square(values, codes, wider) < END_PRICE:
                chosen = wider
    return tuple(chosen)


def _square(values: Floats, codes: Sequence[Codes], items: Sequence[Item]) -> float:
    t = welch(values, rows_of(codes, items))
    return t * abs(t)
