"""How a subject is made from files: what is written down of it, and the way back."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from debuggers.data.options import ReadOptions
from debuggers.data.reading import Table
from debuggers.data.schema import Schema
from debuggers.matching import Roles
from debuggers.models.load import load_model
from debuggers.models.model import Model
from debuggers.opening import Files
from debuggers.services.address import policy
from debuggers.services.service_model import Secret, Service, ServiceModel, connect
from debuggers.task import Task

Put = Callable[[bytes], str]
Get = Callable[[str], bytes]
PROGRAM = 3  # the tier of pickles and their like


@dataclass(frozen=True)
class ModelFile:
    """A model's file as it was uploaded.

    Parameters
    ----------
    file : str
        Name in the store of files.
    name : str
        What it is called on screen.
    task : Task or None
        What the person said that it predicts.
    consent : bool
        Whether the person agreed to run it, where it is a program.
    """

    file: str
    name: str
    task: Task | None
    consent: bool = False


@dataclass(frozen=True)
class TableFile:
    """A table as it was understood, kept as Parquet.

    Parameters
    ----------
    file, name : str
        As for `ModelFile`.
    schema : Schema
    notes : tuple of str
    format : str
        What it was uploaded as.
    """

    file: str
    name: str
    schema: Schema
    notes: tuple[str, ...]
    format: str


@dataclass(frozen=True)
class Recipe:
    """The files and roles of a subject."""

    name: str
    roles: Roles
    test: TableFile
    model: ModelFile | Service | None = None
    train: TableFile | None = None
    benchmark: ModelFile | Service | None = None

    @property
    def files(self) -> dict[str, str]:
        """Names in the store of files, by role."""
        parts = {"test": self.test, "model": self.model, "train": self.train, "benchmark": self.benchmark}
        return {role: part.file for role, part in parts.items() if isinstance(part, ModelFile | TableFile)}


@dataclass(frozen=True)
class Source:
    """A model's file before it is kept: its content, and the task that the person said."""

    content: bytes
    task: Task | None = None


@dataclass(frozen=True)
class Origin:
    """What a subject was made from.

    Parameters
    ----------
    files : Files
    roles : Roles
    sources : mapping of str to Source
        By role ("model", "benchmark") what the models were loaded from.
    """

    files: Files
    roles: Roles
    sources: Mapping[str, Source]


def write(origin: Origin, put: Put) -> Recipe:
    """Keep the files of a subject and return its recipe.

    Parameters
    ----------
    origin : Origin
    put : callable
        Keeps a file and returns its name in the store.
    """
    files = origin.files

    def model(role: str, found: Model | None) -> ModelFile | Service | None:
        if found is None:
            return None
        if isinstance(found, ServiceModel):
            return found.service
        source = origin.sources[role]
        consent = found.signature.tier == PROGRAM  # it would not be loaded without
        return ModelFile(put(source.content), found.name, source.task, consent)

    return Recipe(
        name=files.name,
        roles=origin.roles,
        test=_write_table(files.test, put),
        model=model("model", files.model),
        train=None if files.train is None else _write_table(files.train, put),
        benchmark=model("benchmark", files.benchmark),
    )


def read(recipe: Recipe, get: Get, owner: str, secrets: Mapping[str, Secret]) -> Files:
    """Return the files of a recipe, models loaded into workers that count as `owner`'s, services asked again.

    Raises
    ------
    InputError
        A model cannot be loaded any more.
    ArrowException, OSError, ValueError
        A file is gone or damaged.
    """
    return Files(
        name=recipe.name,
        test=_read_table(recipe.test, get),
        model=_read_model(recipe.model, get, owner, secrets),
        train=None if recipe.train is None else _read_table(recipe.train, get),
        benchmark=_read_model(recipe.benchmark, get, owner, secrets),
    )


def _write_table(table: Table, put: Put) -> TableFile:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(table.frame, preserve_index=False), out, compression="zstd")
    return TableFile(put(out.getvalue()), table.name, table.schema, table.notes, table.format)


def _read_table(part: TableFile, get: Get) -> Table:
    # A file that this server wrote itself and whose hash was compared, so it is read here and not in a worker.
    frame = pq.read_table(io.BytesIO(get(part.file))).to_pandas()
    return Table(part.name, frame, part.schema, ReadOptions(), part.notes, part.format)


def _read_model(part: ModelFile | Service | None, get: Get, owner: str, secrets: Mapping[str, Secret]) -> Model | None:
    if part is None:
        return None
    if isinstance(part, Service):
        return connect(part, allowed=policy(), secrets=secrets)
    return load_model(get(part.file), part.name, task=part.task, consent=part.consent, owner=owner)
