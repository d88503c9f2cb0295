"""The choice among families that were tried, by predictions that are written out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold
from sklearn.preprocessing import FunctionTransformer

from src.config import BLEND
from src.search.candidates import Candidate
from src.search.folds import StackedFolds, stack_folds
from src.search.leaderboard import Tried
from src.search.scores import pooled_score
from src.search.selection import Selection, as_good_in_unit_of
from src.search.task import REGRESSION, Classification

N = 100
Y = np.random.default_rng(0).normal(50, 10, N)
ERRORS = np.random.default_rng(1).normal(0, 4, N)


class OneColumn(RegressorMixin, BaseEstimator):
    """Predict what stands in a column."""

    def __init__(self, column: int = 0) -> None:
        self.column = column

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, self.column]


def selection(**predictions: np.ndarray) -> Selection:
    splits = list(KFold(5, shuffle=True, random_state=0).split(Y))
    folds = stack_folds(pd.DataFrame(predictions), Y, FunctionTransformer(np.asarray), splits)
    tried = {
        name: tried_family(name, i, predicted, folds)
        for i, (name, predicted) in enumerate(predictions.items())
    }
    return Selection(folds, tried, "r2", within=0.002, random_state=0, quick=False)


def tried_family(name: str, column: int, predicted: np.ndarray, folds: StackedFolds) -> Tried:
    scores = {metric: pooled_score(folds, predicted, metric) for metric in REGRESSION.metrics}
    candidate = Candidate(name, name, lambda seed: OneColumn(column), lambda n, d: 0.0)
    return Tried(candidate, {}, scores, predicted, predicted[None], fit_time_s=0.0)


def test_the_better_of_two_families_wins_alone() -> None:
    winner = selection(good=Y + ERRORS, poor=Y + 1.05 * ERRORS).run()
    assert winner.row.name == "good"
    assert winner.out_of_fold == pytest.approx(Y + ERRORS)


def test_families_whose_errors_cancel_are_blended() -> None:
    winner = selection(one=Y + ERRORS, other=Y - 1.05 * ERRORS).run()
    assert winner.row.name == BLEND
    assert winner.row.r2 > 0.99
    assert winner.row.errors["rmse"] == pytest.approx(
        np.sqrt(np.mean((winner.out_of_fold - Y) ** 2)), rel=0.2
    )


def test_fitted_weights_that_leave_one_family_do_not_choose_a_poorer_one(monkeypatch) -> None:
    """13.7: the report then said that the better one was too complex."""

    def weights(matrix: np.ndarray, y: np.ndarray, steps: int) -> np.ndarray:
        return np.array([0.0, 1.0] if len(y) == N else [0.5, 0.5])

    monkeypatch.setattr("src.search.task.greedy_weights", weights)
    winner = selection(good=Y + ERRORS, poor=Y - 1.05 * ERRORS).run()
    assert winner.row.name == "good"
    assert winner.out_of_fold == pytest.approx(Y + ERRORS)


def test_what_counts_as_no_difference_is_said_in_the_metrics_unit() -> None:
    scores = {"r2": 0.0, "rmse": -10.0, "mae": -8.0}
    candidate = Candidate("dummy", "Mean", lambda seed: OneColumn(), lambda n, d: 0.0)
    baseline = Tried(candidate, {}, scores, np.zeros(N), np.zeros((1, N)), fit_time_s=0.0)
    found = [as_good_in_unit_of(metric, baseline) for metric in ("r2", "rmse", "mae")]
    assert found == pytest.approx([0.002, 0.02, 0.016])


def chances_of_two(y: np.ndarray, noise: np.ndarray) -> np.ndarray:
    second = 1 / (1 + np.exp(-np.where(y == 1, 1.0, -1.0) - noise))
    return np.column_stack([1 - second, second])


def test_chances_are_blended_for_a_gain_that_a_standard_error_would_hide() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, N)
    pair = [chances_of_two(y, random.normal(0, 0.7, N)) for _ in range(2)]
    task = Classification(2)
    splits = list(KFold(5, shuffle=True, random_state=0).split(y))
    X = pd.DataFrame(np.column_stack(pair))
    folds = stack_folds(X, y, FunctionTransformer(np.asarray), splits, task=task)
    tried = {}
    for name, chances in zip(("one", "other"), pair, strict=True):
        scores = {key: pooled_score(folds, chances, key) for key in ("r2", *task.metrics)}
        candidate = Candidate(name, name, lambda seed: OneColumn(), lambda n, d: 0.0)
        tried[name] = Tried(candidate, {}, scores, chances, chances[None], fit_time_s=0.0)
    winner = Selection(folds, tried, "log_loss", 1e-6, random_state=0, quick=False).run()
    assert winner.row.name == BLEND
    gains = task.losses(y, max(pair, key=lambda one: pooled_score(folds, one, "log_loss")), "r2")
    gains -= task.losses(y, winner.out_of_fold, "r2")
    assert 0 < gains.mean() < gains.std() / N**0.5
    assert sum(winner.row.params.values()) == pytest.approx(1)
    assert winner.score > max(one.scores["log_loss"] for one in tried.values())
