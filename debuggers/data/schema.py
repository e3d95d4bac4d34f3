"""What each column of a table is: kind, missing values, range, categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a column is read, drawn and edited."""

    NUMERIC = "numeric"
    INTEGER = "integer"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"

    @property
    def is_numeric(self) -> bool:
        """Whether values have an order and a distance that a slider can use."""
        return self in (Kind.NUMERIC, Kind.INTEGER)


@dataclass(frozen=True)
class Column:
    """One column: its name, its kind and what its values look like.

    Parameters
    ----------
    missing : int
        Number of missing values.
    distinct : int
        Number of different values that are not missing.
    minimum, maximum : float or None
        Range of the finite values of a numeric column, else None.
    categories : tuple
        The values of a category or boolean column, the most frequent first; at most `MAX_CATEGORIES`.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[object, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether the column says nothing: at most one value."""
        return self.distinct <= 1


MAX_CATEGORIES = 1_000


@dataclass(frozen=True)
class Schema(Mapping[str, Column]):
    """The columns of a table by name, in the table's order."""

    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (column.name for column in self.columns)

    def __len__(self) -> int:
        return len(self.columns)
