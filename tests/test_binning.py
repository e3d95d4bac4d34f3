"""A row's bin and the condition that the bin is read as say the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from debuggers.binning import MAX_BINS, OTHERS, Bins, Categories, Intervals, bin_column, equal_cuts, round_between
from debuggers.data.schema import infer_schema
from debuggers.slices import Literal, Op

N = 2_000


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=N, freq="h")
    return pd.DataFrame(
        {
            "normal": np.where(rng.random(N) < 0.1, np.nan, rng.normal(size=N)),
            "tiny": rng.normal(size=N) * 1e-18,
            "huge": rng.normal(size=N) * 1e300,
            "infinite": np.where(rng.random(N) < 0.1, rng.choice([np.inf, -np.inf], N), rng.normal(size=N)),
            "few, infinite": np.where(rng.random(N) < 0.1, np.inf, rng.integers(0, 3, N)),
            "only infinite": np.full(N, np.inf),
            "many zeros": np.where(rng.random(N) < 0.7, 0, rng.gamma(1, 100, N)),
            "count": rng.poisson(2, N),
            "gaps": pd.Series(rng.poisson(2, N)).astype("Int64").mask(rng.random(N) < 0.2),
            "constant": 1.5,
            "empty": np.nan,
            "word": pd.Series(rng.choice(["a", 'it\'s "b"', "城市"], N)).mask(rng.random(N) < 0.2),
            "many words": [f"w{i}" if i % 2 else f"common {i % 7}" for i in range(N)],
            "long": ["x" * (300 if i % 2 else 3) for i in range(N)],
            "numbers as categories": pd.Series(rng.integers(0, 60, N)).astype("category"),
            "flag": rng.random(N) < 0.2,
            "flag with gaps": pd.Series(rng.random(N) < 0.2).astype("boolean").mask(rng.random(N) < 0.2),
            "date": days,
            "zoned": days.tz_localize("UTC"),
            "date as text": days.strftime("%Y-%m-%d"),
            "one date": ["2024-01-01"] * N,
        }
    )


TABLE = table()
SCHEMA = infer_schema(TABLE)


def binned(name: str, bins: int = MAX_BINS) -> Bins:
    return bin_column(TABLE[name], SCHEMA[name], bins)


@pytest.mark.parametrize("bins", [2, 7, MAX_BINS])
@pytest.mark.parametrize("name", list(TABLE.columns))
def test_the_condition_of_a_bin_holds_for_its_rows_only(name: str, bins: int) -> None:
    found = binned(name, bins)
    assert found.known + found.has_missing <= bins
    for code in range(found.known + found.has_missing):
        np.testing.assert_array_equal(found.literal([code]).mask(TABLE), found.codes == code)


@pytest.mark.parametrize("name", ["normal", "count", "gaps", "date", "date as text", "infinite"])
def test_the_condition_of_neighbouring_bins_holds_for_their_rows_only(name: str) -> None:
    found = binned(name, 9)
    for low in range(found.known):
        for high in range(low, found.known):
            inside = (found.codes >= low) & (found.codes <= high)
            np.testing.assert_array_equal(found.literal(range(low, high + 1)).mask(TABLE), inside)


@pytest.mark.parametrize("name", ["word", "many words", "long", "numbers as categories", "flag with gaps"])
def test_the_condition_of_any_categories_holds_for_their_rows_only(name: str) -> None:
    found, rng = binned(name, 8), np.random.default_rng(1)
    for _ in range(30):
        chosen = np.flatnonzero(rng.random(found.known) < 0.5)
        if len(chosen):
            np.testing.assert_array_equal(found.literal(chosen.tolist()).mask(TABLE), np.isin(found.codes, chosen))


def test_missing_values_have_a_bin_of_their_own() -> None:
    found = binned("normal")
    np.testing.assert_array_equal(found.codes == found.missing, TABLE["normal"].isna())
    assert found.labels[-1] == "missing"
    assert found.literal([found.missing]) == Literal("normal", Op.MISSING)
    assert found.literal(range(found.known)) == Literal("normal", Op.KNOWN)


def test_quantile_bins_hold_about_as_many_rows() -> None:
    rows = np.bincount(bin_column(pd.Series(np.arange(100_000.0), name="x"), SCHEMA["normal"]).codes)
    assert len(rows) == MAX_BINS - 1
    assert rows.min() > 0.7 * rows.mean()
    assert rows.max() < 1.3 * rows.mean()


def test_a_value_that_most_rows_share_has_a_bin_of_its_own() -> None:
    values = np.concatenate([np.zeros(700), np.linspace(-5, -1, 150), np.linspace(1, 5, 150)])
    cuts = equal_cuts(values, 5)
    codes = np.searchsorted(cuts, values, side="right")
    assert len(set(codes[values == 0])) == 1
    assert not set(codes[values == 0]) & set(codes[values != 0])


def test_few_different_numbers_are_taken_as_they_are() -> None:
    found = binned("count")
    assert isinstance(found, Intervals)
    assert found.values == tuple(sorted(TABLE["count"].unique()))
    assert found.literal([2]) == Literal("count", Op.EQUAL, 2)
    assert found.literal([0, 1]) == Literal("count", Op.LESS, 2)
    assert found.literal([1, 2]) == Literal("count", Op.IN, (1, 3))


def test_rare_categories_share_a_bin() -> None:
    found = binned("many words")
    assert isinstance(found, Categories)
    assert found.known == 8
    assert sorted(found.values) == [f"common {i}" for i in range(7)]
    assert found.label(7) == OTHERS
    assert found.literal([7]).op is Op.NONE_OF


def test_a_condition_on_categories_names_the_shorter_side() -> None:
    found = binned("word")
    assert isinstance(found, Categories)
    assert found.literal([0]) == Literal("word", Op.EQUAL, found.values[0])
    assert found.literal([0, 2]) == Literal("word", Op.NONE_OF, (found.values[1],))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (2.0, 3.0, 3),
        (31_873.2, 32_411.9, 32_000),
        (-2, 5, 0),
        (-32_411.9, -31_873.2, -32_000),
        (1.0, float(np.nextafter(1, 2)), None),
    ],
)
def test_a_cut_is_the_roundest_number_of_its_gap(low: float, high: float, expected: float | None) -> None:
    found = round_between(low, high)
    assert low < found <= high
    assert found == (high if expected is None else expected)


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0], [0.0, 1e-300]])
def test_hardly_any_values_give_hardly_any_cuts(values: list[float]) -> None:
    assert len(equal_cuts(np.array(values), 8)) == len(set(values)) - 1
