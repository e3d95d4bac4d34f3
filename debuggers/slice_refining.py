"""A slice of the lattice made exact: the ends of its intervals moved, and literals that say little dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb, log

import numpy as np
import numpy.typing as npt

from debuggers.kernels import slice_lattice as kernel
from debuggers.kernels.slice_ends import likeliest_range
from debuggers.slice_items import Codes, Columns, Item, rows_of

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# Times that each literal's ends are moved at most.
SWEEPS = 4
# By how much an end of an interval has to raise the evidence, beside leaving the interval open on that side.
END_PRICE = 2.0


def welch(values: Floats, inside: Mask) -> float:
    """Return Welch's t of some rows against the others, as the search ranks it."""
    centred = values - values.mean()
    totals, own = (kernel.sums_of(part) for part in (centred, centred[inside]))
    return kernel.welch(own[0], own[1], own[2], totals[0], totals[1], totals[2], kernel.overall_variance(totals))


def student(values: Floats, inside: Mask) -> float:
    """Return Student's t of some rows against 0, whose variance counts as no less than the overall one."""
    totals, own = (kernel.sums_of(part) for part in (values, values[inside]))
    n, s, q = own
    variance = max((q - s * s / n) / max(n - 1, 1), kernel.overall_variance(totals)) / n if n else 0.0
    return float(s / n / np.sqrt(variance)) if variance > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Likelihood:
    """How likely a loss is where its mean is known: its variance follows the mean as that of a share does.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The loss.
    top : float
        The largest loss there is.

    Notes
    -----
    A quasi-likelihood: with mean m, the variance is ``dispersion * m * (top - m)``. For errors of 0 and 1 it is the
    binomial one and exact; for a loss whose mean is far below its largest value the variance is proportional to the
    mean. A t statistic, by contrast, takes a few rows that all err for surer than they are.
    """

    values: Floats
    top: float

    @cached_property
    def overall(self) -> float:
        """The mean, as a share of the largest loss."""
        return float(self.values.mean()) / self.top

    @cached_property
    def dispersion(self) -> float:
        """How much more the loss varies than a share does."""
        return float(self.values.var()) / self.top**2 / (self.overall * (1 - self.overall))

    def means(self, inside: Mask) -> tuple[float, float]:
        """Return the means within and outside some rows, as shares of `top`, with one row of the overall mean added."""
        n, s = int(inside.sum()), float(self.values @ inside)
        sums = ((n, s), (len(inside) - n, float(self.values.sum()) - s))
        own, rest = ((total / self.top + self.overall) / (rows + 1) for rows, total in sums)
        return _within(own), _within(rest)

    def evidence(self, inside: Mask) -> float:
        """Return twice by how much two means are likelier than one; negative where the rows err less than the rest."""
        n, (own, rest) = int(inside.sum()), self.means(inside)
        gain = n * _divergence(own, self.overall) + (len(inside) - n) * _divergence(rest, self.overall)
        return 2 * gain / self.dispersion * (1 if own > rest else -1)

    def gains(self, sums: Floats, own: float, rest: float) -> Floats:
        """Return by how much likelier rows with some sums are if they err as those within, not as those outside.

        Parameters
        ----------
        sums : ndarray of shape (k, 3)
            Rows, sum of the loss, and sum of its square.
        """
        slope, offset = log(own / rest) - log((1 - own) / (1 - rest)), log((1 - own) / (1 - rest))
        return np.asarray((slope * sums[:, 1] / self.top + offset * sums[:, 0]) / self.dispersion, dtype=np.float64)


def median_range(gains: Floats) -> tuple[int, int]:
    """Return the medians of both ends of a range of bins, all ranges alike beforehand.

    Parameters
    ----------
    gains : ndarray of shape (bins,)
        By how much the logarithm of the likelihood rises if a bin's rows lie in the range.

    Examples
    --------
    >>> median_range(np.array([-9.0, 9.0, 9.0, -9.0]))
    (1, 3)
    """
    total = np.concatenate([[0.0], np.cumsum(gains)])
    from_here = np.logaddexp.accumulate(total[::-1])[::-1]
    up_to_here = np.logaddexp.accumulate(-total)
    low, high = from_here[1:] - total[:-1], up_to_here[:-1] + total[1:]
    first, last = (
        int(np.searchsorted(np.cumsum(w) / w.sum(), 0.5)) for w in (np.exp(x - x.max()) for x in (low, high))
    )
    return first, max(last, first) + 1


def _within(share: float) -> float:
    return min(max(share, kernel.SAME), 1 - kernel.SAME)


def _divergence(p: float, q: float) -> float:
    """Return the relative entropy of a share to another."""
    return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))


@dataclass(frozen=True, eq=False)
class Refining:
    """The rows of a slice, and what counts as one.

    Parameters
    ----------
    columns : Columns
    codes : sequence of ndarray of uint8 or uint16, each of shape (n,)
        Fine bins of the rows.
    likelihood : Likelihood
        Of their loss.
    min_rows : int
        Rows of a slice, at least.
    least : float
        Welch's t of a slice, at least, for it to be an answer instead of a longer one.
    """

    columns: Columns
    codes: Sequence[Codes]
    likelihood: Likelihood
    min_rows: int
    least: float

    def simplest(self, items: Sequence[Item]) -> tuple[float, tuple[Item, ...]]:
        """Refine a slice and drop, one after the other, the literals that are not worth their price.

        Returns
        -------
        worth : float
            The evidence without the price of the literals, by which slices of any length compare.
        items : tuple of Item
        """
        worth, chosen = self.refined(items)
        while len(chosen) > 1:
            shorter = [self.refined([other for other in chosen if other is not item]) for item in chosen]
            clear = [(w, less) for w, less in shorter if welch(self.likelihood.values, self._rows(less)) >= self.least]
            if not clear or max(clear)[0] < worth:
                break
            worth, chosen = max(clear)
        return worth, self._centred(self._opened(chosen))

    def refined(self, items: Sequence[Item]) -> tuple[float, tuple[Item, ...]]:
        """Move the ends of a slice's intervals, one literal after the other, to where they are likeliest.

        Returns
        -------
        worth : float
        items : tuple of Item

        Notes
        -----
        A literal's price is twice the logarithm of how many it was chosen among: columns and, for a category, the
        column's values. For an interval it follows from the likelihood: the fewer other intervals do about as well,
        the more of a choice it is (a Bayes factor with all intervals alike beforehand).
        """
        chosen, prices = list(items), [self._price(item) for item in items]
        for _ in range(SWEEPS):
            before = list(chosen)
            for i, item in enumerate(chosen):
                if self.columns.is_interval(item):
                    chosen[i], prices[i] = self._moved(item, [other for other in chosen if other is not item])
            if chosen == before:
                break
        prices.append(2 * log(comb(len(self.columns.bins), len(chosen))))
        return self.likelihood.evidence(self._rows(chosen)) - sum(prices), tuple(chosen)

    def _moved(self, item: Item, others: Sequence[Item]) -> tuple[Item, float]:
        """Return an interval where it is likeliest, given the other literals, and its price."""
        gains, rows = self._gains(item, others)
        if gains is None:
            return item, self._price(item)
        _, choice, low, high = likeliest_range(gains, np.ascontiguousarray(rows), float(self.min_rows))
        return (Item(item.column, low, high), 2 * choice) if low < high else (item, self._price(item))

    def _price(self, item: Item) -> float:
        """Return the price of a literal that is one of those of its column, all alike."""
        known = self.columns.bins[item.column].known
        literals = known * (known + 1) / 2 if self.columns.is_interval(item) else known
        return 2 * log(max(literals, 1))

    def _opened(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Leave intervals open where an end says little, unless that leaves no condition at all."""
        chosen = list(items)
        for i, item in enumerate(items):
            known = self.columns.bins[item.column].known
            if not self.columns.is_interval(item):
                continue
            for low, high in ((0, item.high), (item.low, known)):
                open_ = Item(item.column, min(low, chosen[i].low), max(high, chosen[i].high))
                wider = [*chosen[:i], open_, *chosen[i + 1 :]]
                if (open_.low, open_.high) != (0, known) and self._lost(chosen, wider) < END_PRICE:
                    chosen = wider
        return tuple(chosen)

    def _centred(self, chosen: Sequence[Item]) -> tuple[Item, ...]:
        """Put ends where they are as likely to lie further in as further out, which on average misses the fewest rows.

        The likeliest end is often a chance row's; ends that were left open stay so.
        """
        items = list(chosen)
        for i, item in enumerate(chosen):
            known = self.columns.bins[item.column].known
            if not self.columns.is_interval(item):
                continue
            gains, _ = self._gains(item, [other for other in items if other is not items[i]])
            if gains is None:
                continue
            low, high = median_range(gains)
            moved = Item(item.column, low if item.low else 0, high if item.high < known else known)
            other = [*items[:i], moved, *items[i + 1 :]]
            inside = self._rows(other)
            if inside.sum() >= self.min_rows and welch(self.likelihood.values, inside) >= self.least:
                items = other
        return tuple(items)

    def _gains(self, item: Item, others: Sequence[Item]) -> tuple[Floats | None, Floats]:
        """Return what each bin says for being inside an interval, given the other literals, and the rows in it.

        None where the interval errs no more than the rest.
        """
        among = rows_of(self.codes, others)
        own, rest = self.likelihood.means(among & rows_of(self.codes, [item]))
        known = self.columns.bins[item.column].known
        sums = kernel.bin_sums(self.codes[item.column][among], self.likelihood.values[among], known + 1)[:known]
        return (self.likelihood.gains(sums, own, rest) if own > rest else None), sums[:, 0]

    def _lost(self, chosen: Sequence[Item], wider: Sequence[Item]) -> float:
        return self.likelihood.evidence(self._rows(chosen)) - self.likelihood.evidence(self._rows(wider))

    def _rows(self, items: Sequence[Item]) -> Mask:
        return rows_of(self.codes, items)
