"""Conformal residuals: from out-of-fold predictions to the few numbers that serving needs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from src.stats.conformal import PredictionIntervals, conformal_rank

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVELS = (0.8, 0.9, 0.95)
POINTS = 101  # quantiles of the residuals that are kept
ROWS_A_BIN = 50
MOST_BINS = 10
LEAST_GAIN = 0.02  # of the mean interval score, for a scale that varies to be worth its keep


class ModelIntervals:
    """Learn prediction intervals from residuals of rows that the model was not fitted on.

    Parameters
    ----------
    levels : tuple of float
        Wanted coverages, in (0, 1).
    """

    def __init__(self, levels: tuple[float, ...] = LEVELS, random_state: int = 42) -> None:
        self.levels = levels
        self.random_state = random_state

    def run(self, y: NDArray[np.float64], y_pred: NDArray[np.float64]) -> PredictionIntervals:
        """Return the intervals.

        The half-width is the conformal quantile of the absolute residuals. Where the typical
        residual depends on the prediction, they are divided by a piecewise linear scale first,
        learnt on other folds than it is applied to; it is kept only where it narrows the
        intervals at the same coverage.

        The promised coverage is that of new rows like the training rows (of new groups, where the
        folds kept groups together), averaged over all of them: not of each group, nor at each
        prediction. The folds' models have fewer rows than the one that predicts, so that intervals
        are rather too wide than too narrow: with some hundred rows and tens of columns by a point
        of coverage, else by less.

        Parameters
        ----------
        y, y_pred : ndarray of shape (n_samples,)
            Truth and out-of-fold prediction, in score points, not clipped.

        Returns
        -------
        PredictionIntervals
            With too few residuals for a level, its half-width is the largest residual.

        References
        ----------
        Lei et al. (2018), "Distribution-Free Predictive Inference for Regression", JASA 113(523),
        sections 2 and 5.2. Barber et al. (2021), "Predictive inference with the jackknife+",
        Annals of Statistics 49(1), for residuals across folds.
        """
        import numpy as np

        residuals = y - y_pred
        constant = self._learn(residuals)
        n_bins = min(MOST_BINS, len(y) // ROWS_A_BIN)
        if n_bins >= 2:
            crossed = self._cross_scale(np.abs(residuals), y_pred, n_bins)
            varying = self._learn(residuals / crossed)
            score = self._score(residuals, crossed, varying)
            if score < (1 - LEAST_GAIN) * self._score(residuals, np.ones_like(y), constant):
                at, scale = fit_scale(np.abs(residuals), y_pred, n_bins)
                return PredictionIntervals(
                    varying.half_widths,
                    varying.quantiles,
                    len(y),
                    scale_at=tuple(at.tolist()),
                    scale=tuple(scale.tolist()),
                )
        return constant

    def _learn(self, residuals: NDArray[np.float64]) -> PredictionIntervals:
        import numpy as np

        ordered = np.sort(np.abs(residuals))
        half_widths = {}
        for level in self.levels:
            rank = conformal_rank(len(ordered), level) or len(ordered)
            half_widths[str(level)] = float(ordered[rank - 1])
        quantiles = np.quantile(residuals, np.linspace(0, 1, POINTS))
        return PredictionIntervals(half_widths, tuple(quantiles.tolist()), len(residuals))

    def _cross_scale(
        self, absolute: NDArray[np.float64], y_pred: NDArray[np.float64], n_bins: int
    ) -> NDArray[np.float64]:
        """Return each row's scale, learnt without that row's fold."""
        import numpy as np
        from sklearn.model_selection import KFold

        scale = np.empty_like(absolute)
        folds = KFold(5, shuffle=True, random_state=self.random_state)
        for rest, fold in folds.split(absolute):
            at, values = fit_scale(absolute[rest], y_pred[rest], n_bins)
            scale[fold] = np.interp(y_pred[fold], at, values)
        return scale

    def _score(
        self,
        residuals: NDArray[np.float64],
        scale: NDArray[np.float64],
        intervals: PredictionIntervals,
    ) -> float:
        """Return the mean interval score over the levels: width, and a penalty for misses.

        References
        ----------
        Gneiting and Raftery (2007), "Strictly Proper Scoring Rules", JASA 102(477), eq. 43.
        """
        import numpy as np

        scores = []
        for level, half in intervals.half_widths.items():
            beyond = np.maximum(np.abs(residuals) - half * scale, 0)
            scores.append(float((2 * half * scale + 2 / (1 - float(level)) * beyond).mean()))
        return math.fsum(scores) / len(scores)


def fit_scale(
    absolute: NDArray[np.float64], y_pred: NDArray[np.float64], n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a piecewise linear curve of the mean absolute residual by the prediction.

    Parameters
    ----------
    absolute, y_pred : ndarray of shape (n_samples,)
    n_bins : int
        Points of the curve: bins of equally many rows. Each bin is drawn towards the overall mean
        as if ten more rows lay there, so that none is zero.

    Returns
    -------
    at, scale : ndarray of shape (at most n_bins,)
    """
    import numpy as np

    overall = max(float(absolute.mean()), np.finfo(float).tiny)
    order = np.argsort(y_pred, kind="stable")
    at, scale = [], []
    for rows in np.array_split(order, n_bins):
        at.append(float(y_pred[rows].mean()))
        scale.append((float(absolute[rows].sum()) + 10 * overall) / (len(rows) + 10))
    points = dict(zip(at, scale, strict=True))  # equal predictions: one point
    return np.array(list(points)), np.array(list(points.values()))
