"""How good a fitted model is on rows that it never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """A figure and where it would lie in 95 of 100 test sets like this one."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """Errors on held-out rows; MAE and RMSE in the target's unit.

    Attributes
    ----------
    baseline_rmse : float
        Error of predicting the mean of the training rows for everyone.
    """

    n_samples: int
    r2: Interval
    rmse: Interval
    mae: Interval
    baseline_rmse: float


class ModelEvaluation:
    """Compare predictions with what was true."""

    def __init__(self, random_state: int = 42, n_resamples: int = 1_000) -> None:
        self.random_state = random_state
        self.n_resamples = n_resamples

    def run(
        self, y_true: NDArray[np.float64], y_pred: NDArray[np.float64], baseline: float
    ) -> Evaluation:
        """Return the errors with percentile bootstrap intervals.

        Parameters
        ----------
        y_true, y_pred : ndarray of shape (n_samples,)
        baseline : float
            Mean of the training rows' target.

        References
        ----------
        Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13.
        """
        import numpy as np

        residuals = y_true - y_pred
        n = len(residuals)
        rows = np.random.default_rng(self.random_state).integers(n, size=(self.n_resamples, n))
        squares, truths = residuals[rows] ** 2, y_true[rows]
        spread = ((truths - truths.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        usable = spread > 0  # a resample of a tiny test set can hold one value only
        total = float(((y_true - y_true.mean()) ** 2).sum())

        def interval(value: float, resampled: NDArray[np.float64]) -> Interval:
            if not len(resampled):
                return Interval(value, value, value)
            low, high = np.quantile(resampled, (0.025, 0.975))
            return Interval(value, float(low), float(high))

        return Evaluation(
            n_samples=n,
            r2=interval(
                1 - float((residuals**2).sum()) / total if total else 0.0,
                1 - squares[usable].sum(axis=1) / spread[usable],
            ),
            rmse=interval(float(np.sqrt((residuals**2).mean())), np.sqrt(squares.mean(axis=1))),
            mae=interval(float(np.abs(residuals).mean()), np.abs(residuals)[rows].mean(axis=1)),
            baseline_rmse=float(np.sqrt(((y_true - baseline) ** 2).mean())),
        )
