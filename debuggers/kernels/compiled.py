"""How inner loops are compiled: once per machine, kept on disk, and without Python's lock, so that threads help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function of numbers and arrays at its first call."""
    return cast("F", njit(cache=True, nogil=True)(function))


def compiled_fast(function: F) -> F:
    """Compile and let sums be reordered and divisions by zero pass: for inner loops over finite numbers."""
    return cast(
        "F",
        njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "arcp", "nsz"}, error_model="numpy")(function),
    )
