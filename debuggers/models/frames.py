"""From a data frame to the Arrow batches that a worker reads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

BLOCK_ROWS = 32_768
BLOCK_CELLS = 4_000_000


def blocks(X: pd.DataFrame) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a data frame in blocks, so that a million of them need no second copy.

    Parameters
    ----------
    X : DataFrame of shape (n, m)
        With n > 0; its column names need not be unique or text.
    """
    step = max(1, min(BLOCK_ROWS, BLOCK_CELLS // max(1, X.shape[1])))
    for start in range(0, len(X), step):
        yield batch(X if step >= len(X) else X.iloc[start : start + step])


def batch(X: pd.DataFrame) -> pa.RecordBatch:
    """Return all rows of a data frame as one batch."""
    names = [str(name) for name in X.columns]
    kinds = set(X.dtypes)
    if len(kinds) == 1 and _is_plain(kinds.pop()):
        values = X.to_numpy()  # one kind of number: half the time of going through the columns
        return pa.RecordBatch.from_arrays([pa.array(values[:, i]) for i in range(values.shape[1])], names)
    return pa.RecordBatch.from_arrays([_column(series) for _, series in X.items()], names)


def _column(series: pd.Series) -> pa.Array:
    if _is_plain(series.dtype):
        return pa.array(series.to_numpy())
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f":  # half, extended, or of another byte order
        return pa.array(series.to_numpy(np.float64))
    try:
        found = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return _text(series)  # a column of mixed objects, or of a type that Arrow has no name for
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    return _text(series) if pa.types.is_nested(found.type) or isinstance(found.type, pa.BaseExtensionType) else found


def _text(series: pd.Series) -> pa.Array:
    return pa.array(
        [None if missing else str(v) for v, missing in zip(series, series.isna(), strict=True)], pa.string()
    )


def _is_plain(dtype: object) -> bool:
    """Return whether Arrow takes an array of this type as it lies in memory; NaN stays NaN."""
    if not isinstance(dtype, np.dtype):
        return False
    return dtype.kind in "iufb" and dtype.isnative and dtype.itemsize <= 8 and dtype != np.float16
