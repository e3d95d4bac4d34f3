"""What is open on the server: kept by a token that nobody guesses, the least used one dropped."""

from __future__ import annotations

import pytest

from components import state
from components.state import Opened, Shelf
from debuggers.task import Task
from tests.subjects import subject


def test_tokens_differ_and_are_long() -> None:
    shelf = Shelf()
    tokens = {shelf.put(subject(Task.BINARY)).token for _ in range(5)}
    assert len(tokens) == 5
    assert min(map(len, tokens)) >= 16
    assert shelf.get("guess") is None


def test_the_least_recently_used_subject_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MAX_SUBJECTS", 2)
    shelf = Shelf()
    for token in ("a", "b"):
        shelf.put(subject(Task.BINARY), token)
    shelf.get("a")
    shelf.put(subject(Task.BINARY), "c")
    assert [shelf.get(token) is not None for token in ("a", "b", "c")] == [True, False, True]


def test_a_threshold_makes_one_subject_and_predictions_are_not_made_again() -> None:
    opened = Opened("a", subject(Task.BINARY))
    scores = opened.subject.scores
    other = opened.at(0.2)
    assert other is opened.at(0.2)
    assert other.scores is scores
    assert other.fingerprint != opened.subject.fingerprint
    assert opened.at(None) is opened.at(0.5) is opened.subject
    for i in range(2 * state.MAX_THRESHOLDS):
        opened.at(i / 100)
    assert len(opened._at) <= state.MAX_THRESHOLDS


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_only_a_binary_subject_has_a_threshold(task: Task) -> None:
    opened = Opened("a", subject(task))
    assert opened.at(0.2) is opened.subject
