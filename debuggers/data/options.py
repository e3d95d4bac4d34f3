"""How a table file is read, and how much of it: what is sniffed can be said, what is unbounded is bounded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from debuggers.errors import UnusableOption

#: What counts as missing in text, quoted or not; the list that pandas uses too.
MISSING_MARKERS = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip

#: The encodings that can be asked for; the first ones are also recognised without asking.
ENCODINGS = (
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "cp1250", "cp1251",
    "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "mac_roman", "gb18030", "shift_jis", "big5", "euc_kr", "euc_jp",
)  # fmt: skip

DELIMITERS = (",", ";", "\t", "|")

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class ReadOptions:
    r"""How to read a table; None means: find out.

    Parameters
    ----------
    encoding : str or None
        One of `ENCODINGS`; text only.
    delimiter : str or None
        One character between cells; text only.
    decimal : str or None
        "." or ","; text only.
    thousands : str or None
        One character between groups of three digits, or "" for none; text only.
    header : bool
        Whether the first line holds the names of the columns; else they are called "column 1" and so on.
    missing : tuple of str
        Cells that stand for a missing value; text and Excel.
    skip_bad_lines : bool
        Whether lines with more or fewer cells than the header are left out (and counted) instead of refused.
    sheet : str or None
        Which sheet of an Excel file; the first by default.
    member : str or None
        Which file of a zip archive; the largest by default.

    Raises
    ------
    UnusableOption
        A value that cannot be meant.

    Examples
    --------
    >>> ReadOptions(delimiter=";", decimal=",").delimiter
    ';'
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    header: bool = True
    missing: tuple[str, ...] = MISSING_MARKERS
    skip_bad_lines: bool = False
    sheet: str | None = None
    member: str | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None and self.encoding not in ENCODINGS:
            raise UnusableOption("encoding", self.encoding, f"one of {', '.join(ENCODINGS)}")
        # Arrow reads a delimiter of one byte; quotes, line ends and digits would make the text ambiguous.
        if self.delimiter is not None and not _is_separator(self.delimiter):
            raise UnusableOption("delimiter", self.delimiter, "one character such as a comma, a semicolon or a tab")
        if self.decimal not in (None, ".", ","):
            raise UnusableOption("decimal", self.decimal, "a point or a comma")
        if self.thousands and (len(self.thousands) != 1 or self.thousands.isalnum() or self.thousands in '"+-\n\r'):
            raise UnusableOption("thousands", self.thousands, "one character, or nothing")
        if self.thousands and self.thousands == self.decimal:
            raise UnusableOption("thousands", self.thousands, "another character than the decimal separator")


def _is_separator(text: str) -> bool:
    return len(text) == 1 and text.isascii() and not text.isalnum() and text not in '"\n\r\0.+-'


@dataclass(frozen=True)
class Limits:
    """How large a table may be and how long reading it may take.

    Parameters
    ----------
    file : int
        Bytes of the file as given.
    unpacked : int
        Bytes after unpacking, and of the table in memory.
    cells : int
        Rows times columns.
    columns : int
        Number of columns.
    memory : int
        Bytes of address space of the process that parses.
    seconds : float
        Wall-clock time of the process that parses.
    """

    file: int = 1 << 30
    unpacked: int = 4 << 30
    cells: int = 500_000_000
    columns: int = 20_000
    memory: int = 10 << 30
    seconds: float = 120.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Limits:
        """Return the defaults, or what the person who runs the server has set.

        Parameters
        ----------
        environment : mapping, optional
            `os.environ` by default; reads ``FAULTLINE_MAX_FILE_MB``, ``FAULTLINE_MAX_UNPACKED_MB``,
            ``FAULTLINE_MAX_CELLS`` and ``FAULTLINE_READ_SECONDS``, positive whole numbers.

        Raises
        ------
        UnusableOption
            A variable that is no positive whole number.

        Examples
        --------
        >>> Limits.from_environment({"FAULTLINE_MAX_FILE_MB": "10"}).file
        10485760
        """
        environment = os.environ if environment is None else environment
        default = cls()
        unpacked = _whole(environment, "FAULTLINE_MAX_UNPACKED_MB", default.unpacked // _MEBIBYTE) * _MEBIBYTE
        return cls(
            file=_whole(environment, "FAULTLINE_MAX_FILE_MB", default.file // _MEBIBYTE) * _MEBIBYTE,
            unpacked=unpacked,
            cells=_whole(environment, "FAULTLINE_MAX_CELLS", default.cells),
            # Parsing holds the unpacked text and the table at the same time.
            memory=max(default.memory, 5 * unpacked // 2),
            seconds=float(_whole(environment, "FAULTLINE_READ_SECONDS", int(default.seconds))),
        )


def _whole(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable, "").strip() or str(default)
    if not text.isdecimal() or int(text) == 0:
        raise UnusableOption(variable, text, "a positive whole number")
    return int(text)


def megabytes(size: float) -> str:
    """Return a number of bytes as a person reads it.

    Examples
    --------
    >>> megabytes(1 << 30), megabytes(5_000)
    ('1,024 MB', '0.0048 MB')
    """
    amount = size / _MEBIBYTE
    return f"{amount:,.0f} MB" if amount >= 10 else f"{amount:.2g} MB"
