"""What the model missed, row by row: where residuals are large, and whether they follow a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from statsmodels.nonparametric.smoothers_lowess import lowess

from debuggers import metrics
from debuggers.debugger import Finding, Severity, debugger
from debuggers.execution import report
from debuggers.params import Choice, Feature, Params, Range
from debuggers.statistics import SEED, share
from debuggers.subject import Subject, sample_rows
from debuggers.task import Task

Floats = npt.NDArray[np.float64]
MAX_POINTS = 5_000
CELLS = (100, 60)
CONFIDENT = 0.95
ALPHA = 0.001


@dataclass(frozen=True)
class ResidualsParams(Params):
    """Which residual, and against what."""

    kind: Annotated[str, Choice(("plain", "deviance"), "Truth minus prediction, or by loss", label="Residual")] = (
        "plain"
    )
    against: Annotated[str, Choice(("prediction", "target", "feature"), "What lies along the axis")] = "prediction"
    feature: Annotated[str | None, Feature("The column along the axis", among="columns", label="Column")] = None
    top: Annotated[int, Range(1, 1_000_000, "Rows to list, by falling absolute residual")] = 10_000


@dataclass(frozen=True, eq=False)
class ResidualsResult:
    """Residuals and their pattern.

    Parameters
    ----------
    worst : DataFrame
        By falling absolute residual: `row` (position in the file), `residual`, `prediction`, `target`, `deviance`,
        `loss`. Of a binary model `prediction` is the probability of the positive class and `residual` the truth (0 or
        1) minus it; of a multiclass model the probability of the row's own class, and 1 minus it.
    points : DataFrame
        At most `MAX_POINTS` rows: `row`, `x`, `residual`.
    cells : DataFrame
        Where there are more rows than that, all of them in cells: `x`, `y` (middles), `width`, `height`, `rows`.
    trend : DataFrame
        LOWESS line through the points: `x`, `residual`; empty for a category.
    groups : DataFrame
        Along a category: `x`, `mean`, `low`, `high`, `rows`.
    histogram : DataFrame
        `low`, `high`, `rows`.
    quantiles : DataFrame
        `normal`, `residual`: quantiles of the standard normal distribution against those of the residuals.
    axis, total : str, int
        What lies along the axis; number of rows.
    """

    worst: pd.DataFrame
    points: pd.DataFrame
    cells: pd.DataFrame
    trend: pd.DataFrame
    groups: pd.DataFrame
    histogram: pd.DataFrame
    quantiles: pd.DataFrame
    axis: str
    total: int
    findings: tuple[Finding, ...]

    def table(self) -> pd.DataFrame:
        """Return the rows with the largest residuals."""
        return self.worst

    def with_values(self, subject: Subject, top: int) -> pd.DataFrame:
        """Return the `top` worst rows with the values of all their columns."""
        head = self.worst.head(top)
        values = subject.test.table.loc[head["row"]].reset_index(drop=True)
        clashing = {c: f"{c} (column)" for c in values.columns if c in head.columns}
        return pd.concat([head, values.rename(columns=clashing)], axis=1)


@debugger(
    title="Residuals",
    section="Detect",
    question="Which rows does the model miss by most, and do the misses follow a pattern?",
    needs={"labels"},
)
def residuals(subject: Subject, params: ResidualsParams) -> ResidualsResult:
    """Residuals against the prediction, the target or a feature, their distribution, and the worst rows.

    How to read
    -----------
    A good model leaves residuals without a pattern: the line stays near 0 all along. A slope or a bend is something the
    model has not learnt; a widening cloud means that it is less sure there than elsewhere. Of a classifier's plain
    residuals the line is the calibration: above 0 the truth comes more often than said. Deviance residuals weigh a miss
    by its log loss, so that confident errors stand out. Points that leave the line of the quantile plot are rarer or
    larger misses than a normal distribution has.

    When it misleads
    ----------------
    Against the target every imperfect model shows a slope: small values are over-, large ones under-predicted.
    Residuals of a classifier fall on two bands by construction; read the line, not the bands.

    References
    ----------
    Cleveland (1979), Journal of the American Statistical Association 74, 829-836, for the line. Pierce and Schafer
    (1986), Journal of the American Statistical Association 81, 977-986, for deviance residuals.

    Examples
    --------
    >>> from debuggers.matching import Roles, make_subject
    >>> table = pd.DataFrame({"p": [0.1, 0.2, 0.8, 0.9], "y": [0, 0, 1, 0]})
    >>> subject = make_subject("four", table, Roles(target="y", predictions=("p",)))
    >>> residuals(subject, ResidualsParams()).table()[["row", "residual"]].head(2).to_numpy().tolist()
    [[3.0, -0.9], [1.0, -0.2]]
    """
    plain = metrics.residual(subject.task, subject.y, subject.scores)
    deviance = metrics.deviance_residual(subject.task, subject.y, subject.scores)
    values = plain if params.kind == "plain" else deviance
    report(0.2, "Sorting the rows")
    x, axis = _axis(subject, params)
    numeric = pd.api.types.is_numeric_dtype(x) and not pd.api.types.is_bool_dtype(x)
    chosen = sample_rows(len(values), MAX_POINTS, SEED)
    points = pd.DataFrame({"row": subject.test.rows[chosen], "x": x.to_numpy()[chosen], "residual": values[chosen]})
    report(0.5, "Following the trend")
    return ResidualsResult(
        worst=worst_rows(subject, plain, deviance, params.top),
        points=points,
        cells=_cells(x.to_numpy(dtype=np.float64, na_value=np.nan), values) if numeric else pd.DataFrame(),
        trend=_trend(points) if numeric else pd.DataFrame(columns=["x", "residual"]),
        groups=pd.DataFrame() if numeric else _groups(x, values),
        histogram=_histogram(values),
        quantiles=_quantiles(values),
        axis=axis,
        total=len(values),
        findings=tuple(_findings(subject)),
    )


def worst_rows(subject: Subject, plain: Floats, deviance: Floats, top: int) -> pd.DataFrame:
    """Return the `top` rows by falling absolute residual, ties in the order of the file."""
    order = np.argsort(-np.abs(plain), kind="stable")[:top]
    prediction = subject.scores
    if subject.task is Task.MULTICLASS:
        prediction = metrics.own_probability(subject.task, subject.y, subject.scores)
    targets = subject.labels[order]
    as_numbers = pd.to_numeric(pd.Series(targets), errors="coerce")
    return pd.DataFrame(
        {
            "row": subject.test.rows[order],
            "residual": plain[order],
            "prediction": prediction[order],
            "target": targets if as_numbers.isna().any() else as_numbers.to_numpy(),
            "deviance": deviance[order],
            "loss": subject.loss[order],
        }
    )


def _axis(subject: Subject, params: ResidualsParams) -> tuple[pd.Series, str]:
    index = subject.test.table.index
    if params.against == "feature" and params.feature is not None:
        return subject.test.table[params.feature], params.feature
    if params.against == "target":
        return pd.Series(subject.labels if subject.task.is_classification else subject.y, index=index), "target"
    scores = subject.scores if subject.scores.ndim == 1 else subject.scores.max(axis=1)
    title = "probability of the decision" if subject.scores.ndim == 2 else subject.output_title
    return pd.Series(scores, index=index), title


def _cells(x: Floats, values: Floats) -> pd.DataFrame:
    known = np.isfinite(x)
    if len(values) <= MAX_POINTS or known.sum() < 2:
        return pd.DataFrame()
    counts, xs, ys = np.histogram2d(x[known], values[known], bins=CELLS)
    i, j = np.nonzero(counts)
    return pd.DataFrame(
        {
            "x": (xs[i] + xs[i + 1]) / 2,
            "y": (ys[j] + ys[j + 1]) / 2,
            "width": np.diff(xs)[i],
            "height": np.diff(ys)[j],
            "rows": counts[i, j].astype(int),
        }
    )


def _trend(points: pd.DataFrame) -> pd.DataFrame:
    """Return a LOWESS line at 60 places; without a spread along the axis there is none."""
    known = points[np.isfinite(points["x"].to_numpy(dtype=np.float64, na_value=np.nan))]
    x, y = known["x"].to_numpy(dtype=np.float64), known["residual"].to_numpy()
    if len(x) < 10 or np.ptp(x) == 0:
        return pd.DataFrame(columns=["x", "residual"])
    places = np.unique(np.quantile(x, np.linspace(0, 1, 60)))
    line = lowess(y, x, frac=0.4, it=0, delta=0.01 * float(np.ptp(x)), xvals=None)
    xs, first = np.unique(line[:, 0], return_index=True)
    return pd.DataFrame({"x": places, "residual": np.interp(places, xs, line[first, 1])}).dropna()


def _groups(x: pd.Series, values: Floats) -> pd.DataFrame:
    frame = pd.DataFrame({"x": x.to_numpy(), "value": values})
    frame["x"] = frame["x"].where(frame["x"].notna(), None)
    table = frame.groupby("x", dropna=False, observed=True)["value"].agg(["mean", "std", "size"])
    table = table.sort_values("size", ascending=False).head(30)
    half = stats.t.ppf(0.975, np.maximum(table["size"] - 1, 1)) * table["std"] / np.sqrt(table["size"])
    return pd.DataFrame(
        {
            "x": ["missing" if pd.isna(v) else v for v in table.index],
            "mean": table["mean"].to_numpy(),
            "low": (table["mean"] - half).to_numpy(),
            "high": (table["mean"] + half).to_numpy(),
            "rows": table["size"].to_numpy(),
        }
    )


def _histogram(values: Floats) -> pd.DataFrame:
    counts, edges = np.histogram(values, bins=min(50, max(5, int(np.sqrt(len(values))))))
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "rows": counts})


def _quantiles(values: Floats) -> pd.DataFrame:
    places = (np.arange(1, min(len(values), 200) + 1) - 0.5) / min(len(values), 200)
    return pd.DataFrame({"normal": stats.norm.ppf(places), "residual": np.quantile(values, places)})


def _findings(subject: Subject) -> Iterator[Finding]:
    """Yield the claims that a classifier is sure of and that fail more often than it says."""
    if not subject.task.is_classification:
        return
    scores = subject.scores if subject.scores.ndim == 2 else np.stack([1 - subject.scores, subject.scores], axis=1)
    chosen, probability = scores.argmax(axis=1), scores.max(axis=1)
    sure = probability >= CONFIDENT
    wrong = sure & (chosen != subject.y)
    expected = float((1 - probability[sure]).sum())
    n, k = int(sure.sum()), int(wrong.sum())
    if n == 0 or k == 0:
        return
    p_value = float(stats.poisson.sf(k - 1, expected))
    excess = (k - expected) / n
    if p_value >= ALPHA or k < 1.5 * expected:
        return
    part = float(subject.loss[wrong].sum()) * (1 - expected / k) / max(float(subject.loss.sum()), 1e-12)
    observed = share(k, n)
    yield Finding(
        kind="label_error",
        severity=Severity.of_share(part),
        headline=f"{k:,} of {n:,} decisions that the model is at least {CONFIDENT:.0%} sure of are wrong, against "
        f"{expected:,.0f} that it expects: look for wrong labels among the worst rows.",
        rows=k,
        effect=observed,
        p_value=p_value,
        evidence={
            "wrong": k, "sure": n, "expected": expected, "excess_share": excess, "share_of_loss": part,
            "rows": subject.test.rows[wrong][np.argsort(-subject.loss[wrong])][:50].tolist(),
        },
        params={"kind": "deviance"},
    )  # fmt: skip
