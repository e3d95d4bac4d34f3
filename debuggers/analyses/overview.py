"""Scores, subgroups and calibration: how good the model is, for whom, and whether its probabilities come true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from debuggers import metrics
from debuggers.calibration import calibration_gap, reliability
from debuggers.debugger import Finding, Severity, debugger
from debuggers.execution import report
from debuggers.grouping import Groups, group_rows
from debuggers.params import Feature, Params, Range
from debuggers.slices import Slice
from debuggers.statistics import Estimate, Moments, benjamini_hochberg, difference, welch_greater
from debuggers.subject import Subject
from debuggers.task import Task

Floats = npt.NDArray[np.float64]
ALPHA = 0.05
MIN_ROWS = 30
# Calibration gaps below this are of no consequence, however certain.
MIN_GAP = 0.03
# A drop from training to test below this share of the test loss is no overfitting worth a word.
MIN_DROP = 0.2


@dataclass(frozen=True)
class OverviewParams(Params):
    """What to compare and what mistakes cost."""

    by: Annotated[
        str | None, Feature("Compare the groups of this column", among="columns", label="Compare groups of")
    ] = None
    cost_fp: Annotated[float, Range(0, 1000, "For the cost curve", label="Cost of a false positive")] = 1.0
    cost_fn: Annotated[float, Range(0, 1000, "For the cost curve", label="Cost of a false negative")] = 1.0


@dataclass(frozen=True, eq=False)
class OverviewResult:
    """Scores, curves and groups.

    Parameters
    ----------
    scores : DataFrame
        `score`, `key`, `value`, `low`, `high`, `rows`, `interval` (how it was made), and `train` and `benchmark` where
        those are known.
    groups : DataFrame
        By group of the column `by`: `group`, `sql`, `rows`, `loss` with `loss_low` and `loss_high`, `error`, and for a
        binary model prevalence, accuracy, precision, recall, false-positive and false-negative rate and the share
        selected, each with `_low` and `_high`.
    thresholds : DataFrame
        Binary: at each cut-off the counts, the rates and the cost; empty otherwise.
    calibration : DataFrame
        Classifiers: what `calibration.reliability` returns; of a multiclass model for its chosen class.
    confusion : DataFrame
        Classifiers: `truth`, `decision`, `rows`.
    fit : DataFrame
        Regression: cells of predicted against actual value: `x`, `y` (middles), `rows`.
    left_out : int
        Categories of `by` beyond the most frequent ones.
    """

    scores: pd.DataFrame
    groups: pd.DataFrame
    thresholds: pd.DataFrame
    calibration: pd.DataFrame
    confusion: pd.DataFrame
    fit: pd.DataFrame
    left_out: int
    findings: tuple[Finding, ...]

    def table(self) -> pd.DataFrame:
        """Return the scores."""
        return self.scores


@debugger(
    title="Overview",
    section="Start",
    question="How good is the model, for whom, and can its probabilities be believed?",
    needs={"labels"},
)
def overview(subject: Subject, params: OverviewParams) -> OverviewResult:
    """Scores with intervals, curves over the decision threshold, calibration, and the groups of a column.

    How to read
    -----------
    Every score stands with its 95 % interval: another test table of the same size would give a value within it most of
    the time. A threshold turns probabilities into decisions; the cost curve shows what each would cost with the costs
    that you set. On a calibrated model the points of the reliability diagram lie on the diagonal.

    When it misleads
    ----------------
    A score is a mean: a good one can hide groups on which the model fails, so look at the subgroups and the error
    terrain. Intervals speak of chance in drawing rows, not of rows that are unlike those to come. Shares of no rows are
    shown as undefined.

    References
    ----------
    Wilson (1927) for shares, DeLong et al. (1988) for the ROC curve's area, Spiegelhalter (1986) for calibration.

    Examples
    --------
    >>> from debuggers.matching import Roles, make_subject
    >>> table = pd.DataFrame({"p": [0.1, 0.2, 0.8, 0.9], "y": [0, 0, 1, 0]})
    >>> subject = make_subject("four", table, Roles(target="y", predictions=("p",)))
    >>> overview(subject, OverviewParams()).table().set_index("key")["value"]["accuracy"]
    np.float64(0.75)
    """
    report(0.1, "Scoring")
    groups = None if params.by is None else group_rows(subject.test.table[params.by], subject.test.schema[params.by])
    classifier = subject.task.is_classification
    return OverviewResult(
        scores=_scores(subject),
        groups=pd.DataFrame() if groups is None else group_table(subject, groups),
        thresholds=threshold_table(subject, params.cost_fp, params.cost_fn),
        calibration=reliability(*_claims(subject)) if classifier else pd.DataFrame(),
        confusion=_confusion(subject) if classifier else pd.DataFrame(),
        fit=pd.DataFrame() if classifier else _fit(subject),
        left_out=0 if groups is None else groups.left_out,
        findings=tuple(_findings(subject)),
    )


def _scores(subject: Subject) -> pd.DataFrame:
    def card(s: Subject) -> tuple[metrics.Score, ...]:
        return metrics.scorecard(s.task, s.y, s.scores, s.threshold)

    rows = [
        {
            "score": s.title, "key": s.key, "value": s.estimate.value, "low": s.estimate.low, "high": s.estimate.high,
            "rows": s.estimate.n, "interval": s.interval,
        }
        for s in card(subject)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    for name, other in (("train", subject.on_train()), ("benchmark", subject.with_benchmark())):
        if other is not None:
            report(0.4, f"Scoring the {name}")
            table[name] = [s.estimate.value for s in card(other)]
    return table


def group_table(subject: Subject, groups: Groups) -> pd.DataFrame:
    """Return loss, error and, for a binary model, the shares of the confusion table of each group."""
    rows = []
    for i, part in enumerate(groups.slices):
        inside = groups.codes == i
        rows.append({"group": part.text, "sql": part.sql} | summary(subject, inside))
    return pd.DataFrame(rows)


def cohort_table(subject: Subject, mask: npt.NDArray[np.bool_] | None) -> pd.DataFrame:
    """Return the same figures of the cohort, of the rest and of all rows; only of all rows where `mask` is None."""
    everything = np.ones(len(subject.test), dtype=bool)
    parts = {} if mask is None else {"cohort": mask, "rest": ~mask}
    return pd.DataFrame(
        [{"group": name} | summary(subject, m) for name, m in {**parts, "all rows": everything}.items()]
    )


def summary(subject: Subject, inside: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return the figures of the rows where `inside` holds."""
    loss = Moments.of(subject.loss[inside]).estimate().at_least(0)
    row: dict[str, float] = {
        "rows": int(inside.sum()),
        "loss": loss.value,
        "loss_low": loss.low,
        "loss_high": loss.high,
    }
    row["error"] = float(subject.error[inside].mean()) if inside.any() else np.nan
    if subject.task is Task.BINARY:
        counts = metrics.Confusion.of(subject.y[inside], subject.decision[inside] == 1)
        for name, estimate in counts.shares.items():
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row


def threshold_table(subject: Subject, cost_fp: float, cost_fn: float) -> pd.DataFrame:
    """Return counts, rates and cost of a binary model at its distinct scores, at most 512 cut-offs; else nothing."""
    if subject.task is not Task.BINARY:
        return pd.DataFrame()
    order = np.sort(subject.scores)
    cuts = np.unique(order)
    if len(cuts) > 512:
        quantiles = np.quantile(order, np.linspace(0, 1, 412), method="inverted_cdf")
        cuts = np.unique(np.concatenate([quantiles, np.linspace(0, 1, 101)]))
    cuts = np.unique(np.concatenate([[0.0], cuts, [subject.threshold]]))
    positive = np.sort(subject.scores[subject.y == 1])
    tp = len(positive) - np.searchsorted(positive, cuts, side="right")
    selected = len(order) - np.searchsorted(order, cuts, side="right")
    fp, fn = selected - tp, len(positive) - tp
    tn = len(order) - len(positive) - fp
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = {
            "precision": tp / selected, "recall": tp / len(positive) if len(positive) else np.full(len(cuts), np.nan),
            "fpr": fp / (fp + tn), "f1": 2 * tp / (2 * tp + fp + fn), "accuracy": (tp + tn) / len(order),
        }  # fmt: skip
    cost = (cost_fp * fp + cost_fn * fn) / len(order)
    return pd.DataFrame({"threshold": cuts, "tp": tp, "fp": fp, "fn": fn, "tn": tn, **rates, "cost": cost})


def _claims(subject: Subject) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Return whether each row's claim came true, and its probability: the positive class, or the chosen class."""
    if subject.task is Task.BINARY:
        return subject.y == 1, subject.scores
    return subject.decision == subject.y, subject.scores.max(axis=1)


def _confusion(subject: Subject) -> pd.DataFrame:
    table = pd.DataFrame({"truth": subject.labels, "decision": subject.named(subject.decision)})
    return table.value_counts().rename("rows").reset_index()


def _fit(subject: Subject) -> pd.DataFrame:
    low = float(min(subject.y.min(), subject.scores.min()))
    high = float(max(subject.y.max(), subject.scores.max()))
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges, _ = np.histogram2d(subject.y, subject.scores, bins=60, range=[[low, high], [low, high]])
    middles = (edges[1:] + edges[:-1]) / 2
    i, j = np.nonzero(counts)
    return pd.DataFrame({"x": middles[i], "y": middles[j], "rows": counts[i, j].astype(int)})


def _findings(subject: Subject) -> Iterator[Finding]:
    report(0.6, "Comparing groups")
    if subject.task.is_classification:
        yield from _miscalibration(subject)
    yield from _overfit(subject)
    yield from _worse_than_benchmark(subject)


def _miscalibration(subject: Subject) -> Iterator[Finding]:
    """Yield groups of one column whose claims come true more or less often than said, after correction for all."""
    hit, probability = _claims(subject)
    everywhere, p_value = calibration_gap(hit, probability)
    overall = p_value < ALPHA and abs(everywhere.value) >= MIN_GAP
    if overall:
        yield _gap_finding(subject, None, np.ones(len(hit), dtype=bool), gap=everywhere, p=p_value, q=p_value)
    columns = dict.fromkeys((*subject.test.features, *subject.sensitive))
    tested = []
    for column in columns:
        groups = group_rows(subject.test.table[column], subject.test.schema[column])
        for i, part in enumerate(groups.slices):
            inside = groups.codes == i
            if MIN_ROWS <= inside.sum() < len(hit):
                # Against the whole model's gap: a group is only of interest for what it adds.
                gap, p = calibration_gap(hit[inside], np.clip(probability[inside] + everywhere.value, 0, 1))
                # One that is as said stands out only because others are not.
                own = float(np.mean(hit[inside] - probability[inside]))
                size = min(abs(own), abs(gap.value)) if own * gap.value > 0 else 0.0
                tested.append((part, inside, gap, p, size))
    adjusted = benjamini_hochberg([t[3] for t in tested])
    found = [(q, t[:4]) for q, t in zip(adjusted, tested, strict=True) if q < ALPHA and t[4] >= MIN_GAP]
    found.sort(key=lambda item: -abs(item[1][2].value) * item[1][1].sum())
    taken = np.zeros(len(hit), dtype=bool)
    for q, (part, inside, gap, p) in found:
        # A group whose rows mostly lie in one that was reported already says nothing new.
        if (inside & taken).sum() <= 0.5 * inside.sum():
            yield _gap_finding(subject, part, inside, gap=gap, p=p, q=float(q))
            taken |= inside


def _gap_finding(
    subject: Subject, where: Slice | None, inside: npt.NDArray[np.bool_], *, gap: Estimate, p: float, q: float
) -> Finding:
    hit, probability = _claims(subject)
    observed, said = float(hit[inside].mean()), float(probability[inside].mean())
    excess = _cost_of_gap(hit[inside], probability[inside])
    share = excess / max(float(subject.loss.sum()), 1e-12)
    claim = f"“{subject.classes[1]}”" if subject.task is Task.BINARY else "The decision"
    return Finding(
        kind="miscalibration",
        severity=Severity.of_share(share),
        headline=f"{claim} comes true in {observed:.1%} of rows and is said to in {said:.1%}"
        + (f" where {where.text}." if where else "."),
        rows=int(inside.sum()),
        effect=gap,
        slice=where,
        features=where.features if where else (),
        p_value=p,
        q_value=q,
        evidence={"observed": observed, "predicted": said, "share_of_loss": share, "scale": "probability"},
        params={"by": where.features[0]} if where else {},
    )


def _cost_of_gap(hit: npt.NDArray[np.bool_], probability: Floats) -> float:
    """Return the log loss that a constant shift of the log-odds to the observed share would save."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    observed = np.clip(hit.mean(), 1e-6, 1 - 1e-6)
    odds = np.log(p / (1 - p))
    shift = np.log(observed / (1 - observed)) - np.log(p.mean() / (1 - p.mean()))
    better = 1 / (1 + np.exp(-(odds + shift)))

    def loss(q: Floats) -> float:
        return float(-(np.where(hit, np.log(q), np.log1p(-q))).sum())

    return max(0.0, loss(p) - loss(np.clip(better, 1e-12, 1 - 1e-12)))


def _overfit(subject: Subject) -> Iterator[Finding]:
    train = subject.on_train()
    if train is None:
        return
    report(0.8, "Comparing with the training data")
    test_loss, train_loss = Moments.of(subject.loss), Moments.of(train.loss)
    gap, p = difference(test_loss, train_loss), welch_greater(test_loss, train_loss)
    share = gap.value / test_loss.mean if test_loss.mean > 0 else 0.0
    if p < ALPHA and share >= MIN_DROP:
        yield Finding(
            kind="overfit",
            severity=Severity.HIGH if share >= 0.5 else Severity.MEDIUM,
            headline=f"Mean loss is {test_loss.mean:.3g} on the test and {train_loss.mean:.3g} on the training rows.",
            rows=len(subject.test),
            effect=gap,
            p_value=p,
            evidence={"test_loss": test_loss.mean, "train_loss": train_loss.mean, "share_of_loss": share},
        )


def _worse_than_benchmark(subject: Subject) -> Iterator[Finding]:
    other = subject.with_benchmark()
    if other is None:
        return
    paired = Moments.of(subject.loss - other.loss)
    gap = paired.estimate()
    spread = paired.deviation / np.sqrt(paired.n) if paired.n > 1 else np.nan
    p = float(stats.t.sf(gap.value / spread, paired.n - 1)) if spread > 0 else np.nan
    share = gap.value / float(subject.loss.mean()) if subject.loss.mean() > 0 else 0.0
    if p < ALPHA:
        yield Finding(
            kind="worse_than_benchmark",
            severity=Severity.of_share(share),
            headline=f"Mean loss is {gap.value:.3g} higher than the benchmark's on the same rows.",
            rows=len(subject.test),
            effect=gap,
            p_value=p,
            evidence={
                "loss": float(subject.loss.mean()),
                "benchmark_loss": float(other.loss.mean()),
                "share_of_loss": share,
            },
        )
