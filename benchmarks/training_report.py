"""The outcome of ``train_vs_peers`` on the console."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid

from benchmarks.process import MIB
from benchmarks.training_limits import OURS, Results, Training, Verdict, verdicts

COLOURS = {"pass": "green", "fail": "bold red", "not measured": "yellow"}
PIPED_WIDTH = 130  # characters: in a file, no line has to be broken


def new_console() -> Console:
    """Return a console that is wide enough for the tables where nobody watches."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


def print_training(console: Console, training: Training) -> None:
    """Print one line of a process that has ended."""
    where = f"{training.table}, seed {training.seed}: {training.method}"
    if training.error:
        console.print(f"{where}: {training.error}", style="red", markup=False)
        return
    promoted = "" if training.promoted_s is None else f" (promoted at {training.promoted_s:.1f} s)"
    console.print(
        f"{where}: R² {training.r2:.3f} in {training.wall_s:.1f} s{promoted}, "
        f"{training.peak_bytes / MIB:.0f} MiB, load {training.load:.1f} before. {training.model}",
        markup=False,
        soft_wrap=True,
    )


def print_outcome(
    console: Console, trainings: Sequence[Training], peers: Sequence[str], seeds: Sequence[int]
) -> list[Verdict]:
    """Print the tables and the limits; return the limits."""
    results = Results(trainings)
    for table in results.tables:
        console.print(f"\n{table}: held-out R², and what each took", style="italic")
        console.print(_measures(results, table))
        measured = results.methods(table)
        ours, theirs = ([m for m in names if m in measured] for names in (OURS, peers))
        if ours and theirs:
            console.print(
                "Our R² less theirs ± standard error; their seconds over ours (to the promotion)",
                style="italic",
            )
            console.print(_ratios(results, table, ours, theirs))
    limits = verdicts(trainings)
    grid = Grid()
    for name in ("Limit", "", "Measured", "Verdict"):
        grid.add_column(name)
    for verdict in limits:
        grid.add_row(verdict.claim, verdict.limit, verdict.measured, verdict.status,
                     style=COLOURS[verdict.status])  # fmt: skip
    console.print(f"\nWhat must be shown; split seeds {', '.join(map(str, seeds))}", style="italic")
    console.print(grid)
    return limits


def _measures(results: Results, table: str) -> Grid:
    grid = Grid()
    grid.add_column("Method")
    for name in ("R²", "± sd", "Wall s", "Promoted s", "CPU s", "Peak MiB", "Kept MiB", "Seeds"):
        grid.add_column(name, justify="right")
    for method in results.methods(table):
        summary = results.summary(table, method)
        grid.add_row(
            method,
            f"{summary.r2:.4f}",
            _number(summary.r2_sd, "{:.4f}"),
            f"{summary.wall_s:.1f}",
            _number(summary.promoted_s, "{:.1f}"),
            f"{summary.cpu_s:.1f}",
            f"{summary.peak_bytes / MIB:.0f}",
            _number(summary.size_bytes and summary.size_bytes / MIB, "{:.2f}"),
            str(summary.n_seeds),
            style="bold" if method in OURS else None,
        )
    return grid


def _ratios(results: Results, table: str, ours: Sequence[str], peers: Sequence[str]) -> Grid:
    """Return our R² less each peer's ± its standard error, and each peer's time over ours."""
    grid = Grid()
    grid.add_column("Ours")
    for peer in peers:
        grid.add_column(peer, justify="right")
    for method in ours:
        cells = []
        for peer in peers:
            difference = results.difference(table, method, peer)
            speedup = results.speedup(table, method, peer)
            if difference is None or speedup is None:
                cells.append("")
                continue
            error = "" if math.isnan(difference[1]) else f" ± {difference[1]:.4f}"
            cells.append(f"{difference[0]:+.4f}{error}\n{speedup:.2g} ×")
        grid.add_row(method, *cells)
    return grid


def _number(value: float | None, shown: str) -> str:
    return "" if value is None or math.isnan(value) else shown.format(value)
