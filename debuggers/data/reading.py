"""Read a table of any supported format, in a process of its own."""

from __future__ import annotations

import json
import logging
import mmap
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa

from debuggers.data.options import Limits, ReadOptions, megabytes
from debuggers.data.schema import Kind, Schema, apply_schema, infer_schema
from debuggers.errors import EmptyTable, InputError, TooLarge, UnknownPart, UnreadableTable, listed, quoted

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).parents[2]
_MAX_REPLY = 16 << 20
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
    """Run the parser and return what it says about the table that it wrote to `output`."""
    request = json.dumps({"name": name, "options": asdict(options), "limits": asdict(limits)})
    descriptors = (file.fileno(), output.fileno())
    with tempfile.TemporaryFile() as reply, tempfile.TemporaryFile() as log:
        try:
            ended = subprocess.run(  # noqa: S603  # our own module, and no shell
                [sys.executable, "-s", "-m", "debuggers.data.parser", *map(str, descriptors)],
                input=request.encode(),
                stdout=reply,
                stderr=log,
                pass_fds=descriptors,
                timeout=limits.seconds,
                cwd=_ROOT,
                env=_environment(),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TooLarge(name, f"{limits.seconds:g} s", "reading it takes longer") from error
        answer = _reply(reply, log, ended.returncode, name)
    if "error" in answer:
        fields = {key: tuple(v) if isinstance(v, list) else v for key, v in answer["fields"].items()}
        raise _ERRORS[answer["error"]](**fields)
    about: dict[str, Any] = answer["about"]
    return about


def _environment() -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV") if key in os.environ}
    # Arrow's own allocators reserve address space by the gigabyte, which the limit on it would count.
    alone = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}  # until it is jailed
    return {**kept, **alone, "LC_ALL": "C.UTF-8", "ARROW_DEFAULT_MEMORY_POOL": "system"}


def _reply(reply: IO[bytes], log: IO[bytes], status: int, name: str) -> dict[str, Any]:
    log.seek(0)
    said = log.read(_MAX_REPLY).decode("utf-8", "replace")
    if said:
        _log.warning("The parser of %s said: %s", quoted(name), said[-4_000:])
    reply.seek(0)
    try:
        answer = json.loads(reply.read(_MAX_REPLY))
    except ValueError as error:
        reason = f"the process that read it ended with status {status}: it is damaged or needs more memory"
        raise UnreadableTable(name, reason) from error
    assert isinstance(answer, dict)
    return answer


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
