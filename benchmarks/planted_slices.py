"""Whether planted slices are found first, how often noise is confirmed, and the named slices of Adult."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost

from benchmarks.driving import SHARED
from debuggers.analyses.weak_slices import WeakSlicesParams, WeakSlicesResult, weak_slices
from debuggers.matching import Roles, make_subject
from debuggers.slice_engine import SliceParams, examine
from debuggers.slice_methods import METHODS
from debuggers.slice_refining import median_range
from debuggers.slice_search import Settings
from debuggers.statistics import halves
from debuggers.strata import added, beyond, divided
from debuggers.subject import Subject
from debuggers.task import Task

RUNS, NOISE_RUNS, ROWS = 100, 200, 16_000
# First seeds of the runs.
SEEDS = (0, 2000)
CALM, WEAK = 0.15, 0.40
LEAST, MOST = 0.01, 0.08
# From this share of the rows on a slice counts as large.
LARGE = 0.02
CATEGORIES, NUMBERS = (5, 8, 4, 6, 3, 2, 10, 7), 4
Mask = npt.NDArray[np.bool_]
ADULT = SHARED / "data" / "adult" / "adult.parquet"
# What the literature names for this table, as conditions.
NAMED: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "married": lambda t: t["marital-status"] == "Married-civ-spouse",
    "husbands": lambda t: t["relationship"] == "Husband",
    "male": lambda t: t["sex"] == "Male",
    "older": lambda t: t["age"] >= 45,
    "educated": lambda t: t["education-num"] >= 13,
}


def main() -> None:
    """Print shares of runs."""
    for task in Task:
        for kind in ("categories", "one interval"):
            for first in SEEDS:
                print(f"{task}, {kind}, seeds from {first}: " + _recovery(task, kind, first))
    print("noise: " + _noise())
    if ADULT.exists():
        _adult()
    else:
        print(f"left out: {ADULT.name} is not there")


def _recovery(task: Task, kind: str, first: int) -> str:
    """Return how often the planted slice comes first and is confirmed."""
    exact, near, sure, told, large, started = [], [], [], [], [], time.perf_counter()
    for seed in range(first, first + RUNS):
        rng = np.random.default_rng(seed)
        table = _table(rng)
        weak, rest, column = _planted(rng, table, interval=kind != "categories")
        of = _wrong(table, rng.random(ROWS) < np.where(weak, WEAK, CALM), task, rng)
        found = weak_slices(of, WeakSlicesParams(measure="error", draws=0))
        inside = found.places[0].mask(of.test.table)
        exact.append(_jaccard(inside, weak) == 1)
        near.append(_jaccard(inside, weak) >= 0.8)
        told.append(_jaccard(rest if column is None else _told(of.error, rest, column), weak) >= 0.8)
        sure.append(found.slices["confirmed"].iloc[0] is True)
        large.append(weak.mean() >= LARGE)
    seconds = (time.perf_counter() - started) / RUNS
    return (
        f"of {RUNS} planted slices (1 to 3 literals, {LEAST:.0%} to {MOST:.0%} of {ROWS:,} rows, error {CALM} to "
        f"{WEAK}) "
        f"{np.mean(exact):.0%} first and exact, {np.mean(near):.0%} first with Jaccard >= 0.8 "
        f"({np.mean(np.array(near)[large]):.0%} of the {sum(large)} of at least {LARGE:.0%}), {np.mean(sure):.0%} "
        f"confirmed; who is told the columns, the categories and both rates finds {np.mean(told):.0%} with Jaccard "
        f">= 0.8 on the half searched ({np.mean(np.array(told)[large]):.0%} of the large ones); {seconds:.2f} s a run"
    )


def _jaccard(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


def _told(error: npt.NDArray[np.float64], rest: Mask, column: npt.NDArray[np.float64]) -> Mask:
    """Return the slice whose interval fits best on the half searched, told its columns, categories and both rates."""
    wrong = error > error.mean()
    rows = np.flatnonzero(halves(error) & rest)
    rows = rows[np.argsort(column[rows])]
    gain = np.log(np.where(wrong[rows], WEAK / CALM, (1 - WEAK) / (1 - CALM)))
    start, end = median_range(gain)
    return np.asarray(rest & (column >= column[rows[start]]) & (column <= column[rows[end - 1]]))


def _table(rng: np.random.Generator) -> pd.DataFrame:
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for i, k in enumerate(CATEGORIES):
        columns[f"c{i}"] = np.array(list("abcdefghij"))[rng.choice(k, ROWS, p=rng.dirichlet(np.full(k, 2.0)))]
    for i in range(NUMBERS):
        columns[f"x{i}"] = rng.normal(size=ROWS) if i % 2 else rng.gamma(2, size=ROWS)
    return pd.DataFrame(columns)


def _planted(
    rng: np.random.Generator, table: pd.DataFrame, *, interval: bool
) -> tuple[Mask, Mask, npt.NDArray[np.float64] | None]:
    """Return a random slice whose size is uniform between the bounds: its rows, those of its categories, its number."""
    size, goal = int(rng.integers(1, 4)), rng.uniform(LEAST, MOST)
    for tries in range(100_000):
        if tries % 500 == 499:
            goal = rng.uniform(LEAST, MOST)
        inside = np.ones(ROWS, dtype=bool)
        words = [f"c{i}" for i in range(len(CATEGORIES))]
        for name in rng.choice(words, size - interval, replace=False):
            inside &= (table[name] == rng.choice(table[name].unique())).to_numpy()
        left = goal / inside.mean() if inside.any() else 1.0
        rest, column = inside, None
        if interval:
            if not 0.01 < left < 0.7:
                continue
            column = table[f"x{rng.integers(NUMBERS)}"].to_numpy()
            start = rng.uniform(0, 1 - left)
            low, high = np.quantile(column, [start, start + left])
            inside = rest & (column >= low) & (column < high)
        if abs(inside.mean() - goal) < 0.1 * goal and LEAST <= inside.mean() <= MOST:
            return inside, rest, column
    raise AssertionError("no such slice")


def _wrong(table: pd.DataFrame, wrong: Mask, task: Task, rng: np.random.Generator) -> Subject:
    """Return a subject without a model that errs where it is told to."""
    n = len(table)
    if task is Task.BINARY:
        says = rng.random(n) < 0.5
        known = table.assign(p=np.where(says, 0.85, 0.15), y=(says ^ wrong).astype(int))
        return make_subject("planted", known, Roles(target="y", predictions=("p",), task=task))
    if task is Task.REGRESSION:
        said = rng.normal(size=n)
        known = table.assign(said=said, y=said + rng.choice([-1.0, 1.0], n) * np.where(wrong, 1.0, 0.01))
        return make_subject("planted", known, Roles(target="y", predictions=("said",), task=task))
    truth = rng.integers(0, 3, n)
    says = np.where(wrong, (truth + rng.integers(1, 3, n)) % 3, truth)
    scores = np.full((n, 3), 0.075)
    scores[np.arange(n), says] = 0.85
    named = {f"p_{c}": scores[:, i] for i, c in enumerate("abc")}
    roles = Roles(target="y", predictions=tuple(named), task=task, classes=("a", "b", "c"))
    return make_subject("planted", table.assign(**named, y=np.array(list("abc"))[truth]), roles)


def _noise() -> str:
    """Return how often a slice is confirmed where errors follow no feature, for each method."""
    said = []
    for method in METHODS:
        alarms = 0
        for seed in range(NOISE_RUNS):
            rng = np.random.default_rng(seed)
            of = _wrong(_table(rng), rng.random(ROWS) < CALM, list(Task)[seed % 3], rng)
            found = weak_slices(of, WeakSlicesParams(measure=("error", "loss")[seed % 2], method=method, draws=0))
            alarms += bool(found.findings)
        said.append(f"{method} {alarms} of {NOISE_RUNS}")
    return "runs with a confirmed slice: " + ", ".join(said)


def _adult() -> None:
    """Print which named slices of Adult are found or explained by those found, under several seeds."""
    for seed in range(3):
        of, table = adult(seed)
        started = time.perf_counter()
        found = weak_slices(of, WeakSlicesParams(measure="error", draws=0))
        search = time.perf_counter() - started
        started = time.perf_counter()
        weak_slices(of, WeakSlicesParams(measure="error"))
        print(
            f"Adult, seed {seed}: {search:.1f} s, {time.perf_counter() - started:.1f} s with 199 draws for both nulls"
        )
        for position, text in enumerate(found.slices["slice"]):
            print(f"  {position + 1}. {text} ({found.slices['verdict'].iloc[position]})")
        print("  " + "\n  ".join(_explained(of, table, found)))


def adult(seed: int) -> tuple[Subject, pd.DataFrame]:
    """Return a boosted model of half of Adult on the other half, and that half as a table."""
    whole = pd.read_parquet(ADULT).drop(columns=["split"]).replace("?", None)
    trained = np.random.default_rng(seed).random(len(whole)) < 0.5
    features = whole.drop(columns=["income"])
    for name in features:
        if not pd.api.types.is_numeric_dtype(features[name]):
            features[name] = features[name].astype("category")
    y = whole["income"].astype(str).str.contains(">50K").astype(int)
    data = [xgboost.DMatrix(features[part], y[part], enable_categorical=True) for part in (trained, ~trained)]
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "seed": 0}, data[0], 100)
    table = whole[~trained].reset_index(drop=True)
    table = table.assign(p=booster.predict(data[1]).astype(np.float64), income=y[~trained].to_numpy())
    return make_subject("Adult", table, Roles(target="income", predictions=("p",), task=Task.BINARY)), table


def _explained(of: Subject, table: pd.DataFrame, found: WeakSlicesResult) -> Iterator[str]:
    """Yield for each named slice whether the slices found explain it: it adds nothing to them by the search's own rule.

    Beside it, which share of what its rows err beyond the mean of all rows vanishes once each row is compared with the
    mean of the rows that lie in the same reported slices.
    """
    masks: Sequence[Mask] = [place.mask(of.test.table) for place in found.places]
    none = strata = np.zeros(len(table), dtype=np.intp)
    for mask in masks:
        strata = divided(strata, mask)
    searched = examine(of, SliceParams(measure="error", count=1)).searched
    for name, condition in NAMED.items():
        inside = condition(table).to_numpy()
        whole = float(beyond(of.error, none)[inside].sum())
        shares = [
            1 - float(beyond(of.error, places)[inside].sum()) / whole
            for places in (strata, *map(divided, [none] * len(masks), masks))
        ]
        first = int(np.argmax(shares[1:])) + 1
        here, there = (added(of.error[half], inside[half], strata[half]) for half in (searched, ~searched))
        verdict = "explained" if here < Settings.adds else "NOT EXPLAINED"
        yield (
            f"{name}: {verdict}; t {added(of.error, inside, none):.1f} alone, beside the "
            f"slices {here:.1f} on the half searched (a slice needs {Settings.adds}) and {there:.1f} "
            f"on the other; of its excess {shares[0]:.0%} vanishes beside all slices, {shares[first]:.0%} beside slice "
            f"{first}"
        )


if __name__ == "__main__":
    main()
