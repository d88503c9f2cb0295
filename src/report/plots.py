"""The report's figures, drawn with Matplotlib; values in, SVG elements out.

All are as wide as a phone, so that a wide screen shows several beside one another and letters are
of one size everywhere. The name of the vertical axis stands above it, where it is read.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from src.language import gettext as _
from src.report.matplotlib_svg import ACCENT, LINE, POINTS_AN_INCH, QUIET, SECOND, TEXT, to_svg
from src.report.wording import in_short, number
from src.stats.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH = 400
HEIGHT = 290
CATERPILLAR = 480  # the highest
LETTERS = 12.5
LETTER_WIDTH = 0.56  # of a letter's height, about
SHOWN_POINTS = 2_000
MOST_TICKS = 6

_Dash = Literal["-", "--"]
_PENS: tuple[tuple[str, _Dash], ...] = ((ACCENT, "-"), (SECOND, "--"))


@dataclass(frozen=True)
class Dot:
    """A row of :func:`dots`; ``nominal`` is where the value ought to be."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    colour: str = ACCENT
    nominal: float | None = None


@dataclass(frozen=True)
class Line:
    """A curve of :func:`curves`, with a band around it where ``low`` and ``high`` are given."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def dots(
    name: str,
    alt: str,
    rows: Sequence[Dot],
    x_label: str,
    *,
    reference: float | None = None,
    limits: tuple[float, float] | None = None,
    bars: bool = False,
) -> str:
    """Draw a dot with whiskers for each row, or a bar, the first row on top.

    Parameters
    ----------
    reference : float, optional
        Where a vertical line stands, such as zero.
    """
    labels = [_wrap(row.label) for row in rows]
    left = min(196.0, 16 + max(_width(line) for lines in labels for line in lines))
    step = 27 if all(len(lines) == 1 for lines in labels) else 38
    figure, ax = _canvas(step * len(rows) + 54, left=left, top=6, bottom=48)
    places = range(len(rows))
    if limits is None:
        ends = [
            v for row in rows for v in (row.value, row.low, row.high, row.nominal) if v is not None
        ]
        limits = padded(ends if reference is None else [*ends, reference])
    if reference is not None:
        ax.axvline(reference, color=QUIET, linewidth=1)
    for place, row in zip(places, rows, strict=True):
        colour = row.colour
        if bars:
            ax.barh(place, row.value, height=0.62, color=colour, linewidth=0, alpha=0.75)
        if row.low is not None and row.high is not None:
            ends_colour = TEXT if bars else colour
            ax.plot([row.low, row.high], [place, place], color=ends_colour, linewidth=1.6)
        if row.nominal is not None:
            nominal = [row.nominal, row.nominal], [place - 0.34, place + 0.34]
            ax.plot(*nominal, color=SECOND, linewidth=2.2)
        if not bars:
            ax.plot([row.value], [place], "o", color=colour, markersize=7, markeredgewidth=0)
    ax.set_xlim(*limits)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks(list(places), ["\n".join(map(_letters, lines)) for lines in labels])
    for text, row in zip(ax.get_yticklabels(), rows, strict=True):
        text.set_color(QUIET if row.colour == QUIET else TEXT)
    ax.yaxis.grid(False)
    return _finish(figure, name, alt, x_label)


def caterpillar(
    name: str, alt: str, rows: Sequence[Dot], x_label: str, *, reference: float = 0.0
) -> str:
    """Draw many dots with whiskers close together, without names, the first row on top."""
    figure, ax = _canvas(
        min(max(HEIGHT, 9 * len(rows) + 54), CATERPILLAR), left=12, top=6, bottom=48
    )
    thick = min(6.0, 0.5 * (CATERPILLAR - 54) / len(rows) + 0.5)
    for colour in sorted({row.colour for row in rows}):
        places = [place for place, row in enumerate(rows) if row.colour == colour]
        shown = [rows[place] for place in places]
        ends = [row.low or 0.0 for row in shown], [row.high or 0.0 for row in shown]
        ax.hlines(places, *ends, color=colour, linewidth=min(1.6, thick / 2), alpha=0.6)
        ax.plot([r.value for r in shown], places, "o", color=colour, ms=thick, markeredgewidth=0)
    ax.axvline(reference, color=TEXT, linewidth=1)
    ax.set_xlim(*padded([reference, *(v for row in rows for v in (row.low, row.high) if v)]))
    ax.set_ylim(len(rows), -1)
    ax.set_yticks([])
    return _finish(figure, name, alt, x_label)


def curves(
    name: str,
    alt: str,
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    y_limits: tuple[float, float] | None = None,
    marked: bool = False,
    height: int = HEIGHT,
) -> str:
    """Draw one curve or two, each with its name at its right end if there are two."""
    figure, ax = _canvas(height)
    for line, (colour, dash) in zip(lines, _PENS, strict=False):
        if line.low:
            ax.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(
            line.x,
            line.y,
            color=colour,
            linewidth=2.2,
            linestyle=dash,
            label=line.label,
            marker="o" if marked else None,
            markersize=5.5,
            markeredgewidth=0,
        )
    ends = [v for line in lines for values in (line.y, line.low, line.high) for v in values]
    ax.set_ylim(*(y_limits or padded(ends)))
    ax.set_xlim(*padded([v for line in lines for v in line.x], 0.02))
    if len(lines) > 1:
        ax.legend(frameon=False, labelcolor=TEXT, fontsize=LETTERS)
    return _finish(figure, name, alt, x_label, y_label)


def scatter(
    name: str,
    alt: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    x_label: str,
    y_label: str,
    *,
    shift: float,
    diagonal: bool = False,
    band: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    trend: Line | None = None,
) -> str:
    """Draw a dot for each student, moved a little at random, and the line where they ought to lie.

    Parameters
    ----------
    x, y : ndarray of shape (n_samples,)
        At most 2,000 are drawn, chosen at random.
    shift : float
        Farthest that a dot is moved along each axis, in the target's unit.
    diagonal : bool
        Whether the line is y = x, with equal axes, or else y = 0.
    band : pair of ndarray, optional
        Ends of the prediction interval of each student, on the y axis.
    """
    import numpy as np

    random = np.random.default_rng(0)
    moved_x, moved_y = (v + random.uniform(-shift, shift, len(v)) for v in (x, y))
    shown = np.arange(len(x))
    if len(x) > SHOWN_POINTS:
        shown = np.sort(random.choice(len(x), SHOWN_POINTS, replace=False))
    figure, ax = _canvas(WIDTH - 20 if diagonal else HEIGHT)
    if band is not None:
        at, first = np.unique(x[shown], return_index=True)
        low, high = (end[shown][first] for end in band)
        ax.fill_between(at, low, high, color=ACCENT, alpha=0.13, linewidth=0)
    alpha = 0.55 if len(shown) < 300 else 0.3
    ax.plot(
        moved_x[shown],
        moved_y[shown],
        "o",
        color=ACCENT,
        alpha=alpha,
        markersize=5.5,
        markeredgewidth=0,
    )
    if diagonal:
        ends = padded([*x.tolist(), *y.tolist()])
        ax.plot(ends, ends, color=TEXT, linewidth=1.4)
        ax.set_xlim(*ends)
        ax.set_ylim(*ends)
    else:
        ax.axhline(0, color=TEXT, linewidth=1.4)
        ax.set_xlim(*padded(x.tolist()))
        furthest = float(np.abs(y).max()) * 1.08 or 1.0
        ax.set_ylim(-furthest, furthest)
    if trend is not None:
        ax.plot(trend.x, trend.y, color=SECOND, linewidth=2.2)
    return _finish(figure, name, alt, x_label, y_label)


def histogram(
    name: str,
    alt: str,
    edges: Sequence[float],
    counts: Sequence[int],
    x_label: str,
    *,
    marks: Sequence[float] = (),
) -> str:
    """Draw bars of the counts between the edges, and upright lines at some values.

    Where the bins are of unequal width, bars are as high as a part of theirs as wide as the
    narrowest would be.
    """
    figure, ax = _canvas(HEIGHT - 40)
    widths = [high - low for low, high in pairwise(edges)]
    step = min(widths)
    scale = [step / width if width > step else 1.0 for width in widths]
    heights = [n * part for n, part in zip(counts, scale, strict=True)]
    y_label = _("Students")
    if not math.isclose(step, max(widths), rel_tol=1e-6):
        y_label = _("Students per step of %(width)s", width=in_short(step))
    middles = [low + width / 2 for low, width in zip(edges, widths, strict=False)]
    bars = [0.92 * width for width in widths]
    ax.bar(middles, heights, bars, color=ACCENT, alpha=0.75, linewidth=0)
    for mark in marks:
        ax.axvline(mark, color=TEXT, linewidth=1.4)
    ax.set_xlim(*padded(edges, 0.02))
    ax.set_ylim(0, max([1, *heights]) * 1.06)
    ax.xaxis.grid(False)
    return _finish(figure, name, alt, x_label, y_label)


def reliability(
    name: str,
    alt: str,
    predicted: Sequence[float],
    observed: Sequence[Interval],
    x_label: str,
    y_label: str,
) -> str:
    """Draw the shares that came true against the probabilities that were said, in per cent."""
    figure, ax = _canvas(WIDTH - 20)
    ax.plot([0, 100], [0, 100], color=TEXT, linewidth=1.4)
    for at, share in zip(predicted, observed, strict=True):
        whiskers = [100 * share.low, 100 * share.high]
        ax.plot([100 * at, 100 * at], whiskers, color=ACCENT, linewidth=1.6)
        ax.plot(100 * at, 100 * share.value, "o", color=ACCENT, markersize=7, markeredgewidth=0)
    ax.set_xlim(-3, 103)
    ax.set_ylim(-3, 103)
    return _finish(figure, name, alt, x_label, y_label)


def padded(values: Sequence[float], share: float = 0.05) -> tuple[float, float]:
    """Return the ends of an axis that shows all the values."""
    low, high = min(values), max(values)
    room = share * (high - low) or max(abs(high) * 0.05, 0.5)
    return low - room, high + room


# --- what they share -----------------------------------------------------------------------------


def _canvas(
    height: float, *, left: float = 46, right: float = 12, top: float = 32, bottom: float = 48
) -> tuple[Figure, Axes]:
    """Return a figure and its only axes; sizes in CSS pixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / POINTS_AN_INCH, height / POINTS_AN_INCH), facecolor="none")
    place = (left / WIDTH, bottom / height, 1 - (left + right) / WIDTH, 1 - (top + bottom) / height)
    ax = figure.add_axes(place, facecolor="none")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, pad=6, colors=QUIET, labelcolor=QUIET, labelsize=LETTERS)
    ax.grid(color=LINE, linewidth=1)
    ax.set_axisbelow(True)
    return figure, ax


def _finish(figure: Figure, name: str, alt: str, x_label: str, y_label: str = "") -> str:
    """Write the axes' numbers and names, below on the right and above on the left, and draw it.

    Without a name, the vertical axis keeps the ticks that it has.
    """
    (ax,) = figure.axes
    height = figure.get_size_inches()[1] * POINTS_AN_INCH
    letters: dict[str, Any] = {"color": TEXT, "fontsize": LETTERS}
    ax.set_xticks(*_ticks(ax.get_xlim(), ax.get_position().width * WIDTH))
    figure.text(1 - 12 / WIDTH, 8 / height, _letters(x_label, WIDTH - 30), ha="right", **letters)
    if y_label:
        ax.set_yticks(*_ticks(ax.get_ylim(), math.inf))
        above = 1 - 16 / height
        figure.text(4 / WIDTH, above, _letters(y_label, WIDTH - 30), ha="left", **letters)
    return to_svg(figure, name, alt)


def _ticks(ends: tuple[float, float], room: float) -> tuple[list[float], list[str]]:
    """Return where ticks stand and what they say, as many as there is room for."""
    from matplotlib.ticker import MaxNLocator

    for most in range(MOST_TICKS, 1, -1):
        found = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(*sorted(ends))
        ticks = [float(tick) for tick in found if min(ends) <= tick <= max(ends)]
        labels = tick_labels(ticks)
        if sum(_width(label) + LETTERS for label in labels) <= room:
            break
    return ticks, labels


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Return evenly spaced numbers with as many decimals as they all need.

    Examples
    --------
    >>> tick_labels([0.85, 0.875, 0.9]), tick_labels([-1000, 0, 1000]), tick_labels([0, 5e12])
    (['0.850', '0.875', '0.900'], ['−1,000', '0', '1,000'], ['0', '5e+12'])
    >>> tick_labels([0, 2e-12, 4e-12])
    ['0', '2e-12', '4e-12']
    """
    step = min((after - before for before, after in pairwise(ticks)), default=1.0)
    decimals = next(
        (d for d in range(300) if all(abs(round(t, d) - t) < step / 1e3 for t in ticks)), 9
    )
    return [number(tick, decimals) for tick in ticks]


def _width(text: str) -> float:
    """Return about how wide a text is drawn; East Asian letters are twice as wide."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return (len(text) + wide * 0.8) * LETTERS * LETTER_WIDTH


def _shorten(text: str, room: float = 180) -> str:
    """Return as much of a text as there is room for."""
    text = " ".join(text.split())
    while _width(text) > room:
        text = text[:-2].rstrip() + "…"
    return text


def _wrap(text: str, room: float = 180) -> list[str]:
    """Return a text as one line, or as two of about a length where it is too long for one."""
    words = text.split()
    halves = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words))]
    halves = [(first, second) for first, second in halves if _width(first) <= room]
    if not halves or _width(" ".join(words)) <= room:
        return [_shorten(text, room)]
    first, second = min(halves, key=lambda lines: max(map(_width, lines)))
    return [first, _shorten(second, room)]


def _letters(text: str, room: float = 180) -> str:
    """Return what Matplotlib must be given to write a text: dollars would begin a formula."""
    return _shorten(text, room).replace("$", r"\$")
