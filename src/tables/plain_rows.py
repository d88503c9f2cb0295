"""Rows of a large CSV file that need no second look at their quotes, read column by column.

Arrow (the package pyarrow, of the extra ``data``) parses a block of lines at once and keeps each
different cell of a column a single time, so that what a cell means is asked once however often it
stands there. A block with quotes, blank lines or rows of another width is given back, and read row
by row as in any other file. Without pyarrow, all of them are.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from src.tables.layout import Chunk, TableReader, collector_paused
from src.tables.lines import LINE_LIMIT, split_lines
from src.tables.writer import restore

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import DTypeLike, NDArray

BLOCK_CHARACTERS = 1 << 21


def can_read_plain_rows() -> bool:
    """Whether the packages are there that this needs."""
    return all(map(importlib.util.find_spec, ("numpy", "pyarrow")))


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
class PlainBlock:
    """Rows that were read together.

    Attributes
    ----------
    first_line : int
        Of the file.
    text : bytes
        All lines, each with its line feed, cells between commas.
    ends : ndarray of shape (n_rows,)
        Where the line feeds stand.
    columns : tuple of Coded
        The cells of each column.
    """

    first_line: int
    text: bytes
    ends: NDArray[np.intp]
    columns: tuple[Coded, ...]

    def __len__(self) -> int:
        return len(self.columns[0])

    @cached_property
    def rows(self) -> pa.StringArray:
        """Each row as it stands in the file, without its line feed."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        offsets = np.concatenate([[0], self.ends + 1]).astype(np.int32)
        buffers = pa.py_buffer(offsets), pa.py_buffer(self.text)
        return pc.ascii_rtrim(pa.StringArray.from_buffers(len(self), *buffers), "\n")

    def chunk(self, rows: NDArray[np.intp]) -> Chunk:
        """Return some of the rows as text cells, as they are read one by one."""
        cells = [[*map(restore, column.take(rows))] for column in self.columns]
        lines = (self.first_line + rows).tolist()
        return Chunk(lines, [list(row) for row in zip(*cells, strict=True)])


def plain_blocks(reader: TableReader) -> Iterator[PlainBlock | Chunk]:
    """Yield the rows of a text table: plain ones as blocks, the others as chunks.

    Parameters
    ----------
    reader : TableReader
        Of a text table.
    """
    lines = reader.lines
    if lines is None:
        raise ValueError("only text tables are read in blocks")
    while text := lines.take(BLOCK_CHARACTERS):
        block = _plain_block(text, lines.number, reader.delimiter, len(reader.header))
        if block is None:
            last = lines.number
            lines.put_back(split_lines(text))
            yield _row_by_row(reader, last)
        else:
            yield block


def _row_by_row(reader: TableReader, last: int) -> Chunk:
    """Return the records up to a line; a blank one is not the end, for those are held back."""
    chunk, width = Chunk(), len(reader.header)
    with collector_paused():
        for line, cells, problem in reader.records:
            chunk.add(line, cells, width, problem)
            if line >= last and len(chunk.rows) - 1 not in chunk.malformed:
                break
    return chunk


def _plain_block(text: str, last_line: int, delimiter: str, width: int) -> PlainBlock | None:
    """Return the rows of some lines; None where one of them needs a second look."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

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
    columns = tuple(Coded(p.dictionary.to_pylist(), p.indices.to_numpy()) for p in parts)
    if blank_rows(columns).any():
        return None
    return PlainBlock(last_line - len(ends) + 1, data, ends, columns)


def blank_rows(columns: Sequence[Coded]) -> NDArray[np.bool_]:
    """Return which rows' values are all missing, or blank; of shape (n_rows,)."""
    import numpy as np

    blank = np.ones(len(columns[0]), dtype=bool)
    for column in columns:
        blank &= column.where(value is None or not str(value).strip() for value in column.values)
    return blank
