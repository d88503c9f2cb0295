"""Score the rows of a large CSV file together: the same lines as row by row, in less time.

Rows of a block that need no second look are checked by their different cells, predicted as arrays
and written by Arrow; the others are taken out, scored row by row, and put back in their places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from src.components.data_validation import DataValidation, ValidatedTable
from src.exception import DataValidationError
from src.serving.mending import NOTHING_CHANGED
from src.serving.scorers import Scorer
from src.serving.scoring import CHUNK_ROWS, ScoredFiles, locate, score_chunks
from src.tables.layout import Chunk, TableReader
from src.tables.plain_rows import PlainBlock, can_read_plain_rows, plain_blocks
from src.tables.writer import csv_cell, neutralise

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MOST_ODD = 0.2  # of a block's rows, for it to be worth its while
LEAST, MOST = 1e-4, 1e10  # between which Arrow writes a number as Python does, but for ".0"


def score_file(
    reader: TableReader, scorer: Scorer, output: IO[str], to_fix: IO[str]
) -> Iterator[ValidatedTable]:
    """Score every row of a table into CSV, in its place, and yield what was checked, part by part.

    Parameters and errors are those of :func:`src.serving.scoring.score_chunks`.
    """
    if reader.lines is None or not can_read_plain_rows():
        for _, checked, _ in score_chunks(reader, scorer, output, to_fix):
            yield checked
        return
    positions = locate(reader, scorer.predictor.schema, NOTHING_CHANGED)
    validation = DataValidation(
        scorer.predictor.schema, decimal_comma=reader.decimal_comma, header=reader.header
    )
    files = ScoredFiles(reader.header, positions, scorer.columns, output, to_fix)
    plain = _PlainScorer(scorer, validation, positions, files)
    empty = True
    for part in plain_blocks(reader):
        if isinstance(part, PlainBlock) and files.own.stop == len(reader.header):
            yield from plain.score(part, output)
        else:
            for chunk in _chunks(part):
                checked, lines = plain.row_by_row(chunk)
                output.writelines(lines)
                yield checked
        empty = False
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


class _PlainScorer:
    def __init__(
        self,
        scorer: Scorer,
        validation: DataValidation,
        positions: dict[str, int],
        files: ScoredFiles,
    ) -> None:
        self._scorer, self._validation = scorer, validation
        self._positions, self._files = positions, files

    def row_by_row(self, chunk: Chunk) -> tuple[ValidatedTable, list[str]]:
        """Return what was checked of a chunk, and the lines to write."""
        checked = self._validation.run(chunk, self._positions)
        texts = self._scorer.texts(self._scorer.score(checked.columns))
        return checked, self._files.lines(chunk, checked, texts)

    def score(self, block: PlainBlock, output: IO[str]) -> Iterator[ValidatedTable]:
        """Write the rows of a block, and yield what was checked."""
        import numpy as np

        marked = np.zeros(len(block), dtype=bool)
        for cells in block.columns:
            marked |= cells.where(neutralise(cell) != cell for cell in cells.values)
        checked, odd = self._validation.run_plain(block, self._positions, marked)
        if odd.mean() > MOST_ODD:
            for chunk in _chunks(block):
                whole, lines = self.row_by_row(chunk)
                output.writelines(lines)
                yield whole
            return
        scored = self._written(block, checked, odd)
        places = np.flatnonzero(odd)
        start = 0
        if len(places):
            others, lines = self.row_by_row(block.chunk(places))
            for line, stop in zip(lines, (places - np.arange(len(places))).tolist(), strict=True):
                output.write(_text(scored, start, stop) + line)
                start = stop
            yield others
        output.write(_text(scored, start, len(scored)))
        yield checked

    def _written(
        self, block: PlainBlock, checked: ValidatedTable, odd: NDArray[np.bool_]
    ) -> pa.StringArray:
        """Return the good rows' lines, each with its line feed."""
        import pyarrow as pa
        import pyarrow.compute as pc

        scores = self._scorer.score(checked.columns)
        added = [self._column(name, scores[name]) for name in self._scorer.columns]
        rows = block.rows.filter(pa.array(~odd)) if odd.any() else block.rows
        # The last cell, of problems, is empty.
        return pc.binary_join_element_wise(rows, *added, "\n", ",")

    def _column(self, name: str, values: list[Any]) -> pa.StringArray:
        """Return the cells of a column of scores."""
        import pyarrow as pa

        numbers = number_texts(values)
        if numbers is not None:
            return numbers
        return pa.array([*map(csv_cell, self._scorer.cells(name, values))], pa.string())


def number_texts(values: list[Any]) -> pa.StringArray | None:
    """Return numbers as Python writes them; None where Arrow would write one otherwise."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not any(isinstance(value, float) for value in values):
        return None
    array = pa.array(values, pa.float64())
    numbers = array.to_numpy(zero_copy_only=False)
    size = np.abs(numbers)
    if ((size >= MOST) | ((size < LEAST) & (size > 0))).any():
        return None
    texts = pc.cast(array, pa.string())
    whole = pa.array(numbers == np.floor(numbers))
    return pc.fill_null(pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts), "")


def _text(lines: pa.StringArray, start: int, stop: int) -> str:
    import numpy as np

    if start == stop:
        return ""
    _, offsets, data = lines.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[start, stop]]
    return str(data[first:last].to_pybytes(), "utf-8")
