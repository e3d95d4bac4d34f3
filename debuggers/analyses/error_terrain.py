"""Where the model errs: a tree of the loss, a grid of two features, and ranked slices, all from one set of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers import metrics
from debuggers.binning import Bins, bin_column, bin_columns
from debuggers.debugger import Finding, Severity, debugger
from debuggers.error_tree import ErrorTree, grow
from debuggers.execution import report
from debuggers.params import Choice, Feature, Flag, Params, Range
from debuggers.slice_report import beside_said, compared
from debuggers.slice_targets import measure_title
from debuggers.slices import MAX_LITERALS, Slice
from debuggers.statistics import CONFIDENCE, Estimate, Moments, halves
from debuggers.subject import Subject
from debuggers.tree_table import MIN_ROWS, node_table

Floats = npt.NDArray[np.float64]
# No node is grown on fewer rows than this, however small a share is asked for.
MIN_GROWN = 15


@dataclass(frozen=True)
class ErrorTerrainParams(Params):
    """Which measure, how fine, and which two features span the grid."""

    measure: Annotated[
        str, Choice(("loss", "error"), "Log loss or squared error; or share of wrong decisions or absolute error")
    ] = "loss"
    depth: Annotated[int, Range(1, 6, "Levels of the tree")] = 3
    min_share: Annotated[
        float, Range(0.005, 0.2, "Smallest share of rows in a region", step=0.005, label="Smallest region")
    ] = 0.01
    all_columns: Annotated[
        bool, Flag("Look along every column but the target and predictions, not only along the model's features")
    ] = False
    feature: Annotated[
        str | None,
        Feature("First feature of the grid", among="columns", nothing="most used by the tree", label="First feature"),
    ] = None
    other: Annotated[
        str | None,
        Feature("Second feature of the grid", among="columns", nothing="next most used", label="Second feature"),
    ] = None
    bins: Annotated[int, Range(2, 20, "Bins of each feature in the grid, besides missing values")] = 8


@dataclass(frozen=True, eq=False)
class ErrorTerrainResult:
    """The terrain.

    Parameters
    ----------
    nodes : DataFrame
        What `tree_table.node_table` returns.
    slices : DataFrame
        Its nodes of at most three conditions that err more than the rest on the rows searched, ranked by `t`.
    cells : DataFrame
        Every cell of the grid that has rows, over both halves: `x`, `y` (positions), `x_label`, `y_label`, `slice`,
        `sql`, `rows`, `loss` with its t interval `low` and `high`, `share_of_loss`, `enough` (whether it has
        `MIN_ROWS` rows).
    axes : tuple of str
        The features of the grid: two, one or none.
    overall : Estimate
        Mean of the measure over all rows.
    searched, held_out : int
        Rows in each half.
    obstacle : str
        Why there are no slices, in one sentence; empty where there are some.
    """

    nodes: pd.DataFrame
    slices: pd.DataFrame
    cells: pd.DataFrame
    axes: tuple[str, ...]
    overall: Estimate
    searched: int
    held_out: int
    obstacle: str
    findings: tuple[Finding, ...]

    def table(self) -> pd.DataFrame:
        """Return the ranked slices."""
        return self.slices[list(SLICE_COLUMNS)]


SLICE_COLUMNS = (
    "slice", "sql", "rows", "search_rows", "search_loss", "held_out_rows", "held_out_loss", "rest_loss", "difference",
    "low", "high", "share_of_loss", "t", "p_value", "q_value", "confirmed", "said", "said_q_value",
)  # fmt: skip


@debugger(
    title="Error terrain",
    section="Detect",
    question="Where in the space of features does the model err?",
    needs={"labels", "features"},
    scanned=False,  # the search of weak slices finds what a tree finds, and more
)
def error_terrain(subject: Subject, params: ErrorTerrainParams) -> ErrorTerrainResult:
    """Divide the rows into regions by how much the model errs there, and check each region on other rows.

    How to read
    -----------
    The tree is grown on one half of the rows, drawn at random; on each level it divides every region where that
    explains most of the loss. The other half, which it has not seen, then says how large the loss is in each region:
    colours, intervals and p values are of that half. A region's width is its share of the rows and the height of its
    dark fill its share of all loss: a fill that is tall for its width is where the loss gathers. A slice is confirmed
    where the unseen half, too, errs more there than elsewhere (Welch's test, one-sided, adjusted by Holm's method for
    all regions tested). The grid counts all rows.

    When it misleads
    ----------------
    On the searched half the best slices look worse than they are: they were chosen for it. Read the held-out value. A
    confirmed slice can simply be hard: compare with the loss that the model's own probabilities lead to expect there.
    A tree takes one path: a weak region that no split leads to stays hidden, and of two features that say the same only
    one appears. Membership of a slice is associated with errors; it need not cause them.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees, for the tree and for the order of
    categories. Welch (1947), Biometrika 34, 28-35. Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> from debuggers.matching import Roles, make_subject
    >>> table = pd.DataFrame({"job": ["a", "a", "a", "b"] * 500, "said": 0.0})
    >>> table["y"] = np.sin(np.arange(2000)) * table["job"].map({"a": 1, "b": 3})
    >>> subject = make_subject("jobs", table, Roles(target="y", predictions=("said",)))
    >>> error_terrain(subject, ErrorTerrainParams()).table()[["slice", "confirmed"]].to_numpy().tolist()
    [["job = 'b'", True]]
    """
    said = metrics.expected(subject.task, subject.scores, subject.threshold)
    which = ("loss", "error").index(params.measure)
    values, title = (subject.loss, subject.error)[which], measure_title(subject.task, params.measure)
    columns = _columns(subject, all_columns=params.all_columns)
    searched = halves(values)
    tree = _grown(columns, values, searched, params)
    report(0.85, "Re-estimating on the other half")
    nodes = node_table(tree, values, searched, None if said is None else said[which])
    weak = nodes[(nodes["t"] > 0) & nodes["literals"].between(1, MAX_LITERALS)]
    slices = weak.sort_values("t", ascending=False, kind="stable", ignore_index=True)
    report(0.95, "Filling the grid")
    axes = _axes(subject, params, tree)
    return ErrorTerrainResult(
        nodes=nodes,
        slices=slices,
        cells=_cells(axes, values),
        axes=tuple(axis.feature for axis in axes),
        overall=Moments.of(values).estimate(),
        searched=int(searched.sum()),
        held_out=int((~searched).sum()),
        obstacle="" if len(slices) else _obstacle(values, columns),
        findings=tuple(_findings(tree, slices, float(values.sum()), title, params)),
    )


def _columns(subject: Subject, *, all_columns: bool) -> list[Bins]:
    """Return the columns that can divide the rows, in bins."""
    names = list(subject.test.features)
    if all_columns:
        hidden = {subject.test.target, *subject.predictions, *names}
        names += [str(c) for c in subject.test.table.columns if str(c) not in hidden]
    return bin_columns(subject.test.table, subject.test.schema, names, span=(0, 0.3))


def _grown(
    columns: Sequence[Bins], values: Floats, searched: npt.NDArray[np.bool_], params: ErrorTerrainParams
) -> ErrorTree:
    min_rows = max(MIN_GROWN, int(np.ceil(params.min_share * int(searched.sum()))))
    rows = np.flatnonzero(searched)
    codes = np.stack([column.codes[rows] for column in columns])
    return grow(columns, codes, values[searched], depth=params.depth, min_rows=min_rows)


def _axes(subject: Subject, params: ErrorTerrainParams, tree: ErrorTree) -> list[Bins]:
    """Return the features of the grid, in bins: those asked for, else those that the tree gained most by."""
    divisible = [c.feature for c in tree.columns if len(c.labels) > 1]
    others = [name for name in dict.fromkeys((*tree.gains, *divisible)) if name not in (params.feature, params.other)]
    names = [name if name is not None else next(iter(others), None) for name in (params.feature,)]
    names += [params.other if params.other is not None else next((o for o in others if o not in names), None)]
    table, schema = subject.test.table, subject.test.schema
    return [bin_column(table[name], schema[name], params.bins + 1) for name in dict.fromkeys(names) if name is not None]


def _cells(axes: Sequence[Bins], values: Floats) -> pd.DataFrame:
    """Return every cell of the grid that has rows; of one feature a grid of one line."""
    if not axes:
        return pd.DataFrame(columns=list(CELL_COLUMNS))
    first, second = axes[0], axes[1] if len(axes) > 1 else None
    height = 1 if second is None else second.known + 1
    key = first.codes.astype(np.intp) * height + (0 if second is None else second.codes)
    sums = [np.bincount(key, weights) for weights in (None, values, np.square(values))]
    whole = max(float(values.sum()), np.finfo(float).tiny)
    cells = [
        _cell(axes, divmod(int(i), height), Moments(int(sums[0][i]), float(sums[1][i]), float(sums[2][i])), whole)
        for i in np.flatnonzero(sums[0])
    ]
    return pd.DataFrame(cells, columns=list(CELL_COLUMNS))


CELL_COLUMNS = (
    "x", "y", "x_label", "y_label", "slice", "sql", "rows", "loss", "low", "high", "share_of_loss", "enough",
)  # fmt: skip


def _cell(axes: Sequence[Bins], at: tuple[int, int], rows: Moments, whole: float) -> dict[str, Any]:
    place = Slice(tuple(axis.literal([code]) for axis, code in zip(axes, at, strict=False)))
    mean = rows.estimate()
    return {
        "x": at[0],
        "y": at[1],
        "x_label": axes[0].label(at[0]),
        "y_label": axes[1].label(at[1]) if len(axes) > 1 else "",
        "slice": place.text,
        "sql": place.sql,
        "rows": rows.n,
        "loss": mean.value,
        "low": mean.low,
        "high": mean.high,
        "share_of_loss": rows.total / whole,
        "enough": rows.n >= MIN_ROWS,
    }


def _obstacle(values: Floats, columns: Sequence[Bins]) -> str:
    """Return why the tree found no weak slice."""
    if len(values) < 4 * MIN_GROWN:
        return f"{len(values):,} rows are too few to divide: the tree needs at least {4 * MIN_GROWN}."
    if np.ptp(values) == 0:
        return "Every row has the same value, so there is nothing to tell regions apart by."
    if all(len(column.labels) < 2 for column in columns):
        return "No feature has two different values to divide the rows by."
    return "No split leaves enough rows on both sides and tells them apart: try a smaller share of rows in a node."


def _findings(
    tree: ErrorTree, slices: pd.DataFrame, whole: float, title: str, params: ErrorTerrainParams
) -> Iterator[Finding]:
    """Yield the confirmed slices, the clearest first, without those within or around one already reported."""
    taken: list[int] = []
    for row in _records(slices[[known is True for known in slices["confirmed"]]]):
        node = int(row["node"])
        if any(other in _line(tree, node) or node in _line(tree, other) for other in taken):
            continue
        taken.append(node)
        yield _finding(tree.slice(node), row, whole, title, params)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in record.items()} for record in table.to_dict("records")]


def _line(tree: ErrorTree, node: int) -> set[int]:
    """Return a node and its ancestors."""
    line = set()
    while node >= 0:
        line.add(node)
        node = tree.nodes[node].parent
    return line


def _finding(place: Slice, row: dict[str, Any], whole: float, title: str, params: ErrorTerrainParams) -> Finding:
    numbers = ("search_rows", "search_loss", "held_out_rows", "held_out_loss", "rest_loss", "share_of_loss", "said")
    excess = max(row["rows"] * row["difference"] / whole, 0.0)
    # Where the model itself says that it is unsure, the slice is hard: worth knowing, no failure.
    hard = np.isfinite(row["said"]) and not _exceeds_said(row)
    rate = compared(row["held_out_loss"], row["rest_loss"], title)
    axes = dict(zip(("feature", "other"), place.features, strict=False))
    return Finding(
        kind="weak_slice",
        severity=Severity.LOW if hard else Severity.of_share(excess),
        headline=f"{rate} where {place.text}{beside_said(row, hard=hard)}.",
        rows=int(row["rows"]),
        effect=Estimate(row["difference"], row["low"], row["high"], int(row["held_out_rows"])),
        slice=place,
        features=place.features,
        p_value=row["p_value"],
        q_value=row["q_value"],
        confirmed=True,
        evidence={name: row[name] for name in numbers} | {"measure": title, "excess_share_of_loss": excess},
        params={"measure": params.measure, "depth": params.depth, "min_share": params.min_share,
                "all_columns": params.all_columns} | axes,
    )  # fmt: skip


def _exceeds_said(row: dict[str, Any]) -> bool:
    """Whether a slice's held-out loss is confirmed to exceed what the model's own probabilities lead to expect."""
    return bool(row["said_q_value"] <= 1 - CONFIDENCE)
