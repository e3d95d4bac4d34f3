"""Any ensemble of decision trees as plain arrays, whichever library grew it.

Readers in `debuggers.models.tree_readers` turn a library's object into `Trees`; kernels read nothing else. Where the
object lives in a worker process, the arrays come over the wire from a stranger's model, so `Trees.from_arrays` checks
every index, length and depth before a kernel follows one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

MAX_DEPTH = 1_000
MAX_NODES = 20_000_000
MAX_OUTPUTS = 1_000
MAX_CATEGORY = 65_000  # the largest code of a category; a bit is kept for each


class UnreadableTrees(Exception):
    """A model whose trees cannot be had; the text is the reason, in words that follow "because"."""


class Rule(IntEnum):
    """What a node asks of its input; the row goes left where the answer is yes."""

    AT_MOST = 0  #: x <= threshold; a missing value follows `missing_left`
    AT_MOST_OR_ZERO = 1  #: the same, and a zero counts as missing
    EQUAL = 2  #: x == threshold
    AMONG = 3  #: x, a category's code, is in the node's set


class Link(StrEnum):
    """From the raw scale, on which trees add up, to what the model answers; it is applied to ``slope * raw``."""

    IDENTITY = "identity"
    LOGISTIC = "logistic"  #: of the positive class
    SOFTMAX = "softmax"
    ONE_VS_ALL = "one-vs-all"  #: logistic of each class, divided by their sum
    EXP = "exp"
    ISOLATION = "isolation"  #: -(2 ** -raw) - offset
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Trees:
    """An ensemble of decision trees: ``raw[o] = base[o] + sum over trees of value / divisor``.

    Parameters
    ----------
    feature : ndarray of shape (n_nodes,)
        Input that the node tests, -1 for a leaf. The nodes of all trees lie one after another.
    threshold : ndarray of shape (n_nodes,)
        Number that the input is compared with, exactly as the library compares.
    rule : ndarray of shape (n_nodes,)
        `Rule` of the comparison.
    left, right : ndarray of shape (n_nodes,)
        Positions of the children; -1 for a leaf.
    missing_left : ndarray of shape (n_nodes,)
        Whether a missing value goes left.
    members : ndarray of shape (n_nodes,)
        For `Rule.AMONG`: which set of categories; -1 elsewhere.
    set_start, set_value : ndarray
        Set k holds the category codes ``set_value[set_start[k] : set_start[k + 1]]``.
    value : ndarray of shape (n_nodes, width)
        What a leaf adds to the outputs ``output[tree] ... output[tree] + width - 1``; 0 at other nodes.
    cover : ndarray of shape (n_nodes,)
        Weight of the training rows at the node, as the library counts them; NaN where it does not say.
    root, output : ndarray of shape (n_trees,)
        First node of each tree, and the first output that it adds to.
    base : ndarray of shape (n_outputs,)
    divisor : float
        1, or the number of trees where the library averages.
    n_inputs : int
    single : bool
        Whether inputs are rounded to single precision before they are compared.
    floors : bool
        Whether a category's code is rounded down; else towards zero. Negative ones are in no set.
    missing : float
        A number that stands for a missing value besides NaN; NaN where there is none.
    near_zero : float
        Numbers that are no larger than this are taken for zero.
    link : Link
    slope, offset : float
        Of the link.
    """

    feature: Ints
    threshold: Floats
    rule: npt.NDArray[np.uint8]
    left: Ints
    right: Ints
    missing_left: Bools
    members: Ints
    set_start: npt.NDArray[np.int64]
    set_value: Ints
    value: Floats
    cover: Floats
    root: Ints
    output: Ints
    base: Floats
    n_inputs: int
    divisor: float = 1.0
    single: bool = False
    floors: bool = False
    missing: float = float("nan")
    near_zero: float = 0.0
    link: Link = Link.IDENTITY
    slope: float = 1.0
    offset: float = 0.0

    @property
    def n_outputs(self) -> int:
        """Numbers per row on the raw scale."""
        return len(self.base)

    @property
    def width(self) -> int:
        """Numbers per leaf."""
        return int(self.value.shape[1])

    @cached_property
    def depth(self) -> int:
        """Longest way from a root to a leaf, in steps."""
        depth, level = -1, self.root.astype(np.int64)
        while len(level):
            depth += 1
            if depth > MAX_DEPTH:
                raise UnreadableTrees(f"a tree is deeper than {MAX_DEPTH:,} levels")
            inner = level[self.feature[level] >= 0]
            level = np.concatenate([self.left[inner], self.right[inner]]).astype(np.int64)
        return depth

    @property
    def has_cover(self) -> bool:
        """Whether the library says how many training rows reached each node."""
        return bool(np.isfinite(self.cover).all())

    def outputs(self, chosen: tuple[int, ...]) -> Trees:
        """Return the trees of some outputs, in that order; trees that add to none of them are left out."""
        if chosen == tuple(range(self.n_outputs)):
            return self
        if self.width > 1:
            return dataclasses.replace(
                self, value=np.ascontiguousarray(self.value[:, chosen]), base=self.base[[*chosen]]
            )
        place = np.full(self.n_outputs, -1, np.int32)
        place[[*chosen]] = np.arange(len(chosen), dtype=np.int32)
        kept = place[self.output] >= 0
        return dataclasses.replace(
            self, root=self.root[kept], output=place[self.output[kept]], base=self.base[[*chosen]]
        )

    @cached_property
    def categorical(self) -> Bools:
        """Which inputs are tested as categories, shape (n_inputs,)."""
        found = np.zeros(self.n_inputs, np.bool_)
        found[self.feature[(self.feature >= 0) & (self.rule == Rule.AMONG)]] = True
        return found

    def rounded(self, X: npt.ArrayLike) -> Floats:
        """Return inputs as nodes compare them: rounded, missing values as NaN, categories as whole codes.

        Parameters
        ----------
        X : array-like of shape (n, n_inputs)
        """
        with np.errstate(
            over="ignore"
        ):  # what is too large for single precision becomes infinite there, as it does here
            values = np.asarray(X, dtype=np.float32 if self.single else np.float64).astype(np.float64, order="C")
        if not np.isnan(self.missing):
            values[np.asarray(X) == self.missing] = np.nan
        if self.near_zero > 0.0:
            values[np.abs(values) <= self.near_zero] = 0.0
        if self.categorical.any():
            codes = values[:, self.categorical]
            values[:, self.categorical] = np.floor(codes) if self.floors else np.trunc(codes)
        return values

    def raw(self, X: npt.ArrayLike) -> Floats:
        """Return what the trees add up to, row by row.

        Parameters
        ----------
        X : array-like of shape (n, n_inputs)
            Inputs as the library's predictor takes them, as numbers.

        Returns
        -------
        ndarray of shape (n, n_outputs)
        """
        from debuggers.kernels.tree_values import raw_values  # not in workers, which read trees and never ask them

        summed = np.zeros((len(values := self.rounded(X)), self.n_outputs))
        if self.divisor == 1.0:  # a library that adds up begins with the base, one that averages has none
            summed += self.base
        nodes = (
            self.feature, self.threshold, self.rule, self.left, self.right, self.missing_left, self.members,
            self.set_start, self.set_value, self.value,
        )  # fmt: skip
        raw_values(values, nodes, self.root, self.output, summed)
        return summed if self.divisor == 1.0 else summed / self.divisor + self.base

    def answers(self, raw: Floats) -> Floats:
        """Return the model's answer to raw values: numbers, or probabilities (of the positive class if there is one).

        Parameters
        ----------
        raw : ndarray of shape (n, n_outputs)

        Raises
        ------
        UnreadableTrees
            How the library gets from one to the other is not known.
        """
        return answers(self.link, self.slope, self.offset, raw)

    def as_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the fields as arrays of numbers and of text, for the wire."""
        return {f.name: _array(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Trees:
        """Return trees from arrays that a stranger's model gave.

        Raises
        ------
        UnreadableTrees
            They are no trees: something is missing, of another length, out of range, or goes in a circle.
        """
        hints = get_type_hints(cls)
        fields: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            if field.name not in arrays:
                raise UnreadableTrees(f"there is no {field.name} in what its process sent")
            fields[field.name] = _typed(field.name, arrays[field.name], hints[field.name])
        trees = cls(**fields)
        check(trees)
        return trees


def answers(link: Link, slope: float, offset: float, raw: Floats) -> Floats:
    """Return what a link makes of raw values of shape (n, n_outputs)."""
    from scipy.special import expit, softmax

    z = slope * raw
    if link is Link.IDENTITY:
        return z
    if link is Link.LOGISTIC:
        return np.asarray(expit(z))
    if link is Link.SOFTMAX:
        return np.asarray(softmax(z, axis=1))
    if link is Link.ONE_VS_ALL:
        p = expit(z)
        return np.asarray(p / p.sum(axis=1, keepdims=True))
    if link is Link.EXP:
        return np.exp(z)
    if link is Link.ISOLATION:
        return -np.exp2(-z) - offset
    raise UnreadableTrees("how its objective turns raw scores into predictions is not known")


_DTYPES: dict[str, type] = {
    "feature": np.int32, "threshold": np.float64, "rule": np.uint8, "left": np.int32, "right": np.int32,
    "missing_left": np.bool_, "members": np.int32, "set_start": np.int64, "set_value": np.int32, "value": np.float64,
    "cover": np.float64, "root": np.int32, "output": np.int32, "base": np.float64,
}  # fmt: skip


def _array(value: Any) -> npt.NDArray[Any]:
    if isinstance(value, np.ndarray):
        return value
    return np.array([str(value)], dtype=object) if isinstance(value, str) else np.array([value], dtype=np.float64)


def _typed(name: str, array: npt.NDArray[Any], kind: Any) -> Any:
    """Return an array of a field's type, or the scalar that a field holds."""
    axes = 2 if name == "value" else 1
    if array.ndim != axes:
        raise UnreadableTrees(f"{name} has {array.ndim} axes in what its process sent")
    try:
        if name in _DTYPES:
            return np.ascontiguousarray(array.astype(_DTYPES[name], casting="same_kind"))
        (value,) = array.tolist()
        return kind(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableTrees(f"{name} is not what it should be in what its process sent") from error


def check(trees: Trees) -> None:
    """Check that following the arrays from the roots ends, stays inside them, and gives finite numbers.

    Raises
    ------
    UnreadableTrees
        It does not.
    """
    n, inner = len(trees.feature), trees.feature >= 0
    _demand(0 < n <= MAX_NODES, f"it has {n:,} nodes")
    for name in ("threshold", "rule", "left", "right", "missing_left", "members", "value", "cover"):
        _demand(len(getattr(trees, name)) == n, f"{name} is not one per node")
    _demand(0 < trees.n_outputs <= MAX_OUTPUTS, f"it has {trees.n_outputs:,} outputs")
    _demand(trees.n_inputs > 0 and int(trees.feature.max(initial=-1)) < trees.n_inputs, "a node tests no input")
    _demand(trees.width >= 1 and len(trees.output) == len(trees.root), "a tree has no outputs")
    if len(trees.root):
        _demand(trees.root.min() >= 0 and trees.root.max() < n, "a root is no node")
        last = int(trees.output.max()) + trees.width
        _demand(trees.output.min() >= 0 and last <= trees.n_outputs, "a tree adds to an output that is not there")
    children = np.concatenate([trees.left[inner], trees.right[inner]])
    _demand(not len(children) or (children.min() >= 0 and children.max() < n), "a child is no node")
    # A node with one parent at most, and a root with none, cannot be part of a circle that starts at a root.
    parents = np.bincount(children, minlength=n)
    _demand(bool((parents <= 1).all()) and not parents[trees.root].any(), "its nodes form no trees")
    _demand(len(np.unique(trees.root)) == len(trees.root), "two trees are the same")
    _demand(trees.depth <= MAX_DEPTH, "a tree is too deep")
    _demand(bool(np.isfinite(trees.value).all() and np.isfinite(trees.base).all()), "a leaf's value is not finite")
    _demand(
        np.isfinite(trees.divisor)
        and trees.divisor > 0
        and np.isfinite([trees.slope, trees.offset, trees.near_zero]).all(),
        "a scale is not finite",
    )
    _demand(not np.isnan(trees.threshold[inner & (trees.rule != Rule.AMONG)]).any(), "a threshold is missing")
    _demand(bool((trees.rule <= max(Rule)).all()), "a node's rule is unknown")
    _demand(not (trees.cover < 0).any() and not np.isinf(trees.cover).any(), "a node's cover is negative or infinite")
    _check_sets(trees, inner)


def _check_sets(trees: Trees, inner: Bools) -> None:
    starts, values = trees.set_start, trees.set_value
    _demand(len(starts) >= 1 and starts[0] == 0 and starts[-1] == len(values), "its sets of categories are cut off")
    _demand(bool((np.diff(starts) >= 0).all()), "its sets of categories overlap")
    if len(values):
        _demand(
            values.min() >= 0 and values.max() <= MAX_CATEGORY, f"a category's code is not in 0 to {MAX_CATEGORY:,}"
        )
    used = trees.members[inner & (trees.rule == Rule.AMONG)]
    if len(used):
        _demand(used.min() >= 0 and used.max() < len(starts) - 1, "a node's set of categories is not there")
    numeric = np.unique(trees.feature[inner & (trees.rule != Rule.AMONG)])
    among = np.unique(trees.feature[inner & (trees.rule == Rule.AMONG)])
    _demand(not len(np.intersect1d(numeric, among)), "an input is tested both as a number and as a category")


def _demand(holds: Any, what_else: str) -> None:
    if not holds:
        raise UnreadableTrees(what_else)
