"""The workspace's tables in SQLite: a change is on the disk before it is called saved."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VERSION = 1
WAIT_SECONDS = 30.0

SCHEMA = """
CREATE TABLE subject (
    token TEXT PRIMARY KEY,      -- its name in links, which nobody can guess
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    task TEXT NOT NULL,
    rows INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    recipe BLOB NOT NULL,
    saved REAL NOT NULL,         -- seconds since 1970, as all times here
    used REAL NOT NULL,
    keep_days INTEGER NOT NULL   -- after the last use
);
CREATE INDEX subject_owner ON subject (owner);
CREATE TABLE file (
    token TEXT NOT NULL REFERENCES subject ON DELETE CASCADE,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (token, role)
);
CREATE TABLE cohort (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    predicate TEXT NOT NULL,
    saved REAL NOT NULL,
    PRIMARY KEY (scope, name)
);
CREATE TABLE note (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    page TEXT NOT NULL,
    link TEXT NOT NULL,          -- the parameters of the view that it was written on, as JSON
    saved REAL NOT NULL
);
CREATE INDEX note_scope ON note (scope);
CREATE TABLE dismissal (
    scope TEXT NOT NULL,
    finding TEXT NOT NULL,
    reason TEXT NOT NULL,
    saved REAL NOT NULL,
    PRIMARY KEY (scope, finding)
);
CREATE TABLE finding (
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    debugger TEXT NOT NULL,
    severity TEXT NOT NULL,
    body TEXT NOT NULL,          -- as JSON
    saved REAL NOT NULL,
    PRIMARY KEY (scope, id)
);
CREATE TABLE result (
    key TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    debugger TEXT NOT NULL,
    file TEXT NOT NULL,
    saved REAL NOT NULL
);
CREATE INDEX result_token ON result (token);
"""


class NewerVersion(Exception):
    """A database that a newer Faultline wrote."""


class Database:
    """The tables, for one process; several threads take turns, several processes wait for each other.

    Parameters
    ----------
    path : Path or None
        Made if it is not there; None: in memory, gone with the process.

    Raises
    ------
    sqlite3.Error, OSError
        It cannot be opened or is no database.
    NewerVersion
        It is of a version that this code does not know.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            path or ":memory:", timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA secure_delete = ON")  # what is deleted is gone
        with self.change() as change:
            version = change.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise NewerVersion
            if version == 0:
                for statement in SCHEMA.split(";\n"):
                    change.execute(statement)
                change.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction: all of it is on the disk at its end, or nothing where something is raised."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()
