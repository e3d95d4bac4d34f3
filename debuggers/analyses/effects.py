"""How the prediction changes with a feature: partial dependence, individual curves and accumulated local effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.debugger import Finding, Severity, debugger
from debuggers.execution import report
from debuggers.grids import Grid, make_grid, with_value
from debuggers.params import Choice, Feature, Params, Range
from debuggers.statistics import SEED, bootstrap_mean
from debuggers.subject import Subject, sample_rows

Floats = npt.NDArray[np.float64]
# Rows per call of the model: large enough to be fast, small enough to report progress and stay within memory.
BATCH = 100_000
MAX_LINES = 200
GALLERY_POINTS = 12


@dataclass(frozen=True)
class EffectsParams(Params):
    """What to draw."""

    feature: Annotated[str | None, Feature("The one to look at; without one all, by range", nothing="all")] = None
    other: Annotated[str | None, Feature("A second feature, for a surface of both", label="Second feature")] = None
    scale: Annotated[str, Choice(("probability", "log-odds"), "Scale of a classifier's output")] = "probability"
    points: Annotated[int, Range(5, 60, "Values per feature", label="Values")] = 25
    rows: Annotated[int, Range(50, 1_000_000, "Averaged over, drawn at random with a fixed seed")] = 10_000
    gallery_rows: Annotated[int, Range(50, 100_000, "Averaged over in the gallery, drawn at random", label="Rows")] = (
        1_000
    )


@dataclass(frozen=True, eq=False)
class EffectsResult:
    """Curves of one or of all features.

    Parameters
    ----------
    curves : DataFrame
        One row per feature, output and value: `feature`, `output`, `value` (None: missing), `pdp`, `pdp_low`,
        `pdp_high`, `ale` (NaN for categories and "missing", which have no order), `heterogeneity` (standard deviation
        over rows of the individual curves, centred at the median row's value), `rows` (test rows nearest to the
        value), `support` (share of rows within a twentieth of the range).
    lines : DataFrame
        Individual curves of at most `MAX_LINES` rows: `row`, `output`, `value`, `ice`.
    surface : DataFrame
        With a second feature: `feature`, `other`, `output`, `x`, `y`, `pdp`, `rows`.
    ranking : DataFrame
        `feature`, `range` (largest minus smallest partial dependence, over outputs), `interaction` (share of the
        individual curves' variance that the average does not show), in falling order of range.
    sampled, total : int
        Rows averaged over, and rows there are.
    left_out : mapping
        Categories not tried, by feature.
    """

    curves: pd.DataFrame
    lines: pd.DataFrame
    surface: pd.DataFrame
    ranking: pd.DataFrame
    sampled: int
    total: int
    left_out: dict[str, int]
    findings: tuple[Finding, ...]

    def table(self) -> pd.DataFrame:
        """Return the curves."""
        return self.curves


@debugger(
    title="Effects",
    section="Explore",
    question="How does the prediction change when one feature changes?",
    needs={"model", "features"},
)
def effects(subject: Subject, params: EffectsParams) -> EffectsResult:
    """Average and individual responses of the model to each feature.

    How to read
    -----------
    The thick line is the partial dependence: the mean prediction over the rows if every one of them had that value.
    The thin lines are the same for single rows. The accumulated local effect follows only changes that rows near the
    value would see. Where the thin lines cross, the average hides groups: the feature interacts with others. The band
    is a bootstrap interval of the mean over rows; it does not speak of the model's own uncertainty.

    When it misleads
    ----------------
    Partial dependence asks the model about combinations that may not exist when features are correlated; trust the
    accumulated local effect there. In shaded areas there are hardly any rows: the curve is the model's guess. None of
    this is causal.

    References
    ----------
    Friedman (2001), Annals of Statistics 29, 1189-1232. Goldstein et al. (2015), Journal of Computational and Graphical
    Statistics 24, 44-65. Apley and Zhu (2020), Journal of the Royal Statistical Society B 82, 1059-1086.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from debuggers.matching import Roles, make_subject
    >>> from debuggers.models.estimator import EstimatorModel
    >>> table = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": [1.0, 3.0, 5.0]})
    >>> model = EstimatorModel(LinearRegression().fit(table[["x"]], table["y"]))
    >>> subject = make_subject("line", table, Roles(target="y"), model=model)
    >>> effects(subject, EffectsParams(feature="x")).table()["pdp"].round(6).tolist()
    [1.0, 3.0, 5.0]
    """
    limit = params.gallery_rows if params.feature is None else params.rows
    chosen = sample_rows(len(subject.test), limit, SEED)
    rows = subject.test.table.iloc[chosen]
    features = subject.test.features if params.feature is None else (params.feature,)
    points = min(params.points, GALLERY_POINTS) if params.feature is None else params.points
    log_odds = params.scale == "log-odds"
    parts = []
    for i, feature in enumerate(features):
        report(i / len(features), f"Following {feature}")
        grid = make_grid(subject.test.table[feature], subject.test.schema[feature], points)
        if grid.values:
            parts.append(_Curves(subject, rows, grid, log_odds=log_odds))
    surface = pd.DataFrame()
    if params.feature is not None and params.other is not None and params.other != params.feature:
        surface = _surface(subject, rows, params, log_odds=log_odds)
    ranking = pd.DataFrame([p.ranking for p in parts], columns=["feature", "range", "interaction"])
    return EffectsResult(
        curves=pd.concat([p.curves for p in parts], ignore_index=True) if parts else pd.DataFrame(),
        lines=parts[0].lines if params.feature is not None and parts else pd.DataFrame(),
        surface=surface,
        ranking=ranking.sort_values("range", ascending=False, ignore_index=True, kind="stable"),
        sampled=len(rows),
        total=len(subject.test),
        left_out={p.grid.feature: p.grid.left_out for p in parts if p.grid.left_out},
        findings=tuple(_unused(p, len(rows)) for p in parts if p.is_flat and params.feature is None),
    )


def individual_curves(subject: Subject, rows: pd.DataFrame, grid: Grid, *, log_odds: bool) -> Floats:
    """Predict every row at every value of the grid.

    Returns
    -------
    ndarray of shape (n_rows, n_values, n_outputs)
    """
    n, g = len(rows), len(grid.values)
    out = np.empty((n, g, len(subject.outputs)))
    step = max(1, BATCH // max(n, 1))
    for start in range(0, g, step):
        values = grid.values[start : start + step]
        stacked = rows.iloc[np.tile(np.arange(n), len(values))]
        stacked = with_value(stacked, grid.feature, np.repeat(np.array(values, dtype=object), n))
        predicted = subject.predict(stacked, log_odds=log_odds)
        out[:, start : start + step] = predicted.reshape(len(values), n, -1).swapaxes(0, 1)
    return out


def accumulated_local_effects(subject: Subject, rows: pd.DataFrame, grid: Grid, *, log_odds: bool) -> Floats:
    """Return the accumulated local effect at each number of an ordered grid, centred over the rows.

    Returns
    -------
    ndarray of shape (n_numbers, n_outputs)

    Notes
    -----
    Bin k holds the rows with a value in (z[k-1], z[k]], the first one also z[0]. Its effect is the mean over its rows
    of ``f(z[k], rest) - f(z[k-1], rest)``; the effects are accumulated and centred so that the mean over the rows, each
    at its own value on the line through the edges, is 0. A bin without rows adds nothing.
    """
    edges = grid.numbers
    values = rows[grid.feature].to_numpy(dtype=np.float64, na_value=np.nan)
    inside = np.isfinite(values)
    effects = np.zeros((len(edges), len(subject.outputs)))
    if len(edges) < 2 or not inside.any():
        return effects
    known = rows[inside]
    bins = np.clip(np.searchsorted(edges, values[inside], side="left"), 1, len(edges) - 1)
    upper = subject.predict(with_value(known, grid.feature, edges[bins]), log_odds=log_odds)
    lower = subject.predict(with_value(known, grid.feature, edges[bins - 1]), log_odds=log_odds)
    counts = np.bincount(bins, minlength=len(edges))
    for o in range(upper.shape[1]):
        totals = np.bincount(bins, weights=upper[:, o] - lower[:, o], minlength=len(edges))
        effects[:, o] = np.cumsum(np.divide(totals, counts, out=np.zeros(len(edges)), where=counts > 0))
    for o in range(effects.shape[1]):
        effects[:, o] -= np.interp(values[inside], edges, effects[:, o]).mean()
    return effects


class _Curves:
    """The curves of one feature over one sample of rows."""

    def __init__(self, subject: Subject, rows: pd.DataFrame, grid: Grid, *, log_odds: bool) -> None:
        self.grid = grid
        self._subject = subject
        self._rows = rows
        self._ice = individual_curves(subject, rows, grid, log_odds=log_odds)
        self._ale = accumulated_local_effects(subject, rows, grid, log_odds=log_odds) if grid.ordered else None

    @property
    def is_flat(self) -> bool:
        """Whether no row's prediction changes at all."""
        return bool(len(self.grid.values) > 1 and (np.ptp(self._ice, axis=1) == 0).all())

    @property
    def ranking(self) -> tuple[str, float, float]:
        """Feature, range of the partial dependence, and interaction share."""
        pdp = self._ice.mean(axis=0)
        centred = self._ice - self._ice.mean(axis=1, keepdims=True)
        whole = float(np.square(centred).mean())
        rest = float(np.square(centred - centred.mean(axis=0)).mean())
        return self.grid.feature, float(np.ptp(pdp, axis=0).max()), rest / whole if whole > 0 else 0.0

    @property
    def curves(self) -> pd.DataFrame:
        """Tidy curves, one row per output and value."""
        column = self._subject.test.table[self.grid.feature]
        counts = np.bincount(nearest := self.grid.nearest(column) + 1, minlength=len(self.grid.values) + 1)[1:]
        assert len(nearest) == len(column)
        anchor = int(np.argmax(counts.cumsum() >= counts.sum() / 2))
        support = self._support(column)
        frames = []
        for o, output in enumerate(self._subject.outputs):
            lines = self._ice[:, :, o]
            low, high = bootstrap_mean(lines)
            ale = np.full(len(self.grid.values), np.nan)
            if self._ale is not None:
                ale[: len(self._ale)] = self._ale[:, o]
            frames.append(
                pd.DataFrame(
                    {
                        "feature": self.grid.feature,
                        "output": output,
                        "value": pd.Series(self.grid.values, dtype=object),
                        "pdp": lines.mean(axis=0),
                        "pdp_low": low,
                        "pdp_high": high,
                        "ale": ale,
                        "heterogeneity": (lines - lines[:, [anchor]]).std(axis=0),
                        "rows": counts,
                        "support": support,
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    def _support(self, column: pd.Series) -> Floats:
        """Return the share of test rows within a twentieth of the range of each value; of each category its share."""
        if not self.grid.ordered:
            positions = self.grid.nearest(column)
            return np.bincount(positions + 1, minlength=len(self.grid.values) + 1)[1:] / max(len(column), 1)
        values = np.sort(column.dropna().to_numpy(dtype=np.float64))
        numbers = self.grid.numbers
        reach = (numbers[-1] - numbers[0]) / 20 if len(numbers) else 0.0
        inside = np.searchsorted(values, numbers + reach, side="right") - np.searchsorted(values, numbers - reach)
        missing = [len(column) - len(values)] if self.grid.has_missing else []
        return np.append(inside, missing) / max(len(column), 1)

    @property
    def lines(self) -> pd.DataFrame:
        """Tidy individual curves of at most `MAX_LINES` rows."""
        kept = sample_rows(len(self._rows), MAX_LINES, SEED)
        n, g, k = len(kept), len(self.grid.values), len(self._subject.outputs)
        return pd.DataFrame(
            {
                "row": np.repeat(self._rows.index.to_numpy()[kept], g * k),
                "value": pd.Series([v for _ in range(n) for v in self.grid.values for _ in range(k)], dtype=object),
                "output": np.tile(self._subject.outputs, n * g),
                "ice": self._ice[kept].ravel(),
            }
        )


def _surface(subject: Subject, rows: pd.DataFrame, params: EffectsParams, *, log_odds: bool) -> pd.DataFrame:
    """Return the partial dependence of two features on a grid of both."""
    assert params.feature is not None
    assert params.other is not None
    table, schema = subject.test.table, subject.test.schema
    points = min(params.points, 15)
    first = make_grid(table[params.feature], schema[params.feature], points)
    second = make_grid(table[params.other], schema[params.other], points)
    sample = rows.iloc[sample_rows(len(rows), 1_000, SEED)]
    counts = pd.crosstab(first.nearest(table[params.feature]), second.nearest(table[params.other]))
    frames = []
    for j, y in enumerate(second.values):
        report(j / len(second.values), f"Following {params.feature} and {params.other}")
        mean = individual_curves(subject, with_value(sample, params.other, y), first, log_odds=log_odds).mean(axis=0)
        for o, output in enumerate(subject.outputs):
            cells = [counts[j].get(i, 0) if j in counts else 0 for i in range(len(first.values))]
            frames.append(
                pd.DataFrame(
                    {
                        "feature": params.feature,
                        "other": params.other,
                        "output": output,
                        "x": pd.Series(first.values, dtype=object),
                        "y": pd.Series([y] * len(first.values), dtype=object),
                        "pdp": mean[:, o],
                        "rows": cells,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _unused(part: _Curves, n: int) -> Finding:
    feature = part.grid.feature
    return Finding(
        kind="unused_feature",
        severity=Severity.LOW,
        headline=f"The model does not react to {feature}: no prediction changed over {len(part.grid.values)} values.",
        rows=n,
        features=(feature,),
        evidence={"values": len(part.grid.values), "rows": n},
        params={"feature": feature},
    )
