from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from debuggers.sandbox import protocol


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


Pair = tuple[socket.socket, socket.socket]


def test_a_message_arrives_as_it_was_sent(pair: Pair) -> None:
    protocol.send(pair[0], {"raw": True}, [b"1234", b"5678"])
    header, size = protocol.receive_header(pair[1])
    body = bytearray(size)
    protocol.receive_into(pair[1], memoryview(body))
    assert (header, bytes(body)) == ({"raw": True}, b"12345678")


@pytest.mark.parametrize("body", [b"no json", b"[1]", b"\xff", b"[" * 100_000])
def test_a_header_that_is_no_object_is_refused(pair: Pair, body: bytes) -> None:
    pair[0].sendall(protocol.PREFIX.pack(len(body), 0) + body)
    with pytest.raises(protocol.ProtocolError):
        protocol.receive_header(pair[1])


def test_a_huge_header_is_refused_before_memory_is_taken(pair: Pair) -> None:
    pair[0].sendall(protocol.PREFIX.pack(0xFFFFFFFF, 0))
    with pytest.raises(protocol.ProtocolError, match="4,294,967,295 bytes"):
        protocol.receive_header(pair[1])


def test_a_closed_socket_is_the_end(pair: Pair) -> None:
    pair[0].sendall(protocol.PREFIX.pack(10, 0) + b"{")
    pair[0].close()
    with pytest.raises(EOFError):
        protocol.receive_header(pair[1])


def test_silence_ends_at_the_deadline(pair: Pair) -> None:
    with pytest.raises(TimeoutError):
        protocol.receive_header(pair[1], protocol.Deadline(0.01))
    with pytest.raises(TimeoutError):
        protocol.Deadline(0.0).left()
