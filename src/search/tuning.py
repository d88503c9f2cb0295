"""The search of a family's space, and further rounds of it where the budget goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from src.logger import get_logger
from src.search.candidates import Candidate
from src.search.early_stopping import TreeCount, find_n_trees
from src.search.folds import METRICS, StackedFolds
from src.search.leaderboard import Tried, mean_and_standard_error
from src.search.plan import Budget, Progress

logger = get_logger(__name__)

ROUND_TRIALS = 6  # a family, in each further round
ROUND_FAMILIES = 4
ROUND_GAIN = 0.0005  # R² below which a round is the last
LEAST_ROUNDS, MOST_ROUNDS = 2, 50
SCORERS = {"r2": "r2", "rmse": "neg_root_mean_squared_error", "mae": "neg_mean_absolute_error"}


@dataclass(frozen=True)
class Tuner:
    """Search the spaces of families by cross-validation.

    Attributes
    ----------
    metric : str
        What the best point is chosen by.
    stops_early : bool
        Whether the number of trees is found by early stopping.
    """

    folds: StackedFolds
    metric: str
    random_state: int
    stops_early: bool

    def search(self, candidate: Candidate, trials: int, seed: int = 0) -> Tried:
        """Return the best of some points of a family's space.

        The first round, of seed 0, begins with the likeliest value of each parameter; the rest is
        drawn.
        """
        import numpy as np
        from sklearn.model_selection import GridSearchCV

        started = time.perf_counter()
        folds = self.folds
        search = GridSearchCV(
            candidate.unfitted(self.random_state),
            self._points(candidate, trials, seed),
            scoring=SCORERS,
            cv=folds.splits,
            refit=False,
            error_score="raise",
        )
        weights = {} if folds.weight is None else {"sample_weight": folds.weight}
        search.fit(folds.X, folds.y, **weights)
        found = search.cv_results_
        best = int(np.argmax(found[f"mean_test_{self.metric}"]))
        tried = Tried(
            candidate,
            params=dict(found["params"][best]),
            scores={
                metric: np.array(
                    [found[f"split{k}_test_{metric}"][best] for k in range(len(folds.splits))]
                )
                for metric in METRICS
            },
            fit_time_s=float(found["mean_fit_time"][best]),
            n_trials=len(found["params"]),
        )
        logger.info(
            "%s: R² %.4f ± %.4f, %d trials, %.1f s",
            *(candidate.label, *mean_and_standard_error(tried.scores["r2"]), tried.n_trials),
            time.perf_counter() - started,
        )
        return tried

    def search_further(self, tried: dict[str, Tried], budget: Budget, progress: Progress) -> None:
        """Replace the best families' points by better ones, in rounds, as long as that gains."""
        metric = self.metric
        for number in range(1, MOST_ROUNDS + 1):
            ranked = sorted(tried.values(), key=lambda one: -one.mean(metric))
            before = ranked[0].mean("r2")
            best = [one for one in ranked if one.candidate.n_points > one.n_trials]
            for done, one in enumerate(best[:ROUND_FAMILIES]):
                if budget.is_used_up:
                    return
                progress(f"Round {number}: {one.candidate.label}", done, ROUND_FAMILIES)
                more = self.search(one.candidate, ROUND_TRIALS, seed=number)
                better = max(one, more, key=lambda each: each.mean(metric))
                n_trials = one.n_trials + more.n_trials
                tried[one.candidate.name] = replace(better, n_trials=n_trials)
            after = max(one.mean(metric) for one in tried.values())
            best_r2 = max(one.mean("r2") for one in tried.values())
            logger.info("Round %d: best score %.5f, R² %.4f", number, after, best_r2)
            if best_r2 - before < ROUND_GAIN and number >= LEAST_ROUNDS:
                return

    def _points(self, candidate: Candidate, trials: int, seed: int) -> list[dict[str, list[Any]]]:
        """Return the points to try, as one-point grids."""
        from sklearn.model_selection import ParameterGrid, ParameterSampler

        smallest = min(len(train) for train, _ in self.folds.splits)
        space = {
            candidate.prefix + name: [v for v in values if name != "n_neighbors" or v <= smallest]
            for name, values in candidate.space.items()
        }
        points = list(ParameterGrid(space))
        if trials < len(points):
            drawn = ParameterSampler(space, n_iter=trials, random_state=self.random_state + seed)
            first = {name: values[0] for name, values in space.items()}
            begin = [] if seed else [first]
            points = [*begin, *(point for point in drawn if point != first)][:trials]
        if candidate.tree_count:
            name = candidate.prefix + candidate.tree_count.parameter
            points = [
                point | {name: self._n_trees(candidate, candidate.tree_count, point)}
                for point in points
            ]
        return [{name: [value] for name, value in point.items()} for point in points]

    def _n_trees(self, candidate: Candidate, count: TreeCount, point: Mapping[str, Any]) -> int:
        if not self.stops_early:
            return count.usual
        estimator = candidate.unfitted(self.random_state).set_params(**point)
        return find_n_trees(estimator, count, self.folds)
