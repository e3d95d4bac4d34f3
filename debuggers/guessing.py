"""Guesses at what a person has not said yet: which column is the target, and which hold predictions."""

from __future__ import annotations

import re

import pandas as pd

from debuggers.data.schema import Schema
from debuggers.labels import label_order
from debuggers.models.model import Model
from debuggers.task import Task

TARGETS = re.compile(r"(?i)(target|label|y|class|outcome|response|truth|default|churn(ed)?|survived|price)")
PREDICTIONS = re.compile(r"(?i)(.*(pred|prob|score|y_?hat).*|p)")


def likely_target(table: pd.DataFrame, schema: Schema, model: Model | None) -> str | None:
    """Return the column that is most likely the target; None where several or none could be.

    Of the columns that the model does not read, those whose values the model could have been trained on are considered:
    one with a telling name, else the only one.
    """
    inputs = set(model.signature.features or ()) if model is not None else set()
    fits = {str(c): _fit(table[c], schema, model) for c in table.columns if str(c) not in inputs}
    fitting = [c for c, fit in fits.items() if fit == max(fits.values()) and fit > 0]
    named = [c for c in fitting if TARGETS.fullmatch(c)] or [c for c in fitting if TARGETS.search(c)]
    if named:
        return named[0]
    return fitting[0] if model is not None and len(fitting) == 1 else None


def _fit(column: pd.Series, schema: Schema, model: Model | None) -> int:
    """Return 2 where the column's values are the model's, 1 where they could be under other names, else 0."""
    about = schema[str(column.name)]
    if about.distinct == 0:
        return 0
    task = None if model is None else model.signature.task
    classes = None if model is None else model.signature.classes
    if task is None:
        return 1
    if task is Task.REGRESSION:
        return 2 if about.kind.is_numeric and about.distinct > 2 else 0
    if classes is None or about.distinct > len(classes):
        return 0
    if set(label_order(column)) <= {*classes, "True", "False"}:
        return 2
    renamed = classes == tuple(str(i) for i in range(len(classes))) and not about.kind.is_numeric
    return 1 if renamed and about.distinct == len(classes) else 0


def likely_predictions(schema: Schema, target: str | None) -> list[str]:
    """Return the columns that are named like predictions."""
    return [c for c in schema if c != target and PREDICTIONS.fullmatch(c)]
