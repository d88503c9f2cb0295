"""Score the rows of a large CSV or Parquet file together: as row by row, in less time.

Rows of a block that need no second look are checked by their different cells, predicted as arrays
and written by Arrow; the others are taken out, scored row by row, and put back in their places.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from src.components.data_validation import DataValidation, ValidatedTable
from src.exception import DataValidationError
from src.schema.features import ClassTarget
from src.serving.mending import NOTHING_CHANGED
from src.serving.scorers import Scorer
from src.serving.scoring import CHUNK_ROWS, ScoredFiles, locate, score_chunks
from src.serving.summary import BELOW, PREDICTION, SET, Scores
from src.tables.layout import Chunk, TableReader
from src.tables.plain_rows import PlainBlock, plain_blocks
from src.tables.writer import csv_cell

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as parquet
    from numpy.typing import NDArray

MOST_ODD = 0.2  # of a block's rows, for it to be worth its while
LEAST, MOST = 1e-4, 1e10  # between which Arrow writes a number as Python does, but for ".0"


def score_file(
    reader: TableReader, scorer: Scorer, output: IO[str], to_fix: IO[str]
) -> Iterator[ValidatedTable]:
    """Score every row of a table into CSV, in its place, and yield what was checked, part by part.

    Parameters and errors are those of :func:`src.serving.scoring.score_chunks`.
    """
    blocks = plain_blocks(reader)
    if blocks is None:
        for _, checked, _ in score_chunks(reader, scorer, output, to_fix):
            yield checked
        return
    yield from _score(blocks, reader, CsvOutput(reader, scorer, to_fix, output))


def score_to_parquet(
    reader: TableReader, scorer: Scorer, output: IO[bytes], to_fix: IO[str]
) -> Iterator[ValidatedTable]:
    """Score every row of a table into Parquet; see :func:`score_file`.

    The columns of the table keep the types that they have in a Parquet file, those of other files
    are text. Scores are numbers; what is missing is null.
    """
    blocks = plain_blocks(reader)
    if blocks is None:
        blocks = reader.chunks(CHUNK_ROWS)
    with ParquetOutput(reader, scorer, to_fix, output) as written:
        yield from _score(blocks, reader, written)


def _score(
    blocks: Iterator[PlainBlock | Chunk], reader: TableReader, output: Output
) -> Iterator[ValidatedTable]:
    empty = True
    for block in blocks:
        empty = False
        if isinstance(block, PlainBlock) and output.takes_blocks:
            yield from output.add_block(block)
        else:
            for chunk in _chunks(block):
                yield output.add_chunk(chunk)
    if empty:
        raise DataValidationError(f"{reader.name} holds a header and no row.")


def _chunks(part: PlainBlock | Chunk) -> Iterator[Chunk]:
    import numpy as np

    if isinstance(part, PlainBlock):
        part = part.chunk(np.arange(len(part)))
    for start in range(0, len(part.rows), CHUNK_ROWS):
        stop = start + CHUNK_ROWS
        malformed = {i - start: p for i, p in part.malformed.items() if start <= i < stop}
        yield Chunk(part.lines[start:stop], part.rows[start:stop], malformed)


class Output(ABC):
    """Where scored rows go."""

    takes_blocks = True

    def __init__(
        self, reader: TableReader, scorer: Scorer, to_fix: IO[str], output: IO[str] | None = None
    ) -> None:
        schema = scorer.predictor.schema
        positions = locate(reader, schema, NOTHING_CHANGED)
        self.scorer, self._positions = scorer, positions
        self._validation = DataValidation(
            schema, decimal_comma=reader.decimal_comma, typed=reader.typed, header=reader.header
        )
        self._files = ScoredFiles(reader.header, positions, scorer.columns, output, to_fix)

    @abstractmethod
    def add_chunk(self, chunk: Chunk) -> ValidatedTable:
        """Score and write rows of text cells."""

    @abstractmethod
    def add_block(self, block: PlainBlock) -> Iterator[ValidatedTable]:
        """Score and write rows together."""

    def _score_chunk(self, chunk: Chunk) -> tuple[ValidatedTable, Scores]:
        checked = self._validation.run(chunk, self._positions)
        return checked, self.scorer.score(checked.columns)

    def _check_block(
        self, block: PlainBlock, odd: NDArray[np.bool_]
    ) -> tuple[ValidatedTable, NDArray[np.bool_]]:
        return self._validation.run_plain(block, self._positions, odd | block.blank)


class CsvOutput(Output):
    """A CSV file."""

    def __init__(
        self, reader: TableReader, scorer: Scorer, to_fix: IO[str], output: IO[str]
    ) -> None:
        super().__init__(reader, scorer, to_fix, output)
        self._output = output
        self.takes_blocks = self._files.own.stop == len(reader.header)

    def add_chunk(self, chunk: Chunk) -> ValidatedTable:
        """Score and write rows of text cells."""
        checked, lines = self._lines(chunk)
        self._output.writelines(lines)
        return checked

    def add_block(self, block: PlainBlock) -> Iterator[ValidatedTable]:
        """Score and write rows together, those between them in their places."""
        import numpy as np

        marked = np.zeros(len(block), dtype=bool)
        for cells in block.columns:
            marked |= cells.where(csv_cell(cell) != cell for cell in cells.values)
        checked, odd = self._check_block(block, marked)
        if odd.mean() > MOST_ODD:
            yield from map(self.add_chunk, _chunks(block))
            return
        scored, start = self._scored(block, checked, odd), 0
        places = np.flatnonzero(odd)
        if len(places):
            others, lines = self._lines(block.chunk(places))
            for line, stop in zip(lines, (places - np.arange(len(places))).tolist(), strict=True):
                self._output.write(_text(scored, start, stop) + line)
                start = stop
            yield others
        self._output.write(_text(scored, start, len(scored)))
        yield checked

    def _lines(self, chunk: Chunk) -> tuple[ValidatedTable, list[str]]:
        checked, scores = self._score_chunk(chunk)
        return checked, self._files.lines(chunk, checked, self.scorer.texts(scores))

    def _scored(
        self, block: PlainBlock, checked: ValidatedTable, odd: NDArray[np.bool_]
    ) -> pa.StringArray:
        """Return the good rows' lines, each with its line feed."""
        import pyarrow.compute as pc

        from src.tables.arrow_arrays import flags, text

        scores = self.scorer.score(checked.columns)
        added = [self._cells(name, scores[name]) for name in self.scorer.columns]
        rows = block.rows.filter(flags(~odd)) if odd.any() else block.rows
        # The last cell, of problems, is empty.
        return pc.binary_join_element_wise(rows, *added, text("\n"), text(","))

    def _cells(self, name: str, values: list[Any]) -> pa.StringArray:
        from src.tables.arrow_arrays import texts

        numbers = number_texts(values)
        if numbers is not None:
            return numbers
        return texts([*map(csv_cell, self.scorer.cells(name, values))])


class ParquetOutput(Output):
    """A Parquet file; closed with the block."""

    def __init__(
        self, reader: TableReader, scorer: Scorer, to_fix: IO[str], output: IO[bytes]
    ) -> None:
        super().__init__(reader, scorer, to_fix)
        self._output = output
        self._writer: parquet.ParquetWriter | None = None
        of_class = isinstance(scorer.predictor.schema.target, ClassTarget)
        self._of_text = {SET, PREDICTION} if of_class else {BELOW}

    def __enter__(self) -> ParquetOutput:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def add_chunk(self, chunk: Chunk) -> ValidatedTable:
        """Score and write rows of text cells."""
        import numpy as np

        from src.tables.arrow_arrays import texts

        checked, scores = self._score_chunk(chunk)
        remarks = self._files.remarks(chunk, checked)
        own = [*map(texts, zip(*chunk.rows, strict=True))]
        order = self._order(np.flatnonzero(checked.accepted), checked.n_rows)
        self._write(own, [scores], order, remarks)
        return checked

    def add_block(self, block: PlainBlock) -> Iterator[ValidatedTable]:
        """Score and write rows together, those between them in their places."""
        import numpy as np

        checked, odd = self._check_block(block, np.zeros(len(block), dtype=bool))
        parts, remarks, rows = [self.scorer.score(checked.columns)], {}, np.flatnonzero(~odd)
        places = np.flatnonzero(odd)
        if len(places):
            chunk = block.chunk(places)
            others, scores = self._score_chunk(chunk)
            told = self._files.remarks(chunk, others)
            remarks = {int(places[i]): text for i, text in told.items()}
            parts.append(scores)
            rows = np.concatenate([rows, places[others.accepted]])
            yield others
        self._write(block.arrays, parts, self._order(rows, len(block)), remarks)
        yield checked

    @staticmethod
    def _order(rows: NDArray[np.intp], n_rows: int) -> pa.Array:
        """Return where each row's score stands among those of some rows; null where it has none."""
        import numpy as np

        from src.tables.arrow_arrays import places

        order = np.full(n_rows, -1)
        order[rows] = np.arange(len(rows))
        return places(order)

    def _write(
        self, own: list[pa.Array], parts: list[Scores], order: pa.Array, remarks: dict[int, str]
    ) -> None:
        import numpy as np
        import pyarrow as pa

        from src.tables.arrow_arrays import numbers, places, texts

        added = []
        for name in self.scorer.columns:
            values = [value for part in parts for value in part[name]]
            if name in self._of_text:
                found = texts(self.scorer.cells(name, values))
            else:
                found = numbers(np.array(values, dtype=np.float64))
            added.append(found.take(order))
        of_row = np.full(len(order), -1)
        of_row[[*remarks]] = np.arange(len(remarks))
        problems = texts([*remarks.values()]).take(places(of_row))
        table = pa.table([*own[self._files.own], *added, problems], names=self._files.names)
        if self._writer is None:
            self._writer = self._opened(table.schema)
        self._writer.write_table(table)

    def _opened(self, columns: pa.Schema) -> parquet.ParquetWriter:
        """Open the file; a dictionary of numbers that are seldom equal would only cost time."""
        from pyarrow import parquet

        names, scores = columns.names, self.scorer.columns
        added = zip(names[-1 - len(scores) : -1], scores, strict=True)
        seldom_equal = {name for name, score in added if score not in self._of_text}
        often_equal = [name for name in names if name not in seldom_equal]
        return parquet.ParquetWriter(self._output, columns, use_dictionary=often_equal)


def number_texts(values: list[Any]) -> pa.StringArray | None:
    """Return numbers as Python writes them; None where Arrow would write one otherwise."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from src.tables.arrow_arrays import flags, numbers, text

    if not any(isinstance(value, float) for value in values):
        return None
    column = np.array(values, dtype=np.float64)
    size = np.abs(column)
    if ((size >= MOST) | ((size < LEAST) & (size > 0))).any():
        return None
    texts = pc.cast(numbers(column), pa.string())
    with_point = pc.binary_join_element_wise(texts, text(".0"), text(""))
    whole = flags(column == np.floor(column))
    return pc.fill_null(pc.if_else(whole, with_point, texts), text(""))


def _text(lines: pa.StringArray, start: int, stop: int) -> str:
    """Return some lines as one text."""
    import numpy as np

    if start == stop:
        return ""
    _, offsets, data = lines.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[start, stop]]
    return str(data[first:last].to_pybytes(), "utf-8")
