"""What the analysis of importance answers, part by part."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.debugger import Finding

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
PARTS = ("features", "row", "permutation", "interactions", "checks", "surrogate")


@dataclass(frozen=True, eq=False)
class ImportanceResult:
    """What was asked for; tables of other parts are empty.

    Parameters
    ----------
    part : str
    features : DataFrame
        One row per output and feature, the largest first: `output`, `feature`, `importance` (mean absolute
        contribution) with its t interval `low` and `high`, `share` (of all), `direction` (rank correlation of value and
        contribution), and the same of the error: `error_importance`, `error_low`, `error_high`, `error_share`, `change`
        (mean contribution to the loss, above 0: the model does worse for the feature) with `change_low`, `change_high`,
        `harm_p` and `harm_q` (NaN without labels).
    values : ndarray of shape (n_kept, n_features, n_outputs)
        Contributions of the rows kept for charts and cohorts.
    kept : ndarray of shape (n_kept,)
        Their positions in the file.
    error_values : ndarray of shape (n_error_rows, n_features)
        Contributions to the loss; empty without labels.
    error_kept : ndarray of shape (n_error_rows,)
        Positions in the file.
    partners : DataFrame
        `output`, `feature`, `partner`, `explained` (share of the contribution's spread at the feature's own value that
        the partner accounts for), the strongest first.
    waterfall : DataFrame
        Of one row: `output`, `feature`, `value`, `contribution`, `error_contribution`.
    base : ndarray of shape (n_outputs,)
        What is said where nothing is known of a row.
    error_base : float
        Of the one row's loss; NaN elsewhere.
    permuted : DataFrame
        What `permutation.permutation_table` returns.
    pairs : DataFrame
        `first`, `second`, `h`, `strength`: every pair that interacts.
    checks : DataFrame
        What `explanation_checks.check_table` returns.
    deletion : DataFrame
        `removed`, `explained`, `random`.
    rules, fidelity : DataFrame
        Of the surrogate tree, as `surrogate.Surrogate` has them.
    counts : mapping
        Rows that each number rests on, by name: `total`, `explained`, `error`, `background`, `error_background`,
        `permuted`, `averaged`, `evaluated`, `grown`, `held_out`, `partnered` (features).
    method, scale, measure : str
        How contributions were had, what they are measured in, and which loss was taken apart.
    asked_because : str
        Why the model was asked; empty where it was not.
    obstacle : str
        Why a part has no answer, in one sentence; empty where it has.
    """

    part: str
    method: str = ""
    scale: str = ""
    measure: str = ""
    asked_because: str = ""
    obstacle: str = ""
    features: pd.DataFrame = field(default_factory=pd.DataFrame)
    values: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))
    kept: Longs = field(default_factory=lambda: np.zeros(0, np.int64))
    error_values: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    error_kept: Longs = field(default_factory=lambda: np.zeros(0, np.int64))
    partners: pd.DataFrame = field(default_factory=pd.DataFrame)
    waterfall: pd.DataFrame = field(default_factory=pd.DataFrame)
    base: Floats = field(default_factory=lambda: np.zeros(0))
    error_base: float = np.nan
    permuted: pd.DataFrame = field(default_factory=pd.DataFrame)
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    checks: pd.DataFrame = field(default_factory=pd.DataFrame)
    deletion: pd.DataFrame = field(default_factory=pd.DataFrame)
    rules: pd.DataFrame = field(default_factory=pd.DataFrame)
    fidelity: pd.DataFrame = field(default_factory=pd.DataFrame)
    counts: dict[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def table(self) -> pd.DataFrame:
        """Return the table of the part that was asked for."""
        tables = (self.features, self.waterfall, self.permuted, self.pairs, self.checks, self.fidelity)
        return dict(zip(PARTS, tables, strict=True))[self.part]
