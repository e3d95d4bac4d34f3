"""A slice's mask, its SQL and its text say the same."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debuggers.slices import Literal, Op, Slice, conjunction, sql_name, sql_value

NUMBERS = st.one_of(st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False, width=64))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


def rows_by_sql(table: pd.DataFrame, where: str) -> np.ndarray:
    with duckdb.connect() as connection:
        connection.register("t", table)
        answer = connection.execute(f"SELECT ({where}) AS inside FROM t").fetchnumpy()["inside"]
    return np.asarray(np.ma.filled(answer, False), dtype=bool)


@st.composite
def literals(draw: st.DrawFn) -> Literal:
    op = draw(st.sampled_from(list(Op)))
    feature = draw(st.sampled_from(["n", 'a"b', "城市"]))
    value: Any = draw(TEXTS if feature == "城市" else st.floats(-3, 3))
    if op in (Op.MISSING, Op.KNOWN):
        return Literal(feature, op)
    if op in (Op.ONE_OF, Op.NONE_OF):
        return Literal(feature, op, (value,))
    if op is Op.IN or feature == "城市":
        return Literal("n", Op.IN, tuple(sorted((draw(st.floats(-3, 3)), draw(st.floats(-3, 3))))))
    return Literal(feature, op, value)


@settings(max_examples=150, deadline=None)
@given(st.lists(literals(), max_size=3), st.integers(0, 2**32 - 1))
def test_a_mask_is_what_duckdb_finds(found: list[Literal], seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "n": np.where(rng.random(40) < 0.2, np.nan, rng.normal(size=40).round(1)),
            'a"b': rng.integers(-3, 4, 40),
            "城市": pd.Series(rng.choice(["", "'", "x", "北"], 40)).mask(rng.random(40) < 0.2),
        }
    )
    s = Slice(tuple(found))
    np.testing.assert_array_equal(s.mask(table), rows_by_sql(table, s.sql))


@settings(max_examples=200, deadline=None)
@given(NUMBERS)
def test_a_number_in_sql_reads_back_exactly(value: float) -> None:
    with duckdb.connect() as connection:
        back = connection.execute(f"SELECT CAST({sql_value(value)} AS DOUBLE)").fetchall()[0][0]
    assert back == float(value)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_text_in_sql_reads_back_exactly(value: str) -> None:
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {sql_value(value)}").fetchall() == [(value,)]
        if value:
            assert connection.execute(f"SELECT 1 AS {sql_name(value)}").description[0][0] == value


def test_the_id_does_not_depend_on_the_order_of_the_literals() -> None:
    a, b = Literal("x", Op.LESS, 3), Literal("y", Op.EQUAL, "u")
    assert Slice((a, b)).id == Slice((b, a)).id
    assert Slice((a,)).id != Slice((b,)).id


def test_a_missing_value_lies_in_no_literal_but_is_missing() -> None:
    table = pd.DataFrame({"x": [1.0, np.nan]})
    for op in (Op.EQUAL, Op.LESS, Op.LESS_EQUAL, Op.GREATER, Op.GREATER_EQUAL):
        assert not Literal("x", op, 1.0).mask(table)[1]
    assert Literal("x", Op.MISSING).mask(table).tolist() == [False, True]


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (Literal("age", Op.IN, (30, 40.5)), "age in [30, 40.5)"),
        (Literal("job", Op.ONE_OF, ("a", "b")), "job in {'a', 'b'}"),
        (Literal("job", Op.MISSING), "job is missing"),
        (Literal("flag", Op.EQUAL, np.bool_(True)), "flag = True"),
    ],
)
def test_a_literal_reads_as_a_person_would_say_it(literal: Literal, text: str) -> None:
    assert literal.text == text


def test_a_conjunction_holds_where_all_its_slices_hold() -> None:
    table = pd.DataFrame({"x": range(10)})
    low, high = Slice((Literal("x", Op.LESS, 7),)), Slice((Literal("x", Op.GREATER, 3),))
    assert conjunction([low, high]).mask(table).sum() == 3
    assert Slice().mask(table).all()
    assert Slice().sql == "TRUE"
