"""How good out-of-fold predictions are, over all rows together, and what chance makes of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from src.search.folds import StackedFolds
from src.search.task import R2
from src.stats.intervals import Interval, standard_error, t_value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def losses(folds: StackedFolds, predicted: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """Return each row's loss by a metric, times its weight; weights are 1 on average.

    Parameters
    ----------
    predicted : ndarray of shape (..., n_samples) or (..., n_samples, n_classes)
    metric : str
        See :meth:`Task.losses`.
    """
    return folds.shares * folds.task.losses(folds.truth, predicted, metric)


def spread(folds: StackedFolds) -> NDArray[np.float64]:
    """Return what the baseline, fitted to its fold's training rows, loses in each row."""
    return losses(folds, folds.training_means, R2)


def pooled_score(
    folds: StackedFolds,
    predicted: NDArray[np.float64],
    metric: str,
    rows: NDArray[np.intp] | None = None,
) -> float:
    """Return a metric of out-of-fold predictions over all rows, the larger the better.

    R² is the share by which the predictions' squared error is below that of the training rows'
    mean; of outcomes, their log loss below that of the training rows' shares (McFadden's). That
    denominator has no bias to speak of with few rows, as the mean over the folds and the spread
    about the overall mean have: see docs/statistics.md.

    Parameters
    ----------
    rows : ndarray of int, optional
        Those that count.

    References
    ----------
    Hawinkel, Waegeman and Maere (2024), "Out-of-sample R²: estimation and inference", The American
    Statistician 78(1).
    """
    mean_loss = float(_of(rows, losses(folds, predicted, metric)).mean())
    if metric == R2:
        return 1 - mean_loss / float(_of(rows, spread(folds)).mean())
    return folds.task.score(metric, mean_loss, _of(rows, folds.truth), _of(rows, predicted))


def r2_interval(
    folds: StackedFolds, predicted: NDArray[np.float64], rows: NDArray[np.intp] | None = None
) -> Interval:
    """Return the pooled R² with its 95 % interval: that of the logarithm of the errors' share."""
    base, lost = _of(rows, spread(folds)), _of(rows, losses(folds, predicted, R2))
    ratio = float(lost.mean() / base.mean())
    if ratio <= 0:
        return Interval(1 - ratio, 1 - ratio, 1 - ratio)
    half = reach(folds, lost / lost.mean() - base / base.mean(), rows)
    factor = math.exp(min(half, 100.0))
    return Interval(1 - ratio, 1 - ratio * factor, 1 - ratio / factor)


def r2_gain(
    folds: StackedFolds,
    predicted: NDArray[np.float64],
    other: NDArray[np.float64],
    rows: NDArray[np.intp] | None = None,
) -> Interval:
    """Return by how much predictions' R² is above other ones', with the 95 % interval.

    It is that of the differences row by row.
    """
    gains = losses(folds, other, R2) - losses(folds, predicted, R2)
    gains = _of(rows, gains) / float(_of(rows, spread(folds)).mean())
    mean = float(gains.mean())
    half = reach(folds, gains - mean, rows)
    return Interval(mean, mean - half, mean + half)


def reach(
    folds: StackedFolds, deviations: NDArray[np.float64], rows: NDArray[np.intp] | None = None
) -> float:
    """Return how far a mean over rows lies from the truth in 95 of 100 tables, at most.

    Models of different folds share training rows, so that what they predict is not independent:
    the variance of rows (of clusters, where rows come in them) is raised by Nadeau and Bengio's
    factor.

    Parameters
    ----------
    deviations : ndarray of shape (n_rows,)
        Of each row from the mean.
    rows : ndarray of shape (n_rows,), optional
        Where in the table they stand, if these are not all.

    References
    ----------
    Nadeau and Bengio (2003), "Inference for the Generalization Error", Machine Learning 52(3),
    section 4.
    """
    n, clusters = len(deviations), folds.clusters
    error, n_clusters = standard_error(
        deviations / n, None if clusters is None else _of(rows, clusters)
    )
    return t_value(n_clusters) * error * math.sqrt(1 + n / folds.n_train)


def _of(rows: NDArray[np.intp] | None, values: NDArray[Any]) -> NDArray[Any]:
    return values if rows is None else values[rows]
