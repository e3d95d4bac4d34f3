"""Named arrays on the wire: a list of name, type and shape in the header, and the raw elements one after the other.

Nothing is unpickled. The side that reads bounds the number of arrays, their types, axes and bytes before it takes
memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.sandbox.protocol import Bytes, Header, ProtocolError

Array = npt.NDArray[Any]

DTYPES = ("<f8", "<f4", "<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1", "|b1")
MAX_ARRAYS = 64
MAX_AXES = 4
MAX_BYTES = 1 << 30  # of all arrays of an answer
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Spec:
    """An array that is announced: its name, type and shape."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of its elements."""
        return self.dtype.itemsize * _product(self.shape)


def pack(arrays: Mapping[str, Array]) -> tuple[Header, list[Bytes]]:
    """Return the header's fields and the elements of some arrays; arrays of text travel in the header.

    Examples
    --------
    >>> pack({"weights": np.zeros((2, 3), np.float32), "names": np.array(["age", "job"])})[0]
    {'arrays': [['weights', '<f4', [2, 3]]], 'texts': {'names': ['age', 'job']}}
    """
    announced: list[list[Any]] = []
    parts: list[Bytes] = []
    texts: dict[str, list[str]] = {}
    for name, array in arrays.items():
        if array.dtype.kind in "UO":
            texts[name] = [str(text) for text in array.tolist()]
            continue
        plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        announced.append([name, plain.dtype.str, list(array.shape)])
        parts.append(plain.reshape(-1).data.cast("B") if plain.size else b"")
    return {"arrays": announced, "texts": texts}, parts


def announced(header: Header, size: int, most: int = MAX_BYTES) -> list[Spec]:
    """Return the arrays that an answer announces, checked against the length of its payload.

    Raises
    ------
    ProtocolError
        They are none of ours, too many or too large, or do not add up to `size`.
    """
    listed = header.get("arrays")
    if not isinstance(listed, list) or len(listed) > MAX_ARRAYS:
        raise ProtocolError("no list of arrays")
    specs = [_spec(entry) for entry in listed]
    if len({spec.name for spec in specs}) != len(specs):
        raise ProtocolError("two arrays of one name")
    total = sum(spec.nbytes for spec in specs)
    if total > most:
        raise ProtocolError(f"arrays of {total:,} bytes")
    if total != size:
        raise ProtocolError("arrays of another length than it says")
    return specs


def receive(specs: list[Spec], fill: Callable[[memoryview], None]) -> dict[str, Array]:
    """Return the announced arrays, whose elements `fill` reads one after the other."""
    found: dict[str, Array] = {}
    for spec in specs:
        # A byte that is neither 0 nor 1 is no boolean to NumPy's loops: compared, it is one again.
        dtype = np.dtype(np.uint8) if spec.dtype.kind == "b" else spec.dtype
        array = np.empty(spec.shape, dtype)
        if array.size:
            fill(array.reshape(-1).data.cast("B"))
        found[spec.name] = array != 0 if spec.dtype.kind == "b" else array
    return found


def texts(header: Header) -> dict[str, Array]:
    """Return the arrays of text in a header, of dtype object.

    Raises
    ------
    ProtocolError
        They are no lists of text.
    """
    found = header.get("texts", {})
    if not isinstance(found, dict) or len(found) > MAX_ARRAYS:
        raise ProtocolError("no lists of text")
    for name, listed in found.items():
        if not _NAME.fullmatch(name) or not isinstance(listed, list) or not all(isinstance(t, str) for t in listed):
            raise ProtocolError("no lists of text")
    return {name: np.array(listed, dtype=object) for name, listed in found.items()}


def _spec(entry: object) -> Spec:
    match entry:
        case [str(name), str(dtype), list(shape)] if (
            _NAME.fullmatch(name) and dtype in DTYPES and len(shape) <= MAX_AXES
        ):
            # NumPy refuses axes whose product overflows, even where one of them is 0.
            if all(type(n) is int and n >= 0 for n in shape) and _product([max(n, 1) for n in shape]) < 1 << 48:
                return Spec(name, np.dtype(dtype), tuple(shape))
    raise ProtocolError("an array of no known type and shape")


def _product(shape: Sequence[int]) -> int:
    """Return the number of elements, in Python's integers, which do not overflow."""
    count = 1
    for n in shape:
        count *= n
    return count
