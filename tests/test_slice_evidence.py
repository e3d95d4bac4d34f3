"""Numbers of slices equal those of well-kept libraries or of a plain enumeration."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from debuggers.slice_comparison import BETTER, SAME, UNKNOWN, WORSE, changes, merged
from debuggers.slice_evidence import Candidate, Nulls, evidence, literal_shares, one_test, overlaps, selected
from debuggers.slice_null import Null
from debuggers.slice_targets import Target
from debuggers.slices import Literal, Op, Slice
from debuggers.strata import added, beyond, divided

Mask = npt.NDArray[np.bool_]
NONE = Nulls(Null(np.empty(0)), Null(np.empty(0)))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def target(values: npt.NDArray[np.float64]) -> Target:
    return Target("loss", "mean loss", values, np.ones(len(values), dtype=bool))


def candidate(name: str, inside: Mask) -> Candidate:
    return Candidate(Slice((Literal(name, Op.EQUAL, True),)), inside, (inside,))


def test_what_a_slice_adds_is_its_coefficient_beside_the_strata_over_a_robust_error(rng: np.random.Generator) -> None:
    n = 3_000
    known = [rng.random(n) < 0.3, rng.random(n) < 0.2]
    inside = rng.random(n) < np.where(known[0], 0.5, 0.1)
    values = rng.normal(size=n) * (1 + inside) + known[0] + 0.3 * inside
    strata = np.zeros(n, dtype=np.intp)
    for mask in known:
        strata = divided(strata, mask)
    dummies = pd.get_dummies(strata).to_numpy(dtype=float)
    fit = sm.OLS(values, np.column_stack([inside, dummies])).fit(cov_type="HC1")
    assert added(values, inside, strata) == pytest.approx(fit.tvalues[0], rel=0.03)
    assert np.isnan(added(values, known[0], strata))  # a stratum holds all of it or nothing


def test_beyond_the_strata_nothing_is_left_of_their_means(rng: np.random.Generator) -> None:
    strata = rng.integers(0, 4, 500)
    left = beyond(rng.exponential(size=500) + strata, strata)
    np.testing.assert_allclose(np.bincount(strata, left), 0, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_shares_of_literals_are_means_over_all_orders_and_sum_to_the_difference(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    values, literals = rng.exponential(size=200), [rng.random(200) < 0.7 for _ in range(k)]
    rows = rng.random(200) < 0.8
    shares = literal_shares(values, literals, rows)
    inside = np.logical_and.reduce([rows, *literals])
    assert sum(shares.values()) == pytest.approx(values[inside].mean() - values[rows].mean())
    for i in range(k):
        steps = []
        for order in permutations(range(k)):
            before = np.logical_and.reduce([rows, *(literals[j] for j in order[: order.index(i)])])
            steps.append(values[before & literals[i]].mean() - values[before].mean())
        assert shares[i] == pytest.approx(np.mean(steps))


def test_shares_of_a_slice_without_rows_are_unknown() -> None:
    none = np.zeros(10, dtype=bool)
    assert literal_shares(np.arange(10.0), [none, ~none], ~none) == {}


def test_overlaps_count_the_rows_that_two_slices_share(rng: np.random.Generator) -> None:
    a, b = rng.random(1_000) < 0.3, rng.random(1_000) < 0.5
    found = overlaps([a, b]).set_index(["first", "second"])
    assert found.loc[(0, 1), "both"] == (a & b).sum()
    assert found.loc[(0, 1), "share"] == pytest.approx((a & b).sum() / a.sum())
    assert found.loc[(1, 0), "jaccard"] == pytest.approx((a & b).sum() / (a | b).sum())
    assert found.loc[(1, 1), "share"] == 1


def test_of_two_slices_that_say_the_same_only_the_first_is_selected(rng: np.random.Generator) -> None:
    inside = rng.random(4_000) < 0.2
    values = rng.normal(size=4_000) + inside
    twin = inside ^ (rng.random(4_000) < 0.001)
    rows = np.ones(4_000, dtype=bool)
    kept = selected([candidate("a", inside), candidate("b", twin)], values, rows, adds=3.5, count=5)
    assert [c.slice.text for c in kept] == ["a = True"]


def test_a_slice_without_enough_other_rows_is_neither_confirmed_nor_denied(rng: np.random.Generator) -> None:
    inside = np.zeros(400, dtype=bool)
    inside[:40] = True
    searched = np.arange(400) % 2 == 0
    table = evidence([candidate("a", inside)], target(rng.exponential(size=400)), searched, None, NONE)
    assert table["held_out_rows"].tolist() == [20]
    assert table["verdict"].tolist() == ["too few rows"]
    assert table["p_value"].isna().all()
    assert table["tp"].isna().all()


@pytest.mark.parametrize(("lift", "verdict"), [(1.0, "confirmed"), (-1.0, "not confirmed")])
def test_losses_that_do_not_vary_are_told_apart_without_a_test(lift: float, verdict: str) -> None:
    inside, searched = np.arange(400) < 200, np.arange(400) % 2 == 0
    table = evidence([candidate("a", inside)], target(np.where(inside, 2.0 + lift, 2.0)), searched, None, NONE)
    assert table["verdict"].tolist() == [verdict]


def test_one_test_of_a_slice_on_noise_rejects_in_one_of_twenty() -> None:
    rng = np.random.default_rng(1)
    rejected = [one_test(target(rng.normal(size=300)), rng.random(300) < 0.3).p_value <= 0.05 for _ in range(600)]
    assert 0.025 < np.mean(rejected) < 0.08
    assert np.isnan(one_test(target(rng.normal(size=40)), np.arange(40) < 20).p_value)


def test_a_p_value_of_redrawn_losses_counts_those_that_are_as_clear() -> None:
    null = Null(np.arange(1.0, 100.0))
    assert null.p_value(200) == pytest.approx(0.01)
    assert null.p_value(90) == pytest.approx(0.11)
    assert null.limit == 95
    assert np.isnan(NONE.own.p_value(3))


def test_two_models_are_compared_on_the_same_held_out_rows(rng: np.random.Generator) -> None:
    n = 4_000
    names = ("worse", "better", "same", "thin")
    masks = {name: np.arange(n) % 4 == i for i, name in enumerate(names)}
    masks["thin"] = np.arange(n) < 20
    benchmark = rng.exponential(size=n)
    model = benchmark + rng.normal(0, 0.1, n) + 0.2 * masks["worse"] - 0.2 * masks["better"]
    both = merged([candidate(n, masks[n]) for n in ("worse", "same")], [candidate(n, m) for n, m in masks.items()])
    table = changes(both, target(model), target(benchmark), rng.random(n) < 0.5).set_index("slice")
    change = table["change"].to_dict()
    assert change == {"worse = True": WORSE, "same = True": SAME, "better = True": BETTER, "thin = True": UNKNOWN}
    assert table["found_by"].to_dict()["worse = True"] == "both"
    assert table["found_by"].to_dict()["better = True"] == "benchmark"
