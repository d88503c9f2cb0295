"""A column seen once: its different cells, how often each stands there, and which row has which."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from src.tables.cells import MISSING_MARKS, column_name, match_key
from src.tables.number_columns import Evidence, NumberColumn, NumberHints, read_numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.tables.layout import Table


@dataclass(frozen=True)
class ColumnProfile:
    """One column of a table.

    Attributes
    ----------
    header, name : str
        As in the file, and as in the schema.
    position : int
    cells : list of str
        Its different cells, cleaned.
    counts : ndarray of shape (n_cells,)
    codes : ndarray of shape (n_rows,)
        Number of each row's cell.
    numbers : NumberColumn
        Its cells read as numbers.
    evidence, said
        What they were read by.
    """

    header: str
    name: str
    position: int
    cells: list[str]
    counts: NDArray[np.intp]
    codes: NDArray[np.int32]
    numbers: NumberColumn
    evidence: Evidence
    said: NumberHints

    def take(self, rows: NDArray[np.intp]) -> ColumnProfile:
        """Return the profile of some rows, counted from the first that this one has."""
        import numpy as np

        codes = self.codes[rows]
        counts = np.bincount(codes, minlength=len(self.cells))
        there = np.flatnonzero(counts)
        renumbered = np.empty(len(self.cells), dtype=np.int32)
        renumbered[there] = np.arange(len(there))
        cells = [self.cells[i] for i in there.tolist()]
        numbers = self.numbers
        if len(cells) < len(self.cells):
            numbers = read_numbers(cells, counts[there], self.evidence, self.said)
        return replace(
            self, cells=cells, counts=counts[there], codes=renumbered[codes], numbers=numbers
        )

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Which different cells are no missing values."""
        import numpy as np

        if not self.is_numeric:
            return np.array(list(map(bool, self.cells)), dtype=bool)
        there = np.isfinite(self.numbers.values)
        for k in np.flatnonzero(~there).tolist():
            there[k] = self.cells[k].lower() not in MISSING_MARKS
        return there

    @cached_property
    def n_present(self) -> int:
        return int(self.counts[self.present].sum())

    @cached_property
    def n_distinct(self) -> int:
        return int(self.present.sum())

    @property
    def is_numeric(self) -> bool:
        return self.numbers.is_numeric

    @property
    def values(self) -> NDArray[np.float64]:
        """Each row's number, NaN where there is none; made anew, since a table has many rows."""
        return self.numbers.values[self.codes]

    def texts(self, most: int | None = None) -> list[tuple[str, int]]:
        """Return the different cells that are no missing values, with their counts."""
        import numpy as np

        return [(self.cells[k], int(self.counts[k])) for k in np.flatnonzero(self.present)[:most]]

    def not_numbers(self) -> list[tuple[str, int]]:
        """Return the different cells that are read as no number, with their counts."""
        import numpy as np

        there = np.flatnonzero(~np.isfinite(self.numbers.values))
        return [(self.cells[k], int(self.counts[k])) for k in there]

    def rows_of(self, cells: set[str]) -> NDArray[np.intp]:
        """Return the rows that hold one of some cells."""
        import numpy as np

        wanted = np.array([cell in cells for cell in self.cells], dtype=bool)
        return np.flatnonzero(wanted[self.codes]) if len(self.cells) else np.empty(0, np.intp)


def profile_columns(
    table: Table,
    rows: NDArray[np.intp],
    hints: Mapping[str, NumberHints],
) -> list[ColumnProfile]:
    """Return a profile of each column that has a name.

    Parameters
    ----------
    table : Table
    rows : ndarray of int
        The rows to look at.
    hints : mapping of str to NumberHints
        What a person says of how columns are read, by :func:`match_key` of their header.
    """
    kept = table.rows if len(rows) == len(table.rows) else [table.rows[i] for i in rows.tolist()]
    said = {
        position: hints.get(match_key(header), NumberHints())
        for position, header in enumerate(table.header)
        if header
    }
    counted = {
        position: _count([row[position] for row in kept], hint) for position, hint in said.items()
    }
    evidence = _evidence(table, [cells for cells, _, _ in counted.values()])
    return [
        ColumnProfile(
            table.header[position],
            column_name(table.header[position]),
            position,
            cells,
            counts,
            codes,
            read_numbers(cells, counts, evidence, said[position]),
            evidence,
            said[position],
        )
        for position, (cells, counts, codes) in counted.items()
    ]


def _count(
    column: list[str], said: NumberHints
) -> tuple[list[str], NDArray[np.intp], NDArray[np.int32]]:
    import numpy as np
    import pandas as pd

    codes, different = pd.factorize(np.array(column, dtype=object))
    cells = [said.cleaned(cell) for cell in different]
    if any(a is not b for a, b in zip(cells, different, strict=True)):
        again, unique = pd.factorize(np.array(cells, dtype=object))
        codes, cells = again[codes], list(unique)
    return cells, np.bincount(codes, minlength=len(cells)), codes.astype(np.int32)


def _evidence(table: Table, columns: list[list[str]]) -> Evidence:
    """Look for decimals that can be nothing else."""
    comma = re.compile(r"[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|0,\d+|\d{1,3}(?:\.\d{3})+,\d+)%?")
    point = re.compile(r"[+-]?(?:\d*\.(?:\d{1,2}|\d{4,})|0\.\d+|\d{1,3}(?:,\d{3})+\.\d+)%?")
    seen = [list(itertools.islice(cells, 200)) for cells in columns]

    def most(pattern: re.Pattern[str]) -> bool:
        return any(
            sum(bool(pattern.fullmatch(cell)) for cell in cells) >= max(2, 0.02 * len(cells))
            for cells in seen
        )

    return Evidence(most(comma), most(point), table.delimiter, table.decimal_comma, table.typed)
