"""A stop waits for what is computed, and cancels what takes longer than it may."""

from __future__ import annotations

import signal
from threading import Event

import pytest
import uvicorn

from components import compute
from debuggers.execution import report
from serving import stopping
from serving.stopping import GracefulServer, finish_work


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch) -> compute.Desk:
    own = compute.Desk()
    monkeypatch.setattr(stopping, "desk", lambda: own)
    return own


def test_running_work_is_finished(desk: compute.Desk) -> None:
    begun, go_on = Event(), Event()

    def work() -> str:
        begun.set()
        go_on.wait()
        return "done"

    job = desk.submit(("work",), work)
    begun.wait()
    go_on.set()
    assert finish_work(60) == 0
    assert job.future.result() == "done"


def test_work_that_takes_too_long_is_cancelled(desk: compute.Desk) -> None:
    begun = Event()

    def endless() -> None:
        while True:
            begun.set()
            report(0.5, "still at work")

    job = desk.submit(("endless",), endless)
    begun.wait()
    assert finish_work(0) == 1
    assert job.future.done()


def test_work_that_has_not_begun_does_not_begin(desk: compute.Desk) -> None:
    begun, go_on = Event(), Event()

    def busy() -> None:
        begun.set()
        while not go_on.is_set():
            report(0.5, "busy")

    for i in range(compute.WORKERS):
        desk.submit((i,), busy)
    begun.wait()
    waiting = desk.submit(("waiting",), lambda: "never")
    assert finish_work(0) == compute.WORKERS + 1
    assert waiting.future.cancelled()


def test_the_first_signal_finishes_and_the_second_stops_at_once(desk: compute.Desk) -> None:
    begun, go_on, told = Event(), Event(), Event()

    def work() -> None:
        begun.set()
        go_on.wait()

    desk.submit(("work",), work)
    begun.wait()
    server = GracefulServer(uvicorn.Config("none:none"), told, 60)
    server.handle_exit(signal.SIGTERM, None)
    assert told.is_set()
    assert not server.should_exit
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
    go_on.set()
