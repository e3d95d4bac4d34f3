"""Effects are those of the definitions: scikit-learn's brute force, and functions whose effects are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.inspection import partial_dependence
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from debuggers.analyses.effects import EffectsParams, EffectsResult, effects
from debuggers.grids import MAX_BARS
from debuggers.matching import Roles, make_subject
from debuggers.models.composition import compose
from debuggers.models.estimator import EstimatorModel
from debuggers.models.trees import UnreadableTrees
from debuggers.subject import Subject
from debuggers.task import Task
from tests.analyses.functions import subject_of
from tests.subjects import subject as people

RNG = np.random.default_rng(0)
N = 400
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.integers(0, 9, N), "c": RNG.exponential(size=N)})
SIGNAL = X["a"] * X["b"] + np.sqrt(X["c"])


def fitted(task: Task) -> tuple[BaseEstimator, Subject]:
    if task is Task.REGRESSION:
        estimator: Any = HistGradientBoostingRegressor(max_iter=30).fit(X, SIGNAL)
        y = SIGNAL
    else:
        y = pd.Series(np.digitize(SIGNAL, [0, 3][: 1 if task is Task.BINARY else 2]))
        estimator = HistGradientBoostingClassifier(max_iter=30).fit(X, y)
    return estimator, make_subject("s", X.assign(y=y), Roles(target="y", task=task), model=EstimatorModel(estimator))


def run(subject: Subject, **params: Any) -> EffectsResult:
    return effects(subject, EffectsParams(**params))


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("feature", list(X.columns))
def test_averages_and_single_rows_are_those_of_brute_force(task: Task, feature: str) -> None:
    estimator, subject = fitted(task)
    result = run(subject, feature=feature, points=15)
    first = result.curves[result.curves["output"] == subject.outputs[0]]
    values = first["value"].to_numpy(dtype=float)
    method = "auto" if task is Task.REGRESSION else "predict_proba"
    truth = partial_dependence(
        estimator, X.astype(float), [feature], custom_values={feature: values}, response_method=method, method="brute",
        kind="both",
    )  # fmt: skip
    for o, output in enumerate(subject.outputs):
        curve = result.curves.loc[result.curves["output"] == output, "pdp"]
        np.testing.assert_allclose(curve, truth["average"][o], rtol=0, atol=1e-9)
        lines = result.lines[result.lines["output"] == output].pivot_table(index="row", columns="value", values="ice")
        np.testing.assert_allclose(lines, truth["individual"][o][lines.index.to_numpy()], rtol=0, atol=1e-9)


def test_log_odds_are_averaged_on_their_own_scale() -> None:
    estimator, subject = fitted(Task.BINARY)
    result = run(subject, feature="a", points=7, scale="log-odds")
    truth = partial_dependence(
        estimator, X.astype(float), ["a"], custom_values={"a": result.curves["value"].to_numpy(dtype=float)},
        response_method="decision_function", method="brute",
    )  # fmt: skip
    np.testing.assert_allclose(result.curves["pdp"], truth["average"][0], atol=1e-9)


def test_a_surface_is_that_of_brute_force() -> None:
    estimator, subject = fitted(Task.REGRESSION)
    surface = run(subject, feature="a", other="b", points=6).surface
    wide = surface.pivot_table(index="x", columns="y", values="pdp")
    truth = partial_dependence(
        estimator, X.astype(float), ["a", "b"], method="brute",
        custom_values={"a": wide.index.to_numpy(float), "b": wide.columns.to_numpy(float)},
    )  # fmt: skip
    np.testing.assert_allclose(wide, truth["average"][0], atol=1e-9)
    assert surface["rows"].sum() == N


@pytest.mark.parametrize(("feature", "part"), [("a", np.sin), ("b", np.square), ("c", np.sqrt)])
def test_the_local_effect_of_an_additive_function_is_its_centred_part(feature: str, part: Any) -> None:
    subject = subject_of(lambda t: np.sin(t["a"]) + np.square(t["b"]) + np.sqrt(t["c"]), X)
    curves = run(subject, feature=feature, points=30).curves
    values = curves["value"].to_numpy(dtype=float)
    mean = np.interp(X[feature], values, part(values)).mean()
    np.testing.assert_allclose(curves["ale"], part(values) - mean, atol=1e-6)


def test_correlated_inputs_bend_the_average_and_not_the_local_effect() -> None:
    a = RNG.uniform(-2, 2, 2_000)
    table = pd.DataFrame({"a": a, "b": a + RNG.normal(0, 0.05, 2_000)})
    # Where a and b differ much, which no row does, the function is another one.
    subject = subject_of(lambda t: t["a"] + 10 * (np.abs(t["a"] - t["b"]) > 1), table)
    found = run(subject, feature="a")
    values = found.curves["value"].to_numpy(dtype=float)
    np.testing.assert_allclose(found.curves["ale"], values - a.mean(), atol=0.05)
    assert np.ptp(found.curves["pdp"] - values) > 2
    assert found.ranking["disagreement"].iloc[0] > 0.5
    healthy = run(subject_of(lambda t: t["a"] + 10 * (np.abs(t["b"]) > 1), table), feature="a")
    assert healthy.ranking["disagreement"].iloc[0] < 0.05


def test_an_interaction_hides_from_the_average_and_is_reported() -> None:
    b = np.tile([-1.0, 1.0], 500)
    table = pd.DataFrame({"a": np.repeat(np.linspace(-1, 1, 500), 2), "b": b})
    crossed, plain = subject_of(lambda t: t["a"] * t["b"], table), subject_of(lambda t: t["a"] + t["b"], table)
    found = run(crossed, feature="a")
    assert np.abs(found.curves["pdp"]).max() < 1e-9
    assert found.curves["heterogeneity"].max() > 0.9
    assert found.ranking["interaction"].iloc[0] == pytest.approx(1)
    assert found.partners["partner"].tolist() == ["b"]
    assert found.partners["h"].iloc[0] > 0.9
    ends = found.groups.groupby("group", sort=False)["pdp"].agg(lambda curve: curve.iloc[-1] - curve.iloc[0])
    assert ends.to_dict() == pytest.approx({"b <= -1": -2.0, "b > -1": 2.0})
    assert found.groups["rows"].unique().tolist() == [500]
    assert found.partner_rows == (40, 40)
    healthy = run(plain, feature="a")
    assert healthy.partners.empty
    assert healthy.groups.empty
    assert healthy.curves["heterogeneity"].max() < 1e-9
    assert healthy.ranking["interaction"].iloc[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("partner", ["number", "category", "missing"])
def test_the_groups_of_trees_are_parted_by_the_partner(partner: str) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"a": rng.normal(size=1_500), "b": rng.normal(size=1_500), "c": rng.normal(size=1_500)})
    side = table["b"] > 0.8
    if partner == "missing":
        table["b"] = table["b"].mask(side)
    if partner == "category":
        table["b"] = np.where(side, "x", np.where(table["b"] > 0, "y", "z"))
    y = table["a"] * np.where(side, 1.0, -0.5) + table["c"]
    front = make_column_transformer((OrdinalEncoder(), ["b"] if partner == "category" else []), remainder="passthrough")
    model = make_pipeline(front, HistGradientBoostingRegressor(max_iter=60, random_state=0)).fit(table, y)
    subject = make_subject("parted", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))
    found = run(subject, feature="a")
    assert found.asked_because == ""
    assert found.partners["partner"].iloc[0] == "b"
    assert found.partner_rows == (1_500, 500)
    counts = found.groups.groupby("group", sort=False)["rows"].first()
    assert counts.min() == pytest.approx(side.sum(), abs=60)
    for name, part in found.groups.groupby("group"):
        change = part["pdp"].iloc[-1] - part["pdp"].iloc[0]
        assert (change > 0) == (counts[name] == counts.min())


def test_parts_without_rows_are_thin_and_others_are_not() -> None:
    table = pd.DataFrame({"a": np.concatenate([np.linspace(0, 1, 500), np.linspace(9, 10, 500)])})
    thin = run(subject_of(lambda t: t["a"], table), feature="a").thin
    # Rows reach half a unit, a twentieth of the range; where they end 1 % of them is within reach a little less far.
    np.testing.assert_allclose(thin.to_numpy(), [[1.5, 8.5]], atol=0.1)
    even = pd.DataFrame({"a": np.linspace(0, 1, 500)})
    assert run(subject_of(lambda t: t["a"], even), feature="a").thin.empty


def test_bins_of_the_local_effect_are_counted() -> None:
    curves = run(people(Task.REGRESSION, missing=True), feature="age", points=6).curves
    ages = people(Task.REGRESSION, missing=True).test.table["age"]
    known = curves[curves["value"].notna()]
    edges = known["value"].to_numpy(dtype=float)
    # The first value ends no bin; its rows are in the first bin.
    expected = [0, ((ages >= edges[0]) & (ages <= edges[1])).sum()]
    expected += [((ages > low) & (ages <= high)).sum() for low, high in pairwise(edges[1:])]
    assert known["ale_rows"].tolist() == expected
    assert curves["ale_rows"].sum() == ages.notna().sum()


def test_categories_booleans_and_missing_values_are_tried_as_they_are() -> None:
    subject = people(Task.REGRESSION, missing=True)
    for feature in ("job", "flag", "age"):
        curves = run(subject, feature=feature, points=5).curves
        for value, expected in zip(curves["value"], curves["pdp"], strict=True):
            changed = subject.test.table.copy()
            changed[feature] = np.nan if value is None else value
            assert subject.predict(changed).mean() == pytest.approx(expected, abs=1e-9), (feature, value)
        assert curves["rows"].sum() == len(subject.test)
        assert curves["ale"].isna().all() == (feature != "age")
    assert run(subject, feature="age").curves["value"].iloc[-1] is None
    assert set(run(subject, feature="flag").curves["value"]) == {False, True}


def asked() -> Subject:
    """Return a subject whose model can only be asked."""
    return subject_of(lambda t: t["a"] * t["b"] + np.sqrt(t["c"]), X)


def test_a_band_contains_its_mean_and_narrows_with_rows() -> None:
    subject = asked()
    few, many = (run(subject, feature="a", rows=rows).curves for rows in (50, 400))
    assert ((many["pdp_low"] <= many["pdp"]) & (many["pdp"] <= many["pdp_high"])).all()
    assert (many["pdp_high"] - many["pdp_low"]).mean() < (few["pdp_high"] - few["pdp_low"]).mean()


def test_a_sample_is_disclosed_and_drawn_the_same_again() -> None:
    subject = asked()
    first, second = (run(subject, feature="a", rows=50) for _ in range(2))
    assert (first.sampled, first.total) == (50, N)
    assert "Function" in first.asked_because
    pd.testing.assert_frame_equal(first.curves, second.curves)
    assert first.curves["rows"].sum() == N  # counts are of all rows


def test_a_feature_that_does_nothing_is_found_and_one_that_does_is_not() -> None:
    faulty = run(subject_of(lambda t: t["a"] + t["b"], X))
    assert [(f.kind, f.features) for f in faulty.findings] == [("unused_feature", ("c",))]
    assert faulty.findings[0].params == {"feature": "c"}
    assert run(subject_of(lambda t: t["a"] + t["b"] + 1e-6 * t["c"], X)).findings == ()


def test_the_gallery_is_ordered_by_range() -> None:
    ranking = run(subject_of(lambda t: 0.1 * t["a"] + 5 * t["b"], X)).ranking
    assert ranking["feature"].tolist() == ["b", "a", "c"]
    assert ranking["range"].iloc[-1] == 0


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(np.full(N, 3.0), id="constant"),
        pytest.param(np.full(N, np.nan), id="all missing"),
        pytest.param(np.full(N, None, dtype=object), id="all missing, text"),
        pytest.param(np.where(np.arange(N) == 5, np.inf, X["a"]), id="one infinite"),
        pytest.param(np.where(np.arange(N) < N - 1, np.nan, 1.0), id="one value"),
        pytest.param(np.array([f"c{i}" for i in range(N)], dtype=object), id="a category for every row"),
        pytest.param(X["a"].to_numpy() * 1e300, id="huge"),
    ],
)
def test_a_hostile_column_has_an_effect_or_none_and_does_not_break_the_others(column: Any) -> None:
    table = X.assign(**{"<b>x</b>": column})
    result = run(subject_of(lambda t: t["a"] + 0.0, table))
    assert {"a", "b", "c"} <= set(result.ranking["feature"])
    one = run(subject_of(lambda t: t["a"] + 0.0, table), feature="<b>x</b>")
    assert one.ranking["range"].max() == 0
    assert len(one.curves) <= MAX_BARS + 1
    assert one.left_out.get("<b>x</b>", 0) in (0, N - MAX_BARS)


def test_one_row_has_curves_without_a_band() -> None:
    _, subject = fitted(Task.REGRESSION)
    alone = subject.restrict(np.arange(N) == 7)
    curves = run(alone, feature="a").curves
    assert curves["value"].tolist() == [X["a"].iloc[7]]
    assert curves["pdp_low"].isna().all()


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("scale", ["probability", "log-odds"])
@pytest.mark.parametrize("missing", [False, True])
def test_trees_are_followed_over_all_rows_and_say_what_asking_says(
    monkeypatch: pytest.MonkeyPatch, task: Task, scale: str, *, missing: bool
) -> None:
    subject = people(task, missing=missing)
    options: list[dict[str, Any]] = [
        {},
        *({"feature": f, "other": o} for f, o in (("age", "job"), ("job", "debt"), ("flag", None))),
    ]
    for chosen in options:
        exact = run(subject, scale=scale, rows=50, gallery_rows=50, points=9, **chosen)
        assert (exact.sampled, exact.asked_because) == (len(subject.test), "")
        with monkeypatch.context() as patch:
            patch.setattr("debuggers.analyses.effects.ensemble_of", unreadable)
            by_asking = run(subject, scale=scale, rows=10_000, gallery_rows=10_000, points=9, **chosen)
        assert by_asking.asked_because == "it is a test"
        for ours, theirs in (
            (exact.curves, by_asking.curves),
            (exact.surface, by_asking.surface),
            (exact.lines, by_asking.lines),
        ):
            loose = ["pdp_low", "pdp_high"] if "feature" not in chosen else []
            pd.testing.assert_frame_equal(
                ours.drop(columns=loose, errors="ignore"),
                theirs.drop(columns=loose, errors="ignore"),
                atol=1e-8,
                rtol=1e-8,
            )
        pd.testing.assert_frame_equal(exact.ranking, by_asking.ranking, atol=1e-8)


def unreadable(_: Subject) -> None:
    raise UnreadableTrees("it is a test")


def test_trees_that_say_something_else_than_the_model_are_not_used() -> None:
    estimator, subject = fitted(Task.BINARY)
    other = HistGradientBoostingClassifier(max_iter=3).fit(X, SIGNAL > 0)
    assert subject.model is not None
    subject.model.model.composed_trees = lambda: compose(other)  # type: ignore[attr-defined]
    result = run(subject, feature="a")
    assert "differs from what the model predicts" in result.asked_because
    truth = partial_dependence(
        estimator,
        X.astype(float),
        ["a"],
        custom_values={"a": np.array([0.0])},
        response_method="predict_proba",
        method="brute",
    )
    assert result.curves["pdp"].notna().all()
    assert 0 < truth["average"][0][0] < 1


def test_the_order_of_classes_and_columns_is_the_subjects() -> None:
    y = np.where(SIGNAL > 0, "no", "yes")
    for estimator in (HistGradientBoostingClassifier(max_iter=9), RandomForestClassifier(5, random_state=0)):
        estimator.fit(X[["c", "a", "b"]], y)
        given = make_subject("s", X.assign(y=y), Roles(target="y"), model=EstimatorModel(estimator))
        assert given.model is not None
        assert given.model.columns == ("c", "a", "b")
        subject = replace(given, classes=given.classes[::-1], model=replace(given.model, order=(1, 0)))
        assert subject.outputs == ("no",)
        for scale in ("probability", "log-odds"):
            result = run(subject, feature="b", scale=scale)
            assert result.asked_because == ""
            value = result.curves["value"].iloc[3]
            expected = subject.predict(subject.test.table.assign(b=value), log_odds=scale == "log-odds").mean()
            assert result.curves["pdp"].iloc[3] == pytest.approx(expected, abs=1e-9)
