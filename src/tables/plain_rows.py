"""Rows of a large CSV or Parquet file, read together, column by column.

Arrow (the package pyarrow, of the extra ``data``) parses a block of lines at once and keeps each
different cell of a column a single time, so that what a cell means is asked once however often it
stands there. Lines with quotes, blank lines or rows of another width are given back, and read row
by row as in any other file. Without pyarrow, all of them are.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from src.exception import DataValidationError
from src.tables.cells import to_text
from src.tables.layout import Chunk, TableReader, collector_paused
from src.tables.lines import LINE_LIMIT, Lines, split_lines
from src.tables.writer import restore

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import DTypeLike, NDArray

BLOCK_CHARACTERS = 1 << 21
BATCH_ROWS = 1 << 16


class Coded(Sequence[Any]):
    """A column that keeps each different value once.

    Parameters
    ----------
    values : list
        The different values.
    codes : ndarray of int of shape (n_rows,)
        Which of them each row has.
    """

    def __init__(self, values: list[Any], codes: NDArray[np.intp]) -> None:
        self.values = values
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Coded: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Coded(self.values, self.codes[index])
        return self.values[self.codes[index]]

    def __iter__(self) -> Iterator[Any]:
        return map(self.values.__getitem__, self.codes.tolist())

    def __array__(
        self, dtype: DTypeLike | None = None, *, copy: bool | None = None
    ) -> NDArray[Any]:
        import numpy as np

        return np.asarray(self.values, dtype=dtype)[self.codes]

    def where(self, of_values: Iterable[bool]) -> NDArray[np.bool_]:
        """Return of each row what holds of its value."""
        import numpy as np

        found = np.fromiter(of_values, dtype=bool, count=len(self.values))
        return found[self.codes] if found.any() else np.zeros(len(self.codes), dtype=bool)

    def take(self, rows: NDArray[np.intp]) -> Coded:
        """Return some of the rows."""
        return Coded(self.values, self.codes[rows])


@dataclass(frozen=True)
class PlainBlock(ABC):
    """Rows that were read together.

    Attributes
    ----------
    first_line : int
        Of the file.
    columns : tuple of Coded
        The cells of each column, as text.
    blank : ndarray of bool of shape (n_rows,)
        Rows that hold nothing.
    """

    first_line: int
    columns: tuple[Coded, ...]
    blank: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.blank)

    @property
    @abstractmethod
    def rows(self) -> pa.StringArray:
        """Each row as a line of CSV; cells that need quotes do not have them."""

    @property
    @abstractmethod
    def arrays(self) -> list[pa.Array]:
        """The columns in the types that the file has."""

    def chunk(self, rows: NDArray[np.intp]) -> Chunk:
        """Return some of the rows as text cells, as they are read one by one."""
        lines = (self.first_line + rows).tolist()
        cells = zip(
            *(map(self._as_read, column.take(rows)) for column in self.columns), strict=True
        )
        chunk = Chunk()
        for line, row in zip(lines, cells, strict=True):
            chunk.add(line, list(row), len(self.columns))
        return chunk

    def _as_read(self, cell: str) -> str:
        return cell


@dataclass(frozen=True)
class TextBlock(PlainBlock):
    """Lines of a text table.

    Attributes
    ----------
    text : bytes
        All lines, each with its line feed, cells between commas.
    ends : ndarray of shape (n_rows,)
        Where the line feeds stand.
    """

    text: bytes
    ends: NDArray[np.intp]

    def _as_read(self, cell: str) -> str:
        return restore(cell)

    @property
    def rows(self) -> pa.StringArray:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        offsets = np.concatenate([[0], self.ends + 1]).astype(np.int32)
        buffers = pa.py_buffer(offsets), pa.py_buffer(self.text)
        return pc.ascii_rtrim(pa.StringArray.from_buffers(len(self), *buffers), "\n")

    @property
    def arrays(self) -> list[pa.Array]:
        return [*map(_texts, self.columns)]


@dataclass(frozen=True)
class TypedBlock(PlainBlock):
    """Rows of a Parquet file."""

    batch: pa.RecordBatch

    def part(self, start: int, stop: int) -> TypedBlock:
        """Return some of the rows, up to but not including ``stop``."""
        rows = slice(start, stop)
        columns = tuple(column[rows] for column in self.columns)
        batch = self.batch.slice(start, stop - start)
        return TypedBlock(self.first_line + start, columns, self.blank[rows], batch)

    @property
    def rows(self) -> pa.StringArray:
        import pyarrow.compute as pc

        from src.tables.arrow_arrays import text

        return pc.binary_join_element_wise(*map(_texts, self.columns), text(","))

    @property
    def arrays(self) -> list[pa.Array]:
        return list(self.batch.columns)


def _texts(column: Coded) -> pa.StringArray:
    from src.tables.arrow_arrays import places, texts

    return texts(column.values).take(places(column.codes))


def plain_blocks(reader: TableReader) -> Iterator[PlainBlock | Chunk] | None:
    """Yield the rows of a table: plain ones as blocks, the others as chunks.

    Parameters
    ----------
    reader : TableReader
        Not read from yet.

    Returns
    -------
    iterator or None
        None where the file, or what is installed, does not allow it.
    """
    if not all(map(importlib.util.find_spec, ("numpy", "pyarrow"))):
        return None
    if reader.lines is not None:
        return _text_blocks(reader, reader.lines)
    if reader.batches is not None:
        return _typed_blocks(reader.batches(BATCH_ROWS), reader)
    return None


def _text_blocks(reader: TableReader, lines: Lines) -> Iterator[PlainBlock | Chunk]:
    while text := lines.take(BLOCK_CHARACTERS):
        block = _text_block(text, lines.number, reader.delimiter, len(reader.header))
        if block is None:
            last = lines.number
            lines.put_back(split_lines(text))
            yield _row_by_row(reader, last)
        else:
            yield block


def _typed_blocks(batches: Iterator[pa.RecordBatch], reader: TableReader) -> Iterator[PlainBlock]:
    """Yield the rows of a Parquet file; blank ones only where another follows."""
    import numpy as np

    line, held = reader.first_line, list[PlainBlock]()
    for batch in batches:
        if not batch.num_rows:
            continue
        try:
            columns = tuple(map(_coded, batch.columns))
        except (ValueError, TypeError, OverflowError) as error:  # of a damaged file, or its types
            refusal = f"{reader.name} is not a Parquet file that can be read."
            raise DataValidationError(refusal) from error
        block = TypedBlock(line, columns, blank_rows(columns), batch)
        line += len(block)
        full = np.flatnonzero(~block.blank)
        if len(full):
            yield from held
            n_full = int(full[-1]) + 1
            yield block.part(0, n_full)
            held = [block.part(n_full, len(block))] if n_full < len(block) else []
        else:
            held.append(block)


def _coded(column: pa.Array) -> Coded:
    """Return a typed column as text cells."""
    import pyarrow as pa

    from src.tables.arrow_arrays import codes_of

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode(null_encoding="encode")
    values = [*map(to_text, column.dictionary.to_pylist()), ""]
    return Coded(values, codes_of(column, len(values) - 1))


def _row_by_row(reader: TableReader, last: int) -> Chunk:
    """Return the records up to a line; a blank one is not the end, for those are held back."""
    chunk, width = Chunk(), len(reader.header)
    with collector_paused():
        for line, cells, problem in reader.records:
            chunk.add(line, cells, width, problem)
            if line >= last and len(chunk.rows) - 1 not in chunk.malformed:
                break
    return chunk


def _text_block(text: str, last_line: int, delimiter: str, width: int) -> TextBlock | None:
    """Return the rows of some lines; None where one of them needs a second look."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    from src.tables.arrow_arrays import codes_of

    text = text.replace("\r\n", "\n")
    if any(mark in text for mark in ('"', "\0", "\r")) or (delimiter != "," and "," in text):
        return None
    data = (text if text.endswith("\n") else text + "\n").replace(delimiter, ",").encode()
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    lengths = np.diff(ends, prepend=-1)
    if lengths.min() == 1 or lengths.max() > LINE_LIMIT:
        return None
    names = [*map(str, range(width))]
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
            csv.ParseOptions(quote_char=False, double_quote=False, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string())),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:  # a row of another width
        return None
    parts = [column.combine_chunks() for column in table.columns]
    columns = tuple(Coded(p.dictionary.to_pylist(), codes_of(p, -1)) for p in parts)
    blank = blank_rows(columns)
    if blank.any():
        return None
    return TextBlock(last_line - len(ends) + 1, columns, blank, data, ends)


def blank_rows(columns: Sequence[Coded]) -> NDArray[np.bool_]:
    """Return which rows' values are all missing, or blank; of shape (n_rows,)."""
    import numpy as np

    blank = np.ones(len(columns[0]), dtype=bool)
    for column in columns:
        blank &= column.where(value is None or not str(value).strip() for value in column.values)
    return blank
