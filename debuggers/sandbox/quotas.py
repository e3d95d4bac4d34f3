"""How many workers there may be and how many calls at once, for one owner and for all together."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from debuggers import errors
from debuggers.sandbox.process import cores

_MEBIBYTE = 1 << 20


def machine_memory() -> int:
    """Return the bytes of memory that this process and its children may use: the machine's, or the container's."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 8 << 30
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return min(found, int(text)) if text.isdecimal() else found


@dataclass(frozen=True)
class Quotas:
    """What all workers of this process may take together, and what one owner may.

    Parameters
    ----------
    workers, owner_workers : int
        Worker processes at a time; the least recently used idle one makes way.
    calls, owner_calls : int
        Calls that compute at the same time.
    queue, owner_queue : int
        Calls that wait for their turn.
    patience : float
        Seconds that a call waits.
    memory : int
        Resident bytes of all workers, beyond which no other is started.
    idle : float
        Seconds after which an idle worker is ended; it comes back with the next call.
    """

    workers: int = 64
    owner_workers: int = 8
    calls: int = 2 * cores()
    owner_calls: int = max(2, cores())
    queue: int = 256
    owner_queue: int = 64
    patience: float = 60.0
    memory: int = machine_memory() * 3 // 4
    idle: float = 1800.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Quotas:
        """Return the defaults, or what the person who runs the server has set.

        Reads ``FAULTLINE_WORKERS``, ``FAULTLINE_OWNER_WORKERS``, ``FAULTLINE_CALLS``, ``FAULTLINE_OWNER_CALLS``,
        ``FAULTLINE_QUEUE``, ``FAULTLINE_OWNER_QUEUE``, ``FAULTLINE_PATIENCE`` and ``FAULTLINE_IDLE`` (seconds), and
        ``FAULTLINE_WORKERS_MEMORY_MB``: positive whole numbers.

        Raises
        ------
        UnusableOption
            A variable that is no positive whole number.

        Examples
        --------
        >>> Quotas.from_environment({"FAULTLINE_WORKERS": "4"}).workers
        4
        """
        environment = os.environ if environment is None else environment
        found: dict[str, int] = {}
        for field in fields(cls):
            in_megabytes = field.name == "memory"
            variable = "FAULTLINE_WORKERS_MEMORY_MB" if in_megabytes else f"FAULTLINE_{field.name.upper()}"
            text = environment.get(variable, "").strip()
            if text:
                found[field.name] = positive(variable, text) * (_MEBIBYTE if in_megabytes else 1)
        return cls(**found)


def positive(variable: str, text: str) -> int:
    """Return a setting that is a positive whole number."""
    if not text.isdecimal() or int(text) == 0:
        raise errors.UnusableOption(variable, text, "a positive whole number")
    return int(text)


class Tenant(Protocol):
    """A worker as the pool sees it."""

    @property
    def owner(self) -> str:
        """Whose it is."""

    @property
    def last_used(self) -> float:
        """When it was last asked, on the monotonic clock."""

    @property
    def memory(self) -> int:
        """Resident bytes of its process, 0 without one."""

    def is_running(self) -> bool:
        """Whether it has a process."""

    def rest(self) -> bool:
        """End its process if nobody is using it, and return whether it did."""


class Pool:
    """All workers of this process, and the queue of their calls."""

    def __init__(self, quotas: Quotas) -> None:
        self.quotas = quotas
        self._tenants: weakref.WeakSet[Tenant] = weakref.WeakSet()
        self._admission = threading.Lock()
        self._changed = threading.Condition()
        self._computing: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()

    def admit(self, newcomer: Tenant, name: str) -> None:
        """Make room for one more process.

        Raises
        ------
        TooManyWorkers
            All others are in use.
        """
        quotas = self.quotas
        with self._admission:
            self._tenants.add(newcomer)
            others = sorted((t for t in self._tenants if t is not newcomer and t.is_running()), key=_age)
            for stale in [t for t in others if time.monotonic() - t.last_used > quotas.idle]:
                if stale.rest():
                    others.remove(stale)
            own = [t for t in others if t.owner == newcomer.owner]
            while len(own) >= quotas.owner_workers:
                gone = _rest_one(own, name, f"{quotas.owner_workers} models of yours are computing")
                others.remove(gone)
            while len(others) >= quotas.workers:
                _rest_one(others, name, f"all {quotas.workers} workers of this server are computing")
            while sum(t.memory for t in others) > quotas.memory:
                _rest_one(others, name, "the workers of this server hold all the memory that they may")

    @contextmanager
    def turn(self, owner: str, lock: threading.Lock, name: str) -> Iterator[None]:
        """Hold a worker's lock and one of the places for calls that compute.

        Raises
        ------
        Busy
            Too many calls wait already, or this one waited too long.
        """
        until = time.monotonic() + self.quotas.patience
        with self._changed:
            if self._waiting.total() >= self.quotas.queue or self._waiting[owner] >= self.quotas.owner_queue:
                raise errors.Busy(name, "too many calls wait for their turn already")
            self._waiting[owner] += 1
        try:
            if not lock.acquire(timeout=max(0.0, until - time.monotonic())):
                raise errors.Busy(name, f"no turn came within {self.quotas.patience:g} s")
            try:
                self._take_place(owner, name, until)
            except BaseException:
                lock.release()
                raise
        finally:
            with self._changed:
                self._waiting[owner] -= 1
                self._waiting += Counter()  # without owners that have none
        try:
            yield
        finally:
            lock.release()
            with self._changed:
                self._computing[owner] -= 1
                self._computing += Counter()
                self._changed.notify_all()

    def _take_place(self, owner: str, name: str, until: float) -> None:
        def is_free() -> bool:
            return self._computing.total() < self.quotas.calls and self._computing[owner] < self.quotas.owner_calls

        with self._changed:
            if not self._changed.wait_for(is_free, timeout=max(0.0, until - time.monotonic())):
                raise errors.Busy(name, f"no turn came within {self.quotas.patience:g} s")
            self._computing[owner] += 1


def _age(tenant: Tenant) -> float:
    return tenant.last_used


def _rest_one(tenants: list[Tenant], name: str, reason: str) -> Tenant:
    """End the least recently used idle process and take it off the list."""
    for tenant in tenants:
        if tenant.rest():
            tenants.remove(tenant)
            return tenant
    raise errors.TooManyWorkers(name, reason)


_pool: Pool | None = None
_pool_lock = threading.Lock()


def pool() -> Pool:
    """Return the pool of this process."""
    global _pool  # noqa: PLW0603 -- a process has one
    with _pool_lock:
        if _pool is None:
            _pool = Pool(Quotas.from_environment())
        return _pool
