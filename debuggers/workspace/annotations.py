"""What people write down about a subject, and what its scan found: cohorts, notes, dismissals, findings."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from debuggers.cohort import Cohort
from debuggers.debugger import Finding
from debuggers.workspace.database import Database


@dataclass(frozen=True)
class Note:
    """A person's words about a view.

    Parameters
    ----------
    id : int
    author : str
        Who wrote it, as the server knows people.
    text : str
    page : str
        Slug of the page that it was written on.
    link : mapping of str to str
        Parameters of the view.
    saved : float
        When, in seconds since 1970.
    """

    id: int
    author: str
    text: str
    page: str
    link: Mapping[str, str]
    saved: float


class Annotations:
    """The annotations of one scope: of an uploaded subject, shared by its link, or of one person on a demo.

    Every change is on the disk when its method returns.
    """

    def __init__(self, database: Database, scope: str) -> None:
        self._database, self._scope = database, scope

    def cohorts(self) -> dict[str, Cohort]:
        """Return the saved cohorts by name."""
        rows = self._database.rows("SELECT name, predicate FROM cohort WHERE scope = ? ORDER BY name", self._scope)
        return {row["name"]: Cohort(row["predicate"], row["name"]) for row in rows}

    def save_cohort(self, name: str, predicate: str) -> None:
        """Save a cohort; one of the same name is replaced."""
        self._change("INSERT OR REPLACE INTO cohort VALUES (?, ?, ?, ?)", self._scope, name, predicate, time.time())

    def drop_cohort(self, name: str) -> None:
        """Delete a cohort."""
        self._change("DELETE FROM cohort WHERE scope = ? AND name = ?", self._scope, name)

    def notes(self) -> list[Note]:
        """Return the notes, the newest first."""
        rows = self._database.rows("SELECT * FROM note WHERE scope = ? ORDER BY id DESC", self._scope)
        return [
            Note(row["id"], row["author"], row["text"], row["page"], json.loads(row["link"]), row["saved"])
            for row in rows
        ]

    def add_note(self, author: str, text: str, page: str, link: Mapping[str, str]) -> None:
        """Write a note."""
        self._change(
            "INSERT INTO note (scope, author, text, page, link, saved) VALUES (?, ?, ?, ?, ?, ?)",
            self._scope, author, text, page, json.dumps(dict(link)), time.time(),
        )  # fmt: skip

    def drop_note(self, id: int, author: str) -> None:  # noqa: A002 - the field's name
        """Delete a note of the person who wrote it."""
        self._change("DELETE FROM note WHERE scope = ? AND id = ? AND author = ?", self._scope, id, author)

    def dismissals(self) -> dict[str, str]:
        """Return the reasons why findings were dismissed, by the finding's id."""
        rows = self._database.rows("SELECT finding, reason FROM dismissal WHERE scope = ?", self._scope)
        return {row["finding"]: row["reason"] for row in rows}

    def dismiss(self, finding: str, reason: str) -> None:
        """Dismiss a finding."""
        self._change("INSERT OR REPLACE INTO dismissal VALUES (?, ?, ?, ?)", self._scope, finding, reason, time.time())

    def restore(self, finding: str) -> None:
        """Take a dismissal back."""
        self._change("DELETE FROM dismissal WHERE scope = ? AND finding = ?", self._scope, finding)

    def findings(self) -> list[dict[str, Any]]:
        """Return the findings of the last scan in plain types, as `Finding.as_dict` gives them."""
        rows = self._database.rows("SELECT body FROM finding WHERE scope = ? ORDER BY saved, id", self._scope)
        return [json.loads(row["body"]) for row in rows]

    def keep_findings(self, debugger: str, findings: Sequence[Finding]) -> None:
        """Replace what a debugger found."""
        now = time.time()
        bodies = [finding.as_dict(debugger) for finding in findings]
        with self._database.change() as change:
            change.execute("DELETE FROM finding WHERE scope = ? AND debugger = ?", (self._scope, debugger))
            change.executemany(
                "INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?, ?, ?)",
                [(self._scope, b["id"], debugger, b["severity"], json.dumps(b, allow_nan=False), now) for b in bodies],
            )

    def _change(self, statement: str, *values: Any) -> None:
        with self._database.change() as change:
            change.execute(statement, values)


def forget(database: Database, scope: str) -> None:
    """Delete all annotations of a scope."""
    with database.change() as change:
        for table in ("cohort", "note", "dismissal", "finding"):
            change.execute(f"DELETE FROM {table} WHERE scope = ?", (scope,))  # noqa: S608 - our own names
