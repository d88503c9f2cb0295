"""Train: from a raw table to a promoted run.

``python -m src.pipelines.train_pipeline --data mine.csv --target final_score``

:class:`TrainPipeline` is the whole road, to be read from top to bottom. Its command line is
``train_command.py``.
"""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.artifact_store import (
    ArtifactStore,
    Run,
    RunManifest,
    library_versions,
    new_run_id,
    utc_now,
)
from src.components.data_ingestion import (
    MINIMUM_ROWS,
    DataIngestion,
    DataIngestionConfig,
    without_secrets,
)
from src.components.data_transformation import DataTransformation
from src.components.data_validation import DataValidation
from src.components.model_compiler import ModelCompiler
from src.components.model_evaluation import ModelEvaluation
from src.components.model_explanation import ModelExplanation
from src.components.model_intervals import ModelIntervals
from src.components.model_trainer import (
    ModelTrainer,
    ModelTrainerConfig,
    Progress,
    TrainedModel,
)
from src.config import SAMPLE_TABLE, load_settings
from src.exception import (
    ArtifactError,
    ConfigurationError,
    DataValidationError,
    ModelNotFoundError,
    StuPredictionError,
)
from src.logger import configure_logging, get_logger
from src.pipelines.report_stage import Trained, write_report
from src.pipelines.rows import GoodRows, Rows, position_of, read_weights, warn_of_copies
from src.pipelines.run_files import CHECKED_ROWS, check_saved, coverage_of, metrics_of
from src.pipelines.stopping import leave, stopped_by_sigterm, stopped_status
from src.pipelines.train_console import show_history, show_result
from src.pipelines.train_options import build_parser
from src.pipelines.training import TrainConfig, TrainResult
from src.report.facts import PassMark
from src.report.wording import listed
from src.schema.hints import Hints, find_hints, read_hints
from src.schema.inference import InferredSchema, infer_schema
from src.schema.record import Schema
from src.serving.predictor import COMPILED, Predictor
from src.stats.conformal import PredictionIntervals
from src.tables.cells import format_number, match_key, to_text
from src.tables.layout import Table
from src.tables.writer import write_rows
from src.utils import dump_object, sha256, to_json, write_bytes

if TYPE_CHECKING:
    from rich.console import Console

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = get_logger(__name__)

REFUSED_SHARE = 0.1  # of the rows: above it, something is wrong with the table, not with the rows
UNEVEN_SHARE = 0.1  # of the rows, between those held out and those asked for: above it, a warning


class TrainPipeline:
    """The road from a raw table to a promoted run."""

    def __init__(self, config: TrainConfig) -> None:
        if not 0 < config.test_size < 1:
            raise ConfigurationError(
                f"--test-size is a share of the rows, between 0 and 1. Got {config.test_size}."
            )
        if config.jobs < 1:
            raise ConfigurationError(f"--jobs must be at least 1. Got {config.jobs}.")
        if not 0 <= config.seed < 2**32:
            raise ConfigurationError(f"--seed must be from 0 to {2**32 - 1}. Got {config.seed}.")
        self.config = config
        self.store = ArtifactStore(config.artifacts)
        self.ingestion = DataIngestion(
            DataIngestionConfig(config.data, config.query, config.test_size, config.seed)
        )
        if config.cv < 2:
            raise ConfigurationError(f"--cv must be at least 2. Got {config.cv}.")
        self.search = ModelTrainerConfig(
            config.models, config.seed, config.jobs, config.cv, config.budget, config.metric
        )
        self.trainer = ModelTrainer(self.search)

    def run(self, progress: Progress = lambda label, done, total: None) -> TrainResult:
        """Train, save and promote.

        Raises
        ------
        StuPredictionError
            If an option, the table or the outcome cannot be used; with every problem.
        OSError
            If the artifacts cannot be written. The earlier run stays promoted in every case.
        """
        started = time.monotonic()
        with self.store.training():
            table = self.ingestion.run()
            if len(table.rows) < MINIMUM_ROWS:
                raise DataValidationError(
                    f"The table has {len(table.rows)} rows, which are too few to learn from and to "
                    f"test on: at least {MINIMUM_ROWS} are needed."
                )
            hints = self._hints()
            kept_apart = self._kept_apart(table, self.config.target or hints.target)
            inferred = infer_schema(
                table, hints, self.config.target, (*self.config.drop, *kept_apart)
            )
            schema = self._model_schema(inferred.schema)
            mark = self._pass_mark(schema)
            cross = self._cross(inferred.schema)
            good = self._validate(table, inferred)
            positions = self.ingestion.split(len(good.y), good.groups)
            train, test = map(good.take, positions)
            self._warn_of_share(len(test.y) / len(good.y))
            warn_of_copies(train, test)
            data_sha256 = self._write_tables(good, schema, *positions)

            preprocessor = DataTransformation(schema, self.config.seed).run()
            names, y = list(schema.names), good.y
            trained = self.trainer.run(
                train.X[names], train.y, preprocessor, progress,
                groups=train.groups, weight=train.weight,
            )  # fmt: skip
            intervals = ModelIntervals(random_state=self.config.seed).run(
                trained.y, trained.out_of_fold
            )

            # The test rows are read here, once: nothing below chooses anything by them.
            fitted = self.trainer.fit(trained.pipeline, train.X[names], train.y, train.weight)
            y_pred = fitted.predict(test.X[names])
            evaluation = ModelEvaluation(self.config.seed).run(
                test.y, schema.clip_all(y_pred), baseline=float(train.y.mean())
            )
            marked = self._calibration(mark, schema, train, test, y_pred, intervals)

            X = good.X[names]
            promoted = self.trainer.fit(trained.pipeline, X, y, good.weight)
            compiled = ModelCompiler(schema, self.config.seed).run(
                promoted.named_steps["preprocessor"], promoted.named_steps["model"], X
            )
            rows = {"total": len(table.rows), "refused": good.n_refused, "used": len(y),
                    "train": len(train.y), "test": len(test.y)}  # fmt: skip
            metrics = metrics_of(schema, trained, evaluation, rows, y) | {
                "coverage": coverage_of(intervals, schema, test.y, y_pred),
                "pass_mark": asdict(marked) if marked else None,
            }
            dropped = self._dropped(inferred, schema)
            background = ModelExplanation(schema, self.config.seed).background(X)
            run = self.store.save(
                self._manifest(schema, trained, rows, dropped, data_sha256),
                {
                    "preprocessor.pkl": dump_object(promoted.named_steps["preprocessor"]),
                    "model.pkl": dump_object(promoted.named_steps["model"]),
                    COMPILED: compiled.content,
                    "schema.json": to_json(schema.to_dict()),
                    "intervals.json": to_json(intervals.to_dict()),
                    "background.json": to_json(background.to_dict()),
                    "metrics.json": to_json(metrics),
                },
            )
            check_saved(run, promoted, X.iloc[:CHECKED_ROWS])
            self.store.promote(run, by="train")
            promoted_s = time.monotonic() - started
            problem = None
            if self.config.budget != "quick":
                work = Trained(
                    inferred.schema, schema, self.search, trained, fitted, good, train, test,
                    y_pred, intervals, good.problems, marked, cross)  # fmt: skip
                problem = self._report(run, work, progress)
        report_s = time.monotonic() - started - promoted_s
        return TrainResult(run, schema, trained, evaluation, promoted_s, report_s, problem)

    def _report(self, run: Run, work: Trained, progress: Progress) -> str | None:
        """Write the report; return what kept it from being written, which costs no model."""
        try:
            write_report(self.store, run, work, progress)
        except KeyboardInterrupt:
            return "it was stopped"
        except OSError as error:
            return error.strerror or str(error)
        return None

    def _model_schema(self, schema: Schema) -> Schema:
        """Return the schema of what the model may see."""
        if not self.config.exclude_sensitive:
            return schema
        kept = tuple(feature for feature in schema.features if not feature.sensitive)
        if len(kept) == len(schema.features):
            raise ConfigurationError(
                "--exclude-sensitive has nothing to leave out: no feature is called sensitive. Say "
                "which are, with `sensitive = true` in the hints file beside the table."
            )
        if not kept:
            raise ConfigurationError("--exclude-sensitive leaves no feature: all are sensitive.")
        return replace(schema, features=kept)

    def _kept_apart(self, table: Table, target: str | None) -> list[str]:
        """Return the columns that options name and that are no features."""
        config = self.config
        named = (("--group", config.group), ("--sample-weight", config.sample_weight))
        for option, name in named:
            if name and match_key(name) == match_key(target or ""):
                raise ConfigurationError(f"{option} names {name}, which is the target.")
            if name:
                position_of(table, name, option)
        return [name for _, name in named if name]

    def _warn_of_share(self, held_out: float) -> None:
        asked = self.config.test_size
        if self.config.group and abs(held_out - asked) > UNEVEN_SHARE:
            logger.warning(
                "%.0f %% of the rows are held out, not %.0f %%: the groups of --group are kept "
                "whole, and they are few or of unequal size.",
                *(100 * held_out, 100 * asked),
            )

    def _dropped(self, inferred: InferredSchema, schema: Schema) -> dict[str, str]:
        """Return the columns that are no features, with the reasons."""
        apart = {
            match_key(name): reason
            for name, reason in (
                (self.config.group, "it says which rows belong together (--group)"),
                (self.config.sample_weight, "it holds the rows' weights (--sample-weight)"),
            )
            if name
        }
        return {n: apart.get(match_key(n), reason) for n, reason in inferred.dropped.items()} | {
            name: "it is sensitive (--exclude-sensitive)"
            for name in inferred.schema.names
            if name not in schema.names
        }

    def _pass_mark(self, schema: Schema) -> float | None:
        mark, target = self.config.pass_mark, schema.target
        if mark is None:
            return None
        low, high = target.range
        if not low < mark <= high:
            raise ConfigurationError(
                f"--pass-mark must lie above {format_number(low)} and not above "
                f"{format_number(high)}, where {target.name} lies. Got {format_number(mark)}."
            )
        return mark

    def _cross(self, schema: Schema) -> tuple[str, str] | None:
        """Return the names of the two sensitive features to combine, as the schema spells them."""
        if not self.config.cross:
            return None
        sensitive = {match_key(f.name): f.name for f in schema.features if f.sensitive}
        named = {sensitive.get(match_key(name), "") for name in self.config.cross}
        if len(self.config.cross) != 2 or len(named) != 2 or "" in named:
            raise ConfigurationError(
                "--cross takes two different sensitive features. Got "
                f"{listed(self.config.cross)}. Sensitive are: "
                f"{listed(sensitive.values(), most=20) or 'none, by the hints file'}."
            )
        one, other = (sensitive[match_key(name)] for name in self.config.cross)
        return one, other

    def _calibration(
        self,
        mark: float | None,
        schema: Schema,
        train: Rows,
        test: Rows,
        y_pred: NDArray[np.float64],
        intervals: PredictionIntervals,
    ) -> PassMark | None:
        if mark is None:
            return None
        return ModelEvaluation(self.config.seed).pass_mark(
            test.y, y_pred, intervals, mark,
            integer=schema.target.integer, base_rate=float((train.y < mark).mean()),
        )  # fmt: skip

    def _hints(self) -> Hints:
        path = self.config.hints or find_hints(Path(self.config.data))
        if path is None:
            return Hints()
        logger.info("Reading hints from %s", path.name)
        return read_hints(path)

    def _validate(self, table: Table, inferred: InferredSchema) -> GoodRows:
        """Return the rows that training uses."""
        import numpy as np

        schema = inferred.schema
        validation = DataValidation(schema, decimal_comma=table.decimal_comma)
        validated = validation.run(table, inferred.positions, with_target=True)
        problems, accepted = validated.problems, validated.accepted
        weight = None
        if self.config.sample_weight:
            weight, more = read_weights(table, self.config.sample_weight, accepted)
            problems, accepted = problems + more, accepted & (weight > 0)
        n_refused = int((~accepted).sum())
        if n_refused > REFUSED_SHARE * len(table.rows):
            raise DataValidationError(
                f"{n_refused} of {len(table.rows)} rows cannot be used. Mend the table, or leave "
                "a column out with --drop COLUMN.",
                problems,
            )
        if n_refused:
            logger.warning(
                "%d of %d rows are left out. %s",
                n_refused,
                len(table.rows),
                # A message about a field quotes the student's value, which no log may hold.
                " ".join(
                    f"Row {p.row}: {p.field} is refused." if p.field else str(p)
                    for p in problems[:5]
                ),
            )
        frame = validated.frame.set_axis(np.flatnonzero(validated.accepted))
        frame = frame[accepted[validated.accepted]]
        known = frame[schema.target.name].notna()
        if not known.all():
            logger.warning(
                "%d rows are left out: they have no %s.", (~known).sum(), schema.target.name
            )
        frame = frame[known]
        groups = None
        if self.config.group:
            at = position_of(table, self.config.group, "--group")
            groups = [table.rows[i][at].strip() for i in frame.index]
        return GoodRows(
            X=frame[list(schema.names)].reset_index(drop=True),
            y=frame[schema.target.name].to_numpy(),
            groups=groups,
            weight=None if weight is None else weight[frame.index],
            n_refused=n_refused,
            problems=problems,
        )

    def _write_tables(
        self,
        good: GoodRows,
        schema: Schema,
        train: NDArray[np.intp],
        test: NDArray[np.intp],
    ) -> str:
        """Write data.csv, train.csv and test.csv; return the hash of the first."""
        columns = [*(good.X[name] for name in schema.names), good.y]
        rows = [[to_text(v) for v in row] for row in zip(*columns, strict=True)]
        contents = {}
        for name, positions in (("data", range(len(rows))), ("train", train), ("test", test)):
            text = io.StringIO()
            write_rows(text, [[*schema.names, schema.target.name], *(rows[i] for i in positions)])
            contents[name] = text.getvalue().encode()
            write_bytes(self.config.artifacts / f"{name}.csv", contents[name])
        return sha256(contents["data"])

    def _manifest(
        self,
        schema: Schema,
        trained: TrainedModel,
        rows: dict[str, int],
        dropped: dict[str, str],
        data_sha256: str,
    ) -> RunManifest:
        config = self.config
        families = {trained.winner.name, *trained.winner.params}  # a blend's are its members
        libraries = {name.removesuffix("_native") for name in families}
        needed = {"scikit-learn", *libraries} & set(library_versions())
        return RunManifest(
            run_id=new_run_id(),
            created=utc_now().isoformat(timespec="seconds"),
            seed=config.seed,
            rows=rows,
            data_sha256=data_sha256,
            schema_fingerprint=schema.fingerprint,
            model=trained.winner.label,
            options={
                "data": without_secrets(config.data),
                "query": config.query,
                "target": schema.target.name,
                "drop": list(config.drop),
                "models": list(config.models),
                "budget": config.budget,
                "metric": config.metric,
                "cv": config.cv,
                "group": config.group,
                "sample_weight": config.sample_weight,
                "exclude_sensitive": config.exclude_sensitive,
                "cross": list(config.cross),
                "pass_mark": config.pass_mark,
                "test_size": config.test_size,
            },
            dropped=dropped,
            tried={row.name: row.n_trials for row in trained.leaderboard},
            not_tried=trained.left_out,
            fit_time_s={row.name: round(row.fit_time_s, 4) for row in trained.leaderboard},
            versions=library_versions(),
            requires=sorted(needed),
            python=platform.python_version(),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: --jobs spreads fits, not threads
    from rich.console import Console

    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    started = time.monotonic()
    try:
        shared = ("LOG_LEVEL", "LOG_FILE", "ARTIFACTS_DIR")
        settings = load_settings({"LOG_LEVEL": "WARNING"} | {
            name: os.environ[name] for name in shared if os.environ.get(name)
        })  # fmt: skip
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
        reason = "The disk is full" if full else f"{error.filename}: {error.strerror}"
        errors.print(
            f"{reason}. Nothing was promoted: the earlier model, if any, is still there.",
            style="red",
            markup=False,
        )
        return 1
    except KeyboardInterrupt as stop:
        errors.print(
            "Stopped. Nothing was promoted: the earlier model, if any, is still there.", style="red"
        )
        return stopped_status(stop)
    if options.json:
        summary["elapsed_s"] = round(time.monotonic() - started, 3)
        sys.stdout.write(json.dumps(summary) + "\n")
    return 0


def _run(options: argparse.Namespace, out: Console, errors: Console) -> dict[str, Any]:
    """Do what the options ask for and return the summary."""
    store = ArtifactStore(options.artifacts)
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
    result = _train(options, errors if not options.quiet else None)
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


def _train(options: argparse.Namespace, console: Console | None) -> TrainResult:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as ProgressBar

    pipeline = TrainPipeline(TrainConfig(
        data=options.data, query=options.query, target=options.target, hints=options.hints,
        drop=tuple(options.drop), models=tuple(options.models), budget=options.budget,
        metric=options.metric, cv=options.cv, group=options.group,
        sample_weight=options.sample_weight, exclude_sensitive=options.exclude_sensitive,
        cross=tuple(options.cross),
        pass_mark=options.pass_mark, artifacts=options.artifacts,
        seed=options.seed, test_size=options.test_size, jobs=options.jobs,
    ))  # fmt: skip
    if console is None or not console.is_terminal:
        return pipeline.run()
    columns = (
        TextColumn("{task.description:30}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )  # fmt: skip
    with ProgressBar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Reading the table", total=None)

        def progress(label: str, done: int, total: int) -> None:
            bar.update(task, description=label or "Fitting the winner", completed=done, total=total)

        return pipeline.run(progress)


if __name__ == "__main__":
    leave(main())
