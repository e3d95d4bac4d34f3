"""Read delimited text into Arrow.

Every cell is read as text first and each column is then typed as a whole, so that the meaning does not depend on the
file's size or on which rows come first:

- whole numbers -> int64, unless one has a leading zero ("007" is a name) or does not fit;
- numbers -> float64, "inf" included;
- true and false in any of Python's or JSON's spellings -> boolean;
- everything else stays text. Dates are typed later, with the schema.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from debuggers.data.names import unique_names
from debuggers.data.options import Limits, ReadOptions, megabytes
from debuggers.data.parsed import Parsed, check_shape
from debuggers.data.recognise import Bytes, looks_like
from debuggers.data.sniff import first_lines, sniff_encoding, sniff_layout
from debuggers.data.unpack import transcode
from debuggers.errors import EmptyTable, UnreadableTable, quoted

_BLOCK = 8 << 20
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_DELIMITER_NAMES = {"\t": "tab", " ": "space"}


def read_text(data: Bytes, name: str, options: ReadOptions, limits: Limits) -> Parsed:
    """Read delimited text.

    Raises
    ------
    UnreadableTable
        No text, or lines with more or fewer cells than the header.
    EmptyTable
        No line beneath the header.
    TooLarge
        More columns or cells than the limit.
    """
    reason = looks_like(data)
    if reason:
        raise UnreadableTable(name, reason)
    encoding = options.encoding or sniff_encoding(data, name)
    if encoding != "utf-8":
        data = transcode(data, encoding, name, limits)
    sample, is_all = first_lines(data)
    options, rows = sniff_layout(sample, replace(options, encoding=encoding), name)
    if not rows or (is_all and len(rows) <= int(options.header)):
        raise EmptyTable(name)
    header = rows[0]
    check_shape(0, len(header), name, limits)
    cells, skipped = _read_cells(data, len(header), name, options)
    check_shape(cells.num_rows, cells.num_columns, name, limits)
    if cells.num_rows == 0:
        raise EmptyTable(name)
    names, notes = unique_names(header if options.header else [""] * len(header), say_empty=options.header)
    columns = [typed(column, options) for column in cells.columns]
    doubt = ("the first line holds only numbers: if it is data, read the table without a header",)
    notes = [_summary(options), *skipped, *(doubt if options.header and _only_numbers(header) else ()), *notes]
    return Parsed(pa.table(columns, names=names), options, tuple(notes))


def _only_numbers(cells: list[str]) -> bool:
    return all(re.fullmatch(r"\s*[+-]?[\d.,]*\d(e[+-]?\d+)?\s*", cell, re.IGNORECASE) for cell in cells)


def _summary(options: ReadOptions) -> str:
    assert options.delimiter
    delimiter = _DELIMITER_NAMES.get(options.delimiter, f"“{options.delimiter}”")
    comma = ", decimal comma" if options.decimal == "," else ""
    groups = f", thousands separated by “{options.thousands}”" if options.thousands else ""
    return f"text in {options.encoding}, delimiter {delimiter}{comma}{groups}"


def _read_cells(data: Bytes, width: int, name: str, options: ReadOptions) -> tuple[pa.Table, tuple[str, ...]]:
    columns = [str(i) for i in range(width)]
    bad: list[Any] = []

    def on_bad_line(row: Any) -> str:
        bad.append(row)
        return "skip" if options.skip_bad_lines else "error"

    try:
        cells = csv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            read_options=csv.ReadOptions(
                column_names=columns, skip_rows_after_names=int(options.header), block_size=_BLOCK
            ),
            parse_options=csv.ParseOptions(
                delimiter=options.delimiter, newlines_in_values=True, invalid_row_handler=on_bad_line
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.large_string()),
                null_values=list(options.missing),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise UnreadableTable(name, _bad_line(bad[0], data) if bad else _explained(str(error))) from error
    skipped = (f"{len(bad):,} lines had another number of cells than the first and were left out",) if bad else ()
    return cells, skipped


def _bad_line(row: Any, data: Bytes) -> str:
    """Say which line has the wrong number of cells; a search finds it, since threads do not count lines."""
    text = row.text.encode() if isinstance(row.text, str) else row.text
    whole = bytes(data)
    at = whole.find(b"\n" + text)
    line = whole.count(b"\n", 0, at + 1) + 1
    where = f"line {line:,}" if at >= 0 else "a line"
    return (
        f"{where} has {row.actual_columns} cells where the first has {row.expected_columns}; "
        "check the delimiter and the quotes, or have such lines left out"
    )


def _explained(message: str) -> str:
    if "straddl" in message:
        return f"a line is longer than {megabytes(_BLOCK)}; check the quotes"
    if "UTF8" in message:
        return "its text is not in one encoding"
    return quoted(" ".join(message.split()), limit=160)


def typed(cells: pa.ChunkedArray, options: ReadOptions) -> pa.ChunkedArray:
    """Return a column of text as numbers or booleans where every cell is one, else unchanged.

    Examples
    --------
    >>> column = pa.chunked_array([["1,5", None, "2"]])
    >>> typed(column, ReadOptions(decimal=",")).to_pylist()
    [1.5, None, 2.0]
    """
    if cells.null_count == len(cells):
        return cells.cast(pa.float64())
    if _all(pc.is_in(cells, value_set=pa.array(_TRUE + _FALSE, cells.type)), cells):
        return pc.if_else(pc.is_null(cells), None, pc.is_in(cells, value_set=pa.array(_TRUE, cells.type)))
    if not _may_be_number(cells):
        return cells
    plain = _plain_numbers(pc.ascii_trim_whitespace(cells), options)
    if plain is None or pc.any(pc.match_substring_regex(plain, r"^[+-]?0[0-9xX]")).as_py():
        return cells
    for target in (pa.int64(), pa.float64()):
        try:
            return plain.cast(target)
        except pa.ArrowInvalid:
            continue  # the next type is wider; the last is text
    return cells


def _all(mask: pa.ChunkedArray, cells: pa.ChunkedArray) -> bool:
    return bool(pc.sum(mask).as_py() == len(cells) - cells.null_count)


def _may_be_number(cells: pa.ChunkedArray) -> bool:
    """Look at one cell first: most text columns need no more."""
    first = next(value for value in cells if value.is_valid).as_py().strip().lower()
    return first[:1] in set("0123456789+-.,") or first.startswith(("inf", "nan"))


def _plain_numbers(cells: pa.ChunkedArray, options: ReadOptions) -> pa.ChunkedArray | None:
    """Return numbers with a decimal point and no groups, or None where the cells are not written as the options say.

    A number of more digits than a float holds, such as an account number, would be changed: it stays text.
    """
    decimal, thousands = options.decimal or ".", options.thousands
    if thousands:
        grouped = _grouped(thousands, decimal)
        if _all(pc.match_substring_regex(cells, grouped), cells):
            cells = pc.replace_substring(cells, thousands, "")
    if decimal == ",":
        if pc.any(pc.match_substring(cells, ".")).as_py():
            return None
        cells = pc.replace_substring(cells, ",", ".")
    if pc.any(pc.match_substring_regex(cells, r"^[+-]?[0-9]{19,}$")).as_py() and not _fits(cells):
        return None
    return cells


def _grouped(thousands: str, decimal: str) -> str:
    groups, point = re.escape(thousands), re.escape(decimal)
    return rf"^[+-]?([0-9]{{1,3}}({groups}[0-9]{{3}})+|[0-9]+)({point}[0-9]*)?$"


def _fits(cells: pa.ChunkedArray) -> bool:
    try:
        cells.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True
