"""The command line of training: ``python -m src.pipelines.train_pipeline --help``."""

from __future__ import annotations

import argparse
import errno
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.artifact_store import REBUILD, ArtifactStore, Promotion
from src.candidates import CANDIDATES
from src.config import ARTIFACTS, SAMPLE_TABLE, load_settings
from src.exception import (
    ArtifactError,
    ConfigurationError,
    ModelNotFoundError,
    StuPredictionError,
)
from src.logger import configure_logging, get_logger
from src.pipelines.predict_pipeline import Predictor
from src.pipelines.train_pipeline import TrainConfig, TrainPipeline, TrainResult
from src.schema import format_number
from src.stopping import stopped_by_sigterm, stopped_status

if TYPE_CHECKING:
    from rich.console import Console

logger = get_logger(__name__)


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
        "--budget",
        type=_budget,
        default=defaults.budget,
        metavar="BUDGET",
        help="quick, standard, thorough (up to a minute, while it gains) or seconds "
        "(default: %(default)s)",
    )
    search.add_argument(
        "--metric",
        default=defaults.metric,
        metavar="METRIC",
        help="what the winner is chosen by: r2, rmse or mae (default: %(default)s)",
    )
    search.add_argument(
        "--cv",
        type=int,
        default=defaults.cv,
        metavar="N",
        help="folds of the cross-validation (default: %(default)s)",
    )
    search.add_argument(
        "--group",
        metavar="COLUMN",
        help="rows with the same value, such as a school's pupils, are never in training and test "
        "rows at once; not a feature",
    )
    search.add_argument(
        "--sample-weight", metavar="COLUMN", help="weight of each row in every fit; not a feature"
    )
    search.add_argument(
        "--exclude-sensitive",
        action="store_true",
        help="train without the features that the hints call sensitive; the report says what that "
        "costs",
    )
    search.add_argument(
        "--pass-mark",
        type=float,
        metavar="N",
        help="the model then says how likely a score below it is",
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


def _budget(text: str) -> str | float:
    try:
        seconds = float(text)
    except ValueError:
        return text
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError("seconds must be above 0")
    return seconds


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
        return _history(store, out)
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
    _show(result, options, out)
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
    spread = schema.target.observed_maximum - schema.target.observed_minimum
    decimals = min(12, max(0, math.ceil(-math.log10(spread / 1500))))

    def shown(value: float) -> str:
        return f"{value:.{decimals}f}"

    for row in result.trained.leaderboard:
        grid.add_row(
            row.label,
            f"{row.r2:.3f}",
            f"{row.r2_standard_error:.3f}",
            shown(row.rmse),
            shown(row.mae),
            f"{row.fit_time_s:.2f} s",
            style="bold green" if row is winner else None,
        )
    out.print(grid)
    reasons: dict[str, list[str]] = {}
    for name, reason in result.trained.left_out.items():
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        out.print(f"Not tried, {reason}: {', '.join(names)}.", markup=False, soft_wrap=True)
    r2, rmse, mae = evaluation.r2, evaluation.rmse, evaluation.mae
    out.print(
        f"\n{winner.label} on {evaluation.n_samples} held-out rows (95 % intervals):",
        style="bold",
        markup=False,
        soft_wrap=True,
    )
    lines = [
        f"R²    {r2.value:.3f}  ({r2.low:.3f} to {r2.high:.3f})",
        f"RMSE  {shown(rmse.value)}{unit}  ({shown(rmse.low)} to {shown(rmse.high)}; "
        f"predicting the mean: {shown(evaluation.baseline_rmse)})",
        f"MAE   {shown(mae.value)}{unit}  ({shown(mae.low)} to {shown(mae.high)})",
        *(
            f"{line['level']:.0%} intervals hold {line['coverage']:.0%} of them; they are "
            f"{shown(line['mean_width'])}{unit} wide on average"
            for line in result.run.read_json("metrics.json")["coverage"]
        ),
    ]
    for line in lines:
        out.print(f"  {line}", markup=False, soft_wrap=True)
    if r2.low <= 0:
        out.print(
            "These rows do not show that it is better than the mean.", style="yellow", markup=False
        )
    low, high = schema.target.minimum, schema.target.maximum
    if low is not None and high is not None:
        out.print(
            f"Predictions are kept from {format_number(low)} to {format_number(high)}{unit}.",
            markup=False,
        )
    folder = options.artifacts
    elsewhere = "" if folder == ARTIFACTS else f" --artifacts {folder}"
    variable = "" if folder == ARTIFACTS else f"ARTIFACTS_DIR={folder} "
    out.print(
        f"\nPromoted run {result.run.run_id}, fitted again on all {rows['used']} rows: {folder}",
        markup=False,
        soft_wrap=True,
    )
    if result.report_problem:
        out.print(
            f"There is no report: {result.report_problem}. The model is promoted all the same.",
            style="yellow",
            markup=False,
        )
    elif options.budget != "quick":
        out.print(f"Report: {folder / 'report.html'}", markup=False, soft_wrap=True)
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
    grid.add_column("Run", no_wrap=True, min_width=len("20260131T120000Z-1a2b3c"))
    for name in ("Promoted at", "By", "Model", "R²"):
        grid.add_column(name)
    for line in history:
        grid.add_row(
            line.run_id,
            line.at.replace("T", " ").removesuffix("+00:00"),
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
