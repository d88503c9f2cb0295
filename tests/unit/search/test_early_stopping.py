from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold
from sklearn.preprocessing import FunctionTransformer

from src.search.candidates import CANDIDATES, TreeCount
from src.search.early_stopping import counted_folds, find_n_trees, inner_split
from src.search.folds import StackedFolds, split_rows, stack_folds

BOOSTERS = {c.name: c for c in CANDIDATES if c.tree_count and not c.native}


def folds(noise: float, n_folds: int = 3, n_samples: int = 240) -> StackedFolds:
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.uniform(0, 1, (n_samples, 3)))
    y = np.sin(6 * X[0]) * 3 + 2 * X[1].to_numpy() + random.normal(0, noise, n_samples)
    splits = list(KFold(n_folds, shuffle=True, random_state=0).split(X))
    return stack_folds(X, y.to_numpy(), FunctionTransformer(np.asarray), splits)


def booster(name: str) -> tuple[BaseEstimator, TreeCount]:
    candidate = BOOSTERS[name]
    assert candidate.tree_count is not None
    return candidate.build(0), candidate.tree_count


@pytest.mark.parametrize("name", sorted(BOOSTERS))
def test_noise_stops_earlier_than_a_clear_signal(name: str) -> None:
    estimator, count = booster(name)
    clear = find_n_trees(estimator, count, folds(noise=0.05), 0)
    noisy = find_n_trees(estimator, count, folds(noise=20.0), 0)
    assert 1 <= noisy < clear <= count.most


@pytest.mark.parametrize("n_folds", [2, 5])
def test_the_outer_folds_test_rows_are_not_looked_at(n_folds: int) -> None:
    stacked = folds(1.0, n_folds)
    for k in range(n_folds):
        train, test = stacked.splits[k]
        learn, stop = inner_split(stacked, k)
        assert sorted([*learn, *stop]) == sorted(train)
        assert not {*learn, *stop} & set(test)
        assert len(learn) >= len(stop) > 0


def test_the_estimator_that_is_given_is_not_changed() -> None:
    estimator, count = booster("catboost")
    before = dict(estimator.get_params())
    find_n_trees(estimator, count, folds(1.0), 0)
    assert estimator.get_params() == before


def test_with_few_rows_trees_are_counted_in_each_fold_for_itself() -> None:
    """13.6: a number found on rows that then score a fold makes its score too high."""
    assert counted_folds(100, 5) == 5
    assert counted_folds(10_000, 5) == 2


def test_two_folds_keep_groups_whole_too() -> None:
    """13.2: rows of the same groups stopped boosters."""
    stacked = folds(1.0, 2)
    groups = np.arange(240) // 12
    splits = split_rows(np.zeros(240), 2, 0, groups)
    X, y = pd.DataFrame(stacked.X[:240]), stacked.truth
    grouped = stack_folds(X, y, FunctionTransformer(np.asarray), splits, groups=groups)
    for k in range(2):
        learn, stop = inner_split(grouped, k)
        assert len(learn) > len(stop) > 0
        assert not {*grouped.groups[learn]} & {*grouped.groups[stop]}


def test_with_one_group_to_learn_from_the_usual_number_of_trees_is_taken() -> None:
    estimator, count = booster("catboost")
    stacked = folds(1.0, 2)
    splits = split_rows(np.zeros(240), 2, 0, np.arange(240) % 2)
    X = pd.DataFrame(stacked.X[:240])
    grouped = stack_folds(
        X, stacked.truth, FunctionTransformer(np.asarray), splits, groups=np.arange(240) % 2
    )
    assert find_n_trees(estimator, count, grouped, 0) == count.usual
