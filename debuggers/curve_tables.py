"""Curves as tidy tables, with how many rows stand behind each value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.curves import bins_of
from debuggers.feature_curves import FeatureCurves
from debuggers.grids import Grid
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
# A curve is extrapolated where fewer rows than this share are within reach, which is a share of the drawn range;
# looked at in so many places.
THIN, REACH, POSITIONS = 0.01, 0.05, 201


def curve_table(subject: Subject, found: FeatureCurves) -> pd.DataFrame:
    """Tidy curves, one row per output and value."""
    grid, column = found.grid, subject.test.table[found.grid.feature]
    counts = np.bincount(grid.nearest(column) + 1, minlength=len(grid.values) + 1)[1:]
    support, inside = support_of(grid, column), binned(grid, column)
    frames = [
        pd.DataFrame(
            {
                "feature": grid.feature,
                "output": output,
                "value": pd.Series(grid.values, dtype=object),
                "pdp": found.mean[:, o],
                "pdp_low": found.low[:, o],
                "pdp_high": found.high[:, o],
                "ale": found.local[:, o],
                "ale_rows": inside,
                "heterogeneity": found.heterogeneity[:, o],
                "rows": counts,
                "support": support,
            }
        )
        for o, output in enumerate(subject.outputs)
    ]
    return pd.concat(frames, ignore_index=True)


def binned(grid: Grid, column: pd.Series) -> npt.NDArray[np.int64]:
    """Return how many rows are in the local effect's bin that ends at each value."""
    out = np.zeros(len(grid.values), dtype=np.int64)
    if grid.ordered:
        at = bins_of(column.to_numpy(dtype=np.float64, na_value=np.nan), grid.numbers, clipped=True)
        out[: len(grid.numbers)] = np.bincount(at[at > 0], minlength=len(grid.numbers))
    return out


def support_of(grid: Grid, column: pd.Series) -> Floats:
    """Return the share of test rows within `REACH` of the range of each value; of each category its share."""
    if not grid.ordered:
        positions = grid.nearest(column)
        return np.bincount(positions + 1, minlength=len(grid.values) + 1)[1:] / max(len(column), 1)
    missing = [column.isna().mean()] if grid.has_missing else []
    return np.append(_within_reach(grid.numbers, grid.numbers, column), missing)


def _within_reach(at: Floats, numbers: Floats, column: pd.Series) -> Floats:
    """Return the share of rows whose value is within `REACH` of the grid's range of each position."""
    values = np.sort(column.dropna().to_numpy(dtype=np.float64))
    reach = (numbers[-1] - numbers[0]) * REACH if len(numbers) else 0.0
    inside = np.searchsorted(values, at + reach, side="right") - np.searchsorted(values, at - reach)
    return np.asarray(inside / max(len(column), 1))


def thin_parts(grid: Grid, column: pd.Series) -> pd.DataFrame:
    """Return where along an ordered grid under `THIN` of the rows are within reach: `low`, `high` of each part."""
    if not grid.ordered or len(grid.numbers) < 2:
        return pd.DataFrame({"low": np.zeros(0), "high": np.zeros(0)})
    at = np.linspace(grid.numbers[0], grid.numbers[-1], POSITIONS)
    thin = _within_reach(at, grid.numbers, column) < THIN
    edges = np.flatnonzero(np.diff(np.concatenate([[False], thin, [False]]).astype(np.int8))).reshape(-1, 2)
    return pd.DataFrame({"low": at[np.maximum(edges[:, 0] - 1, 0)], "high": at[np.minimum(edges[:, 1], POSITIONS - 1)]})


def line_table(subject: Subject, found: FeatureCurves) -> pd.DataFrame:
    """Tidy individual curves."""
    n, g, k = found.lines.shape
    return pd.DataFrame(
        {
            "row": np.repeat(subject.test.rows[found.drawn], g * k),
            "value": pd.Series([v for _ in range(n) for v in found.grid.values for _ in range(k)], dtype=object),
            "output": np.tile(subject.outputs, n * g),
            "ice": found.lines.ravel(),
        }
    )


def surface_table(subject: Subject, first: Grid, second: Grid, mean: Floats) -> pd.DataFrame:
    """Tidy partial dependence of two features on a grid of both."""
    table = subject.test.table
    counts = pd.crosstab(first.nearest(table[first.feature]), second.nearest(table[second.feature]))
    frames = []
    for j, y in enumerate(second.values):
        cells = [counts[j].get(i, 0) if j in counts else 0 for i in range(len(first.values))]
        for o, output in enumerate(subject.outputs):
            frames.append(
                pd.DataFrame(
                    {
                        "feature": first.feature,
                        "other": second.feature,
                        "output": output,
                        "x": pd.Series(first.values, dtype=object),
                        "y": pd.Series([y] * len(first.values), dtype=object),
                        "pdp": mean[:, j, o],
                        "rows": cells,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)
