"""A debugger: one question about a subject, with typed parameters and a pure function that answers it."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Protocol, TypeVar, get_type_hints

import pandas as pd

from debuggers.errors import NotApplicable
from debuggers.params import Params
from debuggers.slices import Slice, plain_value
from debuggers.statistics import Estimate
from debuggers.subject import Subject
from debuggers.task import Task


class Severity(StrEnum):
    """What a finding costs."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for low to 2 for high."""
        return list(Severity).index(self)

    @classmethod
    def of_share(cls, share: float) -> Severity:
        """Grade a finding by the share of all loss that it costs: high from 5 %, medium from 1 %."""
        return cls.HIGH if share >= 0.05 else cls.MEDIUM if share >= 0.01 else cls.LOW


KINDS = (
    "weak_slice", "miscalibration", "unfair_gap", "label_error", "leakage", "duplicate_rows", "drift", "overfit",
    "worse_than_benchmark", "shortcut", "unused_feature", "not_monotone", "fragile", "bad_output",
    "missing_value_failure", "unseen_category_failure", "extrapolation", "privacy_leak", "backdoor", "assertion_failed",
    "influential_rows",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong, with its evidence.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    severity : Severity
    headline : str
        One sentence for a person.
    rows : int
        Test rows that it touches.
    effect : Estimate or None
        Size of the effect on a scale that `evidence` names, with its interval.
    slice : Slice or None
        Where it holds; None: everywhere.
    features : tuple of str
    p_value, q_value : float or None
        Before and after correction for the other tests of the same search.
    confirmed : bool or None
        Whether it held on rows that the search did not see; None where that does not apply or rows are too few.
    evidence : mapping
        Numbers that support it, by name, in plain types.
    params : mapping
        Parameters of the debugger's page that show it.
    """

    kind: str
    severity: Severity
    headline: str
    rows: int
    effect: Estimate | None = None
    slice: Slice | None = None
    features: tuple[str, ...] = ()
    p_value: float | None = None
    q_value: float | None = None
    confirmed: bool | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind

    def id(self, slug: str) -> str:
        """Return a stable short id: the same finding has the same id in every run."""
        where = self.slice.id if self.slice else ""
        return hashlib.sha256(f"{slug}|{self.kind}|{where}|{'|'.join(self.features)}".encode()).hexdigest()[:12]

    def as_dict(self, slug: str) -> dict[str, Any]:
        """Return the finding in plain types, for JSON."""
        effect = self.effect
        return {
            "id": self.id(slug),
            "debugger": slug,
            "kind": self.kind,
            "severity": str(self.severity),
            "headline": self.headline,
            "slice": self.slice.as_dict() if self.slice else None,
            "features": list(self.features),
            "rows": self.rows,
            "effect": number(effect.value) if effect else None,
            "interval": [number(effect.low), number(effect.high)] if effect else None,
            "p_value": number(self.p_value),
            "q_value": number(self.q_value),
            "confirmed": self.confirmed,
            "evidence": {k: plain(v) for k, v in self.evidence.items()},
        }


class Result(Protocol):
    """The answer of a debugger: findings, and tidy tables of which `table` is the main one."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What looks wrong."""

    def table(self) -> pd.DataFrame:
        """Return the main table: the chart, the CSV and the test read the same one."""


@dataclass(frozen=True)
class Need:
    """Something that a debugger needs of its subject."""

    has: Callable[[Subject], bool]
    sentence: str


NEEDS: dict[str, Need] = {
    "model": Need(
        lambda s: s.model is not None, "Needs a model that can predict new rows: add a model file on the Load page."
    ),
    "labels": Need(lambda s: s.has_labels, "Needs labels: choose the target column on the Load page."),
    "scores": Need(lambda s: s.task.is_classification, "Needs class probabilities: it does not apply to regression."),
    "train": Need(lambda s: s.train is not None, "Needs training data: add it on the Load page."),
    "benchmark": Need(lambda s: s.benchmark is not None, "Needs a benchmark model: add one on the Load page."),
    "sensitive": Need(lambda s: bool(s.sensitive), "Needs sensitive columns: choose them on the Load page."),
    "features": Need(lambda s: bool(s.test.features), "Needs at least one feature column in the test table."),
}

R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Debugger:
    """A registered debugger.

    Parameters
    ----------
    slug : str
        Name of its module, of its page and on the command line.
    title, section, question : str
        As the pages show them.
    needs : frozenset of str
        Keys of `NEEDS`.
    tasks : frozenset of Task
        Tasks that the question makes sense for.
    params : type
        Its `Params` class.
    function : callable
    """

    slug: str
    title: str
    section: str
    question: str
    needs: frozenset[str]
    tasks: frozenset[Task]
    params: type[Params]
    function: Callable[[Subject, Any], Result]
    scanned: bool = True

    def obstacle(self, subject: Subject) -> str | None:
        """Return why the debugger does not apply to `subject`, in one sentence, or None."""
        if subject.task not in self.tasks:
            return f"It does not apply to {subject.task} models."
        for name, need in NEEDS.items():
            if name in self.needs and not need.has(subject):
                return need.sentence
        return None

    def run(self, subject: Subject, params: Params | None = None) -> Result:
        """Answer the question for `subject`.

        Raises
        ------
        NotApplicable
            The subject lacks something that the debugger needs.
        BadParameter
            A parameter names a column that the subject does not have.
        """
        reason = self.obstacle(subject)
        if reason is not None:
            raise NotApplicable(self.title, reason)
        params = self.params() if params is None else params
        params.check_names(subject.test.features, [str(c) for c in subject.test.table.columns])
        return self.function(subject, params)

    @property
    def reading(self) -> str:
        """The function's docstring, for "How to read this"."""
        return inspect.getdoc(self.function) or ""

    @property
    def version(self) -> str:
        """Digest of the debugger's source: a cached answer of older code is never shown."""
        return hashlib.sha256(inspect.getsource(inspect.getmodule(self.function) or self.function).encode()).hexdigest()


_registry: dict[str, Debugger] = {}


def debugger(
    *,
    title: str,
    section: str,
    question: str,
    needs: set[str] | None = None,
    tasks: set[Task] | None = None,
    scanned: bool = True,
) -> Callable[[Callable[[Subject, Any], R]], Callable[[Subject, Any], R]]:
    """Register a function ``(subject, params) -> result`` as a debugger.

    Parameters
    ----------
    title, section, question : str
        Heading, section of the navigation, and the question that the page answers.
    needs : set of str
        Keys of `NEEDS`.
    tasks : set of Task, optional
        All by default.
    scanned : bool
        Whether the automatic scan runs it with its defaults.
    """
    unknown = (needs or set()) - NEEDS.keys()
    assert not unknown, unknown

    def register(function: Callable[[Subject, Any], R]) -> Callable[[Subject, Any], R]:
        slug = function.__module__.rpartition(".")[2]
        _registry[slug] = Debugger(
            slug=slug,
            title=title,
            section=section,
            question=question,
            needs=frozenset(needs or ()),
            tasks=frozenset(tasks or Task),
            params=get_type_hints(function)["params"],
            function=function,
            scanned=scanned,
        )
        return function

    return register


@cache
def all_debuggers() -> Mapping[str, Debugger]:
    """Return every debugger by slug: the modules of `debuggers.analyses`, in the order of their names."""
    package = importlib.import_module("debuggers.analyses")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"debuggers.analyses.{module.name}")
    return {slug: d for slug, d in sorted(_registry.items()) if d.function.__module__.startswith("debuggers.analyses.")}


def number(value: float | None) -> float | None:
    """Return a finite number, else None: JSON has no NaN."""
    return None if value is None or value != value or value in (float("inf"), float("-inf")) else float(value)  # noqa: PLR0124


def plain(value: Any) -> Any:
    """Turn a value of a table or of evidence into what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    value = plain_value(value)
    if isinstance(value, float):
        return number(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    return None if pd.isna(value) else str(value)
