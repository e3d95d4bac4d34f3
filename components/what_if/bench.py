"""What a person tries on a row: the edits with their history, and the scenarios that were saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from components import state
from components.text import number
from debuggers.analyses.what_if import WhatIfResult
from debuggers.editing import Values, write_edits

ROW, EDITS = "what_if_row", "what_if_edits"
_KEPT = "what_if"


@dataclass
class Step:
    """A state of the edited row, what led to it, and the outputs once they are known."""

    edits: Values
    text: str
    outputs: tuple[float, ...] = ()
    decision: str = ""


@dataclass(frozen=True)
class Scenario:
    """A saved state of a row."""

    name: str
    row: int
    edits: Values
    changes: str
    outputs: tuple[tuple[float, float], ...]
    decision: str


@dataclass
class Bench:
    """The row that a person works on.

    Parameters
    ----------
    subject : str
        Fingerprint of what is debugged; another one begins a new bench.
    row : int
        Position in the file.
    before : dict
        Its features as they are in the file.
    order : tuple of str
        The features, the widest response first; it stays while the row is edited.
    steps : list of Step
        The history; the first one is the row as it was opened.
    at : int
        The present step.
    scenarios : list of Scenario
        Of every row of the subject.
    seconds : float
        How long the quickest answer took: a slow model is asked with progress shown.
    linked : dict
        The edits that the link held when this bench last read or wrote it: other ones come from outside.
    drawn_at : float
        When all controls were last drawn, by the monotonic clock; infinite while they are being drawn.
    doubtful : bool
        Whether the browser may have missed values of the last drawing.
    told : str
        Key of the widget that brought the latest value from the browser.
    """

    subject: str
    row: int
    before: Values
    order: tuple[str, ...]
    steps: list[Step]
    at: int = 0
    scenarios: list[Scenario] = field(default_factory=list)
    seconds: float = 0.0
    linked: Values = field(default_factory=dict)
    drawn_at: float = math.inf
    doubtful: bool = True
    told: str = ""

    @property
    def edits(self) -> Values:
        """What differs from the file now."""
        return self.steps[self.at].edits

    @property
    def values(self) -> Values:
        """The row as it is now."""
        return {**self.before, **self.edits}

    def put(self, edits: Mapping[str, Any], text: str) -> None:
        """Make `edits` the present ones; what equals the file is no edit, and steps that were undone are dropped."""
        kept = {f: v for f, v in edits.items() if not same(v, self.before[f])}
        if kept == self.edits:
            return
        self.steps[self.at + 1 :] = [Step(kept, text)]
        self.go(self.at + 1)

    def change(self, feature: str, value: Any) -> None:
        """Give one feature another value."""
        self.put({**self.edits, feature: value}, f"{feature} = {shown(value)}")

    def reset(self, feature: str) -> None:
        """Give one feature the value that it has in the file."""
        self.put({f: v for f, v in self.edits.items() if f != feature}, f"{feature} as in the file")

    def go(self, step: int) -> None:
        """Make a step of the history the present one."""
        self.at = min(max(step, 0), len(self.steps) - 1)

    def link(self) -> None:
        """Let the link show the row as it is now; a row that was neither chosen nor changed follows the cohort."""
        if self.edits != self.linked:
            open_row(self.row, self.edits)
            self.linked = dict(self.edits)

    @property
    def changes(self) -> str:
        """The edits as a person reads them."""
        parts = [f"{f}: {shown(self.before[f])} → {shown(v)}" for f, v in self.edits.items()]
        return "; ".join(parts) or "none"

    def save(self, name: str, result: WhatIfResult) -> None:
        """Keep the present state as a scenario; one of the same name is replaced."""
        both = tuple(zip(result.outputs["before"], result.outputs["after"], strict=True))
        decision = result.outputs["decision_after"].iloc[0] or ""
        saved = Scenario(name, self.row, dict(self.edits), self.changes, both, decision)
        self.scenarios = [*(s for s in self.scenarios if s.name != name), saved]

    def scenario_table(self, titles: Sequence[str]) -> pd.DataFrame:
        """Return the saved scenarios side by side; `titles` are of the outputs."""
        rows = []
        for s in self.scenarios:
            outputs: dict[str, float] = {}
            for title, (before, after) in zip(titles, s.outputs, strict=True):
                outputs |= {f"{title}, before": before, f"{title}, after": after}
            rows.append({"scenario": s.name, "row": s.row, "changes": s.changes, **outputs, "decision": s.decision})
        return pd.DataFrame(rows)


def open_bench(subject: str, base: WhatIfResult, edits: Values) -> Bench:
    """Return the session's bench for a row; a link with other edits adds a step to it.

    Parameters
    ----------
    subject : str
        Fingerprint.
    base : WhatIfResult
        The answer for the row as it is in the file.
    """
    kept: Bench | None = state.recall(_KEPT)
    if kept is None or kept.subject != subject or kept.row != base.row:
        scenarios = kept.scenarios if kept is not None and kept.subject == subject else []
        widest = sorted(base.responses, key=lambda r: -r.width)
        first = Step({}, "as in the file", tuple(base.outputs["before"]), base.outputs["decision_before"].iloc[0] or "")
        order = tuple(r.feature for r in widest)
        kept = Bench(subject, base.row, base.before, order, [first], scenarios=scenarios, seconds=base.seconds)
        state.remember(_KEPT, kept)
    if edits != kept.linked:
        kept.linked = edits
        kept.put(edits, "from the link")
    return kept


def open_row(row: int | None, edits: Values | None = None) -> None:
    """Let the next run open a row with edits; None: the one to begin with."""
    state.set_linked({ROW: None if row is None else str(row), EDITS: write_edits(edits) if edits else None})


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same: True is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def shown(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "missing"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number(float(value), 6)
