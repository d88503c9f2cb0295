"""What a person changed in a file that lies there, and how it is applied when it is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from src.tables.layout import Chunk

Place = tuple[int, int]  # of a cell: the row's number below the header, from 1, and the column's


@dataclass(frozen=True)
class Mending:
    """What a person changed in a file.

    Attributes
    ----------
    cells : mapping of (int, int) to str
        New texts of cells.
    as_written : frozenset of (int, int)
        Cells that are not to be read as what they seem to mean.
    columns : mapping of str to int
        Where the column of a feature stands that is called otherwise.
    """

    cells: Mapping[Place, str] = field(default_factory=dict)
    as_written: frozenset[Place] = frozenset()
    columns: Mapping[str, int] = field(default_factory=dict)

    def applied(self, chunk: Chunk, first: int) -> Chunk:
        """Return a chunk, whose first row has a number, with the changed cells."""
        rows = chunk.rows
        for (number, position), text in self.cells.items():
            at = number - first
            if 0 <= at < len(rows) and 0 <= position < len(rows[at]):
                rows = rows if rows is not chunk.rows else [*rows]
                rows[at] = [*rows[at][:position], text, *rows[at][position + 1 :]]
        return chunk if rows is chunk.rows else replace(chunk, rows=rows)

    def left_as_written(self, chunk: Chunk, first: int) -> frozenset[Place]:
        """Return the cells of a chunk that stay as written, by index and position."""
        return frozenset(
            (number - first, position)
            for number, position in self.as_written
            if 0 <= number - first < len(chunk.rows)
        )


NOTHING_CHANGED = Mending()
