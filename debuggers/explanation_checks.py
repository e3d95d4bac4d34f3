"""Checks on an explanation itself, of the promises that it is read by."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from debuggers.asked_explainer import AskedExplainer
from debuggers.coding import Coder
from debuggers.execution import report
from debuggers.explainer import Explainer
from debuggers.neighbours import neighbourhood
from debuggers.statistics import SEED, Estimate, mean
from debuggers.subject import sample_rows
from debuggers.tree_explainer import TreeExplainer

Floats = npt.NDArray[np.float64]
PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"
# Shares of the largest output that count as rounding; rank correlations that count as the same order.
ROUNDING, SAME_ORDER = 1e-6, 0.9
# A mixed row is off the data where it is farther from every real row than 99 in 100 real ones; so many may be.
USUAL, MOST_OFF = 0.99, 0.1
HYBRIDS, DRAWS, STEPS, REFILLS = 500, 5, 20, 3
ROWS, ASKED_ROWS = 200, 20


@dataclass(frozen=True)
class Check:
    """What one check found.

    Parameters
    ----------
    name : str
    verdict : {"pass", "fail", "unknown"}
    number : float
        NaN where it is unknown.
    limit : str
        What the number has to be.
    rows : int
        That it rests on.
    reading : str
        What it means, in a sentence.
    """

    name: str
    verdict: str
    number: float
    limit: str
    rows: int
    reading: str


def check_table(checks: Sequence[Check]) -> pd.DataFrame:
    """Return checks as a table: `check`, `verdict`, `number`, `limit`, `rows`, `reading`."""
    return pd.DataFrame([dataclasses.asdict(c) for c in checks]).rename(columns={"name": "check"})


def run_checks(explainer: Explainer, background: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check how an explainer explains rows of its subject.

    Parameters
    ----------
    explainer : Explainer
    background : DataFrame
        The rows that take the place of features left out.

    Returns
    -------
    checks : DataFrame
        As `check_table` gives it.
    curve : DataFrame
        The deletion curve: `removed` (share of the features), `explained` and `random` (mean change of the output when
        the features that the explanation puts first, or random ones, come from background rows).
    """
    trial = _Trial(explainer, background)
    found: list[Check] = []
    for i, check in enumerate((completeness, specificity, additivity, baseline_invariance, stability, off_manifold)):
        report(i / 7, f"Checking {check.__name__.replace('_', ' ')}")
        found.append(check(trial))
    report(6 / 7, "Deleting features")
    last, curve = deletion(trial)
    return check_table([*found, last]), curve


class _Trial:
    """An explanation under test: some rows, explained once against some background.

    Parameters
    ----------
    explainer : Explainer
    background : DataFrame
    """

    def __init__(self, explainer: Explainer, background: pd.DataFrame) -> None:
        self.explainer, self.subject = explainer, explainer.subject
        self.asked = not explainer.is_exact
        n = ASKED_ROWS if self.asked else ROWS
        table = self.subject.test.table
        self.rows = table.iloc[sample_rows(len(table), n, SEED)]
        self.background = background.iloc[sample_rows(len(background), n, SEED)]
        self.shares = explainer.share(self.rows, self.background)
        self.raw = explainer.raw(self.rows)
        self.size = max(1e-12, float(np.abs(self.raw).max(initial=0.0)))

    @property
    def has_background(self) -> bool:
        """Whether rows take the place of features left out."""
        return self.shares.background > 0

    def importance(self, background: pd.DataFrame) -> Floats:
        """Return the mean size of contributions against another background."""
        return _sizes(self.explainer.share(self.rows, background).values)


def _sizes(values: Floats) -> Floats:
    return np.asarray(np.abs(values).mean(axis=(0, 2)))


def _same_order(one: Floats, other: Floats) -> float:
    """Return the rank correlation of two importances; 1 where both know one order only."""
    if len(one) < 2 or (np.ptp(one) == 0 and np.ptp(other) == 0):
        return 1.0
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(stats.spearmanr(one, other).statistic)


def completeness(trial: _Trial) -> Check:
    """Check that contributions and base add up to what the model says."""
    gap = float(np.abs(trial.shares.values.sum(axis=1) + trial.shares.base - trial.raw).max()) / trial.size
    return Check(
        "Completeness", PASS if gap <= ROUNDING else FAIL, gap, f"at most {ROUNDING:g}", len(trial.rows),
        "Largest gap between base plus contributions and the model’s output, as a share of the largest output.",
    )  # fmt: skip


def specificity(trial: _Trial) -> Check:
    """Check that a feature that the model ignores gets nothing."""
    rng = np.random.default_rng(SEED)
    ignored = []
    for i, feature in enumerate(trial.explainer.features):
        taken = trial.subject.test.table[feature].iloc[rng.integers(len(trial.subject.test), size=len(trial.rows))]
        changed = trial.rows.assign(**{feature: taken.set_axis(trial.rows.index)})
        if np.array_equal(trial.explainer.raw(changed), trial.raw):
            ignored.append(i)
    if not ignored:
        reading = "The model reacts to every feature, so there is none that has to get 0."
        return Check("Specificity", UNKNOWN, np.nan, f"at most {ROUNDING:g}", len(trial.rows), reading)
    worst = float(np.abs(trial.shares.values[:, ignored]).max()) / trial.size
    reading = (
        f"Largest contribution of the {len(ignored)} features whose exchange changes no output, as a share of the "
        "largest output: a feature that the model ignores has to get 0."
    )
    return Check(
        "Specificity", PASS if worst <= ROUNDING else FAIL, worst, f"at most {ROUNDING:g}", len(trial.rows), reading
    )


def additivity(trial: _Trial) -> Check:
    """Check that contributions to a sum of two models are the sums of those to each."""
    name, limit, n = "Additivity", f"at most {ROUNDING:g}", len(trial.rows)
    if isinstance(trial.explainer, TreeExplainer):
        if len(trial.explainer.ensemble.trees.root) < 2:
            return Check(name, UNKNOWN, np.nan, limit, n, "There is one tree only, which cannot be divided in two.")
        parts = _of_both_halves(trial.explainer, trial)
        gap = float(np.abs(parts - trial.shares.values).max()) / trial.size
        reading = "Contributions of every other tree, plus those of the rest, against those of all trees together."
    elif isinstance(trial.explainer, AskedExplainer):
        gap = _of_a_sum(trial.explainer, trial)
        reading = "Contributions to the output plus its square, against those to each, added: by the same permutations."
    else:
        return Check(name, UNKNOWN, np.nan, limit, n, "Nothing to divide: the model itself is the sum of its features.")
    return Check(name, PASS if gap <= ROUNDING else FAIL, gap, limit, n, reading)


def _of_both_halves(explainer: TreeExplainer, trial: _Trial) -> Floats:
    trees, coder = explainer.ensemble.trees, explainer.ensemble.coder
    others = explainer.ensemble.encode(trial.background) if trial.has_background else None
    total = np.zeros_like(trial.shares.values)
    for start in (0, 1):
        half = dataclasses.replace(trees, root=trees.root[start::2], output=trees.output[start::2])
        total += explainer.of_trees(Coder(half, coder.source, coder.n_features), trial.rows, others).values
    return total


def _of_a_sum(explainer: AskedExplainer, trial: _Trial) -> float:
    raw = explainer.raw
    squared = AskedExplainer(trial.subject, lambda t: raw(t) ** 2, permutations=explainer.permutations)
    both = AskedExplainer(trial.subject, lambda t: raw(t) + raw(t) ** 2, permutations=explainer.permutations)
    one = squared.share(trial.rows, trial.background).values + trial.shares.values
    return float(np.abs(one - both.share(trial.rows, trial.background).values).max()) / trial.size


def baseline_invariance(trial: _Trial) -> Check:
    """Check that the order of the features is the same against other backgrounds."""
    name, limit = "Baseline invariance", f"at least {SAME_ORDER:g}"
    if not trial.has_background:
        reading = "Path-dependent values have no background rows: the training rows stand in the trees themselves."
        return Check(name, UNKNOWN, np.nan, limit, len(trial.rows), reading)
    first = _sizes(trial.shares.values)
    found = {title: _same_order(first, trial.importance(rows)) for title, rows in _baselines(trial)}
    if not found:
        reading = "There is no second background: the outputs do not differ, and there are no training rows."
        return Check(name, UNKNOWN, np.nan, limit, len(trial.rows), reading)
    worst = min(found, key=lambda title: found[title])
    reading = (
        f"Lowest rank correlation of the importances with those against other rows ({', '.join(found)}), "
        f"here against {worst}. Where it fails, the ranking says as much about the background as about the model."
    )
    return Check(name, PASS if found[worst] >= SAME_ORDER else FAIL, found[worst], limit, len(trial.rows), reading)


def _baselines(trial: _Trial) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield other backgrounds: rows with a low and a high output, and training rows."""
    table, n = trial.subject.test.table, len(trial.background)
    drawn = table.iloc[sample_rows(len(table), 4 * n, SEED + 1)]
    level = trial.explainer.raw(drawn)[:, -1]
    middle = np.median(level)
    for title, chosen in (("rows with a low output", level < middle), ("rows with a high output", level > middle)):
        if chosen.any():
            yield title, drawn[chosen].iloc[:n]
    train = trial.subject.train
    if train is not None:
        yield "training rows", train.table.iloc[sample_rows(len(train), n, SEED)]


def stability(trial: _Trial) -> Check:
    """Check that the order of the features is the same for other random draws of the background."""
    name, limit = "Stability", f"at least {SAME_ORDER:g}"
    table = trial.subject.test.table
    if not trial.has_background or len(table) < 2 * len(trial.background):
        drawn = "there are too few rows for other draws" if trial.has_background else "nothing is drawn at random"
        return Check(name, UNKNOWN, np.nan, limit, len(trial.rows), f"Does not apply: {drawn}.")
    rng = np.random.default_rng(SEED)
    size = len(trial.background)
    found = [trial.importance(table.iloc[rng.choice(len(table), size, replace=False)]) for _ in range(DRAWS)]
    pairs = [_same_order(found[i], found[j]) for i in range(DRAWS) for j in range(i)]
    reading = f"Lowest rank correlation of importances between {DRAWS} random draws of {size:,} background rows."
    return Check(name, PASS if min(pairs) >= SAME_ORDER else FAIL, min(pairs), limit, len(trial.rows), reading)


def off_manifold(trial: _Trial) -> Check:
    """Check that the mixed rows that the model was asked about are like real ones."""
    name, limit = "Off-manifold share", f"at most {MOST_OFF:g}"
    known = neighbourhood(trial.subject)
    if not trial.has_background or not len(known.usual):
        reading = "No mixed rows are asked about." if len(known.usual) else "There are too few rows to compare with."
        return Check(name, UNKNOWN, np.nan, limit, 0, reading)
    rng = np.random.default_rng(SEED)
    width = len(trial.explainer.features)
    both = pd.concat([trial.rows, trial.background])
    own = rng.integers(len(trial.rows), size=HYBRIDS)
    other = len(trial.rows) + rng.integers(len(trial.background), size=HYBRIDS)
    kept = rng.random((HYBRIDS, width)) < rng.random(HYBRIDS)[:, None]  # of every size as often, as Shapley values ask
    mixed = _mixed(both, np.where(kept, own[:, None], other[:, None]), trial.explainer.features)
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known.points)
    distance = nearest.kneighbors(known.encoder.points(mixed))[0][:, 0]
    share = float((distance > np.quantile(known.usual, USUAL)).mean())
    reading = (
        "Share of mixed rows, some features of one row and the others of another, that are farther from every real row "
        "than 99 % of real rows are: there the explanation rests on what the model was never trained for."
    )
    return Check(name, PASS if share <= MOST_OFF else FAIL, share, limit, HYBRIDS, reading)


def _mixed(table: pd.DataFrame, source: npt.NDArray[np.intp], features: Sequence[str]) -> pd.DataFrame:
    """Return rows whose i-th feature comes from the row that `source` names, of shape (n, n_features)."""
    columns = [table[f].iloc[source[:, i]].reset_index(drop=True) for i, f in enumerate(features)]
    return pd.concat(columns, axis=1)


def deletion(trial: _Trial) -> tuple[Check, pd.DataFrame]:
    """Check that the output changes faster if the features go first that the explanation puts first."""
    rng = np.random.default_rng(SEED)
    n, width = len(trial.rows), len(trial.explainer.features)
    sizes = np.abs(trial.shares.values).sum(axis=2)
    first = np.argsort(np.argsort(-sizes, axis=1, kind="stable"), axis=1)  # each feature's place in the order
    chance = np.argsort(rng.random((n, width)), axis=1)
    steps = np.unique(np.linspace(0, width, min(width, STEPS) + 1).round().astype(int))
    fill = n + rng.integers(len(trial.background), size=(REFILLS, n))
    curves = [_deleted(trial, place, steps, fill) for place in (first, chance)]
    gain = mean(curves[0].mean(axis=1) - curves[1].mean(axis=1))
    table = pd.DataFrame(
        {"removed": steps / width, "explained": curves[0].mean(axis=0), "random": curves[1].mean(axis=0)}
    )
    return _deletion_check(gain, table, n, width), table


def _deleted(
    trial: _Trial, place: npt.NDArray[np.signedinteger], steps: npt.NDArray[np.int64], fill: npt.NDArray[np.int64]
) -> Floats:
    """Return how far each row's output is from its own after each step, shape (n, n_steps)."""
    n, width = place.shape
    both = pd.concat([trial.rows, trial.background])
    own = np.broadcast_to(np.arange(n)[:, None], (n, width))
    sources = [np.where(place < step, other[:, None], own) for other in fill for step in steps]
    raw = trial.explainer.raw(_mixed(both, np.concatenate(sources), trial.explainer.features))
    moved = np.abs(raw.reshape(len(fill), len(steps), n, -1) - trial.raw).sum(axis=3)
    return np.asarray(moved.mean(axis=0).T)


def _deletion_check(gain: Estimate, table: pd.DataFrame, n: int, width: int) -> Check:
    name, limit = "Deletion curve", "above 1, beyond chance"
    by_chance = float(table["random"].mean())
    if width < 2 or by_chance == 0 or not np.isfinite(gain.low):
        reading = "With one feature, one row, or an output that never changes, every order is as good."
        return Check(name, UNKNOWN, np.nan, limit, n, reading)
    ratio = float(table["explained"].mean()) / by_chance
    reading = (
        "Area under the change of the output while features are replaced by those of other rows, the most important "
        "ones first, divided by the area for a random order. The interval of the difference has to lie above 0."
    )
    return Check(name, PASS if gain.low > 0 else FAIL, ratio, limit, n, reading)
