"""What a search found: each family's scores, and the model that won."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from src.search.candidates import Candidate
from src.search.folds import StackedFolds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class LeaderboardRow:
    """How one family's best parameters did in cross-validation.

    Attributes
    ----------
    r2, rmse, mae : float
        Means over the folds; the latter two in the target's unit.
    r2_standard_error : float
        Standard deviation over the folds, divided by the root of their number.
    fit_time_s : float
        Seconds of one fit, mean over the folds.
    n_trials : int
        Points of the search space that were tried.
    params : dict
        Of the best point; a blend's are its members' shares.
    """

    name: str
    label: str
    r2: float
    r2_standard_error: float
    rmse: float
    mae: float
    fit_time_s: float
    n_trials: int
    params: dict[str, Any]


@dataclass(frozen=True)
class Tried:
    """A family's best point.

    Attributes
    ----------
    scores : dict of str to ndarray of shape (n_folds,)
        By metric, the larger the better: errors are negative.
    out_of_fold : ndarray of shape (n_samples,)
        What was predicted for the rows.
    """

    candidate: Candidate
    params: dict[str, Any]
    scores: dict[str, NDArray[np.float64]]
    out_of_fold: NDArray[np.float64]
    fit_time_s: float
    n_trials: int

    def mean(self, metric: str) -> float:
        """Return the mean score over the folds."""
        return float(self.scores[metric].mean())

    def unfitted(self, random_state: int) -> BaseEstimator:
        """Return an unfitted estimator with the point's parameters."""
        return self.candidate.unfitted(random_state).set_params(**self.params)

    def row(self) -> LeaderboardRow:
        """Return its row of the leaderboard."""
        return leaderboard_row(
            self.candidate.name,
            self.candidate.label,
            self.scores,
            fit_time_s=self.fit_time_s,
            n_trials=self.n_trials,
            params=self.params,
        )


@dataclass(frozen=True)
class TrainedModel:
    """The outcome of a search.

    Attributes
    ----------
    leaderboard : list of LeaderboardRow
        Best first; the baseline stands among them.
    left_out : dict of str to str
        Families that were not tried, with the reason.
    pipeline : Pipeline
        Preprocessor and estimator of the winner, not fitted.
    folds : StackedFolds
        Of the rows that were searched on.
    out_of_fold : ndarray of shape (n_searched,)
        Predictions for them.
    """

    leaderboard: list[LeaderboardRow]
    left_out: dict[str, str]
    winner: LeaderboardRow
    pipeline: Pipeline
    folds: StackedFolds
    out_of_fold: NDArray[np.float64]


def leaderboard_row(
    name: str, label: str, scores: dict[str, NDArray[np.float64]], **more: Any
) -> LeaderboardRow:
    """Return a row for scores by metric, the larger the better."""
    r2, standard_error = mean_and_standard_error(scores["r2"])
    rmse, mae = (-float(scores[metric].mean()) for metric in ("rmse", "mae"))
    return LeaderboardRow(name, label, r2, standard_error, rmse, mae, **more)


def mean_and_standard_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of some values and its standard error."""
    import numpy as np

    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
