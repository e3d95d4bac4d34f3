"""What-if: flips with known answers, strips, edits, neighbours and plausibility."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from debuggers.analyses.what_if import WhatIfParams, WhatIfResult, what_if
from debuggers.debugger import all_debuggers
from debuggers.editing import write_edits
from debuggers.errors import BadParameter
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.models.model import Signature
from debuggers.response import TOLERANCE
from debuggers.row_choice import BORDERLINE, PREDICTION, RANDOM, WORST, orders_for, rows_in_order
from debuggers.subject import Subject
from debuggers.task import Task
from tests import subjects
from tests.subjects import ODD_NAMES

Floats = npt.NDArray[np.float64]


class Formula:
    """A model that is a function of the table, so that every answer is known."""

    def __init__(self, function: Any, *, classes: tuple[str, ...] | None = None) -> None:
        self._function = function
        self.name = self.fingerprint = "formula"
        task = None if classes is None else Task.BINARY if len(classes) == 2 else Task.MULTICLASS
        self.signature = Signature(format="formula", tier=1, task=task or Task.REGRESSION, classes=classes)

    def predict(self, X: pd.DataFrame, *, raw: bool = False) -> Floats:
        assert not raw
        out = np.asarray(self._function(X), dtype=np.float64)
        if self.signature.task is Task.BINARY:
            return np.stack([1 - out, out], axis=1)
        return out


def formula(table: pd.DataFrame, function: Any, *, y: Any = None, **roles: Any) -> Subject:
    """Return a binary subject whose probability of "yes" is `function` of the table."""
    whole = table if y is None else table.assign(y=y)
    named = Roles(target=None if y is None else "y", task=Task.BINARY, classes=("no", "yes"), **roles)
    return make_subject("formula", whole, named, model=Formula(function, classes=("no", "yes")))


def run(subject: Subject, row: int | None = None, points: int = 101, **edits: Any) -> WhatIfResult:
    return what_if(subject, WhatIfParams(row, write_edits(edits), points))


def flip(result: WhatIfResult, feature: str, direction: str) -> Any:
    found = result.flips.query("feature == @feature and direction == @direction")["value"]
    return found.iloc[0] if len(found) else None


def normal(rows: int = 400, seed: int = 0, names: str = "abc") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: rng.normal(size=rows) for name in names})


# --- flips ----------------------------------------------------------------------------------------------------------


def boosted() -> tuple[Subject, dict[str, Floats]]:
    """Return a boosted subject and all split points of each feature."""
    table = normal(600, seed=3)
    noise = np.random.default_rng(1).normal(0, 0.3, 600)
    y = (table["a"] + 0.5 * table["b"] ** 2 - table["c"] + noise > 0.5).astype(int)
    model = HistGradientBoostingClassifier(max_iter=25, max_leaf_nodes=6, random_state=0).fit(table, y)
    nodes = np.concatenate([tree.nodes for stage in model._predictors for tree in stage])
    splits = nodes[~nodes["is_leaf"].astype(bool)]
    points = {f: np.unique(splits["num_threshold"][splits["feature_idx"] == i]) for i, f in enumerate(map(str, table))}
    return make_subject("boosted", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model)), points


def brute_force(subject: Subject, row: int, feature: str, splits: Floats) -> dict[str, float]:
    """Return the split points at which the decision first changes on each side, trying the interval behind each."""
    x = subject.test.X.iloc[[row]]
    low, high = subject.test.X[feature].min(), subject.test.X[feature].max()
    here, now = float(x[feature].iloc[0]), bool(subject.predict(x)[0, 0] > 0.5)
    found = {}
    above = splits[(splits >= here) & (splits < high)]
    below = splits[(splits < here) & (splits >= low)][::-1]
    for direction, points, value in (("above", above, np.nextafter(above, np.inf)), ("below", below, below)):
        tried = x.loc[x.index.repeat(len(points))].assign(**{feature: value})
        other = (subject.predict(tried)[:, 0] > 0.5) != now if len(points) else np.array([], dtype=bool)
        if other.any():
            found[direction] = float(points[np.argmax(other)])
    return found


def test_flips_of_boosted_trees_equal_brute_force_over_all_split_points() -> None:
    subject, splits = boosted()
    seen = 0
    for row in range(0, 600, 20):
        result = run(subject, row, points=501)
        for feature, points in splits.items():
            expected = brute_force(subject, row, feature, points)
            assert {d: flip(result, feature, d) is not None for d in ("above", "below")} == {
                d: d in expected for d in ("above", "below")
            }
            width = TOLERANCE * np.ptp(subject.test.X[feature])
            for direction, value in expected.items():
                assert flip(result, feature, direction) == pytest.approx(value, abs=width)
                seen += 1
    assert seen > 30


def test_the_decision_has_changed_at_the_flip_and_not_just_before_it() -> None:
    subject, _ = boosted()
    result = run(subject, 5)
    assert len(result.flips)
    for feature, value, direction, decision in result.flips[["feature", "value", "direction", "decision"]].to_numpy():
        at = run(subject, 5, **{feature: value}).outputs
        before = value - (1 if direction == "above" else -1) * TOLERANCE * np.ptp(subject.test.X[feature])
        short = run(subject, 5, **{feature: before}).outputs
        assert at["decision_after"].iloc[0] == decision != at["decision_before"].iloc[0]
        assert short["decision_after"].iloc[0] == at["decision_before"].iloc[0]


def test_the_flip_of_a_linear_model_has_its_closed_form() -> None:
    table = normal(seed=5)
    y = (table["a"] - 2 * table["b"] + np.random.default_rng(2).normal(size=len(table)) > 0).astype(int)
    model = LogisticRegression().fit(table, y)
    subject = make_subject("linear", table.assign(y=y), Roles(target="y", threshold=0.3), model=EstimatorModel(model))
    row, cut = 17, np.log(0.3 / 0.7)
    x = table.iloc[row].to_numpy()
    result = run(subject, row)
    for j, feature in enumerate(map(str, table)):
        exact = x[j] + (cut - model.intercept_[0] - x @ model.coef_[0]) / model.coef_[0, j]
        direction = "above" if exact > x[j] else "below"
        inside = table[feature].min() <= exact <= table[feature].max()
        found = flip(result, feature, direction)
        assert (found is not None) == inside
        if inside:
            assert found == pytest.approx(exact, abs=TOLERANCE * np.ptp(table[feature]))
        assert flip(result, feature, "below" if direction == "above" else "above") is None


def test_whole_numbers_stay_whole_and_flip_exactly() -> None:
    table = pd.DataFrame({"few": np.arange(200) % 12, "many": np.arange(200) * 5_000})
    subject = formula(table, lambda X: 0.1 + 0.8 * ((X["few"] > 7) | (X["many"] > 123_456)))
    result = run(subject, 0)
    assert flip(result, "few", "above") == 8
    few = result.strips.query("feature == 'few'")["value"]
    assert list(few) == list(range(12))
    many = result.strips.query("feature == 'many'")["value"]
    assert len(many) == 101
    assert all(isinstance(v, int) for v in many)
    assert flip(result, "many", "above") == pytest.approx(123_457, abs=TOLERANCE * 995_000)


def test_both_sides_have_their_own_nearest_flip() -> None:
    subject = formula(pd.DataFrame({"x": np.linspace(0, 10, 101)}), lambda X: ((X["x"] - 5).abs() < 1.234) * 0.8 + 0.1)
    result = run(subject, 50)
    assert flip(result, "x", "below") == pytest.approx(5 - 1.234, abs=1e-3)
    assert flip(result, "x", "above") == pytest.approx(5 + 1.234, abs=1e-3)


def test_a_monotone_response_never_turns_and_flips_at_most_on_one_side() -> None:
    table = normal()
    subject = formula(table, lambda X: 1 / (1 + np.exp(-X["a"] * 2)))
    result = run(subject, 3)
    strip = result.strips.query("feature == 'a'")["yes"].to_numpy()
    assert (np.diff(strip) > 0).all()
    assert len(result.flips.query("feature == 'a'")) == 1
    assert result.flips.query("feature != 'a'").empty


def test_categories_and_missing_values_that_flip_are_listed() -> None:
    table = pd.DataFrame({"job": ["it", "care", "sales", None] * 20, "x": [1.0, 2.0, np.nan, 4.0] * 20})
    subject = formula(table, lambda X: 0.2 + 0.5 * (X["job"] == "sales") + 0.4 * X["x"].isna())
    result = run(subject, 0)
    assert result.flips[["feature", "value", "direction"]].to_numpy(dtype=object).tolist() == [
        ["job", "sales", "category"],
        ["x", None, "missing"],
    ]
    assert set(result.strips.query("feature == 'job'")["value"]) == {"it", "care", "sales", None}
    gone = run(subject, 0, x=None)
    assert gone.outputs["after"].iloc[0] == pytest.approx(0.6)
    assert flip(gone, "x", "above") == 1.0


def test_of_many_categories_the_most_frequent_are_tried_and_the_rest_counted() -> None:
    names = [f"c{i:05d}" for i in range(10_000)]
    table = pd.DataFrame({"code": ["common"] * 500 + names, "x": np.arange(10_500.0)})
    subject = formula(table, lambda X: 0.1 + 0 * X["x"])
    response = run(subject, 0).responses[0]
    assert response.values[0] == "common"
    assert (len(response.values), response.left_out) == (30, 9_971)


# --- tasks ----------------------------------------------------------------------------------------------------------


def test_a_multiclass_decision_flips_where_the_largest_probability_changes() -> None:
    table = pd.DataFrame({"x": np.linspace(0, 3, 301)})

    def shares(X: pd.DataFrame) -> Floats:
        parts = np.exp(-4 * (X["x"].to_numpy()[:, None] - np.array([0.5, 1.5, 2.5])) ** 2)
        return np.asarray(parts / parts.sum(axis=1, keepdims=True))

    roles = Roles(task=Task.MULTICLASS, classes=("low", "mid", "high"))
    subject = make_subject("three", table, roles, model=Formula(shares, classes=("low", "mid", "high")))
    result = run(subject, 150)
    assert list(result.outputs["output"]) == ["low", "mid", "high"]
    assert result.outputs["after"].sum() == pytest.approx(1)
    assert flip(result, "x", "below") == pytest.approx(1, abs=1e-3)
    assert flip(result, "x", "above") == pytest.approx(2, abs=1e-3)
    assert set(result.flips["decision"]) == {"low", "high"}
    assert result.neighbour is not None
    assert result.neighbour.decision in {"low", "high"}


def test_a_regressor_has_no_flips_and_its_neighbour_is_half_a_deviation_away() -> None:
    table = normal()
    subject = make_subject("sum", table, Roles(task=Task.REGRESSION), model=Formula(lambda X: X["a"] + X["b"]))
    result = run(subject, 0)
    assert result.flips.empty
    assert result.outputs["before_log_odds"].isna().all()
    assert result.neighbour is not None
    assert abs(result.neighbour.outputs[0] - result.outputs["after"].iloc[0]) >= subject.scores.std() / 2


# --- edits ----------------------------------------------------------------------------------------------------------


def test_an_edit_changes_what_it_names_and_nothing_else() -> None:
    table = normal()
    subject = formula(table, lambda X: 1 / (1 + np.exp(-X["a"] - X["b"])))
    result = run(subject, 4, b=0.25)
    assert result.before == table.iloc[4].to_dict()
    assert result.after == {**table.iloc[4].to_dict(), "b": 0.25}
    after = 1 / (1 + np.exp(-table["a"][4] - 0.25))
    assert result.outputs["after"].iloc[0] == pytest.approx(after)
    assert result.outputs["after_log_odds"].iloc[0] == pytest.approx(table["a"][4] + 0.25)
    assert result.outputs["before"].iloc[0] == pytest.approx(subject.scores[4])


@pytest.mark.parametrize(
    ("edits", "beyond"),
    [
        ({"a": 99.0}, ("a",)),
        ({"a": 0.0}, ()),
        ({"job": "astronaut"}, ("job",)),
        ({"job": "it"}, ()),
        ({"a": None}, ("a",)),
    ],
)
def test_an_edit_beyond_the_data_is_badged(edits: dict[str, Any], beyond: tuple[str, ...]) -> None:
    table = normal().assign(job=["it", "care"] * 200)
    subject = formula(table, lambda X: 0.5 + 0.1 * (X["job"] == "it"))
    assert run(subject, 1, **edits).beyond == beyond


@pytest.mark.parametrize(
    "edits",
    [
        '{"nothing": 1}',
        '{"a": "text"}',
        '{"a": true}',
        '{"job": 3}',
        '{"a": [1]}',
        "[]",
        "{",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"kind": "purple"}',
        '{"flag": 1}',
        '{"day": "yesterday"}',
    ],
)
def test_an_edit_that_does_not_fit_is_refused(edits: str) -> None:
    table = normal().assign(
        job=["it", "care"] * 200,
        kind=pd.Categorical(["red", "blue"] * 200),
        flag=[True, False] * 200,
        day=pd.Timestamp("2024-01-31"),
    )
    subject = formula(table, lambda X: 0.5 + 0 * X["a"])
    with pytest.raises(BadParameter):
        what_if(subject, WhatIfParams(0, edits))


def test_a_row_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadParameter):
        run(formula(normal(), lambda X: 0.5 + 0 * X["a"]), 400)


def test_parameters_come_from_texts_as_a_link_gives_them() -> None:
    subject = formula(normal(), lambda X: 0.5 + 0 * X["a"])
    params = WhatIfParams.parse({"row": "3", "edits": '{"a": 1}', "points": "11"})
    result = all_debuggers()["what_if"].run(subject, params)
    assert isinstance(result, WhatIfResult)
    assert result.after["a"] == 1


# --- neighbours -----------------------------------------------------------------------------------------------------


def test_the_neighbour_is_the_nearest_row_with_another_decision() -> None:
    table = pd.DataFrame({"x": [0.0, 1.0, 5.0, 6.0, 9.0], "job": ["it", "it", "it", "care", "it"]})
    subject = formula(table, lambda X: 0.9 * (X["x"] > 4.5))
    result = run(subject, 1)
    assert result.neighbour is not None
    assert result.neighbour.row == 2
    assert result.neighbour.distance == pytest.approx(4 / table["x"].std(ddof=0))
    assert result.nearest.set_index("feature")["differs"].to_dict() == {"x": True, "job": False}
    flipped = run(subject, 1, **result.neighbour.values)
    assert flipped.outputs["decision_after"].iloc[0] == result.neighbour.decision


def test_a_different_category_lies_one_deviation_away() -> None:
    table = pd.DataFrame({"x": [0.0, 0.0, 0.0, 2.0, 2.0, 2.0], "job": ["it", "care", "it", "it", "it", "it"]})
    subject = formula(table, lambda X: 0.9 * ((X["x"] > 1) | (X["job"] == "care")))
    found = run(subject, 0).neighbour
    assert found is not None
    assert found.row == 1
    assert found.distance == pytest.approx(1)


def test_where_all_decisions_are_the_same_there_is_no_neighbour() -> None:
    result = run(formula(normal(), lambda X: 0.1 + 0 * X["a"]), 0)
    assert result.neighbour is None
    assert result.nearest.empty
    assert result.flips.empty


def test_a_joint_edit_that_no_real_row_is_near_is_unusual_though_each_value_occurs() -> None:
    rng = np.random.default_rng(0)
    age = rng.uniform(18, 80, 2_000)
    table = pd.DataFrame({"age": age, "years": np.clip(age - 18 - rng.exponential(5, 2_000), 0, None)})
    subject = formula(table, lambda X: 0.3 + 0 * X["age"])
    young = int(np.argmin(age))
    odd = run(subject, young, years=float(table["years"].max()))
    assert odd.beyond == ()
    assert odd.plausibility.percentile > 0.99
    assert odd.plausibility.is_unusual
    near = run(subject, young, age=age[young] + 1)
    assert not near.plausibility.is_unusual


def test_no_real_row_is_unusual() -> None:
    subject = formula(normal(300, seed=9), lambda X: 0.3 + 0 * X["a"])
    for row in range(0, 300, 10):
        found = run(subject, row).plausibility
        assert found.distance == 0
        assert not found.is_unusual


# --- choosing rows --------------------------------------------------------------------------------------------------


def test_rows_come_in_the_order_that_was_asked_for() -> None:
    table = pd.DataFrame({"p": [0.1, 0.9, 0.48, 0.7, 0.3]})
    subject = formula(table, lambda X: X["p"], y=["yes", "yes", "no", "no", "no"])
    assert orders_for(subject) == (WORST, BORDERLINE, RANDOM, PREDICTION)
    assert rows_in_order(subject, WORST).tolist() == [0, 3, 2, 4, 1]
    assert rows_in_order(subject, BORDERLINE)[0] == 2
    assert rows_in_order(subject, PREDICTION, value=0.72).tolist()[:2] == [3, 1]
    assert sorted(rows_in_order(subject, RANDOM)) == [0, 1, 2, 3, 4]
    assert rows_in_order(subject, RANDOM).tolist() == rows_in_order(subject, RANDOM).tolist()
    cohort = np.array([False, False, True, True, False])
    assert rows_in_order(subject, WORST, among=cohort).tolist() == [3, 2]
    assert run(subject).row == 0


def test_rows_keep_their_number_in_the_file() -> None:
    table = pd.DataFrame({"p": [0.1, 0.9, 0.2, 0.7]})
    subject = formula(table, lambda X: X["p"], y=["yes", None, "no", "yes"])
    assert subject.test.rows.tolist() == [0, 2, 3]
    assert run(subject, 3).before == {"p": 0.7}
    with pytest.raises(BadParameter):
        run(subject, 1)


def test_an_order_that_makes_no_sense_is_refused() -> None:
    subject = make_subject("a", normal(), Roles(task=Task.REGRESSION), model=Formula(lambda X: X["a"]))
    assert orders_for(subject) == (RANDOM, PREDICTION)
    assert run(subject).row == 0
    with pytest.raises(BadParameter):
        rows_in_order(subject, WORST)


# --- hostile tables -------------------------------------------------------------------------------------------------


def hostile() -> Iterator[tuple[str, pd.DataFrame]]:
    yield "one row", normal(1)
    yield "all missing", normal(50).assign(c=np.nan)
    yield "constant", normal(50).assign(c=1)
    yield "infinite", normal(50).assign(c=[np.inf, -np.inf] + [0.0] * 48)
    yield "huge", normal(50).assign(c=np.where(np.arange(50) % 2, 1.7e308, -1.7e308))
    yield "odd names", normal(50).assign(**dict.fromkeys(ODD_NAMES.values(), 1.0))
    yield "dates", normal(50).assign(c=pd.date_range("2024-01-01", periods=50))
    yield "text", normal(50).assign(c=[f"note {i}" for i in range(50)])
    yield "nullable", normal(50).assign(c=pd.array([1, None] * 25, dtype="Int64"))
    yield "gaps in booleans", normal(50).assign(c=pd.array([True, None] * 25, dtype="boolean"))
    yield "bytes", normal(50).assign(c=np.arange(50, dtype=np.uint8))


@pytest.mark.parametrize(("name", "table"), list(hostile()), ids=[name for name, _ in hostile()])
def test_a_hostile_table_gets_an_answer(name: str, table: pd.DataFrame) -> None:
    subject = formula(table, lambda X: 1 / (1 + np.exp(-X["a"])))
    for row in (0, len(table) - 1):
        result = run(subject, row)
        assert set(result.table()["feature"]) <= set(table.columns)
        json.dumps(result.after, allow_nan=name == "infinite")
    edits = {"a": 1e300} if name != "dates" else {"c": "2025-05-05"}
    assert run(subject, 0, **edits).beyond == (("a",) if name != "dates" else ())


@pytest.mark.parametrize("task", list(Task))
def test_missing_values_and_categories_of_a_real_pipeline(task: Task) -> None:
    subject = subjects.subject(task, missing=True)
    result = run(subject, 0, age=None, job="it")
    assert result.after["age"] is None
    assert result.strips["value"].isna().sum() == 2
    assert np.isfinite(result.strips[list(subject.outputs)].to_numpy(dtype=float)).all()
