"""What follows a promotion: explanations, plots and words, which change nothing that serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from src.artifact_store import ArtifactStore, Run
from src.components.data_transformation import DataTransformation
from src.components.model_evaluation import ModelEvaluation
from src.components.model_explanation import ModelExplanation
from src.components.model_fairness import ModelFairness
from src.components.model_report import ModelReport
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.config import BLEND
from src.exception import Problem
from src.pipelines.judging import Judged
from src.pipelines.rows import Rows
from src.report.data_summary import summarize_data
from src.report.facts import ExclusionCost, HeldOutPredictions, ReportFacts
from src.report.findings import exclusion_sentence, fairness_sentences
from src.report.saved_report import ERROR
from src.schema.findings import Finding
from src.schema.record import Schema
from src.search.leaderboard import TrainedModel
from src.stats.conformal import PredictionIntervals
from src.utils import to_json

if TYPE_CHECKING:
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
    judged : Judged
        What it predicts for the held-out rows, and how good that is.
    problems : sequence of Problem
        What was wrong with the rows that are left out.
    cross : (str, str) or None
        Sensitive features whose combinations are looked at too.
    findings : tuple of Finding
        What the check of the table found.
    """

    full_schema: Schema
    schema: Schema
    trainer: ModelTrainerConfig
    model: TrainedModel
    fitted: Pipeline
    rows: Rows
    train: Rows
    test: Rows
    judged: Judged
    problems: Sequence[Problem]
    cross: tuple[str, str] | None
    findings: tuple[Finding, ...]


def write_report(
    store: ArtifactStore,
    run: Run,
    trained: Trained,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> None:
    """Write ``report.html``, ``model_card.md`` and ``report.json`` beside a run.

    Raises
    ------
    OSError
        If they cannot be written; the run is whole without them.
    """
    facts = _facts(run, trained, progress)
    rendered = ModelReport().run(facts)
    files = {"report.html": rendered.html, "model_card.md": rendered.model_card}
    store.add_report(run, files | {"report.json": to_json(report_numbers(facts))})
    progress("", len(STEPS), len(STEPS))


def report_numbers(facts: ReportFacts) -> dict[str, Any]:
    """Return report.json: what a run's report found out, in figures and in words."""
    fairness, cost = facts.fairness, facts.exclusion
    return {
        "error": ERROR,
        "learning_curve": [asdict(point) for point in facts.learning_curve],
        "importance": [asdict(one) for one in facts.importance],
        "refitted": facts.refitted and asdict(facts.refitted),
        "partial_dependence": [asdict(one) for one in facts.partial_dependence],
        "fairness": fairness
        and asdict(fairness) | {"sentences": fairness_sentences(fairness, facts.schema.number)},
        "exclusion": cost and asdict(cost) | {"sentence": exclusion_sentence(cost)},
    }


def _facts(run: Run, trained: Trained, progress: Callable[[str, int, int], None]) -> ReportFacts:
    """Return everything that the report shows, step by step."""
    schema, train, test, seed = trained.schema, trained.train, trained.test, run.manifest.seed
    X_train, X_test = train.X[list(schema.names)], test.X[list(schema.names)]
    trainer, explanation = (
        ModelTrainer(trained.trainer),
        ModelExplanation(schema, seed, trained.trainer.jobs),
    )

    intervals = trained.judged.spread
    if not isinstance(intervals, PredictionIntervals):
        raise TypeError("the report of outcomes is to come")

    def begin(step: int) -> None:
        progress(STEPS[step], step, len(STEPS))

    begin(0)
    curve, too_few = trainer.learning_curve(trained.model)
    begin(1)
    importance, refitted = explanation.importance(trained.model, trained.fitted, X_train, X_test)
    begin(2)
    ranked = [one.feature for one in importance]
    dependence = explanation.partial_dependence(trained.fitted, X_train, ranked)
    begin(3)
    fairness = ModelFairness(seed).run(
        trained.full_schema,
        test.X,
        test.y,
        trained.judged.y_pred,
        intervals,
        trained.cross,
        test.clusters,
    )
    exclusion = _cost_of_exclusion(trained, seed)
    begin(4)
    target = schema.number
    low, high = intervals.interval_of_each(
        trained.judged.y_pred, LEVEL, target.minimum, target.maximum, trained.test.X
    )
    return ReportFacts(
        trained.full_schema,
        run.read_json("metrics.json"),
        run=run.manifest,
        data=summarize_data(trained.rows.X, trained.rows.y, trained.full_schema, trained.problems),
        learning_curve=tuple(curve),
        too_few_to_learn_from=tuple(too_few),
        held_out=HeldOutPredictions(
            test.y, schema.clip_all(trained.judged.y_pred), low, high, LEVEL, test.clusters
        ),
        importance=tuple(importance),
        refitted=refitted,
        partial_dependence=tuple(dependence),
        levers=tuple(explanation.raw_differences(X_train, train.y)),
        fairness=fairness,
        pass_mark=trained.judged.pass_mark,
        exclusion=exclusion,
        findings=trained.findings,
    )


def _cost_of_exclusion(trained: Trained, seed: int) -> ExclusionCost | None:
    """Return what leaving the sensitive features out costs; None where none was left out.

    The winner's families are searched again with them, on the same rows and folds.
    """
    full = trained.full_schema
    left_out = [f for f in full.features if f.name not in trained.schema.names]
    if not left_out:
        return None
    winner = trained.model.winner
    families = tuple(winner.params) if winner.name == BLEND else (winner.name,)
    trainer = ModelTrainer(replace(trained.trainer, models=families))
    train, test = trained.train, trained.test
    preprocessor = DataTransformation(full, seed).run()
    found = trainer.run(train.X, train.y, preprocessor, groups=train.groups, weight=train.weight)
    fitted = trainer.fit(found.pipeline, train.X, train.y, train.weight, train.groups)
    y_pred, y_pred_without = fitted.predict(test.X), trained.judged.y_pred
    return ModelEvaluation(test.clusters).cost(
        test.y, full.clip_all(y_pred), full.clip_all(y_pred_without), left_out
    )
