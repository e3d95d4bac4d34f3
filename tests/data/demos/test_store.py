"""Demos are made once, in another process, and are complete or not there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest

from debuggers.data.demos import Demo, all_demos, load_demo, write_demo
from debuggers.data.demos import store as demo_store
from debuggers.data.schema import Kind
from debuggers.errors import DemoFailed, UnknownDemo, UnusableOption
from debuggers.task import Task


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _own_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(home))


def made_again(share: float, text: str) -> None:
    pytest.fail(f"it was made again: {text}")


@pytest.mark.parametrize("demo", all_demos(), ids=lambda demo: demo.name)
def test_a_demo_is_made_with_progress_and_then_kept(demo: Demo) -> None:
    heard: list[tuple[float, str]] = []
    files = load_demo(demo.name, lambda share, text: heard.append((share, text)))
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    again = load_demo(demo.name, made_again)
    assert again.model == files.model == files.model_path.read_bytes()
    assert list(files.train.frame.columns) == list(files.test.frame.columns)
    assert {files.target, *demo.sensitive} <= set(files.test.frame.columns)
    assert files.test.schema[files.target].kind is Kind.INTEGER
    if demo.task is Task.BINARY:
        assert set(files.test.frame[files.target]) == {0, 1}


def test_training_stays_out_of_this_process() -> None:
    code = (
        "import sys; from debuggers.data.demos import load_demo; load_demo('breast_cancer');"
        "print(sorted({'lightgbm', 'xgboost', 'catboost', 'sklearn'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_person_is_on_one_side_of_the_split_only() -> None:
    files = load_demo("doctor_visits")
    assert len(files.train.frame) + len(files.test.frame) == 20_190
    assert set(files.test.frame["health"]) == {"excellent", "good", "fair", "poor"}
    assert files.test.frame["individual_deductible"].dtype == bool


def test_two_at_once_both_get_a_complete_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(load_demo, ["breast_cancer"] * 2)
    assert first.model == second.model
    assert [folder.name.split("-")[0] for folder in (tmp_path / "demos").iterdir()] == ["breast_cancer"]


def test_whoever_stops_listening_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path))

    def leave(share: float, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_demo("breast_cancer", leave)
    assert list((tmp_path / "demos").iterdir()) == []


def test_what_a_killed_process_left_is_removed_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path))
    old, new = tmp_path / "demos" / ".unfinished-old", tmp_path / "demos" / ".unfinished-new"
    old.mkdir(parents=True)
    new.mkdir()
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    load_demo("breast_cancer")
    assert not old.exists()
    assert new.exists()


def test_other_code_makes_another_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    before = demo_store._version()
    monkeypatch.setattr(metadata, "version", str.upper)
    assert demo_store._version() != before


def test_training_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DemoFailed, match="status 1"):
        load_demo("credit")
    assert list((tmp_path / "demos").iterdir()) == []


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("FAULTLINE_HOME", str(file))
    with pytest.raises(DemoFailed, match="FAULTLINE_HOME"):
        load_demo("credit")


def test_an_unknown_demo_is_answered_with_the_known() -> None:
    with pytest.raises(UnknownDemo, match="credit"):
        load_demo("../credit")


def test_a_demo_is_written_out_with_what_to_know(tmp_path: Path) -> None:
    written = write_demo("credit", tmp_path / "new" / "folder")
    assert {path.name for path in written} == {
        "credit.json", "train.parquet", "test.parquet", "truth.parquet", "README.txt",
    }  # fmt: skip
    assert all(path.stat().st_size > 0 for path in written)
    readme = written[-1].read_text()
    for fault in all_demos()[0].faults:
        assert fault.kind in readme
        assert fault.where_sql in readme
    assert "--target default" in readme
    assert len(pd.read_parquet(tmp_path / "new" / "folder" / "truth.parquet")) == 12_000


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UnusableOption, match="folder that can be written"):
        write_demo("breast_cancer", file)
