"""Long work in pieces: progress, cancelling, and blocks of rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

P = TypeVar("P")
A = TypeVar("A")


class Cancelled(Exception):
    """The person cancelled the work; raised by `report` in the middle of it."""


@dataclass
class Progress:
    """How far some work is; shared between the thread that works and the one that shows it."""

    fraction: float = 0.0
    message: str = ""
    _cancelled: Event = field(default_factory=Event)

    def cancel(self) -> None:
        """Ask the work to stop at its next report."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether the work was asked to stop."""
        return self._cancelled.is_set()


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def tracked(progress: Progress) -> Iterator[Progress]:
    """Send what the code within reports to `progress`."""
    token = _current.set(progress)
    try:
        yield progress
    finally:
        _current.reset(token)


def report(fraction: float, message: str = "") -> None:
    """Say how far the work is, from 0 to 1; costs nothing where nobody listens.

    Raises
    ------
    Cancelled
        The person asked the work to stop.
    """
    progress = _current.get()
    if progress is None:
        return
    progress.fraction = min(max(fraction, 0.0), 1.0)
    progress.message = message or progress.message
    if progress.is_cancelled:
        raise Cancelled


def blocks(n: int, size: int, message: str = "") -> Iterator[slice]:
    """Yield slices that cover `n` rows in blocks of `size`, reporting progress before each."""
    for start in range(0, n, size):
        report(start / n, message)
        yield slice(start, min(start + size, n))


def in_threads(
    work: Callable[[P], A], pieces: Sequence[P], message: str = "", span: tuple[float, float] = (0, 1)
) -> list[A]:
    """Return what `work` returns for each piece, in their order; the pieces are shared out among the machine's cores.

    Parameters
    ----------
    work : callable
        Compiled code that gives the interpreter's lock away, or little code around it.
    pieces : sequence
    message : str
        What is reported while the pieces are done.
    span : (float, float)
        Where in the whole work's progress these pieces begin and end; equal ends: nothing is reported.
    """
    if len(pieces) < 2 or threads() < 2:
        return [work(piece) for piece in pieces]
    (low, high), found, progress = span, dict[int, A](), _current.get()
    left = iter(range(len(pieces)))

    def work_on() -> Iterator[int]:
        try:
            for i in left:
                found[i] = Context().run(work, pieces[i])  # what it reports is not the whole work's progress
                yield i
                if progress is not None and progress.is_cancelled:
                    raise Cancelled
        finally:
            for _ in left:  # nothing is left for the other threads to begin
                pass

    # The calling thread works too: it need not be woken, and the system gives new threads the other cores.
    with ThreadPoolExecutor(threads() - 1) as pool:
        helpers = [pool.submit(lambda: [None for _ in work_on()]) for _ in range(threads() - 1)]
        for i in work_on():
            if high > low:
                report(low + (high - low) * (i + 1) / len(pieces), message)
    for helper in helpers:
        helper.result()
    return [found[i] for i in range(len(pieces))]


def threads() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def row_parts(n: int, size: int) -> list[tuple[int, int]]:
    """Return ranges that cover `n` rows: at least one for each thread where rows suffice, none longer than `size`.

    Examples
    --------
    >>> row_parts(10, 4)[-1]
    (8, 10)
    """
    step = max(1, min(size, -(-n // threads())))
    return [(start, min(start + step, n)) for start in range(0, n, step)]
