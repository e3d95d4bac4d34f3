"""Files by the hash of their content, in a folder that only this user can read.

A file is complete or not there: it is written under another name, flushed to the disk, and then renamed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

UNFINISHED = ".unfinished-"
# Another process may have written a file that it has not entered into the database yet.
GRACE_SECONDS = 3600.0


class WrongContent(ValueError):
    """A file whose content is not what its name says."""


class Files:
    """A folder of files that are named by their content.

    Parameters
    ----------
    folder : Path
        Made when the first file is put into it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes | memoryview) -> str:
        """Write a file and return its name; it is on the disk when this returns.

        Raises
        ------
        OSError
            It cannot be written.
        """
        name = hashlib.sha256(data).hexdigest()
        path = self._folder / name
        if path.exists():
            os.utime(path)
            return name
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(prefix=UNFINISHED, dir=self._folder)  # readable by this user only
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(unfinished).replace(path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
        flush_folder(self._folder)
        return name

    def get(self, name: str) -> bytes:
        """Return a file's content.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        WrongContent
            It was changed.
        """
        data = (self._folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != name:
            raise WrongContent(f"the file {name[:12]}… was changed")
        return data

    def size(self, name: str) -> int:
        """Return a file's length in bytes, 0 if it is not there."""
        path = self._folder / name
        return path.stat().st_size if path.exists() else 0

    def total(self) -> int:
        """Return the length of all files in bytes."""
        return sum(self.size(path.name) for path in self._all())

    def drop(self, name: str) -> None:
        """Delete a file."""
        (self._folder / name).unlink(missing_ok=True)

    def sweep(self, wanted: Collection[str]) -> None:
        """Delete what is not wanted, such as what a process that was killed left behind; recent files stay."""
        limit = time.time() - GRACE_SECONDS
        for path in self._all():
            if path.name not in wanted and path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)

    def _all(self) -> list[Path]:
        return sorted(self._folder.iterdir()) if self._folder.exists() else []


def flush_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
