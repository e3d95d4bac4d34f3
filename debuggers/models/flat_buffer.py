"""Reading tables of a FlatBuffers message by the position of their fields, without their schema's classes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Table:
    """One table: its place in the message, and through it its fields.

    Parameters
    ----------
    data : bytes
        The whole message.
    at : int
    """

    data: bytes
    at: int

    @classmethod
    def root(cls, data: bytes) -> Table:
        """Return the table that the message begins with."""
        return cls(data, _number(data, "<I", 0))

    def scalar(self, field: int, code: str, otherwise: Any) -> Any:
        """Return a number of the type that `struct` calls `code`, or the default that the schema gives."""
        at = self._place(field)
        return otherwise if at is None else _number(self.data, f"<{code}", at)

    def array(self, field: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return a vector of numbers; empty where there is none."""
        start, length = self._vector(field)
        kind = np.dtype(dtype)
        if start + length * kind.itemsize > len(self.data):
            raise ValueError("a list that goes past the end")
        return np.frombuffer(self.data, kind, length, start) if length else np.zeros(0, kind)

    def table(self, field: int) -> Table | None:
        """Return a table; None where there is none."""
        at = self._place(field)
        return None if at is None else Table(self.data, at + _number(self.data, "<I", at))

    def tables(self, field: int) -> list[Table]:
        """Return a vector of tables."""
        start, length = self._vector(field)
        if start + 4 * length > len(self.data):
            raise ValueError("a list that goes past the end")
        places = range(start, start + 4 * length, 4)
        return [Table(self.data, at + _number(self.data, "<I", at)) for at in places]

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._place(field)
        if at is None:
            return 0, 0
        at += _number(self.data, "<I", at)
        return at + 4, _number(self.data, "<I", at)

    def _place(self, field: int) -> int | None:
        layout = self.at - _number(self.data, "<i", self.at)
        entry = 4 + 2 * field
        if entry + 2 > _number(self.data, "<H", layout):
            return None
        offset = _number(self.data, "<H", layout + entry)
        return self.at + offset if offset else None


def _number(data: bytes, code: str, at: int) -> Any:
    if not 0 <= at <= len(data) - struct.calcsize(code):
        raise ValueError("a position outside the message")
    return struct.unpack_from(code, data, at)[0]
