"""The readout of a what-if: what the model says of the row now and before, and the style of the page, as HTML and CSS.

Every text of a stranger is escaped here; colours and numbers are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from components.charts.strips import decision_colours, held
from components.charts.theme import Palette
from components.text import number, percent

MAX_CLASSES = 6


@dataclass(frozen=True)
class Chip:
    """A short remark in the readout: its text, its colour's name in the palette, and what it means."""

    text: str
    colour: str
    meaning: str


@dataclass(frozen=True)
class Said:
    """What the model says of one output, before and now.

    Parameters
    ----------
    name : str
        What it is.
    before, after : float
    decisions : (str, str) or None
        Before and now; None for a regressor.
    """

    name: str
    before: float
    after: float
    decisions: tuple[str, str] | None

    def write(self, value: float) -> str:
        """Write a value of this output."""
        return number(value) if self.decisions is None else percent(value)


def readout_html(
    outputs: pd.DataFrame,
    palette: Palette,
    *,
    title: str,
    threshold: float | None,
    bounds: tuple[float, float],
) -> str:
    """Draw what the model says of the row now and before: large numbers, the decision, and a gauge.

    Parameters
    ----------
    outputs : DataFrame
        `WhatIfResult.outputs`; of several the likeliest now is written large.
    title : str
        What the output is.
    threshold : float or None
        Of a binary classifier.
    bounds : (float, float)
        Ends of the gauge.
    """
    shown = outputs.iloc[int(outputs["after"].argmax())].to_dict()
    decided = (str(shown["decision_before"]), str(shown["decision_after"]))
    is_classifier = bool(outputs["decision_after"].notna().all())
    name = f"{title} of {shown['output']}" if len(outputs) > 1 else title
    said = Said(name, shown["before"], shown["after"], decided if is_classifier else None)
    gauge = _class_bars(outputs, palette) if len(outputs) > 1 else _gauge(said, palette, threshold, bounds)
    return (
        f'<div class="fl-readout" aria-live="polite"><div class="fl-figures">'
        f'<div class="fl-title" style="color:{palette.muted}">{escape(said.name)}</div>'
        f'<div class="fl-big"><span>{said.write(said.after)}</span>{_delta(said, palette)}</div>'
        f'<div class="fl-decision">{_decision(said, palette)}</div></div>'
        f'<div class="fl-gauge">{gauge}</div></div>'
    )


def chips_html(chips: Sequence[Chip], palette: Palette) -> str:
    """Draw remarks side by side."""
    return f'<div class="fl-chips">{"".join(_chip(c, palette) for c in chips)}</div>'


def _chip(chip: Chip, palette: Palette) -> str:
    colour = getattr(palette, chip.colour)
    style = f"border-color:{colour}"
    return f'<span class="fl-chip" title="{escape(chip.meaning)}" style="{style}">{escape(chip.text)}</span>'


def _delta(said: Said, palette: Palette) -> str:
    gap = said.after - said.before
    if gap == 0:
        return f'<span class="fl-delta" style="color:{palette.muted}">as in the file</span>'
    size = number(abs(gap)) if said.decisions is None else f"{number(abs(100 * gap))} points"
    arrow, colour = ("▲", palette.error) if gap > 0 else ("▼", palette.cohort)
    return (
        f'<span class="fl-delta" style="color:{colour}">{arrow} {size}</span>'
        f'<span class="fl-was" style="color:{palette.muted}">was {said.write(said.before)}</span>'
    )


def _decision(said: Said, palette: Palette) -> str:
    if said.decisions is None:
        return ""
    was, now = (escape(d) for d in said.decisions)
    word = f'<span style="color:{palette.muted}">decision</span>'
    if now == was:
        return f"{word} <strong>{now}</strong>"
    return f'{word} <s style="color:{palette.muted}">{was}</s> <strong style="color:{palette.error}">{now}</strong>'


def _gauge(said: Said, palette: Palette, threshold: float | None, bounds: tuple[float, float]) -> str:
    low, high = bounds

    def at(value: float) -> float:
        return float(np.clip((value - low) / ((high - low) or 1.0), 0, 1))

    parts = [f'<div class="fl-rail" style="background:{palette.faint};border-color:{palette.line}"></div>']
    if threshold is not None:
        cut = at(threshold)
        parts.append(
            f'<div class="fl-beyond" style="left:{100 * cut:.2f}%;background:{palette.cohort}"></div>'
            f'<div class="fl-mark" style="left:{100 * cut:.2f}%;background:{palette.text}"></div>'
            f'<span class="fl-mark-text" style="left:{100 * cut:.2f}%;transform:translateX({held(cut)}%);'
            f'color:{palette.muted}">threshold {said.write(threshold)}</span>'
        )
    left, right = sorted((at(said.before), at(said.after)))
    way = f"left:{100 * left:.2f}%;width:{100 * (right - left):.2f}%;background:{palette.error}"
    parts.append(f'<div class="fl-way" style="{way}"></div>')
    for value, fill in ((said.before, palette.background), (said.after, palette.error)):
        style = f"left:{100 * at(value):.2f}%;bottom:50%;background:{fill};border-color:{palette.error}"
        parts.append(f'<div class="fl-dot" style="{style}"></div>')
    ends = f'<span style="left:0">{said.write(low)}</span><span style="right:0">{said.write(high)}</span>'
    return (
        f'<div class="fl-track">{"".join(parts)}</div><div class="fl-axis" style="color:{palette.muted}">{ends}</div>'
    )


def _class_bars(outputs: pd.DataFrame, palette: Palette) -> str:
    """Draw one bar per class, the likeliest of before or now first, with the value before as a mark."""
    colours = decision_colours(palette, len(outputs))
    largest = outputs[["before", "after"]].max(axis=1).to_numpy()
    order = np.argsort(-largest, kind="stable")[:MAX_CLASSES]
    rows = []
    for i in order:
        name, before, after = (outputs[c].iloc[i] for c in ("output", "before", "after"))
        rows.append(
            f'<div class="fl-class"><span class="fl-name" title="{escape(str(name))}">{escape(str(name))}</span>'
            f'<div class="fl-bar-rail" style="background:{palette.faint}"><div style="width:{100 * after:.1f}%;'
            f'background:{colours[i % len(colours)]}"></div><i style="left:{100 * before:.1f}%;'
            f'background:{palette.text}"></i></div><span class="fl-share">{percent(float(after))}</span></div>'
        )
    rest = len(outputs) - len(order)
    more = f'<div class="fl-note" style="color:{palette.muted}">{rest} less likely classes</div>' if rest else ""
    return "".join(rows) + more


STYLE = """<style>
[data-testid="stLayoutWrapper"]:has(>.st-key-what_if_readout){position:sticky;top:3.2rem;z-index:20}
.st-key-what_if_readout{background:var(--fl-back);padding:.4rem 0 .6rem;border-bottom:1px solid var(--fl-line)}
.fl-readout{display:flex;gap:2.2rem;align-items:center;flex-wrap:wrap}
.fl-figures{min-width:250px}.fl-gauge{flex:1;min-width:240px;padding:0 10px}
.fl-title{font-size:.85rem}.fl-big{font-size:2.1rem;font-weight:600;line-height:1.15;font-variant-numeric:tabular-nums;
  display:flex;align-items:baseline;gap:.7rem;flex-wrap:wrap}
.fl-delta{font-size:1rem;font-weight:600}.fl-was{font-size:.9rem;font-weight:400}
.fl-decision{font-size:.95rem;display:flex;gap:.45rem;align-items:center;flex-wrap:wrap;margin-top:.15rem}
.fl-chip{border:1.5px solid;border-radius:1rem;padding:0 .55rem;font-size:.8rem;display:inline-block}
.fl-chips .fl-chip{cursor:help}
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
.fl-bar-rail{position:relative;flex:1;height:11px;border-radius:3px}.fl-bar-rail>div{height:100%;border-radius:3px}
.fl-bar-rail>i{position:absolute;top:-3px;bottom:-3px;width:2px}.fl-share{width:4rem;text-align:right;
  font-variant-numeric:tabular-nums}
.fl-strip{padding:0 6px}.fl-plot{position:relative;height:34px}
.fl-area{position:absolute;inset:0;opacity:.75}
.fl-cut{position:absolute;left:0;right:0;border-top:1px dashed}
.fl-flip{position:absolute;top:-5px;bottom:-3px;width:2px;margin-left:-1px}
.fl-axis{position:relative;height:17px;font-size:.75rem;font-variant-numeric:tabular-nums}
.fl-axis>span{position:absolute;top:1px;white-space:nowrap}.fl-at{font-weight:700}
.fl-note{font-size:.75rem;display:flex;gap:.35rem;align-items:center}.fl-note .fl-dot{position:static;margin:0}
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
.st-key-what_if_cells [data-testid="stSlider"]{margin:-.6rem 0 -.95rem;position:relative;z-index:3}
.st-key-what_if_cells [data-testid="stWidgetLabel"] p{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
[class*="st-key-what_if_cell_"]{position:relative}
.st-key-what_if_cells :is(input,button){scroll-margin:13rem 0 3rem}
[class*="st-key-what_if_was_"]{position:absolute!important;right:122px;top:.3rem;width:auto!important;z-index:4}
[class*="st-key-what_if_was_"] button{background:var(--fl-back);padding:0 .3rem;min-height:1.8rem}
.fl-legend{display:flex;gap:1.1rem;flex-wrap:wrap;font-size:.85rem}.fl-legend>span{display:inline-flex;
  align-items:center;gap:.35rem}.fl-legend .fl-dot{position:static;margin:0}
.fl-key{width:11px;height:11px;border-radius:2px;opacity:.75}.fl-key-cut{width:16px;border-top:1px dashed}
.fl-key-flip{width:2px;height:14px}
.fl-chips{display:flex;gap:.45rem;flex-wrap:wrap}
.st-key-what_if_cells [data-testid="stSlider"]:not(:hover):not(:focus-within) [data-testid="stSliderThumbValue"]{
  visibility:hidden}
@media (max-width:640px){.fl-readout{gap:.2rem}.fl-big{font-size:1.5rem}.fl-figures{min-width:0}
  .fl-gauge{min-width:100%}.fl-track{height:22px}.st-key-what_if_tools p{display:none}}
</style>"""


def style_html(palette: Palette) -> str:
    """Return the style of everything here, for the theme that the browser shows."""
    theme = f"<style>:root{{--fl-back:{palette.background};--fl-line:{palette.line}}}</style>"
    return theme + STYLE
