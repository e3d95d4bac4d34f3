"""How a process becomes a worker: into the jail first, then to what it is there for.

A fork of the zygote calls `enter`; where there is none, the app runs this module with FD, PARENT and HOW (as JSON).
The environment is clean and there are no standard streams, so a library that prints disturbs nobody.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

from debuggers.sandbox import jail, protocol


def main() -> None:
    """Serve the socket named on the command line."""
    descriptor, parent, how = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    jail.follow(parent)
    if sys.platform == "win32":
        connection = socket.fromshare(sys.stdin.buffer.read())
    else:
        connection = socket.socket(fileno=descriptor)
    with connection:
        enter(connection, how)
    os._exit(0)  # without what a model may have registered to run at exit


def enter(connection: socket.socket, how: Mapping[str, Any]) -> None:
    """Enter the jail and serve; without the jail that is required, say so to the first request and end.

    Parameters
    ----------
    how : mapping
        What `debuggers.sandbox.process.Start` says: the ``bounds`` of the jail and whether it is ``required``, the
        module of the ``entry`` whose `serve` takes over, and the ``files`` that it finds open.
    """
    serve = importlib.import_module(how["entry"]).serve
    try:
        jail.enter(jail.Bounds(**how["bounds"]), required=how["required"])
    except jail.JailFailed as error:
        header, _ = protocol.receive(connection)
        protocol.send(connection, {"id": header["id"], "error": "jail", "reason": str(error)})
        return
    with contextlib.suppress(EOFError, ConnectionError):  # the app is done with it
        serve(connection, how["files"])


if __name__ == "__main__":
    main()
