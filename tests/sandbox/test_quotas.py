from __future__ import annotations

import threading
from dataclasses import replace

import pandas as pd
import pytest

from debuggers import errors
from debuggers.models.load import JailedModel, load_model
from debuggers.sandbox import quotas
from debuggers.sandbox.client import Limits
from debuggers.sandbox.quotas import Pool, Quotas
from debuggers.task import Task
from tests.models import graphs

ROW = pd.DataFrame({"x": [1.0]})


class Fake:
    """A worker without a process."""

    def __init__(self, owner: str = "", last_used: float = 1e18, memory: int = 0, *, busy: bool = False) -> None:
        self.owner, self.last_used, self.memory, self.busy = owner, last_used, memory, busy
        self.runs = True

    def is_running(self) -> bool:
        return self.runs

    def rest(self) -> bool:
        self.runs = self.runs and self.busy
        return not self.busy


def admitted(pool: Pool, *tenants: Fake) -> None:
    for tenant in tenants:
        pool.admit(tenant, "m")


def test_the_least_recently_used_worker_of_an_owner_makes_way() -> None:
    pool = Pool(replace(Quotas(), owner_workers=2))
    old, new, other, newest = Fake("a", 1e18), Fake("a", 2e18), Fake("b", 1e17), Fake("a", 3e18)
    admitted(pool, old, new, other, newest)
    assert [t.runs for t in (old, new, other)] == [False, True, True]


def test_workers_that_compute_do_not_make_way() -> None:
    pool = Pool(replace(Quotas(), owner_workers=1, workers=2))
    mine, yours = Fake("a", busy=True), Fake("b", busy=True)
    admitted(pool, mine, yours)
    with pytest.raises(errors.TooManyWorkers, match="1 models of yours"):
        pool.admit(Fake("a"), "m")
    with pytest.raises(errors.TooManyWorkers, match="all 2 workers"):
        pool.admit(Fake("c"), "m")


def test_idle_workers_make_way_for_memory_and_with_time() -> None:
    pool = Pool(replace(Quotas(), memory=100))
    heavy, light = Fake(memory=90, last_used=1e17), Fake(memory=20)
    admitted(pool, heavy, light, Fake())
    assert (heavy.runs, light.runs) == (False, True)
    forgotten = Fake(last_used=0.0)
    admitted(pool, forgotten, Fake())
    assert not forgotten.runs


def test_a_worker_that_made_way_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "_pool", Pool(replace(Quotas(), owner_workers=1)))
    first, second = (load_model(graphs.linear([[2.0]]), task=Task.REGRESSION, owner="me") for _ in range(2))
    assert (first.pid is None, second.pid is None) == (True, False)
    assert first.predict(ROW).tolist() == [2.0]
    assert (first.pid is None, second.pid is None) == (False, True)
    assert second.predict(ROW).tolist() == [2.0]
    first.close()
    second.close()


def test_a_worker_that_used_half_of_its_processor_time_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(graphs.linear([[2.0]]), task=Task.REGRESSION, limits=Limits(cpu=100))
    before = model.pid
    assert model.predict(ROW).tolist() == [2.0]
    assert model.pid == before
    monkeypatch.setattr("debuggers.sandbox.connection.Connection.cpu", lambda self: 51.0 if self.pid == before else 0.0)
    assert model.predict(ROW).tolist() == [2.0]
    assert model.pid != before
    model.close()


class Call(threading.Thread):
    """A call that computes until it is told to end."""

    def __init__(self, pool: Pool, owner: str) -> None:
        super().__init__(daemon=True)
        self.pool, self.owner = pool, owner
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with self.pool.turn(self.owner, threading.Lock(), "m"):
            self.begun.set()
            self.may_end.wait(60)

    def end(self) -> None:
        self.may_end.set()
        self.join(60)


def test_calls_take_turns_by_owner_and_in_total() -> None:
    pool = Pool(replace(Quotas(), calls=2, owner_calls=1, patience=0.01))
    first = Call(pool, "a")
    assert first.begun.wait(60)
    with pytest.raises(errors.Busy, match=r"within 0\.01 s"), pool.turn("a", threading.Lock(), "m"):
        pass
    second = Call(pool, "b")
    assert second.begun.wait(60)
    with pytest.raises(errors.Busy), pool.turn("c", threading.Lock(), "m"):
        pass
    first.end()
    with pool.turn("c", threading.Lock(), "m"):
        pass
    second.end()


def test_a_queue_is_bounded() -> None:
    pool = Pool(replace(Quotas(), calls=1, owner_calls=1, owner_queue=1))
    computing = Call(pool, "a")
    assert computing.begun.wait(60)
    waiting = Call(pool, "a")
    while not pool._waiting["a"]:
        pass
    with pytest.raises(errors.Busy, match="too many calls wait"), pool.turn("a", threading.Lock(), "m"):
        pass
    computing.end()
    assert waiting.begun.wait(60)
    waiting.end()
    assert not pool._waiting
    assert not pool._computing


def test_a_turn_that_fails_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(replace(Quotas(), calls=1, owner_calls=1, patience=0.01))
    lock = threading.Lock()
    with pytest.raises(ZeroDivisionError), pool.turn("a", lock, "m"):
        raise ZeroDivisionError
    with pool.turn("a", lock, "m"), pytest.raises(errors.Busy), pool.turn("a", lock, "m"):
        pass
    assert not lock.locked()


def test_quotas_come_from_the_environment() -> None:
    found = Quotas.from_environment({"FAULTLINE_OWNER_WORKERS": "3", "FAULTLINE_WORKERS_MEMORY_MB": "10"})
    assert (found.owner_workers, found.memory) == (3, 10 << 20)
    with pytest.raises(errors.UnusableOption, match="FAULTLINE_QUEUE"):
        Quotas.from_environment({"FAULTLINE_QUEUE": "none"})


def test_the_limit_on_a_worker_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_WORKER_MEMORY_MB", "700")
    assert Limits().memory == 700 << 20


def test_models_are_unowned_by_default() -> None:
    model = load_model(graphs.linear([[2.0]]), task=Task.REGRESSION)
    assert isinstance(model, JailedModel)
    assert model._worker.owner == ""
    model.close()
