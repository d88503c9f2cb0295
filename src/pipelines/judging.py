"""How good a fitted model is, and what is said beside its predictions: by what its target is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from src.components.class_evaluation import ClassEvaluation
from src.components.model_chances import ModelChances
from src.components.model_evaluation import Evaluation, ModelEvaluation, quality_at_marks
from src.components.model_intervals import ModelIntervals, try_blanks
from src.pipelines.rows import Rows
from src.pipelines.run_files import coverage_by_prediction, coverage_of, set_coverage
from src.report.class_facts import ClassScores
from src.report.data_summary import target_histogram
from src.report.facts import PassMark
from src.schema.record import Schema
from src.search.leaderboard import TrainedModel
from src.serving.outcomes import CHANCES
from src.stats.chances import ClassChances
from src.stats.class_scores import log_losses
from src.stats.conformal import PredictionIntervals
from src.stats.intervals import mean_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Judged:
    """What is known of a model beside its predictions.

    Attributes
    ----------
    y_pred : ndarray of shape (n_test,) or (n_test, n_classes)
        For the held-out rows: numbers that are not clipped, or raw probabilities.
    spread : PredictionIntervals or ClassChances
        What serving says beside a prediction.
    file : str
        Where that is kept in a run.
    metrics : dict
        What it adds to metrics.json.
    """

    y_pred: NDArray[np.float64]
    spread: PredictionIntervals | ClassChances
    file: str
    evaluation: Evaluation | ClassScores
    metrics: dict[str, Any]
    pass_mark: PassMark | None = None


def chances_of(
    trained: TrainedModel, event: frozenset[int], *, ordered: bool, seed: int
) -> ClassChances:
    """Return what a search's out-of-fold probabilities teach of its chances."""
    import numpy as np

    folds = trained.folds
    return ModelChances(seed).run(
        folds.truth.astype(np.int64),
        trained.out_of_fold,
        ordered=ordered,
        event=event,
        clusters=folds.clusters,
    )


@dataclass(frozen=True)
class Judge:
    """Judge a model that was fitted on training rows.

    Attributes
    ----------
    mark : float or None
        The pass mark of a number.
    """

    schema: Schema
    train: Rows
    test: Rows
    seed: int
    mark: float | None = None

    def run(self, trained: TrainedModel, fitted: Pipeline) -> Judged:
        """Return what is known; here the test rows are read, once."""
        judged: Callable[[TrainedModel, Pipeline], Judged] = (
            self._numbers if self.schema.task == "regression" else self._outcomes
        )
        return judged(trained, fitted)

    def _numbers(self, trained: TrainedModel, fitted: Pipeline) -> Judged:
        schema, train, test = self.schema, self.train, self.test
        names = list(schema.names)
        unseen = trained.unseen
        known = train.X[names].iloc[unseen.rows]
        optional = [feature.name for feature in schema.features if feature.optional]
        intervals = ModelIntervals(random_state=self.seed).run(
            train.y[unseen.rows],
            unseen.predicted,
            known,
            unseen.ratio,
            blanks=try_blanks(fitted.predict, known, optional, self.seed),
        )
        y_pred = fitted.predict(test.X[names])
        evaluation = ModelEvaluation(test.clusters).run(
            test.y, schema.clip_all(y_pred), baseline=float(train.y.mean())
        )
        marked = None
        if self.mark is not None:
            marked = ModelEvaluation(test.clusters).pass_mark(
                test.X,
                test.y,
                y_pred,
                intervals,
                self.mark,
                integer=schema.number.integer,
                base_rate=float((train.y < self.mark).mean()),
            )
        tested = test.X, test.y, y_pred, test.clusters
        edges, counts = target_histogram(self._all_y(), schema.number)
        at_risk = quality_at_marks(
            trained.folds.truth, schema.clip_all(trained.out_of_fold), trained.folds.clusters
        )
        metrics = {
            "target_mean": float(self._all_y().mean()),
            "target_distribution": {"edges": edges, "counts": counts},
            "coverage": coverage_of(intervals, schema, *tested),
            "coverage_by_prediction": coverage_by_prediction(intervals, schema, *tested),
            "pass_mark": asdict(marked) if marked else None,
            "at_risk": [asdict(one) for one in at_risk],
        }
        return Judged(y_pred, intervals, "intervals.json", evaluation, metrics, marked)

    def _outcomes(self, trained: TrainedModel, fitted: Pipeline) -> Judged:
        import numpy as np

        schema, train, test = self.schema, self.train, self.test
        target = schema.outcomes
        event = frozenset(target.event)
        chances = chances_of(trained, event, ordered=target.ordered, seed=self.seed)
        raw = trained.folds.task.predict(fitted, test.X[list(schema.names)])
        calibrated = chances.calibrated_of_each(raw)
        n_classes = len(target.categories)
        prior = np.bincount(train.y, minlength=n_classes) / len(train.y)
        evaluation = ClassEvaluation(test.clusters).run(
            test.y, calibrated, prior, ordered=target.ordered, event=event
        )
        counts = np.bincount(self._all_y(), minlength=n_classes)
        everyone = np.tile(prior, (len(test.y), 1))
        gains = log_losses(test.y, everyone) - log_losses(test.y, calibrated)
        metrics = {
            "outcomes": list(target.categories),
            "ordered": target.ordered,
            "at_risk_outcomes": list(target.at_risk),
            "outcome_counts": counts.tolist(),
            "calibration": chances.method,
            "gain": asdict(mean_interval(gains, test.clusters)),
            "set_coverage": set_coverage(chances, test.y, calibrated, test.clusters),
        }
        return Judged(raw, chances, CHANCES, evaluation, metrics)

    def _all_y(self) -> NDArray[Any]:
        import numpy as np

        return np.concatenate([self.train.y, self.test.y])
