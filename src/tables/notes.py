"""What is worth knowing of a file beside its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FileNotes:
    """What is worth knowing of a file beside its cells.

    Attributes
    ----------
    encoding : str
        Where it was guessed; else empty.
    sheets, sheets_read : tuple of str
        Names of a workbook's sheets, and of those that were read; empty for other files.
    merged : mapping of int to int
        Cells that took the value of a merged range, by the column's position.
    formulas : mapping of int to tuple of int
        Rows of formulas without a stored result, by the column's position.
    """

    encoding: str = ""
    sheets: tuple[str, ...] = ()
    sheets_read: tuple[str, ...] = ()
    merged: Mapping[int, int] = field(default_factory=dict)
    formulas: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


NO_NOTES = FileNotes()
