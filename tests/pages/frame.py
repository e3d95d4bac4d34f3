"""Pages opened on a subject, as a person finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from components import state
from debuggers.subject import Subject

ROOT = Path(__file__).parents[2]


def opened(slug: str, of: Subject | None, **link: str) -> AppTest:
    """Return a page after its first run."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if of is not None:
        state.shelf().put(of, "page")
        app.query_params["subject"] = "page"
    for name, value in link.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{slug}.py").run()
    assert not app.exception
    return app


def linked(app: AppTest, name: str) -> str | None:
    """Return a value of the link."""
    values = app.query_params.get(name)
    return values[0] if isinstance(values, list) else values


def answer(app: AppTest) -> str:
    """Return the answer line, without the marks that keep names from being markup."""
    line: str = next(m.value for m in app.markdown if m.value.startswith("**"))
    return plain(line)


def plain(text: str) -> str:
    """Return markdown as it is read."""
    return text.replace("\\", "").replace("\u2060", "")


def said(elements: Any) -> list[str]:
    """Return the texts of elements as they are read."""
    return [plain(e.value) for e in elements]


def choose(app: AppTest, label: str, value: Any) -> None:
    """Choose in a select box and run the page."""
    next(s for s in app.selectbox if s.label == label).set_value(value).run()
    assert not app.exception
