"""What is made ready in the background while the first person looks at the first page: workers and kernels."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import threading

from debuggers import kernels
from debuggers.errors import InputError
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


def warm_kernels() -> list[str]:
    """Compile every kernel, or read it from the disk where an earlier start compiled it; return their modules."""
    warmed = []
    for found in pkgutil.iter_modules(kernels.__path__):
        module = importlib.import_module(f"{kernels.__name__}.{found.name}")
        if hasattr(module, "warm"):
            module.warm()
            warmed.append(found.name)
    return warmed
