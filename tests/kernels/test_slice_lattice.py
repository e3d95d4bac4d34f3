"""The search equals a plain enumeration of every slice, on any table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from debuggers.kernels import slice_lattice as kernel

Floats = npt.NDArray[np.float64]
# A longer run: FAULTLINE_EXAMPLES=5000 pytest tests/kernels
EXAMPLES = int(os.environ.get("FAULTLINE_EXAMPLES", "150"))
TOP = 50


class Table:
    """Random bins, items that are ranges of them, and losses."""

    def __init__(self, seed: int, rows: int, columns: int, bins: int, kind: str) -> None:
        rng = np.random.default_rng(seed)
        self.widths = np.append(rng.integers(1, bins + 1, columns), 1).astype(np.int64)
        self.codes = np.stack([rng.integers(0, w, rows) for w in self.widths]).astype(np.uint8)
        ranges = [[r for r in combinations(range(w + 1), 2) if rng.random() < 0.7] for w in self.widths[:-1]]
        self.starts = np.cumsum([0, *(len(r) for r in ranges), 1], dtype=np.int64)
        flat = [r for some in ranges for r in some]
        self.lows = np.array([*(low for low, _ in flat), 0], dtype=np.int64)
        self.highs = np.array([*(high for _, high in flat), 1], dtype=np.int64)
        self.column = np.repeat(np.arange(columns + 1), np.diff(self.starts))
        weak = self.codes[0] == 0
        losses = {"0/1": rng.random(rows) < 0.2 + 0.4 * weak, "real": rng.exponential(size=rows) * (1 + weak)}
        self.losses = losses[kind].astype(np.float64)

    def slices(self, depth: int) -> Iterator[tuple[tuple[int, ...], npt.NDArray[np.bool_]]]:
        """Yield every conjunction of items of different columns, as items and rows, the plain way."""
        columns = len(self.widths) - 1
        own = [np.flatnonzero(self.column[:-1] == c).tolist() for c in range(columns)]
        for size in range(1, depth + 1):
            for chosen in combinations(range(columns), size):
                for items in product(*(own[c] for c in chosen)):
                    inside = np.ones(len(self.losses), dtype=bool)
                    for i in items:
                        inside &= (self.codes[self.column[i]] >= self.lows[i]) & (
                            self.codes[self.column[i]] < self.highs[i]
                        )
                    yield items, inside

    def search(self, depth: int, min_rows: int, ranking: int, limit: float) -> list[tuple[float, tuple[int, ...]]]:
        columns, nothing = len(self.widths) - 1, len(self.lows) - 1
        groups = [
            (*c, *[columns] * (3 - size)) for size in range(1, depth + 1) for c in combinations(range(columns), size)
        ]
        base = float(self.losses.mean())
        scores, items = kernel.best_slices(
            self.codes, self.widths, self.starts, self.lows, self.highs, self.losses - base,
            np.array(groups, dtype=np.int64), float(min_rows), ranking, base, 0.95, limit, TOP,
        )  # fmt: skip
        return [
            (float(s), tuple(int(i) for i in found if i != nothing))
            for s, found in zip(scores, items, strict=True)
            if np.isfinite(s)
        ]


def plain_welch(inside: Floats, rest: Floats, floor: float) -> float:
    if len(rest) < 2:
        return 0.0
    own = inside.var(ddof=1) if len(inside) > 1 else 0.0
    error = np.sqrt(max(own, floor) / len(inside) + max(rest.var(ddof=1), floor) / len(rest))
    return float((inside.mean() - rest.mean()) / error) if error > 0 else 0.0


def plain_score(losses: Floats, inside: npt.NDArray[np.bool_], ranking: int) -> float:
    own, rest = losses[inside], losses[~inside]
    floor = losses.var(ddof=1)
    if ranking == kernel.WELCH:
        return plain_welch(own, rest, floor)
    if ranking == kernel.SLICELINE:
        size = len(losses) / len(own)
        return float(0.95 * (own.mean() / losses.mean() - 1) - 0.05 * (size - 1)) if losses.any() else 0.0
    if len(rest) < 2:
        return 0.0
    gap = own.mean() - rest.mean()
    if ranking == kernel.SHARE:
        return float(gap * len(own) / losses.sum()) if losses.any() else 0.0
    spread = max(((own - own.mean()) ** 2).sum() / max(len(own) - 1, 1) + rest.var(ddof=1), kernel.SAME * floor)
    return float(np.sqrt(2) * gap / np.sqrt(spread)) if spread > 0 else 0.0


def pays(table: Table, items: tuple[int, ...], inside: npt.NDArray[np.bool_], limit: float) -> bool:
    """Whether each literal shuts out rows that err less, the plain way."""
    floor = table.losses.var(ddof=1)
    for dropped in items:
        others = np.ones(len(inside), dtype=bool)
        for i in items:
            if i != dropped:
                code = table.codes[table.column[i]]
                others &= (code >= table.lows[i]) & (code < table.highs[i])
        if plain_welch(table.losses[inside], table.losses[others & ~inside], floor) < limit - 1e-7:
            return False
    return True


def enumerated(table: Table, depth: int, min_rows: int, ranking: int, limit: float) -> dict[tuple[int, ...], float]:
    """Return the score of every slice that counts, the plain way."""
    found = {}
    for items, inside in table.slices(depth):
        if inside.sum() >= min_rows and table.losses[inside].mean() > table.losses.mean() + 1e-12:
            value = plain_score(table.losses, inside, ranking)
            if value > 1e-9 and (limit == -np.inf or pays(table, items, inside, limit)):
                found[items] = value
    return found


tables = st.builds(
    Table,
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(6, 120),
    columns=st.integers(1, 6),
    bins=st.integers(1, 4),
    kind=st.sampled_from(["0/1", "real"]),
)


@settings(max_examples=EXAMPLES, deadline=None)
@example(Table(seed=3, rows=6, columns=1, bins=3, kind="0/1"), 1, 2, kernel.EFFECT)  # one item holds every error
@given(tables, st.integers(1, 3), st.integers(2, 8), st.sampled_from(range(4)))
def test_the_best_50_are_those_of_a_plain_enumeration(table: Table, depth: int, min_rows: int, ranking: int) -> None:
    plain = enumerated(table, depth, min_rows, ranking, -np.inf)
    found = table.search(depth, min_rows, ranking, -np.inf)
    assert_best(found, plain)


@settings(max_examples=EXAMPLES, deadline=None)
@given(tables, st.sampled_from([0.5, 2.0]))
def test_where_every_literal_has_to_pay_the_best_are_those_of_a_plain_enumeration(table: Table, limit: float) -> None:
    found = table.search(3, 3, kernel.WELCH, limit)
    plain = enumerated(table, 3, 3, kernel.WELCH, limit)
    # A slice whose least literal lies within rounding of the limit may be on either side.
    surely = enumerated(table, 3, 3, kernel.WELCH, limit + 2e-7)
    if plain.keys() == surely.keys():
        assert_best(found, plain)


def test_columns_may_outnumber_rows() -> None:
    table = Table(seed=3, rows=12, columns=40, bins=3, kind="0/1")
    for ranking in range(4):
        found = table.search(2, 3, ranking, -np.inf)
        assert len(found) == TOP
        assert_best(found, enumerated(table, 2, 3, ranking, -np.inf))


def assert_best(found: list[tuple[float, tuple[int, ...]]], plain: dict[tuple[int, ...], float]) -> None:
    """Assert that the scores are the largest there are, in order, each that of its own slice and none twice."""
    best = sorted(plain.values(), reverse=True)[:TOP]
    assert [s for s, _ in found] == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert [s for s, _ in found] == sorted((s for s, _ in found), reverse=True)
    assert len({items for _, items in found}) == len(found)
    for value, items in found:
        assert value == pytest.approx(plain[items], rel=1e-9, abs=1e-9)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 20))
def test_the_best_range_is_that_of_a_plain_enumeration(seed: int, bins: int, min_rows: int) -> None:
    rng = np.random.default_rng(seed)
    codes, values = rng.integers(0, bins, 80).astype(np.uint8), rng.exponential(size=80)
    values -= values.mean()
    sums = kernel.bin_sums(codes, values, bins)
    totals = sums.sum(axis=0)
    floor = kernel.overall_variance(totals)
    value, low, high = kernel.best_range(sums, totals, float(min_rows), kernel.WELCH, 0.0, 0.0, floor)
    scores = {}
    for a, b in combinations(range(bins + 1), 2):
        inside = (codes >= a) & (codes < b)
        if inside.sum() >= min_rows and values[inside].mean() > 1e-12:
            scores[a, b] = plain_welch(values[inside], values[~inside], float(values.var(ddof=1)))
    if not np.isfinite(value):
        assert not scores
    else:
        assert value == pytest.approx(max(scores.values()))
        assert scores[low, high] == pytest.approx(value)


def test_sums_of_bins_are_those_of_their_rows() -> None:
    codes, values = np.array([0, 2, 2], dtype=np.uint8), np.array([1.0, 2.0, 3.0])
    assert kernel.bin_sums(codes, values, 3).tolist() == [[1, 1, 1], [0, 0, 0], [2, 5, 13]]
