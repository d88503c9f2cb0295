from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import FunctionTransformer

from src.search.codes import code_columns, has_long_tail
from src.search.folds import StackedFolds, split_rows, stack_folds

HEIGHTS = np.random.default_rng(0).permutation(np.linspace(-6, 6, 12))


def folds(seed: int, *, real: bool) -> StackedFolds:
    """Return a number of many values, a school's code, a grade with a bend, and noise."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(400, 4))
    X[:, 1:3] = random.integers(0, 12, (400, 2))
    X[:, 3] = random.integers(0, 9, 400)
    y = 3 * X[:, 0] + 0.1 * (X[:, 2] - 5) ** 2 + random.normal(0, 4, 400)
    y = y + HEIGHTS[X[:, 1].astype(int)] if real else y
    y = y.astype(float)
    splits = split_rows(y, 3, seed)
    return stack_folds(pd.DataFrame(X), y, FunctionTransformer(np.asarray), splits)


def test_a_number_whose_values_follow_no_curve_may_be_a_code() -> None:
    assert code_columns(folds(1, real=True), 4) == [1]
    assert code_columns(folds(1, real=True), 1) == []  # categories stand behind the numbers


def test_grades_and_noise_are_seldom_taken_for_codes() -> None:
    """One in a hundred tables, of all its columns; four of 100 come up in 2 % by chance."""
    taken = [bool(code_columns(folds(seed, real=False), 4)) for seed in range(100)]
    assert sum(taken) <= 3


@pytest.mark.parametrize(
    ("y", "long"),
    [
        (np.random.default_rng(0).poisson(3.0, 500), True),
        (np.exp(np.random.default_rng(0).normal(size=500)), True),
        (np.random.default_rng(0).normal(60, 15, 500).clip(0, 100), False),
        (-np.exp(np.random.default_rng(0).normal(size=500)), False),
        (np.full(20, 3.0), False),
    ],
)
def test_a_long_tail_begins_at_zero(y: np.ndarray, long: bool) -> None:
    assert has_long_tail(y.astype(float)) is long
