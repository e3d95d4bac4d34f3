"""A running worker and the socket to it."""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from debuggers.sandbox import memory, process, protocol
from debuggers.sandbox.protocol import Deadline, Header


class Connection:
    """A worker process, the socket and the memory to it; it ends with `end`, or with this object.

    Raises
    ------
    OSError, EOFError, TimeoutError
        No process could be started, or not in time.
    """

    def __init__(self, how: process.Start, until: Deadline) -> None:
        self.signature: Header = {}
        self._requests = 0
        self._slots = memory.Slots() if process.has_zygotes() else None
        self._socket, theirs = socket.socketpair()
        readable = self._slots.open_for_reading() if self._slots else []
        try:
            self._process = process.start(how, theirs, until, readable)
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
            for descriptor in readable:
                os.close(descriptor)
        self._shared = _resident(self._process.pid)
        self.end = weakref.finalize(self, _end, os.getpid(), self._process, self._socket)

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self.end.alive and self._process.is_alive()

    def memory(self) -> int:
        """Return the resident bytes beyond those that it was born with."""
        return max(0, _resident(self.pid) - self._shared) if self.is_alive() else 0

    def cpu(self) -> float:
        """Return the seconds of processor time that it used; 0 where the system does not say."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, header: Mapping[str, Any], payload: Sequence[protocol.Bytes], until: Deadline) -> tuple[Header, int]:
        """Send a request and return the answer's header and the length of its payload."""
        self._requests += 1
        protocol.send(self._socket, {**header, "id": self._requests}, payload, until)
        return self.answer(until)

    def send_block(self, header: Mapping[str, Any], block: pa.RecordBatch, until: Deadline) -> None:
        """Send a request about a block of rows, through memory where there is some."""
        self._requests += 1
        payload = []
        if self._slots is None:
            payload = [stream(block)]
        else:
            slot = self._requests % memory.SLOTS
            header = {**header, "slot": slot, "size": self._slots.write(slot, block)}
        protocol.send(self._socket, {**header, "id": self._requests}, payload, until)

    def answer(self, until: Deadline) -> tuple[Header, int]:
        """Return the answer's header and the length of its payload."""
        answer, size = protocol.receive_header(self._socket, until)
        if answer.get("id") != self._requests:
            raise protocol.ProtocolError("the answer to another question")
        return answer, size

    def receive_into(self, view: memoryview, until: Deadline) -> None:
        """Fill `view` with what comes next of the answer."""
        protocol.receive_into(self._socket, view, until)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # it has ended, or this is no Linux
        return 0


def _end(owner: int, found: process.Process, connection: socket.socket) -> None:
    if os.getpid() != owner:  # a fork of the app must not end the app's workers
        return
    found.kill()
    connection.close()


def stream(block: pa.RecordBatch) -> memoryview:
    """Return a batch as the bytes of an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, block.schema) as writer:
        writer.write_batch(block)
    return memoryview(sink.getvalue())
