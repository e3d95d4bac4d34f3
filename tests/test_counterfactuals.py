"""Counterfactuals of trees are the smallest there are: by a mixed-integer program, and by trying everything."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from debuggers import counterfactuals as module
from debuggers.change_search import cost_of
from debuggers.counterfactuals import Counterfactuals, counterfactuals, other_goals
from debuggers.editing import edited, own_values
from debuggers.ensembles import ensemble_of
from debuggers.errors import BadParameter
from debuggers.goals import Goal
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.moves import DISTANCES, Move, Moves
from debuggers.neighbours import neighbourhood
from debuggers.steps import steps_of
from debuggers.subject import Subject
from debuggers.tree_search import cheapest

Floats = npt.NDArray[np.float64]


def numbers(seed: int, columns: str = "abcd", rows: int = 240) -> tuple[pd.DataFrame, npt.NDArray[Any]]:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({c: rng.normal(size=rows).round(3) for c in columns})
    table["d"] = rng.integers(0, 9, rows)
    score = table["a"] * table["b"] + table["c"] - 0.3 * (table["d"] - 4) + rng.normal(size=rows) / 2
    return table, (score > 0).astype(int).to_numpy()


SMALL = [
    lambda seed: GradientBoostingClassifier(n_estimators=8, max_depth=3, random_state=seed),
    lambda seed: HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=8, min_samples_leaf=5, random_state=seed),
    lambda seed: RandomForestClassifier(n_estimators=8, max_depth=4, random_state=seed),
    lambda seed: ExtraTreesClassifier(n_estimators=6, max_depth=4, random_state=seed),
]


def small(seed: int) -> Subject:
    """Return a subject with one of twenty small models."""
    table, y = numbers(seed)
    model = SMALL[seed % len(SMALL)](seed).fit(table, y)
    return make_subject("small", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))


def by_program(subject: Subject, row: int) -> float:
    """Return what the cheapest counterfactual costs, as a mixed-integer program says it (Kantchelian et al. 2016)."""
    ensemble = ensemble_of(subject)
    steps, trees = steps_of(subject, ensemble), ensemble.trees
    x = subject.test.X.iloc[row].to_numpy(dtype=float)
    sign = -1.0 if subject.decision[row] else 1.0
    cuts = [(c, k) for c in range(len(x)) for k in range(len(steps.below[c]))]
    place = {cut: i for i, cut in enumerate(cuts)}
    leaves = np.flatnonzero(steps.column < 0)
    place_of_leaf = {int(leaf): len(cuts) + i for i, leaf in enumerate(leaves)}
    n = len(cuts) + len(leaves) + len(x)
    rows: list[Floats] = []
    low: list[float] = []
    high: list[float] = []

    def demand(terms: dict[int, float], least: float, most: float) -> None:
        rows.append(np.zeros(n))
        for at, factor in terms.items():
            rows[-1][at] += factor
        low.append(least)
        high.append(most)

    def leaves_below(at: int) -> list[int]:
        if steps.column[at] < 0:
            return [place_of_leaf[at]]
        return leaves_below(int(trees.left[at])) + leaves_below(int(trees.right[at]))

    for root in trees.root.tolist():
        demand(dict.fromkeys(leaves_below(root), 1.0), 1, 1)
    for at in np.flatnonzero(steps.column >= 0).tolist():
        cut = place[int(steps.column[at]), int(steps.code[at])]
        demand(dict.fromkeys(leaves_below(int(trees.left[at])), 1.0) | {cut: -1.0}, -np.inf, 0)
        demand(dict.fromkeys(leaves_below(int(trees.right[at])), 1.0) | {cut: 1.0}, -np.inf, 1)
    for c, k in cuts:
        if (c, k + 1) in place:
            demand({place[c, k]: 1.0, place[c, k + 1]: -1.0}, -np.inf, 0)
        unit, cost = Moves(subject, {}, {}).unit(steps.columns[c]), n - len(x) + c
        if x[c] <= steps.below[c][k]:  # behind the cut costs the way there
            way = (steps.above[c][k] - x[c]) / unit
            demand({cost: 1.0, place[c, k]: way}, way, np.inf)
        else:
            demand({cost: 1.0, place[c, k]: -(x[c] - steps.below[c][k]) / unit}, 0, np.inf)
    weight = sign * trees.slope / trees.divisor
    at_cut = 0.0 if trees.link == "logistic" else subject.threshold
    needed = sign * (at_cut - trees.slope * trees.base[0])
    demand({place_of_leaf[int(leaf)]: weight * trees.value[leaf, 0] for leaf in leaves}, needed, np.inf)
    found = milp(
        np.r_[np.zeros(n - len(x)), np.ones(len(x))],
        constraints=LinearConstraint(np.array(rows), low, high),
        integrality=np.r_[np.ones(len(cuts)), np.zeros(n - len(cuts))],
        bounds=Bounds(0, np.r_[np.ones(n - len(x)), np.full(len(x), np.inf)]),
    )
    assert found.status == 0, found.message
    return float(found.fun)


@pytest.mark.parametrize("seed", range(20))
def test_the_smallest_change_costs_what_a_mixed_integer_program_says(seed: int) -> None:
    subject = small(seed)
    for row in (3, 17):
        goal = Goal(1.0 - float(subject.decision[row]))
        found = counterfactuals(subject, own_values(subject, row), goal, many=1).found[0]
        assert found.is_smallest
        assert found.cost == pytest.approx(by_program(subject, row), rel=1e-5, abs=1e-6)
        assert confirmed(subject, row, found.changes, goal)


def confirmed(subject: Subject, row: int, changes: dict[str, Any], goal: Goal) -> bool:
    outputs = subject.predict(edited(subject, own_values(subject, row), [changes]))
    return bool(goal.is_reached(subject, outputs)[0])


# --- everything tried ------------------------------------------------------------------------------------------------


def mixed(task: str) -> Subject:
    """Return a subject with two numbers, whole numbers and a category behind preprocessing."""
    rng = np.random.default_rng(5)
    n = 300
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n).round(2),
            "n": rng.integers(0, 6, n),
            "job": rng.choice(["it", "care", "sales"], n),
            "flag": rng.random(n) < 0.5,
        }
    )
    level = table["x"] * (table["job"] == "it") + 0.4 * table["n"] - table["flag"] + (table["job"] == "care")
    front = make_column_transformer((OneHotEncoder(sparse_output=False), ["job"]), remainder="passthrough")
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    y = level if task == "regression" else pd.cut(level, [-9, 0.5, 1.3, 9], labels=["low", "mid", "top"]).astype(str)
    if task == "binary":
        y = (level > 0.8).map({True: "yes", False: "no"})
    model = make_pipeline(front, kind(max_iter=6, max_leaf_nodes=8, random_state=0)).fit(table, y)
    return make_subject(task, table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))


def by_trying(moves: Moves, goal: Goal) -> float:
    """Return what the cheapest of all combinations of steps and categories costs; infinite where none reaches."""
    subject = moves.subject
    steps = steps_of(subject, ensemble_of(subject))
    values: list[list[Any]] = []
    for feature in subject.test.features:
        now, c = moves.values[feature], steps.columns.index(feature)
        tried = [now]
        if subject.test.schema[feature].kind.is_numeric:
            tried += [v for v in (*steps.below[c].tolist(), *steps.above[c].tolist()) if np.isfinite(v)]
        else:
            tried += moves.options(feature)
        values.append([v for v in dict.fromkeys(tried) if moves.allows(feature, v)])
    changes = [
        {f: v for f, v in zip(subject.test.features, chosen, strict=True) if v != moves.values[f]}
        for chosen in product(*values)
    ]
    reached = goal.is_reached(subject, subject.predict(edited(subject, moves.values, changes)))
    return float(cost_of(moves, changes)[reached].min(initial=np.inf))


RULES: list[dict[str, Move]] = [
    {},
    {"job": Move("fixed"), "x": Move(cost=3.0)},
    {"x": Move("up"), "n": Move("down")},
    {"x": Move(low=-0.5, high=0.5), "job": Move(allowed=("it", "care"), cost=0.2), "flag": Move("fixed")},
]


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("rules", RULES, ids=["free", "fixed", "monotone", "limits"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_smallest_change_is_the_smallest_of_all_there_are(task: str, rules: dict[str, Move], distance: str) -> None:
    subject = mixed(task)
    for row in (0, 1, 2, 3):
        values = own_values(subject, row)
        moves = Moves(subject, values, rules, distance)
        outputs = subject.as_outputs(subject.scores[row : row + 1])[0]
        goals = other_goals(subject, outputs) or (Goal(outputs[0] + 0.4), Goal(outputs[0] - 0.4, at_least=False))
        for goal in goals:
            best = by_trying(moves, goal)
            result = counterfactuals(subject, values, goal, rules=rules, distance=distance, many=3)
            if not np.isfinite(best):
                assert not result.found
                assert "proved" in result.none_because
                continue
            assert result.found[0].is_smallest
            assert result.found[0].cost == pytest.approx(best)
            check_all(result, moves)


def check_all(result: Counterfactuals, moves: Moves) -> None:
    """Check that every counterfactual is allowed and reached, and each another way."""
    for c in result.found:
        assert result.goal.is_reached(moves.subject, np.array([c.outputs]))[0]
        assert all(moves.allows(f, v) for f, v in c.changes.items())
        assert isinstance(c.changes.get("n", 0), int)
        assert c.cost == pytest.approx(float(cost_of(moves, [c.changes])[0]))
    kinds = [set(c.changes) for c in result.found]
    assert not any(one <= other for i, one in enumerate(kinds) for other in kinds[i + 1 :])
    assert [c.cost for c in result.found] == sorted(c.cost for c in result.found)


def test_a_further_way_is_the_cheapest_that_leaves_something_alone() -> None:
    subject, seen = mixed("binary"), 0
    for row in range(12):
        values, goal = own_values(subject, row), Goal(1.0 - float(subject.decision[row]))
        first, *others = counterfactuals(subject, values, goal, many=2).found
        narrower = min(by_trying(Moves(subject, values, {f: Move("fixed")}), goal) for f in first.changes)
        assert [c.cost for c in others] == pytest.approx([narrower] if np.isfinite(narrower) else [])
        seen += len(others)
    assert seen > 3


# --- when the search ends early, and models without trees ------------------------------------------------------------


def test_a_search_that_ends_early_says_how_much_it_may_miss() -> None:
    table, y = numbers(1, rows=1_000)
    model = GradientBoostingClassifier(n_estimators=60, max_depth=4, random_state=0).fit(table, y)
    subject = make_subject("larger", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))
    row = int(np.argmax(np.abs(subject.scores - 0.5)))
    goal, ensemble = Goal(1.0 - float(subject.decision[row])), ensemble_of(subject)
    moves = Moves(subject, own_values(subject, row), {})
    whole = cheapest(moves, ensemble, goal)
    assert whole.bound == whole.cost
    for boxes in (1, 20, 100):
        early = cheapest(moves, ensemble, goal, boxes=boxes)
        assert early.bound <= whole.cost + 1e-9
        assert early.cost >= whole.cost - 1e-9
    assert cheapest(moves, ensemble, goal, limit=whole.cost).changes is None


def test_a_model_without_trees_is_asked_and_nothing_is_proved() -> None:
    table, y = numbers(2)
    model = LogisticRegression().fit(table, y)
    subject = make_subject("linear", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))
    seen = 0
    for row in range(0, 40, 8):
        goal = Goal(1.0 - float(subject.decision[row]))
        result = counterfactuals(subject, own_values(subject, row), goal, rules={"b": Move("fixed")}, many=2)
        moves = Moves(subject, own_values(subject, row), {"b": Move("fixed")})
        # Of a linear score no sum of moves is smaller than moving the feature with the largest weight alone.
        score = float(model.decision_function(table.iloc[[row]])[0])
        weights = [abs(w) * moves.unit(f) for f, w in zip(map(str, table), model.coef_[0], strict=True) if f != "b"]
        for c in result.found:
            assert c.bound is None
            assert np.isnan(c.gap)
            assert "b" not in c.changes
            assert confirmed(subject, row, c.changes, goal)
            assert c.cost >= abs(score) / max(weights) - 1e-9
            seen += 1
        assert result.asked_because
    assert seen >= 5


def test_nothing_reaches_what_the_model_never_says() -> None:
    table, _ = numbers(3)
    y = (table["a"] > 0).astype(int)
    model = DecisionTreeClassifier(max_depth=1).fit(table, y)
    subject = make_subject("one split", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))
    row = int(np.flatnonzero(y == 0)[0])
    result = counterfactuals(subject, own_values(subject, row), Goal(1.0), rules={"a": Move("fixed")})
    assert result.found == ()
    assert result.none_because.startswith("no allowed change reaches it: that is proved")
    assert result.held["a"] == "it is fixed"
    assert result.table().empty


def test_missing_numbers_stay_missing_and_it_is_said() -> None:
    table, y = numbers(4)
    table.loc[::4, "a"] = np.nan
    model = HistGradientBoostingClassifier(max_iter=10).fit(table, y)
    subject = make_subject("gaps", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))
    result = counterfactuals(subject, own_values(subject, 0), Goal(1.0 - float(subject.decision[0])))
    assert "missing" in result.held["a"]
    assert all("a" not in c.changes for c in result.found)


@pytest.mark.parametrize(
    "rules", [{"nobody": Move()}, {"a": Move("sideways")}, {"a": Move(cost=0.0)}, {"a": Move(cost=float("nan"))}]
)
def test_a_rule_that_cannot_be_is_refused(rules: dict[str, Move]) -> None:
    subject = small(0)
    with pytest.raises(BadParameter):
        counterfactuals(subject, own_values(subject, 0), Goal(1.0), rules=rules)


# --- what is said about several --------------------------------------------------------------------------------------


def either_or() -> Subject:
    """Return a subject that says yes where one of two numbers is positive, and no where both are."""
    table = pd.DataFrame(list(product([-0.5, 0.5], repeat=2)) * 25, columns=["a", "b"])
    y = ((table["a"] > 0) != (table["b"] > 0)).astype(int)
    model = DecisionTreeClassifier().fit(table, y)
    return make_subject("either or", table.assign(y=y), Roles(target="y"), model=EstimatorModel(model))


def test_two_ways_that_undo_each_other_are_reported() -> None:
    subject = either_or()
    result = counterfactuals(subject, {"a": -0.5, "b": -0.5}, Goal(1.0))
    assert [set(c.changes) for c in result.found] in ([{"a"}, {"b"}], [{"b"}, {"a"}])
    assert result.conflicts.to_numpy().tolist() == [[0, 1, "", "both at once do not reach it"]]


def test_opposite_directions_and_different_categories_are_conflicts() -> None:
    subject = mixed("binary")
    values = {**own_values(subject, 0), "n": 3, "job": "it"}
    moves, goal = Moves(subject, values, {}), Goal(1.0)
    changes: list[dict[str, Any]] = [{"n": 5, "job": "care"}, {"n": 1, "job": "care"}, {"job": "sales"}]
    found = module._conflicts(moves, goal, changes)
    assert found["feature"].tolist() == ["n", "job", "job"]
    assert found["why"].tolist() == ["opposite directions", "different categories", "different categories"]
    assert found[["first", "second"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 2]]


def test_real_rows_are_the_nearest_by_each_distance() -> None:
    subject = mixed("binary")
    values, goal = own_values(subject, 7), Goal(1.0 - float(subject.decision[7]))
    result = counterfactuals(subject, values, goal, rules={"job": Move("fixed")}, many=1)
    X = subject.test.X
    units = [neighbourhood(subject).encoder.deviation[i] * neighbourhood(subject).encoder.size[i] for i in range(2)]
    apart = np.stack(
        [
            (X["x"] - values["x"]).abs() / units[0],
            (X["n"] - values["n"]).abs() / units[1],
            (X["job"] != values["job"]).astype(float),
            (X["flag"] != values["flag"]).astype(float),
        ],
        axis=1,
    )[subject.decision == goal.value]
    expected = {
        "straight line": np.sqrt((apart**2).sum(axis=1)).min(),
        "sum of differences": apart.sum(axis=1).min(),
        "largest difference": apart.max(axis=1).min(),
        "features that differ": (apart > 1e-12).sum(axis=1).min(),
    }
    found = result.real.set_index("distance")
    assert found["apart"].to_dict() == pytest.approx(expected)
    for row, differs, allowed in zip(found["row"], found["differs"], found["allowed"], strict=True):
        real = own_values(subject, int(row))
        assert allowed == (real["job"] == values["job"])
        assert differs == sum(real[f] != values[f] for f in real)
    assert result.real_rows == len(subject.test)


def test_the_table_holds_every_change() -> None:
    subject = either_or()
    table = counterfactuals(subject, {"a": -0.5, "b": -0.5}, Goal(1.0)).table()
    assert table["smallest"].all()
    assert table["gap"].max() == 0
    assert (table["now"] == -0.5).all()
    assert (table["new"] > -0.5).all()
