"""Trees on their way from a worker to the app: named arrays there, checked trees here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from debuggers.models.adapter import Unavailable
from debuggers.models.composed import ComposedTrees, Table
from debuggers.models.tree_readers.reading import read_trees
from debuggers.models.trees import Link, Trees, UnreadableTrees
from debuggers.task import Task

Array = npt.NDArray[Any]


def booster_arrays(model: Any, kind: str, task: Task | None) -> Mapping[str, Array]:
    """Return the trees of a booster, or the bytes of an ONNX file, that takes the columns as they are.

    Parameters
    ----------
    kind : str
        What is asked for; there are trees only.
    task : Task or None
        What the model is used for: what its file does not call a probability is then taken for log-odds or scores.

    Raises
    ------
    Unavailable
        There are none.
    """
    if kind != "trees":
        raise Unavailable(f"files of this format hand over no {kind}")
    return composed_arrays(lambda: _as_given(_used_for(read_trees(model), task)))


def composed_arrays(compose: Callable[[], ComposedTrees]) -> Mapping[str, Array]:
    """Return composed trees as arrays.

    Raises
    ------
    Unavailable
        They cannot be read.
    """
    try:
        found = compose()
    except UnreadableTrees as error:
        raise Unavailable(str(error)) from error
    return {
        **found.trees.as_arrays(),
        "source": found.source.astype(np.int64),
        "n_features": np.array([found.n_features, int(found.is_plain)]),
    }


def _as_given(trees: Trees) -> ComposedTrees:
    return ComposedTrees(trees, np.arange(trees.n_inputs), np.asarray, trees.n_inputs, is_plain=True)


def _used_for(trees: Trees, task: Task | None) -> Trees:
    """Return trees with the link by which the adapter makes probabilities of what is none."""
    if task is None or not task.is_classification or trees.link in (Link.LOGISTIC, Link.SOFTMAX, Link.ONE_VS_ALL):
        return trees
    link = Link.LOGISTIC if trees.n_outputs == 1 else Link.SOFTMAX
    return dataclasses.replace(trees, link=link, slope=1.0)


def received(arrays: Mapping[str, Array], encode: Callable[[Table], npt.NDArray[np.float64]]) -> ComposedTrees:
    """Return composed trees from what a worker sent.

    Raises
    ------
    UnreadableTrees
        It is something else.
    """
    trees = Trees.from_arrays(arrays)
    source, width = arrays.get("source"), arrays.get("n_features")
    if source is None or width is None or source.dtype.kind != "i" or width.dtype.kind != "i" or width.shape != (2,):
        raise UnreadableTrees("its process did not send which column feeds which input")
    n_features, is_plain = int(width[0]), bool(width[1])
    within = len(source) == 0 or (source.min() >= 0 and source.max() < n_features)
    if source.shape != (trees.n_inputs,) or not 0 < n_features <= 1_000_000 or not within:
        raise UnreadableTrees("its process sent columns that are not there")
    return ComposedTrees(trees, source.astype(np.int64), encode, n_features, is_plain=is_plain)
