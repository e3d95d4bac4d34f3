"""What a region of the terrain holds, whichever view draws it: its rows, and the measure on each half of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.kernels import slice_lattice as kernel
from debuggers.slice_targets import Target
from debuggers.slices import Slice
from debuggers.statistics import difference_intervals, mean_intervals, means, wilson

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# The region of each row.
Places = npt.NDArray[np.int32]
# With fewer rows than this a mean of a skewed loss has no interval worth drawing, and no test worth making.
MIN_ROWS = 30
COLUMNS = (
    "slice", "sql", "literals", "rows", "share", "search_rows", "search_loss", "held_out_rows", "held_out_loss",
    "held_out_low", "held_out_high", "rest_loss", "difference", "low", "high", "share_of_loss", "said", "enough",
    "listed", "verdict",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the rows of some regions; regions are merged by adding them.

    Parameters
    ----------
    rows : ndarray of shape (k,)
        All rows, whether they count or not.
    search, held_out : ndarray of shape (k, 3)
        Of the counted rows in each half: rows, sum and sum of squares of the measure.
    said : ndarray of shape (k,)
        Of the held-out ones: what the model's own probabilities lead to expect; NaN where they say nothing.
    """

    rows: Floats
    search: Floats
    held_out: Floats
    said: Floats

    @classmethod
    def of(cls, places: Places, k: int, target: Target, searched: Mask) -> Sums:
        """Sum up `k` regions, given the region of each row and the half that was searched."""
        # One pass per number: a region's rows that do not count, those searched, and those held out.
        part = places + np.int32(k) * (target.counted * (2 - searched.astype(np.int32)))
        sums = kernel.bin_sums(part, target.values, 3 * k).reshape(3, k, 3)
        said = np.full(k, np.nan) if target.said is None else kernel.bin_sums(part, target.said, 3 * k)[2 * k :, 1]
        return cls(sums[:, :, 0].sum(axis=0), sums[1], sums[2], said)

    def rolled_up(self, parents: Sequence[int]) -> Sums:
        """Return the sums of nested regions, which hold those of the regions that they are the parents of."""
        found = self.at(slice(None))
        for i in range(len(parents) - 1, 0, -1):
            for x in (found.rows, found.search, found.held_out, found.said):
                x[parents[i]] += x[i]
        return found

    def at(self, some: Any) -> Sums:
        """Return a copy of some of the regions."""
        return Sums(
            self.rows[some].copy(), self.search[some].copy(), self.held_out[some].copy(), self.said[some].copy()
        )


def region_table(
    places: Sequence[Slice],
    sums: Sums,
    whole: Sums,
    target: Target,
    slices: pd.DataFrame,
    *,
    where: Mapping[str, Any],
) -> pd.DataFrame:
    """Return the numbers of some regions.

    Parameters
    ----------
    places : sequence of Slice
        What each region holds.
    sums : Sums
    whole : Sums
        Of regions that together hold every row once.
    target : Target
    slices : DataFrame
        The slices listed beside the regions: what `slice_evidence.evidence` returns.
    where : mapping of str to sequence
        Columns that say where each region lies; they come first.

    Returns
    -------
    DataFrame
        `slice`, `sql`, `literals` (number of conditions), `rows` and their `share`; of the half that was searched
        `search_rows`, `search_loss`; of the other half `held_out_rows`, `held_out_loss` with its interval
        `held_out_low` and `held_out_high` (Wilson's for a share, else Student's), `rest_loss` (outside the region),
        the `difference` of the two with Welch's interval `low` and `high`; `share_of_loss` (over both halves); `said`
        (what the model's own probabilities lead to expect on the held-out rows, NaN if unknown); `enough` (whether it
        has `MIN_ROWS` held-out rows); `listed` (position of the same slice in the list, -1 without) and its `verdict`
        there, else an empty text: only what the list reports is tested.
    """
    numbers = _numbers(sums, whole, is_share=target.is_share)
    known = {sql: i for i, sql in enumerate(slices["sql"])}
    conditions = [place.sql for place in places]
    listed = [known.get(sql, -1) for sql in conditions]
    return pd.DataFrame(
        {
            **where,
            "slice": [place.text for place in places],
            "sql": conditions,
            "literals": [len(place.literals) for place in places],
            **numbers,
            "enough": numbers["held_out_rows"] >= MIN_ROWS,
            "listed": listed,
            "verdict": ["" if i < 0 else str(slices["verdict"].iloc[i]) for i in listed],
        }
    )


def _numbers(sums: Sums, whole: Sums, *, is_share: bool) -> dict[str, npt.NDArray[Any]]:
    """Return the numbers of all regions at once."""
    held, search = sums.held_out, sums.search
    everything = whole.held_out.sum(axis=0)
    rest = everything - held
    total = float(whole.search[:, 1].sum() + everything[1])
    own, outside = means(held[:, 0], held[:, 1]), means(rest[:, 0], rest[:, 1])
    low, high = wilson(held[:, 1], held[:, 0]) if is_share else mean_intervals(*held.T)
    low = np.maximum(low, 0)  # no measure is negative
    gap_low, gap_high = difference_intervals(held, rest)
    return {
        "rows": sums.rows.astype(np.int64),
        "share": sums.rows / max(float(whole.rows.sum()), 1.0),
        "search_rows": search[:, 0].astype(np.int64),
        "search_loss": means(search[:, 0], search[:, 1]),
        "held_out_rows": held[:, 0].astype(np.int64),
        "held_out_loss": own,
        "held_out_low": low,
        "held_out_high": high,
        "rest_loss": outside,
        "difference": own - outside,
        "low": gap_low,
        "high": gap_high,
        "share_of_loss": (search[:, 1] + held[:, 1]) / total if total > 0 else np.full(len(held), np.nan),
        "said": means(held[:, 0], sums.said),
    }
