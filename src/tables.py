"""Files in, files out: one reader for training, the command line and uploads, one CSV writer.

Every format becomes the same thing: a header and rows of text cells, each row with its line. What a
cell means is decided by the schema, never here, so ``NA`` can be a category in one column and a
missing value in another. Rows that cannot be read are kept in their place beside what is wrong.
"""

from __future__ import annotations

import csv
import gc
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from src.exception import ConfigurationError, DataValidationError, Problem
from src.schema import shorten
from src.spreadsheets import excel_rows, parquet_rows, to_text
from src.text_encoding import find_encoding

CHUNK_ROWS = 20_000
DELIMITERS = (",", ";", "\t", "|")
COLUMN_LIMIT = 10_000
LINE_LIMIT = 1 << 17  # characters, also the csv module's limit; a longer line is no table of people
RECORD_LINES = 200  # lines that one quoted cell may run over
SAMPLE_LINES = 100  # lines that show the delimiter, the decimal mark and the width
SAMPLE_CHARACTERS = 1 << 16

_ZIP, _PARQUET = b"PK\x03\x04", b"PAR1"
_SIGNATURES = {
    _ZIP: "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls) or one with a password",
    _PARQUET: "a Parquet file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"%PDF": "a PDF document",
    b"{\\rtf": "a text document (RTF)",
    b"\x1f\x8b": "a gzip archive",
    b"SQLite format 3": "an SQLite database",
    b"<": "a web page or XML document",
    b"{": "a JSON document",
    b"[{": "a JSON document",
}
_SPREADSHEET_NUMBER = re.compile(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?%?|-+", re.ASCII)
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
_NEEDS_QUOTES = re.compile(r'[",\r\n]')
_FORMULA_INSIDE = re.compile(f",[{re.escape(''.join(_FORMULA_STARTS))}]")
_WITH_POINT = re.compile(r"[+-]?\d+\.\d+")
_WITH_COMMA = re.compile(r"[+-]?\d+,\d+")
_GROUPED_BY_COMMAS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")

Record = tuple[int, list[str], Problem | None]  # line, cells, and why they cannot be used


@dataclass
class Chunk:
    """Some rows of a table.

    Attributes
    ----------
    lines : list of int
        Line of each row in a text file, row in a sheet; the header is 1.
    rows : list of list of str
        One cell a column of the header, missing ones empty.
    malformed : dict of int to Problem
        Rows of this chunk, by position, that could not be read; their cells are what was found,
        cut or filled up to the header's width.
    """

    lines: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    malformed: dict[int, Problem] = field(default_factory=dict)

    def add(self, line: int, cells: list[str], width: int, problem: Problem | None = None) -> None:
        if problem is None and len(cells) != width:
            n_cells = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
            problem = Problem(
                f"The row has {n_cells}, the header has {width}. Compare it with a row that is "
                "right: a delimiter is missing or stands too often.",
                row=line,
            )
        if problem is None and _is_blank(cells):
            problem = Problem("The row is empty.", row=line)
        if problem is not None:
            self.malformed[len(self.rows)] = problem
            cells = [cell.replace("\0", "") for cell in cells[:width]]
            cells += [""] * (width - len(cells))
        self.lines.append(line)
        self.rows.append(cells)


@dataclass
class Table(Chunk):
    """A whole table: its header, and what its numbers look like."""

    header: list[str] = field(default_factory=list)
    decimal_comma: bool = False

    def column(self, position: int) -> list[str]:
        """Return the cells of one column."""
        return [row[position] for row in self.rows]


@dataclass(frozen=True)
class TableReader:
    """A table that is read a chunk at a time.

    Attributes
    ----------
    name : str
        What the file is called in messages.
    header : list of str
        As it stands in the file, surrounding blanks removed.
    decimal_comma : bool
        Whether the comma is the decimal mark, as in ``72,5``.
    records : iterator
        Line, cells and what is wrong with them, row after row.
    """

    name: str
    header: list[str]
    decimal_comma: bool
    records: Iterator[Record]
    _text: IO[str] | None = None  # Python closes, and warns of, a file that nothing refers to

    def chunks(self, size: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Yield the rows, at most ``size`` at a time."""
        width = len(self.header)
        while True:
            chunk = Chunk()
            with _collector_paused():
                for line, cells, problem in itertools.islice(self.records, size):
                    chunk.add(line, cells, width, problem)
            if not chunk.rows:
                return
            yield chunk


@contextmanager
def open_table(source: Path | BinaryIO, name: str = "") -> Iterator[TableReader]:
    """Open a CSV, Excel or Parquet file for reading in chunks.

    Parameters
    ----------
    source : Path or binary file
        Closed with the block.
    name : str
        What the file is called in messages; its ending says what it claims to be.

    Raises
    ------
    DataValidationError
        If the file is empty, is of another kind than its ending says, or has no header.
    ConfigurationError
        If there is no such file, or a package for its format is not installed.
    """
    if isinstance(source, Path):
        name = name or source.name
        try:
            source = source.open("rb")
        except OSError as error:
            raise ConfigurationError(f"{source} cannot be read: {error.strerror}.") from error
    with source as file:
        reader = _reader(file if file.seekable() else io.BytesIO(file.read()), name)
        yield reader


def read_table(source: Path | BinaryIO, name: str = "") -> Table:
    """Read a whole file; see :func:`open_table`."""
    with open_table(source, name) as reader:
        table = Table(header=reader.header, decimal_comma=reader.decimal_comma)
        with _collector_paused():
            for line, cells, problem in reader.records:
                table.add(line, cells, len(reader.header), problem)
    return table


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Stop Python's search for cycles, which takes as long as reading: rows are in none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def table_from_records(header: Sequence[str], records: Iterable[Sequence[object]]) -> Table:
    """Return a table of typed values, such as a database gives, as text cells."""
    table = Table(header=[str(name).strip() for name in header])
    for line, record in enumerate(records, start=2):
        table.add(line, [to_text(value) for value in record], len(table.header))
    return table


def neutralise(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers and dashes stay as they are.

    Examples
    --------
    >>> neutralise("=1+1"), neutralise("-3.5"), neutralise("@x")
    ("'=1+1", '-3.5', "'@x")

    References
    ----------
    OWASP, "CSV Injection".
    """
    if cell.startswith(_FORMULA_STARTS) and not _SPREADSHEET_NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def write_rows(file: IO[str], rows: Iterable[Iterable[str]]) -> None:
    """Write rows of text cells as CSV (RFC 4180, line feeds), each cell neutralised."""
    for row in rows:
        cells = list(row)
        line = ",".join(cells)
        if not _is_plain(line, len(cells)):
            line = ",".join(map(_quote, map(neutralise, cells)))
        file.write((line or '""') + "\n")  # an empty line is no row


def _is_plain(line: str, n_cells: int) -> bool:
    """Whether no cell of a line needs quotes or looks like a formula."""
    return not (
        '"' in line
        or "\n" in line
        or "\r" in line
        or line.count(",") >= n_cells
        or line.startswith(_FORMULA_STARTS)
        or _FORMULA_INSIDE.search(line)
    )


def _quote(cell: str) -> str:
    # Python 3.11's csv.writer leaves a carriage return bare, which readers take for a line's end.
    return '"' + cell.replace('"', '""') + '"' if _NEEDS_QUOTES.search(cell) else cell


# --- what all formats share ---------------------------------------------------------------------


def _reader(file: BinaryIO, name: str) -> TableReader:
    ending = Path(name).suffix.lower()
    head = file.read(64)
    file.seek(0)
    found = next((s for s in _SIGNATURES if head.removeprefix(b"\xef\xbb\xbf").startswith(s)), b"")
    if ending in (".xlsx", ".xlsm"):
        _expect(_ZIP, found, name, "an Excel workbook")
        return _table(((*row, None) for row in excel_rows(file, name)), name)
    if ending in (".parquet", ".pq"):
        _expect(_PARQUET, found, name, "a Parquet file")
        columns, rows = parquet_rows(file, name)
        return _table(itertools.chain([(1, columns, None)], ((*row, None) for row in rows)), name)
    if found:
        raise DataValidationError(
            f"{name} is not a text table but {_SIGNATURES[found]}. "
            "Save it as CSV (.csv) or Excel (.xlsx), with the ending that fits."
        )
    return _open_csv(file, name)


def _expect(wanted: bytes, found: bytes, name: str, kind: str) -> None:
    if found != wanted:
        raise DataValidationError(
            f"{name} is not {kind}, whatever its ending says"
            + (f": it is {_SIGNATURES[found]}." if found else ".")
            + " Save it again from the program that made it."
        )


def _table(records: Iterator[Record], name: str) -> TableReader:
    """Return the reader of a sheet: its first row that is not blank is the header."""
    records = (record for record in records)
    header = next((cells for _, cells, _ in records if not _is_blank(cells)), None)
    if header is None:
        raise DataValidationError(f"{name} is empty.")
    while not header[-1].strip():
        header.pop()
    sample = list(itertools.islice(records, SAMPLE_LINES))
    header = _header(header, [cells for _, cells, _ in sample], name)
    fitted = (
        (line, _fit(cells, len(header)), problem)
        for line, cells, problem in itertools.chain(sample, records)
    )
    return TableReader(name, header, False, _without_blank_end(fitted))


def _fit(cells: list[str], width: int) -> list[str]:
    """Return a sheet's row without empty cells right of the header, filled up to its width."""
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    return cells + [""] * (width - len(cells))


def _header(cells: Sequence[str], rows: list[list[str]], name: str) -> list[str]:
    """Return the names of the columns.

    Raises
    ------
    DataValidationError
        If there are none or too many, or a title stands where they should.
    """
    header = [cell.strip() for cell in cells]
    n_names = sum(map(bool, header))
    if not n_names:
        raise DataValidationError(f"{name} has no header: its first row is empty.")
    if len(header) > COLUMN_LIMIT:
        raise DataValidationError(
            f"{name} has {len(header):,} columns; at most {COLUMN_LIMIT:,} can be read."
        )
    n_cells = sorted(len(row) - sum(map(_is_empty, row)) for row in rows)
    usual = n_cells[len(n_cells) // 2] if n_cells else 0
    # R and pandas leave the first column, their row numbers, without a name.
    if n_names < usual / 2 or (n_names <= usual / 2 and header[0]):
        first = ", ".join(repr(shorten(name)) for name in header if name)
        raise DataValidationError(
            f"The first row of {name} must hold the names of the columns. It holds {first}, and "
            f"the rows below have {usual} cells. Remove what stands above the names."
        )
    return header


def _is_empty(cell: str) -> bool:
    return not cell or cell.isspace()


def _is_blank(cells: Sequence[str]) -> bool:
    first = cells[0] if cells else ""
    return _is_empty(first) and all(map(_is_empty, cells))


def _without_blank_end(records: Iterator[Record]) -> Iterator[Record]:
    """Leave out the blank rows at the end, which spreadsheets save where cells were formatted."""
    pending: list[range] = []
    for line, cells, problem in records:
        if problem is None and _is_blank(cells):
            if pending and pending[-1].stop == line:
                pending[-1] = range(pending[-1].start, line + 1)
            else:
                pending.append(range(line, line + 1))
            width = len(cells)
            continue
        for blank in itertools.chain.from_iterable(pending):
            yield blank, [""] * width, None
        pending.clear()
        yield line, cells, problem


# --- text ---------------------------------------------------------------------------------------


def _open_csv(file: BinaryIO, name: str) -> TableReader:
    encoding = find_encoding(file, name)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    lines = _Lines(text)
    delimiter = _declared_delimiter(lines) or _delimiter(lines.peek())
    first = next(_csv_records(lines, delimiter), None)
    if first is None:
        raise DataValidationError(f"{name} is empty.")
    _, cells, problem = first
    if problem is not None:
        raise DataValidationError(f"{name} has no header that can be read.", [problem])
    sample = _sample(lines.peek(), delimiter)
    rows = [cells for _, cells, problem in sample if problem is None]
    header = _header(_as_wide_as(cells, rows), rows, name)
    records = _without_blank_end(_csv_records(lines, delimiter, width=len(header)))
    return TableReader(name, header, _decimal_comma(rows, delimiter), records, text)


class _Lines:
    """Physical lines with their numbers; some can be put back. The byte order mark is dropped."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._back: list[str] = []
        self.number = 0

    def next(self) -> str | None:
        """Return the next line with its end, None at the end of the file."""
        if self._back:
            line = self._back.pop()
        else:
            line = self._text.readline(LINE_LIMIT)
            if len(line) == LINE_LIMIT and line[-1] not in "\r\n":
                while (rest := self._text.readline(LINE_LIMIT)) and rest[-1] not in "\r\n":
                    pass
            if self.number == 0:
                line = line.lstrip("\ufeff")
        if not line:
            return None
        self.number += 1
        return line

    def put_back(self, lines: list[str]) -> None:
        """Make ``lines`` the next ones to be read."""
        self._back += reversed(lines)
        self.number -= len(lines)

    def peek(self) -> list[str]:
        """Return the next lines without reading them."""
        lines: list[str] = []
        size = 0
        while len(lines) < SAMPLE_LINES and size < SAMPLE_CHARACTERS:
            if (line := self.next()) is None:
                break
            lines.append(line)
            size += len(line)
        self.put_back(lines)
        return lines


def _csv_records(lines: _Lines, delimiter: str, width: int | None = None) -> Iterator[Record]:
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
            text, wrong = "", f"The line is longer than {LINE_LIMIT:,} characters."
        elif '"' in text:
            cells, further = _quoted(text, lines, delimiter)
            if cells is None or (further and width not in (None, len(cells))):
                lines.put_back(further)
                cells, further = None, []
                wrong = (
                    "A quote in the line is not closed, or text follows it. Close it, or write a "
                    'quote inside a cell twice ("").'
                )
        if "\0" in text or (further and any("\0" in line for line in further)):
            wrong = "The line holds a NUL character: the file is damaged there."
        if cells is None:
            cells = text.rstrip("\r\n").split(delimiter)
        yield number, cells, Problem(wrong, row=number) if wrong else None


def _quoted(text: str, lines: _Lines, delimiter: str) -> tuple[list[str] | None, list[str]]:
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
    records = _csv_records(_Lines(io.StringIO("".join(lines), newline="")), delimiter)
    return [record for record in records if not _is_blank(record[1])]


def _declared_delimiter(lines: _Lines) -> str:
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
