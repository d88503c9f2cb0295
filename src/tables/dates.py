"""The common ways to write a date."""

from __future__ import annotations

import datetime
import re

_MONTHS = """
jan feb mar apr may jun jul aug sep sept oct nov dec
january february march april june july august september october november december
januar februar märz maerz mär mrz mai juni juli oktober okt dezember dez
janvier janv février févr fevrier fevr mars avril avr juin juillet juil août aout septembre octobre
novembre décembre décem dec
enero ene febrero marzo abril abr mayo junio julio agosto ago septiembre octubre
noviembre diciembre dic
gennaio gen febbraio maggio mag giugno giu luglio lug settembre set ottobre ott dicembre
janeiro fevereiro fev março junho julho setembro outubro out novembro dezembro
ocak oca şubat şub mart nisan nis mayıs haziran haz temmuz tem ağustos ağu eylül eyl ekim eki kasım
kas aralık ara
januari februari maart mrt mei augustus
stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia
января февраля марта апреля мая июня июля августа сентября октября ноября декабря
"""
_MONTH = "(?:" + "|".join(sorted(set(_MONTHS.split()), key=len, reverse=True)) + r")\.?"
_TIME = (
    r"(?:[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,?\s+)?"
_DAY = r"\d{1,2}(?:st|nd|rd|th|\.|º|er)?"
_NUMERIC = re.compile(
    rf"(?:\d{{4}}([-/.])\d\d?\1\d\d?|\d\d?([-/.])\d\d?\2(?:\d{{4}}|\d\d)|\d\d?\. \d\d?\. \d{{2,4}}"
    rf"|\d{{4}}年\d\d?月\d\d?日){_TIME}"
)
_IN_WORDS = re.compile(
    rf"{_WEEKDAY}(?:{_DAY}[\s\-/]*(?:de |of )?{_MONTH}[\s\-/,]*(?:de |of )?(?:\d{{4}}|'?\d\d)?"
    rf"|{_MONTH}[\s\-/]*{_DAY}(?:,?[\s\-/]*(?:\d{{4}}|'?\d\d))?"
    rf"|{_MONTH}[\s\-/]*\d{{4}}|\d{{4}}[\s\-/]*{_MONTH}(?:[\s\-/]*\d{{1,2}})?){_TIME}",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\.0)?", re.ASCII)


def is_date(cell: str) -> bool:
    """Whether a cell is a date, written with marks or in words.

    Examples
    --------
    >>> is_date("18 Feb 2005"), is_date("2.3.2011"), is_date("2024-01-15 08:30"), is_date("3-5")
    (True, True, True, False)
    """
    return len(cell) <= 40 and bool(_NUMERIC.fullmatch(cell) or _IN_WORDS.fullmatch(cell))


def is_compact_date(cell: str) -> bool:
    """Whether a whole number is a day of the years 1900 to 2100, as in ``20050218``."""
    found = _COMPACT.fullmatch(cell)
    if found is None or not 1900 <= int(found[1]) <= 2100:
        return False
    try:
        datetime.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return False
    return True
