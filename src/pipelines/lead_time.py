"""How early it is known who needs help: a model for each stage of the year, scored, not saved.

All stages have the same training rows, folds and held-out rows, and one budget together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from src.components.data_check import CheckedTable
from src.components.data_ingestion import DataIngestion
from src.components.data_transformation import DataTransformation
from src.components.model_trainer import ModelTrainer
from src.exception import ConfigurationError, TrainingError
from src.pipelines.check_command import log_findings, refuse_to_train
from src.pipelines.judging import Judge
from src.pipelines.lead_time_scores import Event, Known, Predicted, Scores, constant_for, losses_of
from src.pipelines.rows import Rows, learn_schema, split_rows
from src.pipelines.train_options import check_pass_mark, model_schema, naming_options
from src.pipelines.training import TrainConfig
from src.report.group_facts import KNOWN
from src.report.lead_time_facts import (
    LeadTimeFacts,
)
from src.report.wording import Names
from src.schema.hints import Hints
from src.schema.record import Schema
from src.schema.stages import Stages
from src.search.plan import Progress
from src.stats.chances import ClassChances
from src.tables.cells import match_key

STEPS = 10  # of the progress bar, a stage
NO_MODEL = "none is better than knowing nothing"


class Training(Protocol):
    """What is needed of the road of a training."""

    config: TrainConfig
    ingestion: DataIngestion

    def check(self) -> tuple[Hints, CheckedTable]:
        """Return the table's hints, and what is found in it."""

    def trainer(self, schema: Schema) -> ModelTrainer:
        """Return the trainer of a model with that schema."""


class LeadTime:
    """Score a model for each stage that the hints tell of.

    Parameters
    ----------
    training : Training
    capacity : int or float, optional
        Places on the list, or their share of the held-out rows; default: as many as have the event.
    """

    def __init__(self, training: Training, capacity: float | None = None) -> None:
        config = training.config
        if config.as_of is not None:
            raise ConfigurationError(
                "--as-of trains for one stage, --lead-time compares them all: give one."
            )
        if config.cross:
            raise ConfigurationError("--cross is for a report of one model, not for --lead-time.")
        self.config, self.training, self.capacity = config, training, capacity

    def run(
        self,
        progress: Progress = lambda label, done, total: None,
        notice: Callable[[CheckedTable], None] = log_findings,
    ) -> LeadTimeFacts:
        """Train for every stage and return the scores; nothing is written.

        Raises
        ------
        StuPredictionError
            If an option, the table or the hints cannot be used, or too few of the held-out rows
            have the event, or have not.
        """
        config = self.config
        with naming_options():
            hints, checked = self.training.check()
            notice(checked)
            refuse_to_train(checked)
            inferred, good = learn_schema(checked, hints, config)
            schema = model_schema(inferred.schema, exclude_sensitive=config.exclude_sensitive)
            check_pass_mark(config.pass_mark, schema)
            known, skipped = known_by_stage(hints.known_by(schema.target.name), schema)
            split = split_rows(self.training.ingestion, good, schema, config)
            train, test = good.take(split.train), good.take(split.test)
            event = Event.of(schema, config.pass_mark)
            listing = event.listing(test.y, self.capacity) if event else None
            predicted = self._predict(known, train, test, event, split.first, progress)
        scores = Scores(schema, train, test, event, listing)
        return LeadTimeFacts(
            target=Names(schema).target,
            metric="R²" if schema.task == "regression" else "log loss",
            n_train=len(train.y),
            n_test=len(test.y),
            stages=scores.of_stages(known, predicted),
            listing=listing,
            group=schema.group.label if schema.group else "",
            known_groups=split.first == KNOWN,
            n_groups=None if test.groups is None else len(set(test.groups)),
            skipped=skipped,
        )

    def _predict(
        self,
        known: Sequence[Known],
        train: Rows,
        test: Rows,
        event: Event | None,
        case: str,
        progress: Progress,
    ) -> list[Predicted]:
        """Return what each stage's model predicts for the held-out rows."""
        started, budget, found = time.monotonic(), self.config.budget, []
        for k, stage in enumerate(known):
            config = self.training.trainer(stage.schema).config
            share, asked = 1 / len(known), budget
            if (
                not isinstance(budget, str) and config.home.by_clock
            ):  # what earlier stages left goes to the later ones
                left = budget - (time.monotonic() - started)
                share, asked = 1.0, max(left, budget / 100) / (len(known) - k)
            shown = partial(of_stage, progress, stage.name, k, len(known))
            trainer = ModelTrainer(replace(config, budget=asked, budget_share=share))
            found.append(predict(stage.schema, trainer, train, test, event, case, shown))
        progress("", STEPS * len(known), STEPS * len(known))
        return found


def of_stage(
    progress: Progress, name: str, k: int, n_stages: int, label: str, done: int, total: int
) -> None:
    """Tell the progress of one stage as a part of all."""
    part = STEPS * done // total
    progress(f"{name}: {label or 'scoring'}", STEPS * k + part, STEPS * n_stages)


def known_by_stage(stages: Stages, schema: Schema) -> tuple[list[Known], tuple[str, ...]]:
    """Return what is known by each stage, and the stages that add nothing.

    Raises
    ------
    ConfigurationError
        If there are not two stages to compare.
    """
    names, known, skipped = Names(schema), list[Known](), list[str]()
    when = {f.name: stages.of_column.get(match_key(f.name), 0) for f in schema.features}
    for k, name in enumerate(stages.names):
        features = tuple(f for f in schema.features if when[f.name] <= k)
        added = tuple(names.of(f.name) for f in features if when[f.name] == k)
        if not added:
            skipped.append(name)
            continue
        part = replace(schema, features=features, as_of=name)
        numbers = sorted((f.name for f in part.numeric), key=lambda n: -when[n])
        known.append(Known(name, part, added, tuple(numbers)))
    if len(known) < 2:
        raise ConfigurationError(
            "--lead-time compares stages, and the hints tell of one only. Say when columns become "
            'known, such as available = "day 30" under [columns.NAME].'
        )
    return known, tuple(skipped)


def predict(
    schema: Schema,
    trainer: ModelTrainer,
    train: Rows,
    test: Rows,
    event: Event | None,
    case: str,
    progress: Progress,
) -> Predicted:
    """Search a model on the training rows and return what it predicts for the held-out ones.

    Parameters
    ----------
    case : str
        With groups, whether the held-out rows are of ``new`` or of ``known`` ones.
    """
    names, task, seed = list(schema.names), trainer.config.task, trainer.config.random_state
    preprocessor = DataTransformation(schema, seed, len(train.y) + len(test.y)).run()
    X = train.X[names]
    try:
        trained = trainer.run(
            X,
            train.y,
            preprocessor,
            progress,
            train.groups,
            train.weight,
            train.units,
            train.cohorts,
        )
    except TrainingError:  # what is known tells nothing of the target, as far as one sees
        constant = task.constant(train.y, len(test.y), train.weight)
        chance = None
        if event is not None:
            chance = constant_for(float(event.happened(train.y).mean()), len(test.y))
        return Predicted(NO_MODEL, losses_of(schema, test, constant), chance)
    fitted = trainer.fit(trained.pipeline, X, train.y, train.weight, train.groups)
    mark = event.mark if event else None
    judge = Judge(schema, train, test, seed, mark, first=case, wanted=case, task=task)
    judged, label = judge.run(trained, fitted), trained.winner.label
    if isinstance(judged.spread, ClassChances):
        calibrated = judged.spread.calibrated_of_each(judged.y_pred)
        chance = calibrated[:, sorted(event.codes if event else ())].sum(axis=1)
        return Predicted(label, losses_of(schema, test, calibrated), chance)
    chance = None
    if mark is not None:
        chance = judged.spread.probability_below_of_each(
            mark, judged.y_pred, integer=schema.number.integer, columns=test.X
        )
    return Predicted(label, losses_of(schema, test, schema.clip_all(judged.y_pred)), chance)
