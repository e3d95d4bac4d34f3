"""The Effects page: gallery, one feature, two features, and one class of several."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.task import Task
from tests.analyses.functions import subject_of
from tests.pages.frame import answer, choose, opened, said
from tests.subjects import subject


@pytest.mark.parametrize("task", list(Task))
def test_the_gallery_names_the_strongest_feature(task: Task) -> None:
    app = opened("effects", subject(task, missing=True))
    assert answer(app).startswith(("**debt moves", "**age moves"))
    assert "5 features" in answer(app)


def test_a_feature_is_followed_and_the_cohort_is_compared() -> None:
    app = opened("effects", subject(Task.BINARY))
    choose(app, "Feature", "debt")
    assert "along debt" in answer(app)
    (table,) = [d.value for d in app.dataframe if "pdp" in d.value]
    assert table["rows"].sum() == 600
    part = opened("effects", subject(Task.BINARY), effects_feature="debt", cohort="age >= 50")
    assert any("of the cohort" in text for text in said(part.caption))


def test_a_surface_of_two_features_and_one_of_a_category() -> None:
    app = opened("effects", subject(Task.REGRESSION), effects_feature="debt", effects_other="age")
    assert answer(app).startswith("**debt and age move")
    app.toggle(key="effects_solid").set_value(True).run()
    assert not app.exception
    mixed = opened("effects", subject(Task.REGRESSION), effects_feature="debt", effects_other="job")
    mixed.toggle(key="effects_solid").set_value(True).run()
    assert any("needs two numeric features" in text for text in said(mixed.caption))


def test_one_class_of_several_is_followed() -> None:
    app = opened("effects", subject(Task.MULTICLASS), effects_feature="debt")
    before = answer(app)
    choose(app, "Class", "mid")
    (table,) = [d.value for d in app.dataframe if "pdp" in d.value]
    assert table["pdp"].between(0, 1).all()
    assert answer(app).startswith(before[:20])


def test_log_odds_can_be_chosen_for_classifiers_only() -> None:
    app = opened("effects", subject(Task.BINARY), effects_feature="debt")
    choose(app, "Scale", "log-odds")
    (table,) = [d.value for d in app.dataframe if "pdp" in d.value]
    assert table["pdp"].min() < 0
    assert not [s for s in opened("effects", subject(Task.REGRESSION)).selectbox if s.label == "Scale"]


def test_a_link_with_a_feature_that_is_not_there_shows_the_gallery() -> None:
    app = opened("effects", subject(Task.BINARY), effects_feature="nothing", effects_points="9999")
    assert not app.error
    assert "5 features" in answer(app)


def test_without_a_model_it_says_what_is_missing() -> None:
    app = opened("effects", subject(Task.BINARY, model=False))
    assert any("Needs a model" in text for text in said(app.info))


def test_a_product_of_two_is_said_to_hide_two_groups() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(1_200, 2)), columns=["x1", "x2"])
    y = table["x1"] * table["x2"]
    model = HistGradientBoostingRegressor(max_iter=200, random_state=0).fit(table, y)
    of = make_subject("product", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))
    app = opened("effects", of, effects_feature="x1")
    assert "the average hides two groups: interaction with x2 (H 0.9" in answer(app)
    assert answer(app).count("where x2") == 2
    assert "rises by" in answer(app)
    assert "falls by" in answer(app)
    (partners,) = [d.value for d in app.dataframe if "partner" in d.value]
    assert partners["partner"].tolist() == ["x2"]
    assert any("Averaged over 1,200 rows at the values of 500, of 1,200" in text for text in said(app.caption))


def test_a_sum_of_two_hides_nothing() -> None:
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(800, 2)), columns=["x1", "x2"])
    y = table["x1"] + table["x2"]
    model = HistGradientBoostingRegressor(interaction_cst="no_interactions", random_state=0).fit(table, y)
    of = make_subject("sum", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))
    app = opened("effects", of, effects_feature="x1")
    assert "hides" not in answer(app)
    assert not app.info


def test_where_partial_dependence_asks_for_rows_that_do_not_occur_it_is_said() -> None:
    rng = np.random.default_rng(0)
    a = rng.uniform(-2, 2, 1_000)
    table = pd.DataFrame({"a": a, "b": a + rng.normal(0, 0.05, 1_000)})
    of = subject_of(lambda t: t["a"] + 10 * (np.abs(t["a"] - t["b"]) > 1), table)
    app = opened("effects", of, effects_feature="a")
    assert any("disagree on a" in i.value and "trust the local effect" in i.value for i in app.info)
