"""Read a sheet of an Excel workbook (.xlsx) into plain Arrow types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from debuggers.data.names import unique_names
from debuggers.data.options import Limits, ReadOptions
from debuggers.data.parsed import Parsed, check_shape
from debuggers.data.recognise import Bytes
from debuggers.data.unpack import check_archive
from debuggers.errors import EmptyTable, UnknownPart, quoted

_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})


def read_excel(data: Bytes, name: str, options: ReadOptions, limits: Limits) -> Parsed:
    """Read one sheet; its first line that is not empty is the header.

    Raises
    ------
    UnknownPart
        The workbook has no such sheet.
    TooLarge
        More cells or bytes than the limit.
    EmptyTable
        No rows beneath the header.
    """
    from openpyxl import load_workbook

    check_archive(data, name, limits)
    source = pa.BufferReader(pa.py_buffer(data))
    workbook = load_workbook(source, read_only=True, data_only=True, keep_links=False)
    sheets = tuple(sheet.title for sheet in workbook.worksheets)
    if not sheets:
        raise EmptyTable(name)
    sheet = options.sheet or sheets[0]
    if sheet not in sheets:
        raise UnknownPart(name, "sheet", sheet, sheets)
    worksheet = workbook[sheet]
    worksheet.reset_dimensions()  # what the file says of its size may be wrong
    rows = _rows(worksheet.iter_rows(values_only=True), name, limits)
    header, body = (rows[:1], rows[1:]) if options.header else ([()], rows)
    if not body:
        raise EmptyTable(name)
    table, notes = _table(list(header[0]), body, options)
    if len(sheets) > 1:
        notes = (f"the workbook has {len(sheets)} sheets; {quoted(sheet)} was read", *notes)
    return Parsed(table, replace(options, sheet=sheet), ("Excel", *notes), sheets)


def _rows(lines: Iterable[tuple[Any, ...]], name: str, limits: Limits) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    cells = 0
    for line in lines:
        row = _trimmed(line)
        if not row:
            continue
        cells += len(row)
        check_shape(1, len(row), name, limits)
        check_shape(cells, 1, name, limits)
        rows.append(row)
    return rows


def _trimmed(line: Sequence[Any]) -> tuple[Any, ...]:
    end = len(line)
    while end and line[end - 1] is None:
        end -= 1
    return tuple(line[:end])


def _table(header: list[Any], body: list[tuple[Any, ...]], options: ReadOptions) -> tuple[pa.Table, tuple[str, ...]]:
    width = max(len(header), *(len(row) for row in body))
    given = ["" if cell is None else str(cell) for cell in header] + [""] * (width - len(header))
    names, notes = unique_names(given, say_empty=options.header)
    missing = _ERRORS | frozenset(options.missing)
    columns: dict[str, pa.Array] = {}
    for position, name in enumerate(names):
        cells = [_cell(row[position], missing) if position < len(row) else None for row in body]
        columns[name], note = _typed(cells)
        if note:
            notes.append(f"the column {quoted(name)} {note}")
    return pa.table(columns), tuple(notes)


def _cell(value: Any, missing: frozenset[str]) -> Any:
    return None if isinstance(value, str) and value in missing else value


def _typed(cells: list[Any]) -> tuple[pa.Array, str | None]:
    kinds = {type(cell) for cell in cells if cell is not None}
    note = None
    if kinds == {bool}:
        kind = pa.bool_()
    elif kinds == {int} and all(cell is None or abs(cell) < 1 << 53 for cell in cells):
        kind = pa.int64()
    elif kinds <= {int, float}:  # or nothing at all
        cells, kind = [None if cell is None else float(cell) for cell in cells], pa.float64()
    elif kinds <= {dt.datetime, dt.date}:
        cells, kind = [_moment(cell) for cell in cells], pa.timestamp("us")
    elif kinds == {dt.timedelta}:
        cells, kind = [None if cell is None else cell.total_seconds() for cell in cells], pa.float64()
        note = "holds durations: it is in seconds now"
    else:
        cells, kind = [None if cell is None else str(cell) for cell in cells], pa.large_string()
        note = None if kinds == {str} else "mixes text with other values: it is text now"
    return pa.array(cells, kind), note


def _moment(cell: Any) -> dt.datetime | None:
    if cell is None or isinstance(cell, dt.datetime):
        return cell
    return dt.datetime.combine(cell, dt.time())
