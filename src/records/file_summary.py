"""What is kept of an uploaded file beside its predictions: counts of ten or more, and means.

Standard library only, since the app makes it while it scores the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.components.data_validation import ValidatedTable
from src.schema.features import Value
from src.schema.record import Schema

LEAST = 10
MOST_CELLS = 2_000  # different refused cells that are counted
DIGITS = 6
NO_CLASS = ""  # that of rows whose file says none


class FileSummary:
    """Sums over the rows of a file, by class.

    Parameters
    ----------
    schema : Schema
    with_classes : bool
        Whether the features are summed: not where the answers are kept anyway.
    """

    def __init__(self, schema: Schema, *, with_classes: bool) -> None:
        self._schema, self._with_classes = schema, with_classes
        self._classes: dict[str, _Sums] = {}
        self._unseen, self._days = Counter[str](), Counter[str]()
        self._refused: Counter[tuple[str, str]] = Counter()

    def add(
        self, checked: ValidatedTable, groups: Sequence[str | None], days: Iterable[str]
    ) -> None:
        """Add the rows of a chunk; ``groups`` and ``days`` are of those that were predicted."""
        self._days.update(days)
        self._unseen.update(checked.warnings)
        for problems in checked.refused.values():
            for problem in problems:
                cell = str(problem.field or ""), str(problem.got or "")
                if cell in self._refused or len(self._refused) < MOST_CELLS:
                    self._refused[cell] += 1
        if not self._with_classes:
            return
        members: dict[str, list[int]] = {}
        for i, group in enumerate(groups):
            members.setdefault(group or NO_CLASS, []).append(i)
        for group, rows in members.items():
            sums = self._classes.setdefault(group, _Sums(self._schema))
            sums.add(checked.columns, rows)

    def content(self) -> dict[str, Any]:
        """Return what is kept; nothing in it is of fewer than ten rows."""
        refused: dict[str, dict[str, int]] = {}
        for (name, cell), n in self._refused.items():
            if n >= LEAST and name in self._schema.names:
                refused.setdefault(name, {})[cell] = n
        return {
            "day": max(self._days, key=lambda day: (self._days[day], day), default=""),
            "unseen": {name: n for name, n in self._unseen.items() if n >= LEAST},
            "refused": refused,
            "classes": [
                {"group": group, **sums.content()}
                for group, sums in self._classes.items()
                if sums.n >= LEAST
            ],
        }


@dataclass
class _Number:
    n: int = 0
    total: float = 0.0


class _Sums:
    """Of one class."""

    def __init__(self, schema: Schema) -> None:
        self.n = 0
        self._numbers = {f.name: _Number() for f in schema.numeric}
        self._counts = {f.name: Counter[str]() for f in schema.categorical}

    def add(self, columns: Mapping[str, Sequence[Value]], rows: Sequence[int]) -> None:
        self.n += len(rows)
        for name, sums in self._numbers.items():
            known = [float(v) for i in rows if (v := columns[name][i]) is not None]
            sums.n += len(known)
            sums.total += sum(known)
        for name, counts in self._counts.items():
            counts.update(str(v) for i in rows if (v := columns[name][i]) is not None)

    def content(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "means": {
                name: [self._shown(sums.n), float(f"{sums.total / sums.n:.{DIGITS}g}")]
                for name, sums in self._numbers.items()
                if sums.n >= LEAST
            },
            "counts": {
                name: shown for name, counts in self._counts.items() if (shown := _shown(counts))
            },
        }

    def _shown(self, n: int) -> int:
        """Return how many have a value, as if all had where so few have none."""
        return n if self.n - n >= LEAST else self.n


def _shown(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the categories of ten pupils or more; nothing where one has fewer.

    What is shown of a part of the categories would be of the classes with many of them.
    """
    return dict(counts) if all(n >= LEAST for n in counts.values()) else {}
