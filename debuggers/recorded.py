"""Predictions that came with a table, where there is no model to ask."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.errors import BadModelOutput, MissingColumn
from debuggers.labels import encode
from debuggers.task import Task

Floats = npt.NDArray[np.float64]


def recorded_scores(columns: pd.DataFrame, task: Task, classes: tuple[str, ...]) -> tuple[Floats, str]:
    """Read predictions from one or several columns.

    Parameters
    ----------
    columns : DataFrame of shape (n, k)
        One value, one probability of the positive class, one decided label, or one probability per class (found by the
        end of the column's name, else in order).
    task : Task
    classes : tuple of str

    Returns
    -------
    scores : ndarray
        As `Subject.scores`.
    note : str
        What the reader should know, "" for nothing.

    Raises
    ------
    BadModelOutput
        Missing or infinite values, unknown labels, or probabilities that are none.
    MissingColumn
        Fewer columns than classes.
    """
    names = tuple(str(c) for c in columns.columns)
    if task is Task.MULTICLASS and len(names) > 1:
        ordered = [_column_of_class(c, names, i) for i, c in enumerate(classes)]
        return _probabilities(columns[ordered].to_numpy(dtype=np.float64, na_value=np.nan), names[0]), ""
    column = columns.iloc[:, 0]
    if task is Task.REGRESSION:
        return _numbers(pd.to_numeric(column, errors="coerce"), names[0]), ""
    if task is Task.BINARY and _is_probability(column):
        return _numbers(column, names[0]), ""
    codes = _finite(encode(column, classes), names[0])
    note = f"{names[0]} holds decisions, not probabilities: log loss and calibration say little."
    return (codes if task is Task.BINARY else np.eye(len(classes))[codes.astype(np.intp)]), note


def _is_probability(column: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return numeric and bool(column.dropna().between(0, 1).all())


def _numbers(column: pd.Series, name: str) -> Floats:
    return _finite(column.to_numpy(dtype=np.float64, na_value=np.nan), name)


def _column_of_class(label: str, columns: tuple[str, ...], position: int) -> str:
    """Return the column that holds the probability of a class: the one that ends with its label, else by position."""
    named = [c for c in columns if re.search(rf"(^|[\W_]){re.escape(label)}$", c)]
    if len(named) == 1:
        return named[0]
    if position >= len(columns):
        raise MissingColumn(label, "probability", columns)
    return columns[position]


def _finite(values: Floats, name: str) -> Floats:
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise BadModelOutput(name, f"{bad:,} of {len(values):,} values are missing, infinite or unknown")
    return values


def _probabilities(values: Floats, name: str) -> Floats:
    _finite(values.ravel(), name)
    if values.min() < 0 or values.max() > 1 or np.abs(values.sum(axis=1) - 1).max() > 1e-3:
        raise BadModelOutput(name, "the probability columns are not between 0 and 1 with a sum of 1 in each row")
    return values
