"""From a Matplotlib figure to an SVG element that a page's style sheet colours.

Matplotlib writes colours and fonts into ``style`` attributes, which a strict content security
policy forbids and dark mode cannot change. Here they become classes and plain attributes.
"""

from __future__ import annotations

import io
import re
import warnings
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What plots are drawn in, and the custom property of the page that takes its place.
COLOURS = {
    "#3b5bdb": "accent",
    "#c2620b": "second",
    "#1c2333": "text",
    "#566077": "quiet",
    "#d5dae5": "line",
}
ACCENT, SECOND, TEXT, QUIET, LINE = COLOURS
POINTS_AN_INCH = 72
_DROPPED = ("font-family", "stroke-linejoin", "stroke-miterlimit")


def to_svg(figure: Figure, name: str, alt: str) -> str:
    """Return a figure as an SVG element: the same figure, the same text.

    Parameters
    ----------
    figure : Figure
        Drawn in :data:`COLOURS` only.
    name : str
        Unlike that of every other figure of the page, so that the ids inside are too.
    alt : str
        What the figure shows, for those who do not see it.

    Raises
    ------
    ValueError
        If the figure has a colour that the page does not know.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    # Letters stay letters, in the page's font; ids are hashes of the name and what they stand for.
    settings = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name})
    with settings, warnings.catch_warnings():
        # The browser draws the letters: that the measuring font lacks some doesn't matter.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        FigureCanvasSVG(figure).print_svg(out, metadata=nothing)
    _, drawn = out.getvalue().split("</defs>", 1)  # before it stands Matplotlib's style sheet
    drawn = re.sub(r">\s+<", "><", re.sub(r"<[^>]+>", _clean_tag, drawn))
    drawn = re.sub(r"(<g[^>]*)>((?:<use [^>]*/>)+)</g>", _say_once, drawn).strip()
    while (bare := re.sub(r"<g>((?:(?!</?g\b).)*)</g>|<g/>", r"\1", drawn)) != drawn:
        drawn = bare  # without groups that say nothing
    width, height = (round(inches * POINTS_AN_INCH) for inches in figure.get_size_inches())
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(alt)}">{drawn}'
    )


def _clean_tag(match: re.Match[str]) -> str:
    tag = " ".join(match[0].split()).replace("xlink:href", "href")
    if tag.startswith("<g "):
        tag = re.sub(r' id="[^"]*"', "", tag)  # the same in every figure; nothing refers to it
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r'style="([^"]*)"', _attributes, tag)
    return re.sub(r"\d+\.\d+", lambda number: f"{round(float(number[0]), 2):g}", tag)


def _attributes(match: re.Match[str]) -> str:
    """Turn declarations into attributes, colours into classes such as ``f-accent``."""
    classes, others = [], []
    for declaration in match[1].split("; "):
        key, value = declaration.split(": ", 1)
        if key in ("fill", "stroke") and value != "none":
            if value not in COLOURS:
                raise ValueError(f"A plot uses {value}, which is none of {', '.join(COLOURS)}.")
            classes.append(f"{key[0]}-{COLOURS[value]}")
        elif key not in _DROPPED:
            others.append(f'{key}="{value.removesuffix("px")}"')
    return " ".join([f'class="{" ".join(classes)}"', *others] if classes else others)


def _say_once(match: re.Match[str]) -> str:
    """Move to a group what all of its dots say: there may be thousands."""
    group, dots = match.groups()
    said = set(re.findall(r' class="[^/]*', dots))
    if len(said) == 1:
        (same,) = said
        group, dots = group + same, dots.replace(same, "")
    return f"{group}>{dots}</g>"
