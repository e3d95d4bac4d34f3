"""The largest t of many redrawn losses equals that of a search for each of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debuggers.kernels import slice_null as kernel
from tests.kernels.test_slice_lattice import EXAMPLES, Table, plain_welch, tables


@settings(max_examples=EXAMPLES, deadline=None)
@given(tables, st.integers(2, 8), st.booleans())
def test_the_largest_t_is_that_of_a_plain_enumeration(table: Table, min_rows: int, against_rest: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(0)
    draws = np.stack([rng.permutation(table.losses) for _ in range(3)], axis=1)
    binary = set(np.unique(draws)) <= {0.0, 1.0}
    columns = len(table.widths) - 1
    some = range(min(columns, 2))
    groups = [(c, columns, columns) for c in some] + ([(0, 1, columns)] if columns > 1 else [])
    found = kernel.largest(
        table.codes, table.widths, table.starts, table.lows, table.highs, draws.astype(np.float32), binary,
        against_rest, np.array(groups, dtype=np.int64), float(min_rows),
    )  # fmt: skip
    exact = draws.astype(np.float32).astype(np.float64)
    for d in range(3):
        scores = [
            plain_t(exact[:, d], inside, against_rest=against_rest)
            for items, inside in table.slices(2)
            if inside.sum() >= min_rows and set(table.column[list(items)]) <= set(some)
            if not against_rest or (~inside).sum() >= 2
        ]
        assert found[d] == pytest.approx(max(scores, default=-np.inf), rel=1e-6, abs=1e-6)


def plain_t(losses: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_], *, against_rest: bool) -> float:
    floor = float(losses.var(ddof=1))
    own = losses[inside]
    if against_rest:
        t = plain_welch(own, losses[~inside], floor)
    else:
        error = np.sqrt(max(own.var(ddof=1) if len(own) > 1 else 0.0, floor) / len(own))
        t = float(own.mean() / error) if error > 0 else 0.0
    return t * abs(t)
