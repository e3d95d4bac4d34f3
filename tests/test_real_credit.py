"""On real data the engine gives the published figures: those of section B and C of the debugging notebooks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from debuggers.analyses.effects import EffectsParams, effects
from debuggers.analyses.overview import OverviewParams, overview
from debuggers.analyses.residuals import ResidualsParams, residuals
from debuggers.analyses.what_if import WhatIfParams, what_if
from debuggers.counterfactuals import counterfactuals
from debuggers.editing import own_values
from debuggers.goals import Goal
from debuggers.matching import Roles
from debuggers.opening import read_files
from debuggers.row_choice import position_of
from debuggers.subject import Subject
from tests import credit

# Largest residuals of the test rows, by ID.
WORST = {983, 25772, 11571, 2561, 16209}
# Mean prediction of the test rows if everybody had this value of PAY_0.
PAY_0 = {-2: 0.165248, -1: 0.175359, 0: 0.175793, 1: 0.261269, 2: 0.556665, 3: 0.556758}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    model, table = credit.write(tmp_path_factory.mktemp("credit"))
    roles = Roles(target=credit.TARGET, row_id="ID", sensitive=("SEX",), threshold=0.25)
    understanding = read_files(model, table).understand(roles)
    assert understanding.problems == ()
    assert understanding.subject is not None
    return understanding.subject


def test_the_scores_are_the_published_ones(subject: Subject) -> None:
    assert len(subject.test) == 9_054
    scores = overview(subject, OverviewParams()).scores.set_index("key")["value"]
    assert scores["log_loss"] == pytest.approx(0.426, abs=0.001)
    assert scores["auc"] == pytest.approx(0.781, abs=0.002)


def test_the_false_positive_rates_of_men_and_women_are_the_published_ones(subject: Subject) -> None:
    groups = overview(subject, OverviewParams(by="SEX")).groups.set_index("group")["fpr"]
    assert groups["SEX = 1"] == pytest.approx(0.190, abs=0.01)
    assert groups["SEX = 2"] == pytest.approx(0.158, abs=0.01)


def test_the_worst_rows_are_the_published_people(subject: Subject) -> None:
    result = residuals(subject, ResidualsParams())
    worst: pd.DataFrame = result.with_values(subject, 5)
    assert worst["ID"].iloc[0] == 983
    assert worst["row"].iloc[0] == 300
    assert len(WORST & set(worst["ID"])) >= 4


def test_the_partial_dependence_of_pay_0_is_the_published_one(subject: Subject) -> None:
    curves = effects(subject, EffectsParams(feature="PAY_0")).curves.set_index("value")["pdp"]
    for value, published in PAY_0.items():
        assert curves[float(value)] == pytest.approx(published, abs=0.015), value


def test_the_monotone_constraints_are_seen_in_every_curve(subject: Subject) -> None:
    found = effects(subject, EffectsParams())
    assert found.asked_because == ""
    table, target = credit.table(), credit.TARGET
    moved = 0
    for feature, part in found.curves.groupby("feature"):
        sign = np.sign(table[feature].corr(table[target]))
        steps = sign * np.diff(part["pdp"].to_numpy(dtype=float))
        assert (steps >= -1e-12).all(), feature
        moved += bool((steps > 0).any())
    assert moved >= 20


def test_the_smallest_change_of_the_published_worst_case_is_proved(subject: Subject) -> None:
    row = position_of(subject, 300)
    values, goal = own_values(subject, row), Goal(1.0 - float(subject.decision[row]))
    found = counterfactuals(subject, values, goal, distance="changes", many=1).found[0]
    assert found.is_smallest
    # No single feature flips this row, or one does: the flips along each feature say the same.
    assert (len(found.changes) == 1) == bool(len(what_if(subject, WhatIfParams(300)).flips))
