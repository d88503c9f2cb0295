"""Numbers that belong to schools bend only where there are enough of these."""

from __future__ import annotations

import numpy as np
import pytest

from src.search.candidates import CODES, PRODUCTS, SPLINES
from src.search.folds import StackedFolds
from src.search.group_columns import bendable

SIZE = 6


def folds(n_groups: int, size: int = SIZE, *, grouped: bool = True) -> StackedFolds:
    """Return one block of rows: a pupil's own number, a school's, and one that hardly differs."""
    random = np.random.default_rng(0)
    school = np.repeat(np.arange(n_groups), size)
    of_school = random.normal(size=(n_groups, 2))[school]
    of_school[:, 1] += random.normal(0, 0.03, len(school))
    rows = np.arange(len(school))
    return StackedFolds(
        X=np.column_stack([random.normal(size=len(school)), of_school]),
        y=random.normal(size=len(school)),
        splits=[(rows, rows)],
        tests=[rows],
        groups=school if grouped else None,
    )


@pytest.mark.parametrize(
    ("expansion", "n_groups", "bent"),
    [
        (SPLINES, 99, [0]),  # ten columns of two numbers
        (SPLINES, 100, [0, 1, 2]),
        (PRODUCTS, 49, [0]),
        (PRODUCTS, 50, [0, 1, 2]),
        (CODES, 599, [0]),
    ],
)
def test_numbers_of_schools_need_ten_schools_a_column(expansion, n_groups, bent) -> None:
    assert bendable([0, 1, 2], folds(n_groups), expansion) == bent


def test_without_groups_or_with_one_row_in_most_every_number_is_the_rows_own() -> None:
    assert bendable([0, 1, 2], folds(20, grouped=False), SPLINES) == [0, 1, 2]
    assert bendable([0, 1, 2], folds(20, size=1), SPLINES) == [0, 1, 2]


def test_copies_of_rows_are_no_groups() -> None:
    """13.3: with each row there twice, every number was called a school's, and none was bent."""
    random = np.random.default_rng(0)
    pupil = np.repeat(np.arange(50), 2)
    rows = np.arange(100)
    X, y = random.normal(size=(50, 2))[pupil], random.normal(size=50)[pupil]
    copied = StackedFolds(X=X, y=y, splits=[(rows, rows)], tests=[rows], groups=pupil)
    assert bendable([0, 1], copied, SPLINES) == [0, 1]
