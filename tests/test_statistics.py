"""Intervals cover what they promise, and tests err as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from debuggers.statistics import (
    Moments,
    auc,
    benjamini_hochberg,
    bootstrap_mean,
    difference,
    difference_intervals,
    halves,
    holm,
    mean,
    mean_intervals,
    share,
    welch_greater,
)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (3, 10), (10, 10), (500, 1000)])
def test_a_share_has_wilsons_interval(k: int, n: int) -> None:
    low, high = proportion_confint(k, n, method="wilson")
    estimate = share(k, n)
    assert estimate.value == k / n
    assert [estimate.low, estimate.high] == pytest.approx([low, high], abs=1e-12)


def test_a_share_of_nothing_is_undefined() -> None:
    assert not share(0, 0).is_defined
    assert not mean(np.array([])).is_defined
    assert np.isnan(mean(np.array([1.0])).low)


def test_the_t_interval_covers_the_mean_in_95_of_100_samples() -> None:
    rng = np.random.default_rng(0)
    covered = sum(e.low <= 0 <= e.high for e in (mean(rng.normal(size=12)) for _ in range(1000)))
    assert stats.binomtest(covered, 1000, 0.95).pvalue > 0.001


def test_the_bootstrap_interval_is_close_to_that_of_t_on_normal_data() -> None:
    rows = np.random.default_rng(0).normal(size=(2000, 2))
    low, high = bootstrap_mean(rows, draws=2000)
    exact = mean(rows[:, 0])
    assert [low[0], high[0]] == pytest.approx([exact.low, exact.high], abs=0.01)


def test_moments_of_parts_merge_into_those_of_the_whole() -> None:
    values = np.random.default_rng(0).normal(size=100)
    merged = Moments.of(values[:30]) + Moments.of(values[30:])
    assert [merged.mean, merged.deviation] == pytest.approx([values.mean(), values.std(ddof=1)])
    rest = merged - Moments.of(values[:30])
    assert rest.mean == pytest.approx(values[30:].mean())


def test_welch_and_the_difference_agree_with_scipy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.4, 2, 40), rng.normal(0, 1, 90)
    reference = stats.ttest_ind(a, b, equal_var=False)
    interval = reference.confidence_interval(0.95)
    found = difference(Moments.of(a), Moments.of(b))
    assert [found.low, found.high] == pytest.approx([interval.low, interval.high])
    p = stats.ttest_ind(a, b, equal_var=False, alternative="greater").pvalue
    assert welch_greater(Moments.of(a), Moments.of(b)) == pytest.approx(p)


def test_a_test_without_spread_or_rows_has_no_p_value() -> None:
    same = Moments.of(np.ones(5))
    assert np.isnan(welch_greater(same, same))
    assert np.isnan(welch_greater(Moments.of(np.ones(1)), same))


def test_corrections_leave_undefined_tests_out_of_the_family() -> None:
    assert holm([0.01, np.nan, 0.04])[0] == pytest.approx(0.02)
    assert np.isnan(holm([0.01, np.nan, 0.04])[1])
    assert benjamini_hochberg([0.01, 0.02]).tolist() == pytest.approx([0.02, 0.02])
    assert len(holm([])) == 0


def test_holm_keeps_the_chance_of_any_false_alarm_at_5_percent() -> None:
    rng = np.random.default_rng(0)
    alarms = sum((holm(rng.random(20).tolist()) < 0.05).any() for _ in range(1000))
    assert stats.binomtest(int(alarms), 1000, 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("n", [0, 1, 2, 7, 1000])
def test_halves_are_halves_of_every_stratum_and_the_same_each_time(n: int) -> None:
    strata = np.random.default_rng(0).random(n)
    searched = halves(strata)
    assert abs(int(searched.sum()) * 2 - n) <= 1
    np.testing.assert_array_equal(searched, halves(strata))
    if n >= 1000:
        assert strata[searched].mean() == pytest.approx(strata[~searched].mean(), abs=0.002)


def test_auc_is_that_of_scikit_learn_with_ties_and_covers_the_truth() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(500) < 0.3
    score = np.round(rng.normal(size=500) + y, 1)
    assert auc(y, score).value == pytest.approx(roc_auc_score(y, score))
    true = stats.norm.cdf(1 / np.sqrt(2))
    covered = 0
    for _ in range(400):
        y = rng.random(150) < 0.4
        estimate = auc(y, rng.normal(size=150) + y)
        covered += estimate.low <= true <= estimate.high
    assert stats.binomtest(covered, 400, 0.95).pvalue > 0.001


def test_auc_of_one_class_is_undefined() -> None:
    assert not auc(np.ones(5, dtype=bool), np.arange(5.0)).is_defined


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 6), st.sampled_from(["flat", "spread"]))
def test_many_intervals_at_once_are_those_of_each(seed: int, m: int, n: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.exponential(size=m), np.full(n, 2.0) if kind == "flat" else rng.normal(size=n)
    sums = [np.array([[len(x), x.sum(), np.square(x).sum()]]) for x in (a, b)]
    one, gap = Moments.of(a).estimate(), difference(Moments.of(a), Moments.of(b))
    ends = [float(x[0]) for x in (*mean_intervals(*sums[0].T), *difference_intervals(*sums))]
    assert ends == pytest.approx([one.low, one.high, gap.low, gap.high], rel=1e-9, abs=1e-9, nan_ok=True)
