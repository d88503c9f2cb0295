"""What a sheet's XML says beside its values: merges, formulas without result, per cents."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field

_CELL = rb"([A-Z]{1,3})([0-9]{1,7})"
_MERGED = re.compile(rb'<mergeCell ref="' + _CELL + rb":" + _CELL + rb'"')
_WITHOUT_RESULT = re.compile(
    rb'<c r="' + _CELL + rb'"[^>]*>\s*<f(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
_PERCENT_STYLES = re.compile(rb"<cellXfs.*?</cellXfs>", re.DOTALL)
_FORMAT = re.compile(rb"<numFmt [^>]*?/>")
PIECE = 1 << 20
OVERLAP = 1 << 14  # longer than a cell with its formula


@dataclass(frozen=True)
class Merged:
    """A range of merged cells; rows count from 1, columns from 0."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class SheetParts:
    """What a sheet holds beside values.

    Attributes
    ----------
    merged : list of Merged
        Ranges of several rows.
    formulas : dict of int to list of int
        Rows of formulas without a stored result, by the column's position.
    """

    merged: list[Merged] = field(default_factory=list)
    formulas: dict[int, list[int]] = field(default_factory=dict)


def sheet_parts(archive: zipfile.ZipFile, path: str) -> SheetParts:
    """Look through a sheet's XML without building it up."""
    found = SheetParts()
    with archive.open(path.lstrip("/")) as part:
        text, done = b"", 0
        while block := part.read(PIECE):
            text = text[done:] + block
            done = 0
            for match in _WITHOUT_RESULT.finditer(text):
                found.formulas.setdefault(column_position(match[1]), []).append(int(match[2]))
                done = match.end()
            for match in _MERGED.finditer(text):
                top, bottom = int(match[2]), int(match[4])
                done = max(done, match.end())
                if bottom > top:
                    left, right = column_position(match[1]), column_position(match[3])
                    found.merged.append(Merged(top, bottom, left, right))
            done = max(done, len(text) - OVERLAP)
    return found


def has_percents(archive: zipfile.ZipFile) -> bool:
    """Whether some cell's style shows numbers in per cent."""
    try:
        styles = archive.read("xl/styles.xml")
    except KeyError:
        return False
    own = {
        found[1]
        for text in _FORMAT.findall(styles)
        if (found := re.search(rb'numFmtId="(\d+)"', text)) and b"%" in text
    }
    used = _PERCENT_STYLES.search(styles)
    ids = set(re.findall(rb'numFmtId="(\d+)"', used[0])) if used else set()
    return bool(ids & (own | {b"9", b"10"}))


def column_position(letters: bytes) -> int:
    """Return a column's position, from 0.

    Examples
    --------
    >>> column_position(b"A"), column_position(b"AB")
    (0, 27)
    """
    position = 0
    for letter in letters:
        position = 26 * position + letter - 64
    return position - 1


def column_letters(position: int) -> str:
    """Return a column's letters.

    Examples
    --------
    >>> column_letters(0), column_letters(27)
    ('A', 'AB')
    """
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
