"""What every reader hands on: a table of plain Arrow types."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from debuggers.data.options import Limits, ReadOptions
from debuggers.errors import TooLarge


@dataclass(frozen=True)
class Parsed:
    """A table as Arrow and how it was read.

    Parameters
    ----------
    sheets : tuple of str
        The sheets that can be chosen; Excel only.
    """

    table: pa.Table
    options: ReadOptions
    notes: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()


def check_shape(rows: int, columns: int, name: str, limits: Limits) -> None:
    """Refuse more columns or cells than the limit.

    Raises
    ------
    TooLarge
    """
    if columns > limits.columns:
        raise TooLarge(name, f"{limits.columns:,} columns", f"{columns:,} columns")
    if rows * columns > limits.cells:
        raise TooLarge(name, f"{limits.cells:,} cells", f"{rows:,} rows of {columns:,} columns")
