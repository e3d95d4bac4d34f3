"""Intervals, tests and corrections: what every number owes its reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats
from statsmodels.stats.multitest import fdrcorrection

Floats = npt.NDArray[np.float64]
CONFIDENCE = 0.95
SEED = 20_240_607


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty.

    Parameters
    ----------
    value : float
        NaN where it is undefined, such as a share of no rows.
    low, high : float
        Ends of the `CONFIDENCE` interval; NaN where there is none.
    n : int
        Rows that the number rests on.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def is_defined(self) -> bool:
        """Whether there were rows to estimate it from."""
        return bool(np.isfinite(self.value))

    def at_least(self, bound: float) -> Estimate:
        """Return the estimate of what is known to be no less than a bound: its interval ends there.

        Examples
        --------
        >>> mean(np.array([0.0, 0.0, 9.0])).at_least(0.0).low
        0.0
        """
        return Estimate(self.value, max(self.low, bound) if np.isfinite(self.low) else self.low, self.high, self.n)


def share(hits: float, n: int) -> Estimate:
    """Estimate a share with Wilson's score interval.

    Parameters
    ----------
    hits, n : int
        Rows that count, and all rows.

    Returns
    -------
    Estimate
        NaN where `n` is 0: a share of nothing is undefined, not 0 or 0.5.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> e = share(0, 10)
    >>> round(e.low, 3), round(e.high, 3)
    (0.0, 0.278)
    """
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    low, high = wilson(np.array([hits], dtype=float), np.array([n], dtype=float))
    return Estimate(hits / n, float(low[0]), float(high[0]), n)


def wilson(hits: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return the ends of Wilson's interval for many shares at once; NaN where `n` is 0."""
    z = special.ndtri(0.5 + CONFIDENCE / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = hits / n
        centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        low, high = centre - half, centre + half
    return np.where(hits == 0, np.where(n > 0, 0.0, np.nan), low), np.where(
        hits == n, np.where(n > 0, 1.0, np.nan), high
    )


def mean(values: Floats) -> Estimate:
    """Estimate a mean with Student's t interval; a single row has no interval."""
    n = len(values)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    low, high = mean_interval(n, float(np.mean(values)), float(np.std(values, ddof=1)) if n > 1 else np.nan)
    return Estimate(float(np.mean(values)), low, high, n)


def mean_interval(n: int, centre: float, deviation: float) -> tuple[float, float]:
    """Return the ends of the t interval of a mean from its sufficient statistics."""
    if n < 2:
        return np.nan, np.nan
    half = float(special.stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * deviation / np.sqrt(n)
    return centre - half, centre + half


def bootstrap_mean(rows: Floats, *, draws: int = 200, seed: int = SEED) -> tuple[Floats, Floats]:
    """Return percentile bootstrap ends of the column means of `rows`.

    Parameters
    ----------
    rows : ndarray of shape (n, m)
        One row per resampled unit.
    draws : int
        Bootstrap samples.

    Returns
    -------
    low, high : ndarray of shape (m,)
    """
    n = len(rows)
    if n < 2:
        return np.full(rows.shape[1], np.nan), np.full(rows.shape[1], np.nan)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    means = counts.astype(np.float64) @ rows / n
    tail = (1 - CONFIDENCE) / 2
    return np.quantile(means, tail, axis=0), np.quantile(means, 1 - tail, axis=0)


@dataclass(frozen=True)
class Moments:
    """Count, sum and sum of squares of a set of rows: summaries that merge."""

    n: int
    total: float
    squares: float

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Summarise `values`."""
        return cls(len(values), float(values.sum()), float(np.square(values).sum()))

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.n + other.n, self.total + other.total, self.squares + other.squares)

    def __sub__(self, other: Moments) -> Moments:
        return Moments(self.n - other.n, self.total - other.total, self.squares - other.squares)

    @property
    def mean(self) -> float:
        """Mean, NaN of no rows."""
        return self.total / self.n if self.n else np.nan

    @property
    def deviation(self) -> float:
        """Sample standard deviation, NaN of fewer than two rows."""
        if self.n < 2:
            return np.nan
        return float(np.sqrt(max(self.squares - self.total**2 / self.n, 0.0) / (self.n - 1)))

    def estimate(self) -> Estimate:
        """Return the mean with its t interval."""
        return Estimate(self.mean, *mean_interval(self.n, self.mean, self.deviation), self.n)


def welch_greater(a: Moments, b: Moments) -> float:
    """Return the one-sided p value of Welch's test that the mean of `a` is greater than that of `b`.

    Returns
    -------
    float
        NaN where either side has fewer than two rows or neither varies.

    References
    ----------
    Welch (1947), Biometrika 34, 28-35.
    """
    if a.n < 2 or b.n < 2 or (a.deviation == 0 and b.deviation == 0):
        return np.nan
    return float(special.stdtr(_freedom(a, b), -welch_t(a, b)))


def _freedom(a: Moments, b: Moments) -> float:
    """Return Welch's degrees of freedom, from shares of the variance, which cannot underflow."""
    top = max(a.deviation, b.deviation)
    va, vb = (a.deviation / top) ** 2 / a.n, (b.deviation / top) ** 2 / b.n
    return (va + vb) ** 2 / (va**2 / (a.n - 1) + vb**2 / (b.n - 1))


def means(n: Floats, total: Floats) -> Floats:
    """Return means of many sets of rows; NaN of no rows."""
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def variances(n: Floats, total: Floats, squares: Floats) -> Floats:
    """Return sample variances of many sets of rows; NaN of fewer than two rows."""
    spread = np.maximum(squares - total**2 / np.maximum(n, 1), 0) / np.maximum(n - 1, 1)
    return np.where(n > 1, spread, np.nan)


def mean_intervals(n: Floats, total: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the t interval of many means at once; NaN of fewer than two rows."""
    half = special.stdtrit(np.maximum(n - 1, 1), 0.5 + CONFIDENCE / 2) * np.sqrt(variances(n, total, squares))
    half /= np.sqrt(np.maximum(n, 1))
    centre = means(n, total)
    return centre - half, centre + half


def difference_intervals(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return the ends of Welch's interval of many differences at once: what `difference` returns for each.

    Parameters
    ----------
    a, b : ndarray of shape (k, 3)
        Count, sum and sum of squares of the rows on either side.
    """
    gap = means(a[:, 0], a[:, 1]) - means(b[:, 0], b[:, 1])
    va, vb = (variances(*x.T) / np.maximum(x[:, 0], 1) for x in (a, b))
    both = np.where(va + vb > 0, va + vb, 1.0)
    shares = (va / both) ** 2 / np.maximum(a[:, 0] - 1, 1) + (vb / both) ** 2 / np.maximum(b[:, 0] - 1, 1)
    freedom = 1 / np.where(shares > 0, shares, 1.0)
    half = special.stdtrit(freedom, 0.5 + CONFIDENCE / 2) * np.sqrt(va + vb)
    return gap - half, gap + half


def welch_t(a: Moments, b: Moments) -> float:
    """Return Welch's t statistic of the mean of `a` against that of `b`; NaN where `welch_greater` is."""
    if a.n < 2 or b.n < 2 or (a.deviation == 0 and b.deviation == 0):
        return np.nan
    return float((a.mean - b.mean) / np.sqrt(a.deviation**2 / a.n + b.deviation**2 / b.n))


def t_greater(a: Moments) -> float:
    """Return the one-sided p value of Student's test that the mean of `a` is greater than 0; NaN without a spread."""
    if a.n < 2 or a.deviation == 0:
        return np.nan
    return float(special.stdtr(a.n - 1, -a.mean / (a.deviation / np.sqrt(a.n))))


def difference(a: Moments, b: Moments) -> Estimate:
    """Estimate the difference of two means with Welch's interval."""
    value = a.mean - b.mean
    if a.n < 2 or b.n < 2:
        return Estimate(value, np.nan, np.nan, a.n)
    va, vb = a.deviation**2 / a.n, b.deviation**2 / b.n
    if va + vb == 0:
        return Estimate(value, value, value, a.n)
    half = float(special.stdtrit(_freedom(a, b), 0.5 + CONFIDENCE / 2)) * float(np.sqrt(va + vb))
    return Estimate(value, value - half, value + half, a.n)


def benjamini_hochberg(p_values: Sequence[float]) -> Floats:
    """Return q values of a family of tests; NaN p values stay NaN and do not count.

    References
    ----------
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.
    """
    return _adjusted(p_values, lambda p: np.asarray(fdrcorrection(p)[1], dtype=np.float64))


def holm(p_values: Sequence[float]) -> Floats:
    """Return p values adjusted by Holm's method; NaN p values stay NaN and do not count.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm([0.04, 0.01, 0.02]).tolist()
    [0.04, 0.03, 0.04]
    """
    return _adjusted(p_values, _holm)


def _holm(p: Floats) -> Floats:
    # Not statsmodels' multipletests: it collects all garbage at each call, which takes 0.1 s and more in a server.
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(steps, 1.0)[np.argsort(order)]


def _adjusted(p_values: Sequence[float], adjust: Callable[[Floats], Floats]) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    out = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        out[known] = adjust(p[known])
    return out


def halves(strata: npt.NDArray[np.float64], *, seed: int = SEED) -> npt.NDArray[np.bool_]:
    """Split rows in two at random, the strata evenly: True marks the half that is searched.

    Parameters
    ----------
    strata : ndarray of shape (n,)
        A number per row, such as its loss; rows of similar value are dealt alternately.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(strata))
    # Few small whole numbers, as errors are, sort in one pass.
    is_small = np.abs(strata).max(initial=0.0) <= 100 and bool((strata == np.rint(strata)).all())
    keys = strata[order].astype(np.int8) if is_small else strata[order]
    order = order[np.argsort(keys, kind="stable")]
    # Neighbours in the order form a pair; a coin decides which of the two is searched.
    coin = rng.random((len(order) + 1) // 2) < 0.5
    searched = np.zeros(len(order), dtype=bool)
    searched[order[0::2]] = coin
    searched[order[1::2]] = ~coin[: len(order) // 2]
    return searched


def auc(y: npt.NDArray[np.bool_], score: Floats) -> Estimate:
    """Estimate the area under the ROC curve with DeLong's interval.

    Parameters
    ----------
    y : ndarray of bool, shape (n,)
    score : ndarray of shape (n,)

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845.

    Examples
    --------
    >>> auc(np.array([False, True]), np.array([0.1, 0.9])).value
    1.0
    """
    positive, negative = score[y], score[~y]
    m, n = len(positive), len(negative)
    if m == 0 or n == 0:
        return Estimate(np.nan, np.nan, np.nan, m + n)
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    above_negative = (ranks[:m] - stats.rankdata(positive)) / n
    above_positive = 1 - (ranks[m:] - stats.rankdata(negative)) / m
    value = float(above_negative.mean())
    if m < 2 or n < 2:
        return Estimate(value, np.nan, np.nan, m + n)
    error = np.sqrt(above_negative.var(ddof=1) / m + above_positive.var(ddof=1) / n)
    half = float(stats.norm.ppf(0.5 + CONFIDENCE / 2) * error)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), m + n)
