"""The Effects page: gallery, one feature, two features, and one class of several."""

from __future__ import annotations

import pytest

from debuggers.task import Task
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
