"""Kernels of effects equal a model that is asked row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debuggers.coding import Coder
from debuggers.kernels import links
from debuggers.kernels.bits import first_rows
from debuggers.kernels.links import Answer, answer, exponentials
from debuggers.models.trees import Link, answers
from debuggers.tree_effects import PART_ROWS, TreeEffects
from tests.kernels.twins import curves_by_asking, random_rows, random_trees

SEEDS = st.integers(0, 100_000)
SHAPES = st.sampled_from([(1, 1, 0), (4, 3, 4), (4, 1, 7), (2, 5, 6), (9, 4, 5)])


def effects_of(seed: int, shape: tuple[int, int, int], n: int, **options: Any) -> tuple[Any, Any, Any, TreeEffects]:
    inputs, trees, depth = shape
    made = random_trees(seed, inputs=inputs, trees=trees, depth=depth, **options)
    X, grid = random_rows(seed + 1, n, inputs), random_rows(seed + 2, 7, inputs)
    return made, X, grid, TreeEffects(Coder(made), X, grid, [7] * inputs)


@settings(max_examples=60, deadline=None)
@given(SEEDS, SHAPES, st.sampled_from([1, 5, 64, 65, 300]), st.sampled_from([(1, False), (3, False), (3, True)]))
def test_curves_and_their_mean_are_those_of_asking(seed: int, shape: Any, n: int, outputs: tuple[int, bool]) -> None:
    made, X, grid, effects = effects_of(seed, shape, n, outputs=outputs[0], wide=outputs[1])
    expected = curves_by_asking(made, X, grid)
    np.testing.assert_allclose(effects.individual(), expected, atol=1e-9)
    np.testing.assert_allclose(effects.dependence(), expected.mean(axis=0), atol=1e-9)
    some = list(range(0, shape[0], 2))
    np.testing.assert_allclose(effects.individual(some), expected[:, some], atol=1e-9)
    np.testing.assert_allclose(effects.dependence(some)[some], expected.mean(axis=0)[some], atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    SEEDS,
    SHAPES,
    st.sampled_from([(1, Link.LOGISTIC), (3, Link.SOFTMAX), (2, Link.ONE_VS_ALL), (1, Link.EXP), (1, Link.IDENTITY)]),
)
def test_summaries_are_those_of_the_curves(seed: int, shape: Any, kind: tuple[int, Link]) -> None:
    outputs, link = kind
    _, _, _, effects = effects_of(seed, shape, 90, outputs=outputs)
    codes = {Link.LOGISTIC: links.LOGISTIC, Link.SOFTMAX: links.SOFTMAX, Link.ONE_VS_ALL: links.ONE_VS_ALL,
             Link.EXP: links.EXP, Link.IDENTITY: links.IDENTITY}  # fmt: skip
    raw = effects.individual()
    curves = (
        answers(link, 0.7, 0.0, raw.swapaxes(2, 3).reshape(-1, outputs))
        .reshape(raw.swapaxes(2, 3).shape)
        .swapaxes(2, 3)
    )
    rng = np.random.default_rng(seed)
    bins, anchors = rng.integers(0, 7, (shape[0], 90), np.int32), rng.integers(0, 7, shape[0])
    found = effects.summary(how=Answer(codes[link], 0.7, 0.0, log_odds=False), anchors=anchors)
    local = effects.local(bins, how=Answer(codes[link], 0.7, 0.0, log_odds=False))
    np.testing.assert_allclose(found.mean, curves.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.deviation, curves.std(axis=0), atol=1e-7)
    centred = curves - np.stack([curves[:, c, :, a] for c, a in enumerate(anchors)], axis=1)[..., None]
    np.testing.assert_allclose(found.heterogeneity, centred.std(axis=0), atol=1e-7)
    for c in range(shape[0]):
        rows = np.flatnonzero(bins[c])
        change = curves[rows, c, :, bins[c, rows]] - curves[rows, c, :, bins[c, rows] - 1]
        for o in range(outputs):
            sums = np.bincount(bins[c, rows], weights=change[:, o], minlength=7)
            np.testing.assert_allclose(local[c, o], sums, atol=1e-9)
    level = curves - curves.mean(axis=3, keepdims=True)
    whole, rest = np.square(level).mean(axis=(0, 3)), np.square(level - level.mean(axis=0)).mean(axis=(0, 3))
    hidden = np.divide(rest, whole, out=np.zeros_like(rest), where=whole > 1e-12)
    np.testing.assert_allclose(np.where(whole > 1e-12, found.hidden, 0), hidden, atol=1e-7)
    moves = np.ptp(raw, axis=3).max(axis=2) > 1e-12
    assert (found.moved >= moves.sum(axis=0)).all()
    assert ((found.moved == 0) <= ~moves.any(axis=0)).all()


def test_parts_in_threads_make_the_same_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, _, whole = effects_of(3, (4, 5, 6), 1_000)
    expected = (whole.individual(), whole.dependence(), whole.summary())
    monkeypatch.setattr("debuggers.tree_effects.PART_ROWS", 70)
    assert PART_ROWS > 1_000
    _, _, _, parted = effects_of(3, (4, 5, 6), 1_000)
    np.testing.assert_array_equal(parted.individual(), expected[0])
    np.testing.assert_allclose(parted.dependence(), expected[1], atol=1e-12)
    np.testing.assert_allclose(parted.summary().heterogeneity, expected[2].heterogeneity, atol=1e-12)


def test_columns_that_share_an_input_are_asked_together() -> None:
    trees = random_trees(5, inputs=6, trees=5, depth=5)
    source = [0, 1, 1, 2, 0, 1]
    raw = np.random.default_rng(0).integers(0, 4, (80, 3)).astype(float)
    grid = np.arange(4.0)[:, None].repeat(3, axis=1)

    def encode(table: Any) -> Any:  # three columns become six inputs
        a, b, c = table.T
        return np.stack([a - 1, b - 2, (b == 2) * 1.0, np.where(c > 1, np.nan, c), a * a, b], axis=1)

    effects = TreeEffects(Coder(trees, source, 3), encode(raw), encode(grid), [4, 4, 4])
    for f in range(3):
        for g in range(4):
            changed = raw.copy()
            changed[:, f] = g
            np.testing.assert_allclose(effects.individual()[:, f, :, g], trees.raw(encode(changed)), atol=1e-9)
    np.testing.assert_allclose(effects.dependence(), effects.individual().mean(axis=0), atol=1e-9)


@settings(deadline=None)
@given(st.floats(-700, 700))
def test_the_exponential_is_that_of_the_library(x: float) -> None:
    values = np.array([[0.0], [x]])
    exponentials(values, 1, 1)
    assert values[0, 0] == 0
    assert values[1, 0] == pytest.approx(np.exp(x), rel=1e-15)


def test_log_odds_are_those_of_the_clipped_probabilities() -> None:
    raw = np.array([[-50.0, -3.0, 0.0, 2.0, 50.0]])
    p = np.clip(1 / (1 + np.exp(-raw)), links.CLIP, 1 - links.CLIP)
    found = raw.copy()
    answer(Answer(links.LOGISTIC, 1.0, 0.0, log_odds=True), found, 5)
    np.testing.assert_allclose(found, np.log(p) - np.log1p(-p), rtol=1e-6)
    shares = np.array([[0.2, 0.5], [0.8, 0.5]])
    answer(Answer(links.IDENTITY, 1.0, 0.0, log_odds=True), shares, 2)
    np.testing.assert_allclose(shares, [[np.log(0.25), 0.0], [np.log(4), 0.0]], atol=1e-12)


@settings(deadline=None)
@given(st.integers(0, 192))
def test_the_first_rows_are_set(n: int) -> None:
    sets = np.full((2, 3), 7, np.uint64)
    first_rows(sets, 1, n)
    assert "".join(f"{int(w):064b}"[::-1] for w in sets[1]) == "1" * n + "0" * (192 - n)
