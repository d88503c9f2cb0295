"""Text tables: delimiter, decimal mark, quotes, and each row with its line."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from src.exception import DataValidationError, Problem
from src.language import gettext
from src.tables.encoding import find_encoding
from src.tables.layout import (
    LONG_LINE,
    NUL,
    OPEN_QUOTE,
    FileNotes,
    Record,
    TableReader,
    _is_blank,
    read_header,
    without_blank_end,
)
from src.tables.lines import LINE_LIMIT, Lines
from src.tables.writer import restore

DELIMITERS = (",", ";", "\t", "|")
RECORD_LINES = 200  # lines that one quoted cell may run over
_WITH_POINT = re.compile(r"[+-]?\d+\.\d+")
_WITH_COMMA = re.compile(r"[+-]?\d+,\d+")
_GROUPED_BY_COMMAS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")


def open_csv(file: BinaryIO, name: str) -> TableReader:
    """Return the reader of a text table."""
    encoding, guessed = find_encoding(file, name)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    lines = Lines(text)
    delimiter = _declared_delimiter(lines) or _delimiter(lines.peek())
    first = next(_csv_records(lines, delimiter), None)
    if first is None:
        raise DataValidationError(gettext("%(name)s is empty.", name=name))
    _, cells, problem = first
    if problem is not None:
        message = gettext("%(name)s has no header that can be read.", name=name)
        raise DataValidationError(message, [problem])
    sample = _sample(lines.peek(), delimiter)
    rows = [cells for _, cells, problem in sample if problem is None]
    header = read_header(_as_wide_as(cells, rows), rows, name)
    records = without_blank_end(_csv_records(lines, delimiter, width=len(header)))
    return TableReader(
        name,
        header,
        _decimal_comma(rows, delimiter),
        records,
        text,
        delimiter=delimiter,
        lines=lines,
        notes=FileNotes(encoding=encoding if guessed else ""),
    )


def _csv_records(lines: Lines, delimiter: str, width: int | None = None) -> Iterator[Record]:
    """Yield line, cells and what is wrong with them.

    A quoted cell may hold line ends. A quote that is never closed would swallow the rest of the
    file: its own line is refused then, and reading goes on with the next.
    """
    while (text := lines.next()) is not None:
        number = lines.number
        if not text.strip("\r\n"):
            continue
        further: list[str] = []
        cells: list[str] | None = None
        wrong = ""
        if len(text) == LINE_LIMIT:
            text, wrong = "", LONG_LINE
        elif '"' in text:
            cells, further = _quoted(text, lines, delimiter)
            if cells is None or (further and width not in (None, len(cells))):
                lines.put_back(further)
                cells, further = None, []
                wrong = OPEN_QUOTE
        if "\0" in text or (further and any("\0" in line for line in further)):
            wrong = NUL
        if cells is None:
            cells = text.rstrip("\r\n").split(delimiter)
        if "'" in text or further:
            cells = [restore(cell) for cell in cells]
        yield number, cells, Problem(wrong, row=number) if wrong else None


def _quoted(text: str, lines: Lines, delimiter: str) -> tuple[list[str] | None, list[str]]:
    """Return the cells of a record that holds quotes, and the further lines that it took."""
    record = [text]
    n_quotes, size = text.count('"'), len(text)
    while n_quotes % 2:
        line = lines.next() if len(record) <= RECORD_LINES else None
        if line is None:
            return None, record[1:]
        record.append(line)
        n_quotes += line.count('"')
        size += len(line)
        if size > LINE_LIMIT:
            return None, record[1:]
    try:
        return next(csv.reader(["".join(record)], delimiter=delimiter, strict=True)), record[1:]
    except csv.Error:
        return None, record[1:]


def _sample(lines: list[str], delimiter: str) -> list[Record]:
    """Return the records of some lines, without blank ones."""
    records = _csv_records(Lines(io.StringIO("".join(lines), newline="")), delimiter)
    return [record for record in records if not _is_blank(record[1])]


def _declared_delimiter(lines: Lines) -> str:
    """Return what Excel's first line ``sep=;`` says and skip it; nothing where there is none."""
    line = lines.next()
    declared = re.fullmatch(r'"?sep=(.)"?[\r\n]*', line or "", re.IGNORECASE)
    if declared:
        return declared[1]
    lines.put_back([line] if line else [])
    return ""


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter by which most lines have as many cells as the first, and more than one.

    Where there is none, the first line may be a title, which the check of the header explains: most
    lines need only be alike.
    """

    def score(delimiter: str) -> tuple[float, float, int]:
        records = _sample(lines, delimiter)
        widths = [0 if problem else len(cells) for _, cells, problem in records]
        usual = Counter(width for width in widths if width > 1).most_common(1)
        if not usual:
            return 0.0, 0.0, 0
        (width, n_usual), like_first = usual[0], widths.count(widths[0]) / len(widths)
        fits_first = like_first if widths[0] > 1 and like_first >= 0.5 else 0.0
        return fits_first, n_usual / len(widths), width

    return max(DELIMITERS, key=score)


def _as_wide_as(header: list[str], rows: list[list[str]]) -> list[str]:
    """Return the header with or without an empty cell at its end, where all rows differ by it.

    Some programs end every row in a delimiter and the header not, or the other way round.
    """
    widths = {len(row) for row in rows}
    if len(rows) > 1 and widths == {len(header) + 1} and not any(row[-1].strip() for row in rows):
        return [*header, ""]
    if len(rows) > 1 and widths == {len(header) - 1} and not header[-1].strip():
        return header[:-1]
    return header


def _decimal_comma(rows: list[list[str]], delimiter: str) -> bool:
    """Whether the comma is the decimal mark; between commas, only quoted cells can show it."""
    cells = [cell.strip() for row in rows for cell in row]
    with_comma = [cell for cell in cells if _WITH_COMMA.fullmatch(cell)]
    with_point = any(_WITH_POINT.fullmatch(cell) for cell in cells)
    decimals = any(not _GROUPED_BY_COMMAS.fullmatch(cell) for cell in with_comma)
    if delimiter == ",":
        return decimals and not with_point
    return decimals or not with_point
