"""How well a search spreads over workers: one and two of this machine, and whether they agree.

``python -m benchmarks.cluster --help``; README.md beside this file says more.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # started by its path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.table import Table as Grid

from benchmarks.training_report import new_console
from src.artifact_store import Run
from src.cluster.opening import open_home
from src.cluster.scheduler import Scheduler
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.search.home import Home
from src.utils import sha256

EFFICIENCY, OVERHEAD_S = 0.85, 0.03  # at least, at most
LEAST_FITS, LEAST_FIT_S = 200, 2.0  # for a limit to be judged
MODELS = ("gradient_boosting", "extra_trees", "random_forest")


@dataclass(frozen=True)
class Measured:
    """A training in one place.

    Attributes
    ----------
    n_fits : int
        Of the search and of the report.
    spread_s : float
        Seconds until all of them were back, batch after batch.
    fits_s : float
        Seconds that they took where they ran, together.
    digest : str
        Of the run's files and its report's figures.
    """

    place: str
    n_fits: int
    spread_s: float
    fits_s: float
    whole_s: float
    digest: str


class Watched:
    """A home with a watch."""

    def __init__(self, home: Home, *, by_clock: bool = False) -> None:
        self.home, self.by_clock = home, by_clock
        self.n_fits, self.spread_s = 0, 0.0

    def map(
        self, task: Callable[[Any, Any], Any], data: Any, items: Sequence[Any], each_s: float
    ) -> list[Any]:
        began = time.perf_counter()
        found = self.home.map(task, data, items, each_s)
        self.spread_s += time.perf_counter() - began
        self.n_fits += len(items)
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    os.environ["OMP_NUM_THREADS"] = "1"
    options = _parser().parse_args(arguments)
    console, found = new_console(), []
    with tempfile.TemporaryDirectory(prefix="cluster-") as temporary:
        table = Path(temporary, "table.csv")
        write_table(table, options.rows, options.columns)
        for place in options.places:
            found.append(measured(place, table, Path(temporary, place.replace(":", "-")), options))
            console.print(f"{place}: {found[-1].n_fits} fits in {found[-1].spread_s:.1f} s")
    limits = judged(found)
    console.print(_grid(found))
    for text, holds in limits:
        console.print(f"{'holds' if holds else 'FAILS'}: {text}", markup=False)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    return int(options.check and not all(holds for _, holds in limits))


def write_table(path: Path, n_rows: int, n_columns: int) -> None:
    """Write Friedman's first problem (1991) with columns that say nothing."""
    import numpy as np

    random = np.random.default_rng(0)
    X = random.random((n_rows, n_columns)).round(4)
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3]
    y = (y + 5 * X[:, 4] + random.normal(size=n_rows)).round(3)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*(f"x{i}" for i in range(n_columns)), "score"])
        rows.writerows(np.column_stack([X, y]).tolist())


def measured(place: str, table: Path, artifacts: Path, options: argparse.Namespace) -> Measured:
    """Train in a place: ``here`` or ``local:N``."""
    began = time.perf_counter()
    config = TrainConfig(
        data=str(table),
        target="score",
        models=tuple(options.models),
        budget=options.budget,
        artifacts=artifacts,
        jobs=1,
    )
    with open_home(None if place == "here" else place, 1, send_all=True) as home:
        watched = Watched(home)
        result = TrainPipeline(config, home=watched).run()
        fits_s = home.fits_s if isinstance(home, Scheduler) else watched.spread_s
    whole_s = time.perf_counter() - began
    digest = digest_of(result.run)
    return Measured(place, watched.n_fits, watched.spread_s, fits_s, whole_s, digest)


def digest_of(run: Run) -> str:
    """Return a hash of a run's files and its report's figures, in which are no times and ids."""
    files = run.manifest.files | {"report.json": sha256(run.read_report("report.json") or b"")}
    return sha256(json.dumps(files, sort_keys=True).encode())


def judged(found: Sequence[Measured]) -> list[tuple[str, bool]]:
    """Return each limit in words, and whether it holds."""
    limits = [("the same run everywhere", len({one.digest for one in found}) == 1)]
    by_place = {one.place: one for one in found}
    one, two = by_place.get("local:1"), by_place.get("local:2")
    if one is None or two is None:
        return limits
    mean_s = one.fits_s / one.n_fits
    enough = one.n_fits >= LEAST_FITS and mean_s >= LEAST_FIT_S
    asked = f"at least {LEAST_FITS} fits of {LEAST_FIT_S:g} s: {one.n_fits} of {mean_s:.2f} s"
    efficiency = one.spread_s / two.spread_s / 2
    overhead_s = (one.spread_s - one.fits_s) / one.n_fits
    return [
        *limits,
        (asked, enough),
        (f"efficiency of two workers {efficiency:.3f} >= {EFFICIENCY}", efficiency >= EFFICIENCY),
        (
            f"{1000 * overhead_s:.1f} ms beside a fit <= {1000 * OVERHEAD_S:g}",
            overhead_s <= OVERHEAD_S,
        ),
    ]


def _grid(found: Sequence[Measured]) -> Grid:
    grid = Grid(
        "place", "fits", "until all are back, s", "the fits themselves, s", "whole, s", "hash"
    )
    for one in found:
        grid.add_row(
            one.place, str(one.n_fits), f"{one.spread_s:.1f}", f"{one.fits_s:.1f}",
            f"{one.whole_s:.1f}", one.digest[:12],
        )  # fmt: skip
    return grid


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument(
        "--places",
        nargs="+",
        default=["local:1", "local:2"],
        metavar="PLACE",
        help="here, or local:N for N workers (default: local:1 local:2)",
    )
    parser.add_argument("--models", nargs="+", default=[*MODELS], metavar="MODEL")
    parser.add_argument(
        "--budget",
        type=float,
        default=420.0,
        help="seconds that stand for a number of fits (default: %(default)g)",
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit fails")
    return parser  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
