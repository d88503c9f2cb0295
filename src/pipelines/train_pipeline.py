"""Train: from a raw table to a promoted run.

``python -m src.pipelines.train_pipeline --data mine.csv --target final_score``

:class:`TrainPipeline` is the whole road, to be read from top to bottom; :func:`main` is its
command, whose options stand in ``train_options.py``.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.artifact_store import ArtifactStore, Run
from src.cluster.opening import open_home
from src.cluster.scheduler import Scheduler
from src.components.data_check import CheckedTable, DataCheck, DataCheckConfig
from src.components.data_ingestion import DataIngestion, DataIngestionConfig, check_enough
from src.components.data_transformation import DataTransformation
from src.components.model_compiler import ModelCompiler
from src.components.model_explanation import ModelExplanation
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.config import SAMPLE_TABLE, load_settings, read_signing_key
from src.exception import (
    ArtifactError,
    ConfigurationError,
    ModelNotFoundError,
    StuPredictionError,
)
from src.logger import configure_logging, get_logger
from src.pipelines.challenge import challenger_folder
from src.pipelines.challenge_command import run_challenge
from src.pipelines.check_command import (
    check_table,
    log_findings,
    naming_the_cause,
    refuse_to_train,
    refuse_unknown,
    show_findings,
)
from src.pipelines.judging import Judge, Judged
from src.pipelines.large_table import LargeTraining, large_table
from src.pipelines.lead_time_command import report_lead_time
from src.pipelines.periods import PeriodsJudge
from src.pipelines.reference import reference_files
from src.pipelines.report_stage import Trained, write_report
from src.pipelines.rows import (
    GoodRows,
    Split,
    columns_apart,
    known_later,
    learn_schema,
    served_effects,
    split_rows,
    write_tables,
)
from src.pipelines.run_files import (
    CHECKED_ROWS,
    check_saved,
    directions_of,
    dropped_columns,
    manifest_of,
    metrics_of,
)
from src.pipelines.sources import read_all
from src.pipelines.stopping import leave, stopped_by_sigterm, stopped_status
from src.pipelines.train_console import progress_shown, show_history, show_result
from src.pipelines.train_options import (
    build_parser,
    check_config,
    check_pass_mark,
    config_of,
    crossed_features,
    model_schema,
    naming_options,
)
from src.pipelines.training import TrainConfig, TrainResult
from src.report.challenge import ChallengeFacts
from src.report.group_facts import NEW
from src.schema.hints import Hints, find_hints, read_hints
from src.schema.record import Schema
from src.search.home import HERE, Home
from src.search.leaderboard import TrainedModel
from src.search.memory import return_freed_memory, trim_heap
from src.search.plan import Budget, Progress
from src.search.task import REGRESSION, Classification, Task
from src.serving.predictor import COMPILED, FINDINGS, Predictor
from src.streaming.files import LargeTable
from src.tables.cells import column_name, match_key
from src.tables.layout import Table
from src.tables.spreadsheets import SheetChoice
from src.utils import dump_object, to_json

if TYPE_CHECKING:
    from rich.console import Console

logger = get_logger(__name__)

NOT_PROMOTED = "Nothing was promoted: the earlier model, if any, is still there."


class TrainPipeline:
    """The road from a raw table to a promoted run.

    Parameters
    ----------
    config : TrainConfig
    table : Table, optional
        What the config names, where it was read already.
    home : Home, optional
        Where the fits of the search run.
    """

    def __init__(self, config: TrainConfig, table: Table | None = None, home: Home = HERE) -> None:
        check_config(config)
        self.config, self._table, self.home = config, table, home
        self._large: LargeTraining | None = None
        self.store = ArtifactStore(config.artifacts, read_signing_key())
        self.ingestion = DataIngestion(
            DataIngestionConfig(
                config.data, config.query, config.test_size, config.seed, _sheet(config)
            )
        )
        Budget(config.budget)  # refuses one that does not exist

    def run(
        self,
        progress: Progress = lambda label, done, total: None,
        notice: Callable[[CheckedTable], None] = log_findings,
        challenge: ChallengeFacts | None = None,
    ) -> TrainResult:
        """Train, save and promote.

        Parameters
        ----------
        progress : callable
            Called with what is being done, and how much of it.
        notice : callable
            Called with what the check of the table found, before anything is learnt.
        challenge : ChallengeFacts, optional
            Of a challenger: what it found is saved with the run, which is not promoted here.

        Raises
        ------
        StuPredictionError
            If an option, the table or the outcome cannot be used; with every problem.
        OSError
            If the artifacts cannot be written. The earlier run stays promoted in every case.
        """
        started, config = time.monotonic(), self.config
        with naming_options(), self.store.training():
            # What is learnt from: the table, its schema, the rows that can be used.
            hints, checked = self.check(progress)
            large = self._large
            notice(checked)
            refuse_to_train(checked)
            inferred, good = learn_schema(checked, hints, config, effects=large is None)
            _, later = known_later(checked.table, hints, config)
            lines = [] if large is None else [checked.table.lines[i] for i in good.indices]
            checked = replace(checked, table=Table())  # its cells would stay in memory
            trim_heap()
            schema = model_schema(inferred.schema, exclude_sensitive=config.exclude_sensitive)
            check_pass_mark(config.pass_mark, schema)
            trainer = self.trainer(schema)
            if large is not None:
                trainer = large.trainer(trainer.config)
            cross = crossed_features(config.cross, inferred.schema)

            # The split: what is held out, and what the search may see.
            if large is None:
                split = split_rows(self.ingestion, good, schema, config)
            else:
                split = large.split(lines, good.groups)
            train, test = good.take(split.train), good.take(split.test)
            other = good.take(split.other) if len(split.other) else None
            folder = config.artifacts if challenge is None else challenger_folder(config)
            folder.mkdir(exist_ok=True)
            data_sha256 = write_tables(folder, good, schema, split)

            # The search, by cross-validation on the training rows.
            names, X, y = list(schema.names), good.X[list(schema.names)], good.y
            preprocessor = DataTransformation(schema, config.seed, len(y)).run()
            searched = train if large is None else large.searched(train)
            with naming_the_cause(checked, schema.target.name):
                trained = trainer.run(
                    searched.X[names],
                    searched.y,
                    preprocessor,
                    progress,
                    groups=searched.groups,
                    weight=searched.weight,
                    units=searched.units,
                    cohorts=searched.cohorts,
                )
            of_parts = None
            if large is None:
                fitted = trainer.fit(
                    trained.pipeline,
                    train.X[names],
                    train.y,
                    train.weight,
                    train.groups,
                )
            else:
                of_parts = large.fit(trainer, trained, inferred, schema, checked, train, test)
                trained, fitted = of_parts.trained, of_parts.fits.without_held_out
            # The test rows are read here, once: nothing below chooses anything by them.
            judged = Judge(
                schema,
                train,
                test,
                config.seed,
                config.pass_mark,
                other,
                split.first,
                config.used_for,
                trainer.config.task,
                good.names,
                inferred.schema,
            ).run(trained, fitted)

            told = self._periods(schema, trainer, trained, judged, split, good)

            # The model that is served, fitted again on all rows: saved whole, read back, promoted.
            if of_parts is None:
                promoted = trainer.fit(trained.pipeline, X, good.y, good.weight, good.groups)
            else:
                promoted = of_parts.fits.on_all
            compiled = ModelCompiler(schema, config.seed).run(
                promoted.named_steps["preprocessor"],
                promoted.named_steps["model"],
                X,
                served_effects(schema, judged.groups, good.salt),
            )
            explanation = ModelExplanation(schema, config.seed)
            rows = {
                "total": checked.n_rows,
                "refused": good.n_refused + checked.n_summary_rows,
                "used": len(y),
                "train": len(train.y),
                "test": len(split.test) + len(split.other),
            }
            if of_parts is not None:
                rows = of_parts.rows
            metrics = metrics_of(schema, trained, judged.evaluation, rows) | judged.metrics | told
            if of_parts is not None:
                metrics["large_table"], metrics["note"] = asdict(of_parts.facts), of_parts.note
            if challenge is not None:
                metrics["challenge"] = asdict(challenge)
            metrics["levers"] = directions_of(explanation.raw_differences(train.X, train.y))
            dropped = dropped_columns(config, inferred, schema, checked)
            dropped |= later
            run = self.store.save(
                manifest_of(config, schema, trained, rows, dropped, data_sha256),
                {
                    "preprocessor.pkl": dump_object(promoted.named_steps["preprocessor"]),
                    "model.pkl": dump_object(promoted.named_steps["model"]),
                    COMPILED: compiled.content,
                    "schema.json": to_json(schema.to_dict()),
                    **{name: to_json(one.to_dict()) for name, one in judged.files.items()},
                    "background.json": to_json(compiled.background.to_dict()),
                    "metrics.json": to_json(metrics),
                    FINDINGS: to_json([f.to_public_dict() for f in checked.findings]),
                    **reference_files(schema, good, train, trained, judged.chances),
                },
            )
            check_saved(
                run,
                promoted,
                compiled.model,
                X.iloc[:CHECKED_ROWS],
            )
            if challenge is None:
                self.store.promote(run, by="train")
            promoted_s = time.monotonic() - started
            trim_heap()

            # The report changes nothing that serves.
            problem = None
            if config.budget != "quick":
                work = Trained(
                    full_schema=inferred.schema,
                    schema=schema,
                    trainer=trainer.config,
                    model=trained,
                    fitted=fitted,
                    rows=good,
                    train=train,
                    test=test,
                    known=other if split.first == NEW else test,
                    judged=judged,
                    problems=good.problems,
                    cross=cross,
                    findings=checked.findings,
                    in_parts=large is not None,
                )
                problem = self._report(run, work, progress)
        report_s = time.monotonic() - started - promoted_s
        return TrainResult(
            run, schema, trained, judged.evaluation, promoted_s, report_s, problem, checked.findings
        )

    def check(
        self, progress: Progress = lambda label, done, total: None
    ) -> tuple[Hints, CheckedTable]:
        """Return the table's hints, and what is found in it; nothing is written.

        Of a table that is read in parts, that is what is found in rows that are drawn from it.
        """
        hints, config = self._hints(), self.config
        target = config.target or hints.target
        table, large = self._table, None
        if table is None:
            found = large_table(config)
            if isinstance(found, LargeTable):
                large = self._large = LargeTraining(found, config, progress, target or "")
                table = large.scanned.drawn
            else:
                table = found
        table = table or read_all(config, target or "", self.ingestion)
        check_enough(len(table.rows))
        apart = columns_apart(table, config, target)
        refuse_unknown(table, target, config)
        _, later = known_later(table, hints, config)
        check = DataCheckConfig(
            target=target or "",
            hints=hints,
            drop=(*config.drop, *later),
            keep=config.keep,
            apart=tuple(apart),
            pupil=config.pupil,
            task=config.task,
            group=config.group,
            weight=config.sample_weight,
        )
        if large is None:
            return hints, DataCheck(check).run(table)
        return hints, large.checked(DataCheck(check).run(table, large.exact_cells()))

    def trainer(self, schema: Schema) -> ModelTrainer:
        """Return the trainer of a model with that schema."""
        config = self.config
        task: Task = REGRESSION
        if schema.task != "regression":
            outcomes = schema.outcomes
            task = Classification(len(outcomes.categories), outcomes.ordered, outcomes.event)
        return ModelTrainer(
            ModelTrainerConfig(
                models=config.models,
                random_state=config.seed,
                jobs=config.jobs,
                folds=config.cv,
                budget=config.budget,
                metric=config.metric or "",
                task=task,
                for_known_groups=config.used_for == "known",
                home=self.home,
            )
        )

    def _periods(
        self,
        schema: Schema,
        trainer: ModelTrainer,
        trained: TrainedModel,
        judged: Judged,
        split: Split,
        good: GoodRows,
    ) -> dict[str, Any]:
        """Return what metrics.json tells of the table's periods; nothing without --time."""
        import numpy as np

        if good.cohorts is None:
            return {}
        held_out = good.take(np.concatenate([split.test, split.other]))
        train = good.take(split.train)
        facts = PeriodsJudge(
            schema=schema,
            trainer=trainer,
            trained=trained,
            judged=judged,
            column=column_name(self.config.time or ""),
            names=good.periods,
            first=split.first,
            train=train,
            test=good.take(split.test),
            held_out=held_out,
            n_left_out=len(good.y) - len(train.y) - len(held_out.y),
        ).run()
        return {"periods": asdict(facts)}

    def _hints(self) -> Hints:
        path = self.config.hints or find_hints(Path(self.config.data))
        if path is None:
            return Hints()
        logger.info("Reading hints from %s", path.name)
        return read_hints(path)

    def _report(self, run: Run, work: Trained, progress: Progress) -> str | None:
        """Write the report; return what kept it from being written, which costs no model."""
        try:
            write_report(self.store, run, work, progress, self.config.language)
        except KeyboardInterrupt:
            return "it was stopped"
        except OSError as error:
            return error.strerror or str(error)
        except Exception as error:
            logger.exception("The report could not be made")
            return f"it could not be made ({type(error).__name__}; the log says where)"
        return None


def _sheet(config: TrainConfig) -> SheetChoice:
    wanted = frozenset([match_key(config.target)] if config.target else ())
    return SheetChoice(config.sheet, config.all_sheets, wanted)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: --jobs spreads fits, not threads
    return_freed_memory()
    from rich.console import Console

    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    started = time.monotonic()
    try:
        shared = ("LOG_LEVEL", "LOG_FILE", "ARTIFACTS_DIR")
        settings = load_settings(
            {"LOG_LEVEL": "WARNING"}
            | {name: os.environ[name] for name in shared if os.environ.get(name)}
        )
        options = build_parser(settings.artifacts_dir).parse_args(arguments)
        configure_logging("ERROR" if options.quiet else settings.log_level, settings.log_file)
        out = Console(quiet=options.quiet, stderr=options.json, highlight=False)
        with stopped_by_sigterm():
            summary = _run(options, out, errors)
    except StuPredictionError as error:
        errors.print(str(error), style="red", markup=False)
        return 1
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        reason = "The disk is full" if full else named
        errors.print(f"{reason}. {NOT_PROMOTED}", style="red", markup=False)
        return 1
    except KeyboardInterrupt as stop:
        errors.print(f"Stopped. {NOT_PROMOTED}", style="red")
        return stopped_status(stop)
    if options.json:
        if not options.check:
            summary["elapsed_s"] = round(time.monotonic() - started, 3)
        sys.stdout.write(json.dumps(summary) + "\n")
    return 0 if summary.get("ok", True) else 1


def _run(options: argparse.Namespace, out: Console, errors: Console) -> dict[str, Any]:
    """Do what the options ask for and return the summary."""
    store = ArtifactStore(options.artifacts, read_signing_key())
    if options.history:
        return show_history(store, out)
    if options.promote:
        run = store.run(options.promote)
        Predictor.from_run(run)
        run.check_files()
        store.promote(run, by="promote")
        out.print(f"Run {run.run_id} ({run.manifest.model}) is served now.")
        return {"run_id": run.run_id, "trained": False}
    if options.if_missing:
        try:
            run = Predictor.load(options.artifacts).run
            run.check_files()
        except ModelNotFoundError:
            pass
        except ArtifactError as error:
            logger.warning("Training anew: %s", error)
        else:
            out.print(f"Run {run.run_id} ({run.manifest.model}) is there and loads.")
            return {"run_id": run.run_id, "trained": False}
    if options.data == str(SAMPLE_TABLE) and not SAMPLE_TABLE.is_file():
        raise ConfigurationError("The sample table is not installed. Name a table with --data.")
    if options.capacity is not None and not options.lead_time:
        raise ConfigurationError("--capacity goes with --lead-time.")
    if options.promote_if and not options.challenge:
        raise ConfigurationError("--promote-if goes with --challenge.")
    if options.challenge or options.lead_time:
        if options.large == "yes":
            raise ConfigurationError(
                "--challenge and --lead-time need the table in memory: not with --large yes."
            )
        options.large = "no"
    config = config_of(options)
    if options.check:
        return check_table(*TrainPipeline(config).check(), options, out)
    if options.write_hints:
        raise ConfigurationError("--write-hints goes with --check.")
    with open_home(config.scheduler, config.jobs, send_all=config.send_all) as home:
        if options.challenge:
            road = partial(TrainPipeline, home=home)
            summary = run_challenge(road, store, options, out, errors)
        else:
            summary = _trained(TrainPipeline(config, home=home), options, out, errors)
        if isinstance(home, Scheduler):
            out.print(home.told(), markup=False, soft_wrap=True)
    return summary


def _trained(
    pipeline: TrainPipeline, options: argparse.Namespace, out: Console, errors: Console
) -> dict[str, Any]:
    """Train and return the summary."""
    if options.lead_time:
        return report_lead_time(pipeline, options, out, errors)
    notice = log_findings if options.quiet else partial(show_findings, errors, training=True)
    with progress_shown(None if options.quiet else errors) as progress:
        result = pipeline.run(progress, notice)
    show_result(result, options, out)
    return {
        "run_id": result.run.run_id,
        "trained": True,
        "artifacts": str(options.artifacts),
        **result.run.read_json("metrics.json"),
        "rows": result.run.manifest.rows,
        "fit_time_s": result.run.manifest.fit_time_s,
        "dropped": result.run.manifest.dropped,
        "seconds_to_promotion": round(result.promoted_s, 3),
        "seconds_of_report": round(result.report_s, 3),
        "report_problem": result.report_problem,
    }


if __name__ == "__main__":
    leave(main())
