"""How many trees a booster needs: early stopping on inner folds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from src.search.folds import StackedFolds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

INNER_FOLDS = 2  # of the outer ones, whose training rows are split once more
PATIENCE = 30  # trees without a gain


@dataclass(frozen=True)
class TreeCount:
    """The parameter that says how many trees a booster has, and its values.

    Attributes
    ----------
    usual : int
        Where nothing is tried out.
    most : int
        Where early stopping ends at the latest.
    """

    parameter: str
    usual: int
    most: int


def find_n_trees(estimator: BaseEstimator, count: TreeCount, folds: StackedFolds) -> int:
    """Return how many trees are best, the mean over inner folds.

    Of an outer fold's training rows, those of the next outer fold are held out, so that rows of
    one group stay together here too; the outer fold's own test rows are not looked at.

    Parameters
    ----------
    estimator : CatBoost, XGBoost or scikit-learn boosting, or a Pipeline that ends with one
        Unfitted, its other parameters set.

    References
    ----------
    Prechelt (1998), "Early Stopping: But When?", Neural Networks: Tricks of the Trade.
    """
    from joblib import Parallel, delayed

    inner = range(min(INNER_FOLDS, len(folds.splits)))
    found = Parallel()(delayed(_n_trees)(estimator, count, folds, k) for k in inner)
    return math.ceil(math.fsum(found) / len(found))


def _inner_split(folds: StackedFolds, k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions, in an outer fold's block, to learn on and to stop by."""
    import numpy as np

    train = folds.splits[k][0]
    if len(folds.splits) == 2:  # the next fold is all that there is
        stop = train[::5]
    else:
        stop = folds.tests[(k + 1) % len(folds.splits)] + k * folds.n_samples
    return np.setdiff1d(train, stop), stop


def _n_trees(estimator: BaseEstimator, count: TreeCount, folds: StackedFolds, k: int) -> int:
    import numpy as np
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline

    learn, stop = _inner_split(folds, k)

    model: Any = clone(estimator)
    X, y, X_stop, y_stop = folds.X[learn], folds.y[learn], folds.X[stop], folds.y[stop]
    if isinstance(model, Pipeline):
        X = model[:-1].fit_transform(X, y)
        X_stop, model = model[:-1].transform(X_stop), model[-1]
    weights = {} if folds.weight is None else {"sample_weight": folds.weight[learn]}
    model.set_params(**{count.parameter: count.most})
    library = type(model).__module__.partition(".")[0]
    if library in ("catboost", "xgboost"):
        model.set_params(early_stopping_rounds=PATIENCE)
        model.fit(X, y, eval_set=[(X_stop, y_stop)], verbose=False, **weights)
        return int(model.tree_count_ if library == "catboost" else model.best_iteration + 1)
    if hasattr(model, "staged_predict") and not hasattr(model, "early_stopping"):
        model.fit(X, y, **weights)
        errors = [float(((y_stop - p) ** 2).mean()) for p in model.staged_predict(X_stop)]
        return int(np.argmin(errors)) + 1
    model.set_params(early_stopping=True, n_iter_no_change=PATIENCE)
    model.fit(X, y, X_val=X_stop, y_val=y_stop, **weights)
    return max(1, int(np.argmax(model.validation_score_)))
