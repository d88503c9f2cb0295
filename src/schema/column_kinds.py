"""What a column of a training table is: who it names, remarks, dates, codes; by values first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from src.schema.header_words import (
    BIRTH,
    CODE,
    CONTACT,
    IDENTIFIER,
    PERSON,
    PLACE,
    REMARK,
    header_words,
)
from src.tables.dates import is_compact_date, is_date
from src.tables.look_alike import truth

if TYPE_CHECKING:
    from src.tables.profile import ColumnProfile

NUMBER, CATEGORY, DATE, IDENTIFYING, TEXT = "number", "category", "date", "identifier", "text"
SAMPLE = 2_000  # different cells that show a pattern
MOST = 0.8  # of the cells, for a pattern to be the column's
UNIQUE = 0.9  # different texts a row, from which they are names or keys
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]{2,}")
_PHONE = re.compile(
    r"(?:\+|00?)\d[\d\s()/.\-]{5,}\d|\(?\d{2,5}\)?[\s/\-]\d{2,4}[\s\-]?\d{2,}[\d\s\-]*"
)
_NAME_LIKE = re.compile(r"[^\W\d_a-z][^\W\d_]*(?:['’\-. ]+[^\W\d_]+\.?){0,3}(?:, ?[^\W\d_]+)?")
_LEADING_ZERO = re.compile(r"0\d+", re.ASCII)
_WHOLE = re.compile(r"-?\d+(?:\.0+)?", re.ASCII)


class Kind(NamedTuple):
    """What a column is, and which rule says so."""

    kind: str
    rule: str = ""
    date: str = ""  # the rule by which it is one too


def column_kind(column: ColumnProfile, *, describes: bool = False) -> Kind:
    """Return what a column is.

    Parameters
    ----------
    column : ColumnProfile
    describes : bool
        Whether a unique whole number says something of the target, as a measurement does.
    """
    texts = column.texts(SAMPLE)
    if not texts:
        return Kind(NUMBER if column.is_numeric else CATEGORY)
    if column.is_numeric and column.numbers.format.style == "plain":
        return _numeric_kind(column, texts, describes)
    if column.is_numeric:
        return Kind(NUMBER)
    return _text_kind(column, texts)


def _numeric_kind(column: ColumnProfile, texts: list[tuple[str, int]], describes: bool) -> Kind:
    words = header_words(column.header)
    cells = [cell for cell, _ in texts]
    unique = column.n_distinct / column.n_present
    if column.n_distinct >= 5 and _share(texts, map(is_compact_date, cells)) >= 0.95:
        return Kind(IDENTIFYING, "birth", "compact") if words & BIRTH else Kind(DATE, "compact")
    whole = all(map(_WHOLE.fullmatch, cells))
    zeros = sum(bool(_LEADING_ZERO.fullmatch(cell)) for cell in cells)
    if (
        whole
        and zeros >= 2
        and _share(texts, (bool(re.fullmatch(r"\d+", c)) for c in cells)) >= 0.95
    ):
        return Kind(IDENTIFYING, "key") if unique >= UNIQUE else Kind(CATEGORY, "leading_zeros")
    if whole and words & CONTACT and column.n_distinct >= 10:
        return Kind(IDENTIFYING, "contact")
    if whole and unique == 1 and not describes:
        return Kind(IDENTIFYING, "key")
    if (
        whole
        and unique >= UNIQUE
        and column.n_distinct >= 20
        and words & (IDENTIFIER | PERSON)
        and not describes
    ):
        return Kind(IDENTIFYING, "key")
    if whole and column.n_distinct <= 60 and words & CODE:
        return Kind(NUMBER, "code")
    return Kind(NUMBER)


def _text_kind(column: ColumnProfile, texts: list[tuple[str, int]]) -> Kind:
    words = header_words(column.header)
    cells = [cell for cell, _ in texts]
    n, different = column.n_present, column.n_distinct
    share = different / n
    if None not in map(truth, cells):
        return Kind(CATEGORY)
    if _share(texts, (bool(_EMAIL.fullmatch(c)) for c in cells)) >= MOST:
        return Kind(IDENTIFYING, "email")
    dates = _share(texts, map(is_date, cells))
    if dates >= MOST:
        return Kind(IDENTIFYING, "birth", "written") if words & BIRTH else Kind(DATE, "written")
    if (
        dates > 0.1
        and _share(texts, (is_date(c) or bool(_RANGE.fullmatch(c)) for c in cells)) >= 0.95
    ):
        return Kind(DATE, "ranges")
    if different >= 10 and _share(texts, (bool(_PHONE.fullmatch(c)) for c in cells)) >= MOST:
        return Kind(IDENTIFYING, "phone")
    n_words = sum(len(cell.split()) for cell in cells) / len(cells)
    length = sum(map(len, cells)) / len(cells)
    if different >= max(20, 0.15 * n) and (n_words >= 3 or length >= 30):
        return Kind(TEXT, "sentences")
    if words & REMARK and different >= 10 and (n_words >= 2 or share >= 0.3):
        return Kind(TEXT, "header")
    if share > UNIQUE:
        return Kind(IDENTIFYING, "unique")
    of_place = bool(words & PLACE)
    if different >= max(10, 0.02 * n) and not of_place and words & PERSON:
        return Kind(IDENTIFYING, "name")
    if different >= max(10, 0.1 * n) and words & CONTACT:
        return Kind(IDENTIFYING, "contact")
    if different >= max(20, 0.5 * n) and words & IDENTIFIER and not of_place:
        return Kind(IDENTIFYING, "key")
    name_like = _share(texts, (bool(_NAME_LIKE.fullmatch(c)) for c in cells))
    if different >= max(20, 0.25 * n) and name_like >= MOST:
        return Kind(IDENTIFYING, "name")
    return Kind(CATEGORY)


_RANGE = re.compile(
    r"(?:[<>≤≥]=?\s*)?\d+(?:[.,]\d+)?\s*(?:(?:-|–|to|bis|à)\s*\d+(?:[.,]\d+)?|\+)?.{0,8}"
)


def _share(texts: list[tuple[str, int]], true: Iterable[bool]) -> float:
    """Return the share of the rows whose cells are so."""
    total = sum(n for _, n in texts)
    return sum(n for (_, n), so in zip(texts, true, strict=True) if so) / total if total else 0.0
