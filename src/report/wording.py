"""Numbers and names as a report writes them, in the language that is spoken."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Literal

from src.language import ENGLISH, current, localize, ngettext
from src.language import gettext as _
from src.schema.features import ClassTarget, GroupFeature, NumericFeature
from src.schema.header_words import CODE, IDENTIFIER
from src.schema.record import Schema
from src.stats.intervals import Interval
from src.tables.cells import format_number

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
SMALLEST_RANGE = 1e-300  # a two hundredth of it is above 0
MOST_DECIMALS = 7  # with more, small numbers are written by their power of ten

# Controls that turn the direction of what follows: one in a category would turn a whole line.
_TURNS = {*map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))}


def plain(text: str) -> str:
    r"""Return a text from a user's file as one line without control characters.

    Examples
    --------
    >>> plain("free /\n reduced\x00")
    'free / reduced'
    """
    kept = (" " if unicodedata.category(c) in ("Cc", "Cs") or c in _TURNS else c for c in text)
    return " ".join("".join(kept).split())


def capitalize(text: str) -> str:
    """Return a text with its first letter large and the rest as it is."""
    return text[:1].upper() + text[1:]


def number(value: float, decimals: int = 0) -> str:
    """Return a number with so many decimals and a true minus sign.

    Examples
    --------
    >>> number(-1234.56, 1), number(-0.04, 1), number(5e12, 1)
    ('−1,234.6', '0.0', '5e+12')
    >>> number(4.8213e-7, 9), number(0.0, 9), number(2.5, 9)
    ('4.82e-07', '0', '2.500000000')
    """
    if abs(value) >= 1e9:
        text = f"{value:.3g}"
    elif decimals > MOST_DECIMALS and abs(value) < 1e-4:
        text = _scientific(value, decimals)
    else:
        text = f"{value:,.{decimals}f}"
    if text.startswith("-"):
        text = MINUS + text[1:] if text.strip("-0.,") else text[1:]
    return localize(text)


def _scientific(value: float, decimals: int) -> str:
    """Return a small number by its power of ten, rounded to so many decimals."""
    rounded = round(value, decimals)
    if not rounded:
        return "0"
    digits = decimals + math.floor(math.log10(abs(rounded)))
    return f"{rounded:.{max(0, digits)}e}"


def percent(share: float) -> str:
    r"""Return a share in whole per cent; what is not quite none or all is not called so.

    Examples
    --------
    >>> percent(0.9), percent(0.998), percent(0.001)
    ('90\xa0%', 'over 99\xa0%', 'under 1\xa0%')
    """
    whole = round(100 * share)
    if whole == 100 and share < 1:
        return _("over 99\N{NO-BREAK SPACE}%")
    if whole == 0 and share > 0:
        return _("under 1\N{NO-BREAK SPACE}%")
    return _("%(number)s\N{NO-BREAK SPACE}%%", number=number(whole))


def span(low: str, high: str) -> str:
    """Return the ends of a range or an interval as a table or a sentence holds them.

    Examples
    --------
    >>> span("3", "5")
    '3 to 5'
    """
    # Translators: the ends of a range in a table or a sentence, as in "3 to 5".
    return _("%(low)s to %(high)s", low=low, high=high)


def percent_span(low: float, high: float) -> str:
    r"""Return the ends of an interval of a share.

    Examples
    --------
    >>> percent_span(0.3, 0.45)
    '30 to 45\xa0%'
    """
    ends = {"low": number(100 * low), "high": number(100 * high)}
    return _("%(low)s to %(high)s\N{NO-BREAK SPACE}%%", **ends)


def interval_note(low: str, high: str) -> str:
    r"""Return an interval as it follows a figure in a sentence, with the space before it.

    Examples
    --------
    >>> interval_note("3", "5")
    ' (95\xa0% interval 3 to 5)'
    """
    # Translators: it follows a figure, in brackets.
    note = _("95\N{NO-BREAK SPACE}%% interval %(low)s to %(high)s", low=low, high=high)
    return f" ({note})"


def count(n: int, noun: str = "student") -> str:
    """Return a number of things in English; what is said in every language says its own nouns.

    Examples
    --------
    >>> count(1), count(1200, "row")
    ('1 student', '1,200 rows')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def plural(noun: str) -> str:
    """Return an English noun's plural.

    Examples
    --------
    >>> plural("school"), plural("class"), plural("county"), plural("LEA")
    ('schools', 'classes', 'counties', 'LEAs')
    """
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def group_noun(group: GroupFeature) -> str:
    """Return what one of a column's groups is called: its label without "ID", "number", "name".

    In languages other than English it is the label as it is, since it cannot be inflected.

    Examples
    --------
    >>> group_noun(GroupFeature(name="school_id", label="School ID"))
    'school'
    >>> group_noun(GroupFeature(name="LEA")), group_noun(GroupFeature(name="code"))
    ('LEA', 'code')
    """
    words = plain((group.label or group.name).replace("_", " ")).split()
    if current() != ENGLISH:
        return " ".join(words)
    known = IDENTIFIER | CODE | {"name"}
    kept = [word for word in words if word.casefold() not in known] or words
    first = kept[0]
    kept[0] = first if first.isupper() else first[:1].lower() + first[1:]
    return " ".join(kept)


def listed(items: Iterable[str], most: int = 8, last: Literal["and", "or"] = "and") -> str:
    """Return items as a sentence lists them.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed("abcdef", most=3)
    ('a, b and c', 'a, b, c and 3 more')
    """
    items = list(items)
    if len(items) > most + 1:
        n = len(items) - most
        items = [*items[:most], ngettext("%(n)s more", "%(n)s more", n)]
    if len(items) < 2:
        return "".join(items)
    ends = {"items": ", ".join(items[:-1]), "last": items[-1]}
    if last == "or":
        return _("%(items)s or %(last)s", **ends)
    return _("%(items)s and %(last)s", **ends)


def end(value: float) -> str:
    """Return the end of a range of data: five digits, or as many as a whole number has.

    Examples
    --------
    >>> end(100.0), end(-2.83471982), end(21652669.2036)
    ('100', '-2.8347', '21652669')
    """
    digits = max(5, len(str(int(abs(value)))))
    return localize(format_number(float(f"{value:.{digits}g}")))


def in_full(value: float) -> str:
    """Return a number of the data with all its decimals."""
    return localize(format_number(value))


def in_short(value: float) -> str:
    """Return a number of the data in four digits."""
    return in_full(float(f"{value:.4g}"))


def r2_text(value: float) -> str:
    """Return R² to three decimals; only what is perfect is called 1."""
    if value < 1 and round(value, 3) == 1:
        return _("over %(number)s", number=number(0.999, 3))
    return number(value, 3)


@dataclass(frozen=True)
class Measure:
    """How amounts of the target are written: its unit, and the decimals that mean something.

    Attributes
    ----------
    scale : float
        What amounts are multiplied by: chances are written in per cent.
    """

    unit: str
    decimals: int
    scale: float = 1.0

    @classmethod
    def of(cls, target: NumericFeature | ClassTarget) -> Measure:
        """Return the measure of a number, or of chances: of these, differences are in points.

        Examples
        --------
        >>> Measure.of(ClassTarget(name="result", categories=("Fail", "Pass"))).amount(0.123)
        '12.3 points'
        """
        if isinstance(target, ClassTarget):
            # Translators: percentage points, as in "12.3 points".
            return cls(_("points"), 1, 100.0)
        return cls(plain(target.unit), sensible_decimals(target))

    def number(self, value: float) -> str:
        return number(self.scale * value, self.decimals)

    def amount(self, value: float) -> str:
        """Return a size with its unit; what is not quite nothing is not called so.

        Examples
        --------
        >>> Measure("points", 1).amount(4.24), Measure("points", 1).amount(0.004)
        ('4.2 points', 'less than 0.1 points')
        """
        if self._rounds_to_nothing(value):
            return _("less than %(amount)s", amount=self.at_most(value))
        return f"{self.number(value)} {self.unit}".strip()

    def at_most(self, value: float) -> str:
        """Return a size with its unit, as it follows "smaller than" or "within".

        Examples
        --------
        >>> Measure("points", 1).at_most(4.24), Measure("points", 1).at_most(0.004)
        ('4.2 points', '0.1 points')
        """
        shown = self.number(value)
        if self._rounds_to_nothing(value):
            shown = number(10.0**-self.decimals, self.decimals)
        return f"{shown} {self.unit}".strip()

    def _rounds_to_nothing(self, value: float) -> bool:
        return value > 0 and not self.number(value).strip("0.,")

    def signed(self, value: float) -> str:
        """Return a difference with its sign and without its unit."""
        return signed(self.scale * value, self.decimals)

    def interval(self, estimate: Interval, *, signed: bool = False) -> str:
        """Return the ends of an interval, nothing where it is a point."""
        if estimate.low == estimate.high:
            return ""
        write = self.signed if signed else self.number
        return span(write(estimate.low), write(estimate.high))

    def interval_note(self, estimate: Interval) -> str:
        """Return an interval as it follows a figure in a sentence; nothing where it is a point."""
        if estimate.low == estimate.high:
            return ""
        return interval_note(self.number(estimate.low), self.number(estimate.high))

    def axis(self, name: str) -> str:
        """Return the name of an axis in this unit."""
        return f"{name} ({self.unit})" if self.unit else name


def listed_outcomes(outcomes: Sequence[str]) -> str:
    """Return outcomes with an "or" between any two; empty without any."""
    return reduce(_either, map(plain, outcomes)) if outcomes else ""


def _either(one: str, other: str) -> str:
    return _("%(items)s or %(last)s", items=one, last=other)


def event_label(target: ClassTarget) -> str:
    """Return what the event is called: the outcomes at risk; empty where there is none.

    Examples
    --------
    >>> event_label(ClassTarget(name="r", categories=("F", "D", "A"), at_risk=("F", "D")))
    'F or D'
    """
    return listed_outcomes(target.at_risk)


@dataclass(frozen=True)
class Names:
    """What people call the schema's columns."""

    schema: Schema

    @property
    def target(self) -> str:
        return plain(self.schema.target.label or self.schema.target.name)

    def of(self, name: str) -> str:
        """Return a column's label, or the name itself where the schema has no such column."""
        for feature in (*self.schema.features, self.schema.target):
            if feature.name == name:
                return plain(feature.label or feature.name)
        return plain(name)

    def all(self, names: Iterable[str]) -> str:
        return listed(self.of(name) for name in names)


def day(moment: str) -> str:
    """Return the date of an ISO 8601 moment.

    Examples
    --------
    >>> day("2026-03-05T10:00:00+00:00")
    '5 March 2026'
    """
    at = datetime.fromisoformat(moment)
    if current() == ENGLISH:
        return f"{at.day} {at:%B %Y}"
    from babel.dates import format_date

    return format_date(at, "long", current().replace("-", "_"))


def sensible_decimals(target: NumericFeature) -> int:
    """Return how many decimals of a number are worth showing: about 1/200 of its range.

    Pages, report, console and workbooks show so many; the API and files give numbers in full.

    Examples
    --------
    >>> sensible_decimals(NumericFeature(name="score", observed_minimum=0, observed_maximum=100))
    1
    >>> sensible_decimals(NumericFeature(name="grade", observed_minimum=1, observed_maximum=5))
    2
    >>> sensible_decimals(NumericFeature(name="dose", observed_minimum=0, observed_maximum=4e-6))
    8
    """
    low, high = target.range
    if high <= low:
        return 1
    return max(0, math.ceil(-math.log10(max(high - low, SMALLEST_RANGE) / 200)))


def with_unit(value: float, decimals: int, unit: str) -> str:
    """Return a number that a sentence can hold."""
    return f"{number(value, decimals)} {unit}".strip()


def interval_ends(ends: tuple[float, float] | None, decimals: int, word: str) -> str:
    """Return the ends of a prediction interval: a decimal fewer than the prediction has suffices.

    Examples
    --------
    >>> interval_ends((61.37, 78.94), 1, " to "), interval_ends(None, 1, " to ")
    ('61 to 79', '')
    >>> interval_ends((0.0, 0.4), 1, " to "), interval_ends((0.0, 0.0), 1, " to ")
    ('0.0 to 0.4', 'exactly 0')
    >>> interval_ends((2.21e-6, 3.82e-6), 8, " to ")
    '2.21e-06 to 3.82e-06'
    """
    if ends is None:
        return ""
    fewer = decimals if decimals > MOST_DECIMALS else max(decimals - 1, 0)
    rough = [number(end, fewer) for end in ends]
    if ends[0] == ends[1]:
        return _("exactly %(number)s", number=rough[0])
    return word.join(rough if rough[0] != rough[1] else [number(end, decimals) for end in ends])


def signed(value: float, decimals: int) -> str:
    """Return a difference with its sign; one that rounds to nothing has none.

    Examples
    --------
    >>> signed(3.42, 1), signed(-3.42, 1), signed(0.01, 1)
    ('+3.4', '−3.4', '0.0')
    """
    shown = number(value, decimals)
    return f"+{shown}" if value > 0 and shown.strip("0.,") else shown
