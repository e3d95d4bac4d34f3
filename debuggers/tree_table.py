"""The nodes of an error tree: where each stands, and what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import pandas as pd

from debuggers.error_tree import ErrorTree
from debuggers.regions import Mask, Places, Sums, region_table
from debuggers.slice_targets import Target


def node_table(tree: ErrorTree, leaf: Places, target: Target, searched: Mask, slices: pd.DataFrame) -> pd.DataFrame:
    """Return every node that has rows, with the numbers of both halves.

    Parameters
    ----------
    tree : ErrorTree
        Grown on the rows searched.
    leaf : ndarray of int32, shape (n,)
        The leaf of every row.
    target, searched, slices
        As `regions` takes them.

    Returns
    -------
    DataFrame
        Parents first: `node`, `parent` (-1 for the root), `depth`, `start` (share of rows to the left of it on its
        level), `condition` (what sets it apart from its siblings), and the columns of `regions.region_table`.
    """
    count = range(len(tree.nodes))
    parents = [node.parent for node in tree.nodes]
    leaves = Sums.of(leaf, len(tree.nodes), target, searched)
    sums = leaves.rolled_up(parents)
    where = {
        "node": count,
        "parent": parents,
        "depth": [node.depth for node in tree.nodes],
        "start": _starts(parents, (sums.rows / max(sums.rows[0], 1)).tolist()),
        "condition": [tree.own_condition(i).text for i in count],
    }
    table = region_table([tree.slice(i) for i in count], sums, leaves, target, slices, where=where)
    return table if sums.rows.all() else table[table["rows"] > 0].reset_index(drop=True)


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
