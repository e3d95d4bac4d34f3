"""The workspace: what is saved, for whom, and for how long."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from debuggers.errors import BadVariable, DamagedWork, NotSaved, UnusableHome
from debuggers.execution import report
from debuggers.services.service_model import Secret
from debuggers.subject import Subject
from debuggers.workspace import codec, recipe
from debuggers.workspace.annotations import Annotations, forget
from debuggers.workspace.database import Database, NewerVersion
from debuggers.workspace.files import Files, WrongContent
from debuggers.workspace.results import Results

log = logging.getLogger("faultline")
DAY = 86_400.0
TOUCH_SECONDS = 600.0
GIGABYTE = 2**30
NO_SECRETS: Mapping[str, Secret] = {}


@dataclass(frozen=True)
class Retention:
    """How long and how much a server keeps.

    Parameters
    ----------
    days : int
        After the last use; the most that a person can choose. 0: nothing is written to the disk.
    gigabytes : float
        Of all saved work.
    """

    days: int = 30
    gigabytes: float = 20.0

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Retention:
        """Read ``FAULTLINE_KEEP_DAYS`` and ``FAULTLINE_KEEP_GB``.

        Raises
        ------
        BadVariable
            One of them has a value that means nothing.
        """
        days, size = environ.get("FAULTLINE_KEEP_DAYS", "30"), environ.get("FAULTLINE_KEEP_GB", "20")
        if not days.isdecimal():
            raise BadVariable("FAULTLINE_KEEP_DAYS", days, "a whole number of days, 0 to keep nothing")
        if not size.isdecimal() or int(size) < 1:
            raise BadVariable("FAULTLINE_KEEP_GB", size, "a whole number of at least 1")
        return cls(int(days), int(size))


@dataclass(frozen=True)
class Saved:
    """What is known of saved work without opening it.

    Parameters
    ----------
    token : str
        Its name in links.
    name, task : str
    rows : int
        Of the test table.
    saved, used : float
        When, in seconds since 1970.
    keep_days : int
        Days after the last use at which it is deleted.
    bytes : int
        Size of its files.
    findings : mapping of str to int
        How many of which severity the scan found.
    """

    token: str
    name: str
    task: str
    rows: int
    saved: float
    used: float
    keep_days: int
    bytes: int
    findings: Mapping[str, int]

    @property
    def until(self) -> float:
        """When it is deleted unless it is used, in seconds since 1970."""
        return self.used + self.keep_days * DAY


class Workspace:
    """Saved work in a folder.

    Parameters
    ----------
    folder : Path
        Not touched where the retention is of no days: annotations then live in memory and subjects are not saved.
    retention : Retention

    Raises
    ------
    UnusableHome
        The folder cannot be written, or holds the work of a newer version.
    """

    def __init__(self, folder: Path, retention: Retention) -> None:
        self.retention = retention
        self.keeps = retention.days > 0
        try:
            self._database = Database(folder / "workspace.sqlite3" if self.keeps else None)
        except NewerVersion as error:
            raise UnusableHome(f"{folder} holds work of a newer Faultline") from error
        except (OSError, sqlite3.Error) as error:
            raise UnusableHome(f"{folder}: {getattr(error, 'strerror', None) or error}") from error
        self._files = Files(folder / "files")
        self.results = Results(self._database, self._files)

    def annotations(self, scope: str) -> Annotations:
        """Return what was written down in a scope."""
        return Annotations(self._database, scope)

    def save(self, token: str, owner: str, subject: Subject, origin: recipe.Origin) -> None:
        """Save a subject: its files, its roles, and whose it is; it is on the disk when this returns.

        Parameters
        ----------
        token, owner : str
        subject : Subject
        origin : Origin
            What it was made from.

        Raises
        ------
        NotSaved
            The disk or the server's limit is full, or the folder cannot be written.
        """
        self._check_room(subject.name)
        kept: dict[str, bytes] = {}

        def put(data: bytes) -> str:
            name = self._files.put(data)
            kept[name] = data
            return name

        try:
            report(0.1, "Saving")
            written = recipe.write(origin, put)
            with self._database.change() as change:
                for data in kept.values():
                    self._files.put(data)  # again: somebody may just have deleted work with the same file
                now = time.time()
                row = (token, owner, subject.name, str(subject.task), len(subject.test), subject.fingerprint,
                       codec.encode(written), now, now, self.retention.days)  # fmt: skip
                change.execute("INSERT OR REPLACE INTO subject VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
                parts = [(token, role, name, self._files.size(name)) for role, name in written.files.items()]
                change.executemany("INSERT INTO file VALUES (?, ?, ?, ?)", parts)
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NotSaved(subject.name, reason) from error

    def _check_room(self, name: str) -> None:
        if self._files.total() >= self.retention.gigabytes * GIGABYTE:
            limit = f"the server keeps {self.retention.gigabytes:g} GB and these are full; delete what is not needed"
            raise NotSaved(name, limit)

    def find(self, token: str) -> Saved | None:
        """Return what is known of saved work, None if there is none under this token."""
        found = self._list("subject.token = ?", token)
        return found[0] if found else None

    def of(self, owner: str) -> list[Saved]:
        """Return a person's saved work, the last used first."""
        return self._list("owner = ?", owner)

    def _list(self, where: str, value: str) -> list[Saved]:
        size = "(SELECT total(bytes) FROM file WHERE file.token = subject.token) AS bytes"
        query = f"SELECT subject.*, {size} FROM subject WHERE {where} ORDER BY used DESC"  # noqa: S608 - ours
        return [
            Saved(
                token=row["token"],
                name=row["name"],
                task=row["task"],
                rows=row["rows"],
                saved=row["saved"],
                used=row["used"],
                keep_days=row["keep_days"],
                bytes=int(row["bytes"]),
                findings=self._severities(row["token"]),
            )
            for row in self._database.rows(query, value)
        ]

    def _severities(self, scope: str) -> dict[str, int]:
        query = "SELECT severity, count(*) AS n FROM finding WHERE scope = ? GROUP BY severity"
        return {row["severity"]: row["n"] for row in self._database.rows(query, scope)}

    def open(self, token: str, secrets: Mapping[str, Secret] = NO_SECRETS) -> Subject:
        """Return a saved subject, its models loaded again; `secrets` are those of services.

        Raises
        ------
        KeyError
            There is none under this token.
        InputError
            Its files are damaged, or its model cannot be loaded any more.
        """
        rows = self._database.rows("SELECT name, fingerprint, recipe FROM subject WHERE token = ?", token)
        if not rows:
            raise KeyError(token)
        name, fingerprint = rows[0]["name"], rows[0]["fingerprint"]
        try:
            written: recipe.Recipe = codec.decode(rows[0]["recipe"])
            report(0.1, "Reading the saved files")
            files = recipe.read(written, self._files.get, token, secrets)
        except (codec.Damaged, WrongContent, OSError, ValueError, pa.ArrowException) as error:
            log.warning("saved work %s cannot be read: %s", fingerprint[:12], type(error).__name__)
            raise DamagedWork(name, "its files are gone or were changed") from error
        report(0.7, "Matching model and table")
        understanding = files.understand(written.roles)
        if understanding.problems:
            raise understanding.problems[0]
        assert understanding.subject is not None
        if understanding.subject.fingerprint != fingerprint:
            raise DamagedWork(name, "its files now read differently from when it was saved")
        self.touch(token)
        return understanding.subject

    def touch(self, token: str) -> None:
        """Note that saved work is in use."""
        now = time.time()
        with self._database.change() as change:
            change.execute(
                "UPDATE subject SET used = ? WHERE token = ? AND used < ?", (now, token, now - TOUCH_SECONDS)
            )

    def keep(self, token: str, owner: str, days: int) -> None:
        """Set how many days after its last use a person's saved work is deleted."""
        with self._database.change() as change:
            days = max(1, min(days, self.retention.days))
            change.execute("UPDATE subject SET keep_days = ? WHERE token = ? AND owner = ?", (days, token, owner))

    def delete(self, token: str, owner: str) -> bool:
        """Delete a person's saved work with all that belongs to it; return whether there was any."""
        rows = self._database.rows("SELECT 1 FROM subject WHERE token = ? AND owner = ?", token, owner)
        if rows:
            self._delete(token)
        return bool(rows)

    def _delete(self, token: str) -> None:
        with self._database.change() as change:
            names = {row["name"] for row in change.execute("SELECT name FROM file WHERE token = ?", (token,))}
            names |= {row["file"] for row in change.execute("SELECT file FROM result WHERE token = ?", (token,))}
            change.execute("DELETE FROM subject WHERE token = ?", (token,))
            change.execute("DELETE FROM result WHERE token = ?", (token,))
            for name in names - self._wanted():
                self._files.drop(name)
        forget(self._database, token)

    def _wanted(self) -> set[str]:
        rows = self._database.rows("SELECT name FROM file UNION SELECT file FROM result")
        return {row[0] for row in rows}

    def expire(self) -> int:
        """Delete what is past its time and the results of demos that are as old; return how much work was deleted."""
        now = time.time()
        past = self._database.rows("SELECT token FROM subject WHERE used + keep_days * ? < ?", DAY, now)
        for row in past:
            self._delete(row["token"])
        with self._database.change() as change:
            old = now - self.retention.days * DAY
            change.execute("DELETE FROM result WHERE saved < ? AND token NOT IN (SELECT token FROM subject)", (old,))
            self._files.sweep(self._wanted())
        return len(past)

    def close(self) -> None:
        """Close the database."""
        self._database.close()
