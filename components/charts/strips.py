"""Response strips as plain HTML and CSS: light enough to draw thirty of them anew at every release of a slider.

Every text of a stranger is escaped here; colours and numbers are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from components.charts.theme import Palette
from components.text import number
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


@dataclass(frozen=True)
class Look:
    """How the strips of one row look.

    Parameters
    ----------
    palette : Palette
    heights : Heights
    classes : int
        0 for a regressor.
    """

    palette: Palette
    heights: Heights
    classes: int

    def codes(self, response: Response) -> npt.NDArray[np.intp]:
        """Return the decision at each value, 0 for a regressor."""
        return (response.decisions if self.classes else np.zeros(len(response.values))).astype(np.intp)

    def colour(self, code: int) -> str:
        """Return the colour of a decision."""
        colours = decision_colours(self.palette, self.classes)
        return colours[code % len(colours)]

    def dot(self, left: float, bottom: float, *, was: bool) -> str:
        """Return a mark for a value: a ring for what the file holds, a dot for what is there now."""
        style = (
            f"left:{100 * left:.2f}%;bottom:{100 * bottom:.1f}%;border-color:{self.palette.error};"
            f"background:{self.palette.background if was else self.palette.error}"
        )
        return f'<div class="fl-dot" style="{style}"></div>'


def strip_html(response: Response, look: Look, *, current: Any, original: Any, unit: str, beyond: bool) -> str:
    """Draw the output along one feature: the area's height is the output, its colour the decision.

    Parameters
    ----------
    response : Response
    look : Look
    current, original : object
        Values of the edited row and of the row in the file.
    unit : str
        What the output is, for screen readers.
    beyond : bool
        Whether the present value does not occur in the data.
    """
    body = ""
    if not response.ordered:
        body = _bars(response, look, current, original)
    elif len(response.numbers) > 1:
        body = _line(response, look, current, original)
    badge = (
        f'<span class="fl-chip" style="border-color:{look.palette.caution}">beyond the data</span>' if beyond else ""
    )
    return f'<div class="fl-strip" role="img" aria-label="{escape(_alt(response, unit))}">{body}{badge}</div>'


def legend_html(look: Look, classes: Sequence[str]) -> str:
    """Explain what colours and marks of the strips mean."""
    box = '<i class="fl-key" style="background:{}"></i>{}'
    parts = [box.format(look.colour(i), escape(name)) for i, name in enumerate(classes[:MAX_NAMED])]
    parts = [f"decided {p}" if i == 0 else p for i, p in enumerate(parts)]
    parts += [f"{look.dot(0, 0, was=False)} now", f"{look.dot(0, 0, was=True)} in the file"]
    if look.heights.threshold is not None:
        parts.append(f'<i class="fl-key-cut" style="border-color:{look.palette.muted}"></i>threshold')
    if classes:
        parts.append(f'<i class="fl-key-flip" style="background:{look.palette.text}"></i>the decision flips')
    spans = "".join(f"<span>{p}</span>" for p in parts)
    return f'<div class="fl-legend" style="color:{look.palette.muted}">{spans}</div>'


def _alt(response: Response, unit: str) -> str:
    if not len(response.values):
        return f"{response.feature}: nothing to follow"
    low, high = float(response.outputs.min()), float(response.outputs.max())
    flips = ", ".join(f"{f.direction} {_value(f.value)}" for f in response.flips[:4])
    return f"{unit} from {number(low)} to {number(high)} along {response.feature}; " + (
        f"the decision changes: {flips}" if flips else "the decision does not change"
    )


# --- numbers --------------------------------------------------------------------------------------------------------


def _line(response: Response, look: Look, current: Any, original: Any) -> str:
    x, palette = response.numbers, look.palette
    tops = look.heights.shares(look.heights.tops(response)[: len(x)])
    at = _places(x, x)
    flips = [f for f in response.flips if f.direction in ("below", "above")]
    where = _places(x, np.array([f.value for f in flips], dtype=np.float64))
    parts = [_area(response, look, at, tops)]
    if look.heights.threshold is not None:
        level = 100 * float(look.heights.shares(np.array([look.heights.threshold]))[0])
        parts.append(f'<div class="fl-cut" style="bottom:{level:.1f}%;border-color:{palette.muted}"></div>')
    parts += [f'<div class="fl-flip" style="left:{100 * a:.2f}%;background:{palette.text}"></div>' for a in where]
    for value, was in ((original, True), (current, False)):
        if value is not None and np.isfinite(value) and not (was and value == current):
            a = float(_places(x, np.array([value]))[0])
            parts.append(look.dot(a, float(np.interp(a, at, tops)), was=was))
    below = _axis(x, flips, where, palette) + _missing(response, look, current)
    return f'<div class="fl-plot">{"".join(parts)}</div>{below}'


def _places(x: Floats, values: Floats) -> Floats:
    """Return where, from 0 to 1, values lie on the axis of `x`; what lies beyond it lies at its end."""
    # Halved, so that the widest range that floats allow does not overflow.
    return np.asarray(np.clip((values / 2 - x[0] / 2) / (x[-1] / 2 - x[0] / 2), 0, 1))


def _area(response: Response, look: Look, at: Floats, tops: Floats) -> str:
    """Draw the area under the output, in the colours of the decisions from left to right."""
    x, codes = response.numbers, look.codes(response)[: len(at)]
    steps = len(x) <= MAX_STEPS and bool((x == np.rint(x)).all())
    outline = _stepped(at, tops) if steps else list(zip(at.tolist(), tops.tolist(), strict=True))
    spans = _spans(codes, _edges(response, x, codes, at))
    colours = ",".join(f"{look.colour(c)} {100 * a:.2f}%,{look.colour(c)} {100 * b:.2f}%" for c, a, b in spans)
    polygon = ",".join(f"{100 * a:.1f}% {100 * (1 - h):.1f}%" for a, h in _thinned(outline))
    return (
        f'<div class="fl-area" style="background:linear-gradient(to right,{colours});'
        f'clip-path:polygon(0% 100%,{polygon},100% 100%)"></div>'
    )


def _edges(response: Response, x: Floats, codes: npt.NDArray[np.intp], at: Floats) -> Floats:
    """Return where, from 0 to 1, the colour may change between neighbouring values: at a known flip, else halfway."""
    edges = (at[1:] + at[:-1]) / 2
    for flip in response.flips:
        if flip.direction in ("below", "above") and not isinstance(flip.value, int):
            i = int(np.clip(np.searchsorted(x, flip.value) - 1, 0, len(x) - 2))
            if codes[i] != codes[i + 1]:
                edges[i] = _places(x, np.array([flip.value]))[0]
    return edges


def _spans(codes: npt.NDArray[np.intp], edges: Floats) -> list[tuple[int, float, float]]:
    """Return runs of the same decision as (code, from, to)."""
    cuts = np.flatnonzero(codes[1:] != codes[:-1])
    bounds = [0.0, *edges[cuts], 1.0]
    firsts = [0, *(cuts + 1)]
    return [(int(codes[i]), bounds[k], bounds[k + 1]) for k, i in enumerate(firsts)]


def _stepped(at: Floats, tops: Floats) -> list[tuple[float, float]]:
    middles = ((at[1:] + at[:-1]) / 2).tolist()
    sides = zip([0.0, *middles], [*middles, 1.0], tops.tolist(), strict=True)
    return [point for left, right, top in sides for point in ((left, top), (right, top))]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out points between two of the same height: trees answer in steps."""
    last = len(points) - 1
    return [p for i, p in enumerate(points) if i in (0, last) or not points[i - 1][1] == p[1] == points[i + 1][1]]


def _axis(x: Floats, flips: Sequence[Flip], where: Floats, palette: Palette) -> str:
    """Write the ends of the axis and the values that flip; an end gives way to a flip beside it."""
    labels = []
    if not (where < 0.22).any():
        labels.append(f'<span style="left:0">{_value(float(x[0]))}</span>')
    if not (where > 0.78).any():
        labels.append(f'<span style="right:0">{_value(float(x[-1]))}</span>')
    for flip, a in zip(flips, where.tolist(), strict=True):
        style = f"left:{100 * a:.2f}%;transform:translateX({held(a)}%);color:{palette.text}"
        labels.append(f'<span class="fl-at" style="{style}">{_value(flip.value)}</span>')
    return f'<div class="fl-axis" style="color:{palette.muted}">{"".join(labels)}</div>'


def held(place: float) -> int:
    """Return by how many per cent of its width a text at `place`, from 0 to 1, is shifted so that it stays inside."""
    return 0 if place < 0.12 else -100 if place > 0.88 else -50


def _missing(response: Response, look: Look, current: Any) -> str:
    """Say what a missing value would give: it has no place on the axis."""
    if None not in response.values:
        return ""
    output = float(response.outputs[-1].max())
    flips = any(f.direction == "missing" for f in response.flips)
    note = " · changes the decision" if flips else ""
    dot = look.dot(0, 0, was=False) if current is None else ""
    return f'<div class="fl-note" style="color:{look.palette.muted}">{dot}missing: {number(output)}{note}</div>'


# --- categories -----------------------------------------------------------------------------------------------------


def _bars(response: Response, look: Look, current: Any, original: Any) -> str:
    tops = look.heights.shares(look.heights.tops(response)).tolist()
    codes = look.codes(response).tolist()
    is_named = len(response.values) <= MAX_NAMED
    bars = []
    for value, top, code, output in zip(response.values, tops, codes, response.outputs.max(axis=1), strict=True):
        dot = look.dot(0.5, top, was=value != current) if value in (current, original) else ""
        name = f'<span style="color:{look.palette.muted}">{escape(_value(value))}</span>' if is_named else ""
        bars.append(
            f'<div class="fl-bar" title="{escape(_value(value))}: {number(float(output))}"><div class="fl-plot">'
            f'<div class="fl-fill" style="height:{max(100 * top, 2):.1f}%;background:{look.colour(code)}"></div>'
            f"{dot}</div>{name}</div>"
        )
    rest = f"{response.left_out:,} rarer ones not tried" if response.left_out else ""
    note = f'<div class="fl-note" style="color:{look.palette.muted}">{rest}</div>' if rest else ""
    return f'<div class="fl-bars">{"".join(bars)}</div>{note}'


def _value(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number(float(value), 4)
