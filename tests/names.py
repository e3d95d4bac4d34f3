"""Names that a stranger may give a column, a value, a class or a file; each must stay a name."""

from __future__ import annotations

# Those that the project's issue names, and a few that a spreadsheet or a database would run.
ODD = (
    "__proto__", 'a"b', "<b>x</b>", "城市", "![x](http://192.0.2.1/x.png)", ":material/delete:", "$x^2$", "=cmd()",
    "constructor", "x' OR 1=1 --", "../../etc/passwd",
)  # fmt: skip

# What markdown, and Streamlit's own additions to it, would format.
FORMATTED = (
    *ODD,
    "*x*", "**x**", "_x_", "~~x~~", "`x`", "```", "==x==", "^x^", "# x", "> x", "1. x", "- x", "+ x", "- [ ] x",
    "| a | b |",
    "[x]", "[x](y)", "x]", "[^1]", "***", "---", "===", "\\(x\\)", "$$x$$", "$5 and $6", "x\\", "&amp;", "&#58;",
    "<!-- x -->", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)",
    "www.example.com", "WWW.example.com", "someone@example.com", "http://example.com/a", "https://example.com",
    "mailto:someone@example.com", "xmpp:someone@example.com",
    ":red[x]", ":red-badge[x]", ":smile:", ":streamlit:", ":small[x]", ":gray-background[x]", ":shortcut[x]",
    ":x", "::x", "x:y:z",
    "x -> y", "x <- y", "x <-> y", "-- x", "x >= 1", "x <= 1", "x ~= 1", "x != 1", "(c)", "x's", "12:30",
    "    x", "x\ty", "x\ny",
)  # fmt: skip
