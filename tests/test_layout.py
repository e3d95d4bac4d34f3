"""The house keeps its plan: who may import whom, and what nobody may write."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = {"app", "serve", "serving", "debuggers", "components", "pages", "benchmarks", "tests", "tools"}


@dataclass(frozen=True)
class Source:
    """One file of ours."""

    path: str
    tree: ast.Module

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield line and dotted name of everything that is imported, wherever in the file."""
        package = Path(self.path).parent.parts
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else ()
                base = ".".join([*above, *filter(None, [node.module])])
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)

    def importing(self, *names: str) -> Iterator[int]:
        """Yield the lines that import one of these modules or something in them."""
        for line, imported in self.imports():
            if any(f"{imported}.".startswith(f"{name}.") for name in names):
                yield line

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield the last name of what is called, such as `load` of ``joblib.load(...)``, and the call."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func).rpartition(".")[2], node


def streamlit_or_screens(source: Source) -> Iterator[int]:
    yield from source.importing("streamlit", "components", "pages", "app", "serve", "serving")


def the_project(source: Source) -> Iterator[int]:
    for line, imported in source.imports():
        if imported.split(".")[0] in PROJECT and not imported.startswith("debuggers.kernels."):
            yield line


def another_analysis(source: Source) -> Iterator[int]:
    own = "debuggers.analyses." + Path(source.path).stem
    for line, imported in source.imports():
        if imported.startswith("debuggers.analyses.") and not f"{imported}.".startswith(f"{own}."):
            yield line


def session_state(source: Source) -> Iterator[int]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "session_state":
            yield node.lineno
    yield from source.importing("streamlit.session_state")


def computing(source: Source) -> Iterator[int]:
    yield from source.importing("numpy", "scipy", "sklearn", "statsmodels", "duckdb", "numba")


def raw_html(source: Source) -> Iterator[int]:
    for _, call in source.calls():
        yield from (call.lineno for word in call.keywords if word.arg == "unsafe_allow_html")


def unpickling(source: Source) -> Iterator[int]:
    yield from source.importing("pickle", "_pickle", "cloudpickle", "dill", "joblib.load", "pandas.read_pickle")
    for name, call in source.calls():
        if name == "read_pickle" or ast.unparse(call.func) == "joblib.load":
            yield call.lineno
        yield from (call.lineno for word in call.keywords if word.arg == "allow_pickle")


def flat_webgl(source: Source) -> Iterator[int]:
    for name, call in source.calls():
        if name in {"Scattergl", "Scatterpolargl", "Splom", "Parcoords", "scatter_matrix", "parallel_coordinates"}:
            yield call.lineno
        if name in {"scatter", "line"} and ast.unparse(call.func).startswith(("px.", "plotly.express.")):
            modes = [word.value for word in call.keywords if word.arg == "render_mode"]
            if [getattr(mode, "value", None) for mode in modes] != ["svg"]:
                yield call.lineno


@dataclass(frozen=True)
class Rule:
    """What files of some folders do not do; `bad` is a line that does it, `fine` one that only looks like it."""

    sentence: str
    folders: tuple[str, ...]
    breaks: Callable[[Source], Iterator[int]]
    bad: str
    fine: str
    exempt: tuple[str, ...] = ()

    def applies_to(self, path: str) -> bool:
        """Whether the rule holds for a file."""
        return path.startswith(self.folders) and path not in self.exempt


OURS = ("app.py", "serve.py", "serving/", "debuggers/", "components/", "pages/")
RULES = (
    Rule(
        "The engine knows no screen.",
        ("debuggers/",),
        streamlit_or_screens,
        bad="def f(): import streamlit as st",
        fine="from componentship import streamlits",
    ),
    Rule(
        "A kernel knows nothing of us.",
        ("debuggers/kernels/",),
        the_project,
        bad="from debuggers.task import Task",
        fine="from debuggers.kernels.trees import walk",
    ),
    Rule(
        "An analysis knows no other.",
        ("debuggers/analyses/",),
        another_analysis,
        bad="from . import effects",
        fine="from debuggers.grids import grid",
    ),
    Rule(
        "Only components/state.py holds state.",
        OURS,
        session_state,
        bad="st.session_state['x'] = 1",
        fine="session_state = 1",
        exempt=("components/state.py",),
    ),
    Rule(
        "A page lays out and computes nothing.",
        ("pages/",),
        computing,
        bad="from numpy import mean",
        fine="import pandas as pd",
    ),
    Rule(
        "No text is HTML.",
        OURS,
        raw_html,
        bad="st.markdown(name, unsafe_allow_html=True)",
        fine="st.markdown(name)",
    ),
    Rule(
        "Only a jailed worker unpickles.",
        ("debuggers/", "components/", "pages/"),
        unpickling,
        bad="model = joblib.load(path)",
        fine="import joblib, pickletools; joblib.dump(model, path)",
        exempt=("debuggers/models/pickle_model.py",),
    ),
    Rule(
        "No chart needs eval, which the policy forbids.",
        OURS,
        flat_webgl,
        bad="px.scatter(table, x='a', y='b')",
        fine="px.scatter(table, x='a', y='b', render_mode='svg')",
    ),
)


def sources() -> list[Source]:
    paths = [ROOT / "app.py", ROOT / "serve.py"]
    for folder in ("serving", "debuggers", "components", "pages"):
        paths += sorted((ROOT / folder).rglob("*.py"))
    return [Source(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))) for path in paths]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.sentence)
def test_no_file_breaks_the_rule(rule: Rule) -> None:
    broken = [f"{s.path}:{line}" for s in sources() if rule.applies_to(s.path) for line in rule.breaks(s)]
    assert broken == [], rule.sentence


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.sentence)
def test_the_rule_notices_what_breaks_it_and_nothing_else(rule: Rule) -> None:
    path = rule.folders[-1] + "sample.py"
    assert rule.applies_to(path)
    assert list(rule.breaks(Source(path, ast.parse(rule.bad)))) == [1]
    assert list(rule.breaks(Source(path, ast.parse(rule.fine)))) == []
