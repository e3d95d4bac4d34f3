"""What can be set is written down, and what is written down can be set."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTING = re.compile(r"FAULTLINE_[A-Z_]*[A-Z]")
DOCUMENTS = ("README.md", "docs/serving.md", "CONTRIBUTING.md")
# Of the tests and benchmarks alone.
OTHERS = {"FAULTLINE_SHARED", "FAULTLINE_CHROMIUM"}


def settings(*paths: Path) -> set[str]:
    return {name for path in paths for name in SETTING.findall(path.read_text("utf-8"))}


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    code = [ROOT / "serve.py", ROOT / "app.py"]
    for folder in ("serving", "components", "debuggers", "pages"):
        code += sorted((ROOT / folder).rglob("*.py"))
    documented = settings(*(ROOT / name for name in DOCUMENTS))
    assert settings(*code) - documented == set()
    assert documented - settings(*code) - OTHERS == set()
