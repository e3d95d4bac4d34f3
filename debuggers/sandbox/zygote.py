"""The process that forks workers: ``python -P -s -m debuggers.sandbox.zygote FD PARENT``.

It has a clean environment, imports the heavy libraries once, and never runs anything of a person's: no model, no table,
and no parallel region of OpenMP, whose threads a fork would not take along. A worker is a copy of it that enters the
jail before it reads its model, and is there in milliseconds instead of seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

from debuggers.models.adapter import without
from debuggers.sandbox import entry, jail

MAX_MESSAGE = 1 << 16
MAX_DESCRIPTORS = 8


def main() -> None:
    """Serve the control socket named on the command line until it closes."""
    jail.follow(parent=int(sys.argv[2]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended workers need no burial
    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control)


def serve(control: socket.socket) -> None:
    """Import what a request names and fork a worker for the socket that comes with it."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, MAX_DESCRIPTORS)
        if not message:
            return
        request = json.loads(message)
        load(request["modules"], request["without"])
        if not descriptors:
            control.send(b"{}")
            continue
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            become_worker(descriptors, parent, request)
        for descriptor in descriptors:
            os.close(descriptor)
        watch = os.pidfd_open(pid)
        socket.send_fds(control, [json.dumps({"pid": pid}).encode()], [watch])
        os.close(watch)


def load(modules: Sequence[str], absent: Sequence[str]) -> None:
    """Import libraries that are not there yet; one that cannot be imported is for the worker to complain about."""
    missing = [name for name in modules if name not in sys.modules]
    if not missing:
        return
    with without(*absent):
        for name in missing:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    if "joblib" in sys.modules:  # it counts cores by running a program, which a worker may not
        sys.modules["joblib"].cpu_count(only_physical_cores=True)
    gc.collect()
    gc.freeze()  # what is here is never collected again, so that its memory stays shared


def become_worker(descriptors: Sequence[int], parent: int, request: dict[str, Any]) -> None:
    """Turn this fork into a worker that has a socket, the files it was given, and no others; it never returns."""
    status = 1
    try:
        jail.follow(parent)
        end = keep_only(descriptors)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with socket.socket(fileno=3) as connection:
            entry.enter(connection, {**request, "files": list(range(4, end))})
        status = 0
    finally:
        os._exit(status)  # without what a model may have registered to run at exit


def keep_only(descriptors: Sequence[int]) -> int:
    """Make these the descriptors from 3 on, in their order, close all others, and return the first that is free."""
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 1000) for descriptor in descriptors]
    for place, descriptor in enumerate(high, 3):
        os.dup2(descriptor, place)
    end = 3 + len(high)
    os.closerange(end, 1 << 20)
    return end


if __name__ == "__main__":
    main()
