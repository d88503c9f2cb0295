"""How a column writes its numbers: thousands marks, units, percents, fractions, durations.

Standard library only: files to predict and form fields are read by the same code as the training
table, with the format that the schema remembers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from src.tables.cells import SHOWN_CHARACTERS, parse_number

PLAIN, PERCENT, FRACTION, DURATION = "plain", "percent", "fraction", "duration"

_SPACES = " \u00a0\u2009\u202f'’"
_CURRENCY = (
    r"(?:US|A|C|NZ|HK|R)?\$|[€£¥₹₺₽₩₪₫฿₴₦]|kr\.?|Rs\.?|zł|Kč|Ft|lei|CHF|Fr\.|EUR|USD|GBP|TRY|INR"
)
_CORE = rf"\d{{1,3}}(?:([{_SPACES}])\d{{3}})(?:\1\d{{3}})*(?:[.,]\d+)?|\d[\d.,]*|[.,]\d+"
_DRESSED = re.compile(
    rf"(?P<sign>[+-]?)\s*(?P<before>{_CURRENCY})?\s*(?P<sign2>-?)(?P<core>{_CORE})\s*"
    rf"(?P<after>%|{_CURRENCY}|[^\W\d_°][^\s\d]{{0,11}}|°[A-Za-z]?)?"
)
_FRACTION = re.compile(r"(\d+(?:[.,]\d+)?)\s*/\s*(\d+(?:[.,]\d+)?)", re.ASCII)
_DURATION = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
GROUPED_BY_COMMAS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
GROUPED_BY_POINTS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?", re.ASCII)


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes its numbers.

    Attributes
    ----------
    style : str
        ``plain``, ``percent``, ``fraction`` or ``duration``.
    thousands : str
        ``.`` or ``,`` where it groups digits; the other one is the decimal mark then.
    affix : str
        Unit or currency that stands beside the number.
    whole : float
        Of a fraction: what 1 is (20 where all are "of 20"). Of a percent: what 100 % is (1 where
        the column holds shares).
    seconds : bool
        Of a duration: whether it counts seconds, else the second part.
    """

    style: str = PLAIN
    thousands: str = ""
    affix: str = ""
    whole: float = 100.0
    seconds: bool = False

    def read(self, cell: str, *, decimal_comma: bool = False, typed: bool = False) -> float | None:
        """Return the number that a cell stands for, None where it is none or fits two readings.

        Parameters
        ----------
        cell : str
        decimal_comma : bool
            Whether the file that the cell comes from writes ``72,5``.
        typed : bool
            Whether the file keeps numbers as numbers, so that a point is never a thousands mark.
        """
        if self.thousands and not typed:
            decimal_comma = self.thousands == "."
        elif (plain := parse_number(cell, decimal_comma=decimal_comma)) is not None:
            return plain
        if len(cell) > SHOWN_CHARACTERS:
            return None
        text = normalize(cell)
        if self.style == FRACTION and (parts := _FRACTION.fullmatch(text)):
            top, bottom = (float(part.replace(",", ".")) for part in parts.groups())
            return round(top / bottom * self.whole, 9) if bottom else None
        if self.style == DURATION and (parts := _DURATION.fullmatch(text)):
            numbers = [int(part or 0) for part in parts.groups()]
            return self._duration(*numbers, three=parts[3] is not None)
        dressed = split_number(text)
        if dressed is None:
            return None
        core, affix = dressed
        number = read_core(core, self.thousands, decimal_comma)
        if number is None or affix == self.affix or not affix:
            return number
        if affix == "%":
            return round(number * self.whole / 100, 12)
        return None

    def _duration(self, first: int, second: int, third: int, *, three: bool) -> float:
        if three:
            total = 3600 * first + 60 * second + third
            return float(total) if self.seconds else total / 60
        return float(60 * first + second)


PLAIN_NUMBERS = NumberFormat()


def normalize(cell: str) -> str:
    """Return a cell with a minus and a percent sign as a keyboard has them."""
    return cell.strip().replace("−", "-").replace("％", "%")


def split_number(text: str) -> tuple[str, str] | None:
    """Return a number's signed digits and marks, and the unit or currency beside it.

    Examples
    --------
    >>> split_number("$45,000"), split_number("12.5 h"), split_number("85 %"), split_number("3-5")
    (('45,000', '$'), ('12.5', 'h'), ('85', '%'), None)
    """
    found = _DRESSED.fullmatch(text)
    if found is None or (found["before"] and found["after"]):
        return None
    sign = "-" if "-" in (found["sign"], found["sign2"]) else ""
    affix = (found["before"] or found["after"] or "").rstrip(".").casefold()
    return sign + found["core"], affix


def read_core(core: str, thousands: str = "", decimal_comma: bool = False) -> float | None:
    """Return the number that digits and marks spell, None where two readings fit.

    Examples
    --------
    >>> read_core("1.234,5"), read_core("61,5"), read_core("1,250"), read_core("1,250", ",")
    (1234.5, 61.5, None, 1250.0)
    """
    for mark in _SPACES:
        core = core.replace(mark, "")
    unsigned = core.removeprefix("-")
    n_points, n_commas = core.count("."), core.count(",")
    if n_points and n_commas:
        groups = "," if core.rindex(".") > core.rindex(",") else "."
        pattern = GROUPED_BY_COMMAS if groups == "," else GROUPED_BY_POINTS
        if not pattern.fullmatch(unsigned):
            return None
        core = core.replace(groups, "").replace(",", ".")
    elif n_commas and GROUPED_BY_COMMAS.fullmatch(unsigned):
        if thousands == "," or n_commas > 1:
            core = core.replace(",", "")
        elif decimal_comma:
            core = core.replace(",", ".")
        else:
            return None
    elif n_commas:
        core = core.replace(",", ".") if n_commas == 1 else ""
    elif n_points and GROUPED_BY_POINTS.fullmatch(unsigned):
        if thousands == "." or n_points > 1:
            core = core.replace(".", "")
        elif decimal_comma:
            return None
    return parse_number(core)


def read_fraction(text: str) -> tuple[float, float] | None:
    """Return the parts of ``12/20``, None where a text is no fraction."""
    found = _FRACTION.fullmatch(text)
    if found is None:
        return None
    top, bottom = (float(part.replace(",", ".")) for part in found.groups())
    return (top, bottom) if bottom else None


def is_duration(text: str) -> bool:
    """Whether a text is ``1:30`` or ``1:30:00``."""
    return _DURATION.fullmatch(text) is not None


def is_currency(affix: str) -> bool:
    """Whether a unit is one of money."""
    return re.fullmatch(_CURRENCY, affix, re.IGNORECASE) is not None
