"""Whether prediction intervals hold as many unseen rows as they say, over many random splits.

Each split does what a training run does: fold residuals of the training rows give the intervals,
and a model fitted on all training rows predicts the test rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from src.components.data_ingestion import DataIngestion, DataIngestionConfig
from src.components.data_transformation import DataTransformation
from src.components.data_validation import DataValidation
from src.components.model_intervals import LEVELS, ModelIntervals
from src.config import SAMPLE_TABLE
from src.schema.hints import Hints
from src.schema.record import Schema
from src.search.folds import stack_folds
from src.tables.reader import read_table
from tests.readings import learn

ESTIMATORS: dict[str, BaseEstimator] = {
    "ridge": Ridge(5.0),
    "decision tree": DecisionTreeRegressor(min_samples_leaf=5, random_state=0),
    "boosting": HistGradientBoostingRegressor(max_iter=80, max_leaf_nodes=8, random_state=0),
}


def read(path: Path, target: str) -> tuple[Schema, pd.DataFrame, np.ndarray]:
    """Return a table's schema, its features and its target, as training reads them."""
    table = read_table(path)
    inferred = learn(table, Hints(), target)
    frame = DataValidation(inferred.schema).run(table, inferred.positions, with_target=True).frame
    frame = frame[frame[target].notna()].reset_index(drop=True)
    return inferred.schema, frame[list(inferred.schema.names)], frame[target].to_numpy()


def mean_coverage(path: Path, target: str, n_splits: int, *names: str) -> dict[str, np.ndarray]:
    """Return the mean share of test rows inside their intervals, by estimator, for each level."""
    schema, X, y = read(path, target)
    covered: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for seed in range(n_splits):
        ingestion = DataIngestion(DataIngestionConfig(path, test_size=0.2, random_state=seed))
        train, test = ingestion.split(len(y))
        preprocessor = DataTransformation(schema).run()
        folds = list(KFold(5, shuffle=True, random_state=seed).split(train))
        stacked = stack_folds(X.iloc[train], y[train], preprocessor, folds)
        X_train = preprocessor.fit_transform(X.iloc[train], y[train])
        X_test = preprocessor.transform(X.iloc[test])
        for name in names:
            with threadpool_limits(limits=1):  # as the trainer fits
                out_of_fold = stacked.out_of_fold(ESTIMATORS[name])
                y_pred = clone(ESTIMATORS[name]).fit(X_train, y[train]).predict(X_test)
            intervals = ModelIntervals(random_state=seed).run(y[train], out_of_fold)
            low, high = np.array([
                [intervals.interval(float(p), level, None, None) for level in LEVELS]
                for p in y_pred
            ]).transpose(2, 1, 0)  # fmt: skip
            covered[name].append(((low <= y[test]) & (y[test] <= high)).mean(axis=1))
    return {name: np.mean(shares, axis=0) for name, shares in covered.items()}


def test_intervals_cover_about_as_often_as_they_say_on_the_sample_table() -> None:
    """R7."""
    # Of 10 splits the mean has a standard error of 1.0, 0.7 and 0.6 points.
    found = mean_coverage(SAMPLE_TABLE, "math_score", 10, "ridge")
    assert np.abs(np.array([*found.values()]) - LEVELS).max() < 0.03, found


@pytest.mark.slow
@pytest.mark.parametrize(("table", "target"), [("stud.csv", "math_score"), ("star3.csv", "math3")])
def test_mean_coverage_over_200_splits_is_within_a_point_of_nominal(
    real_table: Callable[[str], Path], table: str, target: str
) -> None:
    """R7."""
    found = mean_coverage(real_table(table), target, 200, "ridge")["ridge"]
    assert np.abs(found - LEVELS).max() <= 0.01, found


@pytest.mark.slow
def test_few_rows_with_many_columns_are_covered_too_often_rather_than_too_rarely(
    real_table: Callable[[str], Path],
) -> None:
    # A fold's model has four fifths of the rows: of 316 rows in 40 columns that makes its errors
    # 2.5 % larger than the final model's, and the intervals as much wider.
    found = mean_coverage(real_table("uci_mat.csv"), "G3", 200, "ridge")["ridge"]
    assert (found - LEVELS).min() >= -0.01, found
    assert (found - LEVELS).max() <= 0.02, found


@pytest.mark.slow
@pytest.mark.parametrize(("table", "target"), [("stud.csv", "math_score"), ("uci_mat.csv", "G3")])
def test_a_boosters_intervals_cover_as_often_as_they_say(
    real_table: Callable[[str], Path], table: str, target: str
) -> None:
    # Of 30 splits the mean has a standard error of 0.6, 0.4 and 0.3 points, for 79 rows twice that.
    found = mean_coverage(real_table(table), target, 30, "boosting")["boosting"]
    assert np.abs(found - LEVELS).max() < 0.03, found
