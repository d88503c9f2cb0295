"""Columns that give the target away, and what the model is worth without them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from src.schema.findings import NOTE, STOP, WARNING, Finding
from src.stats import leaks
from src.tables.cells import match_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.tables.profile import ColumnProfile

SAMPLE_ROWS = 5_000
RIDGE_ROWS = 2_000
MOST_INPUTS = 300  # of the quick ridge
MOST_LEVELS = 30  # of a category that the quick ridge is given
COPIED_ROWS = 10  # that must agree before a column is called a copy of the target
STRONG = 0.8  # of the full R², that a column reaches alone
MOST_LEAKS = 12


@dataclass
class _Search:
    """Columns and target in the rows that are looked at."""

    columns: Sequence[ColumnProfile]
    y: NDArray[np.float64]
    rows: NDArray[np.intp]
    outcomes: bool = False
    found: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def left(self) -> list[ColumnProfile]:
        return [column for column in self.columns if column.name not in self.found]

    def values(self, column: ColumnProfile) -> NDArray[np.float64]:
        return column.values[self.rows]


def leak_findings(
    target: ColumnProfile,
    columns: Sequence[ColumnProfile],
    allowed: frozenset[str],
    *,
    outcomes: bool = False,
    ordered: bool = True,
) -> list[Finding]:
    """Return the columns that a model must not be given.

    Parameters
    ----------
    target : ColumnProfile
        Of numbers, or of outcomes' codes.
    columns : sequence of ColumnProfile
        The columns that would be features.
    allowed : frozenset of str
        Names of those that a person says are known before the target is.
    outcomes, ordered : bool
        Whether the target holds codes, and whether their order means something.
    """
    import numpy as np

    rows = np.flatnonzero(np.isfinite(target.values))
    if len(rows) < leaks.FEWEST_ROWS or target.n_distinct < 2:
        return []
    copies = {c.name for c in columns if _is_copy(c, target)}
    if len(rows) > SAMPLE_ROWS:
        rows = np.random.default_rng(0).choice(rows, SAMPLE_ROWS, replace=False)
    kept = [column for column in columns if column.name not in copies]
    search = _Search(
        [c for c in kept if c.name not in allowed], target.values[rows], rows, outcomes
    )
    if not outcomes:
        _find_same_test(search, target)
    _find_single(search)
    if not outcomes:
        _find_combinations(search)
    findings = [Finding("leak", WARNING, (name,), "copy") for name in sorted(copies)]
    if not kept:
        return findings
    worth = _Worth(kept, search)
    for name, (variant, others) in search.found.items():
        blamed = others if variant == "part" else (name,)
        if variant == "part" and any(name in f.columns for f in findings):
            continue
        counts: dict[str, Any] = {
            "r2_alone": worth.alone(blamed),
            "r2_without": worth.without,
            "others": [] if variant == "part" else list(others),
        }
        remedies = ("drop", "known_before")
        findings.append(Finding("leak", STOP, blamed, variant, counts, remedies))
    return findings + (_strong(search, worth, target) if ordered else [])


def _is_copy(column: ColumnProfile, target: ColumnProfile) -> bool:
    import numpy as np

    if not column.is_numeric:
        return False
    x, y = column.values, target.values
    both = np.isfinite(x) & np.isfinite(y)
    return int(both.sum()) >= COPIED_ROWS and bool((x[both] == y[both]).all())


def _find_same_test(search: _Search, target: ColumnProfile) -> None:
    """Find plausible values: named as the target is but for a number, and as widely spread."""
    stem = _stem(target.header)
    if stem == match_key(target.header) or not any(map(str.isalpha, stem)):
        return
    named = [c for c in search.left() if c.is_numeric and _stem(c.header) == stem]
    alike = [c for c in named if leaks.exchangeable(search.values(c), search.y)]
    if (
        len(alike) >= 2
        and len(alike) >= 0.5 * len(named)
        and leaks.equally_alike([search.y, *map(search.values, alike)])
    ):
        for column in alike:
            search.found[column.name] = ("same_test", ())


def _stem(header: str) -> str:
    return re.sub(r"\d+", "#", match_key(header))


def _find_single(search: _Search) -> None:
    import numpy as np

    for column in search.left():
        if column.is_numeric:
            x = search.values(column)
            agrees = leaks.separates if search.outcomes else leaks.agrees_in_rank
            if agrees(x, search.y):
                search.found[column.name] = ("rank", ())
                continue
            codes = np.unique(x, return_inverse=True)[1]
            codes[~np.isfinite(x)] = -1
        else:
            there = column.present[column.codes[search.rows]]
            codes = np.where(there, column.codes[search.rows], -1)
        if column.n_distinct <= leaks.MOST_LEVELS and leaks.cuts(codes, search.y):
            search.found[column.name] = ("cut", ())


def _find_combinations(search: _Search) -> None:
    import numpy as np

    for _ in range(MOST_LEAKS):
        numeric = [column for column in search.left() if column.is_numeric]
        if not numeric:
            return
        X = np.column_stack([search.values(column) for column in numeric])
        found = leaks.linear_combination(X, search.y)
        if found is None:
            return
        blamed = tuple(numeric[j].name for j in found.blamed)
        if len(blamed) == 1:
            others = tuple(numeric[j].name for j in found.others)
            search.found[blamed[0]] = ("contains" if others else "scale", others)
        else:
            for name in blamed:
                search.found[name] = ("part", blamed)


class _Worth:
    """What a quick ridge reaches with all columns, with some, without those that leak."""

    def __init__(self, columns: Sequence[ColumnProfile], search: _Search) -> None:
        import numpy as np

        rows = search.rows[:RIDGE_ROWS]
        blocks = [_block(column, rows) for column in columns]
        ends = np.cumsum([0, *(block.shape[1] for block in blocks)])
        self._at = {
            column.name: np.arange(start, min(end, MOST_INPUTS))
            for column, start, end in zip(columns, ends, ends[1:], strict=False)
        }
        self._ridge = leaks.QuickRidge(np.hstack(blocks)[:, :MOST_INPUTS], search.y[:RIDGE_ROWS])
        self.without = self.alone([name for name in self._at if name not in search.found])

    def alone(self, names: Sequence[str]) -> float:
        """Return the R² that some columns reach together."""
        import numpy as np

        at = [self._at[name] for name in names if name in self._at]
        return round(self._ridge.r2(np.concatenate(at)), 3) if at else 0.0

    def but(self, left_out: str) -> float:
        """Return the R² that all columns but one reach together."""
        return self.alone([name for name in self._at if name != left_out])


def _block(column: ColumnProfile, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return a column as a ridge takes it: a number and its square, or a column a category."""
    import numpy as np

    if column.is_numeric:
        x = column.values[rows]
        if not np.isfinite(x).any():
            return np.empty((len(rows), 0))
        x = np.where(np.isfinite(x), x, np.nanmean(x))
        spread = x.std() or 1.0
        x = (x - x.mean()) / spread
        return np.column_stack([x, x**2])
    if column.n_distinct > MOST_LEVELS:
        return np.empty((len(rows), 0))
    return (column.codes[rows][:, None] == np.arange(len(column.cells))).astype(np.float64)


def _strong(search: _Search, worth: _Worth, target: ColumnProfile) -> list[Finding]:
    """Return a note for each column that alone reaches most of what all reach together."""
    if worth.without < 0.3 or len(search.left()) < 3:
        return []
    found = []
    for column in search.left():
        if column.n_distinct > MOST_LEVELS and not column.is_numeric:
            continue
        if column.is_numeric and abs(leaks.correlation(search.values(column), search.y)) < 0.5:
            continue
        alone = worth.alone([column.name])
        if alone >= STRONG * worth.without:
            counts = {"r2_alone": alone}
            if not search.found:  # what is to be left out is no yardstick
                counts["r2_others"] = worth.but(column.name)
            found.append(
                Finding("leak", NOTE, (column.name,), "strong", counts, ("drop_if_later",))
            )
    return found
