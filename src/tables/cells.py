"""What a cell may mean: numbers, missing values, names, and how each is shown."""

from __future__ import annotations

import datetime
import decimal
import math
import re
import reprlib
import string
import unicodedata
from collections.abc import Iterable

from src.language import gettext as _

MISSING_MARKS = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "-", "--", ".", "?"}
)


def word_set(text: str, separator: str | None = None) -> frozenset[str]:
    """Return the words of a text, or the phrases between its separators."""
    return frozenset(" ".join(part.split()) for part in text.split(separator))


SHOWN_CHARACTERS = 60
_UNSEEN = "\xad\u061c\u2800\u3164\ufeff" + "".join(
    map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)))
)
_SPACES = "\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_BLANKS = string.whitespace + "\x1c\x1d\x1e\x1f" + _SPACES + _UNSEEN
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_GROUPED_BY_POINTS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([ ,.'’])\d{3}(?:\1\d{3})*(?:[.,]\d+)?", re.ASCII)
_FORMULA = re.compile(r"=[A-Z]{1,3}\d{1,7}")
_WITH_UNIT = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s*[^\W\d_].*", re.DOTALL)


def clean(cell: str) -> str:
    r"""Return a cell's text without surrounding blanks, its accents composed.

    Some systems write ``é`` as two characters: both must be the same category. A character that
    shows nothing, such as a zero-width space, is a blank.

    Examples
    --------
    >>> clean(" \u200b"), clean("Pass\u200b\xa0")
    ('', 'Pass')
    """
    cell = cell.strip()
    return cell if cell.isascii() else unicodedata.normalize("NFC", cell.strip(_BLANKS))


def column_name(header: str) -> str:
    """Return the schema's spelling of a header: what is no letter, digit or ``_`` becomes ``_``.

    Examples
    --------
    >>> column_name("race/ethnicity")
    'race_ethnicity'
    """
    # Accents and the vowel signs of many scripts are marks that belong to a letter.
    return "".join(
        c if c.isalnum() or unicodedata.category(c).startswith("M") else "_" for c in clean(header)
    )


def match_key(header: str) -> str:
    """Return what headers are compared by: no case; space, ``/``, ``-``, ``_`` all the same.

    Examples
    --------
    >>> match_key("Race / Ethnicity") == match_key("race_ethnicity")
    True
    """
    name = column_name(header)
    return re.sub("_+", "_", name).strip("_").casefold() or name[:1]


def parse_number(text: str, *, decimal_comma: bool = False) -> float | None:
    """Return the finite number that a plain decimal string spells, else None.

    Stricter than :class:`float`: no ``nan``, ``inf``, ``1_0``, full-width digits or overflow. Where
    commas are decimal, ``1.234`` is none either: it may stand for 1234.

    Examples
    --------
    >>> parse_number(" 72.5 "), parse_number("72,5", decimal_comma=True), parse_number("1_0")
    (72.5, 72.5, None)
    """
    text = text.strip()
    if decimal_comma:
        if "," in text and "." not in text:
            text = text.replace(",", ".", 1)
        elif _GROUPED_BY_POINTS.fullmatch(text):
            return None
    if not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def are_numbers(texts: Iterable[str]) -> bool:
    """Whether each text spells a plain number."""
    return all(parse_number(text) is not None for text in texts)


def almost_number(text: str) -> str:
    """Return what to change so that a text is read as the number it stands for, else nothing.

    Examples
    --------
    >>> almost_number("85 %"), almost_number("72,5"), almost_number("high")
    ('Leave out the percent sign.', 'Write the decimals after a point.', '')
    """
    if len(text) > SHOWN_CHARACTERS:
        return ""
    if _FORMULA.fullmatch(text):
        return _(
            "Cell %(cell)s holds a formula without a result: open the workbook in a spreadsheet "
            "program and save it.",
            cell=text[1:],
        )
    plain = unicodedata.normalize("NFKC", text).replace("−", "-").strip()
    bare = plain.removesuffix("%").strip()
    if _GROUPED.fullmatch(bare):
        return _("Leave out the thousands separators.")
    if not _NUMBER.fullmatch(bare.replace(",", ".", 1)):
        return _("Write the number alone, without its unit.") if _WITH_UNIT.fullmatch(bare) else ""
    if bare != plain:
        return _("Leave out the percent sign.")
    if "," in bare:
        return _("Write the decimals after a point.")
    if not text.isascii():
        return _("Write it with the digits 0 to 9 and a plain minus.")
    return ""


def format_number(number: float) -> str:
    """Return the shortest spelling of a number, without a needless ``.0``.

    Examples
    --------
    >>> format_number(100.0), format_number(0.25)
    ('100', '0.25')
    """
    number = float(number)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def without_needless_point(cell: str) -> str:
    """Return a number's text without the ``.0`` that whole numbers end in where blanks are beside.

    Examples
    --------
    >>> without_needless_point("1.0"), without_needless_point("v1.0")
    ('1', 'v1.0')
    """
    return cell.removesuffix(".0") if parse_number(cell) is not None else cell


class _ShortRepr(reprlib.Repr):
    """A repr that neither goes deep nor fails on an integer of thousands of digits."""

    maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() < 1024 else "an integer of more than 300 digits"


_short_repr = _ShortRepr().repr


def shorten(value: object) -> str:
    """Return a value as text that fits on a line, whatever it is.

    Examples
    --------
    >>> shorten("x" * 100)[-3:], shorten([[[[1]]]])
    ('xx…', '[[[[...]]]]')
    """
    if isinstance(value, str):
        text = value[: SHOWN_CHARACTERS + 1]
        text = text.encode("utf-8", "backslashreplace").decode()  # JSON may hold half a character
    else:
        text = _short_repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def to_text(value: object) -> str:
    """Return the text of a typed cell; empty where it is missing.

    Examples
    --------
    >>> to_text(72.0), to_text(None), to_text(float("nan")), to_text(0.1)
    ('72', '', '', '0.1')
    """
    if isinstance(value, str):
        return value
    if value is None or value != value:  # NaN and NaT
        return ""
    if isinstance(value, float | decimal.Decimal):
        number = float(value)
        return format_number(number) if math.isfinite(number) else str(number)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)
