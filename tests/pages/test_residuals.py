"""The Residuals page names the largest miss and lists the worst rows as they are in the file."""

from __future__ import annotations

import numpy as np
import pytest

from debuggers.task import Task
from tests.analyses.functions import claims
from tests.names import ODD
from tests.pages.frame import answer, choose, opened, said
from tests.subjects import subject


@pytest.mark.parametrize("task", list(Task))
def test_the_answer_names_the_worst_row(task: Task) -> None:
    of = subject(task)
    app = opened("residuals", of)
    residual = np.abs(of.y - of.scores) if task is not Task.MULTICLASS else of.loss
    assert answer(app).startswith(f"**The largest miss is row {int(residual.argmax())}: ")
    (worst,) = [d.value for d in app.dataframe if "residual" in d.value]
    assert worst["residual"].abs().is_monotonic_decreasing
    assert len(worst) == 200


def test_axis_and_kind_can_be_chosen() -> None:
    app = opened("residuals", subject(Task.BINARY))
    choose(app, "Against", "feature")
    choose(app, "Column", "job")
    choose(app, "Residual", "deviance")
    assert any("Mean over all rows of a value" in text for text in said(app.caption))


def test_many_rows_are_drawn_as_cells_and_said_so() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(6_000)
    app = opened("residuals", claims(p, rng.random(6_000) < p))
    assert any("All 6,000 rows in cells" in text for text in said(app.caption))


def test_odd_columns_stand_beside_the_worst_rows_under_their_own_names() -> None:
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=50) for name in ODD}
    app = opened("residuals", claims(rng.random(50), rng.random(50) < 0.5, **columns))
    (worst,) = [d for d in app.dataframe if "residual" in d.value]
    assert set(ODD) < set(worst.value.columns)
