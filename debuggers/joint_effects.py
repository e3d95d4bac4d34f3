"""Which columns interact: Friedman's H of every pair, exact for trees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.coding import Coder
from debuggers.curves import Table, asker, composed_trees, with_values
from debuggers.ensembles import ensemble_of
from debuggers.execution import in_threads, report, threads
from debuggers.kernels.forest import Forest, fill_bits, lay_out_slots, n_rows
from debuggers.kernels.tree_pairs import add_pairs, count_pairs, pair_keys, pair_starts
from debuggers.models.trees import UnreadableTrees
from debuggers.statistics import SEED
from debuggers.subject import Subject, sample_rows

Floats = npt.NDArray[np.float64]
Ask = Callable[[Table], Floats]

# Of trees: rows averaged over, and rows at whose values the dependences are compared.
COUNTED_ROWS, EVALUATED_ROWS = 20_000, 500
# A model that is asked answers for each pair of so many rows, for each pair of columns; so many rows in one call.
ASKED_ROWS, BATCH = 40, 20_000
WORDS = 32
# Numbers that each thread keeps at most: pairs of columns times rows, and pairs on the ways to leaves.
CELLS, PAIRS = 20_000_000, 4_000_000
# A dependence that moves less than this share of the largest one is rounding.
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Interactions:
    """How much every pair of columns interacts.

    Parameters
    ----------
    pairs : DataFrame
        `first`, `second` (names of columns), `h` (share of the joint partial dependence's standard deviation that the
        sum of the two own ones does not give, 0 to about 1), `strength` (that deviation, in units of the raw output);
        the strongest first.
    columns : tuple
        All columns, in the table's order.
    averaged, evaluated, total : int
        Rows averaged over, rows at whose values the dependences were compared, and rows there are.
    asked_because : str
        Why the model was asked instead of its trees being read; empty where they were.
    """

    pairs: pd.DataFrame
    columns: tuple[Any, ...]
    averaged: int
    evaluated: int
    total: int
    asked_because: str

    def matrix(self, value: str = "h") -> pd.DataFrame:
        """Return "h" or "strength" as a symmetric table with a diagonal of 0."""
        out = pd.DataFrame(0.0, index=list(self.columns), columns=list(self.columns))
        first, second = (out.index.get_indexer(pd.Index(self.pairs[end])) for end in ("first", "second"))
        cells = np.zeros(out.shape)
        cells[first, second] = cells[second, first] = self.pairs[value]
        return pd.DataFrame(cells, index=out.index, columns=out.columns)


def interactions(model: Any, X: Table, *, output: int = 0) -> Interactions:
    """Return how much every pair of columns interacts, on the raw scale of one output.

    The partial dependence of two columns is compared with the sum of their own, at the values of rows: H is the share
    of its standard deviation that the sum does not give, and `strength` is that deviation itself. H alone misleads for
    pairs that hardly matter, so look at both.

    Parameters
    ----------
    model : object
        A fitted estimator, pipeline or booster, or a loaded model.
    X : DataFrame or ndarray of shape (n, n_features)
        Of more than 20,000 rows that many are drawn at random to average over, and 500 to evaluate at; of a model
        without readable trees 40 for both.
    output : int
        Of a model with several.

    Returns
    -------
    Interactions

    References
    ----------
    Friedman and Popescu (2008), Annals of Applied Statistics 2, 916-954.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> both = DecisionTreeRegressor().fit(X, [0.0, 0.0, 0.0, 1.0])
    >>> interactions(both, X).pairs.round(3).to_numpy().tolist()
    [[0.0, 1.0, 0.577, 0.25]]
    """
    names = tuple(X.columns) if isinstance(X, pd.DataFrame) else tuple(range(X.shape[1]))
    try:
        found = composed_trees(model)
        coder = Coder(found.trees, found.source, found.n_features)
        return of_trees(coder, found.encode(X), names, output)
    except UnreadableTrees as reason:
        ask = asker(model, "raw")
        return by_asking(lambda table: ask(table)[:, output], X, names, str(reason))


def interactions_of(subject: Subject, output: int = 0, *, only: str | None = None) -> Interactions:
    """Return how much every pair of a subject's features interacts; `output` counts the subject's outputs.

    The raw scale of a classifier without readable trees is its log-odds; such a model can be asked for the pairs of
    one feature `only`.
    """
    features = subject.test.features
    try:
        ensemble = ensemble_of(subject)
        found = of_trees(ensemble.coder, ensemble.inputs, ensemble.columns, ensemble.picks[output])
    except UnreadableTrees as reason:

        def ask(table: Table) -> Floats:
            return subject.predict(pd.DataFrame(table), log_odds=True)[:, output]

        return by_asking(ask, subject.test.X, features, str(reason), only=only)
    return replace(found, columns=tuple(dict.fromkeys((*features, *ensemble.columns))))


# --- trees ----------------------------------------------------------------------------------------------------------


def of_trees(coder: Coder, inputs: Floats, columns: Sequence[Any], output: int = 0) -> Interactions:
    """Return the interactions of trees, from encoded rows."""
    counted = inputs[sample_rows(len(inputs), COUNTED_ROWS, SEED)]
    chosen = sample_rows(len(inputs), EVALUATED_ROWS, SEED)
    coded = coder.compile(counted, inputs[chosen])
    forest, width = _of_output(coded.forest, output), len(columns)
    slots = lay_out_slots(forest, np.ones(forest.n_features, np.bool_))
    starts = pair_starts(slots)
    keys = np.unique(pair_keys(slots, starts, width))
    n = min(len(chosen), max(2, CELLS // max(len(keys), 1)))
    bits = np.zeros((n_rows(coded.splits), max(1, -(-n // 64))), np.uint64)
    fill_bits(coded.tables[1], 0, n, coded.splits, bits)

    def work(part: Forest) -> tuple[Floats, Floats]:
        slots = lay_out_slots(part, np.ones(part.n_features, np.bool_))
        starts = pair_starts(slots)
        counts = count_pairs(coded.tables[0], 0, len(counted), WORDS, part, coded.splits, slots, starts)
        place = np.searchsorted(keys, pair_keys(slots, starts, width))
        own, joint = np.zeros((width, n)), np.zeros((len(keys), n))
        add_pairs(part, slots, starts, counts, place, bits, output, own, joint)
        return own, joint

    own, joint = np.zeros((width, n)), np.zeros((len(keys), n))
    parts = list(_parts(forest, int(starts[-1])))
    for start in range(0, len(parts), threads()):  # each part's answer takes memory until it is added
        report(start / len(parts), "Counting pairs")
        for found in in_threads(work, parts[start : start + threads()], span=(0, 0)):
            own += found[0]
            joint += found[1]
    total = max(len(counted), 1)
    pairs = _ranked(columns, keys % width, keys // width, own / total, joint / total)
    return Interactions(pairs, tuple(columns), len(counted), n, len(inputs), "")


def _of_output(forest: Forest, output: int) -> Forest:
    """Return the trees that add to an output."""
    adds = (forest.output <= output) & (output < forest.output + forest.value.shape[1])
    return forest._replace(root=forest.root[adds], output=forest.output[adds])


def _parts(forest: Forest, pairs: int) -> Iterator[Forest]:
    """Yield some of the trees at a time, so that each core has work and memory suffices."""
    n = len(forest.root)
    step = max(1, min(-(-n // threads()), n * PAIRS // max(pairs, 1)))
    for start in range(0, n, step):
        part = slice(start, start + step)
        yield forest._replace(root=forest.root[part], output=forest.output[part])


# --- everything else ------------------------------------------------------------------------------------------------


def by_asking(ask: Ask, X: Table, columns: Sequence[Any], reason: str, *, only: Any = None) -> Interactions:
    """Return the interactions of any function of rows, over few of them; with `only` the pairs of one column."""
    rows = _taken(X, sample_rows(len(X), ASKED_ROWS, SEED))
    n, width = len(rows), rows.shape[1]
    chosen = set(range(width)) if only is None else {list(columns).index(only)}
    pairs = [pair for pair in combinations(range(width), 2) if chosen & set(pair)]
    found = _effects(ask, rows, [*((c,) for c in range(width)), *pairs])
    mean = float(ask(rows).mean())
    own, both = found[:width] - mean, found[width:] - mean
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T  # columns of each pair
    table = _ranked(columns, first, second, own, both - own[first] - own[second])
    return Interactions(table, tuple(columns), n, n, len(X), reason)


def _effects(ask: Ask, rows: Table, groups: Sequence[tuple[int, ...]]) -> Floats:
    """Return the partial dependence of some groups of columns at the rows' own values, shape (n_groups, n)."""
    n = len(rows)
    at, of = np.repeat(np.arange(n), n), np.tile(np.arange(n), n)
    out, step = np.zeros((len(groups), n)), max(1, BATCH // n**2)
    for start in range(0, len(groups), step):
        report(start / len(groups), "Asking for pairs")
        part = groups[start : start + step]
        tables = []
        for group in part:
            table = _taken(rows, of)
            for c in group:
                table = with_values(table, c, _values(rows, c, at))
            tables.append(table)
        stacked: Any = np.concatenate(tables) if isinstance(rows, np.ndarray) else pd.concat(tables)  # type: ignore[arg-type]
        out[start : start + len(part)] = ask(stacked).reshape(len(part), n, n).mean(axis=2)
    return out


def _taken(X: Table, at: npt.NDArray[Any]) -> Table:
    return X[at] if isinstance(X, np.ndarray) else X.iloc[at].reset_index(drop=True)


def _values(X: Table, column: int, at: npt.NDArray[Any]) -> Any:
    return X[at, column] if isinstance(X, np.ndarray) else X.iloc[at, column].to_list()


def _ranked(
    columns: Sequence[Any], first: npt.NDArray[Any], second: npt.NDArray[Any], own: Floats, joint: Floats
) -> pd.DataFrame:
    """Return the table of all pairs; those that are not given do not interact."""
    strength = joint.std(axis=1)
    whole = (joint + own[first] + own[second]).std(axis=1)
    heard = whole > ROUNDING * whole.max(initial=0.0)
    h = np.divide(strength, whole, out=np.zeros_like(whole), where=heard)
    width = len(columns)
    cells = np.zeros((2, width, width))
    cells[:, first, second] = h, np.where(heard, strength, 0.0)
    low, high = np.triu_indices(width, 1)
    names = np.empty(width, dtype=object)
    names[:] = columns
    ends = [pd.Series(names[side]).infer_objects() for side in (low, high)]
    table = pd.DataFrame(
        {"first": ends[0], "second": ends[1], "h": cells[0, low, high], "strength": cells[1, low, high]}
    )
    return table.sort_values("strength", ascending=False, kind="stable", ignore_index=True)
