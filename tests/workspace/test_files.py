"""Files by content: complete or not there, readable by their owner only, and swept when nobody wants them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from debuggers.workspace import files
from debuggers.workspace.files import Files, WrongContent


def test_a_file_comes_back_and_equal_content_is_kept_once(tmp_path: Path) -> None:
    store = Files(tmp_path / "files")
    name = store.put(b"model")
    assert store.put(b"model") == name
    assert store.get(name) == b"model"
    assert store.total() == store.size(name) == 5
    store.drop(name)
    store.drop(name)
    assert store.size(name) == store.total() == 0
    with pytest.raises(FileNotFoundError):
        store.get(name)


def test_a_file_that_was_changed_is_noticed(tmp_path: Path) -> None:
    store = Files(tmp_path)
    name = store.put(b"model")
    (tmp_path / name).write_bytes(b"mode1")
    with pytest.raises(WrongContent):
        store.get(name)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    store = Files(tmp_path / "files")
    name = store.put(b"model")
    assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "files" / name).stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        Files(tmp_path).put(b"model")
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_spares_what_is_wanted_and_what_is_recent(tmp_path: Path) -> None:
    store = Files(tmp_path)
    wanted, recent, stale = store.put(b"wanted"), store.put(b"recent"), store.put(b"stale")
    unfinished = tmp_path / f"{files.UNFINISHED}x"
    unfinished.write_bytes(b"half")
    for name in (wanted, stale, unfinished.name):
        os.utime(tmp_path / name, (0, 0))
    store.sweep({wanted})
    assert {path.name for path in tmp_path.iterdir()} == {wanted, recent}
