from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.stats.disclosure import LEAST_ROWS, hidden_cells, hidden_groups, single_rows_follow

partitions = st.lists(st.integers(0, 40), min_size=1, max_size=8).map(np.array)
tables = st.integers(1, 6).flatmap(
    lambda n_columns: st.lists(
        st.lists(st.integers(0, 30), min_size=n_columns, max_size=n_columns),
        min_size=1,
        max_size=6,
    ).map(np.array)
)


def followed(counts: np.ndarray, hidden: np.ndarray, rows: np.ndarray, columns: np.ndarray):
    """Return the hidden cells that the sums of lines determine, by plain linear algebra."""
    cells = [tuple(cell) for cell in np.argwhere(hidden)]
    equations = [
        [float(at[axis] == line) for at in cells]
        for axis, withheld in enumerate((rows, columns))
        for line in np.flatnonzero(~withheld)
    ]
    equations += [[float(rows[r]) for r, _ in cells], [float(columns[c]) for _, c in cells]]
    matrix = np.array(equations)
    rank = np.linalg.matrix_rank(matrix)
    units = np.eye(len(cells))
    return [
        cell
        for cell, unit in zip(cells, units, strict=True)
        if np.linalg.matrix_rank(np.vstack([matrix, unit])) == rank
    ]


@given(partitions)
def test_what_the_shown_groups_leave_over_is_nothing_or_ten_rows(counts: np.ndarray) -> None:
    hidden = hidden_groups(counts)
    assert (counts[~hidden & (counts > 0)] >= LEAST_ROWS).all()
    assert not hidden[counts == 0].any()
    left = counts[hidden].sum()
    assert left == 0 or left >= LEAST_ROWS or hidden[counts > 0].all()


def test_large_groups_are_all_shown() -> None:
    assert not hidden_groups(np.array([10, 20, 30])).any()


def test_only_as_much_is_hidden_as_is_needed() -> None:
    assert hidden_groups(np.array([3, 50, 12, 80])).tolist() == [True, False, True, False]
    assert hidden_groups(np.array([3, 50, 7, 80])).tolist() == [True, False, True, False]


@given(tables)
def test_no_small_cell_and_no_small_remainder_follows_from_what_is_shown(
    counts: np.ndarray,
) -> None:
    rows, columns = hidden_groups(counts.sum(axis=1)), hidden_groups(counts.sum(axis=0))
    hidden = hidden_cells(counts, rows, columns)
    if counts.sum() >= LEAST_ROWS and single_rows_follow(counts, rows, columns):
        assert (hidden == (counts > 0)).all()
        return
    assert (counts[~hidden & (counts > 0)] >= LEAST_ROWS).all()
    found = followed(counts, hidden, rows, columns)
    if counts.sum() < LEAST_ROWS:  # nothing is shown
        assert (hidden == (counts > 0)).all()
    else:
        assert all(counts[cell] >= LEAST_ROWS for cell in found)
        unknown = np.where(hidden, counts, 0)
        for cell in found:
            unknown[cell] = 0
        remainders = [*unknown[~rows].sum(axis=1), *unknown[:, ~columns].sum(axis=0)]
        assert all(left == 0 or left >= LEAST_ROWS for left in remainders)


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([[20, 20], [20, 20]], 4),
        ([[4, 40], [40, 40]], 0),
        ([[4, 40, 40], [40, 40, 40], [40, 40, 40]], 5),
        ([[4, 5, 40], [6, 7, 40], [40, 40, 40]], 3),
    ],
)
def test_a_small_cell_takes_a_rectangle_with_it(counts: list[list[int]], shown: int) -> None:
    table = np.array(counts)
    none = np.zeros(len(table), dtype=bool)
    hidden = hidden_cells(table, none, none[: table.shape[1]])
    assert (~hidden).sum() == shown


def test_nested_partitions_cannot_be_helped() -> None:
    nested = np.array([[70, 0], [1, 129]])  # one group less the other leaves one row
    none = np.zeros(2, dtype=bool)
    assert single_rows_follow(nested, none, none)
    assert (hidden_cells(nested, none, none) == (nested > 0)).all()
