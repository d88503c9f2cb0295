"""How good a fitted model is, and what is said beside its predictions: by what its target is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from src.components.class_evaluation import ClassEvaluation, capacity
from src.components.class_fairness import MOST_ROWS
from src.components.model_chances import ModelChances
from src.components.model_evaluation import Evaluation, ModelEvaluation, quality_at_marks
from src.components.model_groups import ModelGroups
from src.components.model_intervals import ModelIntervals, try_blanks
from src.pipelines.rows import Rows
from src.pipelines.run_files import coverage_by_prediction, coverage_of, set_coverage
from src.report.class_facts import Capacity, ClassScores
from src.report.data_summary import target_spread
from src.report.facts import PassMark
from src.report.group_facts import KNOWN, NEW, GroupScore, RangeShare
from src.report.groups import groups_to_compare
from src.report.overview import SHOWN_LEVEL
from src.schema.record import Schema
from src.search.group_effects import GroupFit
from src.search.leaderboard import TrainedModel
from src.search.task import REGRESSION, Task
from src.serving.outcomes import CHANCES, KNOWN_CHANCES
from src.stats.chances import ClassChances
from src.stats.class_scores import chance_and_truth, log_losses
from src.stats.conformal import PredictionIntervals
from src.stats.intervals import Interval, mean_interval

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
        What is said beside these, by the training rows.
    files : dict of str to PredictionIntervals or ClassChances
        What serving says beside a prediction, by the name of the run's file. With groups, it knows
        those of the test rows too.
    metrics : dict
        What it adds to metrics.json.
    groups : GroupFit or None
        The groups' effects, by the test rows too.
    """

    y_pred: NDArray[np.float64]
    spread: PredictionIntervals | ClassChances
    files: Mapping[str, PredictionIntervals | ClassChances]
    evaluation: Evaluation | ClassScores
    metrics: dict[str, Any]
    pass_mark: PassMark | None = None
    groups: GroupFit | None = None

    @property
    def chances(self) -> ClassChances | None:
        """Of outcomes, in new groups; None of a number."""
        found = self.files.get(CHANCES)
        return found if isinstance(found, ClassChances) else None


def chances_of(
    trained: TrainedModel, train: Rows, event: frozenset[int], *, ordered: bool, seed: int
) -> ClassChances:
    """Return what probabilities for training rows, by models without them, teach of chances."""
    import numpy as np

    seen = train.take(trained.unseen.rows)
    return ModelChances(seed).run(
        seen.y.astype(np.int64),
        trained.unseen.predicted,
        ordered=ordered,
        event=event,
        clusters=seen.clusters,
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
    wanted : str
        The case that the choice was made for.
    task : Task
    names : mapping of str to str
        By key, the names of groups that may be published.
    full_schema : Schema or None
        With the features that the model is not given: groups of sensitive ones are compared.
    """

    schema: Schema
    train: Rows
    test: Rows
    seed: int
    mark: float | None = None
    other: Rows | None = None
    first: str = NEW
    wanted: str = NEW
    task: Task = REGRESSION
    names: Mapping[str, str] = field(default_factory=dict)
    full_schema: Schema | None = None

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
        served, groups, plain = intervals, None, self._plain(fitted)
        told: dict[str, Any] = {}
        if fit is not None:
            component = ModelGroups(_column(schema))
            searched = train.X[names].iloc[fit.rows]
            spread = component.spread(fit, train.y[fit.rows], searched, intervals)
            groups = self._every_row(fit, plain)
            intervals = spread.of(intervals, component.column, fit.effects)
            served = spread.of(served, component.column, groups.effects)

            def score(case: str, rows: Rows) -> GroupScore:
                y_pred = _with_effects(plain[case], fit, rows)
                share = _share_in_range(
                    coverage_of(intervals, schema, rows.X, rows.y, y_pred, rows.clusters)
                )
                return _number_score(case, rows.y, schema.clip_all(y_pred), rows, share)

            def of_folds(case: str, predicted: NDArray[np.float64]) -> GroupScore:
                rows = train.take(fit.rows)
                return _number_score(case, rows.y, schema.clip_all(predicted), rows)

            scores = self._scores(fit, score, of_folds)
            told = {"groups": asdict(component.facts(groups, scores, self.names))}
        y_pred = _with_effects(plain[self.first], fit, test)
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
        told_of_mark = asdict(marked) if marked else {}
        tested = test.X, test.y, y_pred, test.clusters
        at_risk = quality_at_marks(
            trained.folds.truth, schema.clip_all(out_of_fold), trained.folds.clusters
        )
        metrics = {
            "target_mean": float(self._all_y().mean()),
            "target_distribution": target_spread(self._all_y(), schema.number)._asdict(),
            "coverage": coverage_of(intervals, schema, *tested),
            "coverage_by_prediction": coverage_by_prediction(intervals, schema, *tested),
            "pass_mark": None if self.mark is None else {"mark": self.mark, **told_of_mark},
            "at_risk": [asdict(one) for one in at_risk],
            **told,
        }
        files = {"intervals.json": served}
        return Judged(y_pred, intervals, files, evaluation, metrics, marked, groups)

    def _plain(self, fitted: Pipeline) -> dict[str, NDArray[np.float64]]:
        """Return what the model predicts for held-out rows by their case, without effects."""
        names = list(self.schema.names)
        return {case: self.task.predict(fitted, rows.X[names]) for case, rows in self._held_out}

    @property
    def _held_out(self) -> list[tuple[str, Rows]]:
        """The held-out rows by their case."""
        found = [(self.first, self.test)]
        if self.other is not None:
            found.append((NEW if self.first == KNOWN else KNOWN, self.other))
        return found

    def _every_row(self, fit: GroupFit, plain: Mapping[str, NDArray[np.float64]]) -> GroupFit:
        """Return the effects as held-out rows tell them too."""
        for case, rows in self._held_out:
            if rows.units is not None:
                fit = fit.with_rows(rows.y, plain[case], rows.units)
        return fit

    def _scores(
        self,
        fit: GroupFit,
        score: Callable[[str, Rows], GroupScore],
        of_folds: Callable[[str, NDArray[np.float64]], GroupScore],
    ) -> list[GroupScore]:
        """Return the scores in new and in known groups, of held-out rows where both are held out.

        The case that the choice was made for comes first. Of a last period that is of one case
        alone, that one's is of held-out rows, and comes first.
        """
        if self.other is not None:
            return [score(case, rows) for case, rows in self._held_out]
        found = {NEW: of_folds(NEW, fit.new), KNOWN: of_folds(KNOWN, fit.known)}
        first = self.wanted
        if self.train.cohorts is not None:  # the last period's rows are of one case
            first = self.first
            found[first] = score(first, self.test)
        return sorted(found.values(), key=lambda one: one.case != first)

    def _outcomes(self, trained: TrainedModel, fitted: Pipeline) -> Judged:
        import numpy as np

        schema, train, test = self.schema, self.train, self.test
        target = schema.outcomes
        event = frozenset(target.event)
        fit, groups, plain = trained.groups, None, self._plain(fitted)
        of_new = trained
        if fit is not None:
            of_new = replace(trained, unseen=replace(trained.unseen, predicted=fit.new))
        new = chances_of(of_new, train, event, ordered=target.ordered, seed=self.seed)
        chances, files = new, {CHANCES: new}
        if fit is not None:
            known = self._known_chances(fit, event, new)
            groups = self._every_row(fit, plain)
            files[KNOWN_CHANCES] = known
            chances = known if self.first == KNOWN else new
        raw = _with_effects(plain[self.first], fit, test)
        calibrated = chances.calibrated_of_each(raw)
        n_classes = len(target.categories)
        prior = np.bincount(train.y, minlength=n_classes) / len(train.y)
        evaluation = ClassEvaluation(test.clusters).run(
            test.y,
            calibrated,
            prior,
            ordered=target.ordered,
            event=event,
            groups=self._compared_groups(calibrated, event),
        )
        lists = None
        if evaluation.capacity and not evaluation.capacity.lists:
            raw_of_train = fit.known if fit and self.first == KNOWN else of_new.unseen.predicted
            seen = train.take(trained.unseen.rows)
            lists = _lists_out_of_fold(seen, chances.calibrated_of_each(raw_of_train), event)
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
            "capacity_out_of_fold": asdict(lists) if lists else None,
        }
        if fit is not None and groups is not None:

            def figures(
                case: str, rows: Rows, raw: NDArray[np.float64], *, held_out: bool
            ) -> GroupScore:
                made = files[KNOWN_CHANCES if case == KNOWN else CHANCES]
                found = made.calibrated_of_each(raw)
                share = None
                if held_out:
                    share = _share_in_range(set_coverage(made, rows.y, found, rows.clusters))
                of_case = ClassEvaluation(rows.clusters).run(
                    rows.y, found, prior, ordered=target.ordered, event=event
                )
                scores = {"log_loss": of_case.log_loss, "brier": of_case.brier, "auc": of_case.auc}
                return _group_score(case, rows, scores, share)

            scores = self._scores(
                fit,
                lambda case, rows: figures(
                    case, rows, _with_effects(plain[case], fit, rows), held_out=True
                ),
                lambda case, raw: figures(case, train.take(fit.rows), raw, held_out=False),
            )
            component = ModelGroups(_column(schema))
            metrics["groups"] = asdict(component.facts(groups, scores, self.names))
        return Judged(raw, chances, files, evaluation, metrics, groups=groups)

    def _compared_groups(
        self, chances: NDArray[np.float64], event: frozenset[int]
    ) -> list[list[NDArray[np.bool_]]]:
        """Return the held-out rows of sensitive groups; of too many rows, a sample is compared."""
        if self.full_schema is None or len(self.test.y) > MOST_ROWS:
            return []
        _, happened = chance_and_truth(self.test.y, chances, event)
        return groups_to_compare(self.full_schema, self.test.X, happened)

    def _known_chances(
        self, fit: GroupFit, event: frozenset[int], new: ClassChances
    ) -> ClassChances:
        """Return what probabilities are worth in groups that are known."""
        import numpy as np

        rows = np.isin(fit.units.keys, [*fit.effects])
        truth = fit.truth[rows]
        if len(np.unique(truth)) < len(new.prior):
            return new
        clusters = self.train.clusters
        return ModelChances(self.seed).run(
            truth,
            fit.known[rows],
            ordered=self.schema.outcomes.ordered,
            event=event,
            clusters=None if clusters is None else clusters[fit.rows][rows],
        )

    def _all_y(self) -> NDArray[Any]:
        import numpy as np

        held = [self.test.y] if self.other is None else [self.test.y, self.other.y]
        return np.concatenate([self.train.y, *held])


def _lists_out_of_fold(
    seen: Rows, chances: NDArray[np.float64], event: frozenset[int]
) -> Capacity | None:
    """Return what lists of training rows hold; None where these tell of none either.

    Where fewer than ten held-out rows have the event, the number of training rows that have it
    would tell of them: this is for held-out rows of which both numbers may be known.
    """
    found = capacity(*chance_and_truth(seen.y, chances, event), seen.clusters)
    return replace(found, out_of_fold=True) if found and found.lists else None


def _with_effects(
    plain: NDArray[np.float64], fit: GroupFit | None, rows: Rows
) -> NDArray[np.float64]:
    """Return predictions for rows with the effects of their groups."""
    return plain if fit is None or rows.units is None else fit.applied(plain, rows.units.keys)


def _column(schema: Schema) -> str:
    if schema.group is None:
        raise TypeError("no column of groups")
    return schema.group.name


def _share_in_range(lines: Sequence[Mapping[str, float]]) -> RangeShare | None:
    for line in lines:
        if line["level"] == SHOWN_LEVEL:
            return RangeShare(line["coverage"], line["low"], line["high"], line["p_value"])
    return None


def _number_score(
    case: str,
    truth: NDArray[np.float64],
    predicted: NDArray[np.float64],
    rows: Rows,
    share: RangeShare | None = None,
) -> GroupScore:
    found = ModelEvaluation(rows.clusters).run(truth, predicted, baseline=float(truth.mean()))
    scores = {"r2": found.r2, "rmse": found.rmse, "mae": found.mae}
    return _group_score(case, rows, scores, share)


def _group_score(
    case: str, rows: Rows, scores: dict[str, Interval], share: RangeShare | None
) -> GroupScore:
    keys = [] if rows.units is None else rows.units.keys.tolist()
    n_groups = len({key for key in keys if key})
    return GroupScore(case, share is not None, len(rows.y), n_groups, scores, share)
