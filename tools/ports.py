"""Free ports for servers that are started by tests and benchmarks."""

from __future__ import annotations

import random
import socket

# Below the ports that systems give to outgoing connections: a browser that keeps trying to reach a server which is down
# could otherwise be given the server's own port, connect to itself, and so keep the server from coming back.
LOW, HIGH = 10_240, 32_000


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    while True:
        port = random.randrange(LOW, HIGH)  # noqa: S311 - no secret
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
