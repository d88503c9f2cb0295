"""Files in, files out: one reader for training, the command line and uploads, one CSV writer.

Every format becomes the same thing: a header and rows of text cells, each row with its line. What a
cell means is decided by the schema, never here, so ``NA`` can be a category in one column and a
missing value in another. Rows that cannot be read are kept in their place beside what is wrong.
"""

from __future__ import annotations

import codecs
import csv
import datetime
import decimal
import io
import math
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

from src.exception import ConfigurationError, DataValidationError, Problem
from src.logger import get_logger
from src.schema import format_number

logger = get_logger(__name__)

CHUNK_ROWS = 20_000
DELIMITERS = (",", ";", "\t", "|")
LINE_LIMIT = 1 << 20  # characters; a longer line is no table of people
RECORD_LINES = 200  # lines that one quoted cell may run over
SAMPLE_BYTES = 1 << 18
UNPACKED_LIMIT = 512 << 20  # bytes that an Excel workbook may unpack to
ROW_TOO_LONG = "The line is longer than a million characters."

_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"PAR1": "a Parquet file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"SQLite format 3": "an SQLite database",
}
_SPREADSHEET_NUMBER = re.compile(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?%?", re.ASCII)


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
            problem = Problem(
                f"The row has {len(cells)} cells, the header has {width}. Compare it with a row "
                "that is right: a delimiter is missing or stands too often.",
                row=line,
            )
        if problem is None and not any(cell and not cell.isspace() for cell in cells):
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
    header : list of str
        As it stands in the file, surrounding blanks removed.
    decimal_comma : bool
        Whether ``72,5`` may be a number: where cells are not separated by commas.
    """

    name: str
    header: list[str]
    decimal_comma: bool
    _records: Iterator[tuple[int, list[str], Problem | None]]

    def chunks(self, size: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Yield the rows, at most ``size`` at a time."""
        chunk = Chunk()
        width = len(self.header)
        for line, cells, problem in self._records:
            chunk.add(line, cells, width, problem)
            if len(chunk.rows) == size:
                yield chunk
                chunk = Chunk()
        if chunk.rows:
            yield chunk


@contextmanager
def open_table(source: Path | BinaryIO, name: str = "") -> Iterator[TableReader]:
    """Open a CSV, Excel or Parquet file for reading in chunks.

    Parameters
    ----------
    source : Path or seekable binary file
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
            file: BinaryIO = source.open("rb")
        except OSError as error:
            raise ConfigurationError(f"{source} cannot be read: {error.strerror}.") from error
    else:
        file = source
    with ExitStack() as closing:
        closing.enter_context(file)
        ending = Path(name).suffix.lower()
        found = _signature(file)
        if ending in (".xlsx", ".xlsm"):
            _expect(found, b"PK\x03\x04", name, "an Excel workbook")
            reader = _open_excel(file, name)
        elif ending in (".parquet", ".pq"):
            _expect(found, b"PAR1", name, "a Parquet file")
            reader = _open_parquet(file, name)
        elif found:
            raise DataValidationError(
                f"{name} is not a text table but {_SIGNATURES[found]}. "
                "Save it as CSV (.csv) or Excel (.xlsx), with the ending that fits."
            )
        else:
            reader = _open_csv(file, name, closing)
        yield reader


def read_table(source: Path | BinaryIO, name: str = "") -> Table:
    """Read a whole file; see :func:`open_table`."""
    with open_table(source, name) as reader:
        table = Table(header=reader.header, decimal_comma=reader.decimal_comma)
        width = len(reader.header)
        for line, cells, problem in reader._records:
            table.add(line, cells, width, problem)
    return table


def table_from_records(header: Sequence[str], records: Iterable[Sequence[object]]) -> Table:
    """Return a table of typed values, such as a database gives, as text cells."""
    table = Table(header=[str(name) for name in header])
    for line, record in enumerate(records, start=2):
        table.add(line, [to_text(value) for value in record], len(table.header))
    return table


def to_text(value: object) -> str:
    """Return the text of a typed cell; empty where it is missing.

    Examples
    --------
    >>> to_text(72.0), to_text(None), to_text(float("nan")), to_text(0.1)
    ('72', '', '', '0.1')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float | decimal.Decimal):
        number = float(value)
        return "" if math.isnan(number) else format_number(number) if math.isfinite(number) else (
            str(number))
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def neutralise(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers stay as they are.

    Examples
    --------
    >>> neutralise("=1+1"), neutralise("-3.5"), neutralise("@x")
    ("'=1+1", '-3.5', "'@x")

    References
    ----------
    OWASP, "CSV Injection".
    """
    if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not _SPREADSHEET_NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def write_rows(file: IO[str], rows: Iterable[Iterable[str]]) -> None:
    """Write rows of text cells as CSV (RFC 4180, line feeds), each cell neutralised."""
    csv.writer(file, lineterminator="\n").writerows([neutralise(cell) for cell in row]
                                                   for row in rows)


def _signature(file: BinaryIO) -> bytes:
    file.seek(0)
    head = file.read(16)
    file.seek(0)
    return next((signature for signature in _SIGNATURES if head.startswith(signature)), b"")


def _expect(found: bytes, wanted: bytes, name: str, kind: str) -> None:
    if found != wanted:
        raise DataValidationError(
            f"{name} is not {kind}, whatever its ending says"
            + (f": it is {_SIGNATURES[found]}." if found else ".")
            + " Save it again from the program that made it."
        )


# --- text ---------------------------------------------------------------------------------------


def _open_csv(file: BinaryIO, name: str, closing: ExitStack) -> TableReader:
    encoding = _encoding(file, name)
    file.seek(0)
    text = closing.enter_context(io.TextIOWrapper(file, encoding=encoding, newline=""))
    lines = _Lines(text)
    delimiter = _delimiter(lines.peek(20))
    records = _csv_records(lines, delimiter)
    for line, cells, problem in records:
        if problem is not None:
            raise DataValidationError(f"{name} has no header that can be read.", [problem])
        header = _header(cells, name)
        break
    else:
        raise DataValidationError(f"{name} is empty.")
    return TableReader(
        name, header, delimiter != ",", _csv_records(lines, delimiter, width=len(header))
    )


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

    def peek(self, count: int) -> list[str]:
        """Return the next lines without reading them."""
        lines: list[str] = []
        while len(lines) < count and (line := self.next()) is not None:
            lines.append(line)
        self.put_back(lines)
        return lines


def _csv_records(
    lines: _Lines, delimiter: str, width: int | None = None
) -> Iterator[tuple[int, list[str], Problem | None]]:
    """Yield line, cells and what is wrong with them.

    A quoted cell may hold line ends. A quote that is never closed would swallow the rest of the
    file: its own line is refused then, and reading goes on with the next.
    """
    while (text := lines.next()) is not None:
        number = lines.number
        if not text.strip("\r\n"):
            continue
        if len(text) == LINE_LIMIT:
            yield number, [], Problem(ROW_TOO_LONG, row=number)
            continue
        if "\0" in text:
            message = "The line holds a NUL character: the file is damaged there."
            yield number, text.rstrip("\r\n").split(delimiter), Problem(message, row=number)
            continue
        if '"' not in text:
            yield number, text.rstrip("\r\n").split(delimiter), None
            continue
        cells, further = _quoted(text, lines, delimiter)
        if cells is not None and not (further and width not in (None, len(cells))):
            yield number, cells, None
            continue
        lines.put_back(further)
        message = (
            "A quote in the line is not closed, or text follows it. Close it, or write a quote "
            'inside a cell twice ("").'
        )
        yield number, text.rstrip("\r\n").split(delimiter), Problem(message, row=number)


def _quoted(text: str, lines: _Lines, delimiter: str) -> tuple[list[str] | None, list[str]]:
    """Return the cells of a record that holds quotes, and the further lines that it took."""
    further: list[str] = []
    while True:
        if text.count('"') % 2 == 0:
            try:
                return next(csv.reader([text], delimiter=delimiter, strict=True)), further
            except csv.Error:
                return None, further
        line = lines.next() if len(further) < RECORD_LINES else None
        if line is None or len(text) + len(line) > LINE_LIMIT:
            if line is not None:
                further.append(line)
            return None, further
        further.append(line)
        text += line


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter by which most lines have as many cells as the first."""

    def score(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells]
        except csv.Error:
            widths = [len(line.split(delimiter)) for line in lines]
        if not widths or widths[0] == 1:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(DELIMITERS, key=score)


def _encoding(file: BinaryIO, name: str) -> str:
    """Return the encoding of a text file: its mark, else UTF-8 where it fits, else the likeliest.

    Raises
    ------
    DataValidationError
        If the file is empty or holds no text.
    """
    file.seek(0)
    sample = file.read(SAMPLE_BYTES)
    if not sample.strip():
        raise DataValidationError(f"{name} is empty.")
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
    ):  # fmt: skip
        if sample.startswith(mark):
            return _decodable(file, encoding, name)
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) // 5:
        return _decodable(file, "utf-16-le" if odd > even else "utf-16-be", name)
    if _decodes(file, "utf-8"):
        if _looks_binary(sample.decode("utf-8", errors="replace")):
            raise DataValidationError(f"{name} is not a text table.")
        return "utf-8"
    if b"\0" in sample:
        raise DataValidationError(f"{name} is not a text table.")
    encoding = _guess_encoding(sample)
    logger.warning("%s is not UTF-8: read as %s. Save it as UTF-8 to be sure.", name, encoding)
    return _decodable(file, encoding, name)


def _looks_binary(text: str) -> bool:
    control = sum(unicodedata.category(c) == "Cc" and c not in "\t\r\n\f\v\0" for c in text[:4096])
    return control > max(2, len(text[:4096]) // 50)


def _decodes(file: BinaryIO, encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while block := file.read(1 << 20):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _decodable(file: BinaryIO, encoding: str, name: str) -> str:
    if not _decodes(file, encoding):
        raise DataValidationError(
            f"{name} looks like {encoding} and cannot be read as such. Save it as UTF-8."
        )
    return encoding


def _guess_encoding(sample: bytes) -> str:
    """Return the likeliest 8-bit encoding of a text that is not UTF-8.

    Guessers take Western texts for Eastern European ones, where both read as letters: Windows-1252,
    much the commonest, is preferred there.
    """
    from charset_normalizer import from_bytes

    western = [c for c in sample.decode("cp1252", errors="replace") if ord(c) > 127]
    best = from_bytes(sample[: 1 << 16]).best()
    if best is None:
        return "cp1252"
    guessed = [c for c in str(best) if ord(c) > 127 and c.isalpha()]
    is_latin = all(unicodedata.name(c, "").startswith("LATIN") for c in guessed)
    reads_western = all(c.isalpha() or c in "€‘’“”–—…°ºª«»¿¡§·" for c in western)  # noqa: RUF001
    return "cp1252" if is_latin and reads_western else best.encoding


# --- Excel and Parquet --------------------------------------------------------------------------


def _open_excel(file: BinaryIO, name: str) -> TableReader:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_LIMIT:
                raise DataValidationError(
                    f"{name} unpacks to more than {UNPACKED_LIMIT >> 20} MiB. Save it as CSV."
                )
        file.seek(0)
        book = load_workbook(file, read_only=True, data_only=True)
        sheet = book.worksheets[0]
    except (zipfile.BadZipFile, InvalidFileException, KeyError, IndexError, ValueError) as error:
        raise DataValidationError(f"{name} is not an Excel workbook that can be read.") from error
    if len(book.worksheets) > 1:
        logger.warning("%s has %d sheets: the first is read.", name, len(book.worksheets))
    rows = (
        (number, [to_text(value) for value in row])
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1)
    )
    for _, cells in rows:
        if any(cells):
            while not cells[-1]:
                cells.pop()
            header = _header(cells, name)
            break
    else:
        raise DataValidationError(f"{name} is empty: its first sheet holds nothing.")
    return TableReader(name, header, False, _sheet_records(rows, len(header)))


def _sheet_records(
    rows: Iterable[tuple[int, list[str]]], width: int
) -> Iterator[tuple[int, list[str], Problem | None]]:
    for number, cells in rows:
        if not any(cells):
            continue  # sheets often end in rows that were formatted and never filled
        while len(cells) > width and not cells[-1]:
            cells.pop()
        yield number, cells + [""] * (width - len(cells)), None


def _open_parquet(file: BinaryIO, name: str) -> TableReader:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigurationError(
            "Reading Parquet needs pyarrow, which is not installed: pip install 'pyarrow'."
        ) from error
    try:
        parquet = pyarrow.parquet.ParquetFile(file)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise DataValidationError(f"{name} is not a Parquet file that can be read.") from error

    def records() -> Iterator[tuple[int, list[str], Problem | None]]:
        number = 1
        for batch in parquet.iter_batches(CHUNK_ROWS):
            columns = [[to_text(value) for value in column.to_pylist()] for column in batch.columns]
            for cells in zip(*columns, strict=True):
                number += 1
                yield number, list(cells), None

    return TableReader(name, _header(parquet.schema_arrow.names, name), False, records())


def _header(cells: Sequence[Any], name: str) -> list[str]:
    header = [str(cell).strip() for cell in cells]
    if not any(header):
        raise DataValidationError(f"{name} has no header: its first row is empty.")
    return header
