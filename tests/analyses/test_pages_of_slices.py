"""Bad input is answered alike by both pages that show slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from debuggers.analyses.error_terrain import ErrorTerrainParams, error_terrain
from debuggers.analyses.weak_slices import WeakSlicesParams, weak_slices
from debuggers.debugger import all_debuggers
from debuggers.errors import NotApplicable
from debuggers.matching import Roles, make_subject
from debuggers.slice_engine import FoundSlices
from debuggers.subject import Subject
from debuggers.task import Task
from tests.subjects import people, subject

PAGES: dict[str, Callable[..., FoundSlices]] = {
    "weak_slices": lambda of, **asked: weak_slices(of, WeakSlicesParams(draws=0, **asked)),
    "error_terrain": lambda of, **asked: error_terrain(of, ErrorTerrainParams(**asked)),
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    """Return the name of a debugger whose page shows slices."""
    return str(request.param)


def run(page: str, of: Subject, **asked: Any) -> FoundSlices:
    return PAGES[page](of, **asked)


@pytest.mark.parametrize("measure", ["loss", "error"])
def test_values_too_large_to_add_up_are_a_sentence(page: str, measure: str) -> None:
    table = people(500).assign(said=0.0, y=np.linspace(-1, 1, 500) * 1e200)
    of = make_subject("huge", table, Roles(target="y", predictions=("said",), task=Task.REGRESSION))
    with pytest.raises(NotApplicable, match="larger units"):
        run(page, of, measure=measure)


def test_one_class_and_missing_targets_are_an_answer(page: str) -> None:
    rng, features = np.random.default_rng(0), people(2_000)
    table = features.assign(p=rng.random(2_000), y=np.where(rng.random(2_000) < 0.3, np.nan, 1.0))
    of = make_subject("one", table, Roles(target="y", predictions=("p",), task=Task.BINARY))
    found = run(page, of)
    assert found.searched + found.held_out == table["y"].notna().sum()
    assert found.findings == ()
    assert "0 rows are too few" in run(page, of, measure="false positives").obstacle


def test_no_labels_are_an_obstacle(page: str) -> None:
    assert "labels" in (all_debuggers()[page].obstacle(subject(Task.BINARY, labels=False)) or "")
