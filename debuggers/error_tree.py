"""A histogram tree of a loss: grown on some rows, it can place any others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from debuggers.binning import Bins
from debuggers.execution import in_threads, report
from debuggers.kernels import error_tree as kernel
from debuggers.slices import Slice

Floats = npt.NDArray[np.float64]
# Bins of rows, one array per column.
Codes = Sequence[npt.NDArray[np.uint8 | np.uint16]] | npt.NDArray[np.uint8 | np.uint16]
Places = npt.NDArray[np.int32]
# Differences below this share are rounding.
SAME = 1e-9
# Fewer values to count than this are not worth a thread.
SMALL = 1_000_000


@dataclass(frozen=True)
class Node:
    """A node of the tree: the rows whose bins are among the allowed ones.

    Parameters
    ----------
    parent : int
        Position of the parent in `ErrorTree.nodes`, -1 for the root.
    depth : int
        0 for the root.
    feature : int
        Position of the column that its parent was split by, -1 for the root.
    allowed : mapping of int to frozenset of int
        By position of a column: the bins that rows of the node can have; columns that are not named are free.
    """

    parent: int = -1
    depth: int = 0
    feature: int = -1
    allowed: Mapping[int, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Split:
    """How a node is divided: by one column, into sets of bins, and how much spread of the loss that explains."""

    feature: int
    parts: tuple[frozenset[int], ...]
    gain: float


@dataclass(frozen=True, eq=False)
class ErrorTree:
    """A grown tree.

    Parameters
    ----------
    columns : tuple of Bins
    nodes : tuple of Node
        Parents before children; of the children of a node the one that errs most on the rows searched comes first.
    splits : mapping of int to Split
        By position of the node that is divided.
    """

    columns: tuple[Bins, ...]
    nodes: tuple[Node, ...]
    splits: Mapping[int, Split]

    def slice(self, node: int) -> Slice:
        """Return the rows of a node as a slice; conditions on the same column are one literal."""
        return Slice(tuple(self.columns[f].literal(codes) for f, codes in self.nodes[node].allowed.items()))

    def own_condition(self, node: int) -> Slice:
        """Return what sets a node apart from its siblings."""
        feature = self.nodes[node].feature
        return Slice(() if feature < 0 else (self.columns[feature].literal(self.nodes[node].allowed[feature]),))

    @property
    def gains(self) -> dict[str, float]:
        """Spread of the loss that each column explains, the largest first; columns without a split are left out."""
        found: dict[str, float] = {}
        for split in self.splits.values():
            name = self.columns[split.feature].feature
            found[name] = found.get(name, 0.0) + split.gain
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def leaves(self, codes: Codes, n: int) -> Places:
        """Return the leaf of each row.

        Parameters
        ----------
        codes : sequence of ndarray of uint8 or uint16, each of shape (n,)
            The rows' bins, in the order of `columns`.
        """
        places = np.zeros(n, dtype=np.int32)
        _descend(places, codes, self.splits, self.nodes)
        return places

    def top(self, depth: int) -> ErrorTree:
        """Return the tree without the levels below `depth`."""
        nodes = tuple(node for node in self.nodes if node.depth <= depth)
        splits = {i: split for i, split in self.splits.items() if self.nodes[i].depth < depth}
        return ErrorTree(self.columns, nodes, splits)


def grow(columns: Sequence[Bins], codes: Codes, loss: Floats, *, depth: int, min_rows: int) -> ErrorTree:
    """Grow a tree that divides rows by their loss.

    Parameters
    ----------
    columns : sequence of Bins
    codes : sequence of ndarray of uint8 or uint16, each of shape (n,)
        Bins of the rows to grow on.
    loss : ndarray of shape (n,)
    depth : int
        Levels below the root.
    min_rows : int
        Each side of a split keeps at least so many rows. Missing values become a child of their own, however few.

    Notes
    -----
    A split is the one that explains most of the squared deviation of the loss from its mean. Bins of a category are
    ordered by their mean loss in the node, which makes the best division in two one of the cuts along that order.
    """
    searched = _Searched(columns, codes, loss - loss.mean() if len(loss) else loss, min_rows)
    nodes: list[Node] = [Node()]
    splits: dict[int, Split] = {}
    places = np.zeros(len(loss), dtype=np.int32)
    floor = SAME * max(float(np.square(searched.loss).sum()), SAME * float(np.square(loss).sum()))
    level = range(1)
    for d in range(depth):
        report(0.3 + 0.5 * d / depth, f"Growing the tree, level {d + 1}")
        found = searched.best_splits(places, nodes, level)
        at = {i: split for i, split in found.items() if split.gain > floor}
        level = range(len(nodes), len(nodes) + sum(len(split.parts) for split in at.values()))
        for i, split in at.items():
            nodes += [Node(i, d + 1, split.feature, {**nodes[i].allowed, split.feature: part}) for part in split.parts]
        splits |= at
        _descend(places, codes, at, nodes)
    return ErrorTree(tuple(columns), tuple(nodes), splits)


def _descend(places: Places, codes: Codes, splits: Mapping[int, Split], nodes: Sequence[Node]) -> None:
    """Move the rows of the nodes that are split to those nodes' children."""
    if not splits:
        return
    used = {f: place for place, f in enumerate(sorted({split.feature for split in splits.values()}))}
    allowed = {j: list(node.allowed[node.feature]) for j, node in enumerate(nodes) if node.parent in splits}
    bins = 1 + max(*map(max, allowed.values()), *(int(codes[f].max(initial=0)) for f in used))
    columns = np.array([used[splits[i].feature] if i in splits else 0 for i in range(len(nodes))], dtype=np.int32)
    children = np.repeat(np.arange(len(nodes), dtype=np.int32)[:, None], bins, axis=1)
    for j, own in allowed.items():
        children[nodes[j].parent, own] = j
    levels = len({nodes[i].depth for i in splits})
    kernel.descend(np.asarray([codes[f] for f in used]), places, columns, children, levels)


@dataclass(frozen=True, eq=False)
class _Searched:
    """The rows that a tree is grown on; their loss is centred, so that sums of it keep their digits."""

    columns: Sequence[Bins]
    codes: Codes
    loss: Floats
    min_rows: int

    def best_splits(self, places: Places, nodes: Sequence[Node], level: range) -> dict[int, Split]:
        """Return the best split of each node of a level that has one."""

        def cuts(f: int) -> _Cuts:
            return self._cuts(f, places, nodes, level)

        columns = range(len(self.columns))
        small = len(columns) * len(self.loss) < SMALL
        found = list(map(cuts, columns)) if small else in_threads(cuts, columns)
        splits = {}
        for j, i in enumerate(level):
            best = max(columns, key=lambda f: found[f].gains[j], default=None)
            if best is not None and found[best].places[j] >= 0:
                parts = found[best].parts(j, nodes[i].allowed.get(best))
                splits[i] = Split(best, parts, float(found[best].gains[j]))
        return splits

    def _cuts(self, f: int, places: Places, nodes: Sequence[Node], level: range) -> _Cuts:
        """Return the best cut of each node of a level by one column, from one histogram."""
        column = self.columns[f]
        sums = kernel.node_sums(self.codes[f], places, self.loss, level.start, len(level), column.known + 1)
        order = None if column.ordered else _by_mean(sums)
        ordered = sums if order is None else np.take_along_axis(sums, order[:, :, None], axis=1)
        gaps = np.array([column.has_missing and f not in nodes[i].allowed for i in level])
        return _Cuts(sums, order, gaps, *kernel.best_cuts(ordered, gaps, float(self.min_rows)))


def _by_mean(sums: Floats) -> npt.NDArray[np.intp]:
    """Return the bins of each node by their mean loss; unseen bins have the node's, missing values come last."""
    n, s = sums[:, :-1, 0], sums[:, :-1, 1]
    own = s.sum(axis=1, keepdims=True) / np.maximum(n.sum(axis=1, keepdims=True), 1)
    order = np.argsort((s + own) / (n + 1), axis=1, kind="stable")
    return np.concatenate([order, np.full((len(sums), 1), n.shape[1])], axis=1)


@dataclass(frozen=True, eq=False)
class _Cuts:
    """The best cut of some nodes by one column: bins before it, bins from it on, and missing values.

    Parameters
    ----------
    sums : ndarray of shape (nodes, known + 1, 2)
        Rows, and sum of the loss, in each bin.
    order : ndarray of int, shape (nodes, known + 1), or None
        Bins in the order that is cut; None: as they are.
    gaps : ndarray of bool, shape (nodes,)
        Whether missing values become a part of their own.
    places : ndarray of int32, shape (nodes,)
        Bins before the cut; 0 where only missing values are parted from the others, -1 where nothing is.
    gains : ndarray of shape (nodes,)
    """

    sums: Floats
    order: npt.NDArray[np.intp] | None
    gaps: npt.NDArray[np.bool_]
    places: npt.NDArray[np.int32]
    gains: Floats

    def parts(self, node: int, allowed: frozenset[int] | None) -> tuple[frozenset[int], ...]:
        """Return the sides of a node's cut, the one with the largest mean loss first.

        Parameters
        ----------
        node : int
            Position among the nodes.
        allowed : frozenset or None
            Bins that its rows can have; None: all.
        """
        place, missing = int(self.places[node]), self.sums.shape[1] - 1
        bins = np.arange(missing) if self.order is None else self.order[node, :missing]
        sides = [side for side in (bins[:place], bins[place:]) if len(side)]
        if self.gaps[node]:
            sides.append(np.array([missing]))
        n, s = self.sums[node].T
        sides.sort(key=lambda side: float(s[side].sum() / max(n[side].sum(), 1)), reverse=True)
        parts = (frozenset(side.tolist()) for side in sides)
        return tuple(parts if allowed is None else (part & allowed for part in parts))
