"""Train ours and others on outcomes, on the same rows; print what each loses on held-out ones.

``python -m benchmarks.classes_vs_peers --help``; README.md beside this file says more.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # started by its path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.table import Table as Grid

from benchmarks.development_tables import ROOT, SHARED
from benchmarks.process import MIB, clean_environment, measure
from benchmarks.training_report import new_console

SMALL_ROWS = 1_000  # below: more splits
SEEDS_OF_SMALL, SEEDS = 20, 5
CALIBRATED_ROWS, CALIBRATED_SEEDS = 2_000, 10
RATIO = 1.01  # of our log loss to the best peer's, on the mean over the seeds
RATIO_OF_TOOLS = 1.01
CALIBRATION_ERROR = 0.02
PLAIN = ("logistic", "catboost", "average")
TOOLS = ("flaml", "autogluon")
PEERS_SCRIPT = Path(__file__).resolve().parent / "peers" / "outcomes.py"

Row = dict[str, str]


@dataclass(frozen=True)
class OutcomeTable:
    """A table whose target is one of some outcomes.

    Attributes
    ----------
    file, target : str
    drop : tuple of str
        Columns that no method may use.
    outcome : callable or None
        Makes an outcome of a number, given all numbers of the target.
    """

    file: str
    target: str
    drop: tuple[str, ...] = ()
    outcome: Callable[[float, Sequence[float]], str] | None = None


@dataclass(frozen=True)
class Training:
    """What was measured on one split of a table.

    Attributes
    ----------
    losses : dict of str to float
        Held-out log loss by method, ours among them.
    """

    table: str
    seed: int
    n_rows: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    calibration_error: float = math.nan
    model: str = ""
    wall_s: float = math.nan
    cpu_s: float = math.nan
    peak_bytes: int = 0
    error: str = ""


@dataclass(frozen=True)
class Limit:
    """A limit, and what was measured of it."""

    claim: str
    measured: float
    most: float

    @property
    def kept(self) -> bool:
        return self.measured <= self.most


def _below(mark: float) -> Callable[[float, Sequence[float]], str]:
    return lambda value, _: "fail" if value < mark else "pass"


def _bottom_fifth(value: float, values: Sequence[float]) -> str:
    return "low" if value < statistics.quantiles(values, n=5)[0] else "other"


def _known_by(day: int) -> tuple[str, ...]:
    """Return the columns of OULAD that are known later only, and the students' ids."""
    names = ("score", "submitted", "days_late")
    later = [f"{n}_by_day_{other}" for other in (30, 60, 120) if other > day for n in names]
    return ("id_student", *later)


TABLES = {
    "xapi": OutcomeTable("xapi", "Class"),
    **{f"oulad-{day}": OutcomeTable("oulad", "final_result", _known_by(day))
       for day in (0, 30, 60, 120)},
    "stud-60": OutcomeTable("stud", "math_score", outcome=_below(60)),
    "uci_mat-10": OutcomeTable("uci_mat", "G3", outcome=_below(10)),
    "uci_mat-10-no-G1-G2": OutcomeTable("uci_mat", "G3", ("G1", "G2"), _below(10)),
    "star3-fifth": OutcomeTable("star3", "math3", outcome=_bottom_fifth),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    console = new_console()
    trainings: list[Training] = []
    with tempfile.TemporaryDirectory(prefix="classes_vs_peers-") as temporary:
        for name in options.tables:
            source = SHARED / f"{TABLES[name].file}.csv"
            if not source.is_file():
                console.print(f"Skipped: {name} ({source.name} is not there).", markup=False)
                continue
            path = Path(temporary) / f"{name}.csv"
            n_rows = write_outcomes(TABLES[name], source, path)
            for seed in options.seeds or range(usual_seeds(n_rows)):
                with tempfile.TemporaryDirectory(dir=temporary) as folder:
                    one = _train(name, path, n_rows, seed, Path(folder), options)
                trainings.append(one)
                console.print(_line(one), markup=False, soft_wrap=True)
                if options.json:
                    content = json.dumps([asdict(t) for t in trainings], indent=1)
                    options.json.write_text(content + "\n", encoding="utf-8")
    limits = limits_of(trainings)
    console.print(_summary(trainings))
    for limit in limits:
        console.print(
            f"{'kept' if limit.kept else 'NOT KEPT'}: {limit.claim}: {limit.measured:.4f}, at most "
            f"{limit.most}", style="green" if limit.kept else "bold red",
        )  # fmt: skip
    wrong = not limits or any(t.error for t in trainings) or not all(one.kept for one in limits)
    return int(options.check and wrong)


def usual_seeds(n_rows: int) -> int:
    """Return on how many splits a table is tried."""
    if n_rows < SMALL_ROWS:
        return SEEDS_OF_SMALL
    return SEEDS if n_rows < CALIBRATED_ROWS else CALIBRATED_SEEDS


def write_outcomes(table: OutcomeTable, source: Path, path: Path) -> int:
    """Write a table with its outcomes and without what may not be used; return how many rows."""
    with source.open(encoding="utf-8", newline="") as file:
        rows: list[Row] = [row for row in csv.DictReader(file) if row[table.target].strip()]
    if table.outcome:
        values = [float(row[table.target]) for row in rows]
        for row, value in zip(rows, values, strict=True):
            row[table.target] = table.outcome(value, values)
    with path.open("w", encoding="utf-8", newline="") as file:
        names = [name for name in rows[0] if name not in table.drop]
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def _train(
    name: str, path: Path, n_rows: int, seed: int, folder: Path, options: argparse.Namespace
) -> Training:
    """Measure our training, then let the peers learn from the rows that it kept."""
    target, kept = TABLES[name].target, folder / "kept"
    seen = measure(
        [sys.executable, "-m", "src.pipelines.train_pipeline", "--data", path, "--target", target,
         "--seed", str(seed), "--budget", options.budget, "--json", "--artifacts", kept],
        cwd=ROOT, timeout_s=options.timeout,
    )  # fmt: skip
    if seen.status:
        return Training(name, seed, n_rows, error=_last_line(seen.stderr) or "timed out")
    answer = json.loads(_last_line(seen.stdout))
    losses = {"ours": answer["held_out"]["log_loss"]["value"]}
    pythons = {"plain": sys.executable} | dict(zip(TOOLS, options.tools, strict=False))
    for method, python in pythons.items():
        done = subprocess.run(
            [python, PEERS_SCRIPT, "--method", method, "--rows", kept, "--target", target,
             "--seed", str(seed), "--time", str(options.time)],
            capture_output=True, text=True, check=False, env=clean_environment(), cwd=folder,
        )  # fmt: skip
        if done.returncode:
            return Training(name, seed, n_rows, error=f"{method}: {_last_line(done.stderr)}")
        losses |= json.loads(_last_line(done.stdout))
    return Training(
        name, seed, n_rows, losses, answer["held_out"]["calibration_error"]["value"],
        answer["model"], seen.wall_s, seen.cpu_s, seen.peak_bytes,
    )  # fmt: skip


def limits_of(trainings: Iterable[Training]) -> list[Limit]:
    """Return the limits, by table."""
    found = []
    good = [training for training in trainings if not training.error]
    for table in dict.fromkeys(training.table for training in good):
        here = [training for training in good if training.table == table]
        means = _mean_losses(here)
        for peers, most in ((PLAIN, RATIO), (TOOLS, RATIO_OF_TOOLS)):
            theirs = {name: means[name] for name in peers if name in means}
            if theirs:
                best = min(theirs, key=theirs.__getitem__)
                claim = f"{table}, log loss over that of {best}, mean of {len(here)} seeds"
                found.append(Limit(claim, means["ours"] / theirs[best], most))
        if here[0].n_rows >= CALIBRATED_ROWS:
            error = statistics.fmean(training.calibration_error for training in here)
            claim = f"{table}, debiased calibration error, mean of {len(here)} seeds"
            found.append(Limit(claim, error, CALIBRATION_ERROR))
    return found


def _mean_losses(trainings: Sequence[Training]) -> dict[str, float]:
    names = trainings[0].losses
    return {name: statistics.fmean(t.losses[name] for t in trainings) for name in names}


def _line(training: Training) -> str:
    where = f"{training.table}, seed {training.seed}"
    if training.error:
        return f"{where}: {training.error}"
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in training.losses.items())
    return (
        f"{where}: {losses}; calibration error {training.calibration_error:.3f}; "
        f"{training.wall_s:.1f} s, {training.peak_bytes / MIB:.0f} MiB. {training.model}"
    )


def _summary(trainings: Sequence[Training]) -> Grid:
    names = ("ours", *PLAIN, *TOOLS)
    grid = Grid("Table", "Rows", "Seeds", *names, "Calibration", "Wall s", "CPU s", "MiB")
    good = [training for training in trainings if not training.error]
    for table in dict.fromkeys(training.table for training in good):
        here = [training for training in good if training.table == table]
        means = _mean_losses(here)
        grid.add_row(
            table, str(here[0].n_rows), str(len(here)),
            *(f"{means[name]:.4f}" if name in means else "" for name in names),
            f"{statistics.fmean(t.calibration_error for t in here):.4f}",
            f"{statistics.median(t.wall_s for t in here):.1f}",
            f"{statistics.median(t.cpu_s for t in here):.1f}",
            f"{max(t.peak_bytes for t in here) / MIB:.0f}",
        )  # fmt: skip
    return grid


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classes_vs_peers", description=__doc__.splitlines()[0]
    )
    common: Any = {"nargs": "+"}
    parser.add_argument("--tables", choices=TABLES, default=[*TABLES], **common)
    parser.add_argument(
        "--seeds", type=int, help="default: 20 below 1,000 rows, 10 from 2,000, else 5", **common
    )
    parser.add_argument("--budget", default="standard", help="of ours (default: %(default)s)")
    parser.add_argument(
        "--tools", type=Path, default=[], help="interpreters of FLAML and of AutoGluon", **common
    )
    parser.add_argument("--time", type=float, default=60, metavar="S", help="of these tools")
    parser.add_argument("--timeout", type=float, default=900, metavar="S", help="of a training")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured here")
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 where a limit is not kept"
    )
    return parser  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
