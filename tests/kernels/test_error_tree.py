"""Sums and places equal those that numpy finds the plain way."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from debuggers.kernels import error_tree as kernel
from tests.kernels.test_slice_lattice import EXAMPLES


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 200), st.integers(0, 3), st.integers(1, 4))
def test_sums_of_nodes_are_those_of_their_rows(seed: int, rows: int, first: int, nodes: int) -> None:
    rng = np.random.default_rng(seed)
    codes, loss = rng.integers(0, 5, rows).astype(np.uint8), rng.normal(size=rows)
    places = rng.integers(0, first + nodes, rows).astype(np.int32)
    sums = kernel.node_sums(codes, places, loss, first, nodes, 5)
    for node in range(nodes):
        for code in range(5):
            inside = (places == first + node) & (codes == code)
            np.testing.assert_allclose(sums[node, code], [inside.sum(), loss[inside].sum()], atol=1e-9)


def test_rows_descend_to_a_node_without_a_split() -> None:
    codes = np.array([[0, 1, 1], [0, 0, 1]], dtype=np.uint8)
    children = np.repeat(np.arange(5, dtype=np.int32)[:, None], 2, axis=1)
    children[0], children[2] = (1, 2), (3, 4)
    places = np.zeros(3, dtype=np.int32)
    kernel.descend(codes, places, np.array([0, 0, 1, 0, 0], dtype=np.int32), children, 2)
    assert places.tolist() == [1, 3, 4]
