"""What charts of contributions show: single rows with their values, and a cohort beside the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.importance_result import ImportanceResult
from debuggers.importance_table import group_table
from debuggers.statistics import SEED
from debuggers.subject import Subject, sample_rows

Mask = npt.NDArray[np.bool_]
SWARM_ROWS, DEPENDENCE_ROWS = 300, 2_000


def swarm_points(subject: Subject, result: ImportanceResult, output: int, features: Sequence[str]) -> pd.DataFrame:
    """Return contributions of some rows to one output, for a swarm of points per feature.

    Returns
    -------
    DataFrame
        `feature`, `row` (position in the file), `contribution`, `text` (the value), `level` (the value's rank among
        the rows, 0 to 1; NaN for categories and missing values).
    """
    picked = sample_rows(len(result.kept), SWARM_ROWS, SEED)
    rows = result.kept[picked]
    table = _rows_of(subject, rows)
    parts = []
    for feature in features:
        i = subject.test.features.index(feature)
        parts.append(
            pd.DataFrame(
                {
                    "feature": feature, "row": rows, "contribution": result.values[picked, i, output],
                    "text": _texts(table[feature]), "level": _levels(subject, table[feature]),
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def dependence_points(
    subject: Subject, result: ImportanceResult, output: int, feature: str, partner: str | None
) -> pd.DataFrame:
    """Return one feature's contributions along its value, with a partner's value.

    Returns
    -------
    DataFrame
        `row`, `value` (as in the table), `text`, `contribution`, `partner_text`, `partner_level`.
    """
    picked = sample_rows(len(result.kept), DEPENDENCE_ROWS, SEED)
    rows = result.kept[picked]
    table = _rows_of(subject, rows)
    found = pd.DataFrame(
        {
            "row": rows,
            "value": table[feature].astype(object).to_numpy(),
            "text": _texts(table[feature]),
            "contribution": result.values[picked, subject.test.features.index(feature), output],
            "partner_text": "",
            "partner_level": np.nan,
        }
    )
    if partner is None:
        return found
    return found.assign(partner_text=_texts(table[partner]), partner_level=_levels(subject, table[partner]))


def cohort_tables(
    subject: Subject, result: ImportanceResult, output: int, mask: Mask
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return importance for the prediction and for the error in a cohort beside the rest, against one background.

    Parameters
    ----------
    mask : ndarray of bool, shape (n,)
        The cohort's test rows.
    """
    features = subject.test.features
    inside, error_inside = (mask[np.searchsorted(subject.test.rows, rows)] for rows in (result.kept, result.error_kept))
    return (
        group_table(result.values[:, :, output], features, inside),
        group_table(result.error_values, features, error_inside),
    )


def _rows_of(subject: Subject, rows: npt.NDArray[np.int64]) -> pd.DataFrame:
    return subject.test.table.iloc[np.searchsorted(subject.test.rows, rows)]


def _texts(column: pd.Series) -> list[str]:
    return ["missing" if pd.isna(v) else f"{v:.6g}" if isinstance(v, float) else str(v) for v in column]


def _levels(subject: Subject, column: pd.Series) -> npt.NDArray[np.float64]:
    if not subject.test.schema[str(column.name)].kind.is_numeric:
        return np.full(len(column), np.nan)
    ranks = column.astype(np.float64).rank(pct=True).to_numpy()
    low, high = np.nanmin(ranks, initial=1.0), np.nanmax(ranks, initial=0.0)
    return np.asarray((ranks - low) / (high - low) if high > low else np.where(np.isnan(ranks), np.nan, 0.5))
