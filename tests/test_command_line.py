"""The command line keeps its promises: names, keys, order and exit codes that scripts and CI depend on."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.linear_model import LinearRegression

from debuggers.__main__ import BAD_INPUT, DONE, FOUND, main
from debuggers.data.demos import all_demos
from debuggers.debugger import KINDS, all_debuggers
from debuggers.sandbox import jail
from tests.services.stub import Answer, answer, serving

ROOT = Path(__file__).parents[1]
FINDING = {
    "id", "debugger", "kind", "severity", "headline", "slice", "features", "rows", "effect", "interval", "p_value",
    "q_value", "confirmed", "evidence",
}  # fmt: skip


def strict(text: str) -> Any:
    """Read JSON, in which NaN and Infinity have no place."""

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


Run = Callable[..., Any]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command line, checks its exit code and returns what it printed."""

    def call(*arguments: object, code: int = DONE) -> str:
        assert main([str(a) for a in arguments]) == code
        out, err = capsys.readouterr()
        assert all(line.startswith("note: ") for line in err.splitlines()), err
        return out

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model that knows its training rows by heart, and the tables."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)

    def rows(n: int, unused: Callable[[int], Any]) -> pd.DataFrame:
        X = pd.DataFrame({"age": rng.integers(18, 80, n), "debt": rng.normal(size=n), "unused": unused(n)})
        X.loc[rng.random(n) < 0.1, "debt"] = np.nan
        y = (X["age"] / 20 + X["debt"].fillna(0) + rng.normal(size=n) > 2.5).astype(int)
        return X.assign(sex=rng.choice(["<b>f</b>", "m"], n), y=y)

    train, test = rows(300, np.ones), rows(400, lambda n: rng.normal(size=n))  # nothing can be learnt from a constant
    features = ["age", "debt", "unused"]
    model = xgboost.XGBClassifier(n_estimators=60, max_depth=6, learning_rate=0.5).fit(train[features], train["y"])
    model.save_model(folder / "model.json")
    simple = xgboost.XGBClassifier(n_estimators=10, max_depth=2).fit(train[features], train["y"])
    simple.save_model(folder / "simple.json")
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def inputs(folder: Path) -> list[object]:
    return ["--model", folder / "model.json", "--data", folder / "test.csv", "--target", "y"]


def test_list_names_every_debugger_with_its_parameters(run: Run) -> None:
    plain = run("list").splitlines()
    assert [line.split()[0] for line in plain] == list(all_debuggers())
    found = strict(run("list", "--json"))
    assert [d["slug"] for d in found] == list(all_debuggers())
    for d in found:
        assert set(d) == {"slug", "title", "section", "question", "needs", "tasks", "params"}
        assert all(set(p) == {"name", "default", "help", "expected"} for p in d["params"])


def test_residuals_come_by_falling_absolute_size(run: Run, inputs: list[object], tmp_path: Path) -> None:
    answer = strict(run("run", "residuals", *inputs, "--csv", tmp_path / "out.csv"))
    assert set(answer) == {"debugger", "params", "rows", "seconds", "findings", "table"}
    assert (answer["debugger"], answer["rows"]) == ("residuals", 400)
    table = pd.DataFrame(answer["table"])
    assert list(table.columns[:4]) == ["row", "residual", "prediction", "target"]
    assert len(table) == 400
    assert sorted(table["row"]) == list(range(400))
    assert table["residual"].abs().is_monotonic_decreasing
    np.testing.assert_allclose(table["residual"], table["target"] - table["prediction"])
    written = pd.read_csv(tmp_path / "out.csv")
    assert list(written.columns) == list(table.columns)
    np.testing.assert_allclose(written["residual"], table["residual"])


def test_effects_of_a_feature_have_the_promised_columns(run: Run, inputs: list[object]) -> None:
    answer = strict(run("run", "effects", *inputs, "--param", "feature=debt", "--param", "points=9"))
    assert answer["params"]["feature"] == "debt"
    assert answer["params"]["points"] == 9
    table = pd.DataFrame(answer["table"])
    assert {"feature", "value", "pdp", "ale", "rows"} <= set(table.columns)
    assert set(table["feature"]) == {"debt"}
    assert table["pdp"].between(0, 1).all()
    assert table["rows"].sum() == 400
    assert table["value"].isna().sum() == 1  # missing is a value of its own, as null
    assert table["ale"].isna().sum() == 1


def test_a_scan_writes_json_and_a_page_and_fails_on_what_it_is_told(
    run: Run, inputs: list[object], folder: Path, tmp_path: Path
) -> None:
    more = ["--train", folder / "train.csv", "--benchmark", folder / "simple.json", "--sensitive", "sex"]
    out, page = tmp_path / "scan.json", tmp_path / "scan.html"
    printed = run("scan", *inputs, *more, "--json", out, "--html", page, "--fail-on", "high", code=FOUND)
    answer = strict(out.read_text())
    assert set(answer) == {"subject", "seconds", "findings", "passed", "not_applicable"}
    assert set(answer["subject"]) == {"task", "rows", "features", "scores"}
    assert answer["subject"]["task"] == "binary"
    assert set(answer["subject"]["scores"]["log_loss"]) == {"value", "interval", "n"}
    slugs = {f["debugger"] for f in answer["findings"]} | set(answer["passed"])
    slugs |= {n["debugger"] for n in answer["not_applicable"]}
    assert slugs == {slug for slug, d in all_debuggers().items() if d.scanned}
    for finding in answer["findings"]:
        assert set(finding) == FINDING
        assert finding["kind"] in KINDS
        assert finding["severity"] in ("low", "medium", "high")
        assert finding["interval"] is None or len(finding["interval"]) == 2
        if finding["slice"] is not None:
            assert set(finding["slice"]) == {"sql", "literals"}
            assert all(set(literal) == {"feature", "op", "value"} for literal in finding["slice"]["literals"])
    kinds = {f["kind"] for f in answer["findings"]}
    assert {"overfit", "worse_than_benchmark", "unused_feature"} <= kinds
    ranks = [("low", "medium", "high").index(f["severity"]) for f in answer["findings"] if f["confirmed"] is not False]
    assert ranks == sorted(ranks, reverse=True)
    assert all(f["headline"] in printed for f in answer["findings"])
    assert "<!doctype html>" in page.read_text()


def test_a_scan_without_findings_of_that_severity_succeeds(run: Run, folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    p = rng.random(500)
    pd.DataFrame({"x": rng.normal(size=500), "p": p, "y": (rng.random(500) < p).astype(int)}).to_csv(
        tmp_path / "calibrated.csv", index=False
    )
    run("scan", "--data", tmp_path / "calibrated.csv", "--target", "y", "--predictions", "p", "--fail-on", "low")


def test_names_are_escaped_in_the_page(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    group = rng.random(600) < 0.5
    y = (rng.random(600) < np.where(group, 0.8, 0.2)).astype(int)
    name = "<script>alert(1)</script>"
    table = pd.DataFrame({name: np.where(group, "<i>a</i>", "b"), "p": np.where(group, 0.3, 0.2), "y": y})
    table.to_csv(tmp_path / "t.csv", index=False)
    page = tmp_path / "<b>.html"
    inputs = ["--data", tmp_path / "t.csv", "--target", "y", "--predictions", "p"]
    run("scan", *inputs, "--json", tmp_path / "out.json", "--html", page)
    text = page.read_text()
    assert "&lt;script&gt;" in text
    assert "&lt;i&gt;a&lt;/i&gt;" in text
    assert "<script" not in text
    assert "<i>a" not in text


def test_a_finding_names_its_rows_as_a_predicate(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    group = rng.random(600) < 0.5
    table = pd.DataFrame({'a"b': np.where(group, "it's", "b"), "p": 0.3, "y": (group).astype(int)})
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    answer = strict(run("scan", "--data", path, "--target", "y", "--predictions", "p"))
    slices = [f for f in answer["findings"] if f["slice"]]
    assert slices
    for finding in slices:
        where = finding["slice"]["sql"]
        found = duckdb.sql(f"SELECT count(*) FROM read_csv('{path}', header = true) WHERE {where}").fetchall()  # type: ignore[union-attr]
        assert found == [(finding["rows"],)]


def test_findings_have_the_same_ids_in_another_process(inputs: list[object], run: Run) -> None:
    command = [sys.executable, "-m", "debuggers", "scan", *map(str, inputs)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    here = strict(run("scan", *inputs))
    assert [f["id"] for f in strict(ended.stdout)["findings"]] == [f["id"] for f in here["findings"]]


def test_a_reader_that_goes_away_ends_the_command_quietly() -> None:
    command = f"{sys.executable} -m debuggers list --json | head -c 1"
    ended = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], cwd=ROOT, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_demo_can_be_written_and_scanned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path / "home"))
    demo = next(d for d in all_demos() if d.name == "breast_cancer")
    assert main(["demo", demo.name, "--out", str(tmp_path / "demo")]) == DONE
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert all(path.is_file() for path in paths)
    model, test = tmp_path / "demo" / f"{demo.name}.txt", tmp_path / "demo" / "test.parquet"
    assert {model, test} < set(paths)
    assert main(["scan", "--model", str(model), "--data", str(test), "--target", demo.target]) == DONE
    assert strict(capsys.readouterr().out)["subject"]["rows"] == 228


@pytest.mark.skipif(not jail.support().is_full, reason=f"no jail here: {jail.support().reason}")
def test_a_program_runs_if_it_is_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame({"a": np.arange(60.0), "y": np.arange(60.0)})
    table.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(LinearRegression().fit(table[["a"]], table["y"])))
    inputs = ["--model", str(tmp_path / "m.pkl"), "--data", str(tmp_path / "t.csv"), "--target", "y"]
    assert main(["run", "residuals", *inputs]) == BAD_INPUT
    assert "--trust-model" in capsys.readouterr().err
    assert main(["run", "residuals", "--trust-model", *inputs]) == DONE
    assert strict(capsys.readouterr().out)["rows"] == 60


def test_a_fault_of_ours_is_neither_findings_nor_bad_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("debuggers.__main__.all_debuggers", lambda: 1 / 0)
    assert main(["list"]) == 3
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_service_is_asked_with_a_header_of_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply(_: str, path: str, question: Any) -> Answer:
        return answer({"predictions": [row[0] / 100 for row in question["dataframe_split"]["data"]]})

    ages = np.arange(20, 90)
    pd.DataFrame({"age": ages, "y": (ages > 50).astype(int)}).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setenv("FAULTLINE_SERVICE_HEADER", "Authorization: Bearer s3cret")
    with serving(reply) as service:
        inputs = (
            "--service",
            f"{service.url}/churn",
            "--data",
            tmp_path / "t.csv",
            "--target",
            "y",
            "--task",
            "binary",
        )
        found = strict(run("run", "overview", *inputs))
        assert found["rows"] == len(ages)
        assert {path for _, path, _ in service.asked} == {"/churn/invocations"}
        assert {headers["Authorization"] for _, _, headers in service.asked} == {"Bearer s3cret"}
