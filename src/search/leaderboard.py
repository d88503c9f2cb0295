"""What a search found: each family's scores, and the model that won."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from src.search.candidates import Candidate
from src.search.folds import StackedFolds
from src.search.group_effects import GroupFit
from src.search.more_rows import Unseen
from src.search.scores import pooled_score, r2_interval
from src.search.task import R2
from src.stats.intervals import Interval

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
    r2 : float
        Of all rows together, McFadden's where outcomes are predicted. The winner's figures are
        corrected for having been chosen.
    r2_low, r2_high : float
        Ends of the 95 % interval of R².
    errors : mapping of str to float
        By metric: RMSE and MAE in the target's unit, or log loss, Brier score and AUC.
    behind : Interval or None
        R² by which the winner is ahead, not corrected, with its 95 % interval; None for the winner.
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
    r2_low: float
    r2_high: float
    errors: Mapping[str, float]
    fit_time_s: float
    n_trials: int
    params: dict[str, Any]
    behind: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the row as ``metrics.json`` has it; how long a fit took is not in it."""
        values = asdict(self)
        del values["fit_time_s"]
        return values | values.pop("errors")

    def score(self, metric: str) -> float:
        """Return a figure, the larger the better."""
        if metric == R2:
            return self.r2
        return self.errors[metric] if metric == "auc" else -self.errors[metric]


@dataclass(frozen=True)
class Tried:
    """A family's best point.

    Attributes
    ----------
    scores : dict of str to float
        By metric, of all rows together, the larger the better: errors are negative.
    out_of_fold : ndarray of shape (n_samples, ...)
        What was predicted for the rows.
    points : ndarray of shape (n_trials, n_samples, ...)
        What each point that was tried predicted for them.
    """

    candidate: Candidate
    params: dict[str, Any]
    scores: dict[str, float]
    out_of_fold: NDArray[np.float64]
    points: NDArray[np.float64]
    fit_time_s: float

    @property
    def n_trials(self) -> int:
        """How many points were tried."""
        return len(self.points)

    def unfitted(self, random_state: int) -> BaseEstimator:
        """Return an unfitted estimator with the point's parameters."""
        return self.candidate.unfitted(random_state).set_params(**self.params)

    def row(self, folds: StackedFolds) -> LeaderboardRow:
        """Return its row of the leaderboard."""
        return leaderboard_row(
            self.candidate.name,
            self.candidate.label,
            folds,
            self.out_of_fold,
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
    unseen : Unseen
        What shows how far the final model errs: these predictions or, of a table too large to be
        searched whole, those of a model that learnt from more rows.
    chance_p_value : float or None
        How often features that say nothing of the target would do as well; None where the winner is
        too far ahead of the mean to ask.
    groups : GroupFit or None
        What groups add to the model; None where they have no effects.
    """

    leaderboard: list[LeaderboardRow]
    left_out: dict[str, str]
    winner: LeaderboardRow
    pipeline: Pipeline
    folds: StackedFolds
    out_of_fold: NDArray[np.float64]
    unseen: Unseen
    chance_p_value: float | None = None
    groups: GroupFit | None = None


def leaderboard_row(
    name: str, label: str, folds: StackedFolds, out_of_fold: NDArray[np.float64], **more: Any
) -> LeaderboardRow:
    """Return a row for out-of-fold predictions."""
    r2 = r2_interval(folds, out_of_fold)
    errors = {
        metric: abs(pooled_score(folds, out_of_fold, metric)) for metric in folds.task.error_names
    }
    return LeaderboardRow(name, label, r2.value, r2.low, r2.high, errors, **more)
