"""Damage of any kind ends in an answer or in one sentence, and never in the end of the app."""

from __future__ import annotations

import pytest

from debuggers.models.load import load_model
from debuggers.task import Task
from tests import mutants

COUNT = 25


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {**mutants.models(), **mutants.tables()}


@pytest.mark.parametrize("kind", mutants.FATES)
def test_an_undamaged_file_answers(kind: str, files: dict[str, bytes]) -> None:
    assert mutants.FATES[kind](files[kind]) == "answers"


@pytest.mark.parametrize("kind", mutants.FATES)
def test_a_damaged_file_answers_or_is_one_sentence(kind: str, files: dict[str, bytes]) -> None:
    bystander = load_model(files["ONNX"], task=Task.BINARY)
    before = bystander.predict(mutants.X).tolist()
    fates = {mutants.FATES[kind](mutant) for mutant in mutants.mutants(files[kind], COUNT)}
    assert fates - {"answers"}, "no mutant was damaged"
    assert bystander.predict(mutants.X).tolist() == before
    bystander.close()
