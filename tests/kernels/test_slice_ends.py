"""The likeliest range equals that of a plain enumeration of all ranges."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from debuggers.kernels.slice_ends import likeliest_range
from tests.kernels.test_slice_lattice import EXAMPLES


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 60), st.sampled_from([0.01, 1.0, 1000.0]))
def test_the_likeliest_range_is_that_of_a_plain_enumeration(seed: int, bins: int, min_rows: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 9, bins).astype(np.float64)
    gains = np.where(rows > 0, rng.normal(-0.2, 1, bins) * scale, 0.0)
    sums = {(a, b): float(gains[a:b].sum()) for a, b in combinations(range(bins + 1), 2)}
    enough = {r: s for r, s in sums.items() if rows[r[0] : r[1]].sum() >= min_rows and rows[r[0]] and rows[r[1] - 1]}
    best, choice, low, high = likeliest_range(gains, rows, float(min_rows))
    if not enough:
        assert best == -np.inf
        assert (low, high) == (0, 0)
        return
    assert best == pytest.approx(max(enough.values()))
    assert enough[low, high] == pytest.approx(best)
    mean = logsumexp(list(sums.values())) - np.log(len(sums))
    assert choice == pytest.approx(max(best - mean, 0.0), rel=1e-9, abs=1e-6)


def test_of_ranges_alike_none_is_a_choice() -> None:
    assert likeliest_range(np.zeros(4), np.ones(4), 1.0)[1] == 0.0
