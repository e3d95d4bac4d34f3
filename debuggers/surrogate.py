"""A small tree that says nearly what the model says, and how far it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers import metrics
from debuggers.binning import Bins, Intervals, bin_column, code_type, round_between
from debuggers.ensembles import Ensemble, ensemble_of
from debuggers.error_tree import ErrorTree, grow
from debuggers.execution import report
from debuggers.grouping import group_rows
from debuggers.kernels.cuts import number_codes
from debuggers.models.trees import UnreadableTrees
from debuggers.slices import Slice
from debuggers.statistics import halves, share
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# Bins of a column, of which a byte can name so many.
MOST_BINS = 255
# Below this the tree is another model, and is not to be believed.
TRUSTED_AGREEMENT, TRUSTED_R2 = 0.9, 0.75
MIN_ROWS = 30
SLICED_FEATURES, SLICED_BINS = 5, 4


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A tree grown on what a model says of one half of the rows, and how well it says the same of the other half.

    Parameters
    ----------
    rules : DataFrame
        Leaves of the tree, for one output: `rule`, `sql`, `rows` (of all), `share`, `says` (the tree), `model` (mean of
        the model there, held-out rows), `agreement` (share of held-out rows with the same decision; of a regressor
        NaN), `spread` (root of the mean squared difference).
    fidelity : DataFrame
        `slice` ("all rows" first), `sql`, `rows` (held-out), `agreement` with Wilson's interval `low` and `high`, `r2`
        (1 minus the mean squared difference there over the model's variance everywhere), `trusted` (None: fewer than
        `MIN_ROWS` rows).
    grown, held_out : int
        Rows.
    """

    rules: pd.DataFrame
    fidelity: pd.DataFrame
    grown: int
    held_out: int


def surrogate(subject: Subject, *, depth: int, output: int = 0) -> Surrogate:
    """Grow a tree of a model's predictions and measure it on rows that it has not seen.

    Parameters
    ----------
    subject : Subject
        With a model, or with predictions in the table.
    depth : int
        Levels.
    output : int
        Of which of the subject's outputs the rules are listed; each output has a tree of its own.

    References
    ----------
    Craven and Shavlik (1996), Extracting Tree-Structured Representations of Trained Networks, NeurIPS.
    """
    outputs = subject.as_outputs(subject.scores)
    columns = _columns(subject)
    searched = halves(outputs[:, output])
    codes = np.stack([c.codes for c in columns])
    trees = []
    for k in range(outputs.shape[1]):
        report(k / outputs.shape[1], "Growing the surrogate")
        rows = np.flatnonzero(searched)
        least = max(2, round(0.002 * len(rows)))
        trees.append(grow(columns, codes[:, rows], outputs[rows, k], depth=depth, min_rows=least))
    leaves = [tree.leaves(codes, len(outputs)) for tree in trees]
    says = [_means(tree, leaves[k], outputs[:, k], searched) for k, tree in enumerate(trees)]
    said = np.stack([own[leaf] for own, leaf in zip(says, leaves, strict=True)], axis=1)
    held = ~searched
    same = _decide(subject, said) == _decide(subject, outputs) if subject.task.is_classification else None
    tables = _Held(subject, outputs[:, output], said[:, output], same, held)
    return Surrogate(
        rules=tables.rules(trees[output], leaves[output]),
        fidelity=tables.fidelity(_slices(subject, trees[output])),
        grown=int(searched.sum()),
        held_out=int(held.sum()),
    )


def _decide(subject: Subject, outputs: Floats) -> Floats:
    scores = outputs if outputs.shape[1] > 1 else outputs[:, 0]
    return metrics.decide(subject.task, scores, subject.threshold)


def _means(tree: ErrorTree, leaf: npt.NDArray[np.int32], values: Floats, searched: Mask) -> Floats:
    """Return what the tree says at each node: the mean over the rows that it was grown on; else its parent's."""
    k = len(tree.nodes)
    n, sums = np.bincount(leaf[searched], minlength=k), np.bincount(leaf[searched], values[searched], k)
    for i in range(k - 1, 0, -1):  # children come behind their parent
        n[tree.nodes[i].parent] += n[i]
        sums[tree.nodes[i].parent] += sums[i]
    out = np.zeros(k)
    for i, node in enumerate(tree.nodes):
        out[i] = sums[i] / n[i] if n[i] else out[node.parent]
    return out


# --- bins that a tree can be copied in ------------------------------------------------------------------------------


def _columns(subject: Subject) -> list[Bins]:
    """Return the features in bins; of a model made of trees between the numbers that its nodes compare with."""
    try:
        ensemble: Ensemble | None = ensemble_of(subject)
    except UnreadableTrees:
        ensemble = None
    table, schema = subject.test.table, subject.test.schema
    found = []
    for feature in subject.test.features:
        cuts = _cuts(ensemble, feature, table) if ensemble is not None and schema[feature].kind.is_numeric else []
        if schema[feature].distinct > MOST_BINS and 0 < len(cuts) < MOST_BINS:
            values = table[feature].to_numpy(dtype=np.float64, na_value=np.nan)
            found.append(_between(feature, values, cuts))
        else:
            found.append(bin_column(table[feature], schema[feature], MOST_BINS))
    return found


def _cuts(ensemble: Ensemble, feature: str, table: pd.DataFrame) -> list[float]:
    """Return the numbers up to which a column's values go left at a node; of an encoded column none."""
    inputs = np.flatnonzero(ensemble.coder.source == ensemble.columns.index(feature))
    if len(inputs) != 1 or not np.array_equal(
        ensemble.inputs[:, inputs[0]], table[feature].to_numpy(dtype=np.float64, na_value=np.nan), equal_nan=True
    ):
        return []
    return [float(c) for c in ensemble.coder.cuts[int(inputs[0])]]


def _between(feature: str, values: Floats, cuts: Sequence[float]) -> Bins:
    """Return bins whose ends are the roundest numbers that divide the values as the cuts do."""
    known = np.unique(values[np.isfinite(values)])
    places = np.unique(np.searchsorted(known, np.array(cuts), side="right"))
    ends = [round_between(float(known[p - 1]), float(known[p])) for p in places if 0 < p < len(known)]
    return Intervals(feature, number_codes(values, ends, code_type(len(ends) + 1)), len(ends) + 1, tuple(ends))


# --- fidelity -------------------------------------------------------------------------------------------------------


def _slices(subject: Subject, tree: ErrorTree) -> list[Slice]:
    """Return the slices that fidelity is measured on: groups of the tree's main features and of sensitive columns."""
    names = [*list(tree.gains)[:SLICED_FEATURES], *subject.sensitive]
    names += [f for f in subject.test.features if f not in names][: max(0, 3 - len(names))]
    found: list[Slice] = []
    for name in dict.fromkeys(names):
        found += group_rows(subject.test.table[name], subject.test.schema[name], SLICED_BINS).slices
    return found


@dataclass(frozen=True, eq=False)
class _Held:
    """What model and tree say of one output, and which rows the tree has not seen."""

    subject: Subject
    model: Floats
    tree: Floats
    same: npt.NDArray[np.bool_] | None
    held: Mask

    def fidelity(self, slices: Sequence[Slice]) -> pd.DataFrame:
        """Return the fidelity overall and in each slice."""
        table = self.subject.test.table
        rows = [self._row("all rows", "TRUE", self.held)]
        rows += [self._row(s.text, s.sql, s.mask(table) & self.held) for s in slices]
        return pd.DataFrame([row for row in rows if row["rows"]] or rows[:1]).astype({"trusted": object})

    def _row(self, text: str, sql: str, inside: Mask) -> dict[str, object]:
        n, r2 = int(inside.sum()), self._r2(inside)
        agreement = share(0, 0) if self.same is None else share(float(self.same[inside].sum()), n)
        trusted: bool | None = None
        if n >= MIN_ROWS:
            trusted = not r2 < TRUSTED_R2 and (self.same is None or agreement.value >= TRUSTED_AGREEMENT)
        return {
            "slice": text, "sql": sql, "rows": n, "agreement": agreement.value, "low": agreement.low,
            "high": agreement.high, "r2": r2, "trusted": trusted,
        }  # fmt: skip

    def _r2(self, inside: Mask) -> float:
        """Return 1 minus the mean squared difference in a slice over the model's variance on all held-out rows.

        NaN of no rows, or where the model says nearly the same of all rows and the tree does not.
        """
        everywhere = self.model[self.held]
        if not inside.any() or len(everywhere) < 2:
            return float("nan")
        missed = float(np.square(self.model[inside] - self.tree[inside]).mean())
        spread, rounding = float(everywhere.var()), 1e-18 * max(1.0, float(np.square(everywhere).mean()))
        if spread <= rounding:
            return 1.0 if missed <= rounding else float("nan")
        return 1 - missed / spread

    def rules(self, tree: ErrorTree, leaf: npt.NDArray[np.int32]) -> pd.DataFrame:
        """Return the leaves, the highest output first."""
        rows = []
        for i in np.unique(leaf).tolist():
            here, place = leaf == i, tree.slice(i)
            held = here & self.held
            rows.append(
                {
                    "rule": place.text, "sql": place.sql, "rows": int(here.sum()), "share": float(here.mean()),
                    "says": float(self.tree[here][0]), "model": _mean(self.model[held]),
                    "agreement": np.nan if self.same is None else _mean(self.same[held].astype(np.float64)),
                    "spread": float(np.sqrt(_mean(np.square(self.model[held] - self.tree[held])))),
                }
            )  # fmt: skip
        return pd.DataFrame(rows).sort_values("says", ascending=False, ignore_index=True, kind="stable")


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
