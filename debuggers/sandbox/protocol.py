"""What the app and a worker say to each other: a JSON header and raw bytes behind it, both of announced length.

Nothing is ever unpickled. The side that must not trust the other, the app, bounds every length before it allocates
memory for an answer.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

Header = dict[str, Any]
Bytes = bytes | bytearray | memoryview

PREFIX = struct.Struct("<IQ")  # length of the header, length of the payload
MAX_HEADER = 16 << 20


class ProtocolError(Exception):
    """An answer that does not keep to the protocol."""


class Deadline:
    """A moment on the monotonic clock by which an exchange has to be over.

    Parameters
    ----------
    seconds : float or None
        Time from now; None means that there is no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Return the seconds that are left.

        Raises
        ------
        TimeoutError
            None are.
        """
        if self._end is None:
            return None
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


FOREVER = Deadline(None)


def send(
    connection: socket.socket, header: Mapping[str, Any], payload: Sequence[Bytes] = (), until: Deadline = FOREVER
) -> None:
    """Send one message, whose payload may come in parts.

    Raises
    ------
    TimeoutError, OSError
        The other side does not take it in time, or is gone.
    """
    body = json.dumps(header).encode()
    size = sum(memoryview(part).nbytes for part in payload)
    for part in (PREFIX.pack(len(body), size) + body, *payload):
        connection.settimeout(until.left())
        connection.sendall(part)


def receive_header(connection: socket.socket, until: Deadline = FOREVER) -> tuple[Header, int]:
    """Return the next message's header and the length of the payload that follows it.

    Raises
    ------
    EOFError
        The other side is gone.
    TimeoutError
        It says nothing in time.
    ProtocolError
        What it says is no header.
    """
    prefix = bytearray(PREFIX.size)
    receive_into(connection, memoryview(prefix), until)
    length, size = PREFIX.unpack(prefix)
    if length > MAX_HEADER:
        raise ProtocolError(f"a header of {length:,} bytes")
    body = bytearray(length)
    receive_into(connection, memoryview(body), until)
    try:
        header = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a header that is no JSON") from error
    if not isinstance(header, dict):
        raise ProtocolError("a header that is no object")
    return header, size


def receive(connection: socket.socket) -> tuple[Header, bytearray]:
    """Return the next message, header and payload, of a side that is trusted not to send too much.

    Raises
    ------
    EOFError
        The other side is gone.
    """
    header, size = receive_header(connection)
    payload = bytearray(size)
    receive_into(connection, memoryview(payload))
    return header, payload


def receive_into(connection: socket.socket, view: memoryview, until: Deadline = FOREVER) -> None:
    """Fill `view` (bytes) with what comes next.

    Raises
    ------
    EOFError
        The other side is gone.
    TimeoutError
        It does not send that much in time.
    """
    while view:
        connection.settimeout(until.left())
        received = connection.recv_into(view)
        if received == 0:
            raise EOFError
        view = view[received:]
