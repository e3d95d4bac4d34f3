"""How the prediction changes with a feature: partial dependence, individual curves and accumulated local effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.curve_tables import binned, curve_table, line_table, surface_table, thin_parts
from debuggers.debugger import Finding, Severity, debugger
from debuggers.ensembles import ensemble_of
from debuggers.execution import report
from debuggers.feature_curves import AskedCurves, FeatureCurves, TreeCurves
from debuggers.grids import Grid, make_grid
from debuggers.hidden_groups import HIDES, Groups, disagreement, groups_of
from debuggers.models.trees import UnreadableTrees
from debuggers.params import Choice, Feature, Params, Range
from debuggers.statistics import SEED
from debuggers.subject import Subject, sample_rows

Floats = npt.NDArray[np.float64]
GALLERY_POINTS = 12
SURFACE_POINTS = 15
SURFACE_ROWS = 1_000


@dataclass(frozen=True)
class EffectsParams(Params):
    """What to draw."""

    feature: Annotated[str | None, Feature("The one to look at; without one all, by range", nothing="all")] = None
    other: Annotated[str | None, Feature("A second feature, for a surface of both", label="Second feature")] = None
    scale: Annotated[str, Choice(("probability", "log-odds"), "Scale of a classifier's output")] = "probability"
    points: Annotated[int, Range(5, 60, "Values per feature", label="Values")] = 25
    rows: Annotated[int, Range(50, 1_000_000, "Averaged over where trees cannot be read, drawn at random")] = 10_000
    gallery_rows: Annotated[
        int, Range(50, 100_000, "Averaged over where trees cannot be read, drawn at random", label="Rows")
    ] = 1_000


@dataclass(frozen=True, eq=False)
class EffectsResult:
    """Curves of one or of all features.

    Parameters
    ----------
    curves : DataFrame
        One row per feature, output and value: `feature`, `output`, `value` (None: missing), `pdp`, `pdp_low`,
        `pdp_high`, `ale` (NaN for categories and "missing", which have no order), `ale_rows` (rows of the local
        effect's bin that ends at the value), `heterogeneity` (standard deviation over rows of the individual curves,
        centred at the median row's value), `rows` (test rows nearest to the value), `support` (share of rows within a
        twentieth of the range).
    lines : DataFrame
        Individual curves of at most 200 rows, drawn at random: `row`, `output`, `value`, `ice`.
    surface : DataFrame
        With a second feature: `feature`, `other`, `output`, `x`, `y`, `pdp`, `rows`.
    ranking : DataFrame
        `feature`, `range` (largest minus smallest partial dependence, over outputs), `interaction` (share of the
        individual curves' variance that the average does not show), `disagreement` (how far partial dependence and
        local effect are apart, 0 to 1), in falling order of range.
    thin : DataFrame
        Where along one numeric feature under 1 % of the rows lie within a twentieth of the range: `low`, `high`.
    partners : DataFrame
        Of a feature whose average hides groups: `partner`, `h` (Friedman's H), `strength`, the strongest first.
    groups : DataFrame
        Its partial dependence over two groups of rows, parted by the strongest partner: `group`, `output`, `value`,
        `pdp`, `rows`.
    partner_rows : (int, int)
        Rows averaged over, and rows evaluated at, for `partners`.
    sampled, surface_rows, total : int
        Rows averaged over, also for the surface, and rows there are.
    asked_because : str
        Why the model was asked on a sample of rows; empty where the curves were computed from its trees.
    left_out : mapping
        Categories not tried, by feature.
    """

    curves: pd.DataFrame
    lines: pd.DataFrame
    surface: pd.DataFrame
    ranking: pd.DataFrame
    thin: pd.DataFrame
    partners: pd.DataFrame
    groups: pd.DataFrame
    partner_rows: tuple[int, int]
    sampled: int
    surface_rows: int
    total: int
    asked_because: str
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
    is a bootstrap interval of the mean over rows; it does not speak of the model's own uncertainty. Where the average
    hides groups, the feature that this one interacts with most is named, and the rows are parted in two by it where
    their curves differ most. Where the model is made of trees that can be read, every row of the table is averaged
    over, exactly.

    When it misleads
    ----------------
    Partial dependence asks the model about combinations that may not exist when features are correlated; trust the
    accumulated local effect there. In shaded areas there are hardly any rows: the curve is the model's guess.
    Friedman's H is a share, and large for pairs that hardly matter, too. None of this is causal.

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
    features = subject.test.features if params.feature is None else (params.feature,)
    points = min(params.points, GALLERY_POINTS) if params.feature is None else params.points
    both = params.feature is not None and params.other not in (None, params.feature)
    grids = [_grid(subject, feature, min(points, SURFACE_POINTS) if both else points) for feature in features]
    grids = [grid for grid in grids if grid.values]
    other = _grid(subject, params.other, min(points, SURFACE_POINTS)) if both and params.other is not None else None
    if other is not None and not other.values:
        other = None
    found = _follow(subject, params, grids, other) if grids else _Found([], None, len(subject.test), 0, "")
    if grids and params.feature is not None and other is None:
        found = _parted(subject, found)
    surface = pd.DataFrame()
    if other is not None and found.surface is not None:
        surface = surface_table(subject, grids[0], other, found.surface)
    return EffectsResult(
        curves=pd.concat([curve_table(subject, c) for c in found.curves], ignore_index=True)
        if grids
        else pd.DataFrame(),
        lines=line_table(subject, found.curves[0]) if params.feature is not None and grids else pd.DataFrame(),
        surface=surface,
        ranking=_ranked(subject, found.curves),
        thin=thin_parts(grids[0], subject.test.table[grids[0].feature]) if params.feature and grids else pd.DataFrame(),
        partners=_partners(found.groups, params.feature),
        groups=_group_table(subject, found),
        partner_rows=(0, 0) if found.groups is None else (found.groups.found.averaged, found.groups.found.evaluated),
        sampled=found.rows,
        total=len(subject.test),
        surface_rows=found.surface_rows,
        asked_because=found.asked_because,
        left_out={c.grid.feature: c.grid.left_out for c in found.curves if c.grid.left_out},
        findings=tuple(_unused(c, found.rows) for c in found.curves if c.is_flat and params.feature is None),
    )


def _grid(subject: Subject, feature: str, points: int) -> Grid:
    return make_grid(subject.test.table[feature], subject.test.schema[feature], points)


@dataclass(frozen=True)
class _Found:
    """The curves that were asked for, and how they were had.

    Parameters
    ----------
    curves : list of FeatureCurves
    surface : ndarray or None
    rows, surface_rows : int
        Rows averaged over.
    asked_because : str
        Why the model was asked on a sample, empty where its trees were read.
    source : TreeCurves or AskedCurves or None
    groups : Groups or None
        Which the mean of the one feature hides.
    """

    curves: list[FeatureCurves]
    surface: Floats | None
    rows: int
    surface_rows: int
    asked_because: str
    source: TreeCurves | AskedCurves | None = None
    groups: Groups | None = None


def _follow(subject: Subject, params: EffectsParams, grids: list[Grid], other: Grid | None) -> _Found:
    log_odds = params.scale == "log-odds"
    try:
        ensemble = ensemble_of(subject)
        with_other = [*grids, other] if other is not None else grids
        trees = TreeCurves(subject, ensemble, with_other, log_odds=log_odds)
        n = len(subject.test)
        if params.feature is None:
            return _Found(trees.all(), None, n, n, "")
        surface = None if other is None else trees.surface(grids[0], other)
        return _Found([trees.one(grids[0])], surface, n, n, "", trees)
    except UnreadableTrees as reason:
        return _ask(subject, params, grids, other, str(reason))


def _ask(subject: Subject, params: EffectsParams, grids: list[Grid], other: Grid | None, reason: str) -> _Found:
    limit = params.gallery_rows if params.feature is None else params.rows
    rows = sample_rows(len(subject.test), limit, SEED)
    asked = AskedCurves(subject, rows, log_odds=params.scale == "log-odds")
    found = []
    for i, grid in enumerate(grids):
        report(i / len(grids), f"Following {grid.feature}")
        found.append(asked.one(grid))
    surface = None if other is None else asked.surface(grids[0], other, SURFACE_ROWS)
    return _Found(found, surface, len(rows), min(len(rows), SURFACE_ROWS), reason, asked)


def _parted(subject: Subject, found: _Found) -> _Found:
    """Look for the groups that the mean of the one feature hides, where it hides any."""
    curves = found.curves[0]
    if curves.hidden <= HIDES or len(subject.test.features) < 2:
        return found
    return replace(found, groups=groups_of(subject, curves.grid.feature, curves.lines, curves.drawn))


def _partners(groups: Groups | None, feature: str | None) -> pd.DataFrame:
    if groups is None:
        return pd.DataFrame({"partner": [], "h": [], "strength": []})
    pairs = groups.found.pairs
    own = pairs[(pairs["first"] == feature) | (pairs["second"] == feature)]
    partner = own["second"].where(own["first"] == feature, own["first"])
    return own.assign(partner=partner)[["partner", "h", "strength"]].reset_index(drop=True)


def _group_table(subject: Subject, found: _Found) -> pd.DataFrame:
    """Tidy partial dependence of the two groups."""
    if found.groups is None or found.source is None:
        return pd.DataFrame()
    grid, parts = found.curves[0].grid, []
    for name, mask in zip(found.groups.names, found.groups.masks, strict=True):
        means = found.source.means(grid, mask)
        parts += [
            pd.DataFrame(
                {
                    "group": name,
                    "output": output,
                    "value": pd.Series(grid.values, dtype=object),
                    "pdp": means[:, o],
                    "rows": int(mask.sum()),
                }
            )
            for o, output in enumerate(subject.outputs)
        ]
    return pd.concat(parts, ignore_index=True)


def _ranked(subject: Subject, found: list[FeatureCurves]) -> pd.DataFrame:
    rows = [
        (
            c.grid.feature,
            float(np.ptp(c.mean, axis=0).max()),
            c.hidden,
            disagreement(c.mean, c.low, c.high, c.local, binned(c.grid, subject.test.table[c.grid.feature])),
        )
        for c in found
    ]
    ranking = pd.DataFrame(rows, columns=["feature", "range", "interaction", "disagreement"])
    return ranking.sort_values("range", ascending=False, ignore_index=True, kind="stable")


def _unused(part: FeatureCurves, n: int) -> Finding:
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
