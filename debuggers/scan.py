"""The scan: every debugger that applies, run with its defaults; the findings of all, ranked."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from debuggers import metrics
from debuggers.debugger import Debugger, Finding, all_debuggers, number
from debuggers.errors import InputError
from debuggers.execution import report
from debuggers.subject import Subject


@dataclass(frozen=True)
class Scan:
    """What a scan found.

    Parameters
    ----------
    subject : Subject
    findings : tuple of (slug, Finding)
        The most severe first; those that failed their confirmation last.
    passed : tuple of str
        Debuggers that found nothing.
    not_applicable : tuple of (slug, reason)
    seconds : float
    """

    subject: Subject
    findings: tuple[tuple[str, Finding], ...]
    passed: tuple[str, ...]
    not_applicable: tuple[tuple[str, str], ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the scan in plain types, for JSON."""
        return {
            "subject": describe(self.subject),
            "seconds": round(self.seconds, 3),
            "findings": [finding.as_dict(slug) for slug, finding in self.findings],
            "passed": list(self.passed),
            "not_applicable": [{"debugger": slug, "reason": reason} for slug, reason in self.not_applicable],
        }


def scanned_debuggers() -> tuple[Debugger, ...]:
    """Return the debuggers that a scan runs."""
    return tuple(d for d in all_debuggers().values() if d.scanned)


def scan(subject: Subject) -> Scan:
    """Run every debugger that applies to `subject` with its defaults.

    A debugger that the subject's model or data stop is not applicable, with the reason.
    """
    started = time.perf_counter()
    findings: list[tuple[str, Finding]] = []
    passed: list[str] = []
    not_applicable: list[tuple[str, str]] = []
    debuggers = scanned_debuggers()
    for i, debugger in enumerate(debuggers):
        report(i / len(debuggers), debugger.title)
        reason = debugger.obstacle(subject)
        if reason is None:
            try:
                found = debugger.run(subject).findings
            except InputError as problem:
                reason = str(problem)
            else:
                findings += [(debugger.slug, f) for f in found]
                if not found:
                    passed.append(debugger.slug)
        if reason is not None:
            not_applicable.append((debugger.slug, reason))
    return Scan(subject, ranked(findings), tuple(passed), tuple(not_applicable), time.perf_counter() - started)


def ranked(findings: Iterable[tuple[str, Finding]]) -> tuple[tuple[str, Finding], ...]:
    """Return findings of several debuggers, the most severe and largest first."""
    return tuple(sorted(findings, key=_rank))


def _rank(item: tuple[str, Finding]) -> tuple[bool, int, float, str]:
    finding = item[1]
    cost = float(finding.evidence.get("share_of_loss") or 0)
    return (finding.confirmed is False, -finding.severity.rank, -cost, finding.id(item[0]))


def describe(subject: Subject) -> dict[str, Any]:
    """Return task, size and scores of a subject in plain types."""
    scores = {}
    if subject.has_labels:
        for score in metrics.scorecard(subject.task, subject.y, subject.scores, subject.threshold):
            e = score.estimate
            scores[score.key] = {"value": number(e.value), "interval": [number(e.low), number(e.high)], "n": e.n}
    return {
        "task": str(subject.task),
        "rows": len(subject.test),
        "features": len(subject.test.features),
        "scores": scores,
    }
