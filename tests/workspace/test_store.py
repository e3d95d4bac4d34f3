"""Saved work: it comes back after the process is gone, is its owner's, expires, and is deleted with all that is its."""

from __future__ import annotations

import json
import pickle
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

from debuggers.debugger import all_debuggers
from debuggers.errors import BadVariable, DamagedWork, NotSaved, UnusableHome
from debuggers.matching import Roles
from debuggers.models.load import load_model
from debuggers.opening import Files, read_files
from debuggers.subject import Subject
from debuggers.workspace import store
from debuggers.workspace.files import Files as FileStore
from debuggers.workspace.recipe import Origin, Source
from debuggers.workspace.results import result_key
from debuggers.workspace.store import Retention, Workspace
from tests.workspace.same import assert_same

ODD = 'x>b"年'


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    """An XGBoost model and its tables, names and values of the odd sort included."""
    folder = tmp_path_factory.mktemp("origin")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({ODD: rng.normal(size=300), "whole": rng.integers(0, 9, 300)})
    X.loc[::7, ODD] = np.nan
    y = (X["whole"] > 4).astype(int)
    XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(X, y).save_model(folder / "m.json")
    word = pd.Series(["a", None]).take(y.to_numpy()).to_numpy()
    table = X.assign(word=word, flag=y == 1, day=pd.Timestamp("2024-02-29"), y=y)
    table.to_csv(folder / "test.csv", index=False)
    files = read_files(folder / "m.json", folder / "test.csv", train=folder / "test.csv")
    return Origin(files, Roles(target="y", sensitive=("word",)), {"model": Source((folder / "m.json").read_bytes())})


@pytest.fixture(scope="session")
def asked(origin: Origin) -> Subject:
    understanding = origin.files.understand(origin.roles)
    assert understanding.subject is not None, understanding.problems
    return understanding.subject


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "workspace", Retention())
    yield opened
    opened.close()


def reopened(workspace: Workspace, tmp_path: Path) -> Workspace:
    workspace.close()
    return Workspace(tmp_path / "workspace", workspace.retention)


def test_saved_work_comes_back_as_it_was(workspace: Workspace, tmp_path: Path, origin: Origin, asked: Subject) -> None:
    workspace.save("token", "me", asked, origin)
    again = reopened(workspace, tmp_path).open("token")
    assert again.fingerprint == asked.fingerprint
    assert again.notes == asked.notes
    assert again.name == asked.name
    assert again.train is not None
    assert_same(again.test.table, asked.test.table)
    assert_same(dict(again.test.schema), dict(asked.test.schema))
    np.testing.assert_array_equal(again.scores, asked.scores)


def test_a_list_shows_only_ones_own_work(workspace: Workspace, origin: Origin, asked: Subject) -> None:
    workspace.save("mine", "me", asked, origin)
    workspace.save("yours", "you", asked, origin)
    found = workspace.of("me")
    assert [saved.token for saved in found] == ["mine"]
    assert found[0].rows == len(asked.test)
    assert found[0].bytes > 0
    assert found[0].until == found[0].used + 30 * store.DAY
    assert workspace.find("yours") is not None
    assert workspace.find("guess") is None
    with pytest.raises(KeyError):
        workspace.open("guess")


def test_only_the_owner_deletes_and_all_of_it_goes(
    workspace: Workspace, tmp_path: Path, origin: Origin, asked: Subject
) -> None:
    for token in ("a", "b"):
        workspace.save(token, "me", asked, origin)
        workspace.annotations(token).add_note("me", "a note", "overview", {})
        workspace.annotations(token).save_cohort("old", "age > 50")
    overview = all_debuggers()["overview"]
    params = overview.params()
    workspace.results.keep("key", "a", "overview", overview.run(asked, params))
    assert not workspace.delete("a", "you")
    assert workspace.delete("a", "me")
    assert not workspace.delete("a", "me")
    assert workspace.find("a") is None
    assert workspace.annotations("a").notes() == []
    assert workspace.annotations("a").cohorts() == {}
    assert workspace.results.get("key") is None
    assert workspace.open("b").fingerprint == asked.fingerprint  # its files are the same ones
    assert workspace.delete("b", "me")
    assert list((tmp_path / "workspace" / "files").iterdir()) == []
    for path in (tmp_path / "workspace").glob("*.sqlite3"):
        assert b"a note" not in path.read_bytes()


def test_work_expires_after_its_last_use(
    workspace: Workspace, origin: Origin, asked: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    for token in ("short", "used", "kept"):
        workspace.save(token, "me", asked, origin)
    workspace.keep("short", "me", 2)
    workspace.keep("used", "me", 2)
    workspace.keep("kept", "you", 2)  # not theirs
    now += 1.5 * store.DAY
    workspace.touch("used")
    now += 1.5 * store.DAY
    assert workspace.expire() == 1
    assert {saved.token for saved in workspace.of("me")} == {"used", "kept"}
    now += 40 * store.DAY
    assert workspace.expire() == 2


def test_nobody_keeps_longer_than_the_server_does(workspace: Workspace, origin: Origin, asked: Subject) -> None:
    workspace.save("a", "me", asked, origin)
    workspace.keep("a", "me", 10_000)
    saved = workspace.find("a")
    assert saved is not None
    assert saved.keep_days == 30


def test_a_result_comes_back_after_a_restart(
    workspace: Workspace, tmp_path: Path, origin: Origin, asked: Subject
) -> None:
    workspace.save("a", "me", asked, origin)
    residuals = all_debuggers()["residuals"]
    params = residuals.params()
    result = residuals.run(asked, params)
    key = result_key(residuals, asked, params)
    workspace.results.keep(key, "a", "residuals", result)
    again = reopened(workspace, tmp_path)
    assert_same(again.results.get(result_key(residuals, again.open("a"), params)), result)
    assert again.results.get(result_key(residuals, asked.with_threshold(0.3), params)) is None


def test_a_damaged_result_is_computed_again(workspace: Workspace, tmp_path: Path) -> None:
    workspace.results.keep("key", "demo:x", "overview", [1, 2])
    for path in (tmp_path / "workspace" / "files").iterdir():
        path.write_bytes(b"garbage")
    assert workspace.results.get("key") is None
    assert workspace.results.get("key") is None


@pytest.mark.parametrize("damage", ["changed", "gone", "cut"])
def test_damaged_work_is_one_sentence(
    workspace: Workspace, tmp_path: Path, origin: Origin, asked: Subject, damage: str
) -> None:
    workspace.save("a", "me", asked, origin)
    for path in (tmp_path / "workspace" / "files").iterdir():
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:10] if damage == "cut" else b"x" * 100)
    with pytest.raises(DamagedWork):
        workspace.open("a")


def test_annotations_come_back(workspace: Workspace, tmp_path: Path, asked: Subject) -> None:
    notebook = workspace.annotations("a")
    notebook.save_cohort("<b>old</b>", "age > 50")
    notebook.save_cohort("<b>old</b>", "age > 60")
    notebook.add_note("me", "年齢 is 'wrong'; DROP TABLE note", "overview", {"cohort": "age > 50"})
    notebook.add_note("you", "second", "effects", {})
    notebook.dismiss("f1", "known")
    notebook.dismiss("f2", "")
    notebook.restore("f2")
    found = all_debuggers()["error_terrain"].run(asked).findings
    notebook.keep_findings("error_terrain", found)
    notebook.keep_findings("error_terrain", found)
    again = reopened(workspace, tmp_path).annotations("a")
    assert {name: c.predicate for name, c in again.cohorts().items()} == {"<b>old</b>": "age > 60"}
    assert [note.text for note in again.notes()] == ["second", "年齢 is 'wrong'; DROP TABLE note"]
    assert again.notes()[1].link == {"cohort": "age > 50"}
    assert again.dismissals() == {"f1": "known"}
    assert again.findings() == [json.loads(json.dumps(f.as_dict("error_terrain"))) for f in found]
    again.drop_note(again.notes()[0].id, "me")  # not theirs
    assert len(again.notes()) == 2
    again.drop_note(again.notes()[0].id, "you")
    again.drop_cohort("<b>old</b>")
    assert len(again.notes()) == 1
    assert again.cohorts() == {}
    assert reopened(workspace, tmp_path).annotations("b").notes() == []


def test_a_server_that_keeps_nothing_touches_no_disk(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace", Retention(days=0))
    workspace.annotations("a").save_cohort("old", "age > 50")
    assert set(workspace.annotations("a").cohorts()) == {"old"}
    assert not workspace.keeps
    assert list(tmp_path.iterdir()) == []


def test_a_full_server_says_so(tmp_path: Path, origin: Origin, asked: Subject) -> None:
    workspace = Workspace(tmp_path, Retention(gigabytes=1e-9))
    workspace.save("a", "me", asked, origin)
    with pytest.raises(NotSaved, match="are full"):
        workspace.save("b", "me", asked, origin)


def test_a_disk_that_fails_saves_nothing(
    workspace: Workspace, origin: Origin, asked: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileStore, "put", full)
    with pytest.raises(NotSaved, match="No space left"):
        workspace.save("a", "me", asked, origin)
    assert workspace.find("a") is None


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(UnusableHome, match="file"):
        Workspace(file / "workspace", Retention())
    (tmp_path / "workspace.sqlite3").write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(UnusableHome):
        Workspace(tmp_path, Retention())


def test_the_work_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Workspace(tmp_path, Retention()).close()
    with sqlite3.connect(tmp_path / "workspace.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(UnusableHome, match="newer"):
        Workspace(tmp_path, Retention())


@pytest.mark.parametrize("name", ["FAULTLINE_KEEP_DAYS", "FAULTLINE_KEEP_GB"])
@pytest.mark.parametrize("value", ["", "-1", "many", "1.5"])
def test_settings_that_mean_nothing_are_refused(name: str, value: str) -> None:
    with pytest.raises(BadVariable, match=name):
        Retention.read({name: value})
    assert Retention.read({}) == Retention()
    assert Retention.read({"FAULTLINE_KEEP_DAYS": "0"}).days == 0


def test_two_servers_share_a_folder(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "workspace", Retention())
    with ThreadPoolExecutor(4) as pool:
        for i in range(40):
            pool.submit((workspace, other)[i % 2].annotations("a").add_note, "me", str(i), "overview", {})
    assert sorted(int(note.text) for note in other.annotations("a").notes()) == list(range(40))
    other.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from debuggers.workspace.store import Retention, Workspace
notebook = Workspace(Path(sys.argv[1]), Retention()).annotations("a")
for i in range(10**6):
    notebook.add_note("me", str(i), "overview", {})
    print(i, flush=True)  # what was called saved
"""


def test_what_was_called_saved_survives_a_kill(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.kill()
        said += process.stdout.readlines()
    last = max(int(line) for line in said if line.endswith("\n"))
    workspace = Workspace(tmp_path, Retention())
    assert {int(note.text) for note in workspace.annotations("a").notes()} >= set(range(last + 1))
    workspace.close()


def test_a_model_that_needs_its_task_said_comes_back(workspace: Workspace, tmp_path: Path) -> None:
    from skl2onnx import to_onnx

    from debuggers.task import Task

    X = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    model = LogisticRegression().fit(X, (X[:, 0] > 0).astype(int))
    content = to_onnx(model, X[:1], options={"zipmap": False}).SerializeToString()
    pd.DataFrame(X, columns=["a", "b"]).assign(y=(X[:, 0] > 0).astype(int)).to_csv(tmp_path / "t.csv", index=False)
    table = read_files(None, tmp_path / "t.csv").test
    files = Files("m", table, load_model(content, "m.onnx", task=Task.BINARY))
    origin = Origin(files, Roles(target="y", task=Task.BINARY), {"model": Source(content, Task.BINARY)})
    subject = files.understand(origin.roles).subject
    assert subject is not None
    workspace.save("a", "me", subject, origin)
    np.testing.assert_array_equal(workspace.open("a").scores, subject.scores)


def test_a_program_that_a_person_consented_to_comes_back(workspace: Workspace, tmp_path: Path) -> None:
    X = pd.DataFrame({"a": np.linspace(-1, 1, 60), "b": np.zeros(60)})
    y = (X["a"] > 0).astype(int)
    content = pickle.dumps(LogisticRegression().fit(X, y))
    X.assign(y=y).to_csv(tmp_path / "t.csv", index=False)
    table = read_files(None, tmp_path / "t.csv").test
    files = Files("m", table, load_model(content, "m.pkl", consent=True))
    origin = Origin(files, Roles(target="y"), {"model": Source(content)})
    subject = files.understand(origin.roles).subject
    assert subject is not None
    workspace.save("a", "me", subject, origin)
    np.testing.assert_array_equal(workspace.open("a").scores, subject.scores)
