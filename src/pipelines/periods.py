"""What is told of the periods of a table: the model's scores from one to the next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from src.components.class_evaluation import ClassEvaluation
from src.components.model_evaluation import ModelEvaluation
from src.components.model_periods import ModelPeriods, Predicted, feature_shifts
from src.components.model_trainer import ModelTrainer
from src.pipelines.judging import Judged
from src.pipelines.rows import Rows
from src.report.group_facts import KNOWN
from src.report.period_facts import OtherLearning, PeriodsFacts
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.search.folds import quiet_fits, split_rows, stack_folds
from src.search.group_effects import fit_groups
from src.search.leaderboard import TrainedModel
from src.search.plan import searched_rows
from src.search.task import REGRESSION
from src.stats.chances import ClassChances
from src.stats.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

LEAST_LEARNT = 10  # rows


@dataclass(frozen=True)
class PeriodsJudge:
    """Judge a model period by period.

    Attributes
    ----------
    column : str
    names : tuple of str
        The periods, the last of which is held out.
    first : str
        With groups, the case that ``test`` is of.
    held_out : Rows
        All rows of the last period that were held out.
    """

    schema: Schema
    trainer: ModelTrainer
    trained: TrainedModel
    judged: Judged
    column: str
    names: tuple[str, ...]
    first: str
    train: Rows
    test: Rows
    held_out: Rows
    n_left_out: int

    def run(self) -> PeriodsFacts:
        """Return what is told."""
        import numpy as np
        import pandas as pd

        config, train, test, schema = self.trainer.config, self.train, self.test, self.schema
        not_learnt = self._not_learnt()
        event = frozenset() if schema.task == "regression" else _event(schema.outcomes, not_learnt)
        component = ModelPeriods(config.task, event, self._scores)
        last = Predicted(
            self.names[-1], test.y, self._said(self.judged.y_pred), test.clusters, len(train.y)
        )
        earlier = self._earlier()
        X = pd.concat([train.X, self.held_out.X])
        is_last = np.arange(len(X)) >= len(train.X)
        groups = None
        if train.groups is not None and self.held_out.groups is not None:
            groups = np.unique([*train.groups, *self.held_out.groups], return_inverse=True)[1]
        codes = self._codes(train)
        newest = codes == codes.max()
        one_alone = bool(newest.all())
        return PeriodsFacts(
            column=self.column,
            names=self.names,
            follows_time=self.trained.folds.tested is not None,
            n_left_out=self.n_left_out,
            scores=component.scores(earlier, last),
            by_chance=self._by_chance(),
            newest=None if one_alone else self._other(component, last, np.flatnonzero(newest)),
            older=None if one_alone else self._other(component, last, np.flatnonzero(~newest)),
            mean_error=component.mean_error(earlier, last),
            loss=component.loss(earlier, last),
            shifts=feature_shifts(schema, X, is_last, config.random_state, groups),
            not_learnt=not_learnt,
        )

    def _not_learnt(self) -> tuple[str, ...]:
        """Return the outcomes of the last period that are in no row that was learnt from."""
        import numpy as np

        if self.schema.task == "regression":
            return ()
        new = np.setdiff1d(self.held_out.y, self.train.y)
        return tuple(self.schema.outcomes.categories[int(code)] for code in new)

    def _said(self, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions as they are told: within the bounds, or calibrated."""
        spread = self.judged.spread
        if isinstance(spread, ClassChances):
            return spread.calibrated_of_each(predicted)
        return self.schema.clip_all(predicted)

    def _scores(self, one: Predicted) -> dict[str, Interval]:
        if self.schema.task == "regression":
            found = ModelEvaluation(one.clusters).run(one.truth, one.predicted, 0.0)
            return {"r2": found.r2, "rmse": found.rmse, "mae": found.mae}
        prior = self.trainer.config.task.constant(self.train.y, 1)[0]
        target = self.schema.outcomes
        of_classes = ClassEvaluation(one.clusters).run(
            one.truth,
            one.predicted,
            prior,
            ordered=target.ordered,
            event=frozenset(target.event),
        )
        return {
            "log_loss": of_classes.log_loss,
            "brier": of_classes.brier,
            "auc": of_classes.auc,
        }

    @staticmethod
    def _codes(rows: Rows) -> NDArray[np.intp]:
        if rows.cohorts is None:
            raise TypeError("rows without periods")
        return rows.cohorts.codes

    def _earlier(self) -> list[Predicted]:
        """Return the earlier periods that folds predicted, in their order."""
        import numpy as np

        trained, folds = self.trained, self.trained.folds
        if folds.tested is None:
            return []
        searched = searched_rows(len(self.train.y), self.trainer.config.random_state)
        codes = self._codes(self.train)[folds.of_tested(searched)]
        out_of_fold = trained.out_of_fold
        if trained.groups is not None:
            fit = trained.groups
            out_of_fold = fit.known if self.first == KNOWN else fit.new
        n_learnt = dict[int, int]()
        for (learnt, _), test in zip(folds.splits, folds.tests, strict=True):
            n_learnt[int(codes[test[0]])] = len(learnt)
        clusters, found = folds.clusters, []
        for code, n in sorted(n_learnt.items()):
            rows = np.flatnonzero(codes == code)
            of_rows = None if clusters is None else clusters[rows]
            said = self._said(out_of_fold[rows])
            found.append(Predicted(self.names[code], self._truth(rows), said, of_rows, n))
        return found

    def _truth(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        truth = self.trained.folds.truth[rows]
        return truth if self.schema.task == "regression" else truth.astype(int)

    def _by_chance(self) -> dict[str, Interval]:
        """Return the scores of the same model in folds of rows drawn at random."""
        config, train, trained = self.trainer.config, self.train, self.trained
        seed, task = config.random_state, config.task
        rows = searched_rows(len(train.y), seed)
        of = train.take(rows)
        people = None if of.cohorts is None else of.cohorts.people
        splits = split_rows(of.y, config.folds, seed, people, task)
        preprocessor, model = trained.pipeline.named_steps.values()
        with quiet_fits(config.jobs):
            X = of.X[list(self.schema.names)]
            folds = stack_folds(X, of.y, preprocessor, splits, of.weight, task=task)
            predicted = folds.out_of_fold(model, config.home, trained.winner.fit_time_s)
            if trained.groups is not None and of.units is not None and self.first == KNOWN:
                predicted = fit_groups(folds, predicted, predicted, rows, of.units, seed).known
        return self._scores(Predicted("", of.y, self._said(predicted), of.clusters, 0))

    def _other(
        self, component: ModelPeriods, last: Predicted, rows: NDArray[np.intp]
    ) -> OtherLearning | None:
        """Return how well the last period is predicted by what is learnt from some rows."""
        of, task, fit = self.train.take(rows), self.trainer.config.task, self.trained.groups
        lacks_some = self.schema.task != "regression" and set(of.y) < set(self.train.y)
        if len(rows) < LEAST_LEARNT or lacks_some:
            return None
        names = list(self.schema.names)
        try:
            fitted: Pipeline = self.trainer.fit(
                self.trained.pipeline, of.X[names], of.y, of.weight, of.groups
            )
        except ValueError:  # more neighbours than rows, and the like
            return None
        predicted = task.predict(fitted, self.test.X[names])
        if fit is not None and self.test.units is not None:
            predicted = fit.applied(predicted, self.test.units.keys)
        said = Predicted(last.name, last.truth, self._said(predicted), last.clusters, len(rows))
        learnt = last.truth if task == REGRESSION else self.train.y  # as the scores' R² has it
        return component.other(last, said, task.constant(learnt, len(last.truth)))


def _event(target: ClassTarget, not_learnt: Collection[str]) -> frozenset[int]:
    """Return the outcomes whose share is compared: those at risk, or else the second of two.

    Of those at risk none is compared where none was learnt.
    """
    if target.event and set(target.at_risk) <= set(not_learnt):
        return frozenset()
    of_two = (1,) if len(target.categories) == 2 else ()
    return frozenset(target.event or of_two)
