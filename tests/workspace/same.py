"""Whether two values are the same, types and missing values included."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def assert_same(one: Any, other: Any, at: str = "value") -> None:  # noqa: C901 - one case per type
    """Compare values of any nesting."""
    assert type(one) is type(other) or isinstance(one, Mapping), at
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_index_equal(one.index, other.index, exact=True)
        assert list(one.columns) == list(other.columns), at
        assert list(one.dtypes) == list(other.dtypes), at
        for i, name in enumerate(one.columns):
            for j, (a, b) in enumerate(zip(one.iloc[:, i], other.iloc[:, i], strict=True)):
                assert_same(a, b, f"{at}[{name!r}][{j}]")
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, at
        assert one.shape == other.shape, at
        for a, b in zip(one.ravel(), other.ravel(), strict=True):
            assert_same(a, b, at)
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{at}.{field.name}")
    elif isinstance(one, Mapping):
        assert list(one) == list(other), at
        for key in one:
            assert_same(one[key], other[key], f"{at}[{key!r}]")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), at
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{at}[{i}]")
    else:
        assert one is other or one == other or (one != one and other != other), at  # noqa: PLR0124 - NaN
