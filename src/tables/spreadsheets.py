"""Rows of text cells out of Excel and Parquet files."""

from __future__ import annotations

import copy
import itertools
import warnings
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from src.exception import ConfigurationError, DataValidationError
from src.language import gettext as _
from src.language import localize
from src.logger import get_logger
from src.tables.cells import format_number, match_key, to_text
from src.tables.layout import FileNotes
from src.tables.workbook_parts import (
    Merged,
    SheetParts,
    column_letters,
    has_percents,
    readable,
    sheet_parts,
)

if TYPE_CHECKING:
    import pyarrow as pa

logger = get_logger(__name__)

SHEET_COLUMN = "sheet"

Rows = Iterator[tuple[int, list[str]]]  # row of the sheet and its cells

BLOCK_ROWS = 100
PARQUET_ROWS = 1 << 13
SHEET_ROWS = 1_048_576  # as many as Excel has
SHEET_CELLS = 50_000_000  # empty ones included, which need no room in the file
EMPTY_ROWS = 10_000  # one after another; more of them are passed over
HEAD_ROWS = 50  # filled rows that show how wide the table is
TITLED_WIDTH = 50  # cells that are read below a first row of fewer
UNPACKED_BYTES = 512 << 20  # what a workbook may unpack to …
UNPACKED_RATIO = 50  # … and how many times its size; real ones reach 10 to 20 …
UNPACKED_ANYWAY = 1 << 20  # … unless it is small

# What zipfile, expat and openpyxl raise for damaged workbooks. openpyxl checks little itself.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, ET.ParseError, ArithmeticError, AttributeError, EOFError,
    LookupError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class SheetChoice:
    """Which sheet of a workbook is read.

    Attributes
    ----------
    name : str or None
        The sheet that a person named.
    every : bool
        Whether all sheets with the first one's columns are read, one below the other; the sheet's
        name becomes a column.
    wanted, or_wanted : frozenset of str
        Headers, by :func:`match_key`, that the sheet should have where no name is given: all of
        either.
    """

    name: str | None = None
    every: bool = False
    wanted: frozenset[str] = frozenset()
    or_wanted: frozenset[str] = frozenset()


FIRST_TABLE = SheetChoice()


def excel_rows(
    file: BinaryIO, name: str, choice: SheetChoice = FIRST_TABLE
) -> tuple[Rows, FileNotes]:
    """Return the rows of a workbook's sheet, and what is worth knowing of them.

    A blank row has no cells; of more than 10,000 one after another the rest is left out. Cells
    that stand apart to the right of the table, such as notes, are left out too. Merged ranges are
    filled with their value; numbers that are shown in per cent are written so; a formula without a
    stored result becomes ``=`` and its cell's name.

    Parameters
    ----------
    file : seekable binary file
    name : str
        What the file is called in messages.
    choice : SheetChoice
        Default: the first visible sheet with a table on it.

    Raises
    ------
    DataValidationError
        If it is no workbook that can be read, or unpacks to more than a table of its size would.
    ConfigurationError
        If it has no sheet of the name that is asked for.
    """
    import openpyxl

    try:
        _refuse_bomb(file, name)
        file = readable(file)
        with warnings.catch_warnings(action="ignore"):  # of styles and links, which do not matter
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheets = book.worksheets
        titles = tuple(sheet.title for sheet in sheets)
        chosen = _chosen(sheets, choice, name)
        if len(titles) > len(chosen):
            read = ", ".join(repr(sheet.title) for sheet in chosen)
            logger.info("The file has %d sheets: %s is read.", len(titles), read)
        with zipfile.ZipFile(file) as archive:
            percents = has_percents(archive)
            parts = {s.title: sheet_parts(archive, s._worksheet_path) for s in chosen}
        first = parts[chosen[0].title]
    except _DAMAGED as error:
        raise DataValidationError(
            _("%(name)s is not an Excel workbook that can be read.", name=name)
        ) from error
    notes = FileNotes(
        sheets=titles if len(titles) > 1 else (),
        sheets_read=tuple(sheet.title for sheet in chosen) if len(titles) > 1 else (),
        merged=_filled(first),
        formulas={position: tuple(rows) for position, rows in first.formulas.items()},
    )
    rows = (_sheet_rows(sheet, parts[sheet.title], name, percents=percents) for sheet in chosen)
    return (_stacked(rows, chosen) if choice.every else next(rows)), notes


def _chosen(sheets: list[Any], choice: SheetChoice, name: str) -> list[Any]:
    if choice.name is not None:
        found = [s for s in sheets if s.title.strip().casefold() == choice.name.strip().casefold()]
        if not found:
            titles = ", ".join(repr(sheet.title) for sheet in sheets)
            raise ConfigurationError(
                _(
                    "%(name)s has no sheet %(sheet)s. Its sheets: %(sheets)s.",
                    name=name,
                    sheet=repr(choice.name),
                    sheets=titles,
                )
            )
        return found[:1]
    visible = [sheet for sheet in sheets if sheet.sheet_state == "visible"] or sheets[:1]
    headers = {sheet.title: _header_keys(sheet) for sheet in visible}
    either = [wanted for wanted in (choice.wanted, choice.or_wanted) if wanted]
    tables = [s for s in visible if any(wanted <= headers[s.title] for wanted in either)]
    tables = tables or [sheet for sheet in visible if len(headers[sheet.title]) > 1] or visible
    if not choice.every:
        return tables[:1]
    first = headers[tables[0].title]
    return [s for s in tables if len(first & headers[s.title]) >= 0.5 * len(first)]


def _header_keys(sheet: Any) -> frozenset[str]:
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    rows = _quietly(sheet.iter_rows(values_only=True, max_row=HEAD_ROWS))
    filled = ([v for v in row if v is not None] for _, row in rows)
    header = next((row for row in filled if row), [])
    return frozenset(match_key(to_text(value)) for value in header)


def _sheet_rows(sheet: Any, parts: SheetParts, name: str, *, percents: bool) -> Rows:
    try:
        sheet.reset_dimensions()
        width = _width(_quietly(sheet.iter_rows(values_only=True, max_row=parts.last_row)))
        formulas = {(row, at) for at, rows in parts.formulas.items() for row in rows}
        formula_rows = {row for row, _ in formulas}
        merged = sorted(parts.merged, key=lambda one: one.top, reverse=True)
        open_ranges: list[tuple[Merged, str]] = []
        last_filled = 0
        found = sheet.iter_rows(values_only=not percents, max_col=width, max_row=parts.last_row)
        for number, row in _quietly(found):
            may_skip = number - last_filled > EMPTY_ROWS and not open_ranges
            if may_skip and number not in formula_rows and _is_empty(row, percents=percents):
                continue
            if number * width > SHEET_CELLS:
                raise DataValidationError(
                    _(
                        "%(name)s has more than %(n)s cells, empty ones included. Save it as CSV, "
                        "or take out what stands far from the table.",
                        name=name,
                        n=localize(f"{SHEET_CELLS:,}"),
                    )
                )
            cells = [_shown(cell) for cell in row] if percents else [to_text(v) for v in row]
            for at in range(len(cells)) if formulas else ():
                if (number, at) in formulas:
                    cells[at] = f"={column_letters(at)}{number}"
            open_ranges = [one for one in open_ranges if one[0].bottom >= number]
            for one, text in open_ranges:
                cells += [""] * (min(one.right + 1, width) - len(cells))
                cells[one.left : one.right + 1] = [text] * len(cells[one.left : one.right + 1])
            while merged and merged[-1].top <= number:
                one = merged.pop()
                if one.left < len(cells):
                    open_ranges.append((one, cells[one.left]))
            is_filled = any(cells)
            last_filled = number if is_filled else last_filled
            yield number, cells if is_filled else []
    except _DAMAGED as error:
        raise DataValidationError(
            _("%(name)s is not an Excel workbook that can be read.", name=name)
        ) from error


def _is_empty(row: tuple[Any, ...], *, percents: bool) -> bool:
    return all(cell.value is None for cell in row) if percents else row.count(None) == len(row)


def _shown(cell: Any) -> str:
    """Return a cell's text; a number that is shown in per cent is written so."""
    value = cell.value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and "%" in (cell.number_format or ""):
        return f"{format_number(round(100 * value, 9))}%"
    return to_text(value)


def _filled(parts: SheetParts) -> dict[int, int]:
    """Return how many cells of each column took a merged range's value."""
    found: Counter[int] = Counter()
    for one in parts.merged:
        for position in range(one.left, min(one.right, one.left + 50) + 1):
            found[position] += one.bottom - one.top
    return dict(found)


def _stacked(sheets: Iterable[Rows], chosen: list[Any]) -> Rows:
    """Yield the rows of several sheets under the first one's header, and each sheet's name."""
    places: list[str] = []
    for rows, sheet in zip(sheets, chosen, strict=True):
        header = next(((number, cells) for number, cells in rows if cells), None)
        if header is None:
            continue
        keys = [match_key(cell) for cell in header[1]]
        if not places:
            places = keys
            yield header[0], [*header[1], SHEET_COLUMN if "sheet" not in keys else "sheet name"]
        at = [keys.index(key) if key in keys else None for key in places]
        for number, cells in rows:
            if cells:
                picked = [cells[i] if i is not None and i < len(cells) else "" for i in at]
                yield number, [*picked, sheet.title]


def _width(rows: Iterator[tuple[int, tuple[Any, ...]]]) -> int:
    """Return how many cells of a row to read: one more than the table has, to see one too many.

    The table is as wide as its first row, the header, or as most rows where that is a title. A cell
    that someone formatted or filled far to the right would make all rows as wide.
    """
    rows = itertools.islice(rows, EMPTY_ROWS)
    last_cells = (
        max((i for i, v in enumerate(row, 1) if v is not None), default=0) for _, row in rows
    )
    widths = list(itertools.islice(filter(None, last_cells), HEAD_ROWS))
    if not widths:
        return 1
    usual = sorted(widths)[(len(widths) - 1) // 2]
    return max(widths[0], min(usual, TITLED_WIDTH)) + 1


def _quietly(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield numbered rows without openpyxl's warnings; ValueError where a sheet has no more."""
    numbered = enumerate(rows, start=1)
    while True:
        # Not around the loop: what a generator changes, the code between its steps would meet.
        with warnings.catch_warnings(action="ignore"):
            block = list(itertools.islice(numbered, BLOCK_ROWS))
        if not block:
            return
        if block[-1][0] > SHEET_ROWS:
            raise ValueError("no sheet has so many rows")
        yield from block


def _refuse_bomb(file: BinaryIO, name: str) -> None:
    """Unpack a workbook piece by piece into nothing, to know how large it really is."""
    size = file.seek(0, 2)
    limit = min(UNPACKED_BYTES, max(UNPACKED_ANYWAY, UNPACKED_RATIO * size))
    with zipfile.ZipFile(file) as archive:
        total = 0
        for entry in archive.infolist():
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("no workbook is packed like this")
            honest = copy.copy(entry)
            honest.file_size = 2 * limit  # zipfile believes what the archive says, and stops there
            with archive.open(honest) as part:
                unpacked = 0
                while block := part.read(1 << 16):
                    unpacked += len(block)
                    if total + unpacked > limit:
                        raise DataValidationError(
                            _(
                                "%(name)s has %(size)s KiB and unpacks to more than %(limit)s MiB, "
                                "which no table of its size does. Save it as CSV.",
                                name=name,
                                size=size >> 10,
                                limit=limit >> 20,
                            )
                        )
            if unpacked != entry.file_size:
                raise zipfile.BadZipFile("a part is not as large as it says")
            total += unpacked


class RowGroups(NamedTuple):
    """A part of a Parquet file.

    Attributes
    ----------
    numbers : tuple of int, optional
        None for the whole file.
    first_line : int
        Of its rows, as the file's are counted: the header is 1.
    """

    numbers: tuple[int, ...] | None = None
    first_line: int = 2


WHOLE = RowGroups()


def parquet_rows(
    file: BinaryIO, name: str, part: RowGroups = WHOLE
) -> tuple[list[str], Rows, Callable[[int], Iterator[pa.RecordBatch]]]:
    """Return the column names of a Parquet file, its rows, counted from 2, and the same in batches.

    Raises
    ------
    ConfigurationError
        If pyarrow is not installed.
    DataValidationError
        If the file cannot be read.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigurationError(
            "Reading Parquet needs pyarrow, which is not installed: pip install pyarrow"
        ) from error
    damaged = (pyarrow.ArrowException, OSError, ValueError, TypeError)
    refusal = DataValidationError(f"{name} is not a Parquet file that can be read.")
    try:
        parquet = pyarrow.parquet.ParquetFile(file)
    except damaged as error:
        raise refusal from error

    def batches(n_rows: int) -> Iterator[pa.RecordBatch]:
        try:
            for batch in parquet.iter_batches(n_rows, part.numbers):
                batch.validate(full=True)
                yield batch
        except damaged as error:
            raise refusal from error

    def rows() -> Rows:
        number = itertools.count(part.first_line)
        try:
            for batch in parquet.iter_batches(PARQUET_ROWS, part.numbers):
                columns = [[to_text(v) for v in column.to_pylist()] for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    yield next(number), list(cells)
        except damaged as error:
            raise refusal from error

    return list(parquet.schema_arrow.names), rows(), batches
