"""Class labels: as text, in order, and as the codes of a model's outputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


def label_text(value: object) -> str:
    """Write a class label as text: 1, 1.0 and numpy's 1 are all "1".

    Examples
    --------
    >>> label_text(1.0), label_text("yes"), label_text(True)
    ('1', 'yes', 'True')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def label_order(column: pd.Series) -> tuple[str, ...]:
    """Return the different labels of a column as text, numbers by size and texts by alphabet."""
    values = column.dropna().unique()
    try:
        ordered = sorted(values)
    except TypeError:
        ordered = sorted(values, key=str)
    return tuple(dict.fromkeys(label_text(v) for v in ordered))


def encode(column: pd.Series, classes: tuple[str, ...]) -> Floats:
    """Return the position of each label among `classes`, NaN where it is none of them."""
    codes = {c: float(i) for i, c in enumerate(classes)}
    if set(classes) == {"0", "1"}:
        codes |= {"False": codes["0"], "True": codes["1"]}
    if set(classes) == {"False", "True"}:
        codes |= {"0": codes["False"], "1": codes["True"]}
    seen = {value: codes.get(label_text(value), np.nan) for value in column.dropna().unique()}
    return np.asarray(column.map(seen).to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
