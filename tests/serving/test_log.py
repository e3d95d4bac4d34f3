"""The log: one JSON object per line, with the request's id, and nothing of what people loaded."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from serving.log import JsonLines, _short, request_id

SECRET = "Jane Doe, 1980-02-29"


def line(record: logging.LogRecord, *, full: bool = False) -> dict[str, Any]:
    text = JsonLines(full=full).format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def failed() -> logging.LogRecord:
    try:
        int(SECRET)
    except ValueError:
        trouble = sys.exc_info()
    return logging.LogRecord("faultline", logging.ERROR, __file__, 1, "failure %s", ("ab12",), trouble)


def test_an_exception_is_its_type_and_where_it_was_raised_not_what_it_quotes() -> None:
    found = line(failed())
    assert found["event"] == "failure ab12"
    assert found["error"] == "builtins.ValueError"
    assert found["at"][0].endswith(" failed")
    assert SECRET not in json.dumps(found)


def test_a_full_log_has_the_message_too() -> None:
    assert line(failed(), full=True)["message"].endswith(repr(SECRET))


def test_a_line_carries_the_request_and_its_facts() -> None:
    record = logging.LogRecord("faultline.request", logging.INFO, __file__, 1, "request", (), None)
    record.__dict__.update(method="GET", path="/overview", status=200, ms=1.5, cookie=SECRET)
    reset = request_id.set("r1")
    found = line(record)
    request_id.reset(reset)
    assert found["time"].endswith("+00:00")
    del found["time"]
    assert found == {
        "level": "info", "logger": "faultline.request", "event": "request",
        "request": "r1", "method": "GET", "path": "/overview", "status": 200, "ms": 1.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "short"),
    [("/", "/"), ("/overview", "/overview"), ("/_stcore/upload_file/session-id/file-id", "/_stcore/upload_file")],
)
def test_a_path_is_cut_before_it_names_a_session_or_a_file(path: str, short: str) -> None:
    assert _short(path) == short
