"""Reading protobuf messages field by field, without their schema's classes."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator

Field = int | memoryview
Message = dict[int, list[Field]]


def message(data: bytes | memoryview) -> Message:
    """Return all fields of a message by number: varints as int, everything else as bytes.

    Raises
    ------
    ValueError
        The bytes are no message.

    Examples
    --------
    >>> found = message(bytes([0x08, 0x96, 0x01, 0x12, 0x02]) + b"hi")
    >>> found[1], bytes(found[2][0])
    ([150], b'hi')
    """
    found: Message = defaultdict(list)
    for number, value in _fields(memoryview(data)):
        found[number].append(value)
    return found


def floats(values: list[Field]) -> list[float]:
    """Return repeated floats, packed or not."""
    return [x for v in values if isinstance(v, memoryview) for (x,) in struct.iter_unpack("<f", v)]


def integers(values: list[Field]) -> list[int]:
    """Return repeated signed integers, packed or not."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        while at < len(value):
            item, at = _varint(value, at)
            found.append(item)
    return [n - (1 << 64) if n >> 63 else n for n in found]


def texts(values: list[Field]) -> list[str]:
    """Return repeated strings; bytes that are no UTF-8 are replaced."""
    return [bytes(v).decode("utf-8", "replace") for v in values if isinstance(v, memoryview)]


def text(values: list[Field]) -> str:
    """Return one string, empty if it is not there."""
    found = texts(values)
    return found[-1] if found else ""


def messages(values: list[Field]) -> Iterator[Message]:
    """Yield repeated messages."""
    for value in values:
        if isinstance(value, memoryview):
            yield message(value)


def _fields(data: memoryview) -> Iterator[tuple[int, Field]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if at + size > len(data):
            raise ValueError("a field that goes past the end")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number that does not end")
