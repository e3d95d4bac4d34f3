"""The Load page: what is uploaded is understood, shown, editable, and opened."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from xgboost import XGBClassifier

from components import state
from debuggers.sandbox import jail
from debuggers.task import Task
from tests.bad_files import csv
from tests.pages.frame import choose, linked, opened, said
from tests.services.stub import Answer, answer, serving

RNG = np.random.default_rng(0)
X = pd.DataFrame({"age": RNG.integers(18, 80, 120), "debt": RNG.normal(size=120)})
Y = (X["debt"] + RNG.normal(size=120) > 0).map({True: "yes", False: "no"})


@pytest.fixture(scope="module")
def model() -> bytes:
    return bytes(XGBClassifier(n_estimators=5).fit(X, (Y == "yes").astype(int)).get_booster().save_raw("json"))


@pytest.fixture
def started(model: bytes) -> Callable[[pd.DataFrame], AppTest]:
    """Return a function that opens the page with the model and a table."""

    def start(table: pd.DataFrame) -> AppTest:
        app = opened("load", None)
        app.file_uploader(key="upload_model").upload("m.json", model).run()
        app.file_uploader(key="upload_test").upload("t.csv", csv(table)).run()
        assert not app.exception
        return app

    return start


def begin(app: AppTest) -> state.Opened:
    """Press the button and return what is open then."""
    next(b for b in app.button if b.label == "Start debugging").click().run()
    assert not app.exception
    found = state.shelf().get(linked(app, "subject") or "")
    assert found is not None
    return found


def test_model_and_table_become_a_subject(started: Callable[[pd.DataFrame], AppTest]) -> None:
    app = started(X.assign(y=Y))
    assert any("XGBoost JSON · binary · 2 named inputs" in text for text in said(app.caption))
    assert {m.label: m.value for m in app.metric}["Test rows"] == "120"
    subject = begin(app).subject
    assert (subject.task, subject.classes, subject.test.features) == (Task.BINARY, ("no", "yes"), ("age", "debt"))


def test_the_positive_class_and_the_threshold_can_be_chosen(started: Callable[[pd.DataFrame], AppTest]) -> None:
    app = started(X.assign(y=Y))
    next(g for g in app.button_group if g.label == "Positive class").set_value("no").run()
    next(n for n in app.number_input if n.label == "Decision threshold").set_value(0.25).run()
    subject = begin(app).subject
    assert subject.classes == ("yes", "no")
    assert subject.threshold == 0.25


def test_an_input_without_a_column_is_matched_by_the_person(started: Callable[[pd.DataFrame], AppTest]) -> None:
    app = started(X.rename(columns={"debt": "owed"}).assign(y=Y))
    choose(app, "Target", "y")
    assert any("does not have: “debt”" in text for text in said(app.error))
    choose(app, "debt", "owed")
    assert not app.error
    assert begin(app).subject.test.features == ("age", "owed")


def test_a_column_of_predictions_stands_for_a_model() -> None:
    app = opened("load", None)
    app.file_uploader(key="upload_test").upload("t.csv", csv(X.assign(score=RNG.random(120), y=Y))).run()
    assert [m.value for m in app.multiselect if m.label == "Columns of predictions"] == [["score"]]
    subject = begin(app).subject
    assert subject.model is None
    assert subject.task is Task.BINARY


def test_what_was_done_to_the_file_is_said() -> None:
    app = opened("load", None)
    table = "name;name;score;y\n" + "".join(f"a;b;{i / 50},5;{i % 2}\n".replace(".", "") for i in range(40))
    app.file_uploader(key="upload_test").upload("t.csv", table.encode()).run()
    notes = " ".join(said(app.caption))
    assert "delimiter “;”" in notes
    assert "another column is called “name” too" in notes


def test_a_table_of_another_session_is_not_seen(started: Callable[[pd.DataFrame], AppTest]) -> None:
    begin(started(X.assign(y=Y)))
    other = opened("load", None)
    assert not any("Go on with" in str(e) for e in other.main)
    assert linked(other, "subject") is None


def test_a_service_is_asked_instead_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(method: str, path: str, question: Any) -> Answer:
        assert (method, path) == ("POST", "/invocations")
        return answer({"predictions": [row[0] / 100 for row in question["dataframe_split"]["data"]]})

    monkeypatch.setenv("FAULTLINE_SERVICES", "private")
    with serving(reply) as service:
        app = opened("load", None)
        next(t for t in app.text_input if t.label == "Address").set_value(service.url)
        next(b for b in app.button if b.label == "Use this service").click().run()
        app.file_uploader(key="upload_test").upload("t.csv", csv(X.assign(y=Y))).run()
        choose(app, "Task", "binary")
        assert not app.exception
        assert any("Asking http" in text for text in said(app.caption))
        subject = begin(app).subject
        np.testing.assert_allclose(subject.scores, X["age"] / 100)


def test_a_service_inside_the_server_s_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAULTLINE_SERVICES", raising=False)
    app = opened("load", None)
    next(t for t in app.text_input if t.label == "Address").set_value("http://127.0.0.1:9")
    next(b for b in app.button if b.label == "Use this service").click().run()
    assert any("own network" in text for text in said(app.error))


@pytest.mark.skipif(not jail.support().is_full, reason=f"no jail here: {jail.support().reason}")
def test_a_program_runs_after_consent_to_this_one_file() -> None:
    fitted = pickle.dumps(XGBClassifier(n_estimators=5).fit(X, (Y == "yes").astype(int)))
    app = opened("load", None)
    app.file_uploader(key="upload_model").upload("m.pkl", fitted).run()
    assert any("a pickle is a program" in text for text in said(app.warning))
    (consent,) = [box for box in app.checkbox if box.label == "Run this program in the jail"]
    assert consent.value is False
    consent.check().run()
    assert not app.error
    assert not app.warning
    assert any("pickle · binary · 2 named inputs" in text for text in said(app.caption))
    app.run()
    assert not app.error  # the consent holds while the file is there
    app.file_uploader(key="upload_model").upload("n.pkl", fitted + b" ").run()
    assert any("a pickle is a program" in text for text in said(app.warning))
    assert [box.value for box in app.checkbox if box.label == "Run this program in the jail"] == [False]


def test_a_server_that_takes_no_programs_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_PICKLES", "off")
    app = opened("load", None)
    app.file_uploader(key="upload_model").upload("m.pkl", pickle.dumps({"a": 1})).run()
    assert any("this server takes none" in error.value for error in app.error)
    assert not [box for box in app.checkbox if box.label == "Run this program in the jail"]
