"""Find out a text table's encoding, delimiter, decimal comma and thousands separator from a sample of it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import replace

from debuggers.data.options import DELIMITERS, ENCODINGS, ReadOptions
from debuggers.data.recognise import Bytes
from debuggers.errors import UnreadableTable

_SAMPLE = 1 << 18
_CHUNK = 1 << 20
_MAX_HEADER = 1 << 24
_MAX_ROWS = 1_000

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: More control characters than this are no text.
_MAX_CONTROL_SHARE = 0.05
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")

_COMMA_DECIMAL = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_POINT_DECIMAL = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)
_COMMA_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_POINT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")


def sniff_encoding(data: Bytes, name: str) -> str:
    """Return the encoding of a text.

    A byte-order mark decides; else the whole text is UTF-8 or it is not; else UTF-16 shows by its zeros, cp1252 is
    tried before the rarer ones (short texts fit many), and what fits nothing and still is text is latin-1.

    Raises
    ------
    UnreadableTable
        The bytes are no text.
    """
    head = bytes(data[:_SAMPLE])
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        return _wide(head, name)
    bad = _first_bad_byte(data)
    if bad is None:
        _refuse_binary(head.decode("utf-8", "ignore"), name)
        return "utf-8"
    start = max(0, bad - _SAMPLE // 2)
    sample = bytes(data[start : start + _SAMPLE])
    _refuse_binary(sample.decode("latin-1"), name)
    return _eight_bit(sample)


def _first_bad_byte(data: Bytes) -> int | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), _CHUNK):
        end = start + _CHUNK
        try:
            decoder.decode(bytes(data[start:end]), final=end >= len(data))
        except UnicodeDecodeError as error:
            return start + error.start
    return None


def _wide(head: bytes, name: str) -> str:
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > 4 * min(even, odd) and max(even, odd) > len(head) // 8:
        return "utf-16-be" if even > odd else "utf-16-le"
    raise UnreadableTable(name, "it is binary data")


def _eight_bit(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    rarer = [encoding for encoding in ENCODINGS if not encoding.startswith(("utf", "latin"))]
    for isolated in (["cp1252"], rarer):
        best = from_bytes(sample, cp_isolation=isolated).best()
        if best is not None:
            return best.encoding
    return "latin-1"


def _refuse_binary(text: str, name: str) -> None:
    if "\0" in text or len(_CONTROL.findall(text)) > _MAX_CONTROL_SHARE * len(text):
        raise UnreadableTable(name, "it is binary data")


def first_lines(data: Bytes) -> tuple[str, bool]:
    """Return the beginning of a text in UTF-8 up to the end of a line, and whether that is all of it.

    It is long enough for some lines beneath the header, however many columns there are.
    """
    header = bytes(data[:_MAX_HEADER]).find(b"\n")
    size = max(_SAMPLE, 4 * header)
    text = bytes(data[:size]).decode("utf-8", "ignore")
    if size >= len(data):
        return text, True
    end = max(text.rfind("\n"), text.rfind("\r"))
    return text[: end + 1] if end >= 0 else text, False


def sniff_layout(text: str, options: ReadOptions, name: str) -> tuple[ReadOptions, list[list[str]]]:
    r"""Fill in what the options leave open, and return them with the cells of the first lines.

    Parameters
    ----------
    text : str
        The text's beginning.

    Raises
    ------
    UnreadableTable
        A cell is too large to be one.

    Examples
    --------
    >>> options, rows = sniff_layout("a;b\n1,5;x\n", ReadOptions(), "t.csv")
    >>> options.delimiter, options.decimal, rows[0]
    (';', ',', ['a', 'b'])
    """
    try:
        tables = {d: _rows(text, d) for d in ((options.delimiter,) if options.delimiter else DELIMITERS)}
    except csv.Error as error:
        raise UnreadableTable(name, f"{error}") from error
    delimiter = options.delimiter or _best_delimiter(tables)
    rows = tables[delimiter]
    body = rows[1:] if options.header else rows
    decimal, thousands = sniff_numbers([cell.strip() for row in body for cell in row])
    decimal = options.decimal or decimal
    if options.thousands is not None:
        thousands = options.thousands
    elif thousands == decimal:  # the person's decimal separator overrules what was found
        thousands = ""
    filled = replace(options, delimiter=delimiter, decimal=decimal, thousands=thousands)
    return filled, rows


def _rows(text: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # under a wrong delimiter a line is one cell
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        if row:  # as Arrow does, ignore lines that are empty
            rows.append(row)
        if len(rows) > _MAX_ROWS:
            break
    return rows


def _best_delimiter(tables: dict[str, list[list[str]]]) -> str:
    """Return the delimiter that cuts most lines into as many cells as the first, and then into the most cells."""

    def agreement(delimiter: str) -> tuple[float, int]:
        rows = tables[delimiter]
        width = len(rows[0]) if rows else 0
        if width < 2:
            return (0.0, 0)
        return (sum(len(row) == width for row in rows) / len(rows), width)

    best = max(tables, key=agreement)
    if agreement(best)[0] > 0.5:
        return best
    # One column: any delimiter that no line contains leaves it whole.
    alone = [d for d, rows in tables.items() if all(len(row) == 1 for row in rows)]
    return alone[0] if alone else best


def sniff_numbers(cells: list[str]) -> tuple[str, str]:
    """Return the decimal and the thousands separator ("" for none) that most numbers among the cells agree with.

    Numbers that could be either, such as 1,234, count as grouped only where others prove it (1,234,567 or 1,234.5).

    Examples
    --------
    >>> sniff_numbers(["1,5", "2,25"]), sniff_numbers(["1.234,5", "2,0"]), sniff_numbers(["1,234,567"])
    ((',', ''), (',', '.'), ('.', ','))
    """
    counts: Counter[str] = Counter()
    for cell in cells:
        comma, point = cell.count(","), cell.count(".")
        if comma and _COMMA_GROUPS.fullmatch(cell) and (point or comma > 1):
            counts["grouped by comma"] += 1
        elif point and _POINT_GROUPS.fullmatch(cell) and (comma or point > 1):
            counts["grouped by point"] += 1
        elif comma and _COMMA_DECIMAL.fullmatch(cell):
            counts["comma"] += 1
            counts["comma that may group"] += _COMMA_GROUPS.fullmatch(cell) is not None
        elif point and _POINT_DECIMAL.fullmatch(cell):
            counts["point"] += 1
            counts["point that may group"] += _POINT_GROUPS.fullmatch(cell) is not None
    if counts["grouped by comma"] and counts["comma"] == counts["comma that may group"]:
        return ".", ","
    if counts["grouped by point"] and counts["point"] == counts["point that may group"]:
        return ",", "."
    return ("," if counts["comma"] > counts["point"] else "."), ""
