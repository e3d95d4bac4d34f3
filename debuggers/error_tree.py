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
    features = np.full(len(nodes), -1, dtype=np.int32)
    bins = 1 + max(max(node.allowed[node.feature]) for node in nodes if node.parent in splits)
    children = np.zeros((len(nodes), bins), dtype=np.int32)
    for i, split in splits.items():
        features[i] = split.feature
    for j, node in enumerate(nodes):
        if node.parent in splits:
            children[node.parent, list(node.allowed[node.feature])] = j
    kernel.descend(np.asarray(codes), places, features, children)


@dataclass(frozen=True, eq=False)
class _Searched:
    """The rows that a tree is grown on; their loss is centred, so that sums of it keep their digits."""

    columns: Sequence[Bins]
    codes: Codes
    loss: Floats
    min_rows: int

    def best_splits(self, places: Places, nodes: Sequence[Node], level: range) -> dict[int, Split]:
        """Return the best split of each node of a level that has one, from one histogram per column."""
        best: dict[int, tuple[int, _Cut]] = {}
        first, count = level.start, len(level)

        def sums(f: int) -> Floats:
            return kernel.node_sums(self.codes[f], places, self.loss, first, count, self.columns[f].known + 1)

        columns = range(len(self.columns))
        small = len(columns) * len(self.loss) < SMALL
        for f, found in enumerate(map(sums, columns) if small else in_threads(sums, columns)):
            for i, cell in zip(level, found, strict=True):
                allowed = nodes[i].allowed.get(f)
                cut = _best_cut(self.columns[f], allowed, cell[:, 0], cell[:, 1], self.min_rows)
                if cut is not None and (i not in best or cut.gain > best[i][1].gain):
                    best[i] = f, cut
        return {i: Split(f, cut.parts(), cut.gain) for i, (f, cut) in sorted(best.items())}


@dataclass(frozen=True, eq=False)
class _Cut:
    """A division of a node's bins: those before the cut, those from it on, and missing values where they have a side.

    Parameters
    ----------
    n, s : ndarray of shape (known + 1,)
        Rows, and sum of the loss, in each bin.
    bins : ndarray of int
        Known bins in the order that is cut.
    place : int
        Bins before the cut; none where only missing values are parted from the others.
    missing : int or None
    gain : float
    """

    n: Floats
    s: Floats
    bins: npt.NDArray[np.intp]
    place: int
    missing: int | None
    gain: float

    def parts(self) -> tuple[frozenset[int], ...]:
        """Return the sides, the one with the largest mean loss first."""
        sides = (self.bins[: self.place], self.bins[self.place :]) if self.place else (self.bins,)
        parts = [frozenset(side.tolist()) for side in sides]
        if self.missing is not None:
            parts.append(frozenset({self.missing}))
        return tuple(sorted(parts, key=lambda part: -_mean(self.n, self.s, part)))


def _best_cut(column: Bins, allowed: frozenset[int] | None, n: Floats, s: Floats, min_rows: int) -> _Cut | None:
    """Return the best division of one node by one column, None where none keeps enough rows.

    Parameters
    ----------
    allowed : frozenset or None
        Bins that the node's rows can have; None: all.
    n, s : ndarray of shape (column.known + 1,)
        Rows, and sum of the loss, in each bin.
    """
    known = np.arange(column.known) if allowed is None else np.array(sorted(allowed - {column.missing}), dtype=np.intp)
    if not column.ordered:
        known = known[np.argsort(_leaning_means(n[known], s[known]), kind="stable")]
    gap = allowed is None and column.has_missing
    gap_n, gap_s = (n[column.missing], s[column.missing]) if gap and n[column.missing] >= min_rows else (0.0, 0.0)
    cut, gain = kernel.best_cut(n[known], s[known], gap_n, gap_s, float(min_rows))
    return None if cut < 0 else _Cut(n, s, known, cut, column.missing if gap else None, gain)


def _leaning_means(n: Floats, s: Floats) -> Floats:
    """Return the mean loss of each bin with one row of the node's mean added: unseen bins have that mean."""
    return np.asarray((s + s.sum() / max(n.sum(), 1)) / (n + 1), dtype=np.float64)


def _mean(n: Floats, s: Floats, part: frozenset[int]) -> float:
    chosen = list(part)
    return float(s[chosen].sum() / max(n[chosen].sum(), 1))
