"""How many trees a booster needs: early stopping on inner folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from src.search.candidates import TreeCount
from src.search.folds import StackedFolds
from src.search.task import R2

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

FEW_ROWS = 500  # of the search: up to so many, each fold's number is its own
SHARED_FOLDS = 2  # else, in so many folds, whose mean holds for all
PATIENCE = 30  # trees without a gain


def counted_folds(n_rows: int, n_folds: int) -> int:
    """Return in how many folds the trees are counted.

    With few rows, a number that was found on rows which then score a fold makes its score too high
    (CatBoost's R² by 0.05 at 100 rows); with many it costs a
    quarter of the search's time for little.
    """
    return n_folds if n_rows <= FEW_ROWS else min(SHARED_FOLDS, n_folds)


def find_n_trees(estimator: BaseEstimator, count: TreeCount, folds: StackedFolds, k: int) -> int:
    """Return how many trees are best for an outer fold, judged by its training rows alone.

    Of these, those of the next outer fold are held out, so that rows of one group stay together
    here too; where folds follow time, those of the last training period. The outer fold's own test
    rows are not looked at.

    Parameters
    ----------
    estimator : CatBoost, XGBoost or scikit-learn boosting, or a Pipeline that ends with one
        Unfitted, its other parameters set.

    References
    ----------
    Prechelt (1998), "Early Stopping: But When?", Neural Networks: Tricks of the Trade.
    """
    learn, stop = inner_split(folds, k)
    return _n_trees(estimator, count, folds, learn, stop) if len(learn) else count.usual


def mean_count(counts: Sequence[int]) -> int:
    """Return the number of trees that stands for those of several folds."""
    return math.ceil(math.fsum(counts) / len(counts))


def inner_split(folds: StackedFolds, k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions, in an outer fold's block, to learn on and to stop by.

    There are none to learn on where the training rows are of one group.
    """
    import numpy as np

    if folds.inner is not None:
        return folds.inner[k]
    train = folds.splits[k][0]
    if len(folds.splits) == 2:  # the next fold is all that there is
        groups = train if folds.groups is None else folds.groups[train]
        stop = train[np.unique(groups, return_inverse=True)[1] % 5 == 0]
    else:
        stop = folds.tests[(k + 1) % len(folds.splits)] + k * folds.n_samples
    return np.setdiff1d(train, stop), stop


def _n_trees(
    estimator: BaseEstimator,
    count: TreeCount,
    folds: StackedFolds,
    learn: NDArray[np.intp],
    stop: NDArray[np.intp],
) -> int:
    import numpy as np
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline

    model: Any = clone(estimator)
    X, y, X_stop, y_stop = folds.X[learn], folds.y[learn], folds.X[stop], folds.y[stop]
    if isinstance(model, Pipeline):
        X = model[:-1].fit_transform(X, y)
        X_stop, model = model[:-1].transform(X_stop), model[-1]
    weights = {} if folds.weight is None else {"sample_weight": folds.weight[learn]}
    model.set_params(**{count.parameter: count.most})
    if _library(model) in ("catboost", "xgboost"):
        return stop_booster(model, X, y, X_stop, y_stop, weights)
    if hasattr(model, "staged_predict") and not hasattr(model, "early_stopping"):
        model.fit(X, y, **weights)
        staged = getattr(model, "staged_predict_proba", model.staged_predict)
        errors = [float(folds.task.losses(y_stop, p, R2).mean()) for p in staged(X_stop)]
        return int(np.argmin(errors)) + 1
    model.set_params(early_stopping=True, n_iter_no_change=PATIENCE)
    model.fit(X, y, X_val=X_stop, y_val=y_stop, **weights)
    return max(1, int(np.argmax(model.validation_score_)))


def stop_booster(
    model: Any,
    X: NDArray[Any],
    y: NDArray[Any],
    X_stop: NDArray[Any],
    y_stop: NDArray[Any],
    weights: Mapping[str, NDArray[np.float64]],
) -> int:
    """Fit CatBoost or XGBoost until held-out rows gain no more; return the number of trees."""
    model.set_params(early_stopping_rounds=PATIENCE)
    model.fit(X, y, eval_set=[(X_stop, y_stop)], verbose=False, **weights)
    return int(model.tree_count_ if _library(model) == "catboost" else model.best_iteration + 1)


def _library(model: Any) -> str:
    return type(model).__module__.partition(".")[0]
