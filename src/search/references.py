"""What a model is held against beside the mean: its best column alone, and a plain ridge."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from src.config import ALL_COLUMNS, SINGLE_COLUMN
from src.search.folds import StackedFolds
from src.search.leaderboard import LeaderboardRow, Tried, leaderboard_row
from src.search.native_categories import ONE_HOT
from src.search.scores import r2_gain
from src.search.tuning import Tuner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.compose import ColumnTransformer


def reference_rows(
    tuner: Tuner,
    preprocessor: ColumnTransformer,
    tried: dict[str, Tried],
    winner: NDArray[np.float64],
) -> list[LeaderboardRow]:
    """Return the rows of the best single column and of the first family, where it was not tried.

    They take no part in the choice.

    Parameters
    ----------
    winner : ndarray of shape (n_samples,)
        Its out-of-fold predictions.
    """
    folds, plain = tuner.folds, tuner.folds.task.candidates[0]
    started = time.perf_counter()
    predicted, name = best_column(folds, columns_of(preprocessor))
    rows = [
        leaderboard_row(
            SINGLE_COLUMN,
            f"Best single column: {name}",
            folds,
            predicted,
            fit_time_s=(time.perf_counter() - started) / len(folds.splits),
            n_trials=1,
            params={},
            behind=r2_gain(folds, winner, predicted),
        )
    ]
    if plain.name not in tried:
        found = tuner.search(plain, plain.n_points)
        row = found.row(folds)
        behind = r2_gain(folds, winner, found.out_of_fold)
        label = f"{plain.label} on all columns, for comparison"
        rows.append(replace(row, name=ALL_COLUMNS, label=label, behind=behind))
    return rows


def columns_of(preprocessor: ColumnTransformer) -> dict[str, list[int]]:
    """Return which columns of the matrix each column of the table becomes."""
    columns: dict[str, list[int]] = {}
    at = 0
    for step, encoder, names in preprocessor.transformers:
        for i, name in enumerate(names):
            n = len(encoder.categories[i]) if step == ONE_HOT else 1
            width = 1 if n == 2 else n
            columns.setdefault(name, []).extend(range(at, at + width))
            at += width
    return columns


def best_column(
    folds: StackedFolds, columns: dict[str, list[int]]
) -> tuple[NDArray[np.float64], str]:
    """Return what the best column alone predicts out of fold, and which it is in most folds.

    In each fold it is the column whose least-squares fit to the training rows has the greatest
    adjusted R²; of outcomes, to numbers that stand for them.
    """
    parts, chosen, task = [], [], folds.task
    for train, test in folds.splits:
        weight = None if folds.weight is None else folds.weight[train]
        name = _best_in(folds.X[train], task.numbers(folds.y[train]), weight, columns)
        of_column = columns[name]
        model = task.plain.fit(folds.X[train][:, of_column], folds.y[train], weight)
        parts.append(task.predict(model, folds.X[test][:, of_column]))
        chosen.append(name)
    return folds.joined(parts), Counter(chosen).most_common(1)[0][0]


def _best_in(
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    weight: NDArray[np.float64] | None,
    columns: dict[str, list[int]],
) -> str:
    import numpy as np

    root = np.sqrt(np.ones(len(y)) if weight is None else weight)
    X = root[:, None] * (X - np.average(X, axis=0, weights=root**2))
    y = root[:, None] * (y - np.average(y, axis=0, weights=root**2))
    products, total = X.T @ y, float((y**2).sum()) or 1.0

    def unexplained(name: str) -> float:
        of_column = columns[name]
        squares = X[:, of_column].T @ X[:, of_column]
        of_y = products[of_column]
        explained = (of_y * (np.linalg.pinv(squares) @ of_y)).sum()
        freedom = max(len(y) - max(len(of_column) - 1, 1) - 1, 1)
        return float(total - explained) / freedom

    return min(columns, key=unexplained)
