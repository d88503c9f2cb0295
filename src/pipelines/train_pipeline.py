"""Train: from a raw table to a promoted run.

``python -m src.pipelines.train_pipeline --data mine.csv --target final_score``

:class:`TrainPipeline` is the whole road, to be read from top to bottom; the rest of the file is its
command line.
"""

from __future__ import annotations

import argparse
import errno
import io
import json
import math
import os
import platform
import sys
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.artifact_store import (
    REBUILD,
    ArtifactStore,
    Promotion,
    Run,
    RunManifest,
    library_versions,
    new_run_id,
    utc_now,
)
from src.components.data_ingestion import MINIMUM_ROWS, DataIngestion, DataIngestionConfig
from src.components.data_transformation import DataTransformation
from src.components.data_validation import DataValidation
from src.components.model_evaluation import Evaluation, ModelEvaluation
from src.components.model_trainer import (
    CANDIDATES,
    ModelTrainer,
    ModelTrainerConfig,
    Progress,
    TrainedModel,
)
from src.config import ARTIFACTS, SAMPLE_TABLE, load_settings
from src.exception import (
    ArtifactError,
    ConfigurationError,
    DataValidationError,
    ModelNotFoundError,
    StuPredictionError,
)
from src.hints import Hints, find_hints, read_hints
from src.logger import configure_logging, get_logger
from src.pipelines.predict_pipeline import Predictor
from src.schema import Schema, format_number
from src.schema_inference import InferredSchema, infer_schema
from src.spreadsheets import to_text
from src.tables import Table, write_rows
from src.utils import dump_object, sha256, to_json, write_bytes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from rich.console import Console
    from sklearn.pipeline import Pipeline

logger = get_logger(__name__)

REFUSED_SHARE = 0.1  # of the rows: above it, something is wrong with the table, not with the rows
MINIMUM_TRAIN_ROWS = 10
MINIMUM_TEST_ROWS = 2
CHECKED_ROWS = 100  # predicted again from the saved files before they are promoted


@dataclass(frozen=True)
class TrainConfig:
    """What a person can choose; see the command's help."""

    data: str = str(SAMPLE_TABLE)
    query: str | None = None
    target: str | None = None
    hints: Path | None = None
    drop: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    artifacts: Path = ARTIFACTS
    seed: int = 42
    test_size: float = 0.2
    jobs: int = os.cpu_count() or 1


@dataclass(frozen=True)
class TrainResult:
    """What a training run came to."""

    run: Run
    schema: Schema
    trained: TrainedModel
    evaluation: Evaluation


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
        self.trainer = ModelTrainer(
            ModelTrainerConfig(config.models, random_state=config.seed, jobs=config.jobs)
        )

    def run(self, progress: Progress = lambda label, done, total: None) -> TrainResult:
        """Train, save and promote.

        Raises
        ------
        StuPredictionError
            If an option, the table or the outcome cannot be used; with every problem.
        OSError
            If the artifacts cannot be written. The earlier run stays promoted in every case.
        """
        with self.store.training():
            table = self.ingestion.run()
            if len(table.rows) < MINIMUM_ROWS:
                raise DataValidationError(
                    f"The table has {len(table.rows)} rows, which are too few to learn from and to "
                    f"test on: at least {MINIMUM_ROWS} are needed."
                )
            inferred = infer_schema(table, self._hints(), self.config.target, self.config.drop)
            schema = inferred.schema
            X, y, n_refused = self._validate(table, inferred)
            self._check_sizes(len(X))
            train, test = self.ingestion.split(len(X))
            data_sha256 = self._write_tables(X, y, schema, train, test)

            preprocessor = DataTransformation(schema).run()
            trained = self.trainer.run(X.iloc[train], y[train], preprocessor, progress)

            # The test rows are read here, once: nothing below chooses anything by them.
            fitted = self.trainer.fit(trained.pipeline, X.iloc[train], y[train])
            y_pred = schema.clip_all(fitted.predict(X.iloc[test]))
            evaluation = ModelEvaluation(self.config.seed).run(
                y[test], y_pred, baseline=float(y[train].mean())
            )

            promoted = self.trainer.fit(trained.pipeline, X, y)
            rows = {"total": len(table.rows), "refused": n_refused, "used": len(X),
                    "train": len(train), "test": len(test)}  # fmt: skip
            run = self.store.save(
                self._manifest(schema, trained, rows, inferred.dropped, data_sha256),
                {
                    "preprocessor.pkl": dump_object(promoted.named_steps["preprocessor"]),
                    "model.pkl": dump_object(promoted.named_steps["model"]),
                    "schema.json": to_json(schema.to_dict()),
                    "metrics.json": to_json(
                        _metrics(schema, trained, evaluation, rows, float(y.mean()))
                    ),
                },
            )
            _check_saved(run, promoted, X.iloc[:CHECKED_ROWS])
            self.store.promote(run, by="train")
        return TrainResult(run, schema, trained, evaluation)

    def _hints(self) -> Hints:
        path = self.config.hints or find_hints(Path(self.config.data))
        if path is None:
            return Hints()
        logger.info("Reading hints from %s", path.name)
        return read_hints(path)

    def _validate(
        self, table: Table, inferred: InferredSchema
    ) -> tuple[pd.DataFrame, NDArray[np.float64], int]:
        """Return the features and the target of the good rows, and how many were refused."""
        schema = inferred.schema
        validation = DataValidation(schema, decimal_comma=table.decimal_comma)
        validated = validation.run(table, inferred.positions, with_target=True)
        n_refused = int((~validated.accepted).sum())
        if n_refused > REFUSED_SHARE * len(table.rows):
            raise DataValidationError(
                f"{n_refused} of {len(table.rows)} rows cannot be used. Mend the table, or leave "
                "a column out with --drop COLUMN.",
                validated.problems,
            )
        if n_refused:
            logger.warning(
                "%d of %d rows are left out. %s",
                n_refused,
                len(table.rows),
                " ".join(
                    f"Row {p.row}: {p.field or 'the row'} is refused."
                    for p in validated.problems[:5]
                ),
            )
        frame = validated.frame
        known = frame[schema.target.name].notna()
        if not known.all():
            logger.warning(
                "%d rows are left out: they have no %s.", (~known).sum(), schema.target.name
            )
        frame = frame[known].reset_index(drop=True)
        return frame[list(schema.names)], frame[schema.target.name].to_numpy(), n_refused

    def _check_sizes(self, n_rows: int) -> None:
        n_test = math.ceil(n_rows * self.config.test_size)
        if n_rows >= MINIMUM_ROWS and not (
            n_test >= MINIMUM_TEST_ROWS and n_rows - n_test >= MINIMUM_TRAIN_ROWS
        ):
            raise DataValidationError(
                f"--test-size {self.config.test_size} leaves {n_rows - n_test} of {n_rows} rows to "
                f"learn from and {n_test} to test on: at least {MINIMUM_TRAIN_ROWS} and "
                f"{MINIMUM_TEST_ROWS} are needed."
            )

    def _write_tables(
        self,
        X: pd.DataFrame,
        y: NDArray[np.float64],
        schema: Schema,
        train: NDArray[np.intp],
        test: NDArray[np.intp],
    ) -> str:
        """Write data.csv, train.csv and test.csv; return the hash of the first."""
        columns = [*(X[name] for name in schema.names), y]
        rows = [[to_text(v) for v in row] for row in zip(*columns, strict=True)]
        contents = {}
        for name, positions in (("data", range(len(X))), ("train", train), ("test", test)):
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
        needed = {"scikit-learn", trained.winner.name} & set(library_versions())
        return RunManifest(
            run_id=new_run_id(),
            created=utc_now().isoformat(timespec="seconds"),
            seed=config.seed,
            rows=rows,
            data_sha256=data_sha256,
            schema_fingerprint=schema.fingerprint,
            model=trained.winner.label,
            options={
                "data": _without_secrets(config.data),
                "target": schema.target.name,
                "drop": list(config.drop),
                "models": list(config.models),
                "test_size": config.test_size,
            },
            dropped=dropped,
            fit_time_s={row.name: round(row.fit_time_s, 4) for row in trained.leaderboard},
            versions=library_versions(),
            requires=sorted(needed),
            python=platform.python_version(),
        )


def _metrics(
    schema: Schema,
    trained: TrainedModel,
    evaluation: Evaluation,
    rows: dict[str, int],
    mean: float,
) -> dict[str, Any]:
    """Return metrics.json: nothing in it depends on the clock, so equal runs have equal files."""
    leaderboard = []
    for row in trained.leaderboard:
        values = asdict(row)
        del values["fit_time_s"]
        leaderboard.append(values)
    return {
        "target": schema.target.name,
        "unit": schema.target.unit,
        "target_mean": mean,
        "winner": trained.winner.name,
        "model": trained.winner.label,
        "held_out": asdict(evaluation),
        "note": f"The winner was chosen by cross-validation inside {rows['train']} training rows. "
        f"These metrics come from {rows['test']} held-out rows, which were read once, at the end. "
        f"The promoted model was then fitted again on all {rows['used']} rows.",
        "leaderboard": leaderboard,
        "left_out": trained.left_out,
    }


def _check_saved(run: Run, pipeline: Pipeline, X: pd.DataFrame) -> None:
    """Read a run back as serving will, and compare what it predicts.

    Raises
    ------
    ArtifactError
        If it does not load, or predicts something else.
    """
    import numpy as np

    predictor = Predictor.from_run(run)
    expected = predictor.schema.clip_all(pipeline.predict(X))
    if not np.array_equal(predictor.predict_frame(X), expected):
        raise ArtifactError(
            f"Run {run.run_id} predicts something else once it is read back. It was not promoted."
        )


def _without_secrets(source: str) -> str:
    """Return where a table came from, without a password, a query or the folders above it."""
    parts = urllib.parse.urlsplit(source)
    if "://" not in source:
        return Path(source).name
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


# --- the command line ---------------------------------------------------------------------------


def _parser(artifacts: Path) -> argparse.ArgumentParser:
    defaults = TrainConfig()
    parser = argparse.ArgumentParser(
        prog=REBUILD,
        description="Learn to predict a column of a table, and promote the model that does it "
        "best. Without options it trains on the sample table.",
        epilog="""examples:
  %(prog)s
  %(prog)s --data mine.csv --target final_score
  %(prog)s --data grades.xlsx --target "Final score" --drop "Student name" Class
  %(prog)s --data sqlite:///school.db --query "SELECT * FROM marks" --target mark
  %(prog)s --history
  %(prog)s --promote 20260131T120000Z-1a2b3c""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    table = parser.add_argument_group("the table")
    table.add_argument(
        "--data",
        default=defaults.data,
        metavar="SOURCE",
        help="CSV, Parquet or Excel file, http(s) URL, or database URL (default: the sample table)",
    )
    table.add_argument("--query", metavar="SQL", help="what to select, where --data is a database")
    table.add_argument(
        "--target", metavar="COLUMN", help="column to predict (default: the hints' target)"
    )
    table.add_argument(
        "--hints",
        type=Path,
        metavar="FILE",
        help="TOML file of labels, units and bounds (default: NAME.schema.toml "
        "beside the table, where there is one)",
    )
    table.add_argument(
        "--drop",
        nargs="+",
        default=[],
        metavar="COLUMN",
        action="extend",
        help="columns that must not be features",
    )
    search = parser.add_argument_group("the search")
    search.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="MODEL",
        action="extend",
        help=f"families to try (default: all of {', '.join(_model_names())})",
    )
    search.add_argument(
        "--seed",
        type=int,
        default=defaults.seed,
        help="same table and seed, same model (default: %(default)s)",
    )
    search.add_argument(
        "--test-size",
        type=float,
        default=defaults.test_size,
        metavar="SHARE",
        help="share of the rows held out for the metrics (default: %(default)s)",
    )
    search.add_argument(
        "--jobs",
        type=int,
        default=defaults.jobs,
        metavar="N",
        help="fits at once; does not change the result (default: %(default)s)",
    )
    output = parser.add_argument_group("the outcome")
    output.add_argument(
        "--artifacts",
        type=Path,
        default=artifacts,
        metavar="DIR",
        help="folder that everything is written to (default: %(default)s)",
    )
    output.add_argument(
        "--json",
        action="store_true",
        help="the summary as one JSON object on the last line of stdout",
    )
    output.add_argument("--quiet", action="store_true", help="say nothing but errors")
    mode = parser.add_argument_group("instead of training").add_mutually_exclusive_group()
    mode.add_argument(
        "--if-missing", action="store_true", help="do nothing where a promoted run loads"
    )
    mode.add_argument("--history", action="store_true", help="list promotions and saved runs")
    mode.add_argument("--promote", metavar="RUN_ID", help="serve an earlier run again")
    return parser  # fmt: skip


def _model_names() -> list[str]:
    return [candidate.name for candidate in CANDIDATES]


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
        options = _parser(settings.artifacts_dir).parse_args(arguments)
        configure_logging("ERROR" if options.quiet else settings.log_level, settings.log_file)
        out = Console(quiet=options.quiet, stderr=options.json, highlight=False)
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
    except KeyboardInterrupt:
        errors.print(
            "Stopped. Nothing was promoted: the earlier model, if any, is still there.", style="red"
        )
        return 130
    if options.json:
        summary["elapsed_s"] = round(time.monotonic() - started, 3)
        sys.stdout.write(json.dumps(summary) + "\n")
    return 0


def _run(options: argparse.Namespace, out: Console, errors: Console) -> dict[str, Any]:
    """Do what the options ask for and return the summary."""
    store = ArtifactStore(options.artifacts)
    if options.history:
        return _history(store, out)
    if options.promote:
        run = store.run(options.promote)
        Predictor.from_run(run)
        store.promote(run, by="promote")
        out.print(f"Run {run.run_id} ({run.manifest.model}) is served now.")
        return {"run_id": run.run_id, "trained": False}
    if options.if_missing:
        try:
            run = Predictor.load(options.artifacts).run
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
    _show(result, options, out)
    return {
        "run_id": result.run.run_id,
        "trained": True,
        "artifacts": str(options.artifacts),
        **result.run.read_json("metrics.json"),
        "rows": result.run.manifest.rows,
        "fit_time_s": result.run.manifest.fit_time_s,
        "dropped": result.run.manifest.dropped,
    }


def _train(options: argparse.Namespace, console: Console | None) -> TrainResult:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as ProgressBar

    pipeline = TrainPipeline(TrainConfig(
        data=options.data, query=options.query, target=options.target, hints=options.hints,
        drop=tuple(options.drop), models=tuple(options.models), artifacts=options.artifacts,
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


def _show(result: TrainResult, options: argparse.Namespace, out: Console) -> None:
    """Print the leaderboard, the held-out metrics and what to run next."""
    from rich.table import Table as Grid

    schema, evaluation, winner = result.schema, result.evaluation, result.trained.winner
    rows = result.run.manifest.rows
    unit = f" {schema.target.unit}" if schema.target.unit else ""
    grid = Grid(
        title=f"Predicting {schema.target.name}: cross-validation on {rows['train']} rows",
        title_justify="left",
    )
    grid.add_column("Model")
    for name in ("R²", "± s.e.", "RMSE", "MAE", "Fit"):
        grid.add_column(name, justify="right")
    for row in result.trained.leaderboard:
        grid.add_row(
            row.label,
            f"{row.r2:.3f}",
            f"{row.r2_standard_error:.3f}",
            f"{row.rmse:.2f}",
            f"{row.mae:.2f}",
            f"{row.fit_time_s:.2f} s",
            style="bold green" if row is winner else None,
        )
    out.print(grid)
    for name, reason in result.trained.left_out.items():
        out.print(f"Not tried: {name} ({reason}).")
    r2, rmse, mae = evaluation.r2, evaluation.rmse, evaluation.mae
    out.print(
        f"\n[bold]{winner.label}[/bold] on {evaluation.n_samples} held-out rows (95 % intervals):\n"
        f"  R²    {r2.value:.3f}  ({r2.low:.3f} to {r2.high:.3f})\n"
        f"  RMSE  {rmse.value:.2f}{unit}  ({rmse.low:.2f} to {rmse.high:.2f}; "
        f"predicting the mean: {evaluation.baseline_rmse:.2f})\n"
        f"  MAE   {mae.value:.2f}{unit}  ({mae.low:.2f} to {mae.high:.2f})"
    )
    if rmse.value >= evaluation.baseline_rmse:
        out.print("On these few rows it is no better than the mean.", style="yellow")
    low, high = schema.target.minimum, schema.target.maximum
    if low is not None and high is not None:
        out.print(f"Predictions are kept from {format_number(low)} to {format_number(high)}{unit}.")
    folder = options.artifacts
    elsewhere = "" if folder == ARTIFACTS else f" --artifacts {folder}"
    variable = "" if folder == ARTIFACTS else f"ARTIFACTS_DIR={folder} "
    out.print(
        f"\nPromoted run {result.run.run_id}, fitted again on all {rows['used']} rows: {folder}",
        markup=False,
        soft_wrap=True,
    )
    out.print(
        f"Next:\n  {variable}gunicorn application:application\n"
        "  python -m src.pipelines.predict_pipeline --input class.csv --output predictions.csv"
        f"{elsewhere}",
        markup=False,
        soft_wrap=True,
    )


def _history(store: ArtifactStore, out: Console) -> dict[str, Any]:
    from rich.table import Table as Grid

    history: list[Promotion] = store.history()
    runs = []
    current = history[-1].run_id if history else None
    grid = Grid(title="Promotions, newest last", title_justify="left")
    for name in ("Run", "Promoted at", "By", "Model", "Held-out R²"):
        grid.add_column(name)
    for line in history:
        grid.add_row(
            line.run_id,
            line.at,
            line.by,
            *_described(store, line.run_id),
            style="bold green" if line is history[-1] else None,
        )
    for run_id in store.run_ids():
        runs.append({"run_id": run_id, "promoted": run_id == current})
        if run_id not in {line.run_id for line in history}:
            grid.add_row(run_id, "never", "", *_described(store, run_id))
    out.print(grid if runs or history else "Nothing was trained yet.")
    return {"run_id": current, "trained": False, "history": [asdict(line) for line in history],
            "runs": runs}  # fmt: skip


def _described(store: ArtifactStore, run_id: str) -> tuple[str, str]:
    try:
        run = store.run(run_id)
        return run.manifest.model, f"{run.read_json('metrics.json')['held_out']['r2']['value']:.3f}"
    except ArtifactError:
        return "damaged or removed", ""


if __name__ == "__main__":
    sys.exit(main())
