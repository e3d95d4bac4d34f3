"""Strangers' text on screen: never markup."""

from __future__ import annotations

import re
from html import escape

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~&^=@/])")
# Streamlit replaces :shortcodes: and :colour[...] after parsing; a word joiner between colon and word stops it.
_DIRECTIVE = re.compile(r":(?=\S)")


def literal(text: object) -> str:
    r"""Return `text` so that Streamlit's markdown shows it as it is.

    Examples
    --------
    >>> literal("<b>x</b>")
    '\\<b\\>x\\<\\/b\\>'
    """
    one_line = " ".join(str(text).split("\n"))
    return _DIRECTIVE.sub(":\u2060", _MARKDOWN.sub(r"\\\1", one_line))


def badge_text(text: object) -> str:
    r"""Return `text` so that ``st.badge``, which escapes square brackets by itself, shows it as it is.

    Examples
    --------
    >>> badge_text("age in [30, 40)")
    'age in [30, 40\\)'
    """
    return literal(text).replace(r"\[", "[").replace(r"\]", "]")


def plotly_text(text: object, limit: int = 80) -> str:
    """Return `text` so that plotly, which reads a little HTML, shows it as it is.

    Examples
    --------
    >>> plotly_text("<b>x</b>")
    '&lt;b&gt;x&lt;/b&gt;'
    """
    plain = str(text)
    return escape(plain if len(plain) <= limit else plain[: limit - 1] + "…", quote=False).replace("$", "&#36;")


def number(value: float | None, digits: int = 3) -> str:
    """Write a number for people: `digits` significant ones, thousands apart, "undefined" for NaN.

    Examples
    --------
    >>> number(0.42616), number(1234567.0), number(float("nan"))
    ('0.426', '1,234,567', 'undefined')
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN is the only number that differs from itself
        return "undefined"
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.{digits}g}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 else f"{value:.{max(digits - 1, 0)}e}"


def value_text(value: object) -> str:
    """Write a value of a stranger's table for a table on screen: whole numbers without a point, None as "missing".

    Examples
    --------
    >>> value_text(2.0), value_text(None), value_text("<b>")
    ('2', 'missing', '<b>')
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def percent(value: float) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.1234), percent(0.001)
    ('12.3 %', '0.10 %')
    """
    if value != value:  # noqa: PLR0124 - NaN
        return "undefined"
    return f"{value:.1%}".replace("%", " %") if abs(value) >= 0.01 or value == 0 else f"{value:.2%}".replace("%", " %")


def interval(low: float, high: float, digits: int = 3) -> str:
    """Write an interval, or say that there is none."""
    if low != low or high != high:  # noqa: PLR0124 - NaN
        return "no interval"
    return f"{number(low, digits)} – {number(high, digits)}"
