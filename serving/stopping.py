"""A stop that lets running work finish and reach the disk."""

from __future__ import annotations

import logging
import threading
from concurrent import futures
from types import FrameType

import uvicorn

from components import saving
from components.compute import desk

log = logging.getLogger("faultline")
LAST_SECONDS = 5.0  # for work to notice that it was cancelled


class GracefulServer(uvicorn.Server):
    """A server that at the first signal takes no more sessions and finishes what it computes, and at the second stops.

    Parameters
    ----------
    config : uvicorn.Config
    stopping : Event
        Set at the first signal.
    seconds : float
        How long it waits.
    """

    def __init__(self, config: uvicorn.Config, stopping: threading.Event, seconds: float) -> None:
        super().__init__(config)
        self._stopping, self._seconds = stopping, seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if self._stopping.is_set():
            super().handle_exit(sig, frame)
            return
        self._stopping.set()
        threading.Thread(target=self._finish, name="faultline-stopping").start()

    def _finish(self) -> None:
        unfinished = finish_work(self._seconds)
        log.info("stopped", extra={"unfinished": unfinished})
        self.should_exit = True


def finish_work(seconds: float) -> int:
    """Wait for what is being computed and written; return how much was cancelled because it took longer."""
    at_work = desk().at_work()
    left = futures.wait(at_work, seconds).not_done
    if left:
        desk().cancel_all()
        futures.wait(left, LAST_SECONDS)
    saving.flush()
    return len(left)
