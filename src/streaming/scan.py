"""The first pass over a large table: every cell is counted, and rows are drawn.

A row's number in its file is hashed, with the seed. The rows of the lowest hashes are searched on,
those of the highest are held out, so which they are depends neither on how much is read at once nor
on who reads it. Both together are a simple random sample of all rows; of outcomes, those that are
searched on have the shares that all rows have. Where rows belong together, the hash of what they
have in common decides whether they are held out.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from src.components.data_ingestion import check_enough
from src.exception import Problem
from src.schema.outcomes import MOST_OUTCOMES
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
LEAST_OF_OUTCOME = 100  # rows that are searched on, of a rare outcome
SPARE_SHARE = 1.2  # of the rows to search on: held until each outcome's share is known
HELD_OUT = 1 << 63  # from here on, the hashes of rows that belong together are held out
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
    n_held_out : int
        Rows that were drawn of those that are held out.
    n_exchanged : int
        Rows that were drawn in place of others, for each outcome to have its share.
    """

    table: LargeTable
    hasher: Hasher
    columns: list[ColumnCounts]
    n_rows: int
    n_malformed: int
    problems: tuple[RowProblem, ...]
    drawn: Table
    hashes: NDArray[np.uint64]
    held_from: int
    n_held_out: int
    n_exchanged: int = 0

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
        n_drawn = len(self.hashes)
        bound = math.sqrt(math.log(2 / DOUBT) / (2 * n_drawn))
        return bound + self.n_exchanged / n_drawn


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


@dataclass(frozen=True)
class Hasher:
    """What decides which rows are searched on, and which are held out.

    Attributes
    ----------
    together : int or None
        Position of the column of which equal cells stay on one side.
    least : int
        The least hash of a cell that is held out.
    """

    seed: int
    together: int | None = None
    least: int = 0
    _hashes: dict[str, int] = field(default_factory=dict, compare=False)

    def __call__(self, block: Block, lines: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Return a hash for each row; of rows kept together, it says on which side they are."""
        alone = hash_rows(block.file, lines, self.seed)
        if self.together is None:
            return alone
        cells, codes = _column(block, self.together)
        return self._of_sides(alone, cells, codes)

    def parted(self, rows: list[DrawnRow], share: float) -> tuple[Hasher, list[DrawnRow]]:
        """Return what holds a share of the rows' cells out, and the rows with their hashes by it.

        An empty cell belongs to no other.
        """
        import numpy as np

        if self.together is None:
            return self, rows
        cells = [row[3][self.together] for row in rows]
        hashes = sorted({self._hash(cell.strip()) for cell in cells if cell.strip()})
        least = hashes[-math.ceil(share * len(hashes))] if hashes else 0
        found = replace(self, least=least)
        alone = np.array([row[0] for row in rows], dtype=np.uint64)
        keys = found._of_sides(alone, cells, np.arange(len(rows))).tolist()
        return found, [(key, *row[1:]) for key, row in zip(keys, rows, strict=True)]

    def _of_sides(
        self, alone: NDArray[np.uint64], cells: Sequence[str], codes: NDArray[np.intp]
    ) -> NDArray[np.uint64]:
        """Return hashes of which the highest bit says that a row is held out."""
        import numpy as np

        texts = [cell.strip() for cell in cells]
        said = np.array([text != "" for text in texts], dtype=bool)[codes]
        of_cell = np.array([self._hash(text) for text in texts], dtype=np.uint64)[codes]
        held = np.where(said, of_cell, alone) >= np.uint64(self.least)
        return (alone >> np.uint64(1)) | (held.astype(np.uint64) << np.uint64(63))

    def _hash(self, text: str) -> int:
        if len(self._hashes) > SHARED_CELLS:
            self._hashes.clear()
        if text not in self._hashes:
            key = self.seed.to_bytes(8, "little", signed=True)
            digest = hashlib.blake2b(text.encode(), digest_size=8, key=key).digest()
            self._hashes[text] = int.from_bytes(digest, "little")
        return self._hashes[text]


def rows_to_draw(n_columns: int) -> int:
    """Return how many rows are searched on, and how many are held out, at most."""
    return max(1_000, min(DRAWN_ROWS, DRAWN_CELLS // (2 * n_columns)))


def scan(
    table: LargeTable,
    seed: int,
    test_size: float,
    most: int,
    progress: Progress = lambda n_read, n_rows: None,
    together: int | None = None,
    target: int | None = None,
) -> Scanned:
    """Read a table once.

    Parameters
    ----------
    test_size : float
        Share of the rows that is held out, if these are not more than ``most``.
    most : int
        Rows to search on.
    together : int, optional
        Position of the column of which equal cells stay on one side: of these, not of the rows, the
        share is held out.
    target : int, optional
        Position of what may be outcomes.
    """
    import numpy as np

    columns = [ColumnCounts(table.decimal_comma) for _ in table.header]
    drawn, hasher = _Drawn(most if together is None else 2 * most, target), Hasher(seed, together)
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
    check_enough(n_rows - n_malformed)
    n_held_out = min(most, math.ceil(test_size * (n_rows - n_malformed)))
    hasher = drawn.keep_together(hasher, test_size)
    held_from = None if together is None else HELD_OUT
    counts = None if target is None else columns[target].cells
    rows, held_from, n_exchanged = drawn.chosen(n_held_out, most, held_from, counts)
    found = Table(
        header=[*table.header],
        decimal_comma=table.decimal_comma,
        delimiter="" if table.typed else ",",
        typed=table.typed,
    )
    for _, file, line, cells in rows:
        found.add(file * FILE_ROWS + line, cells, len(table.header))
    hashes = np.array([row[0] for row in rows], dtype=np.uint64)
    return Scanned(
        table=table,
        hasher=hasher,
        columns=columns,
        n_rows=n_rows,
        n_malformed=n_malformed,
        problems=tuple(problems),
        drawn=found,
        hashes=hashes,
        held_from=held_from,
        n_held_out=int((hashes >= held_from).sum()),
        n_exchanged=n_exchanged,
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
    """The rows of the lowest and of the highest hashes among those that were read.

    Of a target of few different cells, some rows of each are held besides.
    """

    def __init__(self, most: int, target: int | None) -> None:
        self._most, self._target = most, target
        self._most_low = most if target is None else int(SPARE_SHARE * most)
        self._outcomes: set[str] = set()
        self._low: list[DrawnRow] = []
        self._high: list[DrawnRow] = []
        self._below: int | None = None  # a hash that is not drawn any more; None while all are
        self._above: int | None = None
        self._below_of: dict[str, int] = {}  # the same for each outcome
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
        low = low | self._rare(block, good, hashes)
        wanted = good[low | high]
        if not len(wanted):
            return
        cells = [list(map(self._share, row)) for row in _cells(block, wanted)]
        keys = hashes[wanted].tolist(), lines[wanted].tolist()
        rows = [(key, block.file, line, row) for key, line, row in zip(*keys, cells, strict=True)]
        self._low += [rows[i] for i in np.flatnonzero(low[low | high])]
        self._high += [rows[i] for i in np.flatnonzero(high[low | high])]
        if max(len(self._low), len(self._high)) >= self._most_low + SPARE_ROWS:
            self._trim()

    def keep_together(self, hasher: Hasher, share: float) -> Hasher:
        """Return what parts the rows whose cells are not alike, and take it for those held."""
        if hasher.together is not None:
            hasher, self._low = hasher.parted(sorted(self._low), share)
            self._high = self._low
        return hasher

    def chosen(
        self,
        n_held_out: int,
        n_searched: int,
        held_from: int | None,
        counts: Mapping[str, int] | None,
    ) -> tuple[list[DrawnRow], int, int]:
        """Return the rows that are searched on or held out, in order, and what hash parts them.

        The third is how many of the former were taken for outcomes to have their shares.
        """
        held = sorted(self._high)
        if held_from is not None:
            held = [row for row in held if row[0] >= held_from]
        held = held[-n_held_out:]
        if held_from is None:
            held_from = held[0][0]
        free = [row for row in sorted(self._low) if row[0] < held_from]
        searched = free[:n_searched]
        n_exchanged = 0
        if len(free) > n_searched and self._target is not None and counts is not None:
            by_chance = {row[:3] for row in searched}
            searched = self._by_outcome(free, n_searched, self._target, counts)
            n_exchanged = sum(row[:3] not in by_chance for row in searched)
        rows = sorted([*searched, *held], key=lambda row: row[1:3])
        return rows, held_from, n_exchanged

    @staticmethod
    def _by_outcome(
        free: list[DrawnRow], n_searched: int, target: int, counts: Mapping[str, int]
    ) -> list[DrawnRow]:
        """Return the lowest rows of each outcome: its share of all rows, or some of a rare one."""
        n_rows = sum(counts.values())
        due = {
            cell: max(LEAST_OF_OUTCOME, round(n_searched * n / n_rows))
            for cell, n in counts.items()
        }
        found = []
        for row in free:
            if due[row[3][target]]:
                due[row[3][target]] -= 1
                found.append(row)
        return found

    def _rare(
        self, block: Block, good: NDArray[np.intp], hashes: NDArray[np.uint64]
    ) -> NDArray[np.bool_]:
        """Return the rows that are held as some of an outcome's; none of a number's."""
        import numpy as np

        nothing = np.zeros(len(good), dtype=bool)
        if self._target is None:
            return nothing
        values, codes = _column(block, self._target)
        self._outcomes.update(values)
        if len(self._outcomes) > 2 * MOST_OUTCOMES:  # with several spellings of some
            self._target = None
            return nothing
        last = (1 << 64) - 1
        limits = np.array([self._below_of.get(value, last) for value in values], dtype=np.uint64)
        return np.asarray(hashes[good] < limits[codes[good]])

    def _trim(self) -> None:
        """Let go what is neither among the lowest nor among the highest."""
        self._low, self._high = sorted(self._low), sorted(self._high)
        del self._high[: -self._most]
        self._above = self._high[0][0]
        rest = self._low[self._most_low :]
        del self._low[self._most_low :]
        self._below = self._low[-1][0]
        if self._target is not None:
            self._low += self._some_of_each(rest, self._target)

    def _some_of_each(self, rows: list[DrawnRow], target: int) -> list[DrawnRow]:
        """Return the first rows of each outcome, and keep from which hash on no more are needed."""
        found, n_held = [], Counter[str]()
        for row in rows:
            cell = row[3][target]
            n_held[cell] += 1
            if n_held[cell] > LEAST_OF_OUTCOME:
                continue
            found.append(row)
            if n_held[cell] == LEAST_OF_OUTCOME:
                self._below_of[cell] = row[0]
        return found

    def _share(self, cell: str) -> str:
        if len(self._shared) < SHARED_CELLS:
            return self._shared.setdefault(cell, cell)
        return self._shared.get(cell, cell)


def _column(block: Block, position: int) -> tuple[list[str], NDArray[np.intp]]:
    """Return a column's different cells, and which of them each row has; "" in a broken row."""
    import numpy as np

    if not isinstance(block.rows, Chunk):
        column = block.rows.columns[position]
        return column.values, column.codes
    rows = block.rows
    cells = ["" if i in rows.malformed else row[position] for i, row in enumerate(rows.rows)]
    codes: dict[str, int] = {}
    of_rows = [codes.setdefault(cell, len(codes)) for cell in cells]
    return [*codes], np.array(of_rows, dtype=np.intp)


def _cells(block: Block, rows: NDArray[np.intp]) -> list[list[str]]:
    if isinstance(block.rows, Chunk):
        return [block.rows.rows[i] for i in rows.tolist()]
    return block.rows.chunk(rows).rows
