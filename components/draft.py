"""What a person is putting together on the Load page, before it is opened: files that were read, and their roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

from components import state
from components.services import chosen_service, connected
from debuggers.data.options import ReadOptions
from debuggers.data.reading import Table, read_table
from debuggers.data.schema import Kind, apply_schema, infer_schema
from debuggers.errors import InputError
from debuggers.matching import Roles, Understanding
from debuggers.models.load import load_model
from debuggers.models.model import Model
from debuggers.opening import Files
from debuggers.task import Task
from debuggers.workspace.recipe import Source

T = TypeVar("T")


@dataclass
class Draft:
    """Files by role, each read once.

    Parameters
    ----------
    read : dict
        By role what was read, or the problem that it has, with the key of what it was read from.
    uploads, names : dict
        By role the file and its name.
    owner : str
        Whom the quotas of workers count the models for.
    """

    read: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    uploads: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    owner: str = field(default_factory=lambda: uuid4().hex)

    def get(self, role: str, key: Any, read: Callable[[], T]) -> T | InputError:
        """Return what `read` returns, or the problem; the same key is read once."""
        if role not in self.read or self.read[role][0] != key:
            try:
                self.read[role] = (key, read())
            except InputError as problem:
                self.read[role] = (key, problem)
        value: T | InputError = self.read[role][1]
        return value

    def drop(self, role: str) -> None:
        """Forget a role, whose file was taken away."""
        for kept in (self.read, self.uploads, self.names):
            kept.pop(role, None)


def draft() -> Draft:
    """Return this session's draft."""
    kept: Draft | None = state.recall("draft")
    if kept is None:
        kept = Draft()
        state.remember("draft", kept)
    return kept


def kept_name(role: str) -> str:
    """Return the name of the file that a role was last read from, "" without one."""
    return draft().names.get(role, "")


def take(role: str, upload: Any) -> None:
    """Note that a role is to be read from an upload; leaving the page keeps it, removing the file drops it."""
    draft().names[role] = upload.name
    draft().uploads[role] = upload


def file_id(role: str) -> str:
    """Return what tells a role's file from others, "" without one."""
    upload = draft().uploads.get(role)
    return "" if upload is None else str(upload.file_id)


def drafted_model(role: str, task: Task | None, *, consent: bool) -> Model | InputError | None:
    """Return the model of a role, or what is wrong with it.

    Parameters
    ----------
    task : Task or None
        What it predicts, where its file does not say.
    consent : bool
        Whether the person said that this file may run if it is a program.
    """
    upload, owner, service = draft().uploads.get(role), draft().owner, chosen_service(role)
    if service is not None:
        return draft().get(role, (service, task), lambda: connected(service, task))
    if upload is None:
        return None

    def load() -> Model:
        return load_model(upload.getvalue(), upload.name, task=task, consent=consent, owner=owner)

    return draft().get(role, (upload.file_id, task, consent), load)


def sources(task: Task | None) -> dict[str, Source]:
    """Return what the models of the draft were loaded from, by role."""
    uploads = draft().uploads
    return {
        role: Source(uploads[role].getvalue(), task) for role in ("model", "benchmark") if role in uploads
    }  # fmt: skip


def drafted_table(role: str, options: ReadOptions) -> Table | InputError | None:
    """Return the table of a role, read as `options` say, or what is wrong with it."""
    upload = draft().uploads.get(role)
    if upload is None:
        return None
    return draft().get(role, (upload.file_id, options), lambda: read_table(upload.getvalue(), upload.name, options))


def edited(table: Table, kinds: dict[str, Kind], *, unfit_missing: bool) -> Table | InputError:
    """Return a table whose columns are read as the kinds that a person chose."""
    changed = {name: kind for name, kind in kinds.items() if table.schema[name].kind is not kind}
    if not changed:
        return table

    def apply() -> Table:
        frame = apply_schema(table.frame, changed, unfit_missing=unfit_missing)
        schema = infer_schema(frame)
        return Table(**{**vars(table), "frame": frame, "schema": schema})

    key = (table, tuple(sorted(changed.items())), unfit_missing)
    return draft().get("edited", key, apply)


def understood(files: Files, roles: Roles) -> Understanding:
    """Return what `files` and `roles` mean; the same ones are matched, hashed and tried once."""
    models = tuple(m.fingerprint if m is not None else "" for m in (files.model, files.benchmark))
    # The tables themselves, which are equal only to themselves: an id may be given again once a table is gone.
    key = (files.test, files.train, models, repr(roles))
    found = draft().get("understanding", key, lambda: files.understand(roles))
    assert isinstance(found, Understanding), "problems are inside of it"
    return found
