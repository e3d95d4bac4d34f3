"""What a demo is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from debuggers.data.reading import Table
from debuggers.task import Task

#: Told the share done, from 0 to 1, and what is being done.
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class PlantedFault:
    """A fault that was put into a demo on purpose.

    Parameters
    ----------
    kind : str
        Kind of the finding that shows it, such as "weak_slice".
    where_sql : str
        The rows of the test table that have it, as a DuckDB predicate; "true" for all.
    text : str
        What is wrong, in one sentence.
    features : tuple of str
        The columns that it is about.
    """

    kind: str
    where_sql: str
    text: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Demo:
    """A model and its tables that need no download.

    Parameters
    ----------
    name : str
        As on the command line.
    ignore : tuple of str
        Columns that the model was not given.
    """

    name: str
    title: str
    description: str
    target: str
    task: Task
    model_format: str
    source: str
    sensitive: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    faults: tuple[PlantedFault, ...] = ()


@dataclass(frozen=True, eq=False)
class Built:
    """What training a demo makes.

    Parameters
    ----------
    truth : DataFrame or None
        Of generated data, one row for each row of `test`: which faults it has.
    """

    model: bytes
    model_name: str
    train: pd.DataFrame
    test: pd.DataFrame
    truth: pd.DataFrame | None = None


@dataclass(frozen=True, eq=False)
class DemoFiles:
    """A demo, ready to be debugged.

    Parameters
    ----------
    folder : Path
        Where the files are; they are shared and not to be changed.
    model : bytes
        Content of the model's file.
    model_name : str
        Its name.
    train, test : Table
    truth : DataFrame or None
        Of generated data, one row for each row of `test`: boolean columns that say which planted faults it has.
    """

    demo: Demo
    folder: Path
    model: bytes
    model_name: str
    train: Table
    test: Table
    truth: pd.DataFrame | None = None

    @property
    def target(self) -> str:
        """Name of the target column."""
        return self.demo.target

    @property
    def model_path(self) -> Path:
        """The model's file."""
        return self.folder / self.model_name
