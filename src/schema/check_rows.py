"""Rows of a training table that are no pupils."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from src.schema.findings import WARNING, Finding
from src.stats.leaks import step_of
from src.stats.odd_values import counted, outliers
from src.tables.cells import match_key, parse_number
from src.tables.look_alike import fold
from src.tables.row_kinds import HEADER, SUMMARY, UNITS, may_be_no_pupil, row_kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.tables.layout import Table
    from src.tables.profile import ColumnProfile

ORDINARY = 3  # rows with the same label, from which it is an answer like any other
MANY_ROWS, ENDS = 20_000, 500
FEW = 3  # rows that may be the sum or the mean of all others; more are so by chance
MEAN_COLUMNS = 3  # that must all be the column's mean


class OddRows(NamedTuple):
    """Rows that are left out, by their index, and what is said of them and of doubtful ones."""

    left_out: dict[int, str]
    findings: list[Finding]


def odd_rows(table: Table, columns: Sequence[ColumnProfile], rows: NDArray[np.intp]) -> OddRows:
    """Find totals, averages, units and headers among the rows.

    Parameters
    ----------
    table : Table
    columns : sequence of ColumnProfile
        Of ``rows``.
    rows : ndarray of int
        Indices in the table.
    """
    found: dict[int, str] = {}
    for k, kind in (_by_values(columns, rows) | _by_label(table, columns, rows)).items():
        found.setdefault(int(rows[k]), kind)
    findings = []
    for kind in (SUMMARY, "sum", "mean", UNITS, HEADER):
        indices = sorted(i for i, what in found.items() if what == kind)
        if indices:
            what = "header_rows" if kind == HEADER else "not_a_pupil"
            lines = tuple(table.lines[i] for i in indices)
            labels = tuple(_label(table.rows[i]) for i in indices[:5])
            counts = {"n_rows": len(indices)}
            findings.append(Finding(what, WARNING, (), kind, counts, (), lines, labels))
    doubtful = [int(rows[k]) for k in _far_out(columns) if int(rows[k]) not in found]
    if doubtful:
        lines, counts = tuple(table.lines[i] for i in doubtful), {"n_rows": len(doubtful)}
        findings.append(Finding("not_a_pupil", WARNING, (), "doubtful", counts, (), lines))
    return OddRows(found, findings)


def _label(row: list[str]) -> str:
    filled = [cell.strip() for cell in row if cell.strip()]
    return next((cell for cell in filled if parse_number(cell) is None), filled[0])


def _by_label(
    table: Table, columns: Sequence[ColumnProfile], rows: NDArray[np.intp]
) -> dict[int, str]:
    candidates: set[int] = set()
    ordinary: set[str] = set()
    for column in columns:
        key = match_key(column.header)
        wanted = set()
        for cell, n in column.not_numbers():
            if may_be_no_pupil(cell, key):
                wanted.add(cell)
                if n > ORDINARY and n > 0.01 * len(rows) and not column.is_numeric:
                    ordinary.add(fold(cell).rstrip(" :="))
        if wanted:
            candidates.update(column.rows_of(wanted).tolist())
    found: dict[int, str] = {}
    for k in sorted(candidates):
        cells = table.rows[int(rows[k])]
        kind = row_kind(table.header, cells, frozenset(ordinary), below=k - 1 in found)
        if kind and (kind != UNITS or k < 5):
            found[k] = kind
    return found


def _by_values(columns: Sequence[ColumnProfile], rows: NDArray[np.intp]) -> dict[int, str]:
    """Find a row that is the sum, or the mean, of all others in its numeric columns."""
    import numpy as np

    numeric = [c for c in columns if c.is_numeric and np.isfinite(c.values).sum() >= 5]
    if len(numeric) < 2 or len(rows) < 10:
        return {}
    looked_at = np.arange(len(rows))
    if len(rows) > MANY_ROWS:  # totals stand at an end of a long table
        looked_at = np.concatenate([looked_at[:ENDS], looked_at[-ENDS:]])
    shape = len(looked_at), len(numeric)
    is_sum, is_mean, known, shown = (np.zeros(shape, dtype=bool) for _ in range(4))
    for j, column in enumerate(numeric):
        values = column.values
        total, n_known, size = np.nansum(values), np.isfinite(values).sum(), np.nanmax(abs(values))
        x = values[looked_at]
        known[:, j] = np.isfinite(x)
        off = np.abs(2 * x - total)  # from the sum of all other rows
        is_sum[:, j] = (off <= 0.5 * step_of(values) + 1e-6 * abs(total)) & (np.abs(x) >= size)
        mean = (total - x) / (n_known - 1)
        is_mean[:, j] = np.abs(x - mean) <= min(0.006, 0.02 * np.nanstd(values)) + 1e-9 * abs(mean)
        shown[:, j] = np.abs(x - np.round(x)) > 1e-9  # a mean of whole numbers is seldom whole
    n_cells = known.sum(axis=1)
    sums = np.flatnonzero((is_sum.sum(axis=1) >= 2) & (is_sum.sum(axis=1) >= 0.6 * n_cells))
    means = np.flatnonzero(
        (is_mean.sum(axis=1) >= MEAN_COLUMNS)
        & (is_mean.sum(axis=1) >= 0.6 * n_cells)
        & (shown & is_mean).any(axis=1)
    )
    found: dict[int, str] = {}
    for rows_so, kind in ((means, "mean"), (sums, "sum")):
        found |= dict.fromkeys(rows_so.tolist() if len(rows_so) <= FEW else [], kind)
    return {int(looked_at[k]): kind for k, kind in found.items()}


def _far_out(columns: Sequence[ColumnProfile]) -> list[int]:
    """Return rows that stand far out in at least half of the numeric columns, and in two."""
    import numpy as np

    numeric = [c for c in columns if c.is_numeric]
    if len(numeric) < 3:
        return []
    n_out = np.zeros(len(numeric[0].codes), dtype=np.intp)
    for column in numeric:
        apart = outliers(counted(column.numbers.values, column.counts))
        if apart:
            n_out += np.isin(column.values, apart)
    return np.flatnonzero(n_out >= max(2, 0.5 * len(numeric))).tolist()
