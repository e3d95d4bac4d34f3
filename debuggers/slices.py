"""A slice of a table: a conjunction of at most three literals, as text, as SQL and as a mask of rows."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Mask = npt.NDArray[np.bool_]
MAX_LITERALS = 3


class Op(StrEnum):
    """How a literal compares a column with its value; a missing value satisfies only `MISSING`."""

    EQUAL = "="
    ONE_OF = "one of"
    NONE_OF = "none of"
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    IN = "in"  # the half-open interval [low, high)
    MISSING = "is missing"
    KNOWN = "is known"


COMPARISONS: dict[Op, Callable[[Any, Any], Any]] = {
    Op.EQUAL: operator.eq,
    Op.LESS: operator.lt,
    Op.LESS_EQUAL: operator.le,
    Op.GREATER: operator.gt,
    Op.GREATER_EQUAL: operator.ge,
}


@dataclass(frozen=True)
class Literal:
    """One condition on one column.

    Parameters
    ----------
    feature : str
        Column of the table.
    op : Op
    value : object
        A number, text or boolean; for `Op.IN` a pair (low, high), low included; for `Op.ONE_OF` and
        `Op.NONE_OF` a tuple; for `Op.MISSING` and `Op.KNOWN` None.

    Examples
    --------
    >>> Literal("age", Op.IN, (30, 40)).text
    'age in [30, 40)'
    >>> Literal("age", Op.IN, (30, 40)).sql
    '"age" >= 30 AND "age" < 40'
    """

    feature: str
    op: Op
    value: Any = None

    @property
    def text(self) -> str:
        """The literal as a person reads it."""
        match self.op:
            case Op.MISSING:
                return f"{self.feature} is missing"
            case Op.KNOWN:
                return f"{self.feature} is known"
            case Op.IN:
                return f"{self.feature} in [{readable(self.value[0])}, {readable(self.value[1])})"
            case Op.ONE_OF:
                return f"{self.feature} in {{{', '.join(readable(v) for v in self.value)}}}"
            case Op.NONE_OF:
                return f"{self.feature} not in {{{', '.join(readable(v) for v in self.value)}}}"
            case _:
                return f"{self.feature} {self.op} {readable(self.value)}"

    @property
    def sql(self) -> str:
        """The literal as a DuckDB predicate."""
        column = sql_name(self.feature)
        match self.op:
            case Op.MISSING:
                return f"{column} IS NULL"
            case Op.KNOWN:
                return f"{column} IS NOT NULL"
            case Op.IN:
                return f"{column} >= {sql_value(self.value[0])} AND {column} < {sql_value(self.value[1])}"
            case Op.ONE_OF:
                return f"{column} IN ({', '.join(sql_value(v) for v in self.value)})"
            case Op.NONE_OF:
                return f"{column} NOT IN ({', '.join(sql_value(v) for v in self.value)})"
            case _:
                return f"{column} {self.op} {sql_value(self.value)}"

    def mask(self, table: pd.DataFrame) -> Mask:
        """Return which rows of `table` satisfy the literal, shape (rows,)."""
        column = table[self.feature]
        match self.op:
            case Op.MISSING:
                found = column.isna()
            case Op.KNOWN:
                found = column.notna()
            case Op.ONE_OF:
                found = column.isin(self.value)
            case Op.NONE_OF:
                found = ~column.isin(self.value) & column.notna()
            case Op.IN:
                found = (column >= self.value[0]) & (column < self.value[1])
            case _:
                found = COMPARISONS[self.op](column, self.value)
        return np.asarray(found.fillna(False), dtype=bool)

    def as_dict(self) -> dict[str, Any]:
        """Return the literal in plain types, for JSON."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        plain = [plain_value(v) for v in value] if isinstance(value, list) else plain_value(value)
        return {"feature": self.feature, "op": str(self.op), "value": plain}


@dataclass(frozen=True)
class Slice:
    """A conjunction of literals; the empty one holds everywhere.

    Examples
    --------
    >>> s = Slice((Literal("job", Op.EQUAL, "sales"), Literal("age", Op.LESS, 30)))
    >>> s.text
    "age < 30 and job = 'sales'"
    """

    literals: tuple[Literal, ...] = ()

    def __post_init__(self) -> None:
        ordered = sorted(self.literals, key=lambda literal: (literal.feature, str(literal.op), repr(literal.value)))
        object.__setattr__(self, "literals", tuple(ordered))

    @property
    def text(self) -> str:
        """The slice as a person reads it."""
        return " and ".join(literal.text for literal in self.literals) or "all rows"

    @property
    def sql(self) -> str:
        """The slice as a DuckDB predicate over the table's columns."""
        return " AND ".join(literal.sql for literal in self.literals) or "TRUE"

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that the slice names."""
        return tuple(dict.fromkeys(literal.feature for literal in self.literals))

    @property
    def id(self) -> str:
        """A stable short id: the same conditions give the same id in every process."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:12]

    def mask(self, table: pd.DataFrame) -> Mask:
        """Return which rows of `table` lie in the slice, shape (rows,)."""
        found = np.ones(len(table), dtype=bool)
        for literal in self.literals:
            found &= literal.mask(table)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the slice in plain types, for JSON."""
        return {"sql": self.sql, "literals": [literal.as_dict() for literal in self.literals]}


def sql_name(name: str) -> str:
    """Quote a column's name for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def sql_value(value: object) -> str:
    """Write a value as a DuckDB literal that reads back exactly."""
    value = plain_value(value)
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        # DuckDB reads plain digits as a decimal, which is exact for doubles only up to 15 digits.
        digits = sum(c.isdigit() for c in repr(value))
        return repr(value) if digits <= 15 and np.isfinite(value) else f"CAST('{value!r}' AS DOUBLE)"
    return "'" + str(value).replace("'", "''") + "'"


def plain_value(value: object) -> Any:
    """Turn a numpy or pandas scalar into a plain Python one (dates into ISO text)."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat(sep=" ")
    return value


def readable(value: object) -> str:
    """Write a value for people: text in quotes, numbers short."""
    value = plain_value(value)
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e15 else f"{value:.3e}"
    return str(value)


def conjunction(slices: Sequence[Slice]) -> Slice:
    """Return the slice of the rows that lie in all of `slices`."""
    return Slice(tuple(dict.fromkeys(literal for s in slices for literal in s.literals)))
