"""How good and how fast the check of a table is: planted faults, false alarms, time and memory.

``python -m benchmarks.table_check --check`` exits with 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from benchmarks.clean_tables import CleanTable, r_tables, shared_tables, simulated_tables
from benchmarks.process import MIB
from src.components.data_check import DataCheck, DataCheckConfig
from src.schema.findings import STOP, WARNING
from tests.planted_faults import FAULTS, Planted, plant

LEAST_FOUND = 0.95  # of the planted faults of a kind
MOST_FALSE = 0.02  # of the columns of clean tables, that may be warned of
# Rows and columns of a table, and the seconds and MiB that its check may take.
SIZES = ((10_000, 30, 1.5, None), (1_000_000, 20, 60.0, 500.0))


@dataclass(frozen=True)
class Alarm:
    """A finding on a table without faults."""

    table: str
    severity: str
    kind: str
    columns: tuple[str, ...]

    @property
    def n_columns(self) -> int:
        return max(1, len(self.columns))


def is_found(planted: Planted) -> bool:
    """Whether the check names the fault's kind with its column or row."""
    checked = DataCheck(DataCheckConfig(planted.target)).run(planted.table)
    return any(
        finding.kind == planted.kind
        and (not planted.column or planted.column in finding.columns)
        and (planted.row is None or planted.row in finding.rows)
        for finding in checked.findings
    )


def found_share(fault: str, seeds: Iterable[int]) -> float:
    """Return the share of a kind's faults, planted in four tables a seed, that is found."""
    results = [is_found(planted) for seed in seeds for planted in plant(fault, seed)]
    return sum(results) / len(results)


def false_alarms(clean: CleanTable) -> list[Alarm]:
    """Return the stops and warnings that a table without faults is given, true ones left out."""
    checked = DataCheck(DataCheckConfig(clean.target)).run(clean.table)
    return [
        Alarm(clean.name, finding.severity, finding.kind, finding.columns)
        for finding in checked.findings
        if finding.severity in (STOP, WARNING)
        and not {(finding.kind, name) for name in finding.columns or ("",)} <= clean.true
    ]


def write_table(path: Path, n_rows: int, n_columns: int) -> None:
    """Write a table of marks, measurements, answers and categories, with the target ``y``."""
    dice = random.Random(0)
    kinds = (
        lambda: f"{dice.gauss(50, 10):.2f}",
        lambda: str(dice.randrange(101)),
        lambda: dice.choice(("north", "south", "west", "abroad")),
        lambda: f"{dice.gauss(0, 1):.6f}",
        lambda: str(dice.randint(1, 5)),
    )
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join((*(f"x{k}" for k in range(1, n_columns)), "y")) + "\n")
        for _ in range(n_rows):
            cells = [kinds[k % len(kinds)]() for k in range(n_columns - 1)]
            y = float(cells[0]) + float(cells[1]) + dice.gauss(0, 10)
            file.write(",".join((*cells, f"{y:.1f}")) + "\n")


# Run in a process of its own: what the check takes beside the imports and the table.
_MEASURE = """
import json, pathlib, re, sys, time
import numpy, pandas, scipy.sparse.csgraph
from src.components.data_check import DataCheck, DataCheckConfig
from src.tables.reader import read_table

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024

started, imports = time.perf_counter(), peak()
table = read_table(pathlib.Path(sys.argv[1]))
read_s, held, taken, busy = time.perf_counter() - started, peak(), [], time.process_time()
for _ in range(3 if len(table.rows) < 100_000 else 1):
    started = time.perf_counter()
    DataCheck(DataCheckConfig("y")).run(table)
    taken.append(time.perf_counter() - started)
print(json.dumps({"read_s": read_s, "check_s": min(taken), "table": held - imports,
                  "cpu_s": (time.process_time() - busy) / len(taken), "check": peak() - held}))
"""


def measure(path: Path) -> dict[str, float]:
    """Return seconds and bytes of reading and checking a table."""
    command = [sys.executable, "-c", _MEASURE, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _faults(n_seeds: int) -> Iterator[str]:
    for fault in FAULTS:
        share = found_share(fault, range(n_seeds))
        print(f"{fault:24} {share:7.1%}", flush=True)
        if share < LEAST_FOUND:
            yield f"{fault}: {share:.1%} found, of {LEAST_FOUND:.0%}"


def _clean(n_seeds: int) -> Iterator[str]:
    alarms: list[Alarm] = []
    n_tables = n_columns = 0
    for clean in chain(shared_tables(), r_tables(), simulated_tables(n_seeds)):
        n_tables, n_columns = n_tables + 1, n_columns + len(clean.table.header)
        alarms += false_alarms(clean)
    for alarm in alarms:
        print(f"{alarm.table}: {alarm.severity} {alarm.kind} {', '.join(alarm.columns)}")
    n_stops = sum(alarm.severity == STOP for alarm in alarms)
    n_warned = sum(alarm.n_columns for alarm in alarms if alarm.severity == WARNING)
    print(f"{n_tables} clean tables of {n_columns} columns: {n_stops} stops, {n_warned} warned of")
    if n_stops:
        yield f"{n_stops} clean tables stopped"
    if n_warned > MOST_FALSE * n_columns:
        yield f"{n_warned} of {n_columns} columns warned of, of {MOST_FALSE:.0%}"


def _sizes(largest: int) -> Iterator[str]:
    for n_rows, n_columns, seconds, mib in SIZES:
        if n_rows > largest:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.csv"
            write_table(path, n_rows, n_columns)
            found = measure(path)
        used = found["check"] / MIB
        size = f"{n_rows:,} x {n_columns}"
        print(
            f"{size}: {found['check_s']:.2f} s ({found['cpu_s']:.2f} s of a processor) and "
            f"{used:.0f} MiB, after reading it in "
            f"{found['read_s']:.2f} s into {found['table'] / MIB:.0f} MiB"
        )
        if found["check_s"] > seconds:
            yield f"{size}: {found['check_s']:.2f} s, of {seconds} s"
        if mib is not None and used > mib:
            yield f"{size}: {used:.0f} MiB, of {mib:.0f} MiB"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was measured, and each limit that is missed; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="of each fault (default: 20)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the largest table")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    started = time.perf_counter()
    missed = list(chain(_faults(options.seeds), _clean(5), _sizes(options.rows)))
    print(f"{time.perf_counter() - started:.0f} s")
    for claim in missed:
        print(f"MISSED {claim}")
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
