"""From a Matplotlib figure to an SVG element that a page's style sheet colours.

Matplotlib writes colours and fonts into ``style`` attributes, which a strict content security
policy forbids and dark mode cannot change. Here they become classes and plain attributes.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

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

_DECIMALS = re.compile(r"-?\d+\.\d+")
_NO_TURN = re.compile(r"rotate\(-?0 ")
_DROPPED = ("font-family", "stroke-linejoin", "stroke-miterlimit")
_KEPT = frozenset({"clip-path", "d", "height", "id", "style", "transform", "width", "x", "y"})


def to_svg(figure: Figure, name: str, alt: str) -> str:
    """Return a figure as an SVG element: the same figure, the same text.

    Parameters
    ----------
    figure : Figure
        Drawn in :data:`COLOURS` only.
    name : str
        Unlike that of every other figure of the page: the ids inside begin with it.
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
    # Letters stay letters, in the page's font; ids depend on nothing but what they name.
    settings = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report"})
    with settings, warnings.catch_warnings():
        # The browser draws the letters: that the measuring font lacks some doesn't matter.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        FigureCanvasSVG(figure).print_svg(out, metadata=nothing)
    root = ElementTree.fromstring(out.getvalue())  # noqa: S314 - Matplotlib wrote it just now
    for element in list(root):
        if _tag(element) == "metadata" or element.find("{*}style") is not None:
            root.remove(element)
    for element in root.iter():
        _clean(element, name)
    _flatten(root)
    width, height = (round(inches * POINTS_AN_INCH) for inches in figure.get_size_inches())
    root.attrib = {"viewBox": f"0 0 {width} {height}", "width": str(width), "height": str(height),
                   "role": "img", "aria-label": alt}  # fmt: skip
    return ElementTree.tostring(root, encoding="unicode")


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _clean(element: Element, name: str) -> None:
    element.tag = _tag(element)
    if element.tag != "text":
        element.text = None
    element.tail = None
    old, element.attrib = element.attrib, {}
    for key, value in old.items():
        key = key.rpartition("}")[2]
        if key == "href":
            element.set("href", f"#{name}-{value[1:]}")
        elif key == "clip-path":
            element.set(key, value.replace("#", f"#{name}-"))
        elif key == "id":
            if element.tag in ("clipPath", "path"):  # the only ids that anything refers to
                element.set("id", f"{name}-{value}")
        elif key == "style":
            _unstyle(element, value)
        elif key in _KEPT and not _NO_TURN.match(value):
            element.set(key, _DECIMALS.sub(_shorter, " ".join(value.split())))
    if element.tag == "path" and "id" in element.attrib:
        element.attrib = {key: element.attrib[key] for key in ("id", "d")}  # as its user has it


def _unstyle(element: Element, style: str) -> None:
    """Turn declarations into attributes, colours into classes such as ``f-accent``."""
    classes = []
    for declaration in filter(None, style.split(";")):
        key, value = (part.strip() for part in declaration.split(":", 1))
        if key in ("fill", "stroke") and value != "none":
            if value not in COLOURS:
                raise ValueError(f"A plot uses {value}, which is none of {', '.join(COLOURS)}.")
            classes.append(f"{key[0]}-{COLOURS[value]}")
        elif key not in _DROPPED:
            element.set(key, _DECIMALS.sub(_shorter, value.removesuffix("px")))
    if classes:
        element.set("class", " ".join(classes))


def _shorter(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def _flatten(parent: Element) -> None:
    """Take away groups that say nothing, and say once what all children of a group say."""
    children: list[Element] = []
    for child in parent:
        _flatten(child)
        if child.tag in ("g", "defs") and not len(child):
            continue
        if child.tag == "g" and not child.attrib:
            children += child
        else:
            children.append(child)
    parent[:] = children
    if parent.tag == "g" and len(children) > 1 and {c.tag for c in children} == {"use"}:
        for key in ("class", "href", "fill-opacity", "stroke-opacity", "opacity", "stroke-width"):
            values = {child.get(key) for child in children}
            if key != "href" and len(values) == 1 and (value := values.pop()) is not None:
                parent.set(key, value)
                for child in children:
                    del child.attrib[key]
