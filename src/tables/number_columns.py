"""Find how a column of a training table writes its numbers, by its own evidence and the file's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.tables.cells import MISSING_MARKS, clean, parse_number, word_set
from src.tables.dates import is_date
from src.tables.look_alike import fold
from src.tables.number_formats import (
    DURATION,
    FRACTION,
    GROUPED_BY_COMMAS,
    GROUPED_BY_POINTS,
    PERCENT,
    PLAIN_NUMBERS,
    NumberFormat,
    is_currency,
    is_duration,
    normalize,
    read_fraction,
    split_number,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 0.8  # of the cells, for a column to be numbers whatever the others are
HALF = 0.5  # of the cells, where the others are words
FEW_UNITS = 5  # different numbers, from which "5 h" is a number with its unit
SAMPLE = 300  # cells that show whether a column of texts may be one of numbers
AGREE = 0.95  # of the cells with a unit, that must have the same
THOUSANDS, SCALE, UNITS = "thousands", "scale", "units"  # what cannot be told without asking
_KNOWN_UNITS = word_set("""
h hr hrs hour hours min mins minute minutes sec secs day days wk week weeks km m cm mm kg g lb
lbs std stunden minuten
""")  # fmt: skip

ABSENT = word_set("""
ab abs absent absence a/a abwesend fehlt fehlend krank entschuldigt unentschuldigt e ue ill sick
excused exempt exempted withdrawn wd w/d dnf dns dnw n.a. n.a na n/a #n/a
#value! #ref! #div/0! #name? #num! #null! befreit dispensiert absent(e)
dispensé ausente falta assente yok girmedi unknown unbekannt inconnu tbd tba pending incomplete
nb n.b. nil none missing
""") | word_set(
    "did not attend | not present | nicht teilgenommen | not available | no data", "|"
)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """What the whole file shows of its decimal mark.

    Attributes
    ----------
    comma, point : bool
        Whether some column holds decimals after a comma, after a point, beyond doubt.
    delimiter : str
    decimal_comma : bool
        What the reader took the file for.
    typed : bool
        Whether the file keeps numbers as numbers.
    """

    comma: bool = False
    point: bool = False
    delimiter: str = ""
    decimal_comma: bool = False
    typed: bool = False


@dataclass(frozen=True)
class NumberHints:
    """What a person says of how a column is read.

    Attributes
    ----------
    decimal : str or None
        The decimal mark.
    percent : bool or None
        Whether values up to 1 are shares of the values in per cent beside them.
    numeric : bool or None
        Whether the column holds numbers.
    missing : tuple of str
        Cells that stand for no value.
    """

    decimal: str | None = None
    percent: bool | None = None
    numeric: bool | None = None
    missing: tuple[str, ...] = ()

    def cleaned(self, cell: str) -> str:
        """Return a cell without blanks around it; nothing where it stands for no value."""
        text = clean(cell)
        return "" if self.missing and is_one_of(text, self.missing) else text


def is_one_of(cell: str, words: Sequence[str]) -> bool:
    """Whether a cell is one of some words, or the same number.

    Examples
    --------
    >>> is_one_of("999.0", ("AB", "999")), is_one_of("ab", ("AB", "999")), is_one_of("99", ("999",))
    (True, True, False)
    """
    if cell.casefold() in map(str.casefold, words):
        return True
    number = parse_number(cell)
    return number is not None and number in map(parse_number, words)


@dataclass(frozen=True)
class NumberColumn:
    """A column's different cells, read as numbers.

    Attributes
    ----------
    values : ndarray of shape (n_cells,)
        NaN where a cell is no number.
    is_numeric : bool
        Whether the column is one of numbers.
    format : NumberFormat
    question : str
        ``thousands``, ``scale`` or ``units`` where two readings fit; else empty.
    words : tuple of str
        Cells of a numeric column that hold no digit and are no usual marks of missing values.
    examples : tuple of str
        Cells that show the format, or the question.
    as_written : bool
        Whether each cell is a plain number or missing, and is read as it stands.
    """

    values: NDArray[np.float64]
    is_numeric: bool
    format: NumberFormat = PLAIN_NUMBERS
    question: str = ""
    words: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    as_written: bool = False


def read_numbers(
    cells: Sequence[str],
    counts: NDArray[np.intp],
    evidence: Evidence,
    said: NumberHints,
) -> NumberColumn:
    """Read a column's different cells as numbers.

    Parameters
    ----------
    cells : sequence of str
    counts : ndarray of shape (n_cells,)
        How often each stands in the column.
    evidence : Evidence
        Of the whole file.
    said : NumberHints
    """
    import numpy as np

    numeric = said.numeric
    parsed = [parse_number(c) for c in cells]
    no_number = [k for k, value in enumerate(parsed) if value is None]
    marks = {cells[k] for k in no_number if cells[k].lower() in MISSING_MARKS}
    n_marks = sum(int(counts[k]) for k in no_number if cells[k] in marks)
    n_present = int(counts.sum()) - n_marks
    if not n_present or numeric is False:
        return NumberColumn(np.full(len(cells), np.nan), is_numeric=numeric is True)
    values = np.array([np.nan if value is None else value for value in parsed])
    other = [cells[k] for k in no_number if cells[k] not in marks]
    grouped = [
        c
        for c, value in zip(cells, parsed, strict=True)
        if value is not None and c[-4:-3] == "." and GROUPED_BY_POINTS.fullmatch(c.lstrip("+-"))
    ]
    question, examples, as_written = "", tuple[str, ...](), not other and not grouped
    found, count = NumberFormat(), dict[str, int]()
    if not as_written:
        count = dict(zip(cells, counts.tolist(), strict=True))
        plain = {c: value for c, value in zip(cells, parsed, strict=True) if value is not None}
        looked_at = _worth_a_look(other, plain, count)
        if looked_at or (grouped and not evidence.typed):
            found, question, examples = _format(
                plain, other, grouped, count, evidence, said.decimal
            )
        if found != PLAIN_NUMBERS or (evidence.decimal_comma and grouped):
            values = np.array([np.nan if c in marks else _read(found, c, evidence) for c in cells])
        elif looked_at:
            for k in no_number:
                values[k] = np.nan if cells[k] in marks else _read(found, cells[k], evidence)
    known = np.isfinite(values)
    n_known = int(counts[known].sum())
    words = [cells[k] for k in np.flatnonzero(~known).tolist() if cells[k] not in marks]
    is_numeric = (
        numeric is True
        or _is_numeric(n_known, n_present, words, count, values[known])
        or (n_known > 0 and question == THOUSANDS)
    )
    if is_numeric and not question:
        scaled, question, shown = _scales(cells, values, counts, said.percent)
        values, as_written = scaled, as_written and scaled is values
        examples = shown or examples
    if not is_numeric:
        question = UNITS if question == UNITS else ""
    words = [word for word in words if not any(map(str.isdigit, word))]
    shown = tuple(examples[:3])
    return NumberColumn(values, is_numeric, found, question, tuple(words), shown, as_written)


def _worth_a_look(other: list[str], plain: dict[str, float], count: dict[str, int]) -> bool:
    """Whether cells that are no plain numbers may be numbers in another dress."""
    sample = other[:SAMPLE]
    with_digit = [cell for cell in sample if any(map(str.isdigit, cell))]
    if len(sample) < SAMPLE or sum(map(count.__getitem__, plain)) > sum(
        map(count.__getitem__, other)
    ):
        return bool(with_digit)
    likely = sum(
        split_number(t) is not None or read_fraction(t) is not None or is_duration(t)
        for t in map(normalize, with_digit)
    )
    return likely >= 0.2 * SAMPLE


def _read(found: NumberFormat, cell: str, evidence: Evidence) -> float:
    number = found.read(cell, decimal_comma=evidence.decimal_comma, typed=evidence.typed)
    return float("nan") if number is None else number


def _is_numeric(
    n_known: int,
    n_present: int,
    words: list[str],
    count: dict[str, int],
    values: NDArray[np.float64],
) -> bool:
    import numpy as np

    if n_known >= MOST * n_present:
        return True
    if n_known < HALF * n_present:
        return False
    # Numbers of few kinds beside words may be answers: yes, no, 1, 0. A word with a digit in it
    # ("3 or more", "10+") is an answer too.
    with_digit = sum(count[word] for word in words if any(map(str.isdigit, word)))
    different = len(np.unique(values))
    n_words = sum(count[word] for word in words)
    if all(fold(word) in ABSENT for word in words):
        return different >= 3
    return with_digit <= 0.1 * n_words and different >= 6 and len(words) <= max(5, different / 2)


def _format(
    plain: dict[str, float],
    other: list[str],
    grouped: list[str],
    count: dict[str, int],
    evidence: Evidence,
    decimal: str | None,
) -> tuple[NumberFormat, str, tuple[str, ...]]:
    """Return the format, what two readings fit, and cells that show it."""
    total = sum(count[c] for c in plain) + sum(count[c] for c in other)
    texts = {cell: normalize(cell) for cell in other}
    fractions = {c: f for c, t in texts.items() if (f := read_fraction(t)) is not None}
    if (
        fractions
        and sum(count[c] for c in fractions) >= HALF * total
        and all(v.is_integer() for v in plain.values())
    ):
        wholes = {bottom for _, bottom in fractions.values()}
        proper = sum(top <= 1.2 * bottom for top, bottom in fractions.values())
        if proper >= AGREE * len(fractions) and (len(wholes) <= 3 or min(wholes) > 12):
            whole = wholes.pop() if len(wholes) == 1 else 100.0
            return NumberFormat(FRACTION, whole=whole), "", tuple(fractions)
        return NumberFormat(), "", ()
    durations = [c for c, t in texts.items() if is_duration(t)]
    if durations and sum(count[c] for c in durations) >= HALF * total:
        parts = [texts[c].split(":") for c in durations]
        seconds = any(len(part) == 3 and part[2] != "00" for part in parts)
        if len({len(part) for part in parts}) > 1 and seconds:
            return NumberFormat(), UNITS, tuple(durations)
        return NumberFormat(DURATION, seconds=seconds), "", tuple(durations)
    dressed = {
        c: found
        for c, t in texts.items()
        if (found := split_number(t)) is not None and not is_date(c)
    }
    cores = {c: core.lstrip("-") for c, (core, _) in dressed.items()} | {
        c: c.lstrip("+-") for c in plain
    }
    affixes = Counter[str]()
    for cell, (_, affix) in dressed.items():
        affixes[affix] += count[cell] if affix else 0
    affixes = +affixes
    affix = ""
    if affixes:
        affix, most = affixes.most_common(1)[0]
        with_affix = {c for c, (_, found) in dressed.items() if found}
        if most < AGREE * affixes.total():
            known = all(a in _KNOWN_UNITS or is_currency(a) for a in affixes)
            if known and affixes.total() >= MOST * total and len(dressed) >= FEW_UNITS:
                return NumberFormat(), UNITS, tuple(with_affix)
            affix = ""
        elif affix != "%" and not is_currency(affix):
            usual = most >= HALF * total or affix in _KNOWN_UNITS
            if not usual or len(set(cores.values())) < FEW_UNITS:
                affix = ""
        if not affix:
            cores = {c: core for c, core in cores.items() if c not in with_affix}
    thousands, ambiguous = _thousands(cores, affix, count, evidence, decimal)
    if ambiguous:
        return NumberFormat(thousands=thousands), THOUSANDS, ambiguous
    shown = tuple(c for c in cores if c not in plain) or (tuple(grouped) if thousands else ())
    style = PERCENT if affix == "%" else "plain"
    return NumberFormat(style, thousands, "" if affix == "%" else affix), "", shown


_ONE_GROUP_COMMA = re.compile(r"[1-9]\d{0,2},\d{3}", re.ASCII)
_ONE_GROUP_POINT = re.compile(r"[1-9]\d{0,2}\.\d{3}", re.ASCII)


def _thousands(
    cores: dict[str, str],
    affix: str,
    count: dict[str, int],
    evidence: Evidence,
    decimal: str | None,
) -> tuple[str, tuple[str, ...]]:
    """Return the thousands mark, and cells that fit two readings."""
    by_comma = [c for c, core in cores.items() if _ONE_GROUP_COMMA.fullmatch(core)]
    by_point = [c for c, core in cores.items() if _ONE_GROUP_POINT.fullmatch(core)]
    if decimal:
        return ("," if decimal == "." else "."), ()
    grouped = {*by_comma, *by_point}
    rest = [core for cell, core in cores.items() if cell not in grouped]
    sure_comma = any("," in core and GROUPED_BY_COMMAS.fullmatch(core) for core in rest)
    sure_point = any("." in core and GROUPED_BY_POINTS.fullmatch(core) for core in rest)
    decimals_comma = any(re.fullmatch(r"\d*,\d+", core) for core in rest)
    decimals_point = any(re.fullmatch(r"\d*\.\d+", core) for core in rest)
    if sure_comma and not sure_point and not decimals_comma:
        return ",", ()
    if sure_point and not sure_comma and not decimals_point:
        return ".", ()
    if by_comma and by_point:
        return "", (by_comma[0], by_point[0])
    if by_comma:
        if decimals_comma:
            return "", ()
        if decimals_point or is_currency(affix) or _groups(by_comma, rest, cores, count):
            return ",", ()
        if evidence.comma != evidence.point:
            return ("" if evidence.comma else ","), ()
        if not evidence.decimal_comma and not evidence.typed:
            return ",", ()  # between commas, quoted: no decimal comma anywhere
        return "", tuple(by_comma[:2])
    if by_point and not evidence.typed:
        if decimals_point:
            return "", ()
        if decimals_comma or _groups(by_point, rest, cores, count):
            return ".", ()
        if evidence.comma != evidence.point:
            return ("." if evidence.comma else ""), ()
        if is_currency(affix):
            return ".", ()
        if evidence.delimiter == ";" or evidence.decimal_comma:
            return "", tuple(by_point[:2])
    return "", ()


def _groups(
    cells: list[str], rest: list[str], cores: dict[str, str], count: dict[str, int]
) -> bool:
    """Whether 1.250 beside 900 can only be thousands: 917 would have decimals too, or 1.250 none.

    A program that writes decimals leaves out zeros at their end or writes as many to each number.
    """
    whole = [core for core in rest if core.isdigit()]
    n_zero = sum(count[c] for c in cells if cores[c].endswith("0"))
    return bool(rest) and len(whole) == len(rest) and max(map(len, whole)) <= 3 and n_zero > 0


def _scales(
    cells: Sequence[str],
    values: NDArray[np.float64],
    counts: NDArray[np.intp],
    percent: bool | None,
) -> tuple[NDArray[np.float64], str, tuple[str, ...]]:
    """Look for shares beside per cents, 0.85 beside 85, which two readings fit."""
    import numpy as np

    known = np.isfinite(values)
    shares = known & (values > 0) & (values <= 1)
    rest = known & ~shares & (values != 0)
    n_shares, n_rest = int(counts[shares].sum()), int(counts[rest].sum())
    if percent is not None:
        return (np.where(shares, values * 100, values) if percent else values), "", ()
    few = max(3, 0.02 * (n_shares + n_rest))
    if min(int(shares.sum()), int(rest.sum())) < 2 or min(n_shares, n_rest) < few:
        return values, "", ()
    low, high = values[rest].min(), values[rest].max()
    spread = values[shares] * 100
    mixed = (
        low >= 10
        and 30 < high <= 110
        and (values[shares] < 1).any()
        and spread.min() >= 0.5 * low
        and spread.max() <= max(100.0, high)
        and len(np.unique(values[shares])) >= min(3, n_shares)
    )
    if not mixed:
        return values, "", ()
    shown = (cells[int(np.flatnonzero(rest)[0])], cells[int(np.flatnonzero(shares)[0])])
    return values, SCALE, shown
