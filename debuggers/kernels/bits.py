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


@compiled
def first_rows(out: Words, n: int) -> None:
    """Set the first `n` bits of `out` and no others."""
    out[:] = 0
    for w in range(n >> 6):
        out[w] = ~np.uint64(0)
    if n & 63:
        out[n >> 6] = (np.uint64(1) << np.uint64(n & 63)) - np.uint64(1)


@compiled_fast
def count(a: Words) -> int:
    """Return how many bits are set."""
    total = np.uint64(0)
    for w in range(len(a)):
        total += popcount(a[w])
    return np.int64(total)  # type: ignore[return-value]  # an int to Python


@compiled_fast
def count_both(a: Words, b: Words, inverted: bool) -> int:
    """Return how many bits are set in `a` and in `b`, or in `a` and not in `b`."""
    total = np.uint64(0)
    if inverted:
        for w in range(len(a)):
            total += popcount(a[w] & ~b[w])
    else:
        for w in range(len(a)):
            total += popcount(a[w] & b[w])
    return np.int64(total)  # type: ignore[return-value]  # an int to Python


@compiled_fast
def keep_both(out: Words, a: Words, b: Words, inverted: bool) -> bool:
    """Write to `out` what is in `a` and in `b` (or not in `b`), and return whether that is anything."""
    some = np.uint64(0)
    if inverted:
        for w in range(len(a)):
            out[w] = a[w] & ~b[w]
            some |= out[w]
    else:
        for w in range(len(a)):
            out[w] = a[w] & b[w]
            some |= out[w]
    return bool(some != 0)


@compiled_fast
def add_missed(out: Words, a: Words, z: Words, b: Words, inverted: bool) -> bool:
    """Write to `out` what is in `a`, or in `z` and not in `b` (or in `b`), and return whether that is anything."""
    some = np.uint64(0)
    if inverted:
        for w in range(len(a)):
            out[w] = a[w] | (z[w] & b[w])
            some |= out[w]
    else:
        for w in range(len(a)):
            out[w] = a[w] | (z[w] & ~b[w])
            some |= out[w]
    return bool(some != 0)
