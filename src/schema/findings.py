"""What the check of a table found: kinds and values, never sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from src.tables.number_formats import PLAIN_NUMBERS, NumberFormat

STOP, WARNING, NOTE = "stop", "warning", "note"
SEVERITIES = (STOP, WARNING, NOTE)


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know of a table.

    Attributes
    ----------
    kind : str
        Such as ``leak``; what is said of each stands in :mod:`src.report.table_findings`.
    severity : str
        ``stop``, ``warning`` or ``note``.
    columns : tuple of str
    variant : str
        Which sentence of its kind applies.
    counts : mapping of str to number or str
        Public figures: how many rows, which share, R².
    remedies : tuple of str
        What a person may do, by name: ``drop``, ``keep``, ``hint``.
    rows : tuple of int
        Private: lines of the file.
    cells : tuple of str
        Private: values of the table.
    """

    kind: str
    severity: str
    columns: tuple[str, ...] = ()
    variant: str = ""
    counts: Mapping[str, Any] = field(default_factory=dict)
    remedies: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    cells: tuple[str, ...] = ()

    def to_public_dict(self) -> dict[str, Any]:
        """Return what may be saved with a run: no rows, no cells of the table."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "columns": list(self.columns),
            "variant": self.variant,
            "counts": dict(self.counts),
            "remedies": list(self.remedies),
        }

    @classmethod
    def from_public_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the finding that :meth:`to_public_dict` described."""
        texts = {name: tuple(values[name]) for name in ("columns", "remedies")}
        return cls(**{**values, **texts})


@dataclass(frozen=True)
class ColumnUse:
    """What training does with a column.

    Attributes
    ----------
    use : str
        ``feature``, ``target``, ``group``, ``weight`` or ``left out``.
    kind : str
        ``number``, ``category``, ``date``, ``identifier`` or ``text``.
    why : str
        The finding's kind that decided it; empty where nothing did.
    """

    name: str
    use: str
    kind: str
    why: str = ""


@dataclass(frozen=True)
class Reading:
    """How the cells of one column are read, in training and ever after.

    Attributes
    ----------
    numeric : bool
        Whether the column holds numbers.
    format : NumberFormat
    missing : tuple of str
        Cells that stand for no value, beside the usual marks.
    apart : tuple of float
        Numbers that are no part of the observed range.
    other : str
        The category that stands for the rare ones; empty where there are none.
    """

    numeric: bool = False
    format: NumberFormat = PLAIN_NUMBERS
    missing: tuple[str, ...] = ()
    apart: tuple[float, ...] = ()
    other: str = ""
