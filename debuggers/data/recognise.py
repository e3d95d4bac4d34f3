"""What a file is, by its first bytes and never by its name."""

from __future__ import annotations

from enum import StrEnum

Bytes = memoryview


class Format(StrEnum):
    """What can be read, as a person calls it."""

    PARQUET = "Parquet"
    ARROW = "Feather"
    ARROW_STREAM = "Arrow stream"
    FEATHER_1 = "Feather version 1"
    ZIP = "zip"
    GZIP = "gzip"
    EXCEL = "Excel"
    TEXT = "CSV"


_READABLE = (
    (b"PAR1", Format.PARQUET),
    (b"ARROW1", Format.ARROW),
    (b"\xff\xff\xff\xff", Format.ARROW_STREAM),
    (b"FEA1", Format.FEATHER_1),
    (b"PK\x03\x04", Format.ZIP),
    (b"PK\x05\x06", Format.ZIP),
    (b"\x1f\x8b", Format.GZIP),
)

#: Files that people choose by mistake; naming them is half of the help.
_OTHERS = (
    (b"\x89PNG", "it is a PNG image"),
    (b"\xff\xd8\xff", "it is a JPEG image"),
    (b"GIF8", "it is a GIF image"),
    (b"%PDF", "it is a PDF document"),
    (b"\xd0\xcf\x11\xe0", "it is an old Excel or Word file; save it as .xlsx"),
    (b"SQLite format 3", "it is an SQLite database"),
    (b"\x89HDF", "it is an HDF5 file"),
    (b"\x93NUMPY", "it is a NumPy array"),
    (b"PARE", "it is an encrypted Parquet file"),
    (b"ORC", "it is an ORC file"),
    (b"Obj\x01", "it is an Avro file"),
    (b"\x7fELF", "it is a program"),
    (b"MZ\x90", "it is a program"),
    (b"BZh", "it is packed with bzip2; unpack it, or pack it with gzip or zip"),
    (b"\xfd7zXZ", "it is packed with xz; unpack it, or pack it with gzip or zip"),
    (b"\x28\xb5\x2f\xfd", "it is packed with zstd; unpack it, or pack it with gzip or zip"),
    (b"7z\xbc\xaf", "it is a 7z archive; unpack it, or pack it with gzip or zip"),
    (b"Rar!", "it is a RAR archive; unpack it, or pack it with gzip or zip"),
    (b"CBM1", "it is a CatBoost model"),
)


def recognise(data: Bytes) -> Format | None:
    """Return the format that the first bytes announce, or None where they announce none (it may be text).

    Examples
    --------
    >>> recognise(memoryview(b"PAR1...")).value
    'Parquet'
    """
    head = bytes(data[:16])
    return next((form for magic, form in _READABLE if head.startswith(magic)), None)


def looks_like(data: Bytes) -> str | None:
    """Return what a file is that is no table, or None.

    Examples
    --------
    >>> looks_like(memoryview(b"%PDF-1.7"))
    'it is a PDF document'
    """
    head = bytes(data[:512])
    for magic, reason in _OTHERS:
        if head.startswith(magic):
            return reason
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "it is a pickle, which is a program and not a table"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "it is a web page"
    if start.startswith(b"<?xml"):
        return "it is an XML document"
    if start.startswith((b'{"', b"[{", b"{\n", b"{\r\n")):
        return "it is JSON"
    return None
