"""How good a fitted model is, and what is said beside its predictions: by what its target is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from src.components.class_evaluation import ClassEvaluation
from src.components.model_chances import ModelChances
from src.components.model_evaluation import Evaluation, ModelEvaluation, quality_at_marks
from src.components.model_groups import ModelGroups
from src.components.model_intervals import ModelIntervals, try_blanks
from src.pipelines.rows import Rows
from src.pipelines.run_files import coverage_by_prediction, coverage_of, set_coverage
from src.report.class_facts import ClassScores
from src.report.data_summary import target_histogram
from src.report.facts import PassMark
from src.report.group_facts import KNOWN, NEW, GroupScore, RangeShare
from src.report.overview import SHOWN_LEVEL
from src.schema.record import Schema
from src.search.group_effects import GroupFit, Units
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
        What is said beside a prediction, by the training rows.
    file : str
        Where that is kept in a run.
    metrics : dict
        What it adds to metrics.json.
    served : PredictionIntervals or ClassChances or None
        What serving says beside a prediction, where that is more: of groups that the test rows
        told of, too.
    groups : GroupFit or None
        The groups' effects, by the test rows too.
    """

    y_pred: NDArray[np.float64]
    spread: PredictionIntervals | ClassChances
    file: str
    evaluation: Evaluation | ClassScores
    metrics: dict[str, Any]
    pass_mark: PassMark | None = None
    served: PredictionIntervals | ClassChances | None = None
    groups: GroupFit | None = None


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
    other : Rows or None
        With groups: held-out rows of the case that the model is not used for. If ``test`` is of
        groups held out whole, these are of known ones, and the other way round.
    first : str
        With groups, the case that ``test`` is of.
    names : mapping of str to str
        By key, the names of groups that may be published.
    """

    schema: Schema
    train: Rows
    test: Rows
    seed: int
    mark: float | None = None
    other: Rows | None = None
    first: str = NEW
    names: Mapping[str, str] = field(default_factory=dict)

    def run(self, trained: TrainedModel, fitted: Pipeline) -> Judged:
        """Return what is known; here the test rows are read, once."""
        judged: Callable[[TrainedModel, Pipeline], Judged] = (
            self._numbers if self.schema.task == "regression" else self._outcomes
        )
        return judged(trained, fitted)

    def _numbers(self, trained: TrainedModel, fitted: Pipeline) -> Judged:
        schema, train, test = self.schema, self.train, self.test
        names, fit = list(schema.names), trained.groups
        unseen, out_of_fold = trained.unseen, trained.out_of_fold
        if fit is not None:
            out_of_fold = fit.known if self.first == KNOWN else fit.new
            if len(unseen.rows) == len(fit.rows):  # else a large table's, of further rows
                unseen = replace(unseen, predicted=fit.new)
        known = train.X[names].iloc[unseen.rows]
        optional = [feature.name for feature in schema.features if feature.optional]
        intervals = ModelIntervals(random_state=self.seed).run(
            train.y[unseen.rows],
            unseen.predicted,
            known,
            unseen.ratio,
            blanks=try_blanks(fitted.predict, known, optional, self.seed),
        )
        served = groups = None
        told: dict[str, Any] = {}
        if fit is not None:
            intervals, served, groups, told = self._groups(fit, trained, fitted, intervals)
        y_pred = self._predict(fitted, fit, test)
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
            trained.folds.truth, schema.clip_all(out_of_fold), trained.folds.clusters
        )
        metrics = {
            "target_mean": float(self._all_y().mean()),
            "target_distribution": {"edges": edges, "counts": counts},
            "coverage": coverage_of(intervals, schema, *tested),
            "coverage_by_prediction": coverage_by_prediction(intervals, schema, *tested),
            "pass_mark": asdict(marked) if marked else None,
            "at_risk": [asdict(one) for one in at_risk],
            **told,
        }
        return Judged(
            y_pred, intervals, "intervals.json", evaluation, metrics, marked, served, groups
        )

    def _predict(self, fitted: Pipeline, fit: GroupFit | None, rows: Rows) -> NDArray[np.float64]:
        """Return what the fitted model predicts for rows, with their groups' effects."""
        import numpy as np

        predicted = np.asarray(fitted.predict(rows.X[list(self.schema.names)]))
        if fit is None or rows.units is None:
            return predicted
        return predicted + fit.of_each(rows.units.keys)

    def _groups(
        self,
        fit: GroupFit,
        trained: TrainedModel,
        fitted: Pipeline,
        intervals: PredictionIntervals,
    ) -> tuple[PredictionIntervals, PredictionIntervals, GroupFit, dict[str, Any]]:
        """Return what groups change.

        Returns
        -------
        judged, served : PredictionIntervals
            That know the training rows' groups, and all.
        every : GroupFit
            The effects by all rows.
        told : dict
            For metrics.json.
        """
        schema, train = self.schema, self.train
        if schema.group is None:
            raise TypeError("no column of groups")
        column, component = schema.group.name, ModelGroups(schema.group.name)
        searched = train.X[list(schema.names)].iloc[fit.rows]
        spread = component.spread(fit, train.y[fit.rows], searched, intervals)
        judged = spread.of(intervals, column, fit.effects)

        held = [(self.first, self.test)]
        if self.other is not None:
            held.append((NEW if self.first == KNOWN else KNOWN, self.other))
        every, scores = fit, []
        for case, rows in held:
            if rows.units is None:
                raise TypeError("rows without groups")
            plain = fitted.predict(rows.X[list(schema.names)])
            every = every.with_rows(rows.y - plain, rows.units)
            if self.other is not None:
                scores.append(self._held_out_score(case, rows, fit, fitted, judged))
        if self.other is None:
            cases = ((NEW, fit.new), (KNOWN, fit.known))
            scores = [self._score_of_folds(*one, trained) for one in cases]
            scores.sort(key=lambda score: score.case != self.first)
        facts = component.facts(every, scores, self.names)
        return judged, spread.of(intervals, column, every.effects), every, {"groups": asdict(facts)}

    def _held_out_score(
        self,
        case: str,
        rows: Rows,
        fit: GroupFit,
        fitted: Pipeline,
        intervals: PredictionIntervals,
    ) -> GroupScore:
        y_pred = self._predict(fitted, fit, rows)
        line = next(
            one
            for one in coverage_of(intervals, self.schema, rows.X, rows.y, y_pred, rows.clusters)
            if one["level"] == SHOWN_LEVEL
        )
        share = RangeShare(line["coverage"], line["low"], line["high"], line["p_value"])
        found = ModelEvaluation(rows.clusters).run(
            rows.y, self.schema.clip_all(y_pred), baseline=float(self.train.y.mean())
        )
        return _group_score(case, found, rows.units, share)

    def _score_of_folds(
        self, case: str, predicted: NDArray[np.float64], trained: TrainedModel
    ) -> GroupScore:
        folds, fit = trained.folds, trained.groups
        found = ModelEvaluation(folds.clusters).run(
            folds.truth, self.schema.clip_all(predicted), baseline=float(folds.truth.mean())
        )
        return _group_score(case, found, fit.units if fit else None)

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

        held = [self.test.y] if self.other is None else [self.test.y, self.other.y]
        return np.concatenate([self.train.y, *held])


def _group_score(
    case: str, found: Evaluation, units: Units | None, share: RangeShare | None = None
) -> GroupScore:
    n_groups = 0 if units is None else len({key for key in units.keys.tolist() if key})
    scores = {"r2": found.r2, "rmse": found.rmse, "mae": found.mae}
    return GroupScore(case, share is not None, found.n_samples, n_groups, scores, share)
