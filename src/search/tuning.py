"""The search of a family's space, and further rounds of it where the budget goes on."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from src.exception import StuPredictionError
from src.logger import get_logger
from src.search.candidates import Candidate, TreeCount
from src.search.early_stopping import counted_folds, find_n_trees, mean_count
from src.search.folds import StackedFolds
from src.search.home import HERE, Home
from src.search.leaderboard import Tried
from src.search.memory import trim_heap
from src.search.plan import Budget, Progress, fit_s, trial_s
from src.search.scores import pooled_score
from src.search.task import R2

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = get_logger(__name__)

ROUND_TRIALS = 6  # a family, in each further round
ROUND_FAMILIES = 4
ROUND_GAIN = 0.0005  # R² below which a round is the last
LEAST_ROUNDS, MOST_ROUNDS = 2, 50
# Above these, fits of forests and of curves, products and codes are made one at a time: the deep
# trees of 10,000 rows take 30 MB, and curves five to seven times what a fold's rows do.
FOREST_ROWS, EXPANDED_CELLS = 5_000, 250_000
_ONE_LARGE_FIT = threading.Lock()


class UnfittableError(Exception):
    """A family of estimators cannot be fitted to the folds; the message is the reason."""


@dataclass(frozen=True)
class Tuner:
    """Search the spaces of families by cross-validation.

    Attributes
    ----------
    metric : str
        What the best point is chosen by.
    stops_early : bool
        Whether the number of trees is found by early stopping.
    home : Home
        Where the fits run.
    """

    folds: StackedFolds
    metric: str
    random_state: int
    stops_early: bool
    home: Home = HERE

    def search(self, candidate: Candidate, trials: int, seed: int = 0) -> Tried:
        """Return the best of some points of a family's space.

        The first round, of seed 0, begins with the likeliest value of each parameter; the rest is
        drawn.

        Raises
        ------
        UnfittableError
            If its library refuses what a fold has to learn from, such as a target that is the same
            in all rows, or predicts no number at any point.
        """
        import numpy as np

        started = time.perf_counter()
        folds, metric = self.folds, self.metric
        try:
            tried = self._tried_points(candidate, trials, seed)
        except (StuPredictionError, OSError, MemoryError):
            raise
        except Exception as error:
            logger.warning("%s could not be fitted: %s", candidate.label, error)
            logger.info("Where it failed:", exc_info=True)
            raise UnfittableError(f"it could not be fitted ({type(error).__name__})") from error
        points = np.array([folds.joined([part for part, _ in parts]) for _, parts in tried])
        usable = [bool(np.isfinite(predicted).all()) for predicted in points]
        if not any(usable):
            raise UnfittableError("it predicts no number")
        scores = [
            pooled_score(folds, predicted, metric) if number else -math.inf
            for predicted, number in zip(points, usable, strict=True)
        ]
        best = int(np.argmax(scores))
        params, parts = tried[best]
        found = Tried(
            candidate,
            params,
            {
                name: pooled_score(folds, points[best], name)
                for name in (R2, *folds.task.error_names)
            },
            points[best],
            points[usable],
            fit_time_s=math.fsum(seconds for _, seconds in parts) / len(parts),
        )
        trim_heap()
        logger.info(
            "%s: R² %.4f, %d trials, %.1f s",
            *(candidate.label, found.scores["r2"], found.n_trials),
            time.perf_counter() - started,
        )
        return found

    def _tried_points(
        self, candidate: Candidate, trials: int, seed: int
    ) -> list[tuple[dict[str, Any], list[tuple[NDArray[np.float64], float]]]]:
        """Return each point's parameters, and the folds' predictions with the seconds of a fit.

        A booster is scored in each fold with the number of trees that was found for it; in the
        parameters stands their mean.
        """
        folds, count = range(len(self.folds.splits)), candidate.tree_count
        points = self._points(candidate, trials, seed)
        of_folds = [[point] * len(folds) for point in points]
        if count:
            name = candidate.prefix + count.parameter
            numbers = self._tree_numbers(candidate, count, points)
            points = [
                point | {name: mean_count(of_point)}
                for point, of_point in zip(points, numbers, strict=True)
            ]
            of_folds = [
                [point | {name: number} for number in of_point]
                for point, of_point in zip(points, numbers, strict=True)
            ]

        task = partial(_predict, candidate, self.random_state)
        asked = [(one[k], k) for one in of_folds for k in folds]
        found = self.home.map(task, self.folds, asked, fit_s(candidate, self.folds))
        return [
            (point, found[i * len(folds) : (i + 1) * len(folds)]) for i, point in enumerate(points)
        ]

    def _tree_numbers(
        self, candidate: Candidate, count: TreeCount, points: Sequence[Mapping[str, Any]]
    ) -> list[list[int]]:
        """Return the number of trees of each point in each fold."""
        n_folds = len(self.folds.splits)
        if not self.stops_early:
            return [[count.usual] * n_folds for _ in points]
        counted = counted_folds(self.folds.n_samples, n_folds)
        task = partial(_count_trees, candidate, count, self.random_state)
        asked = [(point, k) for point in points for k in range(counted)]
        found = self.home.map(task, self.folds, asked, fit_s(candidate, self.folds))
        by_point = [found[i : i + counted] for i in range(0, len(found), counted)]
        return [
            of_point if counted == n_folds else [mean_count(of_point)] * n_folds
            for of_point in by_point
        ]

    def search_further(self, tried: dict[str, Tried], budget: Budget, progress: Progress) -> None:
        """Replace the best families' points by better ones, in rounds, as long as that gains."""
        import numpy as np

        metric, quick = self.metric, not self.stops_early
        planned_s = math.fsum(
            trial_s(one.candidate, self.folds, quick=quick) * one.n_trials for one in tried.values()
        )
        for number in range(1, MOST_ROUNDS + 1):
            ranked = sorted(tried.values(), key=lambda one: -one.scores[metric])
            before = ranked[0].scores["r2"]
            best = [one for one in ranked if one.candidate.n_points > one.n_trials]
            for done, one in enumerate(best[:ROUND_FAMILIES]):
                planned_s += ROUND_TRIALS * trial_s(one.candidate, self.folds, quick=quick)
                if budget.is_used_up(planned_s):
                    return
                progress(f"Round {number}: {one.candidate.label}", done, ROUND_FAMILIES)
                try:
                    more = self.search(one.candidate, ROUND_TRIALS, seed=number)
                except UnfittableError:  # the points that could be fitted stay
                    continue
                better = max(one, more, key=lambda each: each.scores[metric])
                points = np.vstack([one.points, more.points])
                tried[one.candidate.name] = replace(better, points=points)
            after = max(one.scores[metric] for one in tried.values())
            best_r2 = max(one.scores["r2"] for one in tried.values())
            logger.info("Round %d: best score %.5f, R² %.4f", number, after, best_r2)
            if best_r2 - before < ROUND_GAIN and number >= LEAST_ROUNDS:
                return

    def _points(self, candidate: Candidate, trials: int, seed: int) -> list[dict[str, Any]]:
        """Return the points to try, without numbers of trees."""
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
        return points


def _predict(
    candidate: Candidate, random_state: int, folds: StackedFolds, asked: tuple[dict[str, Any], int]
) -> tuple[NDArray[np.float64], float]:
    """Return what a point predicts for a fold's test rows, and how many seconds that took."""
    point, k = asked
    if candidate.is_forest:
        alone = folds.n_train > FOREST_ROWS
    else:
        alone = bool(candidate.expansion) and folds.n_train * folds.X.shape[1] > EXPANDED_CELLS
    with _ONE_LARGE_FIT if alone else nullcontext():
        if alone:
            trim_heap()
        began = time.perf_counter()
        estimator = candidate.unfitted(random_state).set_params(**point)
        return folds.predict_fold(estimator, k), time.perf_counter() - began


def _count_trees(
    candidate: Candidate,
    count: TreeCount,
    random_state: int,
    folds: StackedFolds,
    asked: tuple[dict[str, Any], int],
) -> int:
    """Return how many trees a point needs in a fold."""
    point, k = asked
    estimator = candidate.unfitted(random_state).set_params(**point)
    return find_n_trees(estimator, count, folds, k)
