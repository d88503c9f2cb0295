"""Rows of text cells out of Excel and Parquet files."""

from __future__ import annotations

import copy
import itertools
import warnings
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from src.exception import ConfigurationError, DataValidationError
from src.logger import get_logger
from src.tables.cells import to_text

logger = get_logger(__name__)

Rows = Iterator[tuple[int, list[str]]]  # row of the sheet and its cells

BLOCK_ROWS = 100
SHEET_ROWS = 1_048_576  # as many as Excel has
SHEET_CELLS = 50_000_000  # empty ones included, which need no room in the file
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


def excel_rows(file: BinaryIO, name: str) -> Rows:
    """Yield the rows of a workbook's first visible sheet; a blank one has no cells.

    Cells that stand apart to the right of the table, such as notes, are left out.

    Parameters
    ----------
    file : seekable binary file
    name : str
        What the file is called in messages.

    Raises
    ------
    DataValidationError
        If it is no workbook that can be read, or unpacks to more than a table of its size would.
    """
    import openpyxl

    try:
        _refuse_bomb(file, name)
        with warnings.catch_warnings(action="ignore"):  # of styles and links, which do not matter
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheets = book.worksheets
        sheet = next((s for s in sheets if s.sheet_state == "visible"), sheets[0])
        if len(sheets) > 1:
            logger.warning("%s has %d sheets: %r is read.", name, len(sheets), sheet.title)
        sheet.reset_dimensions()  # what the file says of its size may be wrong
        width = _width(_quietly(sheet.iter_rows(values_only=True)))
        for number, row in _quietly(sheet.iter_rows(values_only=True, max_col=width)):
            if number * width > SHEET_CELLS:
                raise DataValidationError(
                    f"{name} has more than {SHEET_CELLS:,} cells, empty ones included. Save it as "
                    "CSV, or take out what stands far from the table."
                )
            blank = all(value is None for value in row)
            yield number, [] if blank else [to_text(value) for value in row]
    except _DAMAGED as error:
        raise DataValidationError(f"{name} is not an Excel workbook that can be read.") from error


def _width(rows: Iterator[tuple[int, tuple[Any, ...]]]) -> int:
    """Return how many cells of a row to read: one more than the table has, to see one too many.

    The table is as wide as its first row, the header, or as most rows where that is a title. A cell
    that someone formatted or filled far to the right would make all rows as wide.
    """
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
                            f"{name} has {size >> 10} KiB and unpacks to more than "
                            f"{limit >> 20} MiB, which no table of its size does. Save it as CSV."
                        )
            if unpacked != entry.file_size:
                raise zipfile.BadZipFile("a part is not as large as it says")
            total += unpacked


def parquet_rows(file: BinaryIO, name: str) -> tuple[list[str], Rows]:
    """Return the column names of a Parquet file, and its rows, counted from 2.

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

    def rows() -> Rows:
        number = itertools.count(2)
        try:
            for batch in parquet.iter_batches():
                columns = [[to_text(v) for v in column.to_pylist()] for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    yield next(number), list(cells)
        except damaged as error:
            raise refusal from error

    return list(parquet.schema_arrow.names), rows()
