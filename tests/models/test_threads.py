"""Few rows are predicted on one thread, whatever number of jobs an estimator asks for."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from debuggers.models.estimator import EstimatorModel
from debuggers.models.threads import FEW_ROWS_FOR_JOBLIB, joblib_of


@pytest.mark.parametrize(("rows", "jobs"), [(1, 1), (FEW_ROWS_FOR_JOBLIB - 1, 1), (FEW_ROWS_FOR_JOBLIB, 2)])
def test_joblib_uses_threads_for_many_rows_only(rows: int, jobs: int) -> None:
    with joblib_of(rows):
        assert joblib.effective_n_jobs(2) == jobs
    assert joblib.effective_n_jobs(2) == 2


def test_a_forest_of_many_jobs_answers_few_rows_as_it_answers_many() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=FEW_ROWS_FOR_JOBLIB), "b": rng.normal(size=FEW_ROWS_FOR_JOBLIB)})
    forest = RandomForestClassifier(n_estimators=20, n_jobs=2, random_state=0).fit(table, table["a"] > table["b"])
    model = EstimatorModel(forest)
    np.testing.assert_allclose(model.predict(table)[:10], model.predict(table[:10]), rtol=0, atol=1e-12)
