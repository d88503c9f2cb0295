"""What follows a promotion: explanations, plots and words, which change nothing that serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from src.artifact_store import ArtifactStore, Run
from src.components.data_transformation import DataTransformation
from src.components.model_evaluation import Cost, ModelEvaluation, PassMark
from src.components.model_explanation import ModelExplanation
from src.components.model_fairness import Fairness, ModelFairness
from src.components.model_report import ModelReport
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.exception import Problem
from src.pipelines.rows import Rows
from src.report import facts
from src.report.data_summary import summarize_data
from src.schema.record import Schema
from src.search.leaderboard import BLEND, TrainedModel
from src.stats.conformal import PredictionIntervals
from src.utils import to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

EXPLAINED_ROWS = 50  # whose contributions are averaged
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
    trainer : ModelTrainerConfig
    model : TrainedModel
    fitted : Pipeline
        Fitted on the training rows.
    y_pred : ndarray of shape (n_test,)
        What it predicts for the held-out rows, not clipped.
    problems : sequence of Problem
        What was wrong with the rows that are left out.
    pass_mark : PassMark or None
    """

    full_schema: Schema
    schema: Schema
    trainer: ModelTrainerConfig
    model: TrainedModel
    fitted: Pipeline
    rows: Rows
    train: Rows
    test: Rows
    y_pred: NDArray[np.float64]
    intervals: PredictionIntervals
    problems: Sequence[Problem]
    pass_mark: PassMark | None


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
    steps = iter(enumerate(STEPS))

    def begin() -> None:
        done, label = next(steps)
        progress(label, done, len(STEPS))

    schema, train, test, seed = trained.schema, trained.train, trained.test, run.manifest.seed
    explanation = ModelExplanation(schema, seed)
    X_train, X_test = train.X[list(schema.names)], test.X[list(schema.names)]
    begin()
    trainer = ModelTrainer(trained.trainer)
    curve = trainer.learning_curve(trained.model, X_train, train.y, train.groups, train.weight)
    begin()
    importance = explanation.permutation_importance(trained.fitted, X_test, test.y)
    background = explanation.background(X_train)
    sample = X_test.iloc[:EXPLAINED_ROWS]
    sizes = abs(explanation.contributions(trained.fitted, sample, background).values).mean(axis=0)
    contributed = dict(zip(schema.names, sizes.tolist(), strict=True))
    begin()
    dependence = explanation.partial_dependence(trained.fitted, X_train)
    begin()
    fairness = ModelFairness(seed).run(
        trained.full_schema, test.X, test.y, trained.y_pred, trained.intervals
    )
    left_out = tuple(n for n in trained.full_schema.names if n not in schema.names)
    cost = _cost_of_exclusion(trained, left_out, seed)
    begin()
    metrics = run.read_json("metrics.json")
    manifest = run.manifest
    numbers: dict[str, Any] = {
        "learning_curve": [asdict(point) for point in curve],
        "importance": [
            asdict(one) | {"mean_absolute_contribution": contributed[one.feature]}
            for one in importance
        ],
        "partial_dependence": [asdict(one) for one in dependence],
        "fairness": asdict(fairness),
        "exclusion": asdict(cost) | {"left_out": left_out} if cost else None,
    }
    rendered = ModelReport().run(
        facts.ReportFacts(
            trained.full_schema,
            metrics,
            run=facts.RunFacts(
                manifest.run_id, manifest.created, seed, manifest.rows, manifest.data_sha256,
                manifest.options, manifest.versions, manifest.python, manifest.dropped,
            ),
            data=summarize_data(
                trained.rows.X, trained.rows.y, trained.full_schema, trained.problems
            ),
            learning_curve=tuple(
                facts.LearningPoint(p.n_train, p.r2, p.r2_standard_error, p.train_r2)
                for p in curve
            ),
            held_out=_held_out(trained),
            importance=tuple(
                facts.Importance(
                    one.feature, one.r2_drop, one.r2_drop_std, contributed[one.feature]
                )
                for one in importance
            ),
            partial_dependence=tuple(
                facts.PartialDependence(**asdict(one)) for one in dependence
            ),
            fairness=_fairness(fairness),
            pass_mark=_pass_mark(trained.pass_mark),
            exclusion=_exclusion(cost, left_out),
        )
    )  # fmt: skip
    store.add_report(
        run,
        {
            "report.html": rendered.html,
            "model_card.md": rendered.model_card,
            "report.json": to_json(numbers),
        },
    )
    progress("", len(STEPS), len(STEPS))


def _cost_of_exclusion(trained: Trained, left_out: Sequence[str], seed: int) -> Cost | None:
    """Return what leaving the sensitive features out costs; None where none was left out.

    The winner's families are searched again with them, on the same rows and folds.
    """
    full = trained.full_schema
    if not left_out:
        return None
    winner = trained.model.winner
    families = tuple(winner.params) if winner.name == BLEND else (winner.name,)
    trainer = ModelTrainer(replace(trained.trainer, models=families))
    train, test = trained.train, trained.test
    preprocessor = DataTransformation(full, seed).run()
    found = trainer.run(train.X, train.y, preprocessor, groups=train.groups, weight=train.weight)
    fitted = trainer.fit(found.pipeline, train.X, train.y, train.weight)
    return ModelEvaluation(seed).cost(
        test.y,
        full.clip_all(fitted.predict(test.X)),
        full.clip_all(trained.y_pred),
        [f.label or f.name for f in full.features if f.name in left_out],
    )


def _held_out(trained: Trained) -> facts.HeldOutPredictions:
    import numpy as np

    target = trained.schema.target
    low, high = np.array([
        trained.intervals.interval(float(p), LEVEL, target.minimum, target.maximum)
        for p in trained.y_pred
    ]).T  # fmt: skip
    clipped = trained.schema.clip_all(trained.y_pred)
    return facts.HeldOutPredictions(trained.test.y, clipped, low, high, LEVEL)


def _fairness(found: Fairness) -> facts.Fairness | None:
    if not found.groupings:
        return None
    groupings = tuple(
        facts.Grouping(
            one.features,
            tuple(facts.GroupErrors(**vars(group)) for group in one.groups),
            one.suppressed,
        )
        for one in found.groupings
    )
    return facts.Fairness(groupings, found.sentences)


def _pass_mark(found: PassMark | None) -> facts.PassMark | None:
    if found is None:
        return None
    bins = tuple(facts.ReliabilityBin(b.n_samples, b.predicted, b.observed) for b in found.bins)
    return facts.PassMark(**{**vars(found), "bins": bins})


def _exclusion(cost: Cost | None, left_out: tuple[str, ...]) -> facts.ExclusionCost | None:
    if cost is None:
        return None
    return facts.ExclusionCost(left_out, cost.r2, cost.rmse, cost.mae, cost.sentence)
