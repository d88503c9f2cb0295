"""How good a fitted model is on rows that it never saw, what a choice cost, and who will pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from src.report.facts import ExclusionCost, PassMark
from src.schema.features import CategoricalFeature, NumericFeature
from src.stats.conformal import PredictionIntervals
from src.stats.disclosure import LEAST_ROWS, result_of_few
from src.stats.intervals import (
    Interval,
    interval_of,
    mean_interval,
    r2_drop_interval,
    r2_interval,
    rmse_interval,
    share_interval,
)
from src.stats.reliability import reliability

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MOST_MARKS = 30


@dataclass(frozen=True)
class Evaluation:
    """Errors on held-out rows; MAE and RMSE in the target's unit.

    Attributes
    ----------
    baseline_rmse : float
        RMSE of predicting the training rows' mean for everyone.
    n_clusters : int or None
        How many clusters of rows that belong together were held out; None where there are none.
    """

    n_samples: int
    r2: Interval
    rmse: Interval
    mae: Interval
    baseline_rmse: float
    n_clusters: int | None = None


class ModelEvaluation:
    """Compare predictions with what was true.

    Parameters
    ----------
    clusters : ndarray of shape (n_samples,), optional
        Numbers of the held-out rows' clusters, such as schools: rows of one are not independent.
    """

    def __init__(self, clusters: NDArray[np.intp] | None = None) -> None:
        self.clusters = clusters

    def run(
        self, y_true: NDArray[np.float64], y_pred: NDArray[np.float64], baseline: float
    ) -> Evaluation:
        """Return the errors, with their intervals.

        Parameters
        ----------
        y_true, y_pred : ndarray of shape (n_samples,)
        baseline : float
            Mean of the training rows' target.
        """
        import numpy as np

        errors, clusters = y_true - y_pred, self.clusters
        return Evaluation(
            len(y_true),
            r2_interval(y_true, errors, clusters),
            rmse_interval(errors, clusters),
            mean_interval(np.abs(errors), clusters, positive=True),
            baseline_rmse=float(((y_true - baseline) ** 2).mean()) ** 0.5,
            n_clusters=None if clusters is None else len(np.unique(clusters)),
        )

    def cost(
        self,
        y_true: NDArray[np.float64],
        y_pred: NDArray[np.float64],
        y_pred_without: NDArray[np.float64],
        left_out: Sequence[NumericFeature | CategoricalFeature],
    ) -> ExclusionCost:
        """Return what leaving features out costs, from the same rows predicted twice.

        Parameters
        ----------
        y_true, y_pred, y_pred_without : ndarray of shape (n_samples,)
            Truth, and predictions of the model with the features and of the one without them;
            held-out or out-of-fold.
        """
        import numpy as np

        errors, errors_without = y_true - y_pred, y_true - y_pred_without

        def figures(errors: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
            """Return RMSE and MAE, and each row's influence on them."""
            n, squares, sizes = len(errors), errors**2, np.abs(errors)
            found = np.array([float(squares.mean()) ** 0.5, sizes.mean()])
            influence = [(squares - found[0] ** 2) / (2 * found[0] or 1.0), sizes - found[1]]
            return found, np.array(influence) / n

        with_them, without = figures(errors), figures(errors_without)
        rmse, mae = map(
            partial(interval_of, clusters=self.clusters),
            without[0] - with_them[0],
            without[1] - with_them[1],
        )
        spread = (y_true - y_true.mean()) ** 2
        r2 = r2_drop_interval(errors**2, errors_without**2, spread, self.clusters)
        names = tuple(feature.name for feature in left_out)
        labels = tuple(feature.label or feature.name for feature in left_out)
        return ExclusionCost(names, labels, len(y_true), r2, rmse, mae)

    def pass_mark(
        self,
        X: pd.DataFrame,
        y_true: NDArray[np.float64],
        y_pred: NDArray[np.float64],
        intervals: PredictionIntervals,
        mark: float,
        *,
        integer: bool,
        base_rate: float,
    ) -> PassMark | None:
        """Return whether the chances of a score below a mark are calibrated.

        None where fewer than ten held-out rows are below it, or fewer than ten are not.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Held-out rows.
        y_true, y_pred : ndarray of shape (n_samples,)
            The predictions not clipped.
        integer : bool
            Whether the target takes whole numbers only.
        base_rate : float
            Share of the training rows below the mark.

        References
        ----------
        Brier (1950), "Verification of forecasts expressed in terms of probability", Monthly
        Weather Review 78(1).
        """
        below = y_true < mark
        if min(below.sum(), (~below).sum()) < LEAST_ROWS:
            return None
        chance = intervals.probability_below_of_each(mark, y_pred, integer=integer, columns=X)
        squares, of_share = (chance - below) ** 2, (base_rate - below) ** 2
        return PassMark(
            mark=mark,
            n_samples=len(below),
            n_below=int(below.sum()),
            brier=mean_interval(squares, self.clusters, positive=True),
            baseline_brier=float(of_share.mean()),
            brier_gain=mean_interval(of_share - squares, self.clusters),
            bins=reliability(chance, below, self.clusters),
        )


@dataclass(frozen=True)
class MarkQuality:
    """How good a list of those predicted below a mark is.

    Attributes
    ----------
    n_samples : int
        Rows that it was counted on.
    precision : Interval
        Share of the predicted that did score below.
    recall : Interval
        Share of those who scored below that were predicted to.
    """

    mark: float
    n_samples: int
    precision: Interval
    recall: Interval


def quality_at_marks(
    y_true: NDArray[np.float64],
    y_pred: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
) -> tuple[MarkQuality, ...]:
    """Return precision and recall of "predicted below the mark" on a grid of marks.

    At each mark ten rows at least are predicted right, ten wrongly and ten missed, and from mark to
    mark each of the counts behind the shares grows by ten, or by a thirtieth of all rows. Where the
    counts of all marks together still tell of fewer than ten rows, every other mark is left out.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_samples,)
        The predictions by models that did not see the rows.
    """
    import numpy as np

    found: list[MarkQuality] = []
    last, step = np.zeros(3), max(LEAST_ROWS, len(y_true) / MOST_MARKS)
    for mark in np.unique(y_true):
        below, predicted = y_true < mark, y_pred < mark
        both = below & predicted
        counts = np.array([both.sum(), below.sum(), predicted.sum()])
        if (counts - last).min() >= step and (counts[1:] - counts[0]).min() >= LEAST_ROWS:
            last = counts
            shares = [
                share_interval(below[rows] & predicted[rows], _of(clusters, rows))
                for rows in (predicted, below)
            ]
            found.append(MarkQuality(float(mark), len(y_true), *shares))
    while found and result_of_few(_sets_behind(found, y_true, y_pred)) is not None:
        found = found[1::2]
    return tuple(found)


def _sets_behind(
    marks: Sequence[MarkQuality], y_true: NDArray[np.float64], y_pred: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the sets of rows whose sizes are told: all, and three at each mark."""
    import numpy as np

    sets = [np.ones(len(y_true), dtype=bool)]
    for one in marks:
        below, predicted = y_true < one.mark, y_pred < one.mark
        sets += [below, predicted, below & predicted]
    return np.array(sets)


def _of(clusters: NDArray[np.intp] | None, rows: NDArray[np.bool_]) -> NDArray[np.intp] | None:
    return None if clusters is None else clusters[rows]
