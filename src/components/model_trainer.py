"""Which estimators are tried, how they are tuned, and which one wins.

Tuning and choice happen by cross-validation inside the training rows, with the preprocessing inside
the folds. The steps stand in ``src/search``: the families in ``candidates.py``, what is tried of
them in ``plan.py``, the search of one in ``tuning.py``, the choice in ``selection.py``.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from src.config import BASELINE
from src.exception import ConfigurationError, TrainingError
from src.report.facts import LearningPoint
from src.search.chance import EXPLAINED, chance_p_value, power
from src.search.cohorts import Cohorts, TimeFold
from src.search.folds import (
    FOLDS,
    StackedFolds,
    fit_preprocessor,
    fit_weighted,
    quiet_fits,
    split_rows,
    stack_folds,
)
from src.search.group_effects import GroupFit, Units, fit_groups
from src.search.home import HERE, Home, ended_together
from src.search.leaderboard import TrainedModel, Tried
from src.search.learning_curve import learning_scores
from src.search.memory import trim_heap
from src.search.more_rows import MoreRows, Unseen
from src.search.native_categories import without_clock
from src.search.plan import Budget, Progress, plan_search, searched_rows
from src.search.references import columns_of, reference_rows
from src.search.scores import pooled_score, r2_gain
from src.search.selection import Selection, Winner, as_good_in_unit_of
from src.search.task import REGRESSION, Classification, Task
from src.search.tuning import Tuner, UnfittableError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

CHANCE = 0.05  # of training on features that say nothing of the target
LONG_TAILS = 10.0  # excess kurtosis of the target; a normal one has 0
SURELY = 2.0  # half-widths of its interval: a gain over the mean that chance does not make
MOST_TOGETHER = 500_000  # cells of a table; of more, an average's members are fitted one by one


@dataclass(frozen=True)
class ModelTrainerConfig:
    """How the search is run.

    Attributes
    ----------
    models : tuple of str
        Names of candidates; empty for all.
    jobs : int
        Fits at once in this process; does not change the result.
    budget : str or float
        A key of :data:`BUDGETS`, or seconds by the clock.
    budget_share : float
        Of that budget, where several searches have it together.
    metric : str
        What the winner is chosen by: one of the task's metrics; empty for the first.
    task : Task
        What the target is.
    for_known_groups : bool
        Whether the choice is made for new members of groups that are known, by folds of rows, and
        not for groups that are not.
    home : Home
        Where the fits of the search run; does not change the result.
    """

    models: tuple[str, ...] = ()
    random_state: int = 42
    jobs: int = 1
    folds: int = FOLDS
    budget: str | float = "standard"
    budget_share: float = 1.0
    metric: str = ""
    task: Task = REGRESSION
    for_known_groups: bool = False
    home: Home = HERE


class ModelTrainer:
    """Search the candidates on the training rows."""

    def __init__(self, config: ModelTrainerConfig) -> None:
        self.config, candidates = config, config.task.candidates
        self.metric = config.metric or next(iter(config.task.metrics))
        known = {candidate.name: candidate for candidate in candidates}
        unknown = [name for name in config.models if name not in known]
        if unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            raise ConfigurationError(
                f"There is no model {', '.join(map(repr, unknown))}. "
                f"{f'Did you mean {near[0]!r}? ' if near else ''}Choose from {', '.join(known)}."
            )
        Budget(config.budget)  # refuses one that does not exist
        if self.metric not in config.task.metrics:
            raise ConfigurationError(
                f"A metric is one of {', '.join(config.task.metrics)}. Got {self.metric!r}."
            )
        chosen = [candidate for candidate in candidates if candidate.name in config.models]
        self.candidates = chosen or [*candidates]

    def run(
        self,
        X: pd.DataFrame,
        y: NDArray[np.float64],
        preprocessor: ColumnTransformer,
        progress: Progress = lambda label, done, total: None,
        groups: Sequence[object] | None = None,
        weight: NDArray[np.float64] | None = None,
        units: Units | None = None,
        cohorts: Cohorts | None = None,
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
        units : Units, optional
            Groups, such as schools, that have an effect: parts of `groups`, or the same.
        cohorts : Cohorts, optional
            The rows' periods: folds then follow time, if there are two of them or more. Groups
            come again in later periods, so that they are not kept whole.

        Raises
        ------
        ConfigurationError
            If no chosen model can be trained, or there are too few groups.
        TrainingError
            If the features cannot be told from noise (:func:`chance_p_value`), or the winner's R²,
            corrected for the choice, is not above 0.
        """
        import numpy as np
        from sklearn.base import clone
        from sklearn.pipeline import Pipeline

        config, metric = self.config, self.metric
        budget = Budget(config.budget, config.budget_share, config.home.by_clock)
        n_columns = sum(map(len, columns_of(preprocessor).values()))
        rows = searched_rows(len(X), config.random_state, n_columns)
        of_rows = None if groups is None else np.asarray(groups)[rows]
        apart = of_rows
        if units is not None and config.for_known_groups:
            apart = None if units.people is None else units.people[rows]
        inner = None
        in_time = [] if cohorts is None else self._time_folds(cohorts.take(rows), y[rows])
        if in_time:
            splits = [(one.train, one.test) for one in in_time]
            inner = [(one.learn, one.stop) for one in in_time]
        else:
            cohorts = None
            splits = split_rows(y[rows], config.folds, config.random_state, apart, config.task)
        weights = None if weight is None else weight[rows]
        folds = stack_folds(
            X.iloc[rows], y[rows], preprocessor, splits, weights, of_rows, config.task, inner
        )
        plan, left_out = plan_search(self.candidates, folds, preprocessor, budget, len(X))
        tuner = Tuner(folds, metric, config.random_state, not budget.quick, config.home)
        tried: dict[str, Tried] = {}
        with quiet_fits(config.jobs):
            for done, (candidate, trials) in enumerate(plan):
                if budget.is_used_up() and len(tried) > 1:
                    left_out[candidate.name] = "no time left"
                    continue
                progress(candidate.label, done, len(plan))
                try:
                    tried[candidate.name] = tuner.search(candidate, trials)
                except UnfittableError as error:
                    left_out[candidate.name] = str(error)
            baseline = tried.pop(BASELINE)
            if not tried:
                reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
                raise TrainingError(f"No model could be trained on this table ({reasons}).")
            if budget.goes_on:
                tuner.search_further(tried, budget, progress)
            within = as_good_in_unit_of(metric, baseline)
            winner = Selection(
                folds, tried, metric, within, config.random_state, budget.quick
            ).run()
            p_value = self._refuse_chance(winner, folds)
            references = reference_rows(tuner, preprocessor, tried, winner.out_of_fold)
            ratio = 1.0
            if config.task == REGRESSION:
                seen = -pooled_score(folds, winner.out_of_fold, "rmse")
                ratio = winner.row.errors["rmse"] / seen if seen else 1.0
            estimator, unseen = (
                winner.estimator,
                Unseen(folds.of_tested(rows), winner.out_of_fold, ratio),
            )
            if len(rows) < len(X) and config.task == REGRESSION:
                trim_heap()
                progress(f"{winner.row.label}, on more rows", len(plan), len(plan))
                more = MoreRows.of(X, y, preprocessor, config.random_state, groups, weight, cohorts)
                estimator, unseen = more.try_out(estimator, tune=not budget.quick)
            effects = None
            if units is not None:
                progress("The groups' effects", len(plan), len(plan))
                effects = self._group_effects(
                    X.iloc[rows], folds, winner, estimator, preprocessor, rows, units
                )
        progress("", len(plan), len(plan))
        ranked = [(winner.score, winner.row)]
        ranked += [(row.score(metric), row) for row in references]
        for one in (*tried.values(), baseline):
            if one.candidate.name != winner.row.name:
                behind = r2_gain(folds, winner.out_of_fold, one.out_of_fold)
                row = replace(one.row(folds), behind=behind)
                ranked.append((one.scores[metric], row))
        ranked.sort(key=lambda pair: -pair[0])
        return TrainedModel(
            leaderboard=[row for _, row in ranked],
            left_out=left_out,
            winner=winner.row,
            pipeline=Pipeline([("preprocessor", clone(preprocessor)), ("model", estimator)]),
            folds=folds,
            out_of_fold=winner.out_of_fold,
            unseen=unseen,
            chance_p_value=p_value,
            groups=effects,
        )

    def _time_folds(self, cohorts: Cohorts, y: NDArray[Any]) -> list[TimeFold]:
        """Return folds that follow time; none where there is one period alone."""
        is_number = not isinstance(self.config.task, Classification)
        n_classes = 0 if is_number else len(set(y.tolist()))  # the last period may have another
        return cohorts.folds(y, n_classes, self.config.random_state)

    def _group_effects(
        self,
        X: pd.DataFrame,
        folds: StackedFolds,
        winner: Winner,
        estimator: BaseEstimator,
        preprocessor: ColumnTransformer,
        rows: NDArray[np.intp],
        units: Units,
    ) -> GroupFit | None:
        """Return what groups add to the winner, for new groups and for known ones.

        The search's folds are of one kind, groups kept whole or not; others are made for the other.
        Folds that follow time are of both: groups come again.
        """
        config, found, of_rows = self.config, winner.out_of_fold, units.take(rows)
        weight = None if folds.weight is None else folds.weight[: folds.n_rows]
        groups = None if folds.groups is None else folds.groups[: folds.n_rows]

        def predicted(apart: NDArray[Any] | None) -> NDArray[np.float64]:
            if folds.tested is not None:
                return found
            splits = split_rows(folds.truth, config.folds, config.random_state, apart, config.task)
            other = stack_folds(X, folds.truth, preprocessor, splits, weight, groups, config.task)
            return other.out_of_fold(estimator, config.home, winner.row.fit_time_s)

        if config.for_known_groups:
            new, seen = predicted(groups), found
        else:
            new, seen = found, predicted(of_rows.people)
        return fit_groups(folds, new, seen, rows, of_rows, config.random_state)

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
        jobs = self.config.jobs if X.size <= MOST_TOGETHER else 1
        with quiet_fits(jobs), ended_together():
            preprocessor, matrix = fit_preprocessor(preprocessor, X, y, of_rows)
            trim_heap()
            model = without_clock(fit_weighted(clone(model), matrix, y, weight))
        return Pipeline([("preprocessor", preprocessor), ("model", model)])

    def learning_curve(self, trained: TrainedModel) -> tuple[list[LearningPoint], list[int]]:
        """Return how good the winner is when it learns from fewer rows, the fewest first.

        Beside it, the numbers of rows from which it cannot learn.
        """
        with quiet_fits(self.config.jobs):
            found, too_few = learning_scores(trained, self.config.random_state, self.config.home)
        points = [
            LearningPoint(
                one.n_train, one.r2.value, one.r2.low, one.r2.high, one.train_r2, one.gain
            )
            for one in found
        ]
        return points, too_few

    def _refuse_chance(self, winner: Winner, folds: StackedFolds) -> float | None:
        """Return how often chance makes a target look as predictable; raise where it may be that.

        None where the winner is so far ahead of the mean that nobody need ask.
        """
        from scipy.stats import kurtosis

        row, p_value, task = winner.row, None, folds.task
        gain = r2_gain(folds, winner.out_of_fold, folds.training_means)
        half = gain.high - gain.value
        if row.r2 > 0 and gain.value > SURELY * half:
            return None
        if row.r2 > 0:
            p_value = chance_p_value(folds, self.config.random_state)
            if p_value <= CHANCE:
                return p_value
        n_rows, n_columns, n_folds = folds.n_samples, folds.X.shape[1], self.config.folds
        small = f", or too few for {n_folds} folds" if n_folds > FOLDS else ""
        found = power(n_rows, n_columns) if task is REGRESSION else None
        usual = ""
        if found is not None:
            usual = (
                f" With {n_rows} training rows and {n_columns} columns, a linear relation that "
                f"explains {EXPLAINED:.0%} is found in about {100 * found:.0f} of 100 tables by an "
                "F-test, where errors are normal."
            )
        extreme = ""
        if task is REGRESSION and float(kurtosis(folds.truth)) > LONG_TAILS:
            extreme = ", or a few extreme values of the target outweigh all others"
        raise TrainingError(
            f"No model is better than {task.knowing_nothing}, as far as chance lets one see: the "
            f"best, {row.label}, reaches a cross-validated R² of {row.r2:.3f}. The features say "
            f"nothing of the target, or the rows are too few{small}{extreme}.{usual} Nothing was "
            "saved.",
            setting="folds" if small else "",
        )
