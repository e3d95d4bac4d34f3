"""Response strips and the readout of a what-if, as plain HTML and CSS: light enough for thirty of them at every release.

Every text of a stranger is escaped here; colours and numbers are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from components.charts.theme import Palette
from components.text import number, percent
from debuggers.response import Flip, Response

Floats = npt.NDArray[np.float64]
CLIP = 1e-6
# Up to so many whole numbers are drawn as steps, since nothing lies between them.
MAX_STEPS = 60
MAX_NAMED = 7


@dataclass(frozen=True)
class Heights:
    """The vertical scale that all strips of a row share.

    Parameters
    ----------
    low, high : float
        Ends, on the scale that is drawn.
    log_odds : bool
        Whether probabilities are drawn as log-odds, which shows as much of 0.01 to 0.02 as of 0.5 to 0.7.
    threshold : float or None
        Of a binary classifier.
    """

    low: float
    high: float
    log_odds: bool
    threshold: float | None

    @classmethod
    def of(cls, responses: Sequence[Response], *, log_odds: bool, threshold: float | None) -> Heights:
        """Return a scale on which every response and the threshold can be seen."""
        drawn = cls(0.0, 1.0, log_odds, threshold)
        values = np.concatenate([drawn.scaled(drawn.tops(r)) for r in responses] or [np.zeros(1)])
        values = values[np.isfinite(values)]
        if threshold is not None:
            values = np.append(values, drawn.scaled(np.array([threshold])))
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        room = 0.08 * (high - low) or 1.0
        return cls(low - room, high + room, log_odds, threshold)

    def tops(self, response: Response) -> Floats:
        """Return what is drawn of each value: the output, of several the largest."""
        if not len(response.values):
            return np.empty(0)
        return np.asarray(response.outputs.max(axis=1))

    def scaled(self, outputs: Floats) -> Floats:
        """Return outputs on the scale that is drawn."""
        if not self.log_odds:
            return outputs
        p = np.clip(outputs, CLIP, 1 - CLIP)
        return np.asarray(np.log(p / (1 - p)))

    def shares(self, outputs: Floats) -> Floats:
        """Return heights from 0 to 1."""
        return np.asarray(np.clip((self.scaled(outputs) - self.low) / (self.high - self.low), 0.0, 1.0))


def decision_colours(palette: Palette, classes: int) -> tuple[str, ...]:
    """Return a colour per decision: of two the negative one is grey; a regressor has one colour."""
    if classes == 2:
        return palette.muted, palette.cohort
    return (palette.cohort,) if classes == 0 else palette.series


def strip_html(
    response: Response,
    palette: Palette,
    *,
    heights: Heights,
    colours: Sequence[str],
    current: Any,
    original: Any,
    unit: str = "output",
) -> str:
    """Draw the output along one feature: the area's height is the output, its colour the decision.

    Parameters
    ----------
    response : Response
    palette : Palette
    heights : Heights
    colours : sequence of str
        As `decision_colours` gives them.
    current, original : object
        Values of the edited row and of the row in the file.
    unit : str
        What the output is, for screen readers.
    """
    ordered = response.ordered and len(response.numbers) > 1
    body = _line(response, palette, heights, colours, current, original) if ordered else ""
    if not response.ordered:
        body = _bars(response, palette, heights, colours, current, original)
    alt = _alt(response, unit)
    return f'<div class="fl-strip" role="img" aria-label="{escape(alt)}">{body}</div>'


def _alt(response: Response, unit: str) -> str:
    if not len(response.values):
        return f"{response.feature}: nothing to follow"
    low, high = float(response.outputs.min()), float(response.outputs.max())
    flips = ", ".join(f"{f.direction} {_value(f.value)}" for f in response.flips[:4])
    return f"{unit} from {number(low)} to {number(high)} along {response.feature}; " + (
        f"the decision changes: {flips}" if flips else "the decision does not change"
    )


# --- numbers --------------------------------------------------------------------------------------------------------


def _line(
    response: Response, palette: Palette, heights: Heights, colours: Sequence[str], current: Any, original: Any
) -> str:
    x = response.numbers
    tops = heights.shares(heights.tops(response)[: len(x)])
    codes = response.decisions[: len(x)].astype(np.intp) if len(colours) > 1 else np.zeros(len(x), dtype=np.intp)
    at = (x - x[0]) / (x[-1] - x[0])
    steps = len(x) <= MAX_STEPS and bool((x == np.rint(x)).all())
    edges = _edges(response, x, codes, at)
    spans = _spans(codes, edges)
    gradient = ",".join(
        f"{_colour(colours, c)} {100 * a:.2f}%,{_colour(colours, c)} {100 * b:.2f}%" for c, a, b in spans
    )
    outline = _stepped(at, tops) if steps else list(zip(at, tops, strict=True))
    polygon = ",".join(f"{100 * a:.1f}% {100 * (1 - h):.1f}%" for a, h in _thinned(outline))
    parts = [
        f'<div class="fl-area" style="background:linear-gradient(to right,{gradient});'
        f'clip-path:polygon(0% 100%,{polygon},100% 100%)"></div>'
    ]
    if heights.threshold is not None:
        level = 100 * float(heights.shares(np.array([heights.threshold]))[0])
        parts.append(f'<div class="fl-cut" style="bottom:{level:.1f}%;border-color:{palette.muted}"></div>')
    flips = [f for f in response.flips if f.direction in ("below", "above")]
    where = [(float(f.value) - x[0]) / (x[-1] - x[0]) for f in flips]
    parts += [f'<div class="fl-flip" style="left:{100 * a:.2f}%;background:{palette.text}"></div>' for a in where]
    parts += _dots(x, current, original, at, tops, palette)
    return f'<div class="fl-plot">{"".join(parts)}</div>' + _axis(response, x, flips, where, palette)


def _edges(response: Response, x: Floats, codes: npt.NDArray[np.intp], at: Floats) -> Floats:
    """Return where, from 0 to 1, the colour may change between neighbouring values: at a known flip, else halfway."""
    edges = (at[1:] + at[:-1]) / 2
    for flip in response.flips:
        if flip.direction in ("below", "above") and not isinstance(flip.value, int):
            i = int(np.clip(np.searchsorted(x, flip.value) - 1, 0, len(x) - 2))
            if codes[i] != codes[i + 1]:
                edges[i] = (flip.value - x[0]) / (x[-1] - x[0])
    return edges


def _spans(codes: npt.NDArray[np.intp], edges: Floats) -> list[tuple[int, float, float]]:
    """Return runs of the same decision as (code, from, to)."""
    cuts = np.flatnonzero(codes[1:] != codes[:-1])
    bounds = [0.0, *edges[cuts], 1.0]
    firsts = [0, *(cuts + 1)]
    return [(int(codes[i]), bounds[k], bounds[k + 1]) for k, i in enumerate(firsts)]


def _stepped(at: Floats, tops: Floats) -> list[tuple[float, float]]:
    middles = (at[1:] + at[:-1]) / 2
    left, right = np.append(0.0, middles), np.append(middles, 1.0)
    return [point for a, b, h in zip(left, right, tops, strict=True) for point in ((a, h), (b, h))]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out points between two of the same height: trees answer in steps."""
    last = len(points) - 1
    return [p for i, p in enumerate(points) if i in (0, last) or not points[i - 1][1] == p[1] == points[i + 1][1]]


def _dots(x: Floats, current: Any, original: Any, at: Floats, tops: Floats, palette: Palette) -> list[str]:
    """Mark the row's value in the file by a ring and the present one by a dot."""
    marks = []
    for value, kind in ((original, "was"), (current, "now")):
        if value is None or not np.isfinite(value) or (kind == "was" and value == current):
            continue
        a = float(np.clip((value - x[0]) / (x[-1] - x[0]), 0, 1))
        h = float(np.interp(a, at, tops))
        fill = palette.background if kind == "was" else palette.error
        style = f"left:{100 * a:.2f}%;bottom:{100 * h:.1f}%;background:{fill};border-color:{palette.error}"
        marks.append(f'<div class="fl-dot fl-{kind}" style="{style}"></div>')
    return marks


def _axis(response: Response, x: Floats, flips: Sequence[Flip], where: Sequence[float], palette: Palette) -> str:
    labels = []
    if not any(a < 0.2 for a in where):
        labels.append(f'<span style="left:0">{_value(x[0])}</span>')
    if not any(a > 0.8 for a in where):
        labels.append(f'<span style="right:0">{_value(x[-1])}</span>')
    for flip, a in zip(flips, where, strict=True):
        shift = 0 if a < 0.12 else -100 if a > 0.88 else -50
        style = f"left:{100 * a:.2f}%;transform:translateX({shift}%);color:{palette.text}"
        labels.append(f'<span class="fl-at" style="{style}">{_value(flip.value)}</span>')
    return f'<div class="fl-axis" style="color:{palette.muted}">{"".join(labels)}</div>{_missing(response, palette)}'


def _missing(response: Response, palette: Palette) -> str:
    """Say what a missing value would give: it has no place on the axis."""
    if None not in response.values:
        return ""
    output = float(response.outputs[-1].max())
    flips = any(f.direction == "missing" for f in response.flips)
    note = " · changes the decision" if flips else ""
    return f'<div class="fl-note" style="color:{palette.muted}">missing: {number(output)}{note}</div>'


# --- categories -----------------------------------------------------------------------------------------------------


def _bars(
    response: Response, palette: Palette, heights: Heights, colours: Sequence[str], current: Any, original: Any
) -> str:
    tops = heights.shares(heights.tops(response))
    named = len(response.values) <= MAX_NAMED
    bars = []
    for i, value in enumerate(response.values):
        colour = _colour(colours, int(response.decisions[i]) if len(colours) > 1 else 0)
        mark = "fl-now" if value == current else "fl-was" if value == original else ""
        fill = palette.error if value == current else palette.background
        dot = f'<div class="fl-dot {mark}" style="left:50%;bottom:{100 * tops[i]:.1f}%;background:{fill};' \
            f'border-color:{palette.error}"></div>' if mark else ""  # fmt: skip
        title = escape(f"{_value(value)}: {number(float(response.outputs[i].max()))}")
        name = f'<span style="color:{palette.muted}">{escape(_value(value))}</span>' if named else ""
        bars.append(
            f'<div class="fl-bar" title="{title}"><div class="fl-plot"><div class="fl-fill" '
            f'style="height:{max(100 * tops[i], 2):.1f}%;background:{colour}"></div>{dot}</div>{name}</div>'
        )
    left_out = f'<div class="fl-note" style="color:{palette.muted}">{response.left_out:,} rarer ones not tried</div>'
    return f'<div class="fl-bars">{"".join(bars)}</div>' + (left_out if response.left_out else "")


def _value(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number(float(value), 4)


def _colour(colours: Sequence[str], code: int) -> str:
    return colours[code % len(colours)]


# --- the readout ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chip:
    """A short remark in the readout: its text, its colour's name in the palette, and what it means."""

    text: str
    colour: str
    meaning: str


def readout_html(
    outputs: pd.DataFrame,
    palette: Palette,
    *,
    title: str,
    colours: Sequence[str],
    threshold: float | None,
    bounds: tuple[float, float],
    chips: Sequence[Chip] = (),
) -> str:
    """Draw what the model says of the row now and before: large numbers, the decision, and a gauge.

    Parameters
    ----------
    outputs : DataFrame
        `WhatIfResult.outputs`.
    title : str
        What the output is.
    threshold : float or None
        Of a binary classifier.
    bounds : (float, float)
        Ends of the gauge.
    """
    several = len(outputs) > 1
    classifier = outputs["decision_after"].notna().all()
    shown = outputs.iloc[int(outputs["after"].argmax())] if several else outputs.iloc[0]
    name = f"{title} of {shown['output']}" if several else title
    say = percent if classifier else number
    gauge = _class_bars(outputs, palette, colours) if several else _gauge(shown, palette, threshold, bounds, say)
    marks = "".join(
        f'<span class="fl-chip" title="{escape(c.meaning)}" style="color:{getattr(palette, c.colour)};'
        f'border-color:{getattr(palette, c.colour)}">{escape(c.text)}</span>'
        for c in chips
    )
    return (
        f'<div class="fl-readout" aria-live="polite"><div class="fl-figures"><div class="fl-title" '
        f'style="color:{palette.muted}">{escape(name)}</div><div class="fl-big">{say(float(shown["after"]))}'
        f"{_delta(shown, palette, classifier=bool(classifier))}</div>"
        f'<div class="fl-decision">{_decision(shown, palette)}{marks}</div></div>'
        f'<div class="fl-gauge">{gauge}</div></div>'
    )


def _delta(shown: Mapping[str, Any], palette: Palette, *, classifier: bool) -> str:
    before, after = float(shown["before"]), float(shown["after"])
    if before == after:
        return f'<span class="fl-delta" style="color:{palette.muted}">as in the file</span>'
    gap = after - before
    size = f"{number(abs(100 * gap))} points" if classifier else number(abs(gap))
    was = percent(before) if classifier else number(before)
    colour = palette.error if gap > 0 else palette.cohort
    return (
        f'<span class="fl-delta" style="color:{colour}">{"▲" if gap > 0 else "▼"} {size}</span>'
        f'<span class="fl-was-text" style="color:{palette.muted}">was {was}</span>'
    )


def _decision(shown: Mapping[str, Any], palette: Palette) -> str:
    now, was = shown["decision_after"], shown["decision_before"]
    if now is None or pd.isna(now):
        return ""
    if now == was:
        return f'<span style="color:{palette.muted}">decision</span> <b>{escape(str(now))}</b>'
    return (
        f'<span style="color:{palette.muted}">decision</span> <s style="color:{palette.muted}">{escape(str(was))}</s> '
        f'<b style="color:{palette.error}">{escape(str(now))}</b>'
    )


def _gauge(
    shown: Mapping[str, Any], palette: Palette, threshold: float | None, bounds: tuple[float, float], say: Any
) -> str:
    low, high = bounds
    span = (high - low) or 1.0

    def at(value: float) -> float:
        return 100 * float(np.clip((value - low) / span, 0, 1))

    before, after = float(shown["before"]), float(shown["after"])
    parts = [f'<div class="fl-rail" style="background:{palette.faint};border-color:{palette.line}"></div>']
    if threshold is not None:
        parts.append(
            f'<div class="fl-beyond" style="left:{at(threshold):.2f}%;background:{palette.cohort}"></div>'
            f'<div class="fl-mark" style="left:{at(threshold):.2f}%;background:{palette.text}"></div>'
            f'<span class="fl-mark-text" style="{_held(at(threshold))};color:{palette.muted}">'
            f"threshold {say(threshold)}</span>"
        )
    left, right = sorted((at(before), at(after)))
    parts.append(
        f'<div class="fl-way" style="left:{left:.2f}%;width:{right - left:.2f}%;background:{palette.error}"></div>'
    )
    for value, kind, fill in ((before, "was", palette.background), (after, "now", palette.error)):
        parts.append(
            f'<div class="fl-dot fl-{kind}" style="left:{at(value):.2f}%;bottom:50%;background:{fill};'
            f'border-color:{palette.error}"></div>'
        )
    ends = f'<div class="fl-axis" style="color:{palette.muted}"><span style="left:0">{say(low)}</span>' \
        f'<span style="right:0">{say(high)}</span></div>'  # fmt: skip
    return f'<div class="fl-track">{"".join(parts)}</div>{ends}'


def _held(left: float) -> str:
    """Return the place of a text that must not leave the gauge."""
    shift = 0 if left < 12 else -100 if left > 88 else -50
    return f"left:{left:.2f}%;transform:translateX({shift}%)"


def _class_bars(outputs: pd.DataFrame, palette: Palette, colours: Sequence[str]) -> str:
    """Draw one bar per class, the likeliest of before or now first, with the value before as a mark."""
    order = np.argsort(-np.maximum(outputs["before"], outputs["after"]).to_numpy(), kind="stable")[:6]
    rows = []
    for i in order:
        name, before, after = outputs["output"].iloc[i], outputs["before"].iloc[i], outputs["after"].iloc[i]
        rows.append(
            f'<div class="fl-class"><span class="fl-name" title="{escape(str(name))}">{escape(str(name))}</span>'
            f'<div class="fl-rail2" style="background:{palette.faint}"><div style="width:{100 * after:.1f}%;'
            f'background:{_colour(colours, int(i))}"></div><i style="left:{100 * before:.1f}%;'
            f'background:{palette.text}"></i></div><span class="fl-share">{percent(float(after))}</span></div>'
        )
    rest = len(outputs) - len(order)
    more = f'<div class="fl-note" style="color:{palette.muted}">{rest} less likely classes</div>' if rest else ""
    return "".join(rows) + more


STYLE = """<style>
.st-key-what_if_readout{position:sticky;top:2.9rem;z-index:20;background:var(--fl-back);padding:.5rem 0 .6rem;
  border-bottom:1px solid var(--fl-line)}
.fl-readout{display:flex;gap:2.2rem;align-items:center;flex-wrap:wrap}
.fl-figures{min-width:250px}.fl-gauge{flex:1;min-width:240px;padding:0 10px}
.fl-title{font-size:.85rem}.fl-big{font-size:2.1rem;font-weight:600;line-height:1.15;font-variant-numeric:tabular-nums;
  display:flex;align-items:baseline;gap:.7rem;flex-wrap:wrap}
.fl-delta{font-size:1rem;font-weight:600}.fl-was-text{font-size:.9rem;font-weight:400}
.fl-decision{font-size:.95rem;display:flex;gap:.45rem;align-items:center;flex-wrap:wrap;margin-top:.15rem}
.fl-chip{border:1px solid;border-radius:1rem;padding:0 .55rem;font-size:.8rem;font-weight:600;cursor:help}
.fl-track{position:relative;height:30px;margin-top:18px}
.fl-rail{position:absolute;left:0;right:0;top:9px;height:12px;border-radius:6px;border:1px solid}
.fl-beyond{position:absolute;right:0;top:10px;height:10px;opacity:.25;border-radius:0 6px 6px 0}
.fl-mark{position:absolute;top:2px;height:26px;width:2px;margin-left:-1px}
.fl-mark-text{position:absolute;top:-17px;font-size:.78rem;white-space:nowrap}
.fl-way{position:absolute;top:13px;height:4px;border-radius:2px;opacity:.7}
.fl-dot{position:absolute;width:11px;height:11px;margin:0 0 -6px -6px;border-radius:50%;border:2px solid;
  box-sizing:border-box;z-index:2}
.fl-track .fl-dot{width:16px;height:16px;margin:0 0 -8px -8px}
.fl-class{display:flex;align-items:center;gap:.6rem;font-size:.85rem;line-height:1.45}
.fl-name{width:7rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;text-align:right}
.fl-rail2{position:relative;flex:1;height:11px;border-radius:3px}.fl-rail2>div{height:100%;border-radius:3px}
.fl-rail2>i{position:absolute;top:-3px;bottom:-3px;width:2px}.fl-share{width:4rem;text-align:right;
  font-variant-numeric:tabular-nums}
.fl-strip{padding:0 6px}.fl-plot{position:relative;height:34px}
.fl-area{position:absolute;inset:0;opacity:.75}
.fl-cut{position:absolute;left:0;right:0;border-top:1px dashed}
.fl-flip{position:absolute;top:-5px;bottom:-3px;width:2px;margin-left:-1px}
.fl-axis{position:relative;height:17px;font-size:.75rem;font-variant-numeric:tabular-nums}
.fl-axis>span{position:absolute;top:1px;white-space:nowrap}.fl-at{font-weight:700}
.fl-note{font-size:.75rem}
.fl-bars{display:flex;gap:2px}.fl-bar{flex:1;min-width:0;text-align:center}
.fl-bar>span{display:block;font-size:.72rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.fl-fill{position:absolute;left:0;right:0;bottom:0;opacity:.75;border-radius:2px 2px 0 0}
.st-key-what_if_cells [data-testid="stNumberInput"],.st-key-what_if_cells [data-testid="stSelectbox"],
.st-key-what_if_cells [data-testid="stTextInput"]{display:flex;align-items:center;gap:.5rem}
.st-key-what_if_cells [data-testid="stWidgetLabel"]{flex:1;min-width:0;margin:0}
.st-key-what_if_cells [data-testid="stNumberInputContainer"]{width:118px;flex:none}
.st-key-what_if_cells [data-testid="stNumberInput"] button{display:none}
.st-key-what_if_cells [data-testid="stSelectbox"]>div:last-child,
.st-key-what_if_cells [data-testid="stTextInput"]>div:last-child{width:170px;flex:none}
.st-key-what_if_cells [data-testid="stSliderTickBar"]{display:none}
.st-key-what_if_cells [data-testid="stSlider"]:not(:hover):not(:focus-within) [data-testid="stSliderThumbValue"]{
  visibility:hidden}
@media (max-width:640px){.fl-readout{gap:.4rem}.fl-big{font-size:1.6rem}.fl-figures{min-width:0}}
</style>"""


def style_html(palette: Palette) -> str:
    """Return the style of everything here, for the theme that the browser shows."""
    theme = f"<style>:root{{--fl-back:{palette.background};--fl-line:{palette.line}}}</style>"
    return theme + STYLE
