"""Which estimators are tried, how they are tuned, and which one wins.

Tuning and choice happen by cross-validation inside the training rows, with the preprocessing inside
the folds. The steps stand in ``src/search``: the families in ``candidates.py``, what is tried of
them in ``plan.py``, the search of one in ``tuning.py``, the choice in ``selection.py``.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.config import BASELINE
from src.exception import ConfigurationError, TrainingError
from src.report.facts import LearningPoint
from src.search.candidates import CANDIDATES
from src.search.folds import (
    FOLDS,
    METRICS,
    fit_preprocessor,
    fit_weighted,
    quiet_fits,
    split_rows,
    stack_folds,
)
from src.search.leaderboard import TrainedModel, Tried, mean_and_standard_error
from src.search.learning_curve import learning_scores
from src.search.plan import Budget, Progress, plan_search, searched_rows
from src.search.selection import Selection, Winner, as_good_in_unit_of
from src.search.tuning import Tuner

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class ModelTrainerConfig:
    """How the search is run.

    Attributes
    ----------
    models : tuple of str
        Names of candidates; empty for all.
    jobs : int
        Fits at once; does not change the result.
    budget : str or float
        A key of :data:`BUDGETS`, or seconds by the clock.
    metric : str
        What the winner is chosen by: ``r2``, ``rmse`` or ``mae``.
    """

    models: tuple[str, ...] = ()
    random_state: int = 42
    jobs: int = 1
    folds: int = FOLDS
    budget: str | float = "standard"
    metric: str = "r2"


class ModelTrainer:
    """Search the candidates on the training rows."""

    def __init__(self, config: ModelTrainerConfig) -> None:
        self.config = config
        known = {candidate.name: candidate for candidate in CANDIDATES}
        unknown = [name for name in config.models if name not in known]
        if unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            raise ConfigurationError(
                f"There is no model {', '.join(map(repr, unknown))}. "
                f"{f'Did you mean {near[0]!r}? ' if near else ''}Choose from {', '.join(known)}."
            )
        Budget(config.budget)  # refuses one that does not exist
        if config.metric not in METRICS:
            raise ConfigurationError(
                f"A metric is one of {', '.join(METRICS)}. Got {config.metric!r}."
            )
        chosen = [candidate for candidate in CANDIDATES if candidate.name in config.models]
        self.candidates = chosen or [*CANDIDATES]

    def run(
        self,
        X: pd.DataFrame,
        y: NDArray[np.float64],
        preprocessor: ColumnTransformer,
        progress: Progress = lambda label, done, total: None,
        groups: Sequence[object] | None = None,
        weight: NDArray[np.float64] | None = None,
    ) -> TrainedModel:
        """Tune the candidates that the budget has room for and return the best.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Typed columns of the training rows.
        y : ndarray of shape (n_samples,)
        preprocessor : ColumnTransformer
            Unfitted; fitted anew inside each fold.
        progress : callable
            Called when a family begins, and once at the end.
        groups : sequence of length n_samples, optional
            Rows of one group are never in a fold's training and test rows at once.
        weight : ndarray of shape (n_samples,), optional
            Weights of the rows in every fit.

        Raises
        ------
        ConfigurationError
            If no chosen model can be trained, or there are too few groups.
        TrainingError
            If no candidate can be told from the mean of the target: its score is not above the
            baseline's by more than the standard error of their difference, or its R² is negative.
        """
        import numpy as np
        from sklearn.base import clone
        from sklearn.pipeline import Pipeline

        config, budget = self.config, Budget(self.config.budget)
        rows = searched_rows(len(X), config.random_state)
        of_rows = None if groups is None else np.asarray(groups)[rows]
        splits = split_rows(len(rows), config.folds, config.random_state, of_rows)
        weights = None if weight is None else weight[rows]
        folds = stack_folds(X.iloc[rows], y[rows], preprocessor, splits, weights, of_rows)
        plan, left_out = plan_search(self.candidates, folds, preprocessor, budget)
        tuner = Tuner(folds, config.metric, config.random_state, stops_early=not budget.quick)
        tried: dict[str, Tried] = {}
        with quiet_fits(config.jobs):
            for done, (candidate, trials) in enumerate(plan):
                if budget.is_used_up and len(tried) > 1:
                    left_out[candidate.name] = "no time left"
                    continue
                progress(candidate.label, done, len(plan))
                tried[candidate.name] = tuner.search(candidate, trials)
            baseline = tried.pop(BASELINE)
            if budget.goes_on:
                tuner.search_further(tried, budget, progress)
            within = as_good_in_unit_of(config.metric, baseline)
            winner = Selection(
                folds, tried, config.metric, within, config.random_state, budget.quick
            ).run()
        progress("", len(plan), len(plan))
        self._refuse_chance(winner, baseline)
        others = [
            one for one in (*tried.values(), baseline) if one.candidate.name != winner.row.name
        ]
        ranked = [(one.mean(config.metric), one.row()) for one in others]
        ranked.append((float(winner.scores.mean()), winner.row))
        ranked.sort(key=lambda pair: -pair[0])
        return TrainedModel(
            leaderboard=[row for _, row in ranked],
            left_out=left_out,
            winner=winner.row,
            pipeline=Pipeline([("preprocessor", clone(preprocessor)), ("model", winner.estimator)]),
            folds=folds,
            out_of_fold=winner.out_of_fold,
        )

    def fit(
        self,
        pipeline: Pipeline,
        X: pd.DataFrame,
        y: NDArray[np.float64],
        weight: NDArray[np.float64] | None = None,
        groups: Sequence[object] | None = None,
    ) -> Pipeline:
        """Return a fitted copy of a pipeline; groups as for :meth:`run`."""
        import numpy as np
        from sklearn.base import clone
        from sklearn.pipeline import Pipeline

        of_rows = None if groups is None else np.asarray(groups)
        preprocessor, model = pipeline.named_steps.values()
        with quiet_fits(self.config.jobs):
            preprocessor, matrix = fit_preprocessor(preprocessor, X, y, of_rows)
            model = fit_weighted(clone(model), matrix, y, weight)
        return Pipeline([("preprocessor", preprocessor), ("model", model)])

    def learning_curve(self, trained: TrainedModel) -> tuple[list[LearningPoint], list[int]]:
        """Return how good the winner is when it learns from fewer rows, the fewest first.

        Beside it, the numbers of rows from which it cannot learn.
        """
        with quiet_fits(self.config.jobs):
            by_size = learning_scores(trained, self.config.random_state)
        points = [
            LearningPoint(n_train, *mean_and_standard_error(scores[0]), float(scores[1].mean()))
            for n_train, scores in by_size.items()
            if scores
        ]
        return points, [n_train for n_train, scores in by_size.items() if not scores]

    def _refuse_chance(self, winner: Winner, baseline: Tried) -> None:
        """Raise an error where the winner cannot be told from the baseline."""
        row = winner.row
        gains = winner.scores - baseline.scores[self.config.metric]
        gain, error = mean_and_standard_error(gains)
        if gain > error and row.r2 > 0:
            return
        n_folds = self.config.folds
        small = f", or too few for {n_folds} folds" if n_folds > FOLDS else ""
        raise TrainingError(
            f"No model is better than predicting the mean: the best, {row.label}, reaches a "
            f"cross-validated R² of {row.r2:.3f} ± {row.r2_standard_error:.3f}. The "
            f"features say nothing of the target, or the rows are too few{small}. Nothing was "
            "saved.",
            setting="folds" if small else "",
        )
