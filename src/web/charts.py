"""Inline SVG from plain numbers: strings out, no library, coloured by the style sheet.

Places along the line are per cent of the chart's width, so that a chart fits a phone and a desk
with letters of one size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup, escape

from src.language import cached_by_language, localize
from src.tables.cells import format_number

HEIGHT = 132  # CSS pixels, of the distribution
_TOP, _BASE = 24, 112  # between which its bars stand
SQUARE, _EDGE = 300, 24  # of predicted against actual, and the room around its dots


def distribution(
    edges: tuple[float, ...],
    counts: tuple[int, ...],
    title: str,
    description: str,
    *,
    at: float | None = None,
    at_label: str = "",
    band: tuple[float, float] | None = None,
    mark: float | None = None,
    below: float | None = None,
    counted: bool = False,
) -> Markup:
    """Return a histogram, with a value, an interval or a mark in it where there is one.

    The area of a bar is its count, so that bins may be of unequal width.

    Parameters
    ----------
    edges : tuple of float
        Rising, one more than ``counts``.
    at : float, optional
        The value; where it lies beyond the edges, the axis grows to hold it.
    band : (float, float), optional
        Ends of the interval around it.
    mark : float, optional
        Where a dashed line stands.
    below : float, optional
        Bars that end there, or before, are of the class ``below``.
    counted : bool
        Whether each bar's count stands above it.
    """
    low, high = edges[0], edges[-1]
    if at is not None:
        low, high = min(low, at), max(high, at)
    width = high - low or 1.0

    def place(value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - low) / width)), 2)

    parts = [
        f'<svg class="chart" width="100%" height="{HEIGHT}" role="img" '
        f'aria-labelledby="chart-title chart-text"><title id="chart-title">{escape(title)}</title>'
        f'<desc id="chart-text">{escape(description)}</desc>',
        _bars(edges, counts, low, high, below, counted=counted),
    ]
    if band:
        left, right = map(place, band)
        parts.append(
            f'<rect class="band" x="{left}%" y="{_TOP}" width="{right - left:.2f}%" '
            f'height="{_BASE - _TOP}"/>'
        )
    parts.append(f'<line class="axis" x1="0" x2="100%" y1="{_BASE}" y2="{_BASE}"/>')
    if mark is not None and low <= mark <= high:
        parts.append(
            f'<line class="pass" x1="{place(mark)}%" x2="{place(mark)}%" y1="{_TOP}" y2="{_BASE}"/>'
        )
    if at is not None:
        here = place(at)
        parts.append(
            f'<line class="here" x1="{here}%" x2="{here}%" y1="{_TOP - 4}" y2="{_BASE}"/>'
            f'<text class="here" x="{here}%" y="14" text-anchor="{_anchor(here)}">'
            f"{escape(at_label)}</text>"
        )
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704 # nosec B704


@cached_by_language(maxsize=16)  # they are a model's: only a value beyond the edges moves them
def _bars(
    edges: tuple[float, ...],
    counts: tuple[int, ...],
    low: float,
    high: float,
    below: float | None,
    *,
    counted: bool = False,
) -> str:
    width = high - low or 1.0
    bins = list(zip(pairwise(edges), counts, strict=True))
    densities = [count / (right - left or 1.0) for (left, right), count in bins]
    densest = max(densities)
    drawn, labels = [], []
    for ((left, right), count), density in zip(bins, densities, strict=True):
        if not count:
            continue
        height = max(1.0, round((_BASE - _TOP) * density / densest, 1))
        kind = ' class="below"' if below is not None and right <= below else ""
        drawn.append(
            f'<rect{kind} x="{100 * (left - low) / width:.2f}%" y="{_BASE - height:g}" '
            f'width="{100 * 0.92 * (right - left) / width:.2f}%" height="{height:g}"/>'
        )
        if counted:
            middle = 100 * ((left + 0.46 * (right - left)) - low) / width
            labels.append(
                f'<text class="count" x="{middle:.2f}%" y="{_BASE - height - 4:g}" '
                f'text-anchor="middle">{localize(f"{count:,}")}</text>'
            )
    return f'<g class="bars">{"".join(drawn)}</g>{"".join(labels)}{_axis_labels(low, high)}'


def ticks(low: float, high: float) -> list[float]:
    """Return two to seven round numbers from one end of an axis to the other.

    Examples
    --------
    >>> ticks(0, 100), ticks(-0.5, 20.5), ticks(0.31, 0.44)
    ([0.0, 20.0, 40.0, 60.0, 80.0, 100.0], [0.0, 5.0, 10.0, 15.0, 20.0], [0.35, 0.4])
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(power * m for m in (5, 2, 1) if (high - low) / (power * m) >= 2.5)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _axis_labels(low: float, high: float) -> str:
    """Return round numbers below an axis, as SVG."""
    labels = []
    for tick in ticks(low, high):
        x = round(100 * (tick - low) / (high - low or 1.0), 2)
        at = f'x="{x}%" y="{HEIGHT - 2}" text-anchor="{_anchor(x)}"'
        labels.append(f"<text {at}>{localize(format_number(tick))}</text>")
    return "".join(labels)


def _anchor(x: float) -> str:
    """Return how a word is set so that it stays on the chart."""
    return "start" if x < 8 else "end" if x > 92 else "middle"


def crowd(n_full: int, title: str) -> Markup:
    """Return a hundred dots in five lines of twenty, the first of them full and the others empty.

    Parameters
    ----------
    n_full : int
        From 0 to 100.
    title : str
        What the picture shows, for those who do not see it.
    """
    dots = "".join(
        f'<circle class="{"full" if i < n_full else "empty"}" cx="{5 * (i % 20) + 2.5}%" '
        f'cy="{16 * (i // 20) + 8}" r="5.5"/>'
        for i in range(100)
    )
    return Markup(  # noqa: S704 # nosec B704
        '<svg class="crowd" width="100%" height="80" role="img" aria-labelledby="crowd-title">'
        f'<title id="crowd-title">{escape(title)}</title>{dots}</svg>'
    )


def predicted_and_actual(points: Sequence[tuple[float, float, float, float]], title: str) -> Markup:
    """Return dots of what was predicted (across) and what came true (up), each with its range.

    Parameters
    ----------
    points : sequence of (float, float, float, float)
        Predicted, actual, and the ends of the actual one's range.
    """
    values = [value for point in points for value in point]
    low, high = min(values), max(values)
    width, height = high - low or 1.0, SQUARE - 2 * _EDGE

    def across(value: float) -> float:
        return round(8 + 88 * (value - low) / width, 2)

    def up(value: float) -> float:
        return round(_EDGE + height * (high - value) / width, 1)

    marks = [
        f'<text x="{across(tick)}%" y="{SQUARE - 2}" text-anchor="middle">'
        f"{localize(format_number(tick))}</text>"
        f'<text x="0" y="{up(tick) + 4}">{localize(format_number(tick))}</text>'
        for tick in ticks(low, high)
    ]
    dots = [
        f'<line class="range" x1="{across(at)}%" x2="{across(at)}%" y1="{up(first)}" '
        f'y2="{up(last)}"/><circle class="dot-of" cx="{across(at)}%" cy="{up(actual)}" r="5"/>'
        for at, actual, first, last in points
    ]
    return Markup(  # noqa: S704 # nosec B704
        f'<svg class="chart beside" width="100%" height="{SQUARE}" role="img" '
        f'aria-labelledby="both-title"><title id="both-title">{escape(title)}</title>'
        f'<line class="pass" x1="{across(low)}%" x2="{across(high)}%" y1="{up(low)}" '
        f'y2="{up(high)}"/><line class="axis" x1="8%" x2="96%" y1="{SQUARE - _EDGE}" '
        f'y2="{SQUARE - _EDGE}"/>{"".join(marks)}{"".join(dots)}</svg>'
    )


def table_rows(rows: Sequence[tuple[str, int]]) -> Markup:
    """Return the rows of a table: the first cell of each is its heading."""
    return Markup("").join(
        Markup('<tr><th scope="row">{}</th><td>{}</td></tr>\n').format(name, localize(f"{n:,}"))
        for name, n in rows
    )


def bar_list(rows: Sequence[tuple[str, str, float]]) -> Markup:
    """Return a list with a bar in each item, all on one scale, right or left of one zero.

    Parameters
    ----------
    rows : sequence of (str, str, float)
        What it is, its figure as a person reads it, and the figure. The bars themselves say
        nothing to a screen reader.
    """
    values = [value for _, _, value in rows]
    low, high = min([0.0, *values]), max([0.0, *values])
    scale = 100 / (high - low or 1.0)
    zero = f"{-scale * low:.2f}%"
    items = []
    for label, shown, value in rows:
        side = "more" if value > 0 else "less"
        start, long = scale * (min(0.0, value) - low), scale * abs(value)
        items.append(
            f"<li><span>{escape(label)}</span> <strong>{escape(shown)}</strong>"
            '<svg class="lean" width="100%" height="14" aria-hidden="true">'
            f'<rect class="{side}" x="{start:.2f}%" y="2" width="{long:.2f}%" height="10" '
            f'rx="2"/><line x1="{zero}" x2="{zero}" y1="0" y2="14"/></svg></li>'
        )
    return Markup(f'<ul class="reasons">{"".join(items)}</ul>')  # noqa: S704 # nosec B704
