"""The search of slices against sliceline: same score, same top ten, seconds and memory; and a million rows in full."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.peers import Measured, environment, run

ALPHA, TOP = 0.95, 10
# Number of values of the columns: those of Adult with its numbers in ten bins, and 23 columns in ten bins.
SHAPES = {
    "Adult-shaped, 32,000 x 14": (32_000, [10, 8, 10, 16, 10, 7, 14, 6, 5, 2, 10, 10, 10, 41]),
    "credit-shaped, 30,000 x 23": (30_000, [10] * 23),
}
THEIRS = """
import numpy as np
from sliceline.slicefinder import Slicefinder
data = np.load(sys.argv[1])
def work():
    limits = {"k": int(data["top"]), "max_l": 3, "min_sup": int(data["least"])}
    finder = Slicefinder(alpha=float(data["alpha"]), verbose=False, **limits)
    finder.fit(data["codes"].T + 1, data["errors"])
    return [s["slice_score"] for s in finder.top_slices_statistics_]
"""
OURS = """
import numpy as np
from debuggers.kernels import slice_lattice
from debuggers.slice_items import Item, Lattice
from debuggers.slice_search import Settings, best
slice_lattice.warm()
data = np.load(sys.argv[1])
def work():
    codes = data["codes"]
    widths = [int(c.max()) + 1 for c in codes]
    items = tuple(Item(f, v, v + 1) for f, width in enumerate(widths) for v in range(width))
    lattice = Lattice(
        items, np.concatenate([codes, np.zeros((1, codes.shape[1]), np.uint8)]), np.array([*widths, 1]),
        np.cumsum([0, *widths, 1]), np.array([*(i.low for i in items), 0]), np.array([*(i.high for i in items), 1]),
    )
    settings = Settings(
        ranking=data["ranking"].item(), min_rows=int(data["least"]), alpha=float(data["alpha"]), pays=-np.inf
    )
    return [score for score, _ in best(lattice, data["errors"], settings, int(data["top"]))]
"""
# Columns of the Adult shape that are numbers: without ends on a grid, so that binning them is part of the work.
NUMBERS = (0, 2, 4, 10, 11, 12)
PIPELINE = """
import numpy as np, pandas as pd
from debuggers.analyses.weak_slices import WeakSlicesParams, weak_slices
from debuggers.kernels import cuts, error_tree, slice_ends, slice_lattice
from debuggers.matching import Roles, make_subject
from debuggers.task import Task
for kernel in (cuts, error_tree, slice_ends, slice_lattice):
    kernel.warm()
data, rng = np.load(sys.argv[1]), np.random.default_rng(0)
codes, wrong = data["codes"], data["errors"] > 0
columns = {}
for i, c in enumerate(codes):
    names = [f"v{v}" for v in range(c.max() + 1)]
    columns[f"f{i}"] = c + rng.random(len(c)) if i in data["numbers"] else pd.Categorical.from_codes(c, names)
table = pd.DataFrame(columns)
says = rng.random(len(table)) < 0.5
table = table.assign(p=np.where(says, 0.85, 0.15), y=(says ^ wrong).astype(int))
subject = make_subject("million", table, Roles(target="y", predictions=("p",), task=Task.BINARY))
def work():
    found = weak_slices(subject, WeakSlicesParams(measure="error", draws=0))
    return [len(found.slices), list(found.slices["slice"][:3]), peak()]
"""


def main() -> None:
    """Print seconds, megabytes and their ratios."""
    theirs = environment("sliceline", "sliceline==0.3.0", "numpy>=2")
    with tempfile.TemporaryDirectory() as folder:
        for name, (rows, values) in SHAPES.items():
            data = _saved(Path(folder), rows, values)
            ours, peer = run(OURS, data, repeats=5), run(THEIRS, data, python=theirs)
            print(
                f"{name}, three literals: ours {ours.seconds:.3f} s and {ours.megabytes:.0f} MB; {_beside(ours, peer)}"
            )
        data = _saved(Path(folder), 1_000_000, SHAPES["Adult-shaped, 32,000 x 14"][1])
        ours = run(OURS, data, repeats=2)
        print(f"1,000,000 x 14, three literals: {ours.seconds:.2f} s and {ours.megabytes:,.0f} MB above the table")
        whole = run(PIPELINE, data)
        count, first, peak = whole.answer
        print(
            f"1,000,000 x 14, bins, search of {count} slices and their confirmation: {whole.seconds:.2f} s and "
            f"{peak:,.0f} MB in all, {whole.megabytes:,.0f} MB above the table; the first are {', '.join(first)}"
        )


def _beside(ours: Measured, peer: Measured) -> str:
    if peer.failure:
        return f"sliceline failed ({peer.failure})"
    return (
        f"sliceline {peer.seconds:.1f} s, {peer.megabytes:,.0f} MB: {peer.seconds / ours.seconds:,.0f} times faster, "
        f"{ours.megabytes / peer.megabytes:.4f} of its memory; same ten scores: "
        f"{np.allclose(ours.answer, peer.answer, rtol=1e-9)}"
    )


def _saved(folder: Path, rows: int, values: list[int]) -> Path:
    """Return a file of random bins with 0/1 errors that are more frequent in three slices."""
    rng = np.random.default_rng(0)
    even = len(set(values)) == 1  # bins of as many rows each
    shares = [np.full(k, 1 / k) if even else rng.dirichlet(np.full(k, 3.0)) for k in values]
    codes = np.stack([rng.choice(len(p), rows, p=p) for p in shares]).astype(np.uint8)
    common = [int(np.bincount(c).argmax()) for c in codes]
    weak = [
        (codes[0] == common[0]) & (codes[5] == common[5]),
        (codes[9] == common[9]) & (codes[3] == common[3]) & (codes[6] == common[6]),
        codes[2] == common[2],
    ]
    rate = 0.15 + 0.25 * weak[0] + 0.25 * weak[1] + 0.1 * weak[2]
    path = folder / "slices.npz"
    errors = (rng.random(rows) < rate).astype(np.float64)
    least = max(32, rows // 100)
    np.savez(
        path, codes=codes, errors=errors, alpha=ALPHA, top=TOP, least=least, numbers=NUMBERS, ranking="SliceLine score"
    )
    return path


if __name__ == "__main__":
    main()
