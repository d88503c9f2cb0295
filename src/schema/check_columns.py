"""What is found in single columns: who they name, dates, codes, words among numbers, odd values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from src.schema.column_kinds import DATE, IDENTIFYING, TEXT, Kind
from src.schema.findings import NOTE, STOP, WARNING, Finding
from src.stats.odd_values import counted, outliers, sentinels
from src.tables.cells import format_number
from src.tables.look_alike import fold, means_others, truth
from src.tables.number_columns import ABSENT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.tables.profile import ColumnProfile

FEWEST_PUPILS = 10  # of a category that is published by name
MANY_CATEGORIES = 20  # above it, an unseen value is "other" where training had one
MOSTLY_EMPTY = 0.5
OTHER = "other"


def kind_findings(column: ColumnProfile, kind: Kind) -> list[Finding]:
    """Return what a column's kind comes to."""
    name, counts = (column.name,), {"n_distinct": column.n_distinct}
    found = []
    if kind.kind == IDENTIFYING:
        found.append(Finding("identifier", NOTE, name, kind.rule, counts, ("keep",)))
    if kind.kind == TEXT:
        found.append(Finding("free_text", NOTE, name, kind.rule, counts, ("keep",)))
    if rule := kind.date or (kind.rule if kind.kind == DATE else ""):
        severity = WARNING if rule == "ranges" else NOTE
        found.append(Finding("date", severity, name, rule, counts, ("age",)))
    if kind.rule in ("leading_zeros", "code"):
        remedies = ("kind",) if kind.rule == "code" else ()
        found.append(Finding("code", NOTE, name, kind.rule, counts, remedies))
    return found


def number_findings(column: ColumnProfile) -> list[Finding]:
    """Return what is worth saying of how a column's numbers are written."""
    numbers, name = column.numbers, (column.name,)
    if numbers.question:
        remedies = {"thousands": ("decimal",), "scale": ("percent",)}.get(
            numbers.question, ("mend", "or_drop")
        )
        return [
            Finding(
                "number_format", STOP, name, numbers.question, {}, remedies, (), numbers.examples
            )
        ]
    found: list[Finding] = []
    if not column.is_numeric:
        return found
    shape = numbers.format
    variant = shape.style if shape.style != "plain" else "unit" if shape.affix else ""
    variant = variant or ("thousands" if shape.thousands else "")
    n_comma = sum("," in cell for cell in numbers.examples)
    if not variant and n_comma and not column.evidence.decimal_comma:
        variant = "decimal_comma"
    if variant:
        counts = {"unit": shape.affix or shape.thousands}
        if variant == "fraction":
            counts["whole"] = format_number(shape.whole)
        found.append(
            Finding("number_format", NOTE, name, variant, counts, (), (), numbers.examples)
        )
    return found


def word_findings(column: ColumnProfile, lines: NDArray[np.intp]) -> list[Finding]:
    """Return which words stand among a column's numbers.

    Parameters
    ----------
    column : ColumnProfile
    lines : ndarray of shape (n_rows,)
        Line of each of its rows.
    """
    words = column.numbers.words
    if not column.is_numeric or not words or column.numbers.question:
        return []
    n = dict(zip(column.cells, column.counts.tolist(), strict=True))
    n_rows = sum(n[word] for word in words)
    counts = {"share": round(n_rows / max(1, column.n_present), 4), "n_rows": n_rows}
    rows = tuple(int(lines[i]) for i in column.rows_of(set(words))[:20])
    common = tuple(sorted(words, key=lambda word: -n[word])[:3])
    return [Finding("mostly_numbers", WARNING, (column.name,), "", counts, (), rows, common)]


def odd_values(column: ColumnProfile) -> tuple[list[Finding], tuple[float, ...]]:
    """Return codes for missing values and slips of the pen, and the numbers that they are."""
    import numpy as np

    numbers = counted(column.numbers.values, column.counts)
    codes = sentinels(numbers)
    others = ~np.isin(column.numbers.values, codes)
    far = outliers(counted(column.numbers.values[others], column.counts[others]))
    found, name = [], (column.name,)
    for code in codes:
        rows = tuple(int(i) for i in np.flatnonzero(column.values == code))
        counts, cells = {"n_rows": len(rows)}, (format_number(code),)
        found.append(Finding("sentinel", WARNING, name, "", counts, ("missing",), rows, cells))
    if far:
        rows = tuple(int(i) for i in np.flatnonzero(np.isin(column.values, far)))
        shown = tuple(format_number(column.values[i]) for i in rows[:5])
        counts = {"n_rows": len(rows)}
        found.append(Finding("outlier", WARNING, name, "", counts, ("mend",), rows, shown))
    return found, (*codes, *far)


def spellings(texts: Sequence[tuple[str, int]]) -> dict[str, str]:
    """Return the spelling that each differently spelt category is given; only the changed ones.

    Parameters
    ----------
    texts : sequence of (str, int)
        The different cells, with how many rows have each.
    """
    alike: dict[object, Counter[str]] = {}
    truths = {cell: truth(cell) for cell, _ in texts}
    as_truth = len(texts) > 2 and None not in truths.values() and len(set(truths.values())) == 2
    for cell, n in texts:
        alike.setdefault(truths[cell] if as_truth else fold(cell), Counter())[cell] += n
    return {
        cell: best
        for group in alike.values()
        if len(group) > 1
        for best in [max(group, key=lambda c: (group[c], c == " ".join(c.split()), c))]
        for cell in group
        if cell != best
    }


def rare_categories(counts: Counter[str], listed: tuple[str, ...] | None) -> tuple[set[str], str]:
    """Return the categories of few pupils, and the name of the one that they are grouped in."""
    rare = {c for c, n in counts.items() if n < FEWEST_PUPILS and c not in (listed or ())}
    named = next((c for c in counts if means_others(c)), OTHER)
    return rare - {named}, named if rare - {named} else ""


def emptiness(column: ColumnProfile) -> Finding | None:
    """Return that a column is mostly empty, None where it is not."""
    n_rows = len(column.codes)
    empty = n_rows - column.n_present
    if not column.n_present or empty <= MOSTLY_EMPTY * n_rows:
        return None
    counts = {"share": round(empty / n_rows, 4)}
    return Finding("mostly_empty", NOTE, (column.name,), "", counts, ("may_drop",))


def same_columns(columns: Sequence[ColumnProfile]) -> list[Finding]:
    """Return notes on columns that say the same in every row: they hold equal numbers or words.

    Words of few kinds may differ where each stands for one of the other column.
    """
    alike: dict[bytes, list[str]] = {}
    for column in columns:
        if column.n_distinct > 1 and column.n_present >= FEWEST_PUPILS:
            alike.setdefault(_content(column), []).append(column.name)
    same = [tuple(names) for names in alike.values() if len(names) > 1]
    return [Finding("same_columns", NOTE, names, "", {}, ("one_suffices",)) for names in same]


def _content(column: ColumnProfile) -> bytes:
    """Return a digest that is the same for columns that say the same."""
    import numpy as np
    import pandas as pd

    if column.is_numeric:
        values = column.values + 0.0  # -0.0 is 0.0
        values[np.isnan(values)] = np.nan
        return blake2b(b"numbers" + values.tobytes()).digest()
    codes, in_order = pd.factorize(column.codes)
    content = b"words" + codes.tobytes()
    if column.n_distinct * FEWEST_PUPILS > column.n_present:  # names and keys all differ
        content += repr([column.cells[k] for k in in_order]).encode()
    return blake2b(content).digest()


def words_for_missing(column: ColumnProfile) -> tuple[str, ...]:
    """Return the words of a numeric column that stand for no value, and may be remembered.

    A word that is no usual one is remembered only where ten rows hold it: it may say who is meant.
    """
    words = column.numbers.words
    if not words:
        return ()
    often = {c for c, n in zip(column.cells, column.counts, strict=True) if n >= FEWEST_PUPILS}
    return tuple(sorted(w for w in words if w in often or fold(w) in ABSENT))
