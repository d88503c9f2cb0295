"""Rows that belong together: one pupil's, copies, and those of a school or a teacher."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from src.schema.findings import NOTE, WARNING, Finding
from src.schema.header_words import CODE, IDENTIFIER, PLACE, PUPIL, SCHOOL, header_words
from src.stats.group_effects import LEAST_MEMBERS
from src.stats.same_rows import (
    FEWEST_GROUPS,
    constant_within,
    equal_rows,
    expected_copies,
    near_copies,
    within_group_likeness,
)
from src.tables.cells import match_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.tables.profile import ColumnProfile

ALIKE = 0.2  # of the target's variance between the values of an id, from which they are pupils
FEWEST_SCHOOLS = 10  # of ten rows or more, for their effects to be proposed
MOSTLY = 0.5  # of the rows
MOST_GROUPS = 0.67  # of the rows: a column of more different values hardly repeats one


def repeated_pupil(
    columns: Sequence[ColumnProfile], target: ColumnProfile, dropped: Set[str]
) -> tuple[ColumnProfile | None, str]:
    """Return the column whose values return in several rows of one pupil, or of one school."""
    others = [c for c in columns if c is not target and match_key(c.header) not in dropped]
    candidates = [c for c in others if _returns(c)]
    for column in candidates:
        if _constant(column, target):
            return column, "constant"
    for column in candidates:
        words = header_words(column.header)
        if words & PUPIL and not words & PLACE and column.n_distinct >= 10:
            features = [c for c in others if c is not column and c.n_distinct > 1]
            fixed = sum(constant_within(column.codes, c.codes) for c in features)
            alike = within_group_likeness(column.codes, target.values) if target.is_numeric else 0.0
            if (fixed and fixed >= 0.25 * len(features)) or alike >= ALIKE:
                return column, "id"
    return None, ""


def _returns(column: ColumnProfile) -> bool:
    """Whether most of a column's values stand in several rows, and there are enough of them."""
    n_rows = len(column.codes)
    if not FEWEST_GROUPS <= column.n_distinct <= MOST_GROUPS * n_rows:
        return False
    several = int(column.counts[column.present & (column.counts >= 2)].sum())
    return several >= 0.8 * n_rows and not _measures(column)


def _measures(column: ColumnProfile) -> bool:
    """Whether a column holds fractions, which name nobody."""
    import numpy as np

    values = column.numbers.values
    known = np.isfinite(values)
    return column.is_numeric and bool((values[known] != np.round(values[known])).any())


def _constant(column: ColumnProfile, target: ColumnProfile) -> bool:
    """Whether the target is one for each of the column's values, and differs between them."""
    if target.n_distinct < FEWEST_GROUPS or column.n_distinct < target.n_distinct:
        return False
    words = header_words(column.header)
    if column.is_numeric and not words & (IDENTIFIER | PUPIL | PLACE | {"code"}):
        return False
    return constant_within(column.codes, target.codes)


def schools(
    columns: Sequence[ColumnProfile], target: ColumnProfile, taken: Set[str]
) -> list[Finding]:
    """Return the columns that look like pupils' schools or teachers, for a person to choose from.

    Parameters
    ----------
    taken : set of str
        Keys of columns that are used otherwise.
    """
    found = []
    for column in columns:
        if column is target or match_key(column.header) in taken or not _names_schools(column):
            continue
        n_large, share = _large(column)
        if n_large >= FEWEST_SCHOOLS and share >= MOSTLY:
            counts = {"n_groups": column.n_distinct, "n_large": n_large}
            found.append(Finding("school", NOTE, (column.name,), "", counts, ("group",)))
    return found


def small_groups(column: ColumnProfile) -> Finding | None:
    """Return that few rows of a column of groups are in one that can have an effect."""
    n_large, share = _large(column)
    if share >= MOSTLY:
        return None
    counts = {"n_groups": column.n_distinct, "n_rows": len(column.codes), "n_large": n_large}
    return Finding("small_groups", WARNING, (column.name,), "", counts, ("pupils",))


def _names_schools(column: ColumnProfile) -> bool:
    words = header_words(column.header)
    if not words & SCHOOL or _measures(column):
        return False
    return not column.is_numeric or words <= SCHOOL | IDENTIFIER | CODE


def _large(column: ColumnProfile) -> tuple[int, float]:
    """Return how many values have rows enough for an effect, and the share of rows in these."""
    large = column.present & (column.counts >= LEAST_MEMBERS)
    return int(large.sum()), float(column.counts[large].sum() / max(len(column.codes), 1))


def copies(
    columns: Sequence[ColumnProfile],
    features: Set[str],
    identifying: Set[str],
    target: ColumnProfile,
    pupils: NDArray[np.integer] | None = None,
) -> tuple[NDArray[np.integer], Finding | None]:
    """Return groups of equal rows, columns that tell pupils apart not counted.

    Parameters
    ----------
    columns : sequence of ColumnProfile
    features, identifying : set of str
        Names of the columns that must be equal, and of those that say who is meant.
    target : ColumnProfile
    pupils : ndarray of shape (n_rows,), optional
        Groups of rows that stay together anyway.
    """
    import numpy as np

    used = [c for c in columns if c.name in features and c.n_distinct > 1]
    if len(used) < 2:
        return np.arange(len(target.codes)), None
    codes = [column.codes for column in used]
    groups, n_copies = equal_rows(codes)
    if n_copies < 2 or n_copies <= 3 * expected_copies(codes) + 1:
        return groups, None
    if pupils is not None and constant_within(groups, pupils):
        return groups, None
    others = [column.codes for column in used if column is not target]
    if target.is_numeric and n_copies <= 1.5 * near_copies(others, target.values) + 1:
        return groups, None
    counts = {"n_copies": n_copies, "n_groups": int((np.bincount(groups) > 1).sum())}
    variant = "but_one" if identifying else "equal"
    return groups, Finding("copies", NOTE, (), variant, counts, ("remove",))
