"""What is made ready before a person needs it: kernels by the set-up, and workers while the first page is looked at.

``python -m serving.warming`` is that part of the set-up. Where nobody ran it, the server compiles in the background.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from debuggers import kernels
from debuggers.errors import InputError
from debuggers.execution import threads
from debuggers.sandbox import client

log = logging.getLogger("faultline")
# One format of each family: their zygotes import what the others of the family need as well.
FORMATS = ("xgboost-json", "pickle")


def warm_up() -> threading.Thread:
    """Start to make things ready and return the thread that does it."""
    thread = threading.Thread(target=_warm, name="faultline-warming", daemon=True)
    thread.start()
    return thread


def _warm() -> None:
    try:
        client.warm(FORMATS)
    except InputError as problem:
        log.warning("workers could not be made ready: %s", type(problem).__name__)
    warm_kernels()


def compile_kernels() -> None:
    """Compile what no earlier run compiled, the modules shared out among processes: part of the set-up."""
    with ProcessPoolExecutor(threads(), mp_context=get_context("spawn")) as pool:
        list(pool.map(_warm_module, [f"{kernels.__name__}.{found.name}" for found in _modules()]))


def warm_kernels() -> list[str]:
    """Compile every kernel, or read it from the disk where an earlier start compiled it; return their modules."""
    return [found.name for found in _modules() if _warm_module(f"{kernels.__name__}.{found.name}")]


def _modules() -> Iterator[pkgutil.ModuleInfo]:
    return pkgutil.iter_modules(kernels.__path__)


def _warm_module(name: str) -> bool:
    """Return whether a module has anything to compile, after that is done."""
    module = importlib.import_module(name)
    if hasattr(module, "warm"):
        module.warm()
        return True
    return False


if __name__ == "__main__":
    compile_kernels()
