"""What each slice rests on: its numbers on the rows searched and on the others, its tests, its literals' shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.regions import MIN_ROWS
from debuggers.slice_null import Null
from debuggers.slice_refining import student, welch
from debuggers.slice_targets import Target
from debuggers.slices import Slice
from debuggers.statistics import (
    CONFIDENCE,
    Estimate,
    Moments,
    difference,
    holm,
    t_greater,
    welch_greater,
    welch_t,
)
from debuggers.strata import added, divided

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
VERDICTS = {True: "confirmed", False: "not confirmed", None: "too few rows"}


@dataclass(frozen=True, eq=False)
class Candidate:
    """A slice that was found on the rows searched.

    Parameters
    ----------
    slice : Slice
    inside : ndarray of bool, shape (n,)
        Which of all rows lie in it.
    literals : tuple of ndarray of bool, shape (n,)
        Which rows satisfy each of its literals, in the order of `slice.literals`.
    coarse : ndarray of bool, shape (n,), or None
        The rows of the nearest slice of the lattice, for its null; None where it was found in another way.
    """

    slice: Slice
    inside: Mask
    literals: tuple[Mask, ...]
    coarse: Mask | None = None


COLUMNS = (
    "slice", "sql", "literals", "rows", "share", "search_rows", "search_loss", "search_low", "search_high", "t",
    "adds", "held_out_rows", "held_out_loss", "held_out_low", "held_out_high", "rest_rows", "rest_loss", "rest_low",
    "rest_high", "difference", "low", "high", "held_out_adds", "p_value", "q_value", "confirmed", "verdict",
    "search_p_value", "said", "said_p_value", "said_q_value", "search_said_p_value", "share_of_loss",
    "excess_share_of_loss", "literal_shares", "tp", "fp", "fn", "tn",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Nulls:
    """What chance makes of the search, and of losses drawn from the model's own probabilities."""

    exchangeable: Null
    own: Null


NO_NULLS = Nulls(Null(np.empty(0)), Null(np.empty(0)))


def evidence(
    candidates: Sequence[Candidate],
    target: Target,
    searched: Mask,
    outcomes: npt.NDArray[np.intp] | None,
    nulls: Nulls,
) -> pd.DataFrame:
    """Return the numbers of each slice.

    Parameters
    ----------
    candidates : sequence of Candidate
        In the order in which they were found.
    target : Target
    searched : ndarray of bool, shape (n,)
        The half of the rows that was searched; the other one tests.
    outcomes : ndarray of int, shape (n,), or None
        0 true positive, 1 false positive, 2 false negative, 3 true negative; None where that does not apply.
    nulls : Nulls

    Returns
    -------
    DataFrame
        One row per slice with `COLUMNS`. Numbers named `search` are of the half that was searched, `held_out`, `rest`
        and `difference` of the other; both count only the rows that the target counts. `rest` are the rows outside
        the slice. `t`: Welch, on the half searched. `adds`: t beside the slices before it; `held_out_adds`: the same
        on the other half. `p_value`: Welch, one-sided, held-out rows against the rest; `q_value`: adjusted by Holm's
        method for all slices listed; `confirmed`: q at most 5 % and an interval of the difference above 0; None:
        fewer than `MIN_ROWS` held-out rows inside or outside. `search_p_value`: share of searches among permuted
        losses whose best slice is as clear. `said`: what the model's own probabilities lead to expect on the held-out
        rows; `said_p_value` and `said_q_value` (Holm): that the loss exceeds it; `search_said_p_value`: share of
        searches among losses drawn from those probabilities that exceed them as clearly. `share_of_loss`: of the
        whole loss over all counted rows; `excess_share_of_loss`: the part beyond what the rest's mean would make.
        `literal_shares`: each literal's Shapley share of the difference between the slice's mean and the overall
        mean, on held-out rows.
    """
    frames = [_numbers(c, target, searched, nulls) for c in candidates]
    table = pd.DataFrame(frames, columns=list(COLUMNS), dtype=object).infer_objects()
    if not len(table):
        return table
    for half, name in ((searched, "adds"), (~searched, "held_out_adds")):
        table[name] = _added(candidates, target, half & target.counted)
    enough = (table["held_out_rows"] >= MIN_ROWS) & (table["rest_rows"] >= MIN_ROWS)
    table["p_value"] = table["p_value"].where(enough)
    table["q_value"] = holm(table["p_value"].tolist())
    table["said_p_value"] = table["said_p_value"].where(enough)
    table["said_q_value"] = holm(table["said_p_value"].tolist())
    # The interval is two-sided: a slice whose interval reaches 0 is not called confirmed beside it.
    sure = (table["q_value"] <= 1 - CONFIDENCE) & (table["low"] > 0)
    table["confirmed"] = sure.astype(object).where(enough, None)
    table["verdict"] = [VERDICTS[known] for known in table["confirmed"]]
    table["literal_shares"] = pd.Series([_literal_shares(c, target, ~searched & target.counted) for c in candidates])
    counts = [_outcomes(c, outcomes) for c in candidates]
    for i, name in enumerate(("tp", "fp", "fn", "tn")):
        table[name] = pd.array([None if found is None else found[i] for found in counts], dtype="Int64")
    return table


def _numbers(found: Candidate, target: Target, searched: Mask, nulls: Nulls) -> dict[str, Any]:
    values, counted, inside = target.values, target.counted, found.inside
    search, held = searched & counted, ~searched & counted
    own, rest = (Moments.of(values[held & part]) for part in (inside, ~inside))
    there, elsewhere = (Moments.of(values[search & part]) for part in (inside, ~inside))
    gap = difference(own, rest)
    whole = float(values[counted].sum())
    total = own + there
    outside_mean = (rest + elsewhere).mean
    return {
        "slice": found.slice.text,
        "sql": found.slice.sql,
        "literals": len(found.slice.literals),
        "rows": int(inside.sum()),
        "share": float(inside.mean()),
        **_estimate("search", values[search & inside], target),
        "t": welch_t(there, elsewhere),
        **_estimate("held_out", values[held & inside], target),
        **_estimate("rest", values[held & ~inside], target),
        "difference": gap.value,
        "low": gap.low,
        "high": gap.high,
        "p_value": greater(own, rest),
        "search_p_value": _search_p_value(found, search, values, nulls.exchangeable, welch),
        **_beside_said(found, target, search, held, nulls),
        "share_of_loss": total.total / whole if whole > 0 else np.nan,
        "excess_share_of_loss": (total.total - total.n * outside_mean) / whole if whole > 0 else np.nan,
    }


def greater(own: Moments, rest: Moments) -> float:
    """Return Welch's one-sided p value; where neither side varies, 0 if the mean is greater and 1 if it is not."""
    if min(own.n, rest.n) > 1 and own.deviation == rest.deviation == 0:
        return float(own.mean <= rest.mean)
    return welch_greater(own, rest)


def _estimate(name: str, values: Floats, target: Target) -> dict[str, float]:
    """Return rows and mean with its interval: Wilson's for a share, else Student's."""
    e = target.estimate(values)
    return {f"{name}_rows": e.n, f"{name}_loss": e.value, f"{name}_low": e.low, f"{name}_high": e.high}


def _search_p_value(
    found: Candidate, search: Mask, values: Floats, null: Null, statistic: Callable[[Floats, Mask], float]
) -> float:
    """Return how often chance alone finds a slice as clear: judged as the nearest slice of the lattice."""
    return np.nan if found.coarse is None else null.p_value(statistic(values[search], found.coarse[search]))


def _beside_said(found: Candidate, target: Target, search: Mask, held: Mask, nulls: Nulls) -> dict[str, float]:
    """Return what the model's own probabilities lead to expect, and how sure it is that the loss exceeds that."""
    if target.said is None:
        return {"said": np.nan, "said_p_value": np.nan, "search_said_p_value": np.nan}
    beyond, inside = target.values - target.said, held & found.inside
    return {
        "said": float(target.said[inside].mean()) if inside.any() else np.nan,
        "said_p_value": t_greater(Moments.of(beyond[inside])),
        "search_said_p_value": _search_p_value(found, search, beyond, nulls.own, student),
    }


def _literal_shares(found: Candidate, target: Target, rows: Mask) -> dict[str, float]:
    shares = literal_shares(target.values, found.literals, rows)
    return {found.slice.literals[i].text: value for i, value in shares.items()}


def _added(candidates: Sequence[Candidate], target: Target, rows: Mask) -> list[float]:
    """Return the t of each slice beside those before it, on some rows."""
    values, strata = target.values[rows], np.zeros(int(rows.sum()), dtype=np.intp)
    found = []
    for candidate in candidates:
        inside = candidate.inside[rows]
        found.append(added(values, inside, strata))
        strata = divided(strata, inside)
    return found


def selected(
    candidates: Sequence[Candidate], values: Floats, rows: Mask, *, adds: float, count: int
) -> list[Candidate]:
    """Return at most `count` candidates: the first, and those whose t beside those kept before is at least `adds`.

    Parameters
    ----------
    candidates : sequence of Candidate
        The best first.
    values : ndarray of shape (n,)
    rows : ndarray of bool, shape (n,)
        The rows searched.
    """
    kept: list[Candidate] = []
    strata = np.zeros(int(rows.sum()), dtype=np.intp)
    for candidate in candidates:
        inside = candidate.inside[rows]
        if not kept or added(values[rows], inside, strata) >= adds:
            kept.append(candidate)
            strata = divided(strata, inside)
        if len(kept) == count:
            break
    return kept


def literal_shares(values: Floats, literals: Sequence[Mask], rows: Mask) -> dict[int, float]:
    """Return each literal's Shapley share of how far the slice's mean lies above the overall mean.

    Parameters
    ----------
    values : ndarray of shape (n,)
    literals : sequence of ndarray of bool, shape (n,)
        The rows of each literal.
    rows : ndarray of bool, shape (n,)
        Rows to count.

    Returns
    -------
    dict of int to float
        By position of the literal; the shares sum to the difference. Empty where no row lies in the slice.

    References
    ----------
    Pastor, de Alfaro and Baralis (2021), SIGMOD, for the use on slices.
    """
    k = len(literals)
    worth = {some: _mean_within(values, literals, some, rows) for some in _subsets(range(k))}
    if not all(np.isfinite(list(worth.values()))):
        return {}
    shares = {}
    for i in range(k):
        others = [some for some in worth if i not in some]
        shares[i] = sum(
            (worth[tuple(sorted((*some, i)))] - worth[some]) / (k * comb(k - 1, len(some))) for some in others
        )
    return shares


def _subsets(items: Sequence[int]) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(items, size) for size in range(len(items) + 1)))


def _mean_within(values: Floats, literals: Sequence[Mask], some: Sequence[int], rows: Mask) -> float:
    inside = rows.copy()
    for i in some:
        inside &= literals[i]
    return float(values[inside].mean()) if inside.any() else np.nan


def _outcomes(found: Candidate, outcomes: npt.NDArray[np.intp] | None) -> list[int] | None:
    return None if outcomes is None else np.bincount(outcomes[found.inside], minlength=4).tolist()


def overlaps(masks: Sequence[Mask]) -> pd.DataFrame:
    """Return for every pair of slices how many rows they share.

    Returns
    -------
    DataFrame
        `first`, `second` (positions), `both` (rows), `share` (of the rows of `first`), `jaccard`.
    """
    packed = [np.packbits(mask) for mask in masks]
    sizes = [int(mask.sum()) for mask in masks]
    rows = []
    for i, a in enumerate(packed):
        for j, b in enumerate(packed):
            both = int(np.bitwise_count(a & b).sum())
            either = sizes[i] + sizes[j] - both
            rows.append((i, j, both, both / sizes[i] if sizes[i] else np.nan, both / either if either else np.nan))
    return pd.DataFrame(rows, columns=["first", "second", "both", "share", "jaccard"])


@dataclass(frozen=True)
class OwnTest:
    """The one test of a slice that a person named before looking.

    Parameters
    ----------
    inside, rest : Estimate
        Mean in the slice and outside it, over all counted rows.
    gap : Estimate
        Their difference with Welch's interval.
    p_value : float
        Welch, one-sided, that it errs more; NaN with fewer than `MIN_ROWS` rows on either side.
    """

    inside: Estimate
    rest: Estimate
    gap: Estimate
    p_value: float


def one_test(target: Target, inside: Mask) -> OwnTest:
    """Test one slice on all rows: it was not searched for, so nothing has to be held out or corrected."""
    own, rest = target.values[inside & target.counted], target.values[~inside & target.counted]
    a, b = Moments.of(own), Moments.of(rest)
    enough = min(a.n, b.n) >= MIN_ROWS
    return OwnTest(target.estimate(own), target.estimate(rest), difference(a, b), greater(a, b) if enough else np.nan)
