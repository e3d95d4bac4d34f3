"""Unpack gzip and zip with a bound on what comes out."""

from __future__ import annotations

import gzip
import lzma
import mmap
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import IO

import pyarrow as pa

from debuggers.data.options import Limits, ReadOptions, megabytes
from debuggers.data.recognise import Bytes, Format, recognise
from debuggers.errors import EmptyTable, TooLarge, UnknownPart, UnreadableTable, quoted

_CHUNK = 1 << 20
_MAX_LAYERS = 2
SCRATCH = _MAX_LAYERS + 2  # files to unpack into: the layers, what is below the last, and a text in UTF-8
_MAX_MEMBERS = 10_000

_DAMAGED = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


_scratch: list[IO[bytes]] = []


def use_scratch(files: Iterable[IO[bytes]]) -> None:
    """Unpack into these empty files: in the jail none can be opened."""
    _scratch.extend(files)


@dataclass(frozen=True)
class Unpacked:
    """The bytes of a table file after unpacking.

    Parameters
    ----------
    members : tuple of str
        The files of the archive that can be chosen; empty where there was none.
    """

    data: Bytes
    options: ReadOptions
    members: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def unpack(data: Bytes, name: str, options: ReadOptions, limits: Limits) -> Unpacked:
    """Unpack gzip and zip until something else is found, at most two layers deep.

    Parameters
    ----------
    data : memoryview
        The file.
    name : str
        Its name, for messages.
    options : ReadOptions
        `member` chooses a file of a zip archive.
    limits : Limits
        `unpacked` bounds each layer.

    Raises
    ------
    TooLarge
        More comes out than the limit.
    UnreadableTable
        A damaged, encrypted or too deeply nested archive.
    EmptyTable
        Nothing comes out.
    UnknownPart
        The archive has no such file.
    """
    unpacked = Unpacked(data, options)
    for _ in range(_MAX_LAYERS + 1):
        form = recognise(unpacked.data)
        try:
            if form is Format.GZIP:
                chunks = _gunzip(unpacked.data)
                unpacked = replace(unpacked, data=_spill(chunks, name, limits))
            elif form is Format.ZIP and not is_excel(unpacked.data):
                unpacked = _open_zip(unpacked, name, limits)
            else:
                return unpacked
        except _DAMAGED as error:
            raise UnreadableTable(name, f"the {form} archive is damaged") from error
    raise UnreadableTable(name, f"it is packed more than {_MAX_LAYERS} times")


def is_excel(data: Bytes) -> bool:
    """Whether a zip archive is an Excel workbook, by the files in it."""
    with _archive(data) as archive:
        return "xl/workbook.xml" in archive.namelist()


def check_archive(data: Bytes, name: str, limits: Limits) -> None:
    """Refuse an Excel workbook whose parts together unpack to more than the limit.

    The reader of Python's zipfile stops at the size that a part declares, so the declared sizes are a true bound.
    """
    with _archive(data) as archive:
        declared = sum(info.file_size for info in archive.infolist())
    if declared > limits.unpacked:
        raise TooLarge(name, megabytes(limits.unpacked), f"it unpacks to {megabytes(declared)}")


def _archive(data: Bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(pa.BufferReader(pa.py_buffer(data)))


def _gunzip(data: Bytes) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=pa.BufferReader(pa.py_buffer(data))) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _unzip(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _open_zip(packed: Unpacked, name: str, limits: Limits) -> Unpacked:
    with _archive(packed.data) as archive:
        if len(archive.infolist()) > _MAX_MEMBERS:
            raise TooLarge(name, f"{_MAX_MEMBERS:,} files", f"{len(archive.infolist()):,} files")
        if "xl/workbook.bin" in archive.namelist():
            raise UnreadableTable(name, "it is a binary Excel file; save it as .xlsx")
        files = {info.filename: info for info in archive.infolist() if _is_candidate(info)}
        if not files:
            raise EmptyTable(name)
        member = packed.options.member if not packed.members else None
        if member is None:
            member = max(files, key=lambda file: files[file].file_size)
        if member not in files:
            raise UnknownPart(name, "file", member, tuple(files))
        if files[member].flag_bits & 1:
            raise UnreadableTable(name, "the archive is encrypted")
        try:
            data = _spill(_unzip(archive, member), name, limits)
        except (NotImplementedError, RuntimeError) as error:
            raise UnreadableTable(name, "the archive is packed in a way that cannot be unpacked") from error
    notes = packed.notes
    if len(files) > 1:
        notes += (f"the archive holds {len(files)} files; {quoted(member)} was read",)
    return Unpacked(data, replace(packed.options, member=member), packed.members or tuple(files), notes)


def _is_candidate(info: zipfile.ZipInfo) -> bool:
    base = info.filename.rsplit("/", 1)[-1]
    return not info.is_dir() and not base.startswith(".") and not info.filename.startswith("__MACOSX/")


def _spill(chunks: Iterable[bytes], name: str, limits: Limits) -> Bytes:
    """Write chunks to an unnamed temporary file, stop at the limit, and map what is there."""
    size = 0
    with _scratch.pop() if _scratch else tempfile.TemporaryFile() as file:
        for chunk in chunks:
            size += len(chunk)
            if size > limits.unpacked:
                raise TooLarge(name, megabytes(limits.unpacked), "it unpacks to more")
            file.write(chunk)
        file.flush()
        if size == 0:
            raise EmptyTable(name)
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def transcode(data: Bytes, encoding: str, name: str, limits: Limits) -> Bytes:
    """Return text in another encoding as UTF-8.

    Raises
    ------
    UnreadableTable
        The bytes are not of that encoding.
    """
    import codecs

    decoder = codecs.getincrementaldecoder(encoding)()

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(data), _CHUNK):
            end = start + _CHUNK
            yield decoder.decode(bytes(data[start:end]), final=end >= len(data)).encode()

    try:
        return _spill(chunks(), name, limits)
    except UnicodeError as error:
        raise UnreadableTable(name, f"its bytes are not {encoding}") from error
