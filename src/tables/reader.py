"""Files in, files out: one reader for training, the command line and uploads, one CSV writer.

Every format becomes the same thing: a header and rows of text cells, each row with its line. What a
cell means is decided by the schema, never here, so ``NA`` can be a category in one column and a
missing value in another. Rows that cannot be read are kept in their place beside what is wrong.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from src.exception import ConfigurationError, DataValidationError
from src.language import gettext as _
from src.language import mark
from src.tables.cells import to_text
from src.tables.csv_reader import open_csv
from src.tables.layout import Table, TableReader, collector_paused, sheet_reader
from src.tables.spreadsheets import (
    FIRST_TABLE,
    WHOLE,
    RowGroups,
    SheetChoice,
    excel_rows,
    parquet_rows,
)

_ZIP, _PARQUET = b"PK\x03\x04", b"PAR1"
_SIGNATURES = {
    _ZIP: mark("an Excel workbook or another zip archive"),
    b"\xd0\xcf\x11\xe0": mark("an old Excel workbook (.xls) or one with a password"),
    _PARQUET: mark("a Parquet file"),
    b"\x89PNG": mark("a picture"),
    b"\xff\xd8\xff": mark("a picture"),
    b"GIF8": mark("a picture"),
    b"%PDF": mark("a PDF document"),
    b"{\\rtf": mark("a text document (RTF)"),
    b"\x1f\x8b": mark("a gzip archive"),
    b"SQLite format 3": mark("an SQLite database"),
    b"<": mark("a web page or XML document"),
    b"{": mark("a JSON document"),
    b"[{": mark("a JSON document"),
}
SHARED_CELLS = 1 << 16  # different cells that are kept once, however often they stand in a table


@contextmanager
def open_table(
    source: Path | BinaryIO,
    name: str = "",
    choice: SheetChoice = FIRST_TABLE,
    part: RowGroups = WHOLE,
) -> Iterator[TableReader]:
    """Open a CSV, Excel or Parquet file for reading in chunks.

    Parameters
    ----------
    source : Path or binary file
        Closed with the block.
    name : str
        What the file is called in messages; its ending says what it claims to be.
    choice : SheetChoice
        Of a workbook.
    part : RowGroups
        Of a Parquet file.

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
        reader = _reader(file if file.seekable() else io.BytesIO(file.read()), name, choice, part)
        yield reader


def read_table(source: Path | BinaryIO, name: str = "", choice: SheetChoice = FIRST_TABLE) -> Table:
    """Read a whole file; see :func:`open_table`."""
    with open_table(source, name, choice) as reader:
        table = Table(
            header=reader.header,
            decimal_comma=reader.decimal_comma,
            delimiter=reader.delimiter,
            typed=reader.typed,
            notes=reader.notes,
        )
        shared: dict[str, str] = {}
        with collector_paused():
            for line, cells, problem in reader.records:
                share = shared.setdefault if len(shared) < SHARED_CELLS else shared.get
                cells = [share(cell, cell) for cell in cells]
                table.add(line, cells, len(reader.header), problem)
    return table


def table_from_records(header: Sequence[str], records: Iterable[Sequence[object]]) -> Table:
    """Return a table of typed values, such as a database gives, as text cells."""
    table = Table(header=[str(name).strip() for name in header], typed=True)
    for line, record in enumerate(records, start=2):
        table.add(line, [to_text(value) for value in record], len(table.header))
    return table


# --- what all formats share ---------------------------------------------------------------------


def _reader(file: BinaryIO, name: str, choice: SheetChoice, part: RowGroups) -> TableReader:
    ending = Path(name).suffix.lower()
    head = file.read(64)
    file.seek(0)
    found = next((s for s in _SIGNATURES if head.removeprefix(b"\xef\xbb\xbf").startswith(s)), b"")
    if ending in (".xlsx", ".xlsm"):
        _expect(_ZIP, found, name, _("an Excel workbook"))
        rows, notes = excel_rows(file, name, choice)
        return sheet_reader(((*row, None) for row in rows), name, notes)
    if choice.name is not None or choice.every:
        raise ConfigurationError(
            _("%(name)s is no workbook: it has no sheets to choose from.", name=name)
        )
    if ending in (".parquet", ".pq"):
        _expect(_PARQUET, found, name, _("a Parquet file"))
        columns, records, batches = parquet_rows(file, name, part)
        reader = sheet_reader(
            itertools.chain([(1, columns, None)], ((*row, None) for row in records)), name
        )
        typed = batches if len(columns) == len(reader.header) else None
        return replace(reader, batches=typed, first_line=part.first_line)
    if found:
        raise DataValidationError(
            _(
                "%(name)s is not a text table but %(kind)s. Save it as CSV (.csv) or Excel "
                "(.xlsx), with the ending that fits.",
                name=name,
                kind=_(_SIGNATURES[found]),
            )
        )
    return open_csv(file, name)


def _expect(wanted: bytes, found: bytes, name: str, kind: str) -> None:
    if found != wanted:
        if found:
            message = _(
                "%(name)s is not %(kind)s, whatever its ending says: it is %(found)s. Save it "
                "again from the program that made it.",
                name=name,
                kind=kind,
                found=_(_SIGNATURES[found]),
            )
        else:
            message = _(
                "%(name)s is not %(kind)s, whatever its ending says. Save it again from the "
                "program that made it.",
                name=name,
                kind=kind,
            )
        raise DataValidationError(message)


# --- text ---------------------------------------------------------------------------------------
