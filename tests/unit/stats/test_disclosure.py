from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.stats.disclosure import (
    LEAST_ROWS,
    hidden_cells,
    hidden_groups,
    hidden_lines,
    hidden_together,
    parts_by_size,
    result_of_few,
)

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
    if (hidden == (counts > 0)).all():  # hiding cells is not enough, then
        return
    assert (counts[~hidden & (counts > 0)] >= LEAST_ROWS).all()
    found = followed(counts, hidden, rows, columns)
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


def test_of_nested_partitions_the_first_is_shown() -> None:
    cell = np.repeat([0, 1, 2], [70, 1, 129])  # one group less the other leaves one row
    codes = [np.minimum(cell, 1), np.maximum(cell, 1) - 1]
    weights = result_of_few(np.array([codes[0] == 0, codes[1] == 0]))
    assert np.flatnonzero(weights).tolist() == [70]
    first, second = hidden_together(codes, [np.zeros(2, dtype=bool)] * 2)
    assert not first.any()
    assert second.all()


def test_a_group_that_is_nearly_a_published_set_of_rows_is_hidden() -> None:
    codes = np.repeat([0, 1], [100, 100])
    nearly = np.arange(200) < 103
    (alone,) = hidden_together([codes], [np.zeros(2, dtype=bool)])
    assert not alone.any()
    (beside,) = hidden_together([codes], [np.zeros(2, dtype=bool)], [nearly])
    assert beside.all()


def test_large_groups_that_cross_evenly_are_all_shown() -> None:
    random = np.random.default_rng(0)
    codes = [random.integers(0, 3, 900) for _ in range(4)]
    hidden = hidden_together(codes, [np.zeros(3, dtype=bool)] * 4)
    assert not np.any(hidden)


@pytest.mark.parametrize(
    ("n_rows", "sizes"), [(19, []), (25, [13, 12]), (52, [11, 11, 10, 10, 10])]
)
def test_parts_by_size_hold_ten_rows_each(n_rows: int, sizes: list[int]) -> None:
    values = np.random.default_rng(0).random(n_rows)
    parts = parts_by_size(values)
    assert [len(rows) for rows in parts] == sizes
    for low, high in itertools.pairwise(parts):
        assert values[low].max() <= values[high].min()


@given(tables)
def test_no_sum_of_shown_lines_rests_on_few_rows(table) -> None:
    """Terms and classes, shown one under the other."""
    hidden_rows, hidden_columns = hidden_lines(table)
    of_row, of_column = (np.repeat(axis.ravel(), table.ravel()) for axis in np.indices(table.shape))
    shown = [of_row == row for row in np.flatnonzero(~hidden_rows)]
    shown += [of_column == column for column in np.flatnonzero(~hidden_columns)]
    if shown:
        everybody = np.ones(table.sum(), dtype=bool)
        assert result_of_few(np.array([everybody, *shown])) is None


def test_a_class_that_is_nearly_a_term_is_not_shown_beside_it() -> None:
    alone = np.array([[40, 0], [0, 30]])
    assert not np.any(np.concatenate(hidden_lines(alone)))
    hidden_rows, hidden_columns = hidden_lines(np.array([[40, 3], [0, 30]]))
    assert np.concatenate([hidden_rows, hidden_columns]).any()


def test_terms_and_classes_of_usual_sizes_are_all_shown() -> None:
    counts = np.random.default_rng(0).integers(12, 30, size=(4, 40))
    assert not np.any(np.concatenate(hidden_lines(counts)))
