"""A cohort: the rows that a person has made active, as a DuckDB predicate that is checked before it runs.

A predicate may name the test table's columns and, as ``model.<name>``, what the model made of each row: `row` (position
in the file), `prediction`, `residual`, `loss` and `error`. It may compare, combine, and call the few functions in
`FUNCTIONS`; nothing else is accepted, so that a link cannot read a file or run for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.errors import BadPredicate, listed
from debuggers.subject import Subject

Mask = npt.NDArray[np.bool_]
MODEL_COLUMNS = ("row", "prediction", "residual", "loss", "error")
ARITHMETIC = ("+", "-", "*", "/", "%", "abs", "round", "floor", "ceil", "sqrt", "ln", "log10", "exp", "coalesce")
TEXT = ("lower", "upper", "length", "~~", "!~~", "~~*", "!~~*", "contains", "starts_with")  # ~~ is LIKE
DATES = ("year", "month", "day")
FUNCTIONS = frozenset((*ARITHMETIC, *TEXT, *DATES))
CLASSES = frozenset(
    ("COMPARISON", "CONJUNCTION", "CONSTANT", "COLUMN_REF", "OPERATOR", "FUNCTION", "BETWEEN", "CAST", "TYPE")
)
OPERATORS = frozenset(
    ("OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_COALESCE")
)
MAX_LENGTH = 20_000
MAX_NODES = 5_000


@dataclass(frozen=True)
class Cohort:
    """A predicate and how a person reads it.

    Examples
    --------
    >>> Cohort('"age" >= 30').title
    '"age" >= 30'
    """

    predicate: str
    label: str = ""

    @property
    def title(self) -> str:
        """The name that the person gave, else the predicate."""
        return self.label or self.predicate


def cohort_mask(subject: Subject, predicate: str) -> Mask:
    """Return which test rows satisfy `predicate`; a comparison with a missing value does not hold.

    Parameters
    ----------
    subject : Subject
    predicate : str
        What may stand behind WHERE, as the module says.

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    BadPredicate
        It does not parse, names an unknown column, or uses what is not allowed.
    """
    tree = _parse(predicate)
    names, asked = _checked_names(predicate, tree, [str(c) for c in subject.test.table.columns])
    with duckdb.connect(config={"enable_external_access": "false", "threads": "2"}) as connection:
        connection.register("test", _frame(subject.test.table, names))
        connection.register("model", model_columns(subject)[["row", *sorted(asked - {"row"})]])
        connection.execute("SET lock_configuration = true")
        try:
            query = f"SELECT CAST(({predicate}\n) AS BOOLEAN) AS inside FROM test POSITIONAL JOIN model"  # noqa: S608 - checked
            answer = connection.execute(query).fetchnumpy()["inside"]
        except duckdb.Error as e:
            raise BadPredicate(predicate, _first_line(e)) from None
    return np.asarray(np.ma.filled(answer, False), dtype=bool)


def model_columns(subject: Subject) -> pd.DataFrame:
    """Return what the model made of each test row: the columns that a predicate names as ``model.<name>``."""
    from debuggers import metrics

    known: dict[str, Any] = {"row": subject.test.rows}
    if subject.task.is_classification and subject.scores.ndim == 2:
        known["prediction"] = subject.named(subject.decision)
    else:
        known["prediction"] = subject.scores
    if subject.has_labels:
        known["residual"] = metrics.residual(subject.task, subject.y, subject.scores)
        known["loss"] = subject.loss
        known["error"] = subject.error
    return pd.DataFrame(known)


def _frame(table: pd.DataFrame, names: set[str]) -> pd.DataFrame:
    """Return the named columns, in types that DuckDB compares as a person expects."""
    plain = table[[c for c in table.columns if c in names]].reset_index(drop=True)
    categories = [c for c in plain.columns if isinstance(plain[c].dtype, pd.CategoricalDtype)]
    plain = plain.astype({c: plain[c].cat.categories.dtype for c in categories}) if categories else plain
    return plain if len(plain.columns) else pd.DataFrame({"": np.zeros(len(table), dtype=np.int8)})


def _parse(predicate: str) -> dict[str, Any]:
    if len(predicate) > MAX_LENGTH:
        raise BadPredicate(predicate, f"it is longer than {MAX_LENGTH:,} characters")
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        text = f"SELECT 1 FROM test WHERE ({predicate}\n)"  # noqa: S608 - parsed, never run
        parsed = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0]
    answer = json.loads(parsed)
    if answer["error"]:
        raise BadPredicate(predicate, answer["error_message"].splitlines()[0])
    node = answer["statements"][0]["node"]
    if (
        len(answer["statements"]) != 1
        or node["type"] != "SELECT_NODE"
        or node["from_table"].get("table_name") != "test"
    ):
        raise BadPredicate(predicate, "it must be one condition")
    if node["modifiers"] or node["group_expressions"] or node["having"] or node["qualify"] or node["sample"]:
        raise BadPredicate(predicate, "it must be one condition")
    where: dict[str, Any] = node["where_clause"]
    return where


def _checked_names(predicate: str, tree: dict[str, Any], columns: list[str]) -> tuple[set[str], set[str]]:
    """Return the columns of the table and of the model that the predicate names; raise where a node is not allowed."""
    names: set[str] = set()
    asked: set[str] = set()
    for count, node in enumerate(_nodes(tree)):
        kind = node["class"]
        if count > MAX_NODES or kind not in CLASSES:
            raise BadPredicate(predicate, f"{kind.lower().replace('_', ' ')}s are not allowed in a condition")
        if kind == "OPERATOR" and node["type"] not in OPERATORS:
            raise BadPredicate(predicate, f"{node['type'].lower()} is not allowed in a condition")
        if kind == "FUNCTION" and node["function_name"].lower() not in FUNCTIONS:
            raise BadPredicate(predicate, f"the function {node['function_name']} is not allowed in a condition")
        if kind == "COLUMN_REF":
            path = [part.casefold() for part in node["column_names"]]
            if len(path) == 2 and path[0] == "model" and path[1] in MODEL_COLUMNS:
                asked.add(path[1])
            else:
                names.add(_column(predicate, node["column_names"], columns))
    return names, asked


def _column(predicate: str, path: list[str], columns: list[str]) -> str:
    """Return the table's column that a reference names; DuckDB does not tell upper from lower case."""
    found = [c for c in columns if len(path) == 1 and c.casefold() == path[0].casefold()]
    if not found:
        raise BadPredicate(predicate, f"the table has no column {'.'.join(path)!r}")
    if len(found) > 1:
        raise BadPredicate(predicate, f"{listed(found)} differ in upper and lower case only: rename one of them")
    return found[0]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].partition(": ")[2] or type(error).__name__
