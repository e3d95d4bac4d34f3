"""A scan as one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import Any

from debuggers.debugger import Finding, all_debuggers
from debuggers.scan import Scan, describe

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
article { border: 1px solid #8886; border-radius: .4rem; padding: .6rem 1rem; margin: .7rem 0; }
.high { border-left: .4rem solid #D55E00; }
.medium { border-left: .4rem solid #E69F00; }
.low { border-left: .4rem solid #999; }
code { overflow-wrap: anywhere; } small { opacity: .75; }
"""


def scan_html(scan: Scan) -> str:
    """Return a page with the scores, the findings with their evidence, and what passed or did not apply."""
    about = describe(scan.subject)
    titles = {slug: d.title for slug, d in all_debuggers().items()}
    findings = "".join(_finding(titles[slug], f) for slug, f in scan.findings) or "<p>Nothing was found.</p>"
    passed = ", ".join(escape(titles[s]) for s in scan.passed) or "none"
    skipped = "".join(f"<li>{escape(titles[s])}: {escape(why)}</li>" for s, why in scan.not_applicable)
    notes = "".join(f"<li>{escape(n)}</li>" for n in scan.subject.notes)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Faultline: {escape(scan.subject.name)}</title><style>{STYLE}</style></head><body>
<h1>{escape(scan.subject.name)}</h1>
<p>{about["task"]} model, {about["rows"]:,} test rows, {about["features"]} features; {scan.seconds:.1f} s.</p>
<h2>Scores</h2>
<table><tr><th>Score</th><th>Value</th><th>95 % interval</th><th>Rows</th></tr>{_scores(about["scores"])}</table>
<h2>Findings</h2>{findings}
<h2>Passed</h2><p>{passed}</p>
<h2>Does not apply</h2><ul>{skipped or "<li>none</li>"}</ul>
<h2>What was done to the data</h2><ul>{notes or "<li>nothing</li>"}</ul>
</body></html>
"""


def _scores(scores: dict[str, Any]) -> str:
    rows = ""
    for key, score in scores.items():
        low, high = score["interval"]
        span = "none" if low is None or high is None else f"{low:.4g} to {high:.4g}"
        value = "undefined" if score["value"] is None else f"{score['value']:.4g}"
        rows += f"<tr><td>{escape(key.replace('_', ' '))}</td><td class=n>{value}</td><td class=n>{span}</td>"
        rows += f"<td class=n>{score['n']:,}</td></tr>"
    return rows


def _finding(title: str, finding: Finding) -> str:
    plain = finding.as_dict("")
    confirmed = {True: "confirmed on rows that the search did not see", False: "not confirmed on other rows", None: ""}
    facts = [title, f"severity {finding.severity}", f"{finding.rows:,} rows", confirmed[finding.confirmed]]
    if finding.effect is not None:
        facts.append(f"effect {finding.effect.value:.4g} ({finding.effect.low:.4g} to {finding.effect.high:.4g})")
    if finding.q_value is not None:
        facts.append(f"adjusted p {finding.q_value:.3g}")
    where = f"<p><code>{escape(finding.slice.sql)}</code></p>" if finding.slice else ""
    evidence = "; ".join(f"{k.replace('_', ' ')}: {_short(v)}" for k, v in plain["evidence"].items())
    return (
        f"<article class={finding.severity}><strong>{escape(finding.headline)}</strong>"
        f"<p><small>{escape(' · '.join(f for f in facts if f))}</small></p>{where}"
        f"<p><small>{escape(evidence)}</small></p></article>"
    )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
