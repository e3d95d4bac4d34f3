"""What a tree's nodes hold, on the rows that it was grown on and on the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.error_tree import ErrorTree
from debuggers.statistics import CONFIDENCE, Moments, difference, holm, t_greater, welch_greater, welch_t

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# With fewer rows than this a mean of a skewed loss has no interval worth drawing, and no test worth making.
MIN_ROWS = 30


def node_table(tree: ErrorTree, loss: Floats, searched: Mask, said: Floats | None) -> pd.DataFrame:
    """Return every node that has rows, with the numbers of both halves and the tests on the one not searched.

    Parameters
    ----------
    tree : ErrorTree
        Grown on the rows searched.
    loss : ndarray of shape (n,)
    searched : ndarray of bool, shape (n,)
    said : ndarray of shape (n,) or None
        The loss that the model's own probabilities lead to expect.

    Returns
    -------
    DataFrame
        Parents first: `node`, `parent` (-1 for the root), `depth`, `start` (share of rows to the left of it on its
        level), `share` (of rows), `condition` (what sets it apart from its siblings), `slice`, `sql`, `literals`
        (number of conditions), `rows`, `search_rows`, `search_loss`, `held_out_rows`, `held_out_loss` with its t
        interval `held_out_low` and `held_out_high`, `rest_loss` (held-out rows outside), `difference` of the two with
        its Welch interval `low` and `high`, `share_of_loss` (over all rows), `t` (Welch, on the rows searched),
        `p_value` and, adjusted by Holm's method, `q_value` (Welch, one-sided, held-out rows against the rest),
        `confirmed` (adjusted p at most 5 % and an interval above 0; None: not tested, because it has fewer than
        `MIN_ROWS` held-out rows or does not err more than the rest where it was searched), `said` (mean over its
        held-out rows, NaN if unknown), `said_q_value` (Holm-adjusted p value that the held-out loss exceeds what was
        said), `enough` (whether it has `MIN_ROWS` held-out rows).
    """
    leaf = tree.leaves([column.codes for column in tree.columns], len(loss))
    search, held = (tree.moments(leaf[half], loss[half]) for half in (searched, ~searched))
    table = pd.DataFrame([_numbers(a, b, search[0], held[0]) for a, b in zip(search, held, strict=True)])
    _describe(table, tree)
    table["enough"] = table["held_out_rows"] >= MIN_ROWS
    tested = table["enough"] & (table["t"] > 0)
    table["p_value"] = table["p_value"].where(tested)
    table["q_value"] = holm(table["p_value"].tolist())
    # The interval is two-sided: a slice whose interval reaches 0 is not called confirmed beside it.
    sure = (table["q_value"] <= 1 - CONFIDENCE) & (table["low"] > 0)
    table["confirmed"] = sure.astype(object).where(table["q_value"].notna(), None)
    table["said"], table["said_q_value"] = np.nan, np.nan
    if said is not None:
        beyond = tree.moments(leaf[~searched], (loss - said)[~searched])
        table["said"] = table["held_out_loss"] - [b.mean for b in beyond]
        table["said_q_value"] = holm(pd.Series([t_greater(b) for b in beyond]).where(tested).tolist())
    return table[table["rows"] > 0].reset_index(drop=True)


def _numbers(search: Moments, held: Moments, all_searched: Moments, all_held: Moments) -> dict[str, float]:
    """Return the numbers of one node."""
    rest, gap, own = all_held - held, difference(held, all_held - held), held.estimate()
    whole = all_searched.total + all_held.total
    return {
        "rows": search.n + held.n,
        "share": (search.n + held.n) / max(all_searched.n + all_held.n, 1),
        "search_rows": search.n,
        "search_loss": search.mean,
        "held_out_rows": held.n,
        "held_out_loss": own.value,
        "held_out_low": own.low,
        "held_out_high": own.high,
        "rest_loss": rest.mean,
        "difference": gap.value,
        "low": gap.low,
        "high": gap.high,
        "share_of_loss": (search.total + held.total) / whole if whole > 0 else np.nan,
        "t": welch_t(search, all_searched - search),
        "p_value": welch_greater(held, rest),
    }


def _describe(table: pd.DataFrame, tree: ErrorTree) -> None:
    """Add where each node stands in the tree and which rows it holds."""
    slices = [tree.slice(i) for i in range(len(tree.nodes))]
    table.insert(0, "node", range(len(tree.nodes)))
    table.insert(1, "parent", [node.parent for node in tree.nodes])
    table.insert(2, "depth", [node.depth for node in tree.nodes])
    table.insert(3, "start", _starts(table["parent"].tolist(), table["share"].tolist()))
    table.insert(5, "condition", [tree.own_condition(i).text for i in range(len(tree.nodes))])
    table.insert(6, "slice", [s.text for s in slices])
    table.insert(7, "sql", [s.sql for s in slices])
    table.insert(8, "literals", [len(s.literals) for s in slices])


def _starts(parents: Sequence[int], shares: Sequence[float]) -> list[float]:
    """Return the left end of each node: siblings stand side by side within their parent."""
    starts = [0.0] * len(parents)
    children: dict[int, list[int]] = {}
    for i, parent in enumerate(parents):
        children.setdefault(parent, []).append(i)
    for parent, group in sorted(children.items()):
        left = starts[parent] if parent >= 0 else 0.0
        ends = accumulate((shares[i] for i in group), initial=left)
        for i, start in zip(group, ends, strict=False):
            starts[i] = start
    return starts
