"""Results of debuggers, kept so that nobody waits for them twice, not even after a restart."""

from __future__ import annotations

import functools
import hashlib
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from debuggers.debugger import Debugger
from debuggers.params import Params
from debuggers.subject import Subject
from debuggers.workspace import codec
from debuggers.workspace.database import Database
from debuggers.workspace.files import Files, WrongContent

LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "statsmodels", "numba", "shap")


def result_key(debugger: Debugger, subject: Subject, params: Params) -> str:
    """Return what a result depends on as a hash: code, libraries, content of the subject, parameters."""
    parts = (debugger.slug, code_version(), subject.fingerprint, repr(params))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@functools.cache
def code_version() -> str:
    """Return a hash of the engine's source and of the versions of the libraries that it computes with."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for source in sorted(root.rglob("*.py")):
        digest.update(source.relative_to(root).as_posix().encode() + b"\0" + source.read_bytes())
    for name in LIBRARIES:
        digest.update(f"{name} {metadata.version(name)}".encode())
    return digest.hexdigest()


class Results:
    """The kept results."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database, self._files = database, files

    def get(self, key: str) -> Any:
        """Return a result, None if it is not kept; a damaged one is dropped, so that it is computed again."""
        rows = self._database.rows("SELECT file FROM result WHERE key = ?", key)
        if not rows:
            return None
        try:
            return codec.decode(self._files.get(rows[0]["file"]))
        except (FileNotFoundError, WrongContent, codec.Damaged):
            self._drop(key)
            return None

    def keep(self, key: str, token: str, debugger: str, result: object) -> None:
        """Keep a result as long as the subject `token` is kept.

        Raises
        ------
        codec.Unencodable
            It holds something that cannot be kept.
        OSError, sqlite3.Error
            It cannot be written.
        """
        data = codec.encode(result)
        with self._database.change() as change:
            file = self._files.put(data)
            change.execute(
                "INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?)", (key, token, debugger, file, time.time())
            )

    def _drop(self, key: str) -> None:
        with self._database.change() as change:
            change.execute("DELETE FROM result WHERE key = ?", (key,))
