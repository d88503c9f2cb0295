"""Check rows of text cells against a schema: every problem in one report, every good row typed.

Training and serving check with it. It needs no numpy: the web process has none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING, Any

from src.exception import Problem
from src.language import mark
from src.schema.features import Feature, NumericFeature, Value, read_as
from src.schema.record import Schema
from src.tables.cells import MISSING_MARKS, clean, match_key, shorten
from src.tables.layout import EMPTY_ROW, Chunk
from src.tables.look_alike import fold
from src.tables.plain_rows import Coded, PlainBlock, blank_rows
from src.tables.row_kinds import BLANK, NO_PUPIL, may_be_no_pupil, row_kind

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

REMEMBERED = 50_000  # distinct cells of a column whose check is kept
NO_VALUE = mark("The row holds no value of any feature.")
SUGGESTIONS = 200  # refused cells of a column that are compared with what is allowed: it takes time


@dataclass(frozen=True)
class ValidatedTable:
    """What a check of a table found.

    Attributes
    ----------
    n_rows : int
        Of the table, refused ones among them.
    columns : dict of str to list of float, str or None
        The values of the good rows, a list a feature.
    refused : dict of int to list of Problem
        What is wrong with the other rows, by position in the table, in order.
    warnings : Counter of str
        How many good rows' cells of a column lie outside what training saw.
    mended : Counter of str
        How many good rows' cells of a column were read as what they clearly stand for.
    skipped : dict of int to Problem
        Rows that are no pupils, by position: totals, units, the header again, blank ones.
    notes : dict of int to list of Problem
        What was mended in good rows, by position in the table.
    """

    schema: Schema
    n_rows: int
    columns: dict[str, list[Value]]
    refused: dict[int, list[Problem]]
    warnings: Counter[str]
    mended: Counter[str] = field(default_factory=Counter)
    skipped: dict[int, Problem] = field(default_factory=dict)
    notes: dict[int, list[Problem]] = field(default_factory=dict)

    @property
    def problems(self) -> list[Problem]:
        """Everything that is wrong, in the order of the rows."""
        return [problem for problems in self.refused.values() for problem in problems]

    @cached_property
    def accepted(self) -> NDArray[np.bool_]:
        """Which rows of the table are good, of shape (n_rows,)."""
        import numpy as np

        accepted = np.ones(self.n_rows, dtype=bool)
        accepted[[*self.refused, *self.skipped]] = False
        return accepted

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The good rows as a frame of floats and texts with NaN."""
        from src.schema.frames import typed_frame

        return typed_frame(self.schema, self.columns)


class DataValidation:
    """Check rows of text cells against a schema.

    Parameters
    ----------
    schema : Schema
    decimal_comma, typed : bool
        See :class:`TableReader`.
    header : sequence of str, optional
        Of a file to predict: rows that are no pupils are then found.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        decimal_comma: bool = False,
        typed: bool = False,
        header: Sequence[str] | None = None,
    ) -> None:
        self.schema = schema
        self._header = header
        self._keys = [match_key(name) for name in header or ()]
        self._ordinary = frozenset(fold(c) for f in schema.categorical for c in f.categories)
        self._looked_at: dict[str, dict[str, bool]] = {}
        self._columns = {
            feature.name: _Column(feature, decimal_comma, typed)
            for feature in (*schema.asked, schema.target)
        }
        self._all_optional = all(feature.optional for feature in schema.features)

    def run(
        self,
        chunk: Chunk,
        positions: dict[str, int],
        *,
        with_target: bool = False,
        as_written: Collection[tuple[int, int]] = (),
    ) -> ValidatedTable:
        """Return the good rows, typed, and what is wrong with the others.

        Parameters
        ----------
        chunk : Chunk
            Rows of text cells, all of one width.
        positions : dict of str to int
            Where each column of the schema stands in a row.
        with_target : bool
            Whether the target is checked and returned too, its column last.
        as_written : collection of (int, int)
            Cells, by row and position, that a person does not want read as what they seem to mean.
        """
        names = self._names(positions, with_target=with_target)
        skipped = self._no_pupils(chunk)
        malformed = {i: [p] for i, p in chunk.malformed.items() if i not in skipped}
        refused = dict(malformed)
        cells, values = {}, {}
        for name in names:
            cells[name] = [row[positions[name]] for row in chunk.rows]
            values[name] = self._columns[name].read(cells[name])
            for index, message in self._columns[name].problems(cells[name]):
                if index not in malformed and index not in skipped:
                    got = shorten(cells[name][index])
                    problem = Problem(message, name, chunk.lines[index], got)
                    refused.setdefault(index, []).append(problem)
            for index, position in as_written:
                if position == positions[name] and index not in skipped:
                    refused_here = self._columns[name].as_written(cells[name][index])
                    if refused_here and index not in malformed:
                        got = shorten(cells[name][index])
                        problem = Problem(refused_here, name, chunk.lines[index], got)
                        refused.setdefault(index, []).append(problem)
        if self._all_optional:
            for index, row in enumerate(zip(*(values[n] for n in self.schema.names), strict=True)):
                if (
                    index not in refused
                    and index not in skipped
                    and not any(value is not None for value in row)
                ):
                    refused[index] = [Problem(NO_VALUE, row=chunk.lines[index])]
        warnings, mended = Counter[str](), Counter[str]()
        notes: dict[int, list[Problem]] = {}
        good = bytearray(b"\1") * len(chunk.rows)
        for index in (*refused, *skipped):
            good[index] = 0
        for name in names:
            warnings += Counter({name: self._columns[name].n_unseen(cells[name], good)})
            for index, message in self._columns[name].mended(cells[name], good):
                got = shorten(cells[name][index])
                problem = Problem(message, name, chunk.lines[index], got)
                notes.setdefault(index, []).append(problem)
                mended[name] += 1
            if refused or skipped:
                values[name] = list(compress(values[name], good))
        in_order = {index: refused[index] for index in sorted(refused)}
        return ValidatedTable(
            self.schema, len(chunk.rows), values, in_order, warnings, mended, skipped, notes
        )

    def run_plain(
        self, block: PlainBlock, positions: dict[str, int], odd: NDArray[np.bool_]
    ) -> tuple[ValidatedTable, NDArray[np.bool_]]:
        """Check the rows of a block together.

        Parameters
        ----------
        odd : ndarray of bool of shape (n_rows,)
            Rows that need a second look for another reason.

        Returns
        -------
        ValidatedTable
            The rows that need no second look, all of them good.
        ndarray of bool of shape (n_rows,)
            The others: :meth:`run` says what is wrong with these, or was mended in them.
        """
        import numpy as np

        no_pupil = np.zeros(len(block), dtype=bool)
        for key, cells in zip(self._keys, block.columns, strict=True):
            memory = self._looked(key, cells.values)
            no_pupil |= cells.where(map(memory.__getitem__, cells.values))
        odd = odd | no_pupil
        odd[:-1] |= no_pupil[1:]  # by the row above it is told what a row holds
        values: dict[str, Coded] = {}
        for name in self._names(positions, with_target=False):
            cells, column = block.columns[positions[name]], self._columns[name]
            values[name] = Coded(column.read(cells.values), cells.codes)
            odd |= cells.where(map(column.is_odd, cells.values))
        if self._all_optional:
            odd |= blank_rows([values[name] for name in self.schema.names])
        good = np.flatnonzero(~odd)
        warnings = Counter[str]()
        for name in values:
            cells = block.columns[positions[name]]
            unseen = cells.where(map(self._columns[name].is_unseen, cells.values))
            warnings += Counter({name: int(unseen[good].sum())})
        columns: dict[str, Any] = {name: column.take(good) for name, column in values.items()}
        return ValidatedTable(self.schema, len(good), columns, {}, warnings), odd

    def _names(self, positions: dict[str, int], *, with_target: bool) -> list[str]:
        names = [*self.schema.names, *([self.schema.target.name] if with_target else [])]
        group = self.schema.group
        return [*names, group.name] if group is not None and group.name in positions else names

    def _no_pupils(self, chunk: Chunk) -> dict[int, Problem]:
        """Return the rows of a file to predict that are no pupils, with what they are."""
        if self._header is None:
            return {}
        found = {
            i: Problem(BLANK, row=p.row)
            for i, p in chunk.malformed.items()
            if p.message == EMPTY_ROW
        }
        for index in self._suspects(chunk.rows):
            if index not in chunk.malformed:
                below = index - 1 in found
                kind = row_kind(self._header, chunk.rows[index], self._ordinary, below=below)
                if kind:
                    found[index] = Problem(NO_PUPIL[kind], row=chunk.lines[index])
        return found

    def _suspects(self, rows: Sequence[Sequence[str]]) -> list[int]:
        """Return the rows with a cell that a pupil's row seldom has; each different cell once."""
        found: set[int] = set()
        for key, cells in zip(self._keys, zip(*rows, strict=True), strict=True):
            different = set(cells)
            memory = self._looked(key, different)
            if any(map(memory.__getitem__, different)):
                found.update(i for i, cell in enumerate(cells) if memory[cell])
        return sorted(found)

    def _looked(self, key: str, different: Collection[str]) -> dict[str, bool]:
        """Return which cells of a column a pupil's row seldom has."""
        memory = self._looked_at.setdefault(key, {})
        if len(memory) > REMEMBERED:
            memory.clear()
        for cell in different:
            if cell not in memory:
                memory[cell] = may_be_no_pupil(cell, key)
        return memory


class _Column:
    """The checks of one column: each different cell once, those of earlier chunks not again."""

    def __init__(self, feature: Feature, decimal_comma: bool, typed: bool) -> None:
        self._feature = feature
        self._numeric = isinstance(feature, NumericFeature)
        self._decimal_comma = decimal_comma
        self._typed = typed
        self._n_refused = 0
        self._values: dict[str, Value] = {}
        self._problems: dict[str, str] = {}
        self._unseen: set[str] = set()
        self._mended: dict[str, str] = {}

    def read(self, cells: Sequence[str]) -> list[Value]:
        """Return each cell's value, None where it is missing or refused."""
        try:
            return list(map(self._values.__getitem__, cells))
        except KeyError:  # some are new
            if len(self._values) > REMEMBERED:
                for memory in (self._values, self._problems, self._unseen, self._mended):
                    memory.clear()
            for cell in dict.fromkeys(cells):
                if cell not in self._values:
                    self._check(cell)
            return list(map(self._values.__getitem__, cells))

    def problems(self, cells: Sequence[str]) -> list[tuple[int, str]]:
        """Return which of the cells that were read are refused, and why."""
        if self._problems.keys().isdisjoint(cells):
            return []
        messages = map(self._problems.get, cells)
        return [(index, message) for index, message in enumerate(messages) if message]

    def is_odd(self, cell: str) -> bool:
        """Whether a cell that was read is refused, or read as what it clearly stands for."""
        return cell in self._problems or cell in self._mended

    def is_unseen(self, cell: str) -> bool:
        """Whether a cell that was read lies outside what training saw."""
        return cell in self._unseen

    def as_written(self, cell: str) -> str:
        """Return what is wrong with a cell that is not read as what it means; empty if nothing."""
        if cell not in self._mended:
            return ""
        return f"{self._feature.name} {shorten(cell)!r} is not {self._feature.rule}."

    def n_unseen(self, cells: Sequence[str], good: bytearray) -> int:
        """Return how many good rows' cells lie outside what training saw."""
        return sum(map(self._unseen.__contains__, compress(cells, good))) if self._unseen else 0

    def mended(self, cells: Sequence[str], good: bytearray) -> list[tuple[int, str]]:
        """Return which of the good rows' cells are read as what they clearly stand for, and how."""
        if not self._mended or self._mended.keys().isdisjoint(cells):
            return []
        messages = map(self._mended.get, cells)
        return [(i, text) for i, text in enumerate(messages) if text and good[i]]

    def _check(self, cell: str) -> None:
        marked = self._numeric and clean(cell).lower() in MISSING_MARKS
        checked = self._feature.check_cell(
            "" if marked else cell,
            decimal_comma=self._decimal_comma,
            typed=self._typed,
            suggest=self._n_refused < SUGGESTIONS,
        )
        self._values[cell] = checked.value
        if checked.problem:
            self._problems[cell] = checked.problem
            self._n_refused += 1
        elif checked.warning:
            self._unseen.add(cell)
        if checked.mended:
            self._mended[cell] = read_as(self._feature.name, cell, checked.value)
