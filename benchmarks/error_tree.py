"""The error tree and the matrix of two features against erroranalysis, the engine of the responsible AI toolbox."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.peers import environment, run

SIZES = (32_000, 1_000_000)
# The fastest of so many counts, of both alike; each runs in turn, since a shared machine's speed changes.
ROUNDS, REPEATS = 3, 7
TABLE = """
import numpy as np, pandas as pd
data = np.load(sys.argv[1])
X, y, says = data["X"], data["y"], data["says"]
names = [f"x{i}" for i in range(X.shape[1])]
"""
THEIRS = """
from erroranalysis.analyzer import PredictionsAnalyzer
analyzer = PredictionsAnalyzer(says, X, y, names, [], model_task="classification")
"""
THEIR_TREE = "def work(): return len(analyzer.compute_error_tree(names, None, None, max_depth=3, num_leaves=31))"
THEIR_MATRIX = 'def work(): return bool(analyzer.compute_matrix(["x1", "x8"], None, None, True, 8))'
OURS = """
import pandas as pd
from debuggers.error_grid import binned_axes, cell_of_rows, cell_table
from debuggers.kernels import error_tree
from debuggers.matching import Roles, make_subject
from debuggers.slice_items import Columns
from debuggers.slice_methods import grown
from debuggers.slice_search import Settings
from debuggers.slice_targets import make_target
from debuggers.statistics import halves
from debuggers.task import Task
from debuggers.tree_table import node_table
error_tree.warm()
table = pd.DataFrame(X, columns=names).assign(p=np.where(says == 1, 0.9, 0.1), y=y)
of = make_subject("rows", table, Roles(target="y", predictions=("p",), task=Task.BINARY))
target = make_target(of, "error")
nothing = pd.DataFrame({"sql": [], "verdict": []})
"""
# Bins, half of the rows, tree, and both halves' numbers with intervals.
OUR_TREE = """
def work():
    columns = Columns.of(of.test, names)
    searched = halves(target.values)
    settings = Settings(min_rows=max(15, len(table) // 200))
    tree = grown(columns, target.values, searched, settings, 3)
    leaf = tree.leaves([b.codes for b in tree.columns], len(table))
    return len(node_table(tree, leaf, target, searched, nothing))
"""
OUR_MATRIX = """
def work():
    searched = halves(target.values)
    axes = binned_axes(of.test, ("x1", "x8"), 8)
    return len(cell_table(axes, cell_of_rows(axes, len(table)), target, searched, nothing))
"""


def main() -> None:
    """Print seconds and their ratios."""
    theirs = environment("erroranalysis", "erroranalysis==0.5.5", "shap")
    with tempfile.TemporaryDirectory() as folder:
        for rows in SIZES:
            data = _saved(Path(folder), rows)
            for what, own, other in (("tree", OUR_TREE, THEIR_TREE), ("matrix", OUR_MATRIX, THEIR_MATRIX)):
                ours, peer = [], []
                for _ in range(ROUNDS):
                    ours.append(run(TABLE + OURS + own, data, repeats=REPEATS))
                    peer.append(run(TABLE + THEIRS + other, data, python=theirs, repeats=REPEATS))
                mine, foreign = (min(runs, key=lambda measured: measured.seconds) for runs in (ours, peer))
                print(
                    f"error {what}, {rows:,} x 14: ours {mine.seconds:.4f} s{mine.failure}, erroranalysis "
                    f"{foreign.seconds:.4f} s{foreign.failure}: {foreign.seconds / mine.seconds:.1f} times faster"
                )


def _saved(folder: Path, rows: int) -> Path:
    """Return a file of numbers and small whole numbers, decided wrongly more often where one is large."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(rows, 8)), rng.integers(0, 8, (rows, 6)).astype(np.float64)], axis=1)
    y = (rng.random(rows) < 0.5).astype(np.int64)
    wrong = rng.random(rows) < np.where(X[:, 1] > 1, 0.4, 0.15)
    path = folder / "rows.npz"
    np.savez(path, X=X, y=y, says=np.where(wrong, 1 - y, y))
    return path


if __name__ == "__main__":
    main()
