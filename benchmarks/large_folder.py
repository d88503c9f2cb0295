"""Predict a folder of Parquet files, whole: rows a second, memory, and what 10⁹ rows would take.

``python -m benchmarks.large_folder --rows 100_000_000``: a million random rows of the sample
table's columns are written once and linked under as many names as it takes. The command predicts
them all by ridge, and by 300 trees of CatBoost, as anyone runs it. What it writes takes 27 bytes a
row, and is deleted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.batch import prepare, write_table
from benchmarks.process import MIB, measure
from src.config import ROOT
from src.pipelines.predict_files import MANIFEST

PEAK_MIB = 1_024.0
FILE_ROWS = 1_000_000
OUTPUT_BYTES = 40  # of a row, at most
BILLION = 1_000_000_000
AIM_MINUTES = {"ridge": 15.0, "catboost": 180.0}  # of 10⁹ rows on two cores
LONGEST_S = 86_400.0


@dataclass(frozen=True)
class Scored:
    """What a folder took.

    Attributes
    ----------
    cpu_s : float
        Of all processes.
    peak_mib : float
        Resident memory of all processes together, at its highest.
    """

    n_rows: int
    wall_s: float
    cpu_s: float
    peak_mib: float

    @property
    def billion_minutes(self) -> float:
        """Minutes that 10⁹ rows would take at this rate: an extrapolation."""
        return self.wall_s / self.n_rows * BILLION / 60


def write_folder(folder: Path, n_rows: int, artifacts: Path, model: str) -> Path:
    """Train a model, and write its folder of files, all but the last of the same rows."""
    predictor = prepare(artifacts, model)
    source = folder / "in"
    if not source.exists():
        source.mkdir()
        n_files, rest = divmod(n_rows, FILE_ROWS)
        for name, size in (("whole", FILE_ROWS if n_files else 0), ("rest", rest)):
            if size:
                write_table(folder / f"{name}.csv", predictor.schema, size)
                (folder / f"{name}.csv").unlink()
        for number in range(n_files):
            (source / f"{number:05}.parquet").hardlink_to(folder / "whole.parquet")
        if rest:
            (source / f"{n_files:05}.parquet").hardlink_to(folder / "rest.parquet")
    return source


def score(source: Path, output: Path, artifacts: Path, n_rows: int, scheduler: str) -> Scored:
    """Predict a folder with the command.

    Raises
    ------
    RuntimeError
        If it fails, or a row is missing.
    """
    command = [
        sys.executable, "-m", "src.pipelines.predict_pipeline", "--quiet", "--artifacts", artifacts,
        "--input", source, "--output", f"{output}{os.sep}",
        *(["--scheduler", scheduler] if scheduler else []),
    ]  # fmt: skip
    measured = measure(command, cwd=ROOT, timeout_s=LONGEST_S)
    if measured.status:
        raise RuntimeError(f"The command failed: {measured.stderr}")
    told = json.loads((output / MANIFEST).read_text())
    if told["n_predicted"] != n_rows:
        raise RuntimeError(f"{told['n_predicted']} of {n_rows} rows were predicted.")
    return Scored(n_rows, measured.wall_s, measured.cpu_s, measured.peak_bytes / MIB)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large_folder", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rows", type=int, default=2_000_000, metavar="N")
    parser.add_argument(
        "--models", nargs="+", choices=[*AIM_MINUTES], default=[*AIM_MINUTES], metavar="MODEL"
    )
    parser.add_argument("--scheduler", default="", help="such as local:2; default: one process")
    parser.add_argument("--folder", type=Path, help="where the rows and the parts are written")
    parser.add_argument("--check", action="store_true", help="exit with 1 where it takes > 1 GiB")
    options = parser.parse_args(arguments)
    failed = False
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        if shutil.disk_usage(folder).free < options.rows * OUTPUT_BYTES:
            parser.error(f"{options.rows * OUTPUT_BYTES / 1e9:.1f} GB must be free for the parts.")
        print(f"{options.rows:,} rows, {options.scheduler or 'one process'}\n")
        print(f"{'model':10}{'seconds':>9}{'processor':>11}{'rows a second':>15}{'peak MiB':>10}"
              f"{'10⁹ rows, extrapolated':>24}{'aim':>9}")  # fmt: skip
        for model in options.models:
            artifacts, output = folder / model, folder / "out"
            source = write_folder(folder, options.rows, artifacts, model)
            found = score(source, output, artifacts, options.rows, options.scheduler)
            shutil.rmtree(output)
            missed = found.peak_mib > PEAK_MIB
            failed |= missed
            print(f"{model:10}{found.wall_s:9.1f}{found.cpu_s:11.1f}"
                  f"{found.n_rows / found.wall_s:15,.0f}{found.peak_mib:10.0f}"
                  f"{found.billion_minutes:20.0f} min{AIM_MINUTES[model]:5.0f} min"
                  f"{'  MISSED' if missed else ''}", flush=True)  # fmt: skip
    return int(options.check and failed)


if __name__ == "__main__":
    sys.exit(main())
