"""Bad input is one sentence, on the command line and on the page, and costs nothing that was loaded before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from components import compute, state
from debuggers.__main__ import BAD_INPUT, DONE, main
from debuggers.task import Task
from tests import bad_files
from tests.bad_files import MODELS, TABLES, UNPACKED_MB, csv, people
from tests.names import ODD
from tests.pages.frame import said
from tests.subjects import subject

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_MAX_UNPACKED_MB", str(UNPACKED_MB))


# --- the command line ---

Say = Callable[..., str]


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Say:
    """Return a function that runs the command line and returns the one line that it says before it ends with 2."""

    def run(*arguments: object) -> str:
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as ended:
            code = int(str(ended.code))
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert code == BAD_INPUT, err
        assert out == ""
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: ")
        assert "Traceback" not in err
        return lines[0]

    return run


@pytest.fixture
def good(tmp_path: Path) -> list[object]:
    """Write a model and a table that fit, and return the options that name them."""
    model, table = tmp_path / "good.onnx", tmp_path / "good.csv"
    model.write_bytes(bad_files.good_model())
    table.write_bytes(bad_files.good_table())
    return ["--model", model, "--data", table, "--target", "y"]


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_table_is_refused(name: str, tmp_path: Path, refusal: Say) -> None:
    make, phrase = TABLES[name]
    path = tmp_path / name
    path.write_bytes(make())
    said = refusal("scan", "--data", path, "--target", "y", "--predictions", "p", "--task", "regression")
    assert phrase in said


@pytest.mark.parametrize("name", MODELS)
def test_a_bad_model_is_refused(name: str, tmp_path: Path, good: list[object], refusal: Say) -> None:
    make, phrase = MODELS[name]
    path = tmp_path / name
    path.write_bytes(make())
    assert phrase in refusal("run", "residuals", "--model", path, *good[2:])


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        ([], "required: command"),
        (["run"], "required: slug"),
        (["run", "nothing"], "no debugger “nothing”"),
        (["run", "overview", "--param", "by"], "name=value"),
        (["run", "overview", "--param", "colour=red"], "one of the parameters by"),
        (["run", "overview", "--param", "by=colour"], "a column among"),
        (["run", "overview", "--param", "cost_fp=nan"], "a number from 0"),
        (["run", "overview", "--threshold", "high"], "invalid float"),
        (["run", "overview", "--threshold", "7"], "a number from 0 to 1"),
        (["run", "overview", "--sensitive", "race"], "no sensitive column “race”"),
        (["run", "overview", "--ignore", "id"], "no ignored column “id”"),
        (["run", "overview", "--row-id", "id"], "no row id column “id”"),
        (["run", "overview", "--task", "binary"], "a binary model needs two classes"),
        (["run", "overview", "--train", "/nowhere.csv"], "there is no such file"),
        (["run", "overview", "--train", "/"], "it is no file"),
        (["run", "overview", "--json", "/nowhere/out.json"], "No such file"),
        (["run", "overview", "--csv", "/nowhere/out.csv"], "non-existent directory"),
        (["scan", "--html", "/nowhere/out.html"], "No such file"),
        (["scan", "--fail-on", "terrible"], "invalid choice"),
        (["demo", "nothing", "--out", "out"], "no demo “nothing”"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_arguments_are_refused(arguments: list[str], phrase: str, good: list[object], refusal: Say) -> None:
    takes_inputs = len(arguments) > 1 and arguments[0] in ("run", "scan")
    assert phrase in refusal(*arguments, *(good if takes_inputs else []))


def test_a_file_over_the_limit_is_refused_before_it_is_read(
    tmp_path: Path, refusal: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as sparse:
        sparse.truncate(2 << 30)
    assert "the limit is 1,024 MB" in refusal("scan", "--data", path, "--predictions", "p")


def _read(path: Path) -> dict[str, object]:
    def strict(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    answer: dict[str, object] = json.loads(path.read_text(), parse_constant=strict)
    return answer


def unusual_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Add a column without any value, one with an infinite one, and odd names and values."""
    odd = dict.fromkeys(ODD, table["a"])
    values = [*ODD, *["x"] * (len(table) - len(ODD))]
    return table.assign(empty=np.nan, far=np.where(table.index == 3, np.inf, table["a"]), job=values, **odd)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(unusual_columns, id="unusual columns"),
        pytest.param(lambda t: t.set_axis(["a", "a", "y", "p"], axis=1), id="duplicate names"),
        pytest.param(lambda t: t.assign(y=5.0), id="a constant target"),
        pytest.param(lambda t: t.head(1), id="one row"),
        pytest.param(lambda t: t.head(2), id="two rows"),
    ],
)
def test_unusual_tables_are_scanned(change: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(csv(change(people())))
    out, page = tmp_path / "out.json", tmp_path / "out.html"
    inputs = ["--data", tmp_path / "t.csv", "--target", "y", "--predictions", "p", "--task", "regression"]
    assert main([str(a) for a in ("scan", *inputs, "--json", out, "--html", page)]) == DONE
    assert set(_read(out)) >= {"subject", "findings", "passed", "not_applicable"}
    assert main([str(a) for a in ("run", "residuals", *inputs, "--json", out)]) == DONE
    assert _read(out)["table"]


# --- the page ---


@pytest.fixture
def load_page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Return the Load page, with a subject open already."""
    monkeypatch.setattr(compute, "PATIENCE", 60)
    state.shelf().put(subject(Task.BINARY), "before")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["subject"] = "before"
    return app.switch_page("pages/load.py").run()


def _refused(app: AppTest, phrase: str) -> None:
    """Check that the page says one sentence, cannot go on with it, and still has what was open."""
    assert not app.exception
    assert [phrase in e.value.replace("\\", "").replace("\u2060", "") for e in app.error] == [True]
    assert not [b for b in app.button if b.label == "Start debugging" and not b.disabled]
    opened = state.shelf().get("before")
    assert opened is not None
    assert opened.subject is subject(Task.BINARY)
    app.switch_page("pages/overview.py").run()
    assert not app.exception
    assert [t.value for t in app.title] == ["Overview"]
    assert any("600 rows" in m.value for m in app.markdown)


@pytest.mark.parametrize("name", [name for name in TABLES if name not in ("untargeted.csv", "predictions text.csv")])
def test_the_page_says_what_is_wrong_with_a_table(name: str, load_page: AppTest) -> None:
    make, phrase = TABLES[name]
    load_page.file_uploader(key="upload_test").upload(name, make()).run()
    if any(s.label == "Target" for s in load_page.selectbox):
        _choose(load_page, "Target", "y")
        load_page.multiselect[0].set_value(["p"])
        _choose(load_page, "Task", "regression")
        load_page.run()
    _refused(load_page, phrase)


@pytest.mark.parametrize("name", MODELS)
def test_the_page_says_what_is_wrong_with_a_model(name: str, load_page: AppTest) -> None:
    make, phrase = MODELS[name]
    load_page.file_uploader(key="upload_model").upload(name, make()).run()
    if name == "pickle.onnx":  # no mistake, but a question
        assert phrase in said(load_page.warning)[0]
        assert [box.label for box in load_page.checkbox][:1] == ["Run this program in the jail"]
        return
    if not load_page.error:
        load_page.file_uploader(key="upload_test").upload("good.csv", bad_files.good_table()).run()
        _choose(load_page, "Target", "y")
        _choose(load_page, "Task", "regression")
        load_page.run()
    _refused(load_page, phrase)


def test_a_table_is_kept_when_the_next_file_is_bad(load_page: AppTest) -> None:
    load_page.file_uploader(key="upload_test").upload("good.csv", csv(people())).run()
    _choose(load_page, "Target", "y")
    load_page.run()
    load_page.file_uploader(key="upload_model").upload("cut.onnx", MODELS["cut.onnx"][0]()).run()
    assert [s.value for s in load_page.selectbox if s.label == "Target"] == ["y"]
    assert any("60 rows" in c.value for c in load_page.caption)
    _refused(load_page, "cannot be loaded as ONNX")


def _choose(app: AppTest, label: str, value: str) -> None:
    next(s for s in app.selectbox if s.label == label).set_value(value)
