"""What every format shares: header, width, chunks of rows."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING

from src.exception import DataValidationError, Problem
from src.language import gettext as _
from src.language import localize, mark
from src.tables.cells import shorten
from src.tables.lines import SAMPLE_LINES, Lines

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 20_000
COLUMN_LIMIT = 10_000
# Said in English of single rows, so that a file for programs reads alike in each language.
EMPTY_ROW = mark("The row is empty.")
ONE_CELL = mark(
    "The row has 1 cell, the header has %(width)s. Compare it with a row that is right: a "
    "delimiter is missing or stands too often."
)
OTHER_WIDTH = mark(
    "The row has %(n)s cells, the header has %(width)s. Compare it with a row that is right: a "
    "delimiter is missing or stands too often."
)
LONG_LINE = mark("The line is longer than 131,072 characters.")
OPEN_QUOTE = mark(
    "A quote in the line is not closed, or text follows it. Close it, or write a quote inside a "
    'cell twice ("").'
)
NUL = mark("The line holds a NUL character: the file is damaged there.")
MALFORMED = (EMPTY_ROW, ONE_CELL, OTHER_WIDTH, LONG_LINE, OPEN_QUOTE, NUL)
Record = tuple[int, list[str], Problem | None]  # line, cells, and why they cannot be used


@dataclass(frozen=True)
class FileNotes:
    """What is worth knowing of a file beside its cells.

    Attributes
    ----------
    encoding : str
        Where it was guessed; else empty.
    sheets, sheets_read : tuple of str
        Names of a workbook's sheets, and of those that were read; empty for other files.
    merged : mapping of int to int
        Cells that took the value of a merged range, by the column's position.
    formulas : mapping of int to tuple of int
        Rows of formulas without a stored result, by the column's position.
    """

    encoding: str = ""
    sheets: tuple[str, ...] = ()
    sheets_read: tuple[str, ...] = ()
    merged: Mapping[int, int] = field(default_factory=dict)
    formulas: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


NO_NOTES = FileNotes()


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
            said = ONE_CELL if len(cells) == 1 else OTHER_WIDTH
            problem = Problem(said % {"n": len(cells), "width": width}, row=line)
        if problem is None and _is_blank(cells):
            problem = Problem(EMPTY_ROW, row=line)
        if problem is not None:
            self.malformed[len(self.rows)] = problem
            cells = [cell.replace("\0", "") for cell in cells[:width]]
            cells += [""] * (width - len(cells))
        self.lines.append(line)
        self.rows.append(cells)


@dataclass
class Table(Chunk):
    """A whole table: its header, and what its numbers look like.

    Attributes
    ----------
    header : list of str
    decimal_comma, delimiter, typed, notes
        See :class:`TableReader`.
    """

    header: list[str] = field(default_factory=list)
    decimal_comma: bool = False
    delimiter: str = ""
    typed: bool = False
    notes: FileNotes = NO_NOTES

    def column(self, position: int) -> list[str]:
        """Return the cells of one column."""
        return [row[position] for row in self.rows]

    def take(self, indices: Iterable[int]) -> Table:
        """Return some of the rows, with their lines and what is wrong with them."""
        kept = list(indices)
        malformed = {
            new: self.malformed[old] for new, old in enumerate(kept) if old in self.malformed
        }
        lines, rows = [self.lines[i] for i in kept], [self.rows[i] for i in kept]
        return replace(self, lines=lines, rows=rows, malformed=malformed)


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
    delimiter : str
        Of a text file; else empty.
    lines : Lines, optional
        Of a text file: where ``records`` come from, which may be taken together.
    batches : callable, optional
        Of a Parquet file: takes how many rows at most, yields them in batches from the first on.
    typed : bool
        Whether the file keeps numbers as numbers, as workbooks, Parquet files and databases do.
    notes : FileNotes
    first_line : int
        Of ``batches``.
    """

    name: str
    header: list[str]
    decimal_comma: bool
    records: Iterator[Record]
    _text: IO[str] | None = None  # Python closes, and warns of, a file that nothing refers to
    delimiter: str = ""
    lines: Lines | None = None
    batches: Callable[[int], Iterator[pa.RecordBatch]] | None = None
    typed: bool = False
    notes: FileNotes = NO_NOTES
    first_line: int = 2

    def chunks(self, size: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Yield the rows, at most ``size`` at a time."""
        width = len(self.header)
        while True:
            chunk = Chunk()
            with collector_paused():
                for line, cells, problem in itertools.islice(self.records, size):
                    chunk.add(line, cells, width, problem)
            if not chunk.rows:
                return
            yield chunk


@contextmanager
def collector_paused() -> Iterator[None]:
    """Stop Python's search for cycles, which takes as long as reading: rows are in none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def sheet_reader(records: Iterator[Record], name: str, notes: FileNotes = NO_NOTES) -> TableReader:
    """Return the reader of a sheet: its first row that is not blank is the header."""
    records = (record for record in records)
    header = next((cells for _, cells, _ in records if not _is_blank(cells)), None)
    if header is None:
        raise DataValidationError(_("%(name)s is empty.", name=name))
    while not header[-1].strip():
        header.pop()
    sample = list(itertools.islice(records, SAMPLE_LINES))
    header = read_header(header, [cells for _, cells, _ in sample], name)
    fitted = (
        (line, _fit(cells, len(header)), problem)
        for line, cells, problem in itertools.chain(sample, records)
    )
    return TableReader(name, header, False, without_blank_end(fitted), typed=True, notes=notes)


def _fit(cells: list[str], width: int) -> list[str]:
    """Return a sheet's row without empty cells right of the header, filled up to its width."""
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    return cells + [""] * (width - len(cells))


def read_header(cells: Sequence[str], rows: list[list[str]], name: str) -> list[str]:
    """Return the names of the columns.

    Raises
    ------
    DataValidationError
        If there are none or too many, or a title stands where they should.
    """
    header = [cell.strip() for cell in cells]
    n_names = sum(map(bool, header))
    if not n_names:
        raise DataValidationError(_("%(name)s has no header: its first row is empty.", name=name))
    if len(header) > COLUMN_LIMIT:
        raise DataValidationError(
            _(
                "%(name)s has %(n)s columns; at most %(most)s can be read.",
                name=name,
                n=localize(f"{len(header):,}"),
                most=localize(f"{COLUMN_LIMIT:,}"),
            )
        )
    n_cells = sorted(len(row) - sum(map(_is_empty, row)) for row in rows)
    usual = n_cells[len(n_cells) // 2] if n_cells else 0
    # R and pandas leave the first column, their row numbers, without a name.
    if n_names < usual / 2 or (n_names <= usual / 2 and header[0]):
        first = ", ".join(repr(shorten(name)) for name in header if name)
        raise DataValidationError(
            _(
                "The first row of %(name)s must hold the names of the columns. It holds %(first)s, "
                "and the rows below have %(n)s cells. Remove what stands above the names.",
                name=name,
                first=first,
                n=usual,
            )
        )
    return header


def _is_empty(cell: str) -> bool:
    return not cell or cell.isspace()


def _is_blank(cells: Sequence[str]) -> bool:
    first = cells[0] if cells else ""
    return _is_empty(first) and all(map(_is_empty, cells))


def without_blank_end(records: Iterator[Record]) -> Iterator[Record]:
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
