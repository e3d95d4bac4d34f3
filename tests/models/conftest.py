from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from debuggers.models import adapter, frames
from debuggers.models.formats import Format
from debuggers.models.load import JailedModel, load_model
from debuggers.task import Task


@pytest.fixture
def loaded() -> Iterator[Callable[..., JailedModel]]:
    """Load models and end their processes after the test."""
    models: list[JailedModel] = []

    def load(*args: Any, **options: Any) -> JailedModel:
        models.append(load_model(*args, **options))
        return models[-1]

    yield load
    for model in models:
        model.close()


class Unjailed:
    """An adapter without its process: what it answers is the same, and a test need not wait for a start."""

    def __init__(self, kind: Format, data: bytes, task: Task | None = None) -> None:
        self._adapter = adapter.load(kind.value, data, {"task": task})
        self.signature = self._adapter.describe()

    def predict(self, X: pd.DataFrame, *, raw: bool = False) -> Any:
        (batch,) = frames.blocks(X)
        return self._adapter.predict(batch, raw=raw)


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """Return numbers with holes, integers, booleans, and two kinds of categories."""
    rng = np.random.default_rng(7)
    n = 300
    return pd.DataFrame(
        {
            "a": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "b": rng.integers(0, 50, n),
            "yes no": rng.random(n) < 0.5,
            "job": pd.Categorical(rng.choice(["sales", "it", "cook"], n)),
            "level": pd.Categorical(rng.choice([10, 20, 30], n)),
        }
    )


@pytest.fixture(scope="session")
def numbers(table: pd.DataFrame) -> pd.DataFrame:
    return table[["a", "b", "yes no"]].astype(float)


@pytest.fixture(scope="session")
def label(table: pd.DataFrame) -> pd.Series:
    """Return a class of 0 or 1 that depends on every kind of column."""
    score = table["a"].fillna(1) + table["b"] / 25 + (table["job"] == "it") - (table["level"] == 30)
    return (score > score.median()).astype(int)


@pytest.fixture(scope="session")
def three(table: pd.DataFrame) -> pd.Series:
    """Return a class of 0, 1 or 2."""
    return pd.qcut(table["b"] + 10 * (table["job"] == "it"), 3, labels=False)


def with_missing(table: pd.DataFrame, column: str) -> pd.DataFrame:
    out = table.copy()
    out.loc[::7, column] = None
    return out
