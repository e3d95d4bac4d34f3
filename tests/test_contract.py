"""Every debugger and every page, on every kind of subject: each answers, or says why not."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from components import compute, navigation, state
from debuggers.debugger import KINDS, Debugger, all_debuggers
from debuggers.errors import NotApplicable
from debuggers.subject import Subject
from debuggers.task import Task
from tests.subjects import subject

ROOT = Path(__file__).parents[1]
VARIANTS: dict[str, dict[str, bool]] = {
    "plain": {"categories": False},
    "categories": {},
    "missing": {"missing": True},
    "unlabelled": {"labels": False},
    "recorded": {"model": False},
}
SUBJECTS = [(task, variant) for task in Task for variant in VARIANTS]
DEBUGGERS = list(all_debuggers().values())


@pytest.fixture(params=SUBJECTS, ids=lambda p: f"{p[0]}-{p[1]}")
def any_subject(request: pytest.FixtureRequest) -> Subject:
    task, variant = request.param
    return subject(task, **VARIANTS[variant])


@pytest.mark.parametrize("debugger", DEBUGGERS, ids=lambda d: d.slug)
def test_a_debugger_answers_or_says_why_not(debugger: Debugger, any_subject: Subject) -> None:
    reason = debugger.obstacle(any_subject)
    if reason is not None:
        assert reason.endswith(".")
        with pytest.raises(NotApplicable, match="does not apply"):
            debugger.run(any_subject)
        return
    result = debugger.run(any_subject)
    assert dataclasses.is_dataclass(result)
    table = result.table()
    assert isinstance(table, pd.DataFrame)
    assert len(table)
    for finding in result.findings:
        plain = finding.as_dict(debugger.slug)
        json.dumps(plain, allow_nan=False)
        assert finding.kind in KINDS
        assert 0 < finding.rows <= len(any_subject.test)
        assert finding.slice is None or finding.slice.mask(any_subject.test.table).sum() == finding.rows


@pytest.mark.parametrize("debugger", DEBUGGERS, ids=lambda d: d.slug)
def test_a_debugger_is_deterministic(debugger: Debugger) -> None:
    first, second = (debugger.run(subject(Task.BINARY, missing=True)) for _ in range(2))
    pd.testing.assert_frame_equal(first.table(), second.table())
    assert [f.id(debugger.slug) for f in first.findings] == [f.id(debugger.slug) for f in second.findings]


@pytest.mark.parametrize("debugger", DEBUGGERS, ids=lambda d: d.slug)
def test_a_debugger_is_documented_and_has_a_page(debugger: Debugger) -> None:
    assert debugger.question.endswith("?")
    assert debugger.section in navigation.SECTIONS
    assert "How to read" in debugger.reading
    assert "When it misleads" in debugger.reading
    assert ">>> " in debugger.reading
    assert navigation.path_of(debugger.slug).exists()
    for declared in debugger.params.declared():
        assert declared.spec.help, f"{debugger.slug}.{declared.name} has no help"
    documented = "\n".join(inspect.getdoc(cls) or "" for cls in type_of(debugger).__mro__[:-1])
    assert all(f"{field.name} :" in documented or f"{field.name}," in documented for field in fields_of(debugger))


def type_of(debugger: Debugger) -> type:
    """Return the class of a debugger's result."""
    result: type = inspect.get_annotations(debugger.function, eval_str=True)["return"]
    return result


def fields_of(debugger: Debugger) -> Iterator[dataclasses.Field[object]]:
    """Yield what a result holds besides its findings."""
    return (f for f in dataclasses.fields(type_of(debugger)) if f.name != "findings" and not f.name.startswith("_"))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "PATIENCE", 120)


def opened_app(of: Subject) -> AppTest:
    """Return the app with `of` open, not run yet."""
    state.shelf().put(of, "contract")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["subject"] = "contract"
    return app


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("slug", [d.slug for d in DEBUGGERS if navigation.path_of(d.slug).exists()])
def test_a_page_shows_an_answer_or_why_there_is_none(slug: str, any_subject: Subject) -> None:
    app = opened_app(any_subject).switch_page(f"pages/{slug}.py").run()
    assert not app.exception
    assert not app.error
    assert [t.value for t in app.title] == [all_debuggers()[slug].title]
    applies = all_debuggers()[slug].obstacle(any_subject) is None
    assert any("does not apply" in i.value for i in app.info) != applies


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("slug", [d.slug for d in DEBUGGERS if navigation.path_of(d.slug).exists()])
@pytest.mark.parametrize("task", list(Task))
def test_a_page_compares_a_cohort_with_the_rest(slug: str, task: Task) -> None:
    app = opened_app(subject(task, missing=True))
    app.query_params["cohort"] = "age >= 50"
    app.switch_page(f"pages/{slug}.py").run()
    assert not app.exception
    assert not app.error
    assert any("against" in c.value for c in app.caption)
