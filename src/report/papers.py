"""Two papers about a model, filled from its files: technical documentation, and a notice.

Each number stands in a ``data`` element that names the file and the key that it is from; what no
file can say is marked for the people who can. That a paper is filled says nothing of the law being
complied with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from src.report.wording import MINUS, SPACE

LANGUAGES = ("en", "de", "fr", "es")
DOCUMENTATION = "technical_documentation"
NOTICE = "notice"


@dataclass
class Paper:
    """What a template asks for its figures and its blanks.

    Attributes
    ----------
    files : mapping of str to (dict or list)
        The contents of a run's files, by name, and of the records' report.
    language : str
    blanks : list of str
        What people must fill in, in the order of the paper.
    sources : list of str
        Where the figures are from, in the order in which they are told first.
    """

    files: Mapping[str, Any]
    language: str = "en"
    blanks: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def has(self, file: str, path: str) -> bool:
        """Whether a file has a value."""
        return self._value(file, path) is not None

    def value(self, file: str, path: str) -> Any:
        """Return a value that is no number, such as a name."""
        return self._value(file, path)

    def number(self, file: str, path: str, decimals: int | None = None) -> Markup:
        """Return a number with its source, rounded as :func:`rounded` says."""
        value = self._known(file, path)
        return self._sourced(file, path, rounded(float(value), decimals))

    def percent(self, file: str, path: str) -> Markup:
        """Return a share in per cent with its source."""
        value = 100 * float(self._known(file, path))
        shown = 99.0 if 99 < value < 100 else 1.0 if 0 < value < 1 else round(value)
        return self._sourced(file, path, f"{shown:.0f}", f"{SPACE}%")

    def blank(self, what: str) -> Markup:
        """Return a place that only people can fill, with what belongs there."""
        self.blanks.append(what)
        return Markup('<mark class="blank">[ {} ]</mark>').format(what)

    def text(self, text: str) -> Markup:
        """Return what a file says in words, such as a run's id or a version."""
        return Markup('<span class="quoted">{}</span>').format(text)

    def _known(self, file: str, path: str) -> Any:
        value = self._value(file, path)
        if value is None:
            raise KeyError(f"{file}: {path}")
        return value

    def _value(self, file: str, path: str) -> Any:
        return look_up(self.files.get(file), path)

    def _sourced(self, file: str, path: str, shown: str, after: str = "") -> Markup:
        from babel.numbers import get_decimal_symbol, get_group_symbol

        source = f"{file}: {path}"
        if source not in self.sources:
            self.sources.append(source)
        n = self.sources.index(source) + 1
        thousands, point = get_group_symbol(self.language), get_decimal_symbol(self.language)
        whole, _, rest = shown.partition(".")
        text = whole.replace(",", thousands) + (point + rest if rest else "")
        return Markup(
            '<data value="{value}" data-source="{source}">{text}</data>{after}'
            '<sup><a href="#source-{n}">{n}</a></sup>'
        ).format(value=shown.replace(",", "").replace(MINUS, "-"), source=source, text=text,
                 after=after, n=n)  # fmt: skip


def look_up(content: Any, path: str) -> Any:
    """Return the value at a path of keys and positions; None where there is none.

    Examples
    --------
    >>> look_up({"coverage": [{"level": 0.9}]}, "coverage.0.level")
    0.9
    """
    for key in path.split("."):
        if isinstance(content, list) and key.isdigit() and int(key) < len(content):
            content = content[int(key)]
        elif isinstance(content, Mapping):
            content = content.get(key)
        else:
            return None
    return content


def rounded(value: float, decimals: int | None = None) -> str:
    """Return a number with so many decimals, else with three digits or as a whole number.

    Examples
    --------
    >>> rounded(5.6789), rounded(1500.0), rounded(0.04567), rounded(-2.0, 1)
    ('5.68', '1,500', '0.0457', '−2.0')
    """
    if decimals is None:
        text = f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"
    else:
        text = f"{value:,.{decimals}f}"
    return text.replace("-", MINUS)


def places_of_level(metrics: Mapping[str, Any], level: float) -> str:
    """Return where ``metrics.json`` tells how often a range, or a set, held the truth.

    Examples
    --------
    >>> places_of_level({"coverage": [{"level": 0.8}, {"level": 0.9}]}, 0.9)
    'coverage.1'
    """
    name = "coverage" if "coverage" in metrics else "set_coverage"
    lines = metrics.get(name) or []
    at = next((i for i, line in enumerate(lines) if line["level"] == level), None)
    return "" if at is None else f"{name}.{at}"
