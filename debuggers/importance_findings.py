"""What looks wrong in importances.

Features that make the model worse, because what they said in training does not hold here; features that the error hangs
on more than the prediction; and features that explain the target too well.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.debugger import Finding, Severity
from debuggers.importance_table import harm_table
from debuggers.permutation import permutation_losses, permutations
from debuggers.statistics import CONFIDENCE, SEED, Estimate, Moments, halves, holm, t_greater
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
# Fewer rows tell nothing of features that hardly matter.
MIN_ROWS = 200
# A harm below this share of the loss is what a fitted model does with a column of noise.
WORTH_SAYING = 0.02
# A leak: one feature takes so much of the loss away, and of what is taken away so much is its own.
LEAK_REMOVED, LEAK_OWN = 0.9, 0.8
# A feature that matters for the error: at least this share of it, and so many times its share of the prediction.
ERROR_SHARE, TIMES = 0.05, 2.0
DRAWS = 200
# Permutations that have to lower the loss of a feature that does harm.
PERMUTED = 5


def findings_of(
    subject: Subject, table: pd.DataFrame, losses: Floats, rows: npt.NDArray[np.intp], measure: str
) -> Iterator[Finding]:
    """Yield the findings of a table of importances.

    Parameters
    ----------
    subject : Subject
    table : DataFrame
        `ImportanceResult.features`.
    losses : ndarray of shape (n, n_features)
        Contributions to the loss.
    rows : ndarray of shape (n,)
        The test rows that they are of.
    measure : str
    """
    if len(losses) < MIN_ROWS:
        return
    first = table[table["output"] == table["output"].iloc[0]]
    mean_loss = float(subject.loss.mean())
    yield from _leak(subject, first, measure)
    yield from _harmful(subject, losses, rows, mean_loss, measure)
    shares = table.groupby("feature", sort=False)["importance"].sum()
    shares = shares / shares.sum() if shares.sum() > 0 else shares
    yield from _of_the_error(subject, shares, losses, measure)


def _rows(frame: pd.DataFrame) -> list[dict[str, float]]:
    return [{str(name): value for name, value in record.items()} for record in frame.to_dict("records")]


def _harmful(
    subject: Subject, losses: Floats, rows: npt.NDArray[np.intp], whole: float, measure: str
) -> Iterator[Finding]:
    """Yield features that raise the loss on one half of the rows and on the other, where permuting them lowers it.

    The second condition tells them from features that help only together with others.
    """
    features = list(subject.test.features)
    searched = halves(losses.sum(axis=1))
    first, second = (harm_table(part, features) for part in (losses[searched], losses[~searched]))
    tried = (first["harm_q"] <= 1 - CONFIDENCE) & (second["change"] >= WORTH_SAYING * whole)
    second["harm_q"] = holm(second["harm_p"].where(tried).tolist())
    found = second[(second["harm_q"] <= 1 - CONFIDENCE) & (second["change_low"] > 0)]
    if not len(found):
        return
    grown = _permuted(subject, rows[~searched], found["feature"].tolist())
    for row, growth in zip(_rows(found), grown, strict=True):
        gain = Moments.of(-growth)
        if t_greater(gain) <= 1 - CONFIDENCE:
            sizes = {"rows_searched": int(searched.sum()), "rows_held_out": int((~searched).sum())}
            known = sizes | {"share_of_loss": row["change"] / whole, "saved_by_permuting": gain.mean}
            yield _harm(subject, row, known, measure)


def _permuted(subject: Subject, rows: npt.NDArray[np.intp], features: list[str]) -> Floats:
    """Return by how much each row's loss grows if features are permuted among the rows, shape (n_features, n)."""
    chosen = np.zeros(len(subject.test), dtype=bool)
    chosen[rows] = True
    orders = permutations(len(rows), PERMUTED, SEED)
    return np.asarray(permutation_losses(subject.restrict(chosen), orders, features).mean(axis=1))


def _harm(subject: Subject, row: dict[str, float], known: dict[str, float], measure: str) -> Finding:
    feature = str(row["feature"])
    return Finding(
        kind="shortcut",
        severity=Severity.of_share(known["share_of_loss"]),
        headline=f"Knowing {feature} makes the model worse: it adds {row['change']:.3g} to the mean {measure}.",
        rows=len(subject.test),
        effect=Estimate(row["change"], row["change_low"], row["change_high"], int(known["rows_held_out"])),
        features=(feature,),
        p_value=row["harm_p"],
        q_value=row["harm_q"],
        confirmed=True,
        evidence={"measure": f"mean contribution to the {measure}"} | known,
    )


def _of_the_error(subject: Subject, shares: pd.Series, losses: Floats, measure: str) -> Iterator[Finding]:
    """Yield features that the error hangs on far more than the prediction does."""
    sizes = np.abs(losses)
    counts = np.random.default_rng(SEED).multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=DRAWS)
    drawn = counts.astype(np.float64) @ sizes
    drawn /= np.maximum(drawn.sum(axis=1, keepdims=True), 1e-300)
    whole = float(sizes.sum())
    for i, feature in enumerate(subject.test.features):
        own = float(sizes[:, i].sum()) / whole if whole > 0 else 0.0
        prediction = float(shares[feature])
        low, high = np.quantile(drawn[:, i], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        if own < ERROR_SHARE or not low > TIMES * prediction:
            continue
        said = f"{own:.0%} of the {measure} and {prediction:.0%} of the prediction".replace("%", " %")
        yield Finding(
            kind="overfit",
            severity=Severity.MEDIUM if own >= 4 * ERROR_SHARE else Severity.LOW,
            headline=f"{feature} matters for the error more than for the prediction: {said} hang on it.",
            rows=len(subject.test),
            effect=Estimate(own, float(low), float(high), len(losses)),
            features=(feature,),
            evidence={
                "measure": f"share of all contributions to the {measure}", "rows_explained": len(losses),
                "share_of_error": own, "share_of_prediction": prediction,
            },
        )  # fmt: skip


def _leak(subject: Subject, table: pd.DataFrame, measure: str) -> Iterator[Finding]:
    """Yield the one feature that takes nearly all of the loss away by itself, as a copy of the answer does."""
    if len(table) < 2 or not len(table):
        return
    taken = -float(table["change"].sum())
    best = _rows(table.sort_values("change"))[0]
    left = float(subject.loss.mean())
    removed = taken / (taken + left) if taken + left > 0 else 0.0
    own = -best["change"] / taken if taken > 0 else 0.0
    if removed < LEAK_REMOVED or own < LEAK_OWN:
        return
    feature = str(best["feature"])
    yield Finding(
        kind="leakage",
        severity=Severity.HIGH,
        headline=f"{feature} alone explains the target nearly perfectly, as a copy of the answer would.",
        rows=len(subject.test),
        effect=Estimate(own, -best["change_high"] / taken, -best["change_low"] / taken, len(subject.test)),
        features=(feature,),
        evidence={
            "measure": f"share of the {measure} taken away that is its own", "share_taken_away": removed,
            "share_of_prediction": best["share"],
        },
    )  # fmt: skip
