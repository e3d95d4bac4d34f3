"""Attributions equal the Shapley values that enumerating all subsets of columns gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debuggers.coding import Coder
from debuggers.kernels.tree_parts import MOST_SLOTS
from debuggers.loss_attribution import log_loss, loss_attributions, squared_error
from debuggers.models.tree_readers.assembling import Tree, assemble
from debuggers.models.trees import Trees, UnreadableTrees
from debuggers.tree_attribution import TreeAttribution
from tests.kernels.twins import Array, expected_without, random_rows, random_trees, shapley

SEEDS = st.integers(0, 100_000)
SHAPES = st.sampled_from([(1, 2, 3), (4, 3, 4), (4, 1, 7), (2, 5, 6), (7, 3, 6), (3, 2, 0)])
OUTPUTS = st.sampled_from([(1, False), (3, False), (3, True)])


def mixed(trees: Trees, x: Array, background: Array, known: frozenset[int], source: Array) -> Array:
    rows = background.copy()
    of_row = np.isin(source, list(known))
    rows[:, of_row] = x[of_row]
    return trees.raw(rows)


@settings(max_examples=40, deadline=None)
@given(SEEDS, SHAPES, OUTPUTS)
def test_path_dependent_values_are_those_of_all_subsets(seed: int, shape: Any, outputs: tuple[int, bool]) -> None:
    inputs, n, depth = shape
    trees = random_trees(seed, inputs=inputs, trees=n, depth=depth, outputs=outputs[0], wide=outputs[1])
    X = random_rows(seed, 5, inputs)
    found = TreeAttribution(Coder(trees), X)
    own = np.arange(inputs)
    for row, values in zip(X, found.values(), strict=True):
        truth = shapley(lambda s, row=row: expected_without(trees, row, s, own), inputs)  # type: ignore[misc]
        np.testing.assert_allclose(values, truth, atol=1e-9)
    np.testing.assert_allclose(found.base, expected_without(trees, X[0], frozenset(), own), atol=1e-9)
    np.testing.assert_allclose(found.values().sum(axis=1) + found.base, trees.raw(X), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(SEEDS, SHAPES, OUTPUTS, st.sampled_from([1, 3, 70]))
def test_interventional_values_are_those_of_all_subsets(
    seed: int, shape: Any, outputs: tuple[int, bool], size: int
) -> None:
    inputs, n, depth = shape
    trees = random_trees(seed, inputs=inputs, trees=n, depth=depth, outputs=outputs[0], wide=outputs[1])
    X, background = random_rows(seed, 4, inputs), random_rows(seed + 9, size, inputs)
    found = TreeAttribution(Coder(trees), X, background)
    weights = np.random.default_rng(seed).normal(size=size)
    own = np.arange(inputs)
    for row, values, weighted in zip(X, found.values(), found.values(weights), strict=True):
        known = shapley(lambda s, row=row: mixed(trees, row, background, s, own), inputs)  # type: ignore[misc]
        np.testing.assert_allclose(values, known.mean(axis=1), atol=1e-9)
        np.testing.assert_allclose(weighted, np.einsum("b,fbo->fo", weights, known), atol=1e-8)
    np.testing.assert_allclose(found.base, trees.raw(background).mean(axis=0), atol=1e-9)


def test_columns_that_feed_several_inputs_have_one_value() -> None:
    trees = random_trees(11, inputs=6, trees=4, depth=5)
    source = np.array([0, 1, 1, 2, 0, 1])
    X, background = random_rows(1, 5, 6), random_rows(2, 20, 6)
    coder = Coder(trees, source, 3)
    trained, against = TreeAttribution(coder, X).values(), TreeAttribution(coder, X, background).values()
    for row, ours, theirs in zip(X, trained, against, strict=True):
        np.testing.assert_allclose(ours, shapley(lambda s, r=row: expected_without(trees, r, s, source), 3), atol=1e-9)  # type: ignore[misc]
        known = shapley(lambda s, r=row: mixed(trees, r, background, s, source), 3)  # type: ignore[misc]
        np.testing.assert_allclose(theirs, known.mean(axis=1), atol=1e-9)


def test_tables_that_take_turns_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    trees = random_trees(5, inputs=7, trees=9, depth=8)
    X, background = random_rows(1, 3_000, 7), random_rows(2, 100, 7)
    whole = TreeAttribution(Coder(trees), X, background).values()
    monkeypatch.setattr("debuggers.tree_attribution.TABLE_BYTES", 20_000)
    monkeypatch.setattr("debuggers.tree_attribution.PART_ROWS", 700)
    np.testing.assert_allclose(TreeAttribution(Coder(trees), X, background).values(), whole, atol=1e-12)


def chain(columns: int) -> Trees:
    """Return a tree whose longest way meets so many columns."""
    inner = np.arange(columns)
    left, right = np.append(inner + columns + 1, [-1] * (columns + 1)), np.append(inner + 1, [-1] * (columns + 1))
    right[columns - 1] = columns
    size = 2 * columns + 1
    feature = np.append(inner, [-1] * (columns + 1))
    value = np.where(feature < 0, np.arange(size, dtype=float), 0)
    cover = np.ones(size)
    for i in inner[::-1]:
        cover[i] = cover[left[i]] + cover[right[i]]
    return assemble(
        [Tree(feature, np.zeros(size), left, right, value, cover=cover)], base=np.zeros(1), n_inputs=columns
    )


def test_ways_that_meet_many_columns_are_exact_up_to_the_limit() -> None:
    trees = chain(MOST_SLOTS)
    X = np.random.default_rng(0).normal(size=(20, MOST_SLOTS)) + 2
    for background in (None, X[::-1] - 2):
        found = TreeAttribution(Coder(trees), X, background)
        np.testing.assert_allclose(found.values().sum(axis=1) + found.base, trees.raw(X), atol=1e-9)
    with pytest.raises(UnreadableTrees, match="17 columns"):
        TreeAttribution(Coder(chain(17)), np.zeros((1, 17)))


def test_trees_that_forgot_their_training_rows_need_a_background() -> None:
    trees = assemble(
        [Tree(np.array([0, -1, -1]), np.zeros(3), np.array([1, -1, -1]), np.array([2, -1, -1]), np.array([0, 1.0, 2]))],
        base=np.zeros(1), n_inputs=1,
    )  # fmt: skip
    with pytest.raises(UnreadableTrees, match="give background rows"):
        TreeAttribution(Coder(trees), np.zeros((1, 1)))
    found = TreeAttribution(Coder(trees), np.array([[-1.0], [1.0]]), np.array([[1.0]]))
    assert found.values().ravel().tolist() == [-1, 0]


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from(["log loss", "squared error"]), st.sampled_from([2, 60]))
def test_the_loss_is_attributed_pair_by_pair(seed: int, kind: str, n: int) -> None:
    trees = random_trees(seed, inputs=4, trees=4, depth=4)
    X, background = random_rows(seed, n, 4), random_rows(seed + 1, 30, 4)
    y = np.random.default_rng(seed).integers(0, 2, n).astype(float)
    loss = log_loss(0.7) if kind == "log loss" else squared_error
    values, base = loss_attributions(Coder(trees), X, background, y, loss)
    ours, others = trees.raw(X)[:, 0], trees.raw(background)[:, 0]
    np.testing.assert_allclose(values.sum(axis=1) + base, loss(ours, y), atol=1e-7)
    for i in range(min(n, 4)):
        per_pair = TreeAttribution
        total = np.zeros(4)
        for b, other in zip(background, others, strict=True):
            raw = per_pair(Coder(trees), X[i : i + 1], b[None]).values()[0, :, 0]
            away = ours[i] - other
            change = loss(ours[i : i + 1], y[i : i + 1])[0] - loss(np.array([other]), y[i : i + 1])[0]
            total += raw * (change / away if abs(away) > 1e-9 else 0.0) / len(background)
        np.testing.assert_allclose(values[i], total, atol=1e-6)
