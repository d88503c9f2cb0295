"""How good a fitted model is on rows that it never saw, what a choice cost, and who will pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from src.report.facts import ExclusionCost, PassMark, ReliabilityBin
from src.schema.features import CategoricalFeature, NumericFeature
from src.stats.bootstrap import (
    RESAMPLES,
    Interval,
    percentile_interval,
    resampled_rows,
    wilson_interval,
)
from src.stats.conformal import PredictionIntervals

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

LEAST_ROWS = 10  # of a line in the reliability table; smaller ones join their neighbours
BINS = 10


@dataclass(frozen=True)
class Evaluation:
    """Errors on held-out rows; MAE and RMSE in the target's unit.

    Attributes
    ----------
    baseline_rmse : float
        RMSE of predicting the training rows' mean for everyone.
    """

    n_samples: int
    r2: Interval
    rmse: Interval
    mae: Interval
    baseline_rmse: float


class ModelEvaluation:
    """Compare predictions with what was true; intervals are percentiles of a bootstrap."""

    def __init__(self, random_state: int = 42, n_resamples: int = RESAMPLES) -> None:
        self.random_state = random_state
        self.n_resamples = n_resamples

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
        r2, rmse, mae = map(percentile_interval, *self._figures(y_true, y_pred))
        error = float(((y_true - baseline) ** 2).mean()) ** 0.5
        return Evaluation(len(y_true), r2, rmse, mae, baseline_rmse=error)

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

        signs = np.array([1, -1, -1])  # R² is lost, errors are added
        with_them, without = self._figures(y_true, y_pred), self._figures(y_true, y_pred_without)
        costs = signs * (with_them[0] - without[0])
        resampled = signs[:, None] * (with_them[1] - without[1])
        r2, rmse, mae = map(percentile_interval, costs, resampled)
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
    ) -> PassMark:
        """Return whether the chances of a score below a mark are calibrated.

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
        import numpy as np

        below = y_true < mark
        chance = intervals.probability_below_of_each(mark, y_pred, integer=integer, columns=X)
        squares = (chance - below) ** 2
        random = np.random.default_rng(self.random_state)
        means = [
            squares[rows].mean(axis=1)
            for rows in resampled_rows(len(squares), self.n_resamples, random)
        ]
        return PassMark(
            mark=mark,
            n_samples=len(below),
            n_below=int(below.sum()),
            brier=percentile_interval(float(squares.mean()), np.concatenate(means)),
            baseline_brier=float(((base_rate - below) ** 2).mean()),
            bins=reliability(chance, below),
        )

    def _figures(
        self, y_true: NDArray[np.float64], y_pred: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return R², RMSE and MAE, and the same resampled, an array of shape (3, n_resamples).

        Equal numbers of rows are resampled alike, so that figures of two models are paired. R² is
        NaN where a resample of a tiny test set holds one value only.
        """
        import numpy as np

        residuals = y_true - y_pred
        random = np.random.default_rng(self.random_state)
        found = []
        for rows in resampled_rows(len(residuals), self.n_resamples, random):
            errors, truths = residuals[rows], y_true[rows]
            spread = ((truths - truths.mean(axis=1, keepdims=True)) ** 2).mean(axis=1)
            squares = (errors**2).mean(axis=1)
            r2 = 1 - squares / np.where(spread > 0, spread, np.nan)
            found.append([r2, np.sqrt(squares), np.abs(errors).mean(axis=1)])
        total, square = float(y_true.var()), float((residuals**2).mean())
        figures = 1 - square / total if total else 0.0, square**0.5, abs(residuals).mean()
        return np.array(figures), np.concatenate(found, axis=1)


def reliability(
    chance: NDArray[np.float64], below: NDArray[np.bool_]
) -> tuple[ReliabilityBin, ...]:
    """Return how often what was said to have a chance did happen, by tenths of the chance.

    Neighbouring tenths are joined until each bin holds ten rows: fewer say little, and would say
    it of single students. With fewer rows in all there is no bin.
    """
    import numpy as np

    if len(chance) < LEAST_ROWS:
        return ()
    tenths = np.minimum((chance * BINS).astype(int), BINS - 1)
    counts = np.bincount(tenths, minlength=BINS)
    starts, n_rows = [0], 0
    for tenth in range(BINS):
        n_rows += counts[tenth]
        if n_rows >= LEAST_ROWS and counts[tenth + 1 :].sum() >= LEAST_ROWS:
            starts.append(tenth + 1)
            n_rows = 0
    found = []
    for first, end in pairwise([*starts, BINS]):
        chosen = (tenths >= first) & (tenths < end)
        n, predicted = int(chosen.sum()), float(chance[chosen].mean())
        observed = wilson_interval(int(below[chosen].sum()), n)
        found.append(ReliabilityBin(first / BINS, end / BINS, n, predicted, observed))
    return tuple(found)
