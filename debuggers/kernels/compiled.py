"""How inner loops are compiled: once per machine, kept on disk, and without Python's lock, so that threads help.

What is kept of a function holds code of the functions that it calls, but numba forgets it only when the function's own
file changes. So everything is kept in a folder that is named for the content of all kernels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function of numbers and arrays at its first call."""
    return cast("F", njit(cache=True, nogil=True)(function))


def compiled_fast(function: F) -> F:
    """Compile and let sums be reordered and divisions by zero pass: for inner loops over finite numbers."""
    flags = {"reassoc", "contract", "arcp", "nsz"}
    return cast("F", njit(cache=True, nogil=True, fastmath=flags, error_model="numpy")(function))


def _keep_in_own_folder() -> None:
    """Name the folder for compiled kernels, unless the person's NUMBA_CACHE_DIR does."""
    here = Path(__file__).parent
    content = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")))
    name = f"faultline-kernels-{hashlib.sha256(content).hexdigest()[:16]}"
    if os.access(here, os.W_OK):
        home = here / "__pycache__"
    else:  # a folder of this user's own: compiled code that others can write would be theirs to run
        home = Path(os.environ.get("FAULTLINE_HOME") or platformdirs.user_cache_path("faultline", appauthor=False))
    numba.config.CACHE_DIR = str(home / name)


if not numba.config.CACHE_DIR:
    _keep_in_own_folder()
