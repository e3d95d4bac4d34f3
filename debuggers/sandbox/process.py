"""The app's handle of a worker process: forked by a zygote on Linux, started anew elsewhere."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from debuggers.sandbox import jail
from debuggers.sandbox.protocol import Deadline

PASSED_ON = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
_BURIAL = 10_000  # turns that are waited for it, some milliseconds
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Start:
    """How a worker is started.

    Parameters
    ----------
    family : str
        Which zygote forks it: those of one family share what they have imported.
    modules : tuple of str
        Libraries that the zygote imports before it forks.
    without : tuple of str
        Modules that these libraries must not find.
    bounds : Bounds
    required : bool
        Whether it must not run without the whole jail.
    entry : str
        Module of this package whose ``serve(connection, files)`` is the worker.
    """

    family: str
    modules: tuple[str, ...]
    without: tuple[str, ...]
    bounds: jail.Bounds
    required: bool
    entry: str = "debuggers.sandbox.worker"


class Process(Protocol):
    """A worker process."""

    @property
    def pid(self) -> int:
        """Its id."""

    def is_alive(self) -> bool:
        """Whether it has not ended."""

    def kill(self) -> None:
        """End it, and wait until it is gone."""


def start(how: Start, theirs: socket.socket, until: Deadline, files: Sequence[int] = ()) -> Process:
    """Start a worker that serves `theirs`, which this process may close afterwards.

    Parameters
    ----------
    files : sequence of int
        Descriptors that it finds open.


    Raises
    ------
    OSError, TimeoutError
        No process could be started, or not in time.
    """
    if not has_zygotes():
        return Spawned(_spawner(os.getpid()).submit(_spawn_worker, how, theirs, files).result())
    try:
        return zygote(how.family).fork(how, theirs, until, files)
    except (EOFError, ConnectionError):  # it has died since the last worker; a new one is made once
        return zygote(how.family).fork(how, theirs, until, files)


def warm(how: Start) -> None:
    """Have a zygote import its libraries, so that the first worker need not wait for it."""
    if has_zygotes():
        zygote(how.family).load(how)


def has_zygotes() -> bool:
    """Return whether workers are forked by a zygote on this system."""
    return sys.platform.startswith("linux") and hasattr(os, "pidfd_open")


# --- forked workers -------------------------------------------------------------------------------------------------


class Forked:
    """A worker that a zygote forked, held by a descriptor that cannot come to mean another process."""

    def __init__(self, pid: int, watch: int) -> None:
        self.pid = pid
        self._watch = watch
        self._gone = False
        self.close = weakref.finalize(self, os.close, watch)

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return not self._gone and not self._ended(0)

    def kill(self) -> None:
        """End it, and wait until it is gone."""
        if self._gone:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._watch, signal.SIGKILL)
            self._ended(None)
            # It has ended; its zygote buries it in the same moment. If that is gone, nobody may ever.
            for _ in range(_BURIAL):
                signal.pidfd_send_signal(self._watch, 0)
                os.sched_yield()
        self._gone = True

    def _ended(self, milliseconds: int | None) -> bool:
        poll = select.poll()
        poll.register(self._watch, select.POLLIN)
        return bool(poll.poll(milliseconds))


class Zygote:
    """The zygote of a family, started with this object."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._popen = _spawner(os.getpid()).submit(_spawn, "zygote", theirs, [theirs.fileno()]).result()
        self.end = weakref.finalize(self, _end, os.getpid(), self._popen, self._control)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self.end.alive and self._popen.poll() is None

    def fork(self, how: Start, theirs: socket.socket, until: Deadline, files: Sequence[int] = ()) -> Process:
        """Return a new worker.

        Raises
        ------
        EOFError, OSError, TimeoutError
            The zygote died, or does not answer in time; it is ended then.
        """
        message, descriptors = self._ask(how, [theirs.fileno(), *files], until)
        pid = json.loads(message)["pid"]
        return Forked(pid, descriptors[0])

    def load(self, how: Start) -> None:
        """Import the libraries that `how` names."""
        self._ask(how, [], Deadline(None))

    def _ask(self, how: Start, descriptors: Sequence[int], until: Deadline) -> tuple[bytes, list[int]]:
        request = asdict(how)
        with self._lock:
            try:
                self._control.settimeout(until.left())
                socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
                message, received, _, _ = socket.recv_fds(self._control, 1 << 16, 1)
            except BaseException:  # an interrupt, too, leaves an exchange half done
                self.end()
                raise
            if not message:
                self.end()
                raise EOFError("the process that forks workers has ended")
        return message, received


_zygotes: dict[tuple[int, str], Zygote] = {}
_zygotes_lock = threading.Lock()


def zygote(family: str) -> Zygote:
    """Return the running zygote of a family; one that died is replaced."""
    with _zygotes_lock:
        key = (os.getpid(), family)  # a fork of the app has its own
        found = _zygotes.get(key)
        if found is None or not found.is_alive():
            found = _zygotes[key] = Zygote()
        return found


# --- processes of our own -------------------------------------------------------------------------------------------


class Spawned:
    """A worker that was started as a process of its own."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    @property
    def pid(self) -> int:
        """Its id."""
        return self._popen.pid

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def kill(self) -> None:
        """End it, and wait until it is gone."""
        self._popen.kill()
        self._popen.wait()


@functools.cache
def _spawner(pid: int) -> Executor:  # noqa: ARG001 -- one for each process: threads do not survive a fork
    """Return the one thread that starts processes.

    A child asks the kernel to be killed when its parent dies, and to the kernel the parent is the *thread* that
    started it; a thread of the web server that ends would take its children along.
    """
    return ThreadPoolExecutor(1, thread_name_prefix="worker-spawner")


def _spawn_worker(how: Start, theirs: socket.socket, files: Sequence[int]) -> subprocess.Popen[bytes]:
    told = json.dumps({**asdict(how), "files": list(files)})
    if sys.platform != "win32":
        return _spawn("entry", theirs, [theirs.fileno(), *files], told)
    popen = _spawn("entry", theirs, [], told, stdin=subprocess.PIPE)
    assert popen.stdin is not None
    with popen.stdin as pipe:
        pipe.write(theirs.share(popen.pid))  # Windows hands a socket over as bytes for one process
    return popen


def _spawn(
    module: str, theirs: socket.socket, inherited: Sequence[int], *more: str, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-s", "-m", f"debuggers.sandbox.{module}", str(theirs.fileno()), str(os.getpid())]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603 -- our own interpreter and module
        [*command, *more],
        stdin=stdin,
        stdout=nothing,
        stderr=nothing,
        pass_fds=inherited,
        cwd=_ROOT.anchor,
        env=_environment(),
        start_new_session=True,  # Ctrl-C in a terminal is for the app, which ends its workers in order
    )


def _environment() -> dict[str, str]:
    """Return all that a worker inherits: no secret, and what keeps libraries from starting threads before the fork."""
    system = ("SYSTEMROOT",) if sys.platform == "win32" else ()
    return {
        **{name: os.environ[name] for name in (*PASSED_ON, *system) if name in os.environ},
        "PATH": os.defpath,
        "HOME": os.devnull,  # nothing can be written below it
        "PYTHONPATH": str(_ROOT),
        "OMP_NUM_THREADS": str(cores()),
        "OMP_WAIT_POLICY": "PASSIVE",
        "OPENBLAS_NUM_THREADS": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # Arrow's own reserves by the gigabyte, which the limits count
        "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime otherwise reports each session to its maker
    }


def cores() -> int:
    """Return how many threads this process may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end(owner: int, popen: subprocess.Popen[bytes], control: socket.socket) -> None:
    if os.getpid() != owner:  # a fork of the app must not end the app's zygotes
        return
    popen.kill()
    popen.wait()
    control.close()
