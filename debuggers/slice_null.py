"""What chance alone makes of a search: the largest t over all slices when the losses are redrawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from debuggers.execution import in_threads
from debuggers.kernels import slice_null as kernel
from debuggers.slice_items import Lattice
from debuggers.slice_search import CORES, Groups, boxes, cells, parts
from debuggers.statistics import CONFIDENCE

Floats = npt.NDArray[np.float64]
# Redrawn losses that one pass over the rows takes.
BLOCK = 32
# Nanoseconds of one core per row, box and cell of a cube, for each redrawn loss, about.
PER_ROW, PER_BOX, PER_CELL = 0.8, 0.8, 5.0


@dataclass(frozen=True, eq=False)
class Null:
    """The largest scores of a search among redrawn losses.

    Parameters
    ----------
    largest : ndarray of shape (draws,)
        The largest t in each draw; empty if it was not computed.
    left_out : str
        Why it was not computed, in one sentence; else empty.
    """

    largest: Floats
    left_out: str = ""

    def p_value(self, t: float) -> float:
        """Return how often chance alone finds a slice as clear, at least 1 / (draws + 1); NaN without draws."""
        if not len(self.largest) or not np.isfinite(t):
            return np.nan
        return float((1 + (self.largest > t - 1e-6).sum()) / (1 + len(self.largest)))

    @property
    def limit(self) -> float:
        """The t that chance alone exceeds in 5 % of searches; NaN without draws."""
        if not len(self.largest):
            return np.nan
        return float(np.quantile(self.largest, CONFIDENCE, method="higher"))


def expected_seconds(lattice: Lattice, groups: Groups, draws: int) -> float:
    """Return about how long the null of a search takes on `CORES` cores."""
    n = lattice.codes.shape[1]
    one = n * len(groups) * PER_ROW + boxes(lattice, groups).sum() * PER_BOX + cells(lattice, groups).sum() * PER_CELL
    return float(one * draws / CORES / 1e9)


def largest_t(
    lattice: Lattice,
    groups: Groups,
    draw: Callable[[], Floats],
    *,
    draws: int,
    against_rest: bool,
    min_rows: int,
    message: str,
    span: tuple[float, float],
) -> Floats:
    """Return the largest t of the search in each of some draws, shape (draws,).

    Parameters
    ----------
    lattice, groups
        What the search looked at.
    draw : callable
        Returns redrawn losses of the lattice's rows, shape (n,).
    against_rest : bool
        Whether slices are compared with the rest (exchangeable errors) or with 0 (losses beyond what the model said).
    span : (float, float)
        Where in the whole work's progress this begins and ends.
    """
    pieces = parts(lattice, groups)
    found: list[Floats] = []
    for start in range(0, draws, BLOCK):
        size = min(BLOCK, draws - start)
        losses = np.stack([draw() for _ in range(size)], axis=1)
        binary = bool(((losses == 0) | (losses == 1)).all())
        centre = 0.0 if binary or not against_rest else losses.mean()
        redrawn = (losses - centre).astype(np.float32)

        def work(part: Groups, redrawn: npt.NDArray[np.float32] = redrawn, binary: bool = binary) -> Floats:  # noqa: FBT001
            return np.asarray(
                kernel.largest(
                    lattice.codes, lattice.widths, lattice.starts, lattice.lows, lattice.highs, redrawn, binary,
                    against_rest, part, float(min_rows),
                )
            )  # fmt: skip

        low, high = (span[0] + (span[1] - span[0]) * done / draws for done in (start, start + size))
        found.append(np.max(in_threads(work, pieces, message, (low, high)), axis=0, initial=-np.inf))
    signed = np.concatenate(found) if found else np.empty(0)
    return np.sign(signed) * np.sqrt(np.abs(signed))


def judged(
    lattice: Lattice,
    groups: Groups,
    draw: Callable[[], Floats],
    *,
    draws: int,
    against_rest: bool,
    min_rows: int,
    seconds: float,
    message: str,
    span: tuple[float, float],
) -> Null:
    """Return the null of a search, or why it was left out: it would take longer than `seconds` on `CORES` cores.

    Other parameters are those of `largest_t`.
    """
    needed = expected_seconds(lattice, groups, draws)
    if needed > seconds:
        return Null(np.empty(0), (
            f"Not judged by redrawn losses: {draws} draws would take about {needed:,.0f} s, and {seconds:,.0f} s are "
            "given; give it more time or fewer draws."
        ))  # fmt: skip
    found = largest_t(
        lattice, groups, draw, draws=draws, against_rest=against_rest, min_rows=min_rows, message=message, span=span
    )
    return Null(found)
