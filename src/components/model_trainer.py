"""Which estimators are tried, how they are tuned, and which one wins.

Tuning and choice happen by cross-validation inside the training rows, with the preprocessing inside
the folds. What is tried depends on the budget and on the table's size, not on the clock, so that a
run can be repeated. The families stand in ``candidates.py``.
"""

from __future__ import annotations

import difflib
import math
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from src.exception import ConfigurationError, TrainingError
from src.logger import get_logger
from src.report.facts import LearningPoint
from src.search.blending import cross_blend, equal_weights, greedy_weights
from src.search.candidates import CANDIDATES, LINEAR, Candidate
from src.search.early_stopping import INNER_FOLDS, Trees, find_n_trees
from src.search.folds import METRICS, StackedFolds, fit_weighted, stack_folds
from src.search.native_categories import NUMERIC, code_categories

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

logger = get_logger(__name__)

FOLDS = 5
BASELINE = "dummy"
BLEND = "blend"

# Estimated processor seconds of fitting, on a core of 2023; `thorough` goes on in rounds while
# they gain, up to its seconds by the clock.
BUDGETS = {"quick": 1.2, "standard": 30.0, "thorough": 60.0}
ROUND_TRIALS = 6  # a family, in each further round
ROUND_FAMILIES = 4
ROUND_GAIN = 0.0005  # R² below which a round is the last

AS_GOOD = 0.002  # R² below which a difference is none
BLEND_WITHIN = 0.05  # R² of the best, for a family to be blended in
BLEND_MEMBERS = 6
BLEND_STEPS = 40
SEARCHED_ROWS = 10_000  # training rows above which the search looks at a sample
EXPANSIONS_SHARE = 1 / 3  # of the room that is left: what a family with more columns may take
ALWAYS_TRIED = 2  # families with at least one trial, however large the table
LEARNING_SHARES = (0.1, 0.25, 0.5, 1.0)
LEARNING_S = 2.0  # estimated, of the learning curve: it takes fewer folds where a fit is dear
LEAST_ROUNDS, MOST_ROUNDS = 2, 50


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


@dataclass(frozen=True)
class LeaderboardRow:
    """What cross-validation says of one family's best parameters.

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
class TrainedModel:
    """The outcome of a search.

    Attributes
    ----------
    leaderboard : list of LeaderboardRow
        Best first; the baseline stands among them.
    left_out : dict of str to str
        Families that were not tried, with the reason.
    winner : LeaderboardRow
    pipeline : Pipeline
        Preprocessor and estimator of the winner, not fitted.
    y, out_of_fold : ndarray of shape (n_searched,)
        Target and out-of-fold predictions of the rows that were searched on.
    """

    leaderboard: list[LeaderboardRow]
    left_out: dict[str, str]
    winner: LeaderboardRow
    pipeline: Pipeline
    y: NDArray[np.float64]
    out_of_fold: NDArray[np.float64]


@dataclass(frozen=True)
class _Tried:
    """A family's best point, and its scores in each fold by metric, larger being better."""

    candidate: Candidate
    params: dict[str, Any]
    scores: dict[str, NDArray[np.float64]]
    fit_time_s: float
    n_trials: int


Progress = Callable[[str, int, int], None]  # label of the family, how many are done, of how many


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
        if isinstance(config.budget, str) and config.budget not in BUDGETS:
            raise ConfigurationError(
                f"A budget is {', '.join(BUDGETS)} or seconds. Got {config.budget!r}."
            )
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

        started = time.monotonic()
        rows = self._searched_rows(len(X))
        folds = stack_folds(
            X.iloc[rows],
            y[rows],
            preprocessor,
            self._splits(len(rows), None if groups is None else np.asarray(groups)[rows]),
            None if weight is None else weight[rows],
        )
        plan, left_out = self._plan(folds, preprocessor)
        tried: dict[str, _Tried] = {}
        with self._quietly():
            for done, (candidate, trials) in enumerate(plan):
                if self._out_of_time(started) and len(tried) > 1:
                    left_out[candidate.name] = "no time left"
                    continue
                progress(candidate.label, done, len(plan))
                tried[candidate.name] = self._search(candidate, trials, folds)
            baseline = tried.pop(BASELINE)
            reference = baseline.scores[self.config.metric]
            within = AS_GOOD * (1.0 if self.config.metric == "r2" else -float(reference.mean()))
            if self.config.budget not in ("quick", "standard"):
                self._search_on(tried, folds, started, progress)
            predicted = self._contenders(tried, folds, within)
            shares, blended = self._blend(predicted, tried, folds, within)
        progress("", len(plan), len(plan))

        board = {name: (self._row(one), one.scores[self.config.metric])
                 for name, one in tried.items()}  # fmt: skip
        if len(shares) > 1:
            predicted[BLEND] = blended
            board[BLEND] = self._blend_row(shares, blended, tried, folds)
        winner, scores = board[BLEND if len(shares) > 1 else next(iter(shares))]
        gain, error = mean_and_standard_error(scores - reference)
        if not (gain > error and winner.r2 > 0):
            small = (
                f", or too few for --cv {self.config.folds}" if self.config.folds > FOLDS else ""
            )
            raise TrainingError(
                f"No model is better than predicting the mean: the best, {winner.label}, reaches a "
                f"cross-validated R² of {winner.r2:.3f} ± {winner.r2_standard_error:.3f}. The "
                f"features say nothing of the target, or the rows are too few{small}. Nothing was "
                "saved."
            )
        ranked = sorted(
            [*board.values(), (self._row(baseline), reference)], key=lambda one: -one[1].mean()
        )
        return TrainedModel(
            leaderboard=[row for row, _ in ranked],
            left_out=left_out,
            winner=winner,
            pipeline=self._pipeline(winner, shares, tried, preprocessor),
            y=folds.truth,
            out_of_fold=predicted[winner.name],
        )

    def fit(
        self,
        pipeline: Pipeline,
        X: pd.DataFrame,
        y: NDArray[np.float64],
        weight: NDArray[np.float64] | None = None,
    ) -> Pipeline:
        """Return a fitted copy of a pipeline."""
        from sklearn.base import clone

        fitted = clone(pipeline)
        with self._quietly():
            matrix = fitted.named_steps["preprocessor"].fit_transform(X, y)
            fit_weighted(fitted.named_steps["model"], matrix, y, weight)
        return fitted

    def learning_curve(
        self,
        trained: TrainedModel,
        X: pd.DataFrame,
        y: NDArray[np.float64],
        groups: Sequence[object] | None = None,
        weight: NDArray[np.float64] | None = None,
    ) -> list[LearningPoint]:
        """Return how good the winner is when it learns from fewer rows, the fewest first.

        Parameters
        ----------
        trained : TrainedModel
            Its parameters stay as they are.
        X, y, groups, weight
            As in :meth:`run`. The folds are the search's.
        """
        import numpy as np
        from joblib import Parallel, delayed
        from sklearn.base import clone
        from sklearn.metrics import r2_score

        rows = self._searched_rows(len(X))
        folds = stack_folds(
            X.iloc[rows],
            y[rows],
            trained.pipeline.named_steps["preprocessor"],
            self._splits(len(rows), None if groups is None else np.asarray(groups)[rows]),
            None if weight is None else weight[rows],
        )
        least = min(len(train) for train, _ in folds.splits)
        sizes = sorted({round(share * least) for share in LEARNING_SHARES if share * least >= 10})

        def scores(size: int, k: int) -> tuple[float, float]:
            train, test = folds.splits[k]
            random = np.random.default_rng((self.config.random_state, k))
            learnt = random.permutation(train)[:size]
            model = fit_weighted(
                clone(trained.pipeline.named_steps["model"]), folds.X, folds.y, folds.weight, learnt
            )
            return (
                float(r2_score(folds.y[test], model.predict(folds.X[test]))),
                float(r2_score(folds.y[learnt], model.predict(folds.X[learnt]))),
            )

        a_fold = self._fit_s(trained, least, folds.X.shape[1]) * math.fsum(LEARNING_SHARES)
        n_folds = max(2, min(len(folds.splits), int(LEARNING_S / a_fold)))
        asked = [(size, k) for size in sizes for k in range(n_folds)]
        with self._quietly():
            found = np.array(Parallel()(delayed(scores)(size, k) for size, k in asked))
        by_size = found.reshape(len(sizes), n_folds, 2)
        return [
            LearningPoint(size, *mean_and_standard_error(each[:, 0]), float(each[:, 1].mean()))
            for size, each in zip(sizes, by_size, strict=True)
        ]

    @staticmethod
    def _fit_s(trained: TrainedModel, n_rows: int, n_columns: int) -> float:
        """Return roughly what a fit of the winner costs, by its families and numbers of trees."""
        winner = trained.winner
        members = [*winner.params] if winner.name == BLEND else [winner.name]
        params = {row.name: row.params for row in trained.leaderboard}
        cost = 0.0
        for candidate in CANDIDATES:
            if candidate.name in members:
                trees = candidate.trees
                n_trees = trees and params[candidate.name].get(candidate.prefix + trees.parameter)
                share = n_trees / trees.usual if trees and n_trees else 1.0
                cost += candidate.seconds(n_rows, n_columns) * share
        return cost

    # --- what is tried ---------------------------------------------------------------------------

    def _searched_rows(self, n_rows: int) -> NDArray[np.intp]:
        """Return the rows to search on: all, or a sample of a table so large that it suffices."""
        import numpy as np

        if n_rows <= SEARCHED_ROWS:
            return np.arange(n_rows)
        logger.info("Searching on %d of %d training rows", SEARCHED_ROWS, n_rows)
        random = np.random.default_rng(self.config.random_state)
        return np.sort(random.choice(n_rows, SEARCHED_ROWS, replace=False))

    def _splits(
        self, n_rows: int, groups: NDArray[Any] | None
    ) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        import numpy as np
        from sklearn.model_selection import GroupKFold, KFold

        n_folds, seed = self.config.folds, self.config.random_state
        if n_rows < 2 * n_folds:
            raise ConfigurationError(
                f"--cv {n_folds} makes folds of fewer than two of the {n_rows} training rows. "
                "Choose fewer folds."
            )
        if groups is None:
            return list(KFold(n_folds, shuffle=True, random_state=seed).split(np.empty(n_rows)))
        n_groups = len(set(groups.tolist()))
        if n_groups < n_folds:
            raise ConfigurationError(
                f"--group names a column with {n_groups} groups in the training rows, too few for "
                f"{n_folds} folds. Choose fewer with --cv."
            )
        folds = GroupKFold(n_folds, shuffle=True, random_state=seed)
        return list(folds.split(np.empty(n_rows), groups=groups))

    def _plan(
        self, folds: StackedFolds, preprocessor: ColumnTransformer
    ) -> tuple[list[tuple[Candidate, int]], dict[str, str]]:
        """Return which families are tried with how many trials, and why the others are not."""
        from sklearn.dummy import DummyRegressor

        baseline = Candidate(
            BASELINE, "Mean of the target (baseline)", lambda seed: DummyRegressor(),
            lambda n, d: 0.0)  # fmt: skip
        plan, left_out = [(baseline, 1)], {}
        budget = self.config.budget
        room = BUDGETS[budget] if isinstance(budget, str) else float(budget)
        n_rows = folds.n_samples * (self.config.folds - 1) // self.config.folds
        coded = code_categories(preprocessor, folds.X.shape[1])
        n_numbers = sum(
            len(names) for step, _, names in preprocessor.transformers if step == NUMERIC
        )
        for candidate in self.candidates:
            if folds.weight is not None and (candidate.wrapped or candidate.name == "neighbors"):
                left_out[candidate.name] = "it cannot be trained with --sample-weight"
                continue
            if candidate.native:
                if coded is None:
                    left_out[candidate.name] = "no feature has three or more categories"
                    continue
                candidate = candidate.decoding(*coded)
            if candidate.expansion:
                if not n_numbers:
                    left_out[candidate.name] = "no feature is a number"
                    continue
                candidate = candidate.expanding(n_numbers)
            trial = candidate.seconds(n_rows, folds.X.shape[1]) * self.config.folds
            if candidate.trees and self._stops_early:
                trial *= 1 + INNER_FOLDS / self.config.folds
            wanted = candidate.trials or candidate.n_points
            trials = min(wanted, int((room - candidate.import_s) / trial))
            if candidate.expansion:
                # With many numbers it is dearer than any other, which would then have no room.
                trials = min(trials, int(EXPANSIONS_SHARE * room / trial))
            if len(plan) <= ALWAYS_TRIED:
                trials = max(trials, 1)
            if trials < 1:
                given = budget if isinstance(budget, str) else f"{budget:g} s"
                left_out[candidate.name] = f"no room in the budget ({given})"
                continue
            room -= candidate.import_s + trials * trial
            plan.append((candidate, trials))
        if len(plan) == 1:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
            raise ConfigurationError(f"None of the chosen models can be trained ({reasons}).")
        return plan, left_out

    @property
    def _stops_early(self) -> bool:
        return self.config.budget != "quick"

    def _out_of_time(self, started: float) -> bool:
        """Whether a budget by the clock is used up; `thorough` has one for its further rounds."""
        budget = self.config.budget
        if isinstance(budget, str):
            return budget == "thorough" and time.monotonic() - started > BUDGETS[budget]
        return time.monotonic() - started > budget

    def _search_on(
        self,
        tried: dict[str, _Tried],
        folds: StackedFolds,
        started: float,
        progress: Progress,
    ) -> None:
        """Try more points of the best families, in rounds, as long as that gains."""
        metric = self.config.metric
        for number in range(1, MOST_ROUNDS + 1):
            ranked = sorted(tried.values(), key=lambda one: -one.scores[metric].mean())
            before = ranked[0].scores["r2"].mean()
            best = [one for one in ranked if one.candidate.n_points > one.n_trials]
            for done, one in enumerate(best[:ROUND_FAMILIES]):
                if self._out_of_time(started):
                    return
                progress(f"Round {number}: {one.candidate.label}", done, ROUND_FAMILIES)
                more = self._search(one.candidate, ROUND_TRIALS, folds, seed=number)
                name, n_trials = one.candidate.name, one.n_trials + more.n_trials
                better = max(one, more, key=lambda each: each.scores[metric].mean())
                tried[name] = replace(better, n_trials=n_trials)
            after = max(one.scores[metric].mean() for one in tried.values())
            best_r2 = max(one.scores["r2"].mean() for one in tried.values())
            logger.info("Round %d: best score %.5f, R² %.4f", number, after, best_r2)
            if best_r2 - before < ROUND_GAIN and number >= LEAST_ROUNDS:
                return

    # --- trying it -------------------------------------------------------------------------------

    def _search(
        self, candidate: Candidate, trials: int, folds: StackedFolds, seed: int = 0
    ) -> _Tried:
        """Return the best of some points of a family's space.

        The first round begins with the likeliest value of each parameter; the rest is drawn.
        """
        import numpy as np
        from sklearn.model_selection import GridSearchCV, ParameterGrid, ParameterSampler

        started = time.perf_counter()
        smallest = min(len(train) for train, _ in folds.splits)
        space = {
            candidate.prefix + name: [v for v in values if name != "n_neighbors" or v <= smallest]
            for name, values in candidate.space.items()
        }
        options: dict[str, Any] = {
            "estimator": self._estimator(candidate),
            "scoring": {
                "r2": "r2",
                "rmse": "neg_root_mean_squared_error",
                "mae": "neg_mean_absolute_error",
            },
            "cv": folds.splits,
            "refit": False,
            "error_score": "raise",
        }
        if trials >= len(ParameterGrid(space)):
            points: Any = space
        else:
            first = {name: values[0] for name, values in space.items()}
            drawn = ParameterSampler(
                space, n_iter=trials, random_state=self.config.random_state + seed
            )
            chosen = [*([] if seed else [first]), *(point for point in drawn if point != first)]
            points = [{k: [v] for k, v in point.items()} for point in chosen[:trials]]
        if candidate.trees:
            name = candidate.prefix + candidate.trees.parameter
            points = [
                {**{k: [v] for k, v in point.items()},
                 name: [self._n_trees(candidate, candidate.trees, point, folds)]}
                for point in ParameterGrid(points)
            ]  # fmt: skip
        search = GridSearchCV(param_grid=points, **options)
        weights = {} if folds.weight is None else {"sample_weight": folds.weight}
        search.fit(folds.X, folds.y, **weights)
        found = search.cv_results_
        best = int(np.argmax(found[f"mean_test_{self.config.metric}"]))
        scores = {
            metric: np.array(
                [found[f"split{k}_test_{metric}"][best] for k in range(len(folds.splits))]
            )
            for metric in METRICS
        }
        tried = _Tried(
            candidate,
            params=dict(found["params"][best]),
            scores=scores,
            fit_time_s=float(found["mean_fit_time"][best]),
            n_trials=len(found["params"]),
        )
        logger.info(
            "%s: R² %.4f ± %.4f, %d trials, %.1f s",
            *(candidate.label, *mean_and_standard_error(scores["r2"]), tried.n_trials),
            time.perf_counter() - started,
        )
        return tried

    def _n_trees(
        self, candidate: Candidate, trees: Trees, point: Mapping[str, Any], folds: StackedFolds
    ) -> int:
        if not self._stops_early:
            return trees.usual
        return find_n_trees(self._estimator(candidate).set_params(**point), trees, folds)

    def _contenders(
        self, tried: dict[str, _Tried], folds: StackedFolds, within: float
    ) -> dict[str, NDArray[np.float64]]:
        """Return out-of-fold predictions of the families that may win, best first.

        The linear families are one but for the penalty: the first in the order of promise that is
        as good as the best of them stands for all. What cannot be compiled is there only where it
        is better than everything that can. In a quick search, only what is as good as the best.
        """
        metric = self.config.metric
        ranked = sorted(tried.values(), key=lambda one: -one.scores[metric].mean())
        first = ranked[0]
        linear = [one for one in tried.values() if one.candidate.name in LINEAR]
        least = max((one.scores[metric].mean() for one in linear), default=0.0) - within
        kept = next((one for one in linear if one.scores[metric].mean() >= least), None)
        near = [
            one
            for one in ranked
            if (one is kept or one.candidate.name not in LINEAR)
            and one.scores["r2"].mean() > first.scores["r2"].mean() - BLEND_WITHIN
        ]
        tabled = [one for one in near if one.candidate.tabled]
        if tabled and tabled[0].scores[metric].mean() > first.scores[metric].mean() - within:
            near = tabled
        if self.config.budget == "quick":
            least = near[0].scores[metric].mean() - within
            near = [one for one in near if one.scores[metric].mean() >= least]
        return {
            one.candidate.name: folds.out_of_fold(self._unfitted(one))
            for one in near[:BLEND_MEMBERS]
        }

    def _blend(
        self,
        predicted: dict[str, NDArray[np.float64]],
        tried: dict[str, _Tried],
        folds: StackedFolds,
        within: float,
    ) -> tuple[dict[str, float], NDArray[np.float64]]:
        """Return the winners' shares, and what they predict together out of fold.

        The families that are as good as the best, within 0.002 R², are averaged: which of them is
        ahead is chance, and the mean of what differs by chance is better than the luckiest. Where
        no other is as good, that is the best alone. Weights that are fitted to the out-of-fold
        predictions are taken only where they gain more than that, and more than a standard error of
        the paired difference over the folds. Both are judged on folds that they have not seen.
        """
        import numpy as np

        metric, names = self.config.metric, [*predicted]
        matrix = np.array([predicted[name] for name in names])
        scores = np.array([tried[name].scores[metric] for name in names])

        def rows(of_folds: Sequence[int]) -> NDArray[np.intp]:
            return np.concatenate([folds.tests[fold] for fold in of_folds])

        shares, blended = cross_blend(
            matrix, folds.tests, lambda of: equal_weights(scores[:, [*of]].mean(axis=1), within)
        )
        if self.config.budget != "quick":
            fitted, fitted_blended = cross_blend(
                matrix, folds.tests,
                lambda of: greedy_weights(matrix[:, rows(of)], folds.truth[rows(of)], BLEND_STEPS),
            )  # fmt: skip
            gains = self._fold_scores(fitted_blended, folds) - self._fold_scores(blended, folds)
            gain, error = mean_and_standard_error(gains)
            if gain > max(within, error):
                shares, blended = fitted, fitted_blended
        if np.count_nonzero(shares) == 1:
            blended = matrix[int(np.argmax(shares))]
        return {n: float(w) for n, w in zip(names, shares, strict=True) if w > 0}, blended

    def _fold_scores(
        self, predicted: NDArray[np.float64], folds: StackedFolds
    ) -> NDArray[np.float64]:
        """Return the metric of out-of-fold predictions in each fold, the larger the better."""
        metric = self.config.metric
        scores = folds.scores(predicted, metric)
        return scores if metric == "r2" else -scores

    # --- what comes of it ------------------------------------------------------------------------

    @staticmethod
    def _row(one: _Tried) -> LeaderboardRow:
        r2, standard_error = mean_and_standard_error(one.scores["r2"])
        return LeaderboardRow(
            name=one.candidate.name,
            label=one.candidate.label,
            r2=r2,
            r2_standard_error=standard_error,
            rmse=-float(one.scores["rmse"].mean()),
            mae=-float(one.scores["mae"].mean()),
            fit_time_s=one.fit_time_s,
            n_trials=one.n_trials,
            params=one.params,
        )

    def _blend_row(
        self,
        shares: dict[str, float],
        predicted: NDArray[np.float64],
        tried: dict[str, _Tried],
        folds: StackedFolds,
    ) -> tuple[LeaderboardRow, NDArray[np.float64]]:
        scores = {metric: folds.scores(predicted, metric) for metric in METRICS}
        r2, standard_error = mean_and_standard_error(scores["r2"])
        row = LeaderboardRow(
            name=BLEND,
            label=_blend_label([tried[name].candidate.label for name in shares], shares.values()),
            r2=r2,
            r2_standard_error=standard_error,
            rmse=float(scores["rmse"].mean()),
            mae=float(scores["mae"].mean()),
            fit_time_s=sum(tried[name].fit_time_s for name in shares),
            n_trials=1,
            params={name: round(share, 6) for name, share in shares.items()},
        )
        return row, self._fold_scores(predicted, folds)

    def _pipeline(
        self,
        winner: LeaderboardRow,
        shares: dict[str, float],
        tried: dict[str, _Tried],
        preprocessor: ColumnTransformer,
    ) -> Pipeline:
        from sklearn.base import clone
        from sklearn.ensemble import VotingRegressor
        from sklearn.pipeline import Pipeline

        if winner.name == BLEND:
            model = VotingRegressor(
                [(name, self._unfitted(tried[name])) for name in shares],
                weights=list(shares.values()),
            )
        else:
            model = self._unfitted(tried[winner.name])
        return Pipeline([("preprocessor", clone(preprocessor)), ("model", model)])

    def _unfitted(self, one: _Tried) -> BaseEstimator:
        """Return an unfitted estimator with a point's parameters."""
        return self._estimator(one.candidate).set_params(**one.params)

    def _estimator(self, candidate: Candidate) -> BaseEstimator:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.preprocessing import StandardScaler

        estimator = candidate.build(self.config.random_state)
        if candidate.scales_target:
            return TransformedTargetRegressor(estimator, transformer=StandardScaler())
        return estimator

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Run fits in threads, one thread each, without their warnings.

        Poor points of a search space are expected to warn. The warnings are recorded, not only
        ignored: the fits' threads set the filters back and forth under one another.
        """
        import joblib
        from threadpoolctl import threadpool_limits

        with (
            threadpool_limits(limits=1),
            joblib.parallel_config("threading", n_jobs=self.config.jobs),
            warnings.catch_warnings(record=True),
        ):
            yield


def _blend_label(labels: Sequence[str], shares: Collection[float]) -> str:
    """Return what to call a blend.

    Examples
    --------
    >>> _blend_label(["Ridge regression", "CatBoost"], [0.5, 0.5])
    'Average of Ridge regression, CatBoost'
    """
    kind = "Average" if len(set(shares)) == 1 else "Blend"
    return f"{kind} of {', '.join(labels)}"


def mean_and_standard_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of some values and its standard error."""
    import numpy as np

    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
