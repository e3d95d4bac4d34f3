"""Whether a file is a pickle, found by looking at its first bytes; nothing in it is run."""

from __future__ import annotations

import bz2
import io
import lzma
import pickletools
import re
import zipfile
import zlib

PEEK = 1 << 16  # bytes that are looked at, also after unpacking
_ZIP = b"PK\x03\x04"
_LZ4 = b"\x04\x22\x4d\x18"  # joblib writes it, no model format that we read does
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_CALLS = frozenset(("REDUCE", "BUILD", "OBJ", "NEWOBJ", "NEWOBJ_EX", "INST"))


def is_pickle(data: bytes) -> bool:
    r"""Return whether `data` is a pickle, plain or packed as joblib does.

    Examples
    --------
    >>> import pickle
    >>> [is_pickle(pickle.dumps({"a": 1}, protocol)) for protocol in (0, 2, 5)]
    [True, True, True]
    >>> is_pickle(b"age,income\n31,1200\n")
    False
    """
    if data.startswith(_LZ4):
        return True
    return not data.startswith(_ZIP) and _opens_as_pickle(_unpacked(data))


def is_packed(data: bytes) -> bool:
    """Return whether a pickle is compressed."""
    return data.startswith(_LZ4) or _unpacked(data) != data[:PEEK]


def holds_pickles(data: bytes) -> bool:
    """Return whether this is a zip of pickles, as torch writes it, or a NumPy file of pickled objects."""
    return _zip_of_pickles(data) if data.startswith(_ZIP) else _object_array(_unpacked(data))


def _unpacked(data: bytes) -> bytes:
    """Return the first bytes, unpacked if they are packed by zlib, gzip, bz2, xz or lzma."""
    packed = data[:PEEK]
    if re.match(rb"ZF0x[0-9a-f]+\s*", packed):  # joblib before 0.10: a length in text, then zlib
        packed = packed[packed.find(b"\x78") :]
    try:
        if packed[:2] == b"\x1f\x8b":
            return zlib.decompressobj(wbits=31).decompress(packed, PEEK)
        if packed[:1] == b"\x78":
            return zlib.decompressobj().decompress(packed, PEEK)
        if packed[:3] == b"BZh":
            return bz2.BZ2Decompressor().decompress(packed, PEEK)
        if packed[:6] == b"\xfd7zXZ\x00" or packed[:3] == b"\x5d\x00\x00":
            return lzma.LZMADecompressor().decompress(packed, PEEK)
    except (zlib.error, OSError, lzma.LZMAError):
        return packed  # it only looked packed
    return packed


def _opens_as_pickle(head: bytes) -> bool:
    if re.match(rb"\x80[\x02-\x05]", head):
        return True
    names = calls = ops = 0
    try:
        for opcode, argument, _ in pickletools.genops(head):
            ops += 1
            if opcode.name in ("GLOBAL", "INST"):
                names += all(_NAME.fullmatch(part) for part in str(argument).split(" "))
            calls += opcode.name in _CALLS
            if names and calls:
                return True
    except (ValueError, IndexError, OverflowError, UnicodeDecodeError):
        return False  # an opcode that is none: protocols 0 and 1 have no signature, so this is how text ends up here
    return ops > 1


def _object_array(head: bytes) -> bool:
    """Return whether this is a NumPy file whose elements are pickled objects."""
    return head.startswith(b"\x93NUMPY") and b"'|O'" in head[:256]


def _zip_of_pickles(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(name.endswith((".pkl", ".pickle", ".joblib", ".npy")) for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return b"data.pkl" in data
