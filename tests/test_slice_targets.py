"""What a slice can be weak in is estimated on its own scale."""

from __future__ import annotations

import numpy as np

from debuggers.slice_targets import Target
from debuggers.statistics import mean, share


def test_a_share_has_wilsons_interval_and_a_loss_students_that_ends_at_zero() -> None:
    every = np.ones(4, dtype=bool)
    wrong, lost = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 0.0, 9.0])
    assert Target("error", "error rate", wrong, every).estimate(wrong) == share(2, 4)
    estimate, plain = Target("loss", "mean loss", lost, every).estimate(lost), mean(lost)
    assert plain.low < 0
    assert (estimate.value, estimate.low, estimate.high) == (plain.value, 0, plain.high)
