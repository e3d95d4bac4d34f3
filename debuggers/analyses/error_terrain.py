"""Where the model errs: a tree of the measure, a grid of two features, and the weak slices, all from one engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.debugger import Finding, debugger
from debuggers.error_grid import binned_axes, bins_per_axis, cell_of_rows, cell_table, chosen_axes
from debuggers.error_tree import ErrorTree
from debuggers.execution import report
from debuggers.params import Feature, Range
from debuggers.regions import Places
from debuggers.slice_engine import Examined, FoundSlices, SliceParams, examine
from debuggers.slice_methods import TREE_DEPTH, grown
from debuggers.slice_report import findings
from debuggers.subject import Subject
from debuggers.tree_table import node_table

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ErrorTerrainParams(SliceParams):
    """What the engine is asked for, how much of the tree is shown, and which two features span the grid."""

    depth: Annotated[int, Range(1, TREE_DEPTH, "Levels of the tree that are shown", label="Levels")] = 3
    feature: Annotated[
        str | None,
        Feature("First feature of the grid", among="columns", nothing="of the first slice", label="First feature"),
    ] = None
    other: Annotated[
        str | None,
        Feature("Second feature of the grid", among="columns", nothing="the next one", label="Second feature"),
    ] = None
    bins: Annotated[
        int,
        Range(2, 20, "Bins of each feature besides missing values, at most: fewer where cells would hold few rows"),
    ] = 8


@dataclass(frozen=True, eq=False)
class ErrorTerrainResult(FoundSlices):
    """The slices, the same that the page of weak slices lists, and the terrain that they lie in.

    Parameters
    ----------
    nodes : DataFrame
        What `tree_table.node_table` returns.
    cells : DataFrame
        What `error_grid.cell_table` returns.
    axes : tuple of str
        The features of the grid: two, one or none.
    bins : int
        Bins of each of them, at most, besides missing values.
    leaf, cell : ndarray of int32, shape (n,)
        The node without children, and the cell, that each row lies in.
    """

    nodes: pd.DataFrame
    cells: pd.DataFrame
    axes: tuple[str, ...]
    bins: int
    leaf: Places
    cell: Places

    def details(self) -> dict[str, Any]:
        """Return what the table does not hold, in plain types."""
        return super().details() | {
            "axes": list(self.axes),
            "nodes": self.nodes.to_dict("records"),
            "cells": self.cells.to_dict("records"),
        }

    def shares(self, rows: Mask) -> tuple[Floats, Floats]:
        """Return which share of each node's and of each cell's rows lies among some rows, in the order of the tables.

        Parameters
        ----------
        rows : ndarray of bool, shape (n,)
            Such as those of the cohort.
        """
        inside = np.bincount(self.leaf[rows], minlength=int(self.nodes["node"].max()) + 1).astype(np.float64)
        parents = dict(zip(self.nodes["node"], self.nodes["parent"], strict=True))
        for node in sorted(parents, reverse=True)[:-1]:
            inside[parents[node]] += inside[node]
        in_cells = np.bincount(self.cell[rows], minlength=int(self.cells["cell"].max()) + 1 if len(self.cells) else 1)
        return (
            np.asarray(inside[self.nodes["node"]] / self.nodes["rows"], dtype=np.float64),
            np.asarray(in_cells[self.cells["cell"].to_numpy(dtype=np.intp)] / self.cells["rows"], dtype=np.float64),
        )


@debugger(
    title="Error terrain",
    section="Detect",
    question="Where in the space of features does the model err?",
    needs={"labels", "features"},
    scanned=False,  # the scan asks for weak slices, which are the same slices
)
def error_terrain(subject: Subject, params: ErrorTerrainParams) -> ErrorTerrainResult:
    """Show the weak slices in the space of features: as regions of a tree, on a grid of two features, and as a list.

    How to read
    -----------
    One half of the rows, drawn at random, is searched, and the other half, which no search has seen, says how large
    the loss is in each region: colours, means and intervals are of that half in every view. The slices are those of the
    page Weak slices, found by the method chosen there and here, with the same tests: *confirmed* means that the unseen
    half, too, errs more there than elsewhere (Welch's test, one-sided, adjusted by Holm's method for all slices
    listed). The tree is the one that the method "decision tree" grows, whose regions are its slices; on each level it
    divides every region where that explains most of the loss. A region's width is its share of the rows and the
    height of the band at its foot its share of all loss: one that is tall for its width is where the loss gathers. The
    grid begins with the features of the first slice. A click on a region, a cell or a slice makes its rows the cohort;
    the other views then show, as a line along their lower edge, which share of each region is part of it.

    When it misleads
    ----------------
    Only listed slices are tested. Of the many other regions and cells the worst look worse than they are, because one
    reads off the worst of many: their intervals are those of a region chosen before looking. A confirmed slice can
    simply be hard: compare with the loss that the model's own probabilities lead to expect there. A tree takes one
    path: a weak region that no split leads to stays hidden in it. Membership of a slice is associated with errors; it
    need not cause them.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees, for the tree and for the order of
    categories. Sagadeeva and Boehm (2021), SIGMOD, SliceLine, for the search of all slices. Welch (1947), Biometrika
    34, 28-35. Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> from debuggers.matching import Roles, make_subject
    >>> table = pd.DataFrame({"job": ["a", "a", "a", "b"] * 500, "said": 0.0})
    >>> table["y"] = np.sin(np.arange(2000)) * table["job"].map({"a": 1, "b": 3})
    >>> subject = make_subject("jobs", table, Roles(target="y", predictions=("said",)))
    >>> error_terrain(subject, ErrorTerrainParams()).table()[["slice", "confirmed"]].to_numpy().tolist()
    [["job = 'b'", True]]
    """
    found = examine(subject, params)
    report(0.7, "Testing on the other half")
    slices, target, searched = found.evidence(), found.target, found.searched
    report(0.8, "Growing the tree")
    tree = _tree(found, params.depth)
    leaf = tree.leaves([column.codes for column in tree.columns], len(searched))
    report(0.95, "Filling the grid")
    bins = bins_per_axis(params.bins, int(found.held_out.sum()))
    axes = binned_axes(subject.test, chosen_axes((params.feature, params.other), _suggested(found, tree)), bins)
    cell = cell_of_rows(axes, len(searched))
    return ErrorTerrainResult(
        nodes=node_table(tree, leaf, target, searched, slices),
        slices=slices,
        places=tuple(c.slice for c in found.found.candidates),
        cells=cell_table(axes, cell, target, searched, slices),
        axes=tuple(axis.feature for axis in axes),
        bins=bins,
        leaf=leaf,
        cell=cell,
        overall=found.overall,
        title=target.title,
        searched=int(found.rows.sum()),
        held_out=int(found.held_out.sum()),
        looked_at=found.found.looked_at,
        left_out=found.found.left_out,
        obstacle=found.problem,
        findings=tuple(_findings(found, slices, params)),
    )


def _tree(found: Examined, depth: int) -> ErrorTree:
    """Return the upper levels of the tree that the method of trees grows; where nothing is searched, its root."""
    if found.found.tree is not None:
        return found.found.tree.top(depth)
    return grown(found.columns, found.target.values, found.rows, found.settings, depth)


def _suggested(found: Examined, tree: ErrorTree) -> Iterator[str]:
    """Yield features for the grid: those of the slices, of the tree, and the others that can divide the rows."""
    for candidate in found.found.candidates:
        yield from candidate.slice.features
    yield from tree.gains
    yield from (bins.feature for bins in found.columns.bins if len(bins.labels) > 1)


def _findings(found: Examined, slices: pd.DataFrame, params: ErrorTerrainParams) -> Iterator[Finding]:
    """Yield the confirmed slices; each opens the grid of its own features."""
    for finding in findings(found.found.candidates, slices, found.target, params.changed()):
        axes = dict(zip(("feature", "other"), finding.features, strict=False))
        yield replace(finding, params={**finding.params, **axes})
