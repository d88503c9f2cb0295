"""Which period, such as a year or a term, each row of a table is of, in their order."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from src.exception import ConfigurationError
from src.tables.cells import clean, format_number, parse_number, shorten
from src.tables.dates import is_compact_date

MOST_PERIODS = 12  # of more, dates are grouped and the earliest become one
LEAST_ROWS = 10  # of a period; one of fewer is joined to the next
SCHOOL_YEAR_BEGINS = 8  # month

_MONTHS = """
january february march april may june july august september october november december
"""
_IN_YEAR = {
    "spring": 1, "summer": 2, "autumn": 3, "fall": 3,
    **{name[:length]: i for i, name in enumerate(_MONTHS.split(), 1) for length in (3, len(name))},
}  # fmt: skip
_IN_SCHOOL_YEAR = {"autumn": 1, "fall": 1, "winter": 2, "spring": 3, "summer": 4}
_SCHOOL_YEAR = r"(?P<year>(?:19|20)\d\d)(?:\s*[-/\u2013]\s*(?P<next>(?:19|20)?\d\d))?"
_TERM = r"(?:(?:term|semester|trimester|quarter|t|q|s|p)?\s*(?P<number>\d)|(?P<word>[a-z]+))"
_LABEL = re.compile(rf"{_SCHOOL_YEAR}(?:[\s_/.-]*{_TERM})?")
_TURNED = re.compile(rf"{_TERM}[\s_/.-]*{_SCHOOL_YEAR}")
_DATE = re.compile(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)(?:[T ].*)?|(\d\d?)\.(\d\d?)\.(\d{4})")
_MONTH = re.compile(r"(\d{4})-(\d\d)")

Key = tuple[float, float]


@dataclass(frozen=True)
class Periods:
    """The periods of a table.

    Attributes
    ----------
    names : tuple of str
        From the earliest to the last.
    codes : tuple of int
        The period of each row, a position among the names.
    """

    names: tuple[str, ...]
    codes: tuple[int, ...]


def find_periods(cells: Sequence[str], column: str, order: Sequence[str] = ()) -> Periods:
    """Return the periods of a column's cells.

    The order is the one given or, without, that of numbers, of dates, or of years with a term, as
    in ``2013``, ``2013/14``, ``2013J``, ``Autumn 2013``, ``2013/14 Spring`` and ``2026-01-31``.
    Dates that are more than twelve are grouped: by school years that begin in August, else by
    quarters, else by years. Of more than twelve periods, the earliest are one; one of fewer than
    ten rows is joined to the next.

    Parameters
    ----------
    cells : sequence of str of length n_rows
    column : str
        What errors call it.
    order : sequence of str, optional
        All periods, the earliest first.

    Raises
    ------
    ConfigurationError
        If cells are empty, the order cannot be told, or there is one period alone.

    Examples
    --------
    >>> find_periods(["2013J"] * 10 + ["2013B"] * 10, "term").names
    ('2013B', '2013J')
    """
    texts = [clean(cell) for cell in cells]
    if n_empty := sum(not text for text in texts):
        raise ConfigurationError(
            f"--time: {n_empty} of {len(texts)} rows have no {column}. Each row needs one: fill it "
            "in, or leave these rows out."
        )
    ranks = _ranks(sorted(set(texts)), column, order)
    named = dict(ranks.values())
    ranked = sorted(named)
    at = {rank: i for i, rank in enumerate(ranked)}
    codes = [at[ranks[text][0]] for text in texts]
    return _joined([named[rank] for rank in ranked], codes, column)


def _ranks(texts: Sequence[str], column: str, order: Sequence[str]) -> dict[str, tuple[Key, str]]:
    """Return the rank and the name of the period that each text stands for."""
    if order:
        return _given(texts, column, order)
    for read in (_numbers, _dates, _months, _terms):
        found = read(texts)
        if found is not None:
            return found
    unread = next((t for t in texts if _term(t) is None), texts[0])
    raise ConfigurationError(
        f"--time: the order of {column} cannot be told from {shorten(unread)!r} and the like. "
        "Write years (2025, 2025/26), terms (2025 T1, Autumn 2025) or dates (2026-01-31); or list "
        f'all values from the earliest to the last: categories = [...] under [columns."{column}"] '
        "in the hints."
    )


def _given(texts: Sequence[str], column: str, order: Sequence[str]) -> dict[str, tuple[Key, str]]:
    at = {name.casefold(): (float(i), name) for i, name in enumerate(order)}
    missing = [text for text in texts if text.casefold() not in at]
    if missing:
        raise ConfigurationError(
            f"--time: the hints' categories of {column} do not name "
            f"{', '.join(repr(shorten(text)) for text in missing[:5])}. List every period, the "
            "earliest first."
        )
    return {t: ((at[t.casefold()][0], 0.0), at[t.casefold()][1]) for t in texts}


def _numbers(texts: Sequence[str]) -> dict[str, tuple[Key, str]] | None:
    if all(is_compact_date(text) for text in texts):
        return None
    numbers = [parse_number(text) for text in texts]
    if any(number is None for number in numbers):
        return None
    return {
        text: ((float(number), 0.0), format_number(float(number)))
        for text, number in zip(texts, numbers, strict=True)
        if number is not None
    }


def _dates(texts: Sequence[str]) -> dict[str, tuple[Key, str]] | None:
    days = [_day(text) for text in texts]
    known = [day for day in days if day is not None]
    if len(known) < len(days):
        return None
    name: Callable[[datetime.date], str] = datetime.date.isoformat
    if len(set(known)) > MOST_PERIODS:
        name = _grouping(known)
    first: dict[str, datetime.date] = {}
    for day in known:
        first[name(day)] = min(day, first.get(name(day), day))
    return {
        text: ((float(first[name(day)].toordinal()), 0.0), name(day))
        for text, day in zip(texts, known, strict=True)
    }


def _grouping(days: Sequence[datetime.date]) -> Callable[[datetime.date], str]:
    """Return how dates are grouped: so that there are from 3 to 12 periods, if that can be."""
    for name in (_school_year, _quarter):
        if 3 <= len(set(map(name, days))) <= MOST_PERIODS:
            return name
    return _quarter if len(set(map(_quarter, days))) <= MOST_PERIODS else _school_year


def _school_year(day: datetime.date) -> str:
    begins = day.year - (day.month < SCHOOL_YEAR_BEGINS)
    return f"{begins}/{(begins + 1) % 100:02}"


def _quarter(day: datetime.date) -> str:
    return f"{day.year} Q{(day.month + 2) // 3}"


def _day(text: str) -> datetime.date | None:
    if is_compact_date(text):
        return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = found.group(1, 2, 3) if found[1] else found.group(6, 5, 4)
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None


def _months(texts: Sequence[str]) -> dict[str, tuple[Key, str]] | None:
    """Return the months of ``2025-09``; not of ``2025-26``, a school year."""
    found = [_MONTH.fullmatch(text) for text in texts]
    pairs = [(int(one[1]), int(one[2])) for one in found if one]
    if len(pairs) < len(found) or not all(1 <= month <= 12 for _, month in pairs):
        return None
    if all((year + 1) % 100 == month for year, month in pairs):
        return None
    return {t: ((float(y), float(m)), t) for t, (y, m) in zip(texts, pairs, strict=True)}


def _terms(texts: Sequence[str]) -> dict[str, tuple[Key, str]] | None:
    keys = [_term(text) for text in texts]
    known = [key for key in keys if key is not None]
    if len(known) < len(keys) or len({kind for _, kind in known}) > 1:
        return None
    return {text: (key, text) for text, (key, _) in zip(texts, known, strict=True)}


def _term(text: str) -> tuple[Key, str] | None:
    """Return the rank of a year, or of a term in a year, and how it is written."""
    found = _LABEL.fullmatch(text.lower()) or _TURNED.fullmatch(text.lower())
    if found is None:
        return None
    year, following = int(found["year"]), found["next"]
    if following and int(following) % 100 != (year + 1) % 100:
        return None
    kind = "school year" if following else "year"
    if found["number"]:
        return (float(year), float(found["number"])), f"{kind}, number"
    word = found["word"]
    if not word:
        return (float(year), 0.0), kind
    if len(word) == 1:
        return (float(year), float(ord(word))), f"{kind}, letter"
    rank = (_IN_SCHOOL_YEAR if following else _IN_YEAR).get(word)
    return None if rank is None else ((float(year), float(rank)), f"{kind}, word")


def _joined(names: Sequence[str], codes: Sequence[int], column: str) -> Periods:
    """Return periods of ten rows or more, twelve at most."""
    counts = Counter(codes)
    ends, n_rows = [], 0  # the last code of each period
    surplus = max(0, len(names) - MOST_PERIODS)
    for i in range(len(names)):
        n_rows += counts[i]
        if i >= surplus and n_rows >= LEAST_ROWS:
            ends.append(i)
            n_rows = 0
    if n_rows:
        raise ConfigurationError(
            f"--time: the last period of {column}, {names[-1]}, has {n_rows} rows: at least "
            f"{LEAST_ROWS} are needed to see how well a model does in it."
        )
    if len(ends) < 2:
        raise ConfigurationError(
            f"--time: {column} has one period alone with {LEAST_ROWS} rows or more: at least two "
            "are needed, the last of which is held out."
        )
    spans = [(0, ends[0]), *((before + 1, end) for before, end in pairwise(ends))]
    shown = [names[a] if a == b else f"{names[a]} to {names[b]}" for a, b in spans]
    of_code = {code: i for i, (a, b) in enumerate(spans) for code in range(a, b + 1)}
    return Periods(tuple(shown), tuple(of_code[code] for code in codes))
