"""Where the ends of an interval are put, against a plain enumeration of all intervals."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from debuggers.slice_refining import median_range

Gains = st.lists(st.floats(-8, 8), min_size=1, max_size=12).map(np.array)


@given(Gains)
def test_ends_are_medians_over_all_ranges(gains: np.ndarray) -> None:
    bins = len(gains)
    ranges = [(a, b) for a in range(bins) for b in range(a + 1, bins + 1)]
    weights = np.exp([gains[a:b].sum() for a, b in ranges])
    low, high = median_range(gains)
    for at, ends in ((low, [a for a, _ in ranges]), (high, [b for _, b in ranges])):
        below = weights[np.array(ends) < at].sum() / weights.sum()
        beyond = weights[np.array(ends) > at].sum() / weights.sum()
        assert below <= 0.5 + 1e-9
        assert beyond <= 0.5 + 1e-9


def test_a_range_is_never_empty() -> None:
    low, high = median_range(np.array([9.0, -20.0, 9.0]))
    assert low < high
