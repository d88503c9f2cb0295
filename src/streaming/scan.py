"""The first pass over a large table: every cell is counted, and rows are drawn.

A row's number in its file is hashed, with the seed. The rows of the lowest hashes are searched on,
those of the highest are held out, so which they are depends neither on how much is read at once nor
on who reads it. Both together are a simple random sample of all rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.components.data_ingestion import check_enough
from src.exception import Problem
from src.streaming.column_counts import ColumnCounts
from src.streaming.files import Block, LargeTable
from src.tables.layout import Chunk, Table
from src.tables.plain_rows import TextBlock
from src.tables.reader import SHARED_CELLS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_PROBLEMS = 20
FILE_ROWS = 1 << 40  # more than a file has
DRAWN_ROWS = 100_000  # to search on, and as many that are held out at most ...
DRAWN_CELLS = 4_000_000  # ... together; of a wide table fewer rows
DOUBT = 0.05  # of the bound of Dvoretzky, Kiefer and Wolfowitz

SPARE_ROWS = 20_000  # that are held until the lowest and the highest are looked for
DrawnRow = tuple[int, int, int, list[str]]  # hash, file, line, cells
Progress = Callable[[int, int], None]  # rows that were read, and roughly of how many


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with a row of a file."""

    file: str
    problem: Problem

    def __str__(self) -> str:
        return f"{self.file}, row {self.problem.row}: {self.problem.message}"


@dataclass(frozen=True)
class Scanned:
    """What the first pass found.

    Attributes
    ----------
    columns : list of ColumnCounts
        As the header has them.
    n_rows, n_malformed : int
        Of all files, and those of them that are no rows of the table.
    problems : tuple of RowProblem
        What is wrong with the first of these.
    drawn : Table
        The rows that were drawn, in order; their lines count on from file to file.
    hashes : ndarray of shape (n_drawn,)
    held_from : int
        Rows of this hash and above are held out.
    """

    table: LargeTable
    seed: int
    columns: list[ColumnCounts]
    n_rows: int
    n_malformed: int
    problems: tuple[RowProblem, ...]
    drawn: Table
    hashes: NDArray[np.uint64]
    held_from: int

    @property
    def n_held_out(self) -> int:
        return int((self.hashes >= self.held_from).sum())

    @property
    def quantile_error(self) -> float:
        """Of quantiles by the drawn rows: how far their share of the rows may be off.

        References
        ----------
        Massart (1990), "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", Annals of
        Probability 18(3).
        """
        if len(self.hashes) == self.n_rows - self.n_malformed:
            return 0.0
        return math.sqrt(math.log(2 / DOUBT) / (2 * len(self.hashes)))


def hash_rows(file: int, lines: NDArray[np.integer], seed: int) -> NDArray[np.uint64]:
    """Return a number for each row of a file, as if drawn at random.

    References
    ----------
    Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA.
    """
    import numpy as np

    with np.errstate(over="ignore"):
        z = lines.astype(np.uint64) + np.uint64(file) * np.uint64(FILE_ROWS)
        z = (z + np.uint64(seed) * np.uint64(0xD1342543DE82EF95)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def rows_to_draw(n_columns: int) -> int:
    """Return how many rows are searched on, and how many are held out, at most."""
    return max(1_000, min(DRAWN_ROWS, DRAWN_CELLS // (2 * n_columns)))


def scan(
    table: LargeTable,
    seed: int,
    test_size: float,
    most: int,
    progress: Progress = lambda n_read, n_rows: None,
) -> Scanned:
    """Read a table once.

    Parameters
    ----------
    test_size : float
        Share of the rows that is held out, if these are not more than ``most``.
    most : int
        Rows to search on.
    """
    import numpy as np

    columns = [ColumnCounts(table.decimal_comma) for _ in table.header]
    drawn = _Drawn(most)
    n_rows = n_malformed = n_bytes = 0
    problems: list[RowProblem] = []
    for block in table.blocks():
        lines, good = lines_of(block)
        if isinstance(block.rows, Chunk):
            n_malformed += len(block.rows.malformed)
            room = SHOWN_PROBLEMS - len(problems)
            name = table.files[block.file].name
            problems += [RowProblem(name, p) for p in [*block.rows.malformed.values()][:room]]
        n_rows += len(block)
        _count(block, good, columns)
        drawn.add(block, lines, good, hash_rows(block.file, lines, seed))
        n_bytes += len(block.rows.text) if isinstance(block.rows, TextBlock) else 0
        likely = table.n_rows or int(n_rows * table.n_bytes / (n_bytes or table.n_bytes))
        progress(n_rows, max(n_rows, likely))
    n_held_out = min(most, math.ceil(test_size * (n_rows - n_malformed)))
    check_enough(n_rows - n_malformed)
    rows, held_from = drawn.chosen(n_held_out, most)
    found = Table(
        header=[*table.header],
        decimal_comma=table.decimal_comma,
        delimiter="" if table.typed else ",",
        typed=table.typed,
    )
    for _, file, line, cells in rows:
        found.add(file * FILE_ROWS + line, cells, len(table.header))
    return Scanned(
        table=table,
        seed=seed,
        columns=columns,
        n_rows=n_rows,
        n_malformed=n_malformed,
        problems=tuple(problems),
        drawn=found,
        hashes=np.array([row[0] for row in rows], dtype=np.uint64),
        held_from=held_from,
    )


def lines_of(block: Block) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the lines of a block's rows, and the positions of those that could be read."""
    import numpy as np

    rows = block.rows
    if isinstance(rows, Chunk):
        good = [i for i in range(len(rows.rows)) if i not in rows.malformed]
        return np.array(rows.lines, dtype=np.intp), np.array(good, dtype=np.intp)
    return rows.first_line + np.arange(len(rows)), np.flatnonzero(~rows.blank)


def _count(block: Block, good: NDArray[np.intp], columns: list[ColumnCounts]) -> None:
    import numpy as np

    if isinstance(block.rows, Chunk):
        rows = [block.rows.rows[i] for i in good.tolist()]
        for position, column in enumerate(columns):
            counts = Counter(row[position] for row in rows)
            column.add([*counts], [*counts.values()])
        return
    whole = len(good) == len(block)
    for column, cells in zip(columns, block.rows.columns, strict=True):
        codes = cells.codes if whole else cells.codes[good]
        column.add(cells.values, np.bincount(codes, minlength=len(cells.values)).tolist())


class _Drawn:
    """The rows of the lowest and of the highest hashes among those that were read."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._low: list[DrawnRow] = []
        self._high: list[DrawnRow] = []
        self._below: int | None = None  # a hash that is not drawn any more; None while all are
        self._above: int | None = None
        self._shared: dict[str, str] = {}

    def add(
        self,
        block: Block,
        lines: NDArray[np.intp],
        good: NDArray[np.intp],
        hashes: NDArray[np.uint64],
    ) -> None:
        """Look at some more rows."""
        import numpy as np

        low = high = np.ones(len(good), dtype=bool)
        if self._below is not None and self._above is not None:
            low, high = hashes[good] < self._below, hashes[good] > self._above
        wanted = good[low | high]
        if not len(wanted):
            return
        cells = [list(map(self._share, row)) for row in _cells(block, wanted)]
        keys = hashes[wanted].tolist(), lines[wanted].tolist()
        rows = [(key, block.file, line, row) for key, line, row in zip(*keys, cells, strict=True)]
        self._low += [rows[i] for i in np.flatnonzero(low[low | high])]
        self._high += [rows[i] for i in np.flatnonzero(high[low | high])]
        if max(len(self._low), len(self._high)) >= self._most + SPARE_ROWS:
            self._low, self._high = sorted(self._low), sorted(self._high)
            del self._low[self._most :], self._high[: -self._most]
            self._below, self._above = self._low[-1][0], self._high[0][0]

    def chosen(self, n_held_out: int, n_searched: int) -> tuple[list[DrawnRow], int]:
        """Return the rows that are searched on or held out, in order, and what hash parts them."""
        held = sorted(self._high)[-n_held_out:]
        held_from = held[0][0]
        searched = [row for row in sorted(self._low)[:n_searched] if row[0] < held_from]
        return sorted([*searched, *held], key=lambda row: row[1:3]), held_from

    def _share(self, cell: str) -> str:
        if len(self._shared) < SHARED_CELLS:
            return self._shared.setdefault(cell, cell)
        return self._shared.get(cell, cell)


def _cells(block: Block, rows: NDArray[np.intp]) -> list[list[str]]:
    if isinstance(block.rows, Chunk):
        return [block.rows.rows[i] for i in rows.tolist()]
    return block.rows.chunk(rows).rows
