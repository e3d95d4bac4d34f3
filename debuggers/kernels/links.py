"""From the raw scale to probabilities, at the speed of arithmetic.

The exponential is a polynomial on a reduced argument (Cody and Waite 1980), which compilers turn into vector
instructions; it is exact to two units in the last place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from debuggers.kernels.compiled import compiled

Floats = npt.NDArray[np.float64]

IDENTITY, LOGISTIC, SOFTMAX, ONE_VS_ALL, EXP, ISOLATION = range(6)
CLIP = 2.0**-52  # of a probability whose log-odds are taken


@intrinsic  # type: ignore[untyped-decorator]  # numba publishes no types
def _float_of_bits(_context: Any, _word: Any) -> Any:
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


@compiled
def exponentials(x: Floats, o: int, n: int) -> None:
    """Replace the first `n` numbers of row `o` by their exponentials; beyond +-708 by those of +-708."""
    for i in range(n):
        v = min(max(x[o, i], -708.0), 708.0)
        k = np.rint(v * 1.4426950408889634)
        r = (v - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10
        p = 1.6059043836821613e-10
        p = p * r + 2.0876756987868099e-9
        p = p * r + 2.5052108385441720e-8
        p = p * r + 2.7557319223985893e-7
        p = p * r + 2.7557319223985888e-6
        p = p * r + 2.4801587301587302e-5
        p = p * r + 1.9841269841269841e-4
        p = p * r + 1.3888888888888889e-3
        p = p * r + 8.3333333333333332e-3
        p = p * r + 4.1666666666666664e-2
        p = p * r + 1.6666666666666666e-1
        p = p * r + 0.5
        p = (p * r + 1.0) * r + 1.0
        x[o, i] = p * _float_of_bits((np.int64(k) + 1023) << 52)


class Answer(NamedTuple):
    """How raw values become what is drawn.

    Parameters
    ----------
    link : int
        One of the constants of this module; it is applied to ``slope * raw``.
    slope, offset : float
    log_odds : bool
        Whether probabilities are drawn as ``ln(p / (1 - p))``.
    """

    link: int
    slope: float
    offset: float
    log_odds: bool


@compiled
def answer(how: Answer, values: Floats, n: int) -> None:
    """Replace the first `n` raw values of every output by answers.

    Parameters
    ----------
    values : ndarray of shape (n_outputs, at least n)
    """
    _scale(how, values, n)
    if how.link == LOGISTIC and how.log_odds:
        return
    if how.link == LOGISTIC or how.link == ONE_VS_ALL:
        _logistic(values, n)
    if how.link == ONE_VS_ALL:
        _divide_by_sum(values, n)
    elif how.link == SOFTMAX:
        _softmax(values, n)
    elif how.link == EXP:
        for o in range(len(values)):
            exponentials(values, o, n)
    elif how.link == ISOLATION:
        values[:, :n] = -(2.0 ** -values[:, :n]) - how.offset
    if how.log_odds:
        p = np.minimum(np.maximum(values[:, :n], CLIP), 1.0 - CLIP)
        values[:, :n] = np.log(p) - np.log1p(-p)


@compiled
def _scale(how: Answer, values: Floats, n: int) -> None:
    """Multiply by the slope; log-odds of a logistic link are that, but for the clipping of probabilities."""
    most = -np.log(CLIP) if how.link == LOGISTIC and how.log_odds else np.inf
    for o in range(len(values)):
        for g in range(n):
            values[o, g] = min(max(values[o, g] * how.slope, -most), most)


@compiled
def _logistic(values: Floats, n: int) -> None:
    for o in range(len(values)):
        for g in range(n):
            values[o, g] = -values[o, g]
        exponentials(values, o, n)
        for g in range(n):
            values[o, g] = 1.0 / (1.0 + values[o, g])


@compiled
def _softmax(values: Floats, n: int) -> None:
    for g in range(n):
        highest = values[0, g]
        for o in range(1, len(values)):
            highest = max(highest, values[o, g])
        for o in range(len(values)):
            values[o, g] -= highest
    for o in range(len(values)):
        exponentials(values, o, n)
    _divide_by_sum(values, n)


@compiled
def _divide_by_sum(values: Floats, n: int) -> None:
    for g in range(n):
        total = 0.0
        for o in range(len(values)):
            total += values[o, g]
        for o in range(len(values)):
            values[o, g] /= total


def warm() -> None:
    """Compile this module's kernels."""
    answer(Answer(LOGISTIC, 1.0, 0.0, log_odds=False), np.zeros((1, 1)), 1)
