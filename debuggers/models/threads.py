"""When a model predicts on one thread: for few rows, others cost more than they save."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

# Below this many rows a team of threads costs more than it gives: 1.6 ms instead of 0.05 ms for one row of LightGBM.
FEW_ROWS = 256
# scikit-learn's forests wait for their threads in naps of ten milliseconds, which is what this many rows take without.
FEW_ROWS_FOR_JOBLIB = 1_000


def joblib_of(rows: int) -> AbstractContextManager[object]:
    """Return a context in which joblib uses no threads where there are few rows, whatever `n_jobs` an estimator has.

    Examples
    --------
    >>> with joblib_of(rows=1):
    ...     pass
    """
    if rows >= FEW_ROWS_FOR_JOBLIB or "joblib" not in sys.modules:
        return nullcontext()
    context: AbstractContextManager[object] = sys.modules["joblib"].parallel_config(backend="sequential")
    return context
