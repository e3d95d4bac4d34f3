"""Read a table of any supported format, in a process of its own."""

from __future__ import annotations

import logging
import math
import mmap
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa

from debuggers.data import unpack
from debuggers.data.options import Limits, ReadOptions, megabytes
from debuggers.data.schema import Kind, Schema, apply_schema, infer_schema
from debuggers.errors import EmptyTable, InputError, TooLarge, UnknownPart, UnreadableTable, listed, quoted
from debuggers.sandbox import jail, process, protocol

_log = logging.getLogger(__name__)
# What a parser needs, imported once: by name, since this process has no use for some of it.
_MODULES = (
    "numpy", "pyarrow", "pandas", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "pyarrow.feather", "openpyxl",
    "charset_normalizer", "debuggers.data.text", "debuggers.data.columnar", "debuggers.data.excel",
    "debuggers.data.parser",
)  # fmt: skip
_WITHOUT = ("sklearn", "matplotlib", "plotly", "graphviz")
_ERRORS: dict[str, type[InputError]] = {
    kind.__name__: kind for kind in (EmptyTable, TooLarge, UnknownPart, UnreadableTable)
}


@dataclass(frozen=True, eq=False)
class Table:
    """A table and what was understood of it.

    Parameters
    ----------
    frame : DataFrame of shape (n, columns)
        With a RangeIndex and unique names. By kind: numeric and integer columns are numpy numbers (float64 where an
        integer column has missing values), boolean ones ``bool`` (``boolean`` with missing values), dates
        ``datetime64`` in UTC without a zone, text ``str``, categories ``str`` or, where the file says so, ``category``.
    schema : Schema
    options : ReadOptions
        As used: what was found out is filled in.
    notes : tuple of str
        What was done or noticed, to be shown.
    format : str
        Such as "Parquet".
    members, sheets : tuple of str
        The files of an archive or the sheets of a workbook that `ReadOptions` can choose.
    """

    name: str
    frame: pd.DataFrame
    schema: Schema
    options: ReadOptions
    notes: tuple[str, ...]
    format: str
    members: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()


def read_table(
    source: Path | bytes, name: str, options: ReadOptions | None = None, limits: Limits | None = None
) -> Table:
    r"""Read CSV, Parquet, Feather or Excel, plain or packed with gzip or zip, by content and not by name.

    Parameters
    ----------
    source : Path or bytes
        A file, or its content.
    name : str
        What to call it in messages.
    options : ReadOptions, optional
        What not to find out.
    limits : Limits, optional
        By default those of the environment.

    Raises
    ------
    UnreadableTable
        No table, or a damaged one.
    EmptyTable
        No rows or no columns.
    TooLarge
        More bytes, cells, memory or time than the limits.
    UnknownPart
        No such sheet or file of the archive.

    Examples
    --------
    >>> table = read_table(b"age;income\n31;1,5\n47;2,5\n", "people.csv")
    >>> table.frame["income"].tolist(), table.notes
    ([1.5, 2.5], ('text in utf-8, delimiter “;”, decimal comma',))
    """
    options = options or ReadOptions()
    limits = limits or Limits.from_environment()
    with ExitStack() as stack:
        file = stack.enter_context(_opened(source, name, limits))
        output = stack.enter_context(tempfile.TemporaryFile())
        about = _parse(file, output, name, options, limits)
        arrow = _arrow(output, name)
    frame = _frame(arrow)
    schema = infer_schema(frame)
    dates = {column.name: Kind.DATE for column in schema.columns if column.kind is Kind.DATE}
    used = ReadOptions(**{**about["options"], "missing": tuple(about["options"]["missing"])})
    return Table(
        name=name,
        frame=apply_schema(frame, dates),
        schema=schema,
        options=used,
        notes=(*about["notes"], *schema_notes(schema)),
        format=about["format"],
        members=tuple(about["members"]),
        sheets=tuple(about["sheets"]),
    )


def schema_notes(schema: Schema) -> Iterator[str]:
    """Return what a person should know of the columns before computing anything."""
    empty = [column.name for column in schema.columns if column.missing == column.rows]
    if empty:
        yield f"all values are missing in {listed(empty)}"
    for column in schema.columns:
        if column.infinite:
            yield f"{column.infinite:,} infinite values in {quoted(column.name)}"
    marked = [column.name for column in schema.columns if "?" in column.categories]
    if marked:
        yield f"“?” is a value of {listed(marked)}: add it to the missing markers if it stands for a missing value"


@contextmanager
def _opened(source: Path | bytes, name: str, limits: Limits) -> Iterator[IO[bytes]]:
    if isinstance(source, bytes):
        _check_size(len(source), name, limits)
        with tempfile.TemporaryFile() as file:
            file.write(source)
            file.flush()
            yield file
        return
    try:
        status = source.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableTable(name, "it is no file")
        _check_size(status.st_size, name, limits)
        opened = source.open("rb")
    except OSError as error:
        raise UnreadableTable(name, (error.strerror or "it cannot be opened").lower()) from error
    with opened:
        yield opened


def _check_size(size: int, name: str, limits: Limits) -> None:
    if size == 0:
        raise EmptyTable(name)
    if size > limits.file:
        raise TooLarge(name, megabytes(limits.file), megabytes(size))


def _parse(file: IO[bytes], output: IO[bytes], name: str, options: ReadOptions, limits: Limits) -> dict[str, Any]:
    """Have a worker parse the file, and return what it says about the table that it wrote to `output`."""
    request = {"name": name, "options": asdict(options), "limits": asdict(limits)}
    try:
        answer = _asked(request, [file, output], limits)
    except TimeoutError as error:
        raise TooLarge(name, f"{limits.seconds:g} s", "reading it takes longer") from error
    except (EOFError, OSError, protocol.ProtocolError) as error:
        reason = "the process that read it ended without an answer: it is damaged or needs more memory"
        raise UnreadableTable(name, reason) from error
    if "log" in answer:
        _log.warning("The parser of %s said: %s", quoted(name), answer["log"])
    if "error" in answer:
        fields = {key: tuple(v) if isinstance(v, list) else v for key, v in answer["fields"].items()}
        raise _ERRORS[answer["error"]](**fields)
    about: dict[str, Any] = answer["about"]
    return about


def _asked(request: dict[str, Any], files: list[IO[bytes]], limits: Limits) -> protocol.Header:
    """Return the answer of a worker of its own."""
    # The table as Arrow may be a little larger than the text that it came from.
    bounds = jail.Bounds(limits.memory, process.cores() * math.ceil(limits.seconds), 2 * limits.unpacked + (1 << 20))
    how = process.Start("native", _MODULES, _WITHOUT, bounds, required=False, entry="debuggers.data.parser")
    until = protocol.Deadline(limits.seconds)
    with ExitStack() as stack:
        files += [stack.enter_context(tempfile.TemporaryFile()) for _ in range(unpack.SCRATCH)]
        ours, theirs = map(stack.enter_context, socket.socketpair())
        parser = process.start(how, theirs, until, [file.fileno() for file in files])
        theirs.close()
        stack.callback(parser.kill)
        protocol.send(ours, request, until=until)
        return protocol.receive_header(ours, until)[0]


def _arrow(output: IO[bytes], name: str) -> pa.Table:
    """Map the table that the parser wrote, and trust none of its offsets."""
    mapped = mmap.mmap(output.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        table = pa.ipc.open_file(pa.py_buffer(mapped)).read_all()
        table.validate(full=True)
    except pa.ArrowException as error:
        raise UnreadableTable(name, "the process that read it wrote no table") from error
    return table


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_boolean(column.type) and column.null_count:
            frame[name] = column.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    return frame
