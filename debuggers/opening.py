"""Opening files as a subject: what the command line and the Load page share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from debuggers.data.demos import DemoFiles
from debuggers.data.reading import Table, read_table
from debuggers.matching import Roles, Understanding, understand
from debuggers.models.load import load_model
from debuggers.models.model import Model
from debuggers.task import Task


@dataclass(frozen=True)
class Files:
    """The files of a subject, read.

    Parameters
    ----------
    name : str
        What the subject is called.
    test : Table
    model, benchmark : Model or None
    train : Table or None
    """

    name: str
    test: Table
    model: Model | None = None
    train: Table | None = None
    benchmark: Model | None = None

    def understand(self, roles: Roles) -> Understanding:
        """Match the files under `roles`; the notes of reading come first."""
        understanding = understand(
            self.name,
            self.test.frame,
            roles,
            model=self.model,
            train=None if self.train is None else self.train.frame,
            benchmark=self.benchmark,
            schema=self.test.schema,
        )
        models = [model for model in (self.model, self.benchmark) if model is not None]
        noted = [(self.test.name, self.test.notes), *((model.name, model.signature.notes) for model in models)]
        notes = tuple(f"{name}: {note}." for name, found in noted for note in found) + understanding.notes
        subject = understanding.subject
        return replace(understanding, notes=notes, subject=None if subject is None else replace(subject, notes=notes))


def read_files(
    model: Path | None,
    test: Path,
    train: Path | None = None,
    benchmark: Path | None = None,
    *,
    task: Task | None = None,
    consent: bool = False,
) -> Files:
    """Read the files of a subject from disk.

    Parameters
    ----------
    task : Task, optional
        What the models predict, where their files do not say.
    consent : bool
        Whether model files that are programs may run, in the jail.

    Raises
    ------
    InputError
        A file is missing, damaged, too large, or not what it is given as.
    """
    return Files(
        name=(model or test).name,
        test=read_table(test, test.name),
        model=None if model is None else load_model(model, model.name, task=task, consent=consent),
        train=None if train is None else read_table(train, train.name),
        benchmark=(None if benchmark is None else load_model(benchmark, benchmark.name, task=task, consent=consent)),
    )


def demo_files(files: DemoFiles) -> tuple[Files, Roles]:
    """Return a demo as files and roles."""
    demo = files.demo
    model = load_model(files.model, files.model_name)
    roles = Roles(target=demo.target, sensitive=demo.sensitive, ignore=demo.ignore)
    return Files(demo.title, files.test, model, files.train), roles
