"""Work is done once, can be cancelled, and what fails is a sentence with an id."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from components import compute
from components.compute import Desk, answer_key, desk, known_answer
from debuggers.analyses.effects import EffectsParams
from debuggers.debugger import all_debuggers
from debuggers.errors import EmptyTable
from debuggers.execution import Cancelled, report
from debuggers.task import Task
from tests.subjects import subject

# What the page of a test does; AppTest runs its source, so it reaches its work through this module's name.
WORK: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    desk().forget(("test",))
    WORK.clear()


def page() -> None:
    import streamlit as st

    from components.compute import wait
    from tests.components.test_compute import WORK

    st.write(f"answer {wait(('test',), WORK['work'], 'Thinking')}")


def page_with_a_fragment() -> None:
    import streamlit as st

    from components.compute import wait
    from tests.components.test_compute import WORK

    @st.fragment
    def part() -> None:
        st.write(f"answer {wait(('test',), WORK['work'], 'Thinking', in_fragment=True)}")

    part()


def opened() -> AppTest:
    return AppTest.from_function(page, default_timeout=30)


def test_the_same_question_is_computed_once() -> None:
    calls = []
    one = Desk()
    first, second = (one.submit(("k",), lambda: calls.append(1)) for _ in range(2))
    assert first is second
    first.future.result()
    assert calls == [1]
    one.forget(("k",))
    one.submit(("k",), lambda: calls.append(2)).future.result()
    assert calls == [1, 2]


def test_the_desk_forgets_the_oldest_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "MAX_ANSWERS", 2)
    one = Desk()
    jobs = [one.submit((i,), lambda: None) for i in range(3)]
    assert one.submit((2,), lambda: None) is jobs[2]
    assert one.submit((0,), lambda: None) is not jobs[0]


def test_an_answer_depends_on_subject_threshold_and_parameters() -> None:
    debugger = all_debuggers()["effects"]
    one = subject(Task.BINARY)
    keys = {
        answer_key(debugger, one, EffectsParams()),
        answer_key(debugger, one, EffectsParams(points=7)),
        answer_key(debugger, one.with_threshold(0.3), EffectsParams()),
        answer_key(debugger, subject(Task.REGRESSION), EffectsParams()),
        answer_key(all_debuggers()["residuals"], one, EffectsParams()),
    }
    assert len(keys) == 5
    assert answer_key(debugger, one, EffectsParams()) in keys


def test_an_answer_that_is_there_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "PATIENCE", 30)
    WORK["work"] = lambda: 42
    assert [m.value for m in opened().run().markdown] == ["answer 42"]


def test_work_under_way_shows_progress_and_can_be_cancelled_and_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def work() -> None:
        while True:
            report(0.25, "Counting <b>sheep</b>")

    def press(*_: Any, on_click: Callable[[], None], **__: Any) -> None:
        shown.append("Cancel")
        on_click()

    monkeypatch.setattr(compute, "PATIENCE", 0)
    monkeypatch.setattr(DeltaGenerator, "button", press)
    WORK["work"] = work
    app = opened().run()
    assert shown == ["Cancel"]
    assert not app.markdown
    assert [i.value for i in app.info] == ["Cancelled."]
    with pytest.raises(Cancelled):
        desk().submit(("test",), work).future.result(30)
    monkeypatch.undo()
    monkeypatch.setattr(compute, "PATIENCE", 30)
    WORK["work"] = lambda: 42
    app.button(key="_again").click().run()
    assert [m.value for m in app.markdown] == ["answer 42"]


def test_a_fragment_stops_at_its_progress_so_that_a_click_can_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    started, ended = Event(), Event()

    def work() -> None:
        try:
            while True:
                report(0.25, "Counting sheep")
                started.set()
        finally:
            ended.set()

    monkeypatch.setattr(compute, "PATIENCE", 0)
    WORK["work"] = work
    app = AppTest.from_function(page_with_a_fragment, default_timeout=30).run()
    assert started.wait(30)
    assert [b.label for b in app.button] == ["Cancel"]
    assert not app.markdown
    app.button[0].click().run()
    assert ended.wait(30)
    with pytest.raises(Cancelled):
        desk().submit(("test",), work).future.result(30)


def test_progress_gives_way_to_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "PATIENCE", 0)
    monkeypatch.setattr(compute, "POLL_SECONDS", 0.01)
    polled = Event()
    bar = DeltaGenerator.progress

    def progress(self: DeltaGenerator, *args: Any, **kwargs: Any) -> DeltaGenerator:
        polled.set()
        return bar(self, *args, **kwargs)

    monkeypatch.setattr(DeltaGenerator, "progress", progress)
    WORK["work"] = lambda: polled.wait(30) and 42
    app = opened().run()
    assert [m.value for m in app.markdown] == ["answer 42"]
    assert not app.button


def test_a_problem_is_its_sentence_and_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        raise EmptyTable("<b>x</b>")

    monkeypatch.setattr(compute, "PATIENCE", 30)
    WORK["work"] = work
    app = opened().run()
    assert not app.exception
    assert "has no rows" in app.error[0].value
    assert "<b>" not in app.error[0].value
    WORK["work"] = lambda: 42
    assert [m.value for m in app.run().markdown] == ["answer 42"]


@pytest.mark.parametrize("failure", [ZeroDivisionError("secret detail"), TimeoutError("secret detail")])
def test_a_failure_shows_an_id_and_logs_the_rest(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        raise failure

    monkeypatch.setattr(compute, "PATIENCE", 30)
    WORK["work"] = work
    with caplog.at_level(logging.ERROR, "faultline"):
        app = opened().run()
    assert not app.exception
    (shown,) = [e.value for e in app.error]
    assert "secret" not in shown
    ticket = re.search(r"\*\*([0-9a-f]{8})\*\*", shown)
    assert ticket is not None
    (record,) = [r for r in caplog.records if r.name == "faultline"]
    assert ticket[1] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is failure


def test_the_scan_knows_what_is_pending_done_and_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    debugger, of = all_debuggers()["overview"], subject(Task.BINARY, missing=True)
    params = debugger.params()
    key = answer_key(debugger, of, params)
    known_answer(debugger, of, params)
    desk().submit(key, lambda: None).future.result(60)
    assert known_answer(debugger, of, params).state == "done"

    def fail() -> None:
        raise EmptyTable("t.csv")

    desk().forget(key)
    desk().submit(key, fail).future.exception(60)
    failed = known_answer(debugger, of, params)
    assert failed.state == "failed"
    assert "has no rows" in failed.problem
    desk().forget(key)
