"""Sets of rows as bits of 64-bit words."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from debuggers.kernels.compiled import compiled, compiled_fast

Words = npt.NDArray[np.uint64]
ROWS_PER_WORD = 64


@intrinsic  # type: ignore[untyped-decorator]  # numba publishes no types
def popcount(_context: Any, _word: Any) -> Any:
    """Return how many bits of a word are set."""

    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def lowest(_context: Any, _word: Any) -> Any:
    """Return the position of the lowest set bit of a word that is not 0."""

    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


# The functions below take tables of sets and the positions of sets in them: a view of a row would cost more than the
# work on it.


@compiled
def first_rows(sets: Words, at: int, n: int) -> None:
    """Make a set of the first `n` rows."""
    for w in range(sets.shape[1]):
        left = n - 64 * w
        if left >= 64:
            sets[at, w] = ~np.uint64(0)
        elif left > 0:
            sets[at, w] = (np.uint64(1) << np.uint64(left)) - np.uint64(1)
        else:
            sets[at, w] = 0


@compiled
def copy(sets: Words, to: int, at: int) -> None:
    """Copy a set."""
    for w in range(sets.shape[1]):
        sets[to, w] = sets[at, w]


@compiled_fast
def count(sets: Words, at: int) -> int:
    """Return how many rows are in a set."""
    total = np.uint64(0)
    for w in range(sets.shape[1]):
        total += popcount(sets[at, w])
    return np.int64(total)  # type: ignore[return-value]  # an int to Python


@compiled_fast
def count_both(sets: Words, at: int, bits: Words, row: int, inverted: bool) -> int:
    """Return how many rows of a set are also in a row of `bits`, or are not in it."""
    total = np.uint64(0)
    if inverted:
        for w in range(sets.shape[1]):
            total += popcount(sets[at, w] & ~bits[row, w])
    else:
        for w in range(sets.shape[1]):
            total += popcount(sets[at, w] & bits[row, w])
    return np.int64(total)  # type: ignore[return-value]  # an int to Python


@compiled_fast
def keep_both(sets: Words, to: int, at: int, bits: Words, row: int, inverted: bool) -> bool:
    """Make a set of the rows of another that are also in a row of `bits` (or not), and return whether it has any."""
    some = np.uint64(0)
    if inverted:
        for w in range(sets.shape[1]):
            kept = sets[at, w] & ~bits[row, w]
            sets[to, w] = kept
            some |= kept
    else:
        for w in range(sets.shape[1]):
            kept = sets[at, w] & bits[row, w]
            sets[to, w] = kept
            some |= kept
    return bool(some != 0)


@compiled_fast
def add_missed(sets: Words, to: int, at: int, inside: int, bits: Words, row: int, inverted: bool) -> bool:
    """Make a set of another and of those rows `inside` that are not in a row of `bits` (or are in it)."""
    some = np.uint64(0)
    if inverted:
        for w in range(sets.shape[1]):
            kept = sets[at, w] | (sets[inside, w] & bits[row, w])
            sets[to, w] = kept
            some |= kept
    else:
        for w in range(sets.shape[1]):
            kept = sets[at, w] | (sets[inside, w] & ~bits[row, w])
            sets[to, w] = kept
            some |= kept
    return bool(some != 0)
