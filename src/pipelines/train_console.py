"""What the command of training shows: its progress, its result, the history."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from src.artifact_store import ArtifactStore, Promotion
from src.config import ARTIFACTS
from src.exception import ArtifactError
from src.pipelines.training import TrainResult
from src.report.wording import Measure
from src.search.plan import Progress
from src.tables.cells import format_number

if TYPE_CHECKING:
    from rich.console import Console


def show_result(result: TrainResult, options: argparse.Namespace, out: Console) -> None:
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
    shown = Measure.of(schema.target).number
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


@contextmanager
def progress_shown(console: Console | None) -> Iterator[Progress]:
    """Show a bar while a training runs, where somebody is looking at a terminal."""
    if console is None or not console.is_terminal:
        yield lambda label, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as ProgressBar

    columns = (
        TextColumn("{task.description:30}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )  # fmt: skip
    with ProgressBar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Reading the table", total=None)

        def progress(label: str, done: int, total: int) -> None:
            bar.update(task, description=label or "Fitting the winner", completed=done, total=total)

        yield progress


def show_history(store: ArtifactStore, out: Console) -> dict[str, Any]:
    """Print promotions and saved runs; return them."""
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
