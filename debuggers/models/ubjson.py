"""Reading Universal Binary JSON; arrays of one type become numpy arrays, without a Python object per number."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

_STRUCTS = {
    marker: struct.Struct(f">{code}")
    for marker, code in zip((b"i", b"U", b"I", b"l", b"L", b"d", b"D"), "bBhiqfd", strict=True)
}
_DTYPES = {marker: np.dtype(found.format) for marker, found in _STRUCTS.items()}
_LENGTHS = (b"i", b"U", b"I", b"l", b"L")
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
        """Return the next bytes."""
        found = self._data[self._at : self._at + n]
        if n < 0 or len(found) != n:
            raise ValueError("a length that goes past the end")
        self._at += n
        return found

    def value(self, marker: bytes, depth: int) -> Any:
        """Return the value that follows its marker."""
        if marker in _STRUCTS:
            return self._number(marker)
        if marker == b"S":
            return self.take(self._length()).decode("utf-8")
        if marker == b"[":
            return self._array(depth + 1)
        if marker == b"{":
            return self._object(depth + 1)
        if marker in _PLAIN:
            return _PLAIN[marker]
        raise ValueError(f"an unknown marker {marker!r}")

    def _number(self, marker: bytes) -> int | float:
        kind = _STRUCTS[marker]
        (found,) = kind.unpack_from(self._data, self._at)
        self._at += kind.size
        return found  # type: ignore[no-any-return]

    def _length(self) -> int:
        marker = self.take(1)
        if marker not in _LENGTHS:
            raise ValueError("a length that is no integer")
        return int(self._number(marker))

    def _object(self, depth: int) -> dict[str, Any]:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        found = {}
        while self._data[self._at : self._at + 1] != b"}":
            key = self.take(self._length()).decode("utf-8")
            found[key] = self.value(self.take(1), depth)
        self._at += 1
        return found

    def _array(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        ahead = self.take(1)
        if ahead == b"$":
            return self._numbers()
        if ahead == b"#":
            return [self.value(self.take(1), depth) for _ in range(self._length())]
        found = []
        while ahead != b"]":
            found.append(self.value(ahead, depth))
            ahead = self.take(1)
        return found

    def _numbers(self) -> Any:
        """Return an array whose numbers are all of one type."""
        marker = self.take(1)
        if marker not in _DTYPES or self.take(1) != b"#":
            raise ValueError("an array of an unknown type")
        dtype = _DTYPES[marker]
        length = self._length()
        start, self._at = self._at, self._at + length * dtype.itemsize
        if length < 0 or self._at > len(self._data):
            raise ValueError("a length that goes past the end")
        return np.frombuffer(self._data, dtype, length, start).astype(dtype.newbyteorder("="))
