"""What the command of training shows: its progress, its result, the history."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from src.artifact_store import ArtifactStore
from src.components.model_evaluation import Evaluation
from src.config import ARTIFACTS
from src.exception import ArtifactError
from src.pipelines.training import TrainResult
from src.report.class_facts import Capacity, ClassScores, told_capacity
from src.report.class_overview import how_to_name_the_event
from src.report.group_facts import GroupsFacts
from src.report.group_scores import GroupWords, held_out_case, score_sentences
from src.report.large_table import sentences as of_large_table
from src.report.overview import DOUBTFUL
from src.report.periods import headline, sentences
from src.report.wording import Measure, listed
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.search.plan import Progress
from src.stats.intervals import Interval
from src.tables.cells import format_number
from src.utils import read_typed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def show_result(result: TrainResult, options: argparse.Namespace, out: Console) -> None:
    """Print the leaderboard, the held-out metrics and what to run next."""
    schema, run, winner = result.schema, result.run, result.trained.winner
    say = partial(out.print, markup=False, soft_wrap=True)
    out.print(_leaderboard(result))
    reasons: dict[str, list[str]] = {}
    for name, reason in result.trained.left_out.items():
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        say(f"Left out, {reason}: {', '.join(names)}.")
    evaluation = result.evaluation
    n_held_out = evaluation.n_samples
    metrics = run.read_json("metrics.json")
    found = metrics.get("groups")
    groups = read_typed(GroupsFacts, found) if found else None
    of_case = ""
    if groups is not None:
        say(f"\n{winner.label}:", style="bold")
        for line in score_sentences(groups, schema):
            say(f"  {line}")
        of_case = f", {GroupWords.of(schema).case(held_out_case(groups))}"
    first = evaluation.r2 if isinstance(evaluation, Evaluation) else evaluation.log_loss
    intervals = " (95 % intervals)" if first.low < first.high else ""
    held_out = f"{n_held_out} held-out rows{of_case}{intervals}"
    say(f"\n{winner.label} on {held_out}:", style="bold")
    for line in _held_out(result):
        say(f"  {line}")
    if isinstance(evaluation, Evaluation) and evaluation.r2.low <= min(0, evaluation.r2.value):
        say("These rows do not show that it is better than the mean.", style="yellow")
    if isinstance(evaluation, ClassScores) and metrics["gain"]["low"] <= 0:
        say("These rows do not show that it is better than the shares alone.", style="yellow")
    for line in (*headline(metrics), *sentences(metrics, schema), *of_large_table(metrics)):
        say(line)
    p_value = result.trained.chance_p_value
    if p_value is not None and p_value > DOUBTFUL:
        say(
            f"It may be nothing: {100 * p_value:.0f} of 100 tables whose columns say nothing of "
            "the target look as predictable.",
            style="yellow",
        )
    for line in _limits(schema):
        say(line)
    if schema.as_of:
        later = [name for name, why in run.manifest.dropped.items() if "(--as-of)" in why]
        say(f"As known by {schema.as_of}. Known later, and not used: {listed(later) or 'nothing'}.")
    folder, n_used = options.artifacts, run.manifest.rows["used"]
    say(f"\nPromoted run {run.run_id}, fitted again on all {n_used} rows: {folder}")
    if result.report_problem:
        problem = f"There is no report: {result.report_problem}."
        say(f"{problem} The model is promoted all the same.", style="yellow")
    elif options.budget != "quick":
        say(f"Report: {folder / 'report.html'}")
    elsewhere = "" if folder == ARTIFACTS else f" --artifacts {folder}"
    variable = "" if folder == ARTIFACTS else f"ARTIFACTS_DIR={folder} "
    predict = "python -m src.pipelines.predict_pipeline --input class.csv --output predictions.csv"
    say(f"Next:\n  {variable}gunicorn application:application\n  {predict}{elsewhere}")


def _unit(schema: Schema) -> str:
    return f" {schema.target.unit}" if schema.target.unit else ""


def _limits(schema: Schema) -> list[str]:
    """Return what predictions are kept to, and how to choose otherwise."""
    if isinstance(schema.target, ClassTarget):
        target = schema.target
        order = "from the lowest" if target.ordered else "without an order"
        said = [f"Outcomes, {order}: {listed(target.categories, most=20)}."]
        if target.at_risk:
            said.append(f"At risk: {listed(target.at_risk, most=20)}.")
        else:
            why = ": numbers do not say which end is the good one" * target.is_scale_of_numbers
            said.append(f"No outcome is at risk{why}. {how_to_name_the_event(target)}")
        return [
            *said,
            f'To choose otherwise: categories, ordered, at_risk and merge of [columns."'
            f'{target.name}"] in the hints, or --task.',
        ]
    low, high = schema.target.minimum, schema.target.maximum
    if low is None or high is None:
        return []
    ends = f"{format_number(low)} to {format_number(high)}{_unit(schema)}"
    return [f"Predictions are kept from {ends}."]


def _leaderboard(result: TrainResult) -> Table:
    from rich.table import Table

    target = result.schema.target
    in_parts = result.run.read_json("metrics.json").get("large_table")
    n_rows = in_parts["n_searched"] if in_parts else result.run.manifest.rows["train"]
    title = f"Predicting {target.name}: cross-validation on {n_rows} rows"
    corrected = "The chosen model's scores are corrected for having been chosen."
    grid = Table(
        "Model", title=title, title_justify="left", caption=corrected, caption_justify="left"
    )
    names = result.trained.folds.task.error_names
    for name in ("R²", "95 % interval", *names.values(), "Fit"):
        grid.add_column(name, justify="right")
    shown = "{:.4f}".format if isinstance(target, ClassTarget) else Measure.of(target).number
    for row in result.trained.leaderboard:
        ends = f"{row.r2_low:.3f} to {row.r2_high:.3f}"
        scores = f"{row.r2:.3f}", ends, *(shown(row.errors[name]) for name in names)
        style = "bold green" if row is result.trained.winner else None
        grid.add_row(row.label, *scores, f"{row.fit_time_s:.2f} s", style=style)
    return grid


def _held_out(result: TrainResult) -> list[str]:
    evaluation, unit = result.evaluation, _unit(result.schema)
    if isinstance(evaluation, ClassScores):
        return _held_out_outcomes(result, evaluation)
    shown = Measure.of(result.schema.number).number
    r2, rmse, mae = evaluation.r2, evaluation.rmse, evaluation.mae
    baseline = f"predicting the mean: {shown(evaluation.baseline_rmse)}"
    return [
        f"R²    {r2.value:.3f}{_beside(r2, '{:.3f}'.format)}",
        f"RMSE  {shown(rmse.value)}{unit}{_beside(rmse, shown, baseline)}",
        f"MAE   {shown(mae.value)}{unit}{_beside(mae, shown)}",
        *(
            f"{line['level']:.0%} intervals hold {line['coverage']:.0%} of them; they are "
            f"{shown(line['mean_width'])}{unit} wide on average"
            for line in result.run.read_json("metrics.json")["coverage"]
        ),
    ]


def _beside(estimate: Interval, shown: Callable[[float], str], more: str = "") -> str:
    """Return what stands beside a figure: its interval, where there is one, and more."""
    point = estimate.low == estimate.high
    ends = "" if point else f"{shown(estimate.low)} to {shown(estimate.high)}"
    said = "; ".join(filter(None, (ends, more)))
    return f"  ({said})" if said else ""


def _held_out_outcomes(result: TrainResult, found: ClassScores) -> list[str]:
    lines = [
        ("Log loss", found.log_loss, f"the shares alone: {found.prior_log_loss:.3f}"),
        ("Brier score", found.brier, f"the shares alone: {found.prior_brier:.3f}"),
        ("AUC", found.auc, ""),
        ("Accuracy", found.accuracy, ""),
    ]
    said = [
        f"{name:11}  {one.value:.3f}{_beside(one, '{:.3f}'.format, more)}"
        for name, one, more in lines
    ]
    metrics = result.run.read_json("metrics.json")
    for line in metrics["set_coverage"]:
        said.append(
            f"{line['level']:.0%} sets hold {line['coverage']:.0%} of them, with "
            f"{line['mean_size']:.1f} outcomes on average"
        )
    return [*said, *_list_line(result.schema.outcomes, told_capacity(metrics, found))]


def _list_line(target: ClassTarget, capacity: Capacity | None) -> list[str]:
    """Return what a list of those with the largest chances holds; nothing without an event."""
    if not target.at_risk:
        return []
    if capacity is None or not capacity.lists:
        return ["There are too few students to say how many of those at risk a list holds"]
    one = capacity.lists[0]
    where = ""
    if capacity.out_of_fold:
        where = (
            f" (of {capacity.n_samples} training rows, by cross-validation: a little flattered; "
            "the held-out rows are too few)"
        )
    found = f"{one.found.value:.0f}{_beside(one.found, '{:.0f}'.format)}".replace("  ", " ")
    return [
        f"Help for {one.n_listed} ({one.share:.0%}): the list holds {found} of the "
        f"{capacity.n_event} at risk; lots would hold {one.by_lot:.0f}{where}"
    ]


@contextmanager
def progress_shown(console: Console | None) -> Iterator[Progress]:
    """Show a bar while a training runs, where somebody is looking at a terminal."""
    if console is None or not console.is_terminal:
        yield lambda label, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as ProgressBar

    columns = (
        TextColumn("{task.description:30}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with ProgressBar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Reading the table", total=None)

        def progress(label: str, done: int, total: int) -> None:
            bar.update(task, description=label or "Fitting the winner", completed=done, total=total)

        yield progress


def show_history(store: ArtifactStore, out: Console) -> dict[str, Any]:
    """Print promotions and saved runs; return them."""
    from rich.table import Table

    history = store.history()
    runs = []
    current = history[-1].run_id if history else None
    grid = Table(title="Promotions, newest last", title_justify="left")
    grid.add_column("Run", no_wrap=True, min_width=len("20260131T120000Z-1a2b3c"))
    for name in ("Promoted at", "By", "Model", "Held out"):
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
    return {
        "run_id": current,
        "trained": False,
        "history": [asdict(line) for line in history],
        "runs": runs,
    }


def _described(store: ArtifactStore, run_id: str) -> tuple[str, str]:
    try:
        run = store.run(run_id)
        held_out = run.read_json("metrics.json")["held_out"]
        figure, name = (held_out["r2"], "R²") if "r2" in held_out else (held_out["auc"], "AUC")
        return run.manifest.model, f"{name} {figure['value']:.3f}"
    except ArtifactError:
        return "damaged or removed", ""
