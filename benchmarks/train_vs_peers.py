"""Train ours and others on the same splits; print what each reaches, and what it takes.

``python -m benchmarks.train_vs_peers --help``; README.md beside this file says more.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # started by its path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.development_tables import (
    DevelopmentTable,
    development_tables,
    simulate,
)
from benchmarks.training_limits import OURS, PLAIN_PEERS, Training, verdicts
from benchmarks.training_methods import (
    PEERS,
    find_interpreters,
    on_same_rows,
    train,
)
from benchmarks.training_report import new_console, print_outcome, print_training

SEEDS = (42, 0, 1, 2, 3)
NUMBERS = ("r2", "rmse", "wall_s", "cpu_s")  # of a training; null in the file where there is none
BUSY_LOAD = 0.5  # running processes over the last minute, before anything was started


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(os, "pidfd_open"):
        parser.error("processes can be measured on Linux only: it takes pidfd and /proc")
    console = new_console()
    with tempfile.TemporaryDirectory(prefix="train_vs_peers-") as temporary:
        tables, skipped = _tables(options.tables, Path(temporary))
        pythons, versions, missing = find_interpreters(options.peers, options.peers_python)
        skipped |= missing
        for name, reason in skipped.items():
            console.print(f"Skipped: {name} ({reason}).", markup=False)
        whole = [*_plan(tables, [*pythons, *options.ours], options)]
        trainings = _kept(options.json, whole) if options.resume else []
        there = {(t.table, t.method, t.seed) for t in trainings}
        plan = [one for one in whole if (one[0].name, *one[1:]) not in there]
        console.print(f"{len(plan)} processes to measure, {len(trainings)} measured before.")
        load = os.getloadavg()[0]
        if load > BUSY_LOAD:
            console.print(
                f"The machine is busy (load {load:.1f}): everything takes longer than it should, "
                "and tools with a budget of time reach less.",
                style="yellow",
            )
        record = {
            "machine": _machine(),
            "versions": versions,
            "seeds": options.seeds,
            "time_s": options.time,
            "skipped": skipped,
        }
        try:
            for table, method, seed in plan:
                with tempfile.TemporaryDirectory(dir=temporary) as folder:
                    training = train(
                        table, method, seed, Path(folder), pythons,
                        time_s=options.time, timeout_s=options.timeout,
                    )  # fmt: skip
                training = on_same_rows(training, trainings)
                trainings.append(training)
                print_training(console, training)
                _write(options.json, record, trainings)
        except KeyboardInterrupt:
            console.print("Stopped: this is what was measured until now.")
    limits = print_outcome(console, trainings, [*PEERS], options.seeds)
    wrong = any(v.status == "fail" for v in limits) or any(t.error for t in trainings)
    return int(options.check and (wrong or len(trainings) < len(whole)))


def _parser() -> argparse.ArgumentParser:
    tables = [*development_tables(Path())]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_vs_peers", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--tables",
        nargs="+",
        choices=tables,
        default=tables,
        metavar="TABLE",
        help=f"of {', '.join(tables)} (default: all that are there)",
    )
    parser.add_argument(
        "--peers",
        nargs="*",
        choices=[*PEERS],
        default=[*PEERS],
        metavar="PEER",
        help=f"of {', '.join(PEERS)} (default: all that are installed)",
    )
    parser.add_argument(
        "--ours",
        nargs="*",
        choices=OURS,
        default=["quick", "standard"],
        metavar="BUDGET",
        help="of quick, standard; default: without --budget",
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=[*SEEDS],
        metavar="SEED",
        help="split seeds (default: 42 0 1 2 3)",
    )
    parser.add_argument(
        "--time",
        type=float,
        default=60,
        metavar="S",
        help="budget of the tools that take one (default: %(default)s)",
    )
    parser.add_argument(
        "--peers-python",
        nargs="+",
        type=Path,
        default=[],
        metavar="PYTHON",
        help="interpreters that have FLAML, mljar or AutoGluon",
    )
    parser.add_argument(
        "--only-limits",
        action="store_true",
        help="only what a limit needs: the tutorial's method and quick on stud "
        "alone, and no peer that no limit names",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=900,
        metavar="S",
        help="after which a process is killed (default: %(default)s)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write everything here, anew after each process"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="measure only what --json's FILE does not hold yet",
    )
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 where a limit or a process failed"
    )
    return parser  # fmt: skip


def _tables(names: Sequence[str], folder: Path) -> tuple[list[DevelopmentTable], dict[str, str]]:
    """Return the tables that are there, and why the others are not."""
    known = development_tables(folder)
    found, skipped = [], {}
    for name in names:
        table = known[name]
        if table.reason_to_skip:
            skipped[name] = table.reason_to_skip
            continue
        if table.simulated:
            simulate(table)
        found.append(table)
    return found, skipped


def _plan(
    tables: Sequence[DevelopmentTable], methods: Sequence[str], options: argparse.Namespace
) -> Iterator[tuple[DevelopmentTable, str, int]]:
    """Yield what to run: the methods take turns, so that a slow minute hits all of them."""
    for table in tables:
        for seed in options.seeds:
            for method in methods:
                if not options.only_limits or _needed(table.name, method):
                    yield table, method, seed


def _kept(path: Path | None, plan: Sequence[tuple[DevelopmentTable, str, int]]) -> list[Training]:
    """Return what a file of an earlier run holds of the plan."""
    if path is None or not path.is_file():
        return []
    wanted = {(table.name, method, seed) for table, method, seed in plan}
    trainings = [
        Training(**{key: math.nan if value is None and key in NUMBERS else value
                    for key, value in values.items()})
        for values in json.loads(path.read_text(encoding="utf-8"))["trainings"]
    ]  # fmt: skip
    return [t for t in trainings if not t.error and (t.table, t.method, t.seed) in wanted]


def _needed(table: str, method: str) -> bool:
    """Return whether a limit is about this method on this table."""
    if method in ("tutorial", "quick"):
        return table == "stud"
    return method in (*PLAIN_PEERS, "flaml", "standard", "default")


def _machine() -> dict[str, Any]:
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    }
    return {
        "cpus": os.cpu_count(),
        "cpu": ", ".join(sorted(models)),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _write(path: Path | None, record: dict[str, Any], trainings: Sequence[Training]) -> None:
    """Write the record with what was measured until now, whole or not at all."""
    if path is None:
        return
    content = record | {
        "trainings": [asdict(training) for training in trainings],
        "limits": [asdict(verdict) for verdict in verdicts(trainings)],
    }
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(json.dumps(_finite(content), indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _finite(value: Any) -> Any:
    """Return a copy with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and value != value else value


if __name__ == "__main__":
    sys.exit(main())
