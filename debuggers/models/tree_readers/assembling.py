"""From a library's trees, one after another, to the arrays of `Trees`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.models.trees import Rule, Trees, UnreadableTrees, check

Array = npt.NDArray[Any]


@dataclass
class Tree:
    """One tree, its nodes numbered from 0, the root.

    Parameters
    ----------
    feature, threshold, left, right, missing_left, value, cover : ndarray
        As in `Trees`; a leaf has a negative `left`. `value` has shape (n_nodes,) or (n_nodes, width).
    rule : ndarray or Rule
        Of each node, or of all.
    members : ndarray or None
        Set of categories of each node, counted within this tree's `sets`.
    sets : sequence of ndarray
        Categories that go left.
    output : int
        First output that the tree adds to.
    """

    feature: Array
    threshold: Array
    left: Array
    right: Array
    value: Array
    cover: Array | None = None
    missing_left: Array | None = None
    rule: Array | Rule = Rule.AT_MOST
    members: Array | None = None
    sets: Sequence[Array] = field(default_factory=tuple)
    output: int = 0


def assemble(trees: Sequence[Tree], *, base: Array, n_inputs: int, **scalars: Any) -> Trees:
    """Join trees into one struct and check it.

    Parameters
    ----------
    base : ndarray of shape (n_outputs,)
    scalars : mapping
        Further fields of `Trees`.

    Raises
    ------
    UnreadableTrees
        What the library gave is no ensemble of trees.
    """
    if not trees:
        raise UnreadableTrees("it has no trees")
    sizes = np.array([len(t.feature) for t in trees])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    offset = np.repeat(starts, sizes)
    left, right = (np.concatenate([getattr(t, side) for t in trees]).astype(np.int64) for side in ("left", "right"))
    leaf = left < 0
    sets = [s for t in trees for s in t.sets]
    first_set = np.concatenate([[0], np.cumsum([len(t.sets) for t in trees])[:-1]])
    members = _joined([t.members for t in trees], sizes, -1).astype(np.int64)
    members = np.where(members >= 0, members + np.repeat(first_set, sizes), -1)
    values = [t.value if t.value.ndim == 2 else t.value[:, None] for t in trees]
    value = np.concatenate(values).astype(np.float64)
    value[~leaf] = 0.0
    found = Trees(
        feature=np.where(leaf, -1, np.concatenate([t.feature for t in trees])).astype(np.int32),
        threshold=np.where(leaf, 0.0, np.concatenate([t.threshold for t in trees])).astype(np.float64),
        rule=_joined([t.rule for t in trees], sizes, Rule.AT_MOST).astype(np.uint8),
        left=np.where(leaf, -1, left + offset).astype(np.int32),
        right=np.where(leaf, -1, right + offset).astype(np.int32),
        missing_left=_joined([t.missing_left for t in trees], sizes, 0).astype(np.bool_) & ~leaf,
        members=members.astype(np.int32),
        set_start=np.concatenate([[0], np.cumsum([len(s) for s in sets])]).astype(np.int64),
        set_value=(np.concatenate(sets) if sets else np.zeros(0)).astype(np.int32),
        value=value,
        cover=_joined([t.cover for t in trees], sizes, np.nan).astype(np.float64),
        root=starts.astype(np.int32),
        output=np.array([t.output for t in trees], dtype=np.int32),
        base=np.array(base, dtype=np.float64).reshape(-1),
        n_inputs=int(n_inputs),
        **scalars,
    )
    check(found)
    return found


def _joined(parts: Sequence[Any], sizes: Array, otherwise: float) -> Array:
    """Join one array or one number per tree; None is `otherwise`."""
    filled = [otherwise if part is None else part for part in parts]
    return np.concatenate([np.broadcast_to(p, n) for p, n in zip(filled, sizes, strict=True)])
