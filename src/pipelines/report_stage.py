"""What follows a promotion: explanations, plots and words, which change nothing that serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from src.artifact_store import ArtifactStore, Run
from src.components.class_fairness import GroupComparison
from src.components.data_transformation import DataTransformation
from src.components.model_evaluation import ModelEvaluation
from src.components.model_explanation import ModelExplanation
from src.components.model_fairness import ModelFairness
from src.components.model_report import ModelReport
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.config import BLEND
from src.exception import Problem, TrainingError
from src.language import ENGLISH
from src.pipelines.judging import Judged, chances_of
from src.pipelines.rows import Rows
from src.report.class_facts import ClassScores
from src.report.class_groups import ClassExclusionCost, ClassGroupFairness, ClassReportFacts
from src.report.data_summary import summarize_data
from src.report.facts import (
    BothWays,
    ExclusionCost,
    Facts,
    GroupFairness,
    HeldOutPredictions,
    ReportFacts,
    WayScores,
)
from src.report.findings import (
    class_exclusion_sentence,
    class_fairness_sentences,
    exclusion_sentence,
    fairness_sentences,
)
from src.report.saved_report import ERROR
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.findings import Finding
from src.schema.record import Schema
from src.search.leaderboard import TrainedModel
from src.search.memory import trim_heap
from src.search.task import Classification
from src.serving.outcomes import CHANCES, KNOWN_CHANCES
from src.stats.chances import ClassChances
from src.stats.class_scores import (
    auc_interval,
    brier_losses,
    by_chance,
    chance_and_truth,
    log_losses,
)
from src.stats.conformal import PredictionIntervals
from src.stats.disclosure import LEAST_ROWS
from src.stats.intervals import mean_interval
from src.stats.reliability import rows_of_bins
from src.utils import to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

LEVEL = 0.9  # of the intervals that are drawn
STEPS = ("Learning curve", "Importance", "Partial dependence", "Sensitive features", "Report")


@dataclass(frozen=True)
class Trained:
    """What a training leaves behind for its report.

    Attributes
    ----------
    full_schema : Schema
        With the sensitive features, though the model was trained without them.
    schema : Schema
        The model's.
    fitted : Pipeline
        Fitted on the training rows.
    known : Rows or None
        Held-out rows of groups that the model knows, where it knows any.
    judged : Judged
        What it predicts for the held-out rows, and how good that is.
    problems : sequence of Problem
        What was wrong with the rows that are left out.
    cross : (str, str) or None
        Sensitive features whose combinations are looked at too.
    findings : tuple of Finding
        What the check of the table found.
    in_parts : bool
        Whether the model learnt from more rows than those that are here, of a table that does not
        fit in memory: what learns from these alone is not compared with it.
    """

    full_schema: Schema
    schema: Schema
    trainer: ModelTrainerConfig
    model: TrainedModel
    fitted: Pipeline
    rows: Rows
    train: Rows
    test: Rows
    known: Rows | None
    judged: Judged
    problems: Sequence[Problem]
    cross: tuple[str, str] | None
    findings: tuple[Finding, ...]
    in_parts: bool = False


def write_report(
    store: ArtifactStore,
    run: Run,
    trained: Trained,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    language: str = ENGLISH,
) -> None:
    """Write ``report.html``, ``model_card.md`` and ``report.json`` beside a run.

    The first two are written in ``language``; ``report.json`` is English, as the API is.

    Raises
    ------
    OSError
        If they cannot be written; the run is whole without them.
    """
    facts = _facts(run, trained, progress)
    trim_heap()
    rendered = ModelReport().run(facts, language)
    files = {"report.html": rendered.html, "model_card.md": rendered.model_card}
    store.add_report(run, files | {"report.json": to_json(report_numbers(facts))})
    progress("", len(STEPS), len(STEPS))


def report_numbers(facts: ReportFacts | ClassReportFacts) -> dict[str, Any]:
    """Return report.json: what a run's report found out, in figures and in words.

    Of outcomes, contributions and partial dependence are chances from 0 to 1.
    """
    return {
        "error": ERROR,
        "learning_curve": [asdict(point) for point in facts.learning_curve],
        "importance": [asdict(one) for one in facts.importance],
        "refitted": facts.refitted and asdict(facts.refitted),
        "partial_dependence": [asdict(one) for one in facts.partial_dependence],
        **(_of_classes(facts) if isinstance(facts, ClassReportFacts) else _of_number(facts)),
    }


def _of_number(facts: ReportFacts) -> dict[str, Any]:
    fairness, cost = facts.fairness, facts.exclusion
    return {
        "fairness": fairness
        and asdict(fairness) | {"sentences": fairness_sentences(fairness, facts.schema.number)},
        "exclusion": cost and asdict(cost) | {"sentence": exclusion_sentence(cost)},
        "both_ways": facts.both_ways and asdict(facts.both_ways),
        "group_fairness": facts.group_fairness and asdict(facts.group_fairness),
    }


def _of_classes(facts: ClassReportFacts) -> dict[str, Any]:
    fairness, cost = facts.fairness, facts.exclusion
    return {
        "fairness": fairness
        and asdict(fairness) | {"sentences": class_fairness_sentences(fairness, facts.target)},
        "exclusion": cost and asdict(cost) | {"sentence": class_exclusion_sentence(cost)},
        "group_fairness": facts.group_fairness and asdict(facts.group_fairness),
    }


def _facts(
    run: Run, trained: Trained, progress: Callable[[str, int, int], None]
) -> ReportFacts | ClassReportFacts:
    """Return everything that the report shows, step by step."""
    schema, train, test, seed = trained.schema, trained.train, trained.test, run.manifest.seed
    X_train, X_test = train.X[list(schema.names)], test.X[list(schema.names)]
    spread = trained.judged.spread
    chances = spread if isinstance(spread, ClassChances) else None
    trainer = ModelTrainer(trained.trainer)
    explanation = ModelExplanation(
        schema, seed, trained.trainer.jobs, chances, trained.trainer.home
    )

    def begin(step: int) -> None:
        progress(STEPS[step], step, len(STEPS))

    begin(0)
    curve, too_few = trainer.learning_curve(trained.model)
    begin(1)
    importance, refitted = explanation.importance(trained.model, trained.fitted, X_train, X_test)
    begin(2)
    ranked = [one.feature for one in importance]
    dependence = explanation.partial_dependence(trained.fitted, X_train, ranked)
    shared = Facts(
        trained.full_schema,
        run.read_json("metrics.json"),
        run=run.manifest,
        data=summarize_data(trained.rows.X, trained.rows.y, trained.full_schema, trained.problems),
        learning_curve=tuple(curve),
        too_few_to_learn_from=tuple(too_few),
        importance=tuple(importance),
        refitted=refitted,
        partial_dependence=tuple(dependence),
        levers=tuple(explanation.raw_differences(X_train, train.y)),
        findings=trained.findings,
    )
    begin(3)
    facts: ReportFacts | ClassReportFacts
    if isinstance(spread, ClassChances):
        facts = _class_facts(shared, trained, spread, seed)
    else:
        facts = _number_facts(shared, trained, spread, seed)
    begin(4)
    return facts


def _number_facts(
    shared: Facts, trained: Trained, intervals: PredictionIntervals, seed: int
) -> ReportFacts:
    """Return the facts with what is known of a number alone."""
    test, y_pred, target = trained.test, trained.judged.y_pred, trained.schema.number
    fairness = ModelFairness(seed).run(
        trained.full_schema, test.X, test.y, y_pred, intervals, trained.cross, test.clusters
    )
    low, high = intervals.interval_of_each(y_pred, LEVEL, target.minimum, target.maximum, test.X)
    clipped = trained.schema.clip_all(y_pred)
    return ReportFacts(
        **vars(shared),
        held_out=HeldOutPredictions(test.y, clipped, low, high, LEVEL, test.clusters),
        fairness=fairness,
        pass_mark=trained.judged.pass_mark,
        both_ways=_both_ways(trained, intervals, seed),
        exclusion=_cost_of_exclusion(trained, seed),
        group_fairness=_group_fairness(trained, intervals, seed),
    )


def _group_fairness(
    trained: Trained, intervals: PredictionIntervals, seed: int
) -> GroupFairness | None:
    """Return how groups of students fare without the effects of schools, or the like, and with."""
    if (found := _known_students(trained)) is None or trained.schema.group is None:
        return None
    schema, (known, plain, applied) = trained.full_schema, found
    unknown = known.X.assign(**{trained.schema.group.name: None})
    without, with_effect = (
        ModelFairness(seed).run(schema, X, known.y, y_pred, intervals, clusters=known.clusters)
        for X, y_pred in ((unknown, plain), (known.X, applied))
    )
    return GroupFairness(without, with_effect)


def _class_group_fairness(trained: Trained, seed: int) -> ClassGroupFairness | None:
    """Return the same of chances; of two lists, the difference could be of fewer than ten."""
    if (found := _known_students(trained)) is None:
        return None
    known, *raw = found
    both = []
    for file, of_rows in zip((CHANCES, KNOWN_CHANCES), raw, strict=True):
        chances = trained.judged.files[file]
        if not isinstance(chances, ClassChances):
            return None
        calibrated = chances.calibrated_of_each(of_rows)
        chance, happened = chance_and_truth(known.y, calibrated, chances.event)
        both.append(
            GroupComparison(seed).run(
                trained.full_schema, known.X, chance, happened, clusters=known.clusters
            )
        )
    return ClassGroupFairness(*both)


def _known_students(
    trained: Trained,
) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64]] | None:
    """Return held-out rows of known groups, and what is predicted without effects and with them.

    None where there are no such rows, no effects, or no sensitive features to compare by.
    """
    fit, known = trained.model.groups, trained.known
    if fit is None or known is None or known.units is None or len(known.y) < LEAST_ROWS:
        return None
    if not fit.means.between or not any(one.sensitive for one in trained.full_schema.features):
        return None
    task = trained.trainer.task
    plain = task.predict(trained.fitted, known.X[list(trained.schema.names)])
    return known, plain, fit.applied(plain, known.units.keys)


def _both_ways(trained: Trained, intervals: PredictionIntervals, seed: int) -> BothWays | None:
    """Return how a model of "below the pass mark" does beside the number; None where none can be.

    The quick search is made for it, on the same training rows.
    """
    import numpy as np

    if trained.judged.pass_mark is None or trained.in_parts:
        return None
    mark, train, test = trained.judged.pass_mark.mark, trained.train, trained.test
    below: NDArray[Any] = (train.y < mark).astype(np.int64)
    truth: NDArray[Any] = (test.y < mark).astype(np.int64)
    if min(map(_rarer, (below, truth))) < LEAST_ROWS:
        return None
    config = replace(trained.trainer, models=(), budget="quick", metric="", task=Classification(2))
    trainer, names = ModelTrainer(config), list(trained.schema.names)
    preprocessor = DataTransformation(trained.schema, seed, len(trained.rows.y)).run()
    X, X_test = train.X[names], test.X[names]
    try:
        found = trainer.run(
            X, below, preprocessor, groups=train.groups, weight=train.weight, cohorts=train.cohorts
        )
    except TrainingError:  # no model is better than the share of those below
        return None
    fitted = trainer.fit(found.pipeline, X, below, train.weight, train.groups)
    of_mark = replace(train, y=below)
    chances = chances_of(found, of_mark, frozenset({1}), ordered=False, seed=seed)
    of_outcome = chances.calibrated_of_each(found.folds.task.predict(fitted, X_test))
    integer = trained.schema.number.integer
    chance = intervals.probability_below_of_each(
        mark, trained.judged.y_pred, integer=integer, columns=test.X
    )
    of_number = np.column_stack([1 - chance, chance])
    gains = log_losses(truth, of_number) - log_losses(truth, of_outcome)
    number, outcome = (
        WayScores(
            mean_interval(log_losses(truth, one), test.clusters, positive=True),
            mean_interval(brier_losses(truth, one) / 2, test.clusters, positive=True),
            auc_interval(truth, one, test.clusters),
        )
        for one in (of_number, of_outcome)
    )
    gain = mean_interval(gains, test.clusters)
    return BothWays(found.winner.label, len(truth), number, outcome, gain)


def _rarer(codes: NDArray[np.int64]) -> int:
    """Return how many rows have the rarer of two outcomes."""
    return int(min(codes.sum(), len(codes) - codes.sum()))


def _class_facts(
    shared: Facts, trained: Trained, chances: ClassChances, seed: int
) -> ClassReportFacts:
    """Return the facts with what is known of outcomes alone."""
    test, calibrated = trained.test, chances.calibrated_of_each(trained.judged.y_pred)
    chance, happened = chance_and_truth(test.y, calibrated, chances.event)
    scores = trained.judged.evaluation
    if not isinstance(scores, ClassScores):
        raise TypeError("the scores of outcomes")
    listed, published = _lists(scores, chance, sum(chances.prior[code] for code in chances.event))
    fairness = GroupComparison(seed).run(
        trained.full_schema,
        test.X,
        chance,
        happened,
        listed,
        published,
        trained.cross,
        test.clusters,
    )
    return ClassReportFacts(
        **vars(shared),
        fairness=fairness,
        exclusion=_class_cost(trained, calibrated, seed),
        group_fairness=_class_group_fairness(trained, seed),
    )


def _lists(
    scores: ClassScores, chance: NDArray[np.float64], base_rate: float
) -> tuple[NDArray[np.bool_] | None, list[NDArray[np.bool_]]]:
    """Return who is on the list that groups are compared by, and the sets of rows that are told of.

    The list is the one of those told of that is nearest to as many students as have the event.
    """
    import numpy as np

    n, order = len(chance), by_chance(chance)

    def first(size: int) -> NDArray[np.bool_]:
        return np.isin(np.arange(n), order[:size])

    published = rows_of_bins(chance, scores.bins)
    lists = scores.capacity.lists if scores.capacity else ()
    published += [first(one.n_listed) for one in lists]
    if not lists:
        return None, published
    nearest = min(lists, key=lambda one: abs(one.n_listed - base_rate * n))
    return first(nearest.n_listed), published


def _with_sensitive(
    trained: Trained, seed: int
) -> tuple[list[NumericFeature | CategoricalFeature], TrainedModel, Pipeline] | None:
    """Return a model that was given the sensitive features too; None where there is none.

    The winner's families are searched again with them, on the same rows and folds.
    """
    full = trained.full_schema
    left_out = [f for f in full.features if f.name not in trained.schema.names]
    if not left_out or trained.in_parts:
        return None
    winner = trained.model.winner
    families = tuple(winner.params) if winner.name == BLEND else (winner.name,)
    trainer = ModelTrainer(replace(trained.trainer, models=families))
    train = trained.train
    preprocessor = DataTransformation(full, seed, len(trained.rows.y)).run()
    found = trainer.run(
        train.X,
        train.y,
        preprocessor,
        groups=train.groups,
        weight=train.weight,
        cohorts=train.cohorts,
    )
    fitted = trainer.fit(found.pipeline, train.X, train.y, train.weight, train.groups)
    return left_out, found, fitted


def _cost_of_exclusion(trained: Trained, seed: int) -> ExclusionCost | None:
    """Return what leaving the sensitive features out costs; None where none was left out."""
    if (other := _with_sensitive(trained, seed)) is None:
        return None
    left_out, _, fitted = other
    full, test = trained.full_schema, trained.test
    y_pred, y_pred_without = fitted.predict(test.X), trained.judged.y_pred
    return ModelEvaluation(test.clusters).cost(
        test.y, full.clip_all(y_pred), full.clip_all(y_pred_without), left_out
    )


def _class_cost(
    trained: Trained, calibrated: NDArray[np.float64], seed: int
) -> ClassExclusionCost | None:
    """Return the same of outcomes; the other model's chances are calibrated in the same way."""
    if (other := _with_sensitive(trained, seed)) is None:
        return None
    left_out, found, fitted = other
    target, test = trained.schema.outcomes, trained.test
    event = frozenset(target.event)
    chances = chances_of(found, trained.train, event, ordered=target.ordered, seed=seed)
    with_them = chances.calibrated_of_each(found.folds.task.predict(fitted, test.X))
    log_loss, brier = (
        mean_interval(losses(test.y, calibrated) - losses(test.y, with_them), test.clusters)
        for losses in (log_losses, brier_losses)
    )
    names = tuple(feature.name for feature in left_out)
    labels = tuple(feature.label or feature.name for feature in left_out)
    return ClassExclusionCost(names, labels, len(test.y), log_loss, brier)
