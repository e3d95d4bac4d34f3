"""Sorted values and bins equal those that numpy finds the plain way."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from debuggers.kernels import cuts as kernel
from tests.kernels.test_slice_lattice import EXAMPLES

any_float = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
near = st.floats(-8, 8, allow_nan=False)
whole = st.integers(-300, 300).map(float)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(st.one_of(any_float, near, whole), max_size=600),
    st.one_of(*(st.lists(kind, max_size=254) for kind in (st.floats(allow_nan=False), finite, near, whole))),
)
def test_a_value_lies_behind_every_cut_that_is_not_above_it(numbers: list[float], cuts: list[float]) -> None:
    ends, column = np.unique(np.array(cuts, dtype=np.float64)), np.array([*numbers, *cuts], dtype=np.float64)
    for kind in (np.uint8, np.uint16, np.int32):
        for below in (False, True):
            places = np.searchsorted(ends, column, side="left" if below else "right")
            expected = np.where(np.isnan(column), len(ends) + 1, places)
            np.testing.assert_array_equal(kernel.number_codes(column, ends, kind, below=below), expected)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(*(st.lists(kind, min_size=1, max_size=600) for kind in (finite, near, whole))))
def test_steps_are_the_different_values_and_how_many_there_are_up_to_each(numbers: list[float]) -> None:
    distinct, ends = kernel.steps(np.array(numbers))
    expected, counts = np.unique(np.array(numbers), return_counts=True)
    np.testing.assert_array_equal(distinct, expected)
    np.testing.assert_array_equal(ends, np.cumsum(counts))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.floats(allow_nan=False), max_size=600))
def test_numbers_are_sorted(numbers: list[float]) -> None:
    np.testing.assert_array_equal(kernel.risen(np.array(numbers)), np.sort(np.array(numbers)))
