"""One row of a 100-tree model: all response strips and flip points against asking, the smallest change, and H."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.effects import data, models
from debuggers import interactions
from debuggers.counterfactuals import other_goals
from debuggers.editing import own_values, varied
from debuggers.ensembles import ensemble_of
from debuggers.kernels import tree_boxes, tree_lines, tree_pairs
from debuggers.matching import Roles, make_subject
from debuggers.models.estimator import EstimatorModel
from debuggers.moves import Moves
from debuggers.response import respond
from debuggers.steps import steps_of
from debuggers.subject import Subject
from debuggers.tree_search import cheapest

FIT, ROWS, POINTS = 10_000, 30, 101


def main() -> None:
    """Print medians and ratios."""
    for kernel in (tree_boxes, tree_lines, tree_pairs):
        kernel.warm()
    X, y = data(FIT)
    table = pd.DataFrame(X, columns=[f"x{f}" for f in range(X.shape[1])])
    for name, (model, _, _) in models(X, y).items():
        fitted = type(model)(**model.get_params()).fit(table, y)
        subject = make_subject(name, table.assign(y=y), Roles(target="y"), model=EstimatorModel(fitted))
        ensemble_of(subject)
        respond(subject, own_values(subject, 0), POINTS)  # cuts and scales are found once
        ours = _median(lambda row, s=subject: respond(s, own_values(s, row), POINTS))
        peer = _median(lambda row, s=subject: _every_cut(s, row))
        print(f"{name}, strips and flips: {ours * 1e3:.1f} ms against {peer * 1e3:.0f} ms for asking at every cut")
        print(f"  smallest change: {_smallest(subject)}")
        started = time.perf_counter()
        interactions(fitted, table)
        print(f"  H of {X.shape[1] * (X.shape[1] - 1) // 2} pairs, {FIT:,} rows: {time.perf_counter() - started:.2f} s")


def _every_cut(subject: Subject, row: int) -> None:
    """Ask the model at every split point of every feature: what exact flips cost without reading the trees' values."""
    steps = steps_of(subject, ensemble_of(subject))
    subject.predict(
        varied(
            subject,
            own_values(subject, row),
            [(c, above.tolist()) for c, above in zip(steps.columns, steps.above, strict=True)],
        )
    )


def _smallest(subject: Subject) -> str:
    times, proved = [], 0
    for row in range(ROWS):
        outputs = subject.as_outputs(subject.scores[row : row + 1])[0]
        started = time.perf_counter()
        moves = Moves(subject, own_values(subject, row), {}, "changes")
        found = cheapest(moves, ensemble_of(subject), other_goals(subject, outputs)[0])
        times.append(time.perf_counter() - started)
        proved += found.changes is not None and found.bound >= found.cost
    middle, worst = np.median(times), max(times)
    return f"median {middle * 1e3:.0f} ms, slowest {worst:.1f} s, proved for {proved} of {ROWS} rows"


def _median(work: Any) -> float:
    times = []
    for row in range(ROWS):
        started = time.perf_counter()
        work(row)
        times.append(time.perf_counter() - started)
    return float(np.median(times))


if __name__ == "__main__":
    main()
