"""Reading Universal Binary JSON; arrays of one type become numpy arrays, without a Python object per number."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

_NUMBERS = {
    b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8",
}  # fmt: skip
_STRUCTS = {
    marker: struct.Struct(code)
    for marker, code in zip(_NUMBERS, (">b", ">B", ">h", ">i", ">q", ">f", ">d"), strict=True)
}
_PLAIN = {b"Z": None, b"T": True, b"F": False}
_DEEPEST = 100


def read(data: bytes | bytearray) -> Any:
    r"""Return the value that the bytes hold.

    Raises
    ------
    ValueError
        They are no UBJSON.

    Examples
    --------
    >>> read(b"{i\x01a[$i#i\x02\x03\x04i\x01bT}")
    {'a': array([3, 4], dtype=int8), 'b': True}
    """
    reader = _Reader(bytes(data))
    try:
        return reader.value(reader.take(1), 0)
    except (struct.error, IndexError) as error:
        raise ValueError("it ends too early") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, n: int) -> bytes:
        if n < 0 or self._at + n > len(self._data):
            raise ValueError("a length that goes past the end")
        self._at += n
        return self._data[self._at - n : self._at]

    def value(self, marker: bytes, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        if marker in _STRUCTS:
            found = _STRUCTS[marker]
            return found.unpack(self.take(found.size))[0]
        if marker == b"S":
            return self.text()
        if marker == b"{":
            return self._object(depth)
        if marker == b"[":
            return self._array(depth)
        if marker in _PLAIN:
            return _PLAIN[marker]
        raise ValueError(f"an unknown marker {marker!r}")

    def text(self) -> str:
        return self.take(self._length()).decode("utf-8")

    def _length(self) -> int:
        found = self.value(self.take(1), 0)
        if not isinstance(found, int):
            raise ValueError("a length that is no integer")  # noqa: TRY004 -- of the bytes, not of an argument
        return found

    def _object(self, depth: int) -> dict[str, Any]:
        found = {}
        while self._data[self._at : self._at + 1] != b"}":
            key = self.text()
            found[key] = self.value(self.take(1), depth + 1)
        self._at += 1
        return found

    def _array(self, depth: int) -> Any:
        ahead = self.take(1)
        if ahead == b"$":
            marker = self.take(1)
            if self.take(1) != b"#" or marker not in _NUMBERS:
                raise ValueError("an array of an unknown type")
            dtype = np.dtype(_NUMBERS[marker])
            raw = np.frombuffer(self.take(self._length() * dtype.itemsize), dtype)
            return raw.astype(dtype.newbyteorder("="))
        if ahead == b"#":
            return [self.value(self.take(1), depth + 1) for _ in range(self._length())]
        found = []
        while ahead != b"]":
            found.append(self.value(ahead, depth + 1))
            ahead = self.take(1)
        return found
