"""The lock files: complete, of one mind, and free of any host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")
PIN = re.compile(r"^(?P<name>[\w.-]+)(\[.*\])?==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$", re.MULTILINE)


def pins(lock: str) -> dict[str, set[tuple[str, str]]]:
    """Return the versions of each package of a lock, with the platforms that they are for."""
    found: dict[str, set[tuple[str, str]]] = {}
    for pin in PIN.finditer((ROOT / lock).read_text()):
        found.setdefault(pin["name"], set()).add((pin["version"], pin["marker"] or ""))
    return found


def test_what_both_locks_hold_they_hold_in_the_same_versions() -> None:
    run, dev = (pins(lock) for lock in LOCKS)
    shared = run.keys() & dev.keys()
    assert {"numpy", "scipy", "protobuf"} <= shared
    assert {name for name in shared if {v for v, _ in run[name]} != {v for v, _ in dev[name]}} == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes_and_without_a_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    asked = re.findall(r"^(\w[\w.-]*)", (ROOT / lock.replace(".txt", ".in")).read_text(), re.MULTILINE)
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in asked} <= pins(lock).keys()
    assert text.count(" \\\n    --hash=sha256:") >= sum(len(versions) for versions in pins(lock).values())
    assert "://" not in text
