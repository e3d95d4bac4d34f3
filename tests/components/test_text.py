"""Strangers' text is never markup; the real browser has its own test of that."""

from __future__ import annotations

import re

import numpy as np
import pytest

from components.text import badge_text, interval, literal, number, percent, plotly_text, value_text
from tests.names import FORMATTED

UNESCAPED = re.compile(r"(?<!\\)(?:\\\\)*[`*_{}\[\]()#+\-.!|<>$~&^=@/]")


@pytest.mark.parametrize("name", FORMATTED)
def test_nothing_that_markdown_reads_stays_bare(name: str) -> None:
    shown = literal(name)
    assert not UNESCAPED.search(shown)
    assert "\n" not in shown
    back = re.sub(r"\\(.)", r"\1", shown.replace("\u2060", ""))
    assert back == " ".join(name.split())


@pytest.mark.parametrize(
    "name", [":red[x]", ":smile:", "http://a.b", "www.a.b", "a@b.c", "a -> b", "a <- b", "--", ">= 1"]
)
def test_what_streamlit_replaces_after_parsing_is_taken_apart(name: str) -> None:
    assert "\u2060" in literal(name)


def test_marks_that_turn_or_hide_text_are_shown() -> None:
    assert literal("a\u202eb\x00c\u2066") == "a\ufffdb\ufffdc\ufffd"


def test_a_badge_escapes_brackets_itself() -> None:
    assert badge_text("[x) [y]") == r"[x\) [y]"
    assert badge_text("\\[") == "\\\\["


@pytest.mark.parametrize("name", FORMATTED)
def test_plotly_gets_no_tags_and_no_mathematics(name: str) -> None:
    shown = plotly_text(name)
    assert "<" not in shown
    assert "$" not in shown
    assert len(plotly_text("x" * 500)) == 80


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.42616, "0.426"), (1234567.0, "1,234,567"), (-0.5, "-0.5"), (0, "0"), (1e-9, "1.00e-09"), (99.96, "100"),
        (float("nan"), "undefined"), (None, "undefined"), (float("inf"), "inf"), (-float("inf"), "-inf"),
        (1e18, "1e+18"), (np.float64(12.345), "12.3"),
    ],
)  # fmt: skip
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert number(value) == text


def test_intervals_shares_and_values_are_written_for_people() -> None:
    assert interval(0.1, 0.25) == "0.1 – 0.25"
    assert interval(float("nan"), 1) == "no interval"
    assert [percent(v) for v in (0.5, 0, 0.0012, float("nan"))] == ["50.0 %", "0.0 %", "0.12 %", "undefined"]
    assert [value_text(v) for v in (1.0, None, float("nan"), True, "x")] == ["1", "missing", "missing", "True", "x"]
