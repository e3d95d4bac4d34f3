"""Which features drive the prediction, and which the error: contributions, permutations, interactions, a surrogate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.binning import bin_column
from debuggers.debugger import debugger
from debuggers.execution import report
from debuggers.explainer import Explainer
from debuggers.explainers import explainer_of
from debuggers.explanation_checks import run_checks
from debuggers.importance_findings import findings_of
from debuggers.importance_result import PARTS, ImportanceResult
from debuggers.importance_table import (
    OWN_BINS,
    PARTNER_BINS,
    directions,
    harm_table,
    magnitude_table,
    partner_table,
)
from debuggers.joint_effects import interactions_of
from debuggers.params import Choice, Params, Range, Row
from debuggers.permutation import permutation_losses, permutation_table, permutations
from debuggers.row_choice import first_row, position_of
from debuggers.statistics import SEED
from debuggers.subject import Subject, sample_rows
from debuggers.surrogate import surrogate
from debuggers.tree_explainer import INTERVENTIONAL, PATH_DEPENDENT

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
# Contributions that are computed, and that are kept for charts and cohorts; rows that partners are looked for on.
MOST_CELLS, KEPT_CELLS, KEPT_ROWS, PARTNER_ROWS = 50_000_000, 4_000_000, 20_000, 2_000
PARTNERED = 40
# Permutations per row of a model that is asked about many rows, and about one.
FEW_PERMUTATIONS = 2
# Pairs of more features than these would be too many questions to a model that has to be asked.
MOST_ASKED_PAIRED = 40


@dataclass(frozen=True)
class ImportanceParams(Params):
    """What to compute, and on how many rows."""

    part: Annotated[str, Choice(PARTS, "What to compute")] = "features"
    row: Annotated[int | None, Row("The row whose prediction is taken apart; without one the worst")] = None
    kind: Annotated[
        str,
        Choice(
            (INTERVENTIONAL, PATH_DEPENDENT),
            "Who takes the place of features left out: background rows, or the training rows as trees remember them",
            label="Values",
        ),
    ] = INTERVENTIONAL
    background: Annotated[
        int, Range(10, 100_000, "Rows that take the place of features left out, drawn at random", label="Background")
    ] = 300
    rows: Annotated[
        int, Range(50, 1_000_000, "Rows explained where that is exact, drawn at random", label="Rows explained")
    ] = 100_000
    error_rows: Annotated[
        int, Range(50, 100_000, "Rows whose error is explained, drawn at random", label="Rows for the error")
    ] = 1_000
    asked_rows: Annotated[
        int, Range(10, 10_000, "Rows explained where the model has to be asked, drawn at random", label="Rows asked")
    ] = 100
    permuted_rows: Annotated[
        int, Range(50, 1_000_000, "Rows among which values are permuted, drawn at random", label="Rows permuted")
    ] = 2_000
    repeats: Annotated[int, Range(1, 50, "Permutations of each feature", label="Repetitions")] = 5
    depth: Annotated[int, Range(1, 6, "Levels of the surrogate tree")] = 3
    output: Annotated[int, Range(0, 999, "Position of the class that pairs and rules are of")] = 0
    seed: Annotated[int, Range(0, 1_000_000, "Of all that is drawn at random")] = 0


@debugger(
    title="Importance",
    section="Explore",
    question="Which features drive the prediction, and which the error?",
    needs={"model", "features"},
)
def importance(subject: Subject, params: ImportanceParams) -> ImportanceResult:
    """Share out predictions and losses among the features, and check how far that can be believed.

    How to read
    -----------
    A contribution (Shapley value) is what knowing a feature adds to the model's output for one row, averaged over all
    orders in which features can become known; with the base, contributions add up to the output. Importance is the mean
    of their sizes. Beside it stands the same for the loss: features on which the error hangs. A feature whose mean
    contribution to the loss is above 0 makes the model worse on these rows. Permutation importance is how much the loss
    grows when a feature's values are dealt out at random. H is the share of a pair's joint effect that is not the sum
    of two single ones. Intervals are 95 %, over rows.

    When it misleads
    ----------------
    Contributions explain the model, not the world: none of this is causal. Of two features that say the same one may
    get all the importance. Interventional values ask the model about rows that mix features of different people, which
    may not exist: see the off-manifold share. Rankings can depend on the background rows: see baseline invariance. No
    method passes every check on every model, and methods that pass can still be no better than guessing for what
    a person wants to decide. A surrogate that agrees too little explains itself, not the model.

    References
    ----------
    Lundberg et al. (2020), Nature Machine Intelligence 2, 56-67. Bilodeau et al. (2024), Impossibility theorems for
    feature attribution, PNAS 121. Fisher, Rudin and Dominici (2019), Journal of Machine Learning Research 20 (177).
    Friedman and Popescu (2008), Annals of Applied Statistics 2, 916-954. Slack et al. (2020), Fooling LIME and SHAP.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from debuggers.matching import Roles, make_subject
    >>> from debuggers.models.estimator import EstimatorModel
    >>> table = pd.DataFrame({"x": [0.0, 1.0, 2.0, 1.0], "z": [1.0, 0.0, 0.0, 1.0], "y": [0.0, 3.0, 6.0, 3.0]})
    >>> model = EstimatorModel(LinearRegression().fit(table[["x", "z"]], table["y"]))
    >>> subject = make_subject("line", table, Roles(target="y"), model=model)
    >>> importance(subject, ImportanceParams()).table()[["feature", "importance"]].round(6).to_numpy().tolist()
    [['x', 1.5], ['z', 0.0]]
    """
    parts: dict[str, Callable[[Subject, ImportanceParams], ImportanceResult]] = {
        "features": _features,
        "row": _row,
        "permutation": _permutation,
        "interactions": _interactions,
        "checks": _checks,
        "surrogate": _surrogate,
    }
    return parts[params.part](subject, params)


def _background(subject: Subject, params: ImportanceParams) -> pd.DataFrame:
    table = subject.test.table
    return table.iloc[sample_rows(len(table), params.background, params.seed)]


# --- all features ---------------------------------------------------------------------------------------------------


def _features(subject: Subject, params: ImportanceParams) -> ImportanceResult:
    explainer = explainer_of(subject, params.kind, permutations=FEW_PERMUTATIONS)
    background, total = _background(subject, params), len(subject.test)
    width = len(subject.test.features) * len(subject.outputs)
    limit = params.rows if explainer.is_exact else params.asked_rows
    limit = min(limit, explainer.most_rows, max(50, MOST_CELLS // width))
    explained = sample_rows(total, limit, params.seed)
    shares = explainer.share(subject.test.table.iloc[explained], background)
    report(0.4, "Explaining the error")
    losses, error_rows, error_background = _losses(subject, params, explainer, background)
    kept = sample_rows(len(explained), max(50, min(KEPT_ROWS, KEPT_CELLS // width)), params.seed)
    report(0.85, "Putting the tables together")
    table = _feature_table(subject, shares.values, explained, losses)
    chosen = list(dict.fromkeys(table["feature"]))[:PARTNERED]
    partners = _partners(subject, shares.values, explained, chosen, params.seed)
    counts = {
        "total": total, "explained": len(explained), "error": len(error_rows), "background": shares.background,
        "error_background": error_background, "partnered": len(chosen),
    }  # fmt: skip
    return ImportanceResult(
        part="features", method=explainer.method, scale=explainer.scale, measure=explainer.measure,
        asked_because=explainer.asked_because, features=table, values=shares.values[kept],
        kept=subject.test.rows[explained[kept]], error_values=losses, error_kept=subject.test.rows[error_rows],
        partners=partners, base=shares.base, counts=counts,
        findings=tuple(findings_of(subject, table, losses, error_rows, explainer.measure)),
    )  # fmt: skip


def _losses(
    subject: Subject, params: ImportanceParams, explainer: Explainer, background: pd.DataFrame
) -> tuple[Floats, npt.NDArray[np.intp], int]:
    """Return contributions to the loss, the rows that they are of, and the background's rows."""
    if not subject.has_labels:
        return np.zeros((0, len(subject.test.features))), np.zeros(0, np.intp), 0
    limit = min(params.error_rows if explainer.loss_is_exact else params.asked_rows, explainer.most_rows)
    chosen = sample_rows(len(subject.test), limit, params.seed)
    # The loss's slope is followed at several points: fewer background rows keep that short.
    fewer = background.iloc[sample_rows(len(background), max(100, params.background // 5), params.seed)]
    found = explainer.share_loss(subject.test.table.iloc[chosen], subject.y[chosen], fewer)
    return found.values, chosen, found.background


def _feature_table(subject: Subject, values: Floats, explained: npt.NDArray[np.intp], losses: Floats) -> pd.DataFrame:
    features = subject.test.features
    some = explained[sample_rows(len(explained), KEPT_ROWS, SEED)]
    columns = [bin_column(subject.test.table[f].iloc[some], subject.test.schema[f], 255) for f in features]
    place = np.searchsorted(explained, some)
    error = magnitude_table(losses, features).add_prefix("error_").rename(columns={"error_feature": "feature"})
    if len(losses):
        error = error.merge(harm_table(losses, features), on="feature")
    else:
        error = error.assign(**dict.fromkeys(("change", "change_low", "change_high", "harm_p", "harm_q"), np.nan))
    parts = []
    for o, output in enumerate(subject.outputs):
        part = magnitude_table(values[:, :, o], features).assign(direction=directions(values[place][:, :, o], columns))
        part.insert(0, "output", output)
        parts.append(part.merge(error, on="feature").sort_values("importance", ascending=False, kind="stable"))
    return pd.concat(parts, ignore_index=True)


def _partners(
    subject: Subject, values: Floats, explained: npt.NDArray[np.intp], chosen: list[str], seed: int
) -> pd.DataFrame:
    """Return the partners of the most important features."""
    picked = sample_rows(len(explained), PARTNER_ROWS, seed)
    rows = subject.test.table.iloc[explained[picked]]
    features, schema = subject.test.features, subject.test.schema
    own = [bin_column(rows[f], schema[f], OWN_BINS) for f in features]
    others = [bin_column(rows[f], schema[f], PARTNER_BINS) for f in features]
    places = [features.index(f) for f in chosen]
    found = [
        partner_table(values[picked][:, :, o], own, others, places).assign(output=output)
        for o, output in enumerate(subject.outputs)
    ]
    return pd.concat(found, ignore_index=True)


# --- the other parts ------------------------------------------------------------------------------------------------


def _row(subject: Subject, params: ImportanceParams) -> ImportanceResult:
    explainer = explainer_of(subject, params.kind)
    background = _background(subject, params)
    at = position_of(subject, first_row(subject) if params.row is None else params.row)
    row = subject.test.table.iloc[[at]]
    shares = explainer.share(row, background)
    lost, error_base, error_background = np.full(shares.values.shape[1], np.nan), np.nan, 0
    if subject.has_labels:
        found = explainer.share_loss(row, subject.y[[at]], background)
        lost, error_base, error_background = found.values[0], float(found.base[0]), found.background
    parts = [
        pd.DataFrame(
            {
                "output": output,
                "feature": list(subject.test.features),
                "value": pd.Series([row[f].iloc[0] for f in subject.test.features], dtype=object).map(_plain),
                "contribution": shares.values[0, :, o],
                "error_contribution": lost,
            }
        )
        for o, output in enumerate(subject.outputs)
    ]
    counts = {"total": len(subject.test), "background": shares.background, "error_background": error_background}
    return ImportanceResult(
        part="row", method=explainer.method, scale=explainer.scale, measure=explainer.measure,
        asked_because=explainer.asked_because, waterfall=pd.concat(parts, ignore_index=True), base=shares.base,
        error_base=error_base, kept=subject.test.rows[[at]], counts=counts,
    )  # fmt: skip


def _plain(value: object) -> object:
    """Return a cell as a plain number, text, flag or None."""
    if pd.isna(value):  # type: ignore[call-overload]
        return None
    found = value.item() if isinstance(value, np.generic) else value
    return found if isinstance(found, bool | int | float | str) else str(found)


def _permutation(subject: Subject, params: ImportanceParams) -> ImportanceResult:
    if not subject.has_labels:
        return ImportanceResult("permutation", obstacle="Without labels there is no loss that could grow.")
    chosen = np.zeros(len(subject.test), dtype=bool)
    chosen[sample_rows(len(subject.test), params.permuted_rows, params.seed)] = True
    some = subject.restrict(chosen)
    grown = permutation_losses(some, permutations(len(some.test), params.repeats, params.seed))
    counts = {"total": len(subject.test), "permuted": len(some.test)}
    measure = "log loss" if subject.task.is_classification else "squared error"
    return ImportanceResult(
        "permutation", measure=measure, permuted=permutation_table(grown, subject.test.features), counts=counts
    )


def _interactions(subject: Subject, params: ImportanceParams) -> ImportanceResult:
    n = len(subject.test.features)
    explainer = explainer_of(subject)
    if n < 2:
        return ImportanceResult("interactions", obstacle="One feature has no other to interact with.")
    if n > MOST_ASKED_PAIRED and explainer.asked_because:
        sentence = f"Its {n * (n - 1) // 2:,} pairs of features would be too many questions to a model without trees."
        return ImportanceResult("interactions", obstacle=sentence, asked_because=explainer.asked_because)
    found = interactions_of(subject, min(params.output, len(subject.outputs) - 1))
    counts = {"total": found.total, "averaged": found.averaged, "evaluated": found.evaluated}
    return ImportanceResult(
        "interactions", pairs=found.pairs, counts=counts, asked_because=found.asked_because, scale=explainer.scale
    )


def _checks(subject: Subject, params: ImportanceParams) -> ImportanceResult:
    explainer = explainer_of(subject, params.kind, permutations=FEW_PERMUTATIONS)
    table, curve = run_checks(explainer, _background(subject, params))
    return ImportanceResult(
        "checks", checks=table, deletion=curve, method=explainer.method, scale=explainer.scale,
        asked_because=explainer.asked_because, counts={"total": len(subject.test)},
    )  # fmt: skip


def _surrogate(subject: Subject, params: ImportanceParams) -> ImportanceResult:
    found = surrogate(subject, depth=params.depth, output=min(params.output, len(subject.outputs) - 1))
    counts = {"total": len(subject.test), "grown": found.grown, "held_out": found.held_out}
    return ImportanceResult("surrogate", rules=found.rules, fidelity=found.fidelity, counts=counts)
