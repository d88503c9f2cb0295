"""The files of a large table, and their rows in blocks: columns in one order, whatever a file's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from src.exception import ConfigurationError, DataValidationError
from src.logger import get_logger
from src.schema.inference import refuse_same_names
from src.tables.cells import match_key
from src.tables.layout import Chunk, TableReader
from src.tables.many_files import (
    CSV,
    PARQUET,
    file_system,
    folder_and_pattern,
    found_files,
    is_many_files,
)
from src.tables.plain_rows import PlainBlock, plain_blocks
from src.tables.reader import open_table

logger = get_logger(__name__)

HEAD_BYTES = 1 << 20


@dataclass(frozen=True)
class DataFile:
    """A file of the table.

    Attributes
    ----------
    path, name : str
        In its file system, and in messages.
    n_rows : int
        Of a Parquet file; else 0.
    order : tuple of int
        Where each column of the table stands in it.
    """

    path: str
    name: str
    n_bytes: int
    n_rows: int = 0
    order: tuple[int, ...] = ()


@dataclass(frozen=True)
class Block:
    """Some rows of a file, one after another.

    Attributes
    ----------
    file : int
        Its number.
    rows : PlainBlock or Chunk
        Read together, or row by row.
    """

    file: int
    rows: PlainBlock | Chunk

    def __len__(self) -> int:
        return len(self.rows) if isinstance(self.rows, PlainBlock) else len(self.rows.rows)


@dataclass(frozen=True)
class LargeTable:
    """Files that hold one table.

    Attributes
    ----------
    folder : str
        What says on which file system they are.
    header : tuple of str
        As in the first file.
    decimal_comma, typed : bool
        See :class:`TableReader`.
    """

    folder: str
    files: tuple[DataFile, ...]
    header: tuple[str, ...]
    decimal_comma: bool
    typed: bool

    @classmethod
    def open(cls, source: str) -> LargeTable:
        """Look at the headers of a file, of a folder's files or of a pattern's.

        Raises
        ------
        ConfigurationError
            If there is no such file, or pyarrow is not installed.
        DataValidationError
            If a file cannot be read, or lacks a column that another has; with its name.
        """
        files, folder = files_of(source), folder_and_pattern(source)[0]
        if len({file.path.lower().endswith(PARQUET) for file in files}) > 1:
            raise ConfigurationError(
                f"{source} holds CSV and Parquet files. Name those of one kind: a pattern such as "
                "'folder/*.parquet'."
            )
        table = cls(folder, (), (), decimal_comma=False, typed=False)
        for file in files:
            table = table._with(file)
        if not table.files:
            raise DataValidationError(f"{source} holds no rows: its files are empty.")
        return table

    @property
    def n_bytes(self) -> int:
        """Of all files."""
        return sum(file.n_bytes for file in self.files)

    @property
    def n_rows(self) -> int:
        """Of all Parquet files; 0 where nobody has counted them."""
        return sum(file.n_rows for file in self.files)

    def rows_and_cells(self) -> tuple[int, int]:
        """Return roughly how many rows and cells there are, by the first lines of each CSV file."""
        n_rows = self.n_rows
        for file in self.files if not n_rows else ():
            with file_system(self.folder).open_input_stream(file.path) as stream:
                head = bytes(stream.read(HEAD_BYTES))
            n_rows += int(file.n_bytes / len(head) * head.count(b"\n"))
        return n_rows, n_rows * len(self.header)

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of all files.

        Raises
        ------
        DataValidationError
            If a file cannot be read on; with its name.
        """
        for number, file in enumerate(self.files):
            with self._reader(file) as reader:
                blocks = plain_blocks(reader)
                for rows in reader.chunks() if blocks is None else blocks:
                    yield Block(number, _in_order(rows, file.order))

    def _reader(self, file: DataFile) -> AbstractContextManager[TableReader]:
        return open_table(file_system(self.folder).open_input_file(file.path), file.name)

    def _n_rows(self, file: DataFile) -> int:
        from pyarrow import parquet

        with file_system(self.folder).open_input_file(file.path) as opened:
            return int(parquet.read_metadata(opened).num_rows)

    def _with(self, file: DataFile) -> LargeTable:
        """Return the table with one more file."""
        if not file.n_bytes:
            logger.warning("%s is empty: it is left out.", file.name)
            return self
        with self._reader(file) as reader:
            refuse_same_names(reader.header)
            header = self.header or tuple(reader.header)
            n_rows = 0
            if file.path.lower().endswith(PARQUET):
                n_rows = self._n_rows(file)
            order = _order(header, reader, self.files[0].name if self.files else "")
            return replace(
                self,
                files=(*self.files, replace(file, n_rows=n_rows, order=order)),
                header=header,
                decimal_comma=self.decimal_comma or reader.decimal_comma,
                typed=reader.typed,
            )


def files_of(source: str) -> list[DataFile]:
    """Return a file, or the files of a folder or a pattern, by name.

    Raises
    ------
    ConfigurationError
        If there is none, or pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "Tables that do not fit in memory, folders and S3 need pyarrow, which is not "
            "installed: pip install pyarrow"
        ) from error
    if not is_many_files(source):
        path = Path(source)
        if path.suffix.lower() not in (*PARQUET, *CSV):
            raise ConfigurationError(
                f"{path.name} can only be read into memory: only CSV and Parquet files are read in "
                "parts. Save it as one of these."
            )
        if not path.is_file():
            raise ConfigurationError(f"{source} cannot be read: there is no such file.")
        return [DataFile(str(path.resolve()), path.name, path.stat().st_size)]
    return [DataFile(one.path, one.base_name, one.size) for one in found_files(source)]


def _order(header: Sequence[str], reader: TableReader, first: str) -> tuple[int, ...]:
    """Return where a file has the table's columns."""
    there = {match_key(name): i for i, name in enumerate(reader.header)}
    wanted = [match_key(name) for name in header]
    lacking = [name for name in header if match_key(name) not in there]
    beside = [name for name in reader.header if match_key(name) not in wanted]
    if lacking or beside:
        said = [f"lacks {', '.join(map(repr, lacking))}"] if lacking else []
        said += [f"has {', '.join(map(repr, beside))} beside"] if beside else []
        raise DataValidationError(
            f"{reader.name} {' and '.join(said)}, compared with {first}. All files of a table "
            "need the same columns, in any order. Mend the file, or name the others by a pattern."
        )
    return tuple(there[key] for key in wanted)


def _in_order(rows: PlainBlock | Chunk, order: tuple[int, ...]) -> PlainBlock | Chunk:
    if order == tuple(range(len(order))):
        return rows
    if isinstance(rows, Chunk):
        return replace(rows, rows=[[row[i] for i in order] for row in rows.rows])
    return replace(rows, columns=tuple(rows.columns[i] for i in order))
