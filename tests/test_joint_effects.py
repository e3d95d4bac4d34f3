"""Interactions of trees are those of asking for every pair of rows, and planted ones are found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debuggers import interactions, joint_effects
from debuggers.coding import Coder
from debuggers.joint_effects import Interactions, by_asking, interactions_of, of_trees
from tests.analyses.functions import Function, subject_of
from tests.forests import fitted, rows
from tests.kernels.twins import random_rows, random_trees


def by_name(found: Interactions) -> pd.DataFrame:
    return found.pairs.sort_values(["first", "second"], ignore_index=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([(4, 4, 5), (2, 3, 6), (5, 2, 7), (1, 2, 3)]), st.booleans())
def test_interactions_of_trees_are_those_of_asking(seed: int, shape: tuple[int, int, int], wide: bool) -> None:  # noqa: FBT001 -- hypothesis gives it by position
    inputs, trees, depth = shape
    made = random_trees(seed, inputs=inputs, trees=trees, depth=depth, outputs=2, wide=wide)
    X, names = random_rows(seed, 40, inputs), range(inputs)
    for output in (0, 1):
        ours = of_trees(Coder(made), X, names, output)
        asked = by_asking(lambda table, o=output: made.raw(table)[:, o], X, names, "twin")  # type: ignore[misc]
        pd.testing.assert_frame_equal(by_name(ours), by_name(asked), atol=1e-9)
        assert ours.averaged == ours.evaluated == 40


def test_blocks_parts_and_samples_give_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    model, X = fitted("hist", "regression"), rows(1_500)
    whole = interactions(model, X)
    monkeypatch.setattr(joint_effects, "WORDS", 1)
    monkeypatch.setattr(joint_effects, "PAIRS", 1)
    pd.testing.assert_frame_equal(interactions(model, X).pairs, whole.pairs, atol=1e-9)
    monkeypatch.setattr(joint_effects, "COUNTED_ROWS", 900)
    sampled = interactions(model, X)
    assert (sampled.averaged, sampled.evaluated, sampled.total) == (900, 500, 1_500)
    assert sampled.pairs["strength"].iloc[0] == pytest.approx(whole.pairs["strength"].iloc[0], rel=0.2)


@pytest.mark.parametrize("name", ["forest", "xgboost, categories", "lightgbm", "catboost", "gradient boosting"])
def test_pairs_of_a_library_are_those_of_asking_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, X = fitted(name, "regression"), rows(40, missing=name != "gradient boosting")
    asked = by_asking(model.predict, X, range(6), "twin")
    pd.testing.assert_frame_equal(by_name(interactions(model, X)), by_name(asked), atol=1e-5)


def test_a_product_interacts_and_a_sum_does_not() -> None:
    half = np.random.default_rng(0).normal(size=(20, 3))
    table = pd.DataFrame(
        np.concatenate([half, -half]), columns=list("abc")
    )  # of mean 0, so that a * b has no own effects

    def found(function: Any) -> Interactions:
        return interactions(Function(function, list("abc")), table)

    crossed = found(lambda t: t["a"] * t["b"] + t["c"])
    assert tuple(crossed.pairs.iloc[0])[:2] == ("a", "b")
    assert crossed.pairs["h"].iloc[0] == pytest.approx(1.0)
    assert np.sort(crossed.pairs["strength"])[:-1].max() < 1e-9
    assert found(lambda t: t["a"] + t["b"] ** 2).matrix("strength").to_numpy().max() < 1e-9


def test_the_matrix_is_symmetric_and_in_the_order_of_the_columns() -> None:
    X = pd.DataFrame(rows(200), columns=list("uvwxyz"))
    found = interactions(fitted("hist", "multiclass"), X, output=2)
    matrix = found.matrix("strength")
    assert matrix.columns.tolist() == matrix.index.tolist() == list("uvwxyz")
    top = found.pairs.iloc[0]
    assert matrix.loc[top["first"], top["second"]] == matrix.loc[top["second"], top["first"]] == top["strength"] > 0
    assert np.trace(matrix) == 0


def test_a_subject_without_trees_is_asked_and_says_why() -> None:
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    found = interactions_of(subject_of(lambda t: t["a"] * t["b"], table))
    assert found.pairs[["first", "second"]].to_numpy().tolist() == [["a", "b"]]
    assert found.asked_because
    assert (found.averaged, found.evaluated, found.total) == (40, 40, 60)
    assert found.pairs["h"].iloc[0] > 0.5


@pytest.mark.parametrize("X", [rows(1), np.full((30, 6), np.nan), np.zeros((30, 6))])
def test_nothing_interacts_where_nothing_varies(X: Any) -> None:
    found = interactions(fitted("hist", "regression"), X)
    assert found.pairs[["h", "strength"]].to_numpy().max() == 0
    assert len(found.pairs) == 15


def test_a_model_of_one_column_has_no_pairs() -> None:
    from sklearn.tree import DecisionTreeRegressor

    X = np.arange(9.0)[:, None]
    assert interactions(DecisionTreeRegressor().fit(X, X[:, 0]), X).pairs.empty
