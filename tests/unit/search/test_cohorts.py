from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

from src.search.chance import chance_p_value
from src.search.cohorts import Cohorts
from src.search.early_stopping import inner_split
from src.search.folds import StackedFolds, stack_folds
from src.search.scores import losses, pooled_score
from src.search.task import REGRESSION

N = 40


def codes(n_periods: int) -> np.ndarray:
    return np.repeat(np.arange(n_periods), N)


def test_each_period_is_predicted_from_those_before_it() -> None:
    cohorts = Cohorts(codes(4))
    found = cohorts.folds(np.zeros(4 * N), 0, random_state=0)
    assert [(cohorts.codes[f.train].max(), set(cohorts.codes[f.test])) for f in found] == [
        (0, {1}),
        (1, {2}),
        (2, {3}),
    ]
    assert [len(f.train) for f in found] == [N, 2 * N, 3 * N]


def test_early_stopping_looks_at_the_last_period_that_is_learnt_from() -> None:
    cohorts = Cohorts(codes(4))
    for fold in cohorts.folds(np.zeros(4 * N), 0, random_state=0):
        assert {*fold.learn} | {*fold.stop} == {*fold.train}
        assert not {*fold.learn} & {*fold.stop}
    assert set(cohorts.codes[fold.stop]) == {2}


@pytest.mark.parametrize("n_again", [5, N])
def test_no_pupil_is_on_both_sides_and_half_of_the_earlier_rows_stay(n_again: int) -> None:
    people = np.arange(3 * N)
    people[2 * N : 2 * N + n_again] = people[:n_again]  # in the first period, and in the last
    people[N : 2 * N] = people[:N]  # and in the second
    before, after = Cohorts(codes(3), people).last(random_state=0)
    assert not {*people[before]} & {*people[after]}
    assert len(before) >= N
    assert len(after) == N if n_again == 5 else len(after) == N // 2


def test_pupils_are_on_one_side_of_every_fold_and_of_early_stopping() -> None:
    people = np.random.default_rng(0).integers(0, 60, 4 * N)
    for fold in Cohorts(codes(4), people).folds(np.zeros(4 * N), 0, random_state=0):
        assert not {*people[fold.train]} & {*people[fold.test]}
        assert not {*people[fold.learn]} & {*people[fold.stop]}


def test_one_period_that_can_be_predicted_is_two_folds_of_the_same_learning() -> None:
    one, two = Cohorts(codes(2)).folds(np.zeros(2 * N), 0, random_state=0)
    assert one.train.tolist() == two.train.tolist() == [*range(N)]
    assert sorted([*one.test, *two.test]) == [*range(N, 2 * N)]
    assert Cohorts(codes(1)).folds(np.zeros(N), 0, random_state=0) == []


def test_folds_begin_when_every_outcome_was_seen() -> None:
    y = np.arange(4 * N) % 2
    y[:N] = 0
    cohorts = Cohorts(codes(4))
    found = cohorts.folds(y, 2, random_state=0)
    assert [set(cohorts.codes[fold.test]) for fold in found] == [{2}, {3}]


def stacked(n_periods: int = 4) -> tuple[StackedFolds, np.ndarray]:
    random = np.random.default_rng(1)
    X = random.normal(size=(n_periods * N, 3))
    y = X @ [3.0, 1, 0] + random.normal(size=len(X))
    found = Cohorts(codes(n_periods)).folds(y, 0, random_state=0)
    splits = [(fold.train, fold.test) for fold in found]
    inner = [(fold.learn, fold.stop) for fold in found]
    folds = stack_folds(
        pd.DataFrame(X), y, FunctionTransformer(np.asarray), splits, None, None, REGRESSION, inner
    )
    return folds, X


def test_the_first_period_is_learnt_from_and_never_scored() -> None:
    folds, X = stacked()
    predicted = folds.out_of_fold(LinearRegression())
    y = folds.y[: folds.n_rows]
    by_hand = [
        LinearRegression().fit(X[: k * N], y[: k * N]).predict(X[k * N : (k + 1) * N])
        for k in (1, 2, 3)
    ]
    assert predicted == pytest.approx(np.concatenate(by_hand))
    assert folds.truth.tolist() == y[N:].tolist()
    errors = (y[N:] - predicted) ** 2
    assert losses(folds, predicted, "r2") == pytest.approx(errors)
    means = np.repeat([y[: k * N].mean() for k in (1, 2, 3)], N)
    assert pooled_score(folds, predicted, "r2") == pytest.approx(
        1 - errors.mean() / ((y[N:] - means) ** 2).mean()
    )


def test_trees_are_counted_inside_a_folds_own_block() -> None:
    folds, _ = stacked()
    learn, stop = inner_split(folds, 2)
    block = range(2 * folds.n_rows, 3 * folds.n_rows)
    assert {*learn, *stop} <= {*block}
    assert not np.isnan(folds.X[np.concatenate([learn, stop])]).any()


def test_a_signal_is_told_from_chance_where_folds_follow_time() -> None:
    folds, _ = stacked()
    assert chance_p_value(folds, random_state=0) == 1 / 500
