"""Pages wait for their answers: what a test sees does not depend on how fast the machine is."""

import pytest

from components import compute


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "PATIENCE", 120)
