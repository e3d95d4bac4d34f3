"""What the model would say if a row were different: the edited row, its response strips, its neighbours."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.debugger import Finding, debugger
from debuggers.editing import Values, beyond_data, edited, own_values, plain_or_none, read_edits, varied
from debuggers.neighbours import neighbourhood
from debuggers.params import Edits, Params, Range, Row
from debuggers.response import Response, decide, respond
from debuggers.row_choice import first_row, position_of
from debuggers.subject import Subject

Floats = npt.NDArray[np.float64]
# A row farther from all real rows than this share of real rows is from the others is called unusual.
UNUSUAL = 0.99
# For a regressor: another outcome is at least this many standard deviations of the predictions away.
OTHER_OUTCOME = 0.5


@dataclass(frozen=True)
class WhatIfParams(Params):
    """Which row, and what is changed in it."""

    row: Annotated[int | None, Row("Position of the row in the file; none: the one with the largest loss")] = None
    edits: Annotated[str, Edits("Values to put in place of the row's own")] = "{}"
    points: Annotated[int, Range(11, 501, "Values to try along each number")] = 101


@dataclass(frozen=True)
class Plausibility:
    """How far the edited row is from what occurs.

    Parameters
    ----------
    distance : float
        To the nearest real row, numbers in standard deviations, a different category counted as 1.
    percentile : float
        Share of real rows that are nearer to their nearest other row than that; NaN where there is no other row.
    rows, total : int
        Real rows that were compared, and rows there are.
    """

    distance: float
    percentile: float
    rows: int
    total: int

    @property
    def is_unusual(self) -> bool:
        """Whether hardly any real row is as far from the others."""
        return self.percentile > UNUSUAL


@dataclass(frozen=True, eq=False)
class Neighbour:
    """The nearest test row with another outcome.

    Parameters
    ----------
    row : int
        Position in the file.
    distance : float
    values : dict
        Its features.
    outputs : ndarray of shape (n_outputs,)
    decision : str or None
        None for a regressor.
    rows, total : int
        Test rows that were searched, and rows there are.
    """

    row: int
    distance: float
    values: Values
    outputs: Floats
    decision: str | None
    rows: int
    total: int


@dataclass(frozen=True, eq=False)
class WhatIfResult:
    """A row before and after, and what surrounds it.

    Parameters
    ----------
    row : int
        Position in the file.
    truth : object
        Its label or value; None where it is not known.
    before, after : dict
        Its features as they are, and with the edits; None stands for missing.
    outputs : DataFrame
        One row per output: `output`, `before`, `after`, `before_log_odds`, `after_log_odds` (NaN for a regressor),
        `decision_before`, `decision_after` (None for a regressor).
    responses : tuple of Response
        The model's output along each feature of the edited row, in the model's order.
    flips : DataFrame
        Values of single features that change the decision of the edited row: `feature`, `value`, `direction` ("below",
        "above", "category", "missing"), `decision`, `move` (distance from the present value as a share of the feature's
        range; NaN for categories), and one column per output; of numbers the first on each side, exact where the
        model's trees can be read, else known to a ten-thousandth of the range. The smallest moves come first.
    nearest : DataFrame
        `feature`, `value` of the edited row, `nearest` (value of the nearest row with another outcome), `differs`.
    neighbour : Neighbour or None
        That row; None where no row has another outcome.
    plausibility : Plausibility
    seconds : float
        How long the answer took: a page asks a slow model with progress shown.
    beyond : tuple of str
        Edited features whose value does not occur in the data: outside the range, or an unknown category.
    """

    row: int
    truth: Any
    before: Values
    after: Values
    outputs: pd.DataFrame
    responses: tuple[Response, ...]
    flips: pd.DataFrame
    nearest: pd.DataFrame
    neighbour: Neighbour | None
    plausibility: Plausibility
    beyond: tuple[str, ...]
    seconds: float
    findings: tuple[Finding, ...] = ()

    @property
    def strips(self) -> pd.DataFrame:
        """The responses as a tidy table: `feature`, `value`, and one column per output."""
        names = list(self.outputs["output"])
        return pd.concat(
            [_along(r.feature, list(r.values), r.outputs, names) for r in self.responses], ignore_index=True
        )

    def table(self) -> pd.DataFrame:
        """Return the strips, and behind those of each feature its flips: `flip` is their direction, "" elsewhere."""
        names = list(self.outputs["output"])
        parts = []
        for r in self.responses:
            parts.append(_along(r.feature, list(r.values), r.outputs, names).assign(flip=""))
            if r.flips:
                outputs = np.array([f.outputs for f in r.flips])
                flips = _along(r.feature, [f.value for f in r.flips], outputs, names)
                parts.append(flips.assign(flip=[f.direction for f in r.flips]))
        return pd.concat(parts, ignore_index=True)


@debugger(
    title="What-if",
    section="Explore",
    question="What would the model say if this row were different?",
    needs={"model", "features"},
)
def what_if(subject: Subject, params: WhatIfParams) -> WhatIfResult:
    """Edit one row and see what the model makes of it.

    How to read
    -----------
    Under each feature lies its response strip: the model's output if only that feature changed, everything else as it
    is now. The dashed line is the decision threshold, the upright marks are the nearest values at which the decision
    changes, and the dot is the present value. The features with the widest response come first, by the row as it is in
    the file. The distance tells how far the edited row lies from the nearest real one, numbers in standard deviations
    and a different category counted as 1; a percentile of 99 means that 99 % of real rows are nearer to another one.

    When it misleads
    ----------------
    A strip moves one feature alone, which may give a row that cannot exist: age 20 with 30 years of employment. The
    badge "unusual" warns of that, but only by distance. That the model would decide otherwise does not mean that the
    world would: nothing here is causal. Where the model's trees cannot be read, flips between two values of the strip
    that cancel each other are not seen.

    References
    ----------
    Wexler et al. (2020), The What-If Tool, IEEE Transactions on Visualization and Computer Graphics 26, 56-65.
    Wachter, Mittelstadt and Russell (2018), Harvard Journal of Law and Technology 31, 841-887.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from debuggers.matching import Roles, make_subject
    >>> from debuggers.models.estimator import EstimatorModel
    >>> table = pd.DataFrame({"x": [0.5, 1.5, 2.5, 3.5], "y": [0, 0, 1, 1]})
    >>> model = EstimatorModel(LogisticRegression().fit(table[["x"]], table["y"]))
    >>> subject = make_subject("four", table, Roles(target="y"), model=model)
    >>> result = what_if(subject, WhatIfParams(row=0, edits='{"x": 3}'))
    >>> result.outputs[["decision_before", "decision_after"]].to_numpy().tolist()
    [['0', '1']]
    >>> result.flips["value"].round(2).tolist()
    [2.0]
    """
    started = time.perf_counter()
    chosen = _choose(subject, params)
    new, responses = respond(subject, chosen.after, params.points)
    neighbour, plausibility = _surroundings(subject, chosen, new)
    return WhatIfResult(
        row=chosen.row,
        truth=plain_or_none(subject.labels[chosen.position]) if subject.has_labels else None,
        before=chosen.before,
        after=chosen.after,
        outputs=_outputs(subject, chosen, new),
        responses=responses,
        flips=_flips(subject, responses),
        nearest=_nearest(chosen.after, neighbour),
        neighbour=neighbour,
        plausibility=plausibility,
        beyond=tuple(f for f, v in chosen.edited.items() if beyond_data(subject.test.schema[f], v)),
        seconds=time.perf_counter() - started,
    )


def outputs_alone(subject: Subject, params: WhatIfParams) -> pd.DataFrame:
    """Return `WhatIfResult.outputs` without the rest: what a page shows first while a slider is moved."""
    chosen = _choose(subject, params)
    return _outputs(subject, chosen, subject.predict(varied(subject, chosen.after, ()))[0])


@dataclass(frozen=True)
class _Chosen:
    """A row with its edits: its position in the file and in the test table, and its values."""

    row: int
    position: int
    before: Values
    after: Values

    @property
    def edited(self) -> Values:
        return {f: v for f, v in self.after.items() if v != self.before[f]}


def _choose(subject: Subject, params: WhatIfParams) -> _Chosen:
    row = first_row(subject) if params.row is None else params.row
    position = position_of(subject, row)
    before = own_values(subject, position)
    return _Chosen(row, position, before, {**before, **read_edits(subject, params.edits)})


def _along(feature: str, values: list[Any], outputs: Floats, names: list[str]) -> pd.DataFrame:
    columns = {name: outputs[:, i] for i, name in enumerate(names)}
    return pd.DataFrame({"feature": feature, "value": pd.Series(values, dtype=object), **columns})


def _outputs(subject: Subject, chosen: _Chosen, new: Floats) -> pd.DataFrame:
    """Return the outputs before and after, on both scales, with the decisions."""
    both = np.stack([subject.as_outputs(subject.scores[chosen.position : chosen.position + 1])[0], new])
    odds = np.full_like(both, np.nan)
    decisions: list[str | None] = [None, None]
    if subject.task.is_classification:
        odds = subject.as_outputs(both, log_odds=True)
        decisions = [str(d) for d in subject.named(decide(subject, both))]
    return pd.DataFrame(
        {
            "output": list(subject.outputs),
            "before": both[0],
            "after": both[1],
            "before_log_odds": odds[0],
            "after_log_odds": odds[1],
            "decision_before": decisions[0],
            "decision_after": decisions[1],
        }
    )


def _flips(subject: Subject, responses: tuple[Response, ...]) -> pd.DataFrame:
    flips = [flip for r in responses for flip in r.flips]
    decisions = subject.named(np.array([f.decision for f in flips])).tolist() if flips else []
    table = pd.DataFrame(
        {
            "feature": pd.Series([f.feature for f in flips], dtype=object),
            "value": pd.Series([f.value for f in flips], dtype=object),
            "direction": pd.Series([f.direction for f in flips], dtype=object),
            "decision": pd.Series(decisions, dtype=object),
            "move": np.array([f.move for f in flips], dtype=np.float64),
        }
    )
    outputs = np.array([f.outputs for f in flips]).reshape(len(flips), len(subject.outputs))
    table = table.assign(**{f"output: {name}": outputs[:, i] for i, name in enumerate(subject.outputs)})
    return table.sort_values("move", kind="stable", ignore_index=True)


def _surroundings(subject: Subject, chosen: _Chosen, new: Floats) -> tuple[Neighbour | None, Plausibility]:
    """Return the nearest test row with another outcome, and how far the edited row is from all real rows."""
    near = neighbourhood(subject)
    own, new_point = near.encoder.points(edited(subject, chosen.before, [{}, chosen.after]))
    distances = near.distances(new_point)
    # The row that is edited is real, whether or not it is in the sample.
    from_own = float(np.linalg.norm(new_point - own))
    nearest = min(from_own, float(distances.min()))
    plausibility = Plausibility(nearest, near.percentile(nearest), len(near.points), near.total)
    other = np.flatnonzero(_has_other_outcome(subject, near.tested, new))
    if not len(other):
        return None, plausibility
    at = int(other[np.argmin(distances[other])])
    found = int(near.tested[at])
    outputs = subject.as_outputs(subject.scores[found : found + 1])
    decision = str(subject.named(decide(subject, outputs))[0]) if subject.task.is_classification else None
    return Neighbour(
        row=int(subject.test.rows[found]),
        distance=float(distances[at]),
        values=own_values(subject, found),
        outputs=outputs[0],
        decision=decision,
        rows=len(near.tested),
        total=len(subject.test),
    ), plausibility


def _has_other_outcome(subject: Subject, tested: npt.NDArray[np.intp], new: Floats) -> npt.NDArray[np.bool_]:
    now = decide(subject, new[None])[0]
    there = subject.decision[tested]
    if subject.task.is_classification:
        return np.asarray(there != now)
    # A hair is no other outcome, nor is anything where all predictions are the same.
    apart = OTHER_OUTCOME * float(subject.scores.std())
    return np.asarray((np.abs(there - now) >= apart) & (apart > 0))


def _nearest(after: Mapping[str, Any], neighbour: Neighbour | None) -> pd.DataFrame:
    values = {} if neighbour is None else neighbour.values
    return pd.DataFrame(
        {
            "feature": pd.Series(list(values), dtype=object),
            "value": pd.Series([after[f] for f in values], dtype=object),
            "nearest": pd.Series(list(values.values()), dtype=object),
            "differs": [after[f] != values[f] for f in values],
        }
    )
