"""What a sheet's XML says beside its values: merges, formulas without result, per cents."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, BinaryIO

_CELL = rb"([A-Z]{1,3})([0-9]{1,7})"
_CELL_BEGINS = re.compile(rb'<c [^>]*?\br="[A-Z]{1,3}([0-9]{1,7})"')
_MERGED = re.compile(rb'<mergeCell ref="' + _CELL + rb":" + _CELL + rb'"')
_WITHOUT_RESULT = re.compile(
    rb'<c r="' + _CELL + rb'"[^>]*>\s*<f(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
_PERCENT_STYLES = re.compile(rb"<cellXfs.*?</cellXfs>", re.DOTALL)
_FORMAT = re.compile(rb"<numFmt [^>]*?/>")
# The namespaces of "Strict Open XML", as which Excel can save too, and those that readers know.
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_KNOWN = rb"http://schemas.openxmlformats.org/\1/2006/"
LONGEST_NAMESPACE = 64  # bytes of one's beginning
PIECE = 1 << 20
OVERLAP = 1 << 14  # longer than a cell with its formula


@dataclass(frozen=True)
class Merged:
    """A range of merged cells; rows count from 1, columns from 0."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass
class SheetParts:
    """What a sheet holds beside values.

    Attributes
    ----------
    merged : list of Merged
        Ranges of several rows.
    formulas : dict of int to list of int
        Rows of formulas without a stored result, by the column's position.
    last_row : int or None
        The last one that holds anything; None where that is not seen.
    """

    merged: list[Merged] = field(default_factory=list)
    formulas: dict[int, list[int]] = field(default_factory=dict)
    last_row: int | None = None


def sheet_parts(archive: zipfile.ZipFile, path: str) -> SheetParts:
    """Look through a sheet's XML without building it up."""
    found = SheetParts()
    with archive.open(path.lstrip("/")) as part:
        text, done, within, numbered = b"", 0, True, True
        while block := part.read(PIECE):
            text = text[done:] + block
            done = 0
            if within:  # after the cells stand rules that look like some
                cells, end, _ = text.partition(b"</sheetData>")
                within = not end
                if last := _last_value(cells):
                    row = _CELL_BEGINS.match(last)
                    found.last_row = int(row[1]) if row else None
                    numbered &= row is not None
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
    if not numbered:  # cells may leave out where they stand
        found.last_row = None
    return found


def _last_value(text: bytes) -> bytes | None:
    """Return the text from the last cell with a value, a text or a formula on."""
    at = max(text.rfind(beginning) for beginning in (b"<v", b"<is", b"<f"))
    begins = max(text.rfind(beginning, 0, at) for beginning in (b"<c ", b"<c>")) if at > 0 else -1
    return text[begins:] if begins >= 0 else None


def readable(file: BinaryIO) -> BinaryIO:
    """Return a workbook as openpyxl can read it fast; most are that already.

    The namespaces of Strict Open XML become those that it knows. A sheet that does not state its
    size states one: openpyxl would read all of it to find out.
    """
    with zipfile.ZipFile(file) as found:
        is_strict = _STRICT.search(found.read("_rels/.rels"))
        if not is_strict and not any(map(_lacks_size, _heads(found))):
            return file
        copy = io.BytesIO()  # packed, so about as large as the file
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for entry in found.infolist():
                with found.open(entry) as source, archive.open(entry.filename, "w") as target:
                    _copy(source, target)
    return copy


def _heads(archive: zipfile.ZipFile) -> Iterator[bytes]:
    for name in archive.namelist():
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            with archive.open(name) as part:
                yield part.read(PIECE)


def _lacks_size(head: bytes) -> bool:
    return b"<sheetData>" in head and b"<dimension" not in head


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    text = source.read(PIECE)
    if _lacks_size(text):
        text = text.replace(b"<sheetData>", b'<dimension ref="A1"/><sheetData>', 1)
    while block := source.read(PIECE):
        text = _STRICT.sub(_KNOWN, text + block)
        ready = max(0, len(text) - LONGEST_NAMESPACE)  # one may go on in the next piece
        target.write(text[:ready])
        text = text[ready:]
    target.write(_STRICT.sub(_KNOWN, text))


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
