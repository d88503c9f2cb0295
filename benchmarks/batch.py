"""Predict a large file: ours beside pandas and beside pyarrow, which both predict a ready matrix.

``python -m benchmarks.batch``: for ridge, CatBoost and XGBoost on the sample table's columns. Ours
is the command as anyone runs it, with its start, its checks and its rows to fix. The peers' steps
run one after another in processes of their own, whose start is not counted; they are spared the
checks and the preprocessing, and an error in a cell would go unseen. All write prediction, interval
ends and an empty problem, and take turns. In ``--odd`` of 1,000 rows a cell is wrong or mended; the
peers then write what they make of a ready matrix all the same.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.process import MIB, Measurement, measure
from benchmarks.wsgi import train
from src.config import ROOT
from src.schema.features import NumericFeature
from src.schema.frames import typed_frame
from src.schema.record import Schema
from src.serving.predictor import Predictor
from src.serving.scorers import LEVEL
from src.serving.scoring import PROBLEM
from src.serving.summary import HIGH, LOW, PREDICTION
from src.tables.cells import format_number
from src.tables.reader import open_table
from src.tables.writer import write_rows

MODELS = ("ridge", "catboost", "xgboost")
LEAST_RATIO = 0.6
PEAK_MIB = 400.0


@dataclass(frozen=True)
class Comparison:
    """What a model's turns came to: medians of seconds, and our highest memory."""

    ours_s: float
    peer_s: float
    parse_s: float
    predict_s: float
    write_s: float
    peak_mib: float

    @property
    def ratio(self) -> float:
        """Our rows a second over the peer's."""
        return self.peer_s / self.ours_s


def write_table(path: Path, schema: Schema, n_rows: int) -> None:
    """Write random records of a schema as CSV."""
    rng = random.Random(0)
    columns = []
    for feature in schema.features:
        if isinstance(feature, NumericFeature):
            low, high = int(feature.observed_minimum), int(feature.observed_maximum)
            columns.append([format_number(rng.randint(low, high)) for _ in range(n_rows)])
        else:
            columns.append(rng.choices(feature.categories, k=n_rows))
    with path.open("w", encoding="utf-8", newline="") as file:
        write_rows(file, [schema.names])
        write_rows(file, zip(*columns, strict=True))


def write_matrix(table: Path, path: Path, predictor: Predictor) -> None:
    """Write what the pickled preprocessor makes of a table."""
    preprocessor = predictor.run.load_object("preprocessor.pkl")
    parts = []
    with open_table(table) as reader:
        for chunk in reader.chunks():
            columns = dict(zip(reader.header, zip(*chunk.rows, strict=True), strict=True))
            parts.append(preprocessor.transform(typed_frame(predictor.schema, columns)))
    np.save(path, np.concatenate(parts))


def run_peer(table: Path, matrix: Path, artifacts: Path, output: Path) -> dict[str, float]:
    """Parse, predict a ready matrix and write, and return the seconds of each."""
    predictor = Predictor.load(artifacts)
    model, intervals = predictor.run.load_object("model.pkl"), predictor.intervals
    ready = np.load(matrix)
    seconds = dict.fromkeys(("parse", "predict", "write"), 0.0)
    began = time.perf_counter()
    with open_table(table) as reader, output.open("w", encoding="utf-8", newline="") as out:
        seconds["parse"] += time.perf_counter() - began
        chunks = reader.chunks()
        start = 0
        write_rows(out, [[*reader.header, PREDICTION, LOW, HIGH, PROBLEM]])
        while True:
            began = time.perf_counter()
            chunk = next(chunks, None)
            parsed = time.perf_counter()
            seconds["parse"] += parsed - began
            if chunk is None:
                return seconds
            stop = start + len(chunk.rows)
            predicted = np.asarray(model.predict(ready[start:stop]), dtype=np.float64).ravel()
            ends = intervals.interval_of_each(predicted, float(LEVEL), 0, 100)
            done = time.perf_counter()
            columns = (predicted.tolist(), *(end.tolist() for end in ends))
            write_rows(
                out,
                (
                    [*row, repr(value), repr(low), repr(high), ""]
                    for row, value, low, high in zip(chunk.rows, *columns, strict=True)
                ),
            )
            seconds["predict"] += done - parsed
            seconds["write"] += time.perf_counter() - done
            start = stop


def compare(model: str, table: Path, folder: Path, repetitions: int) -> Comparison:
    """Run both in turn.

    Raises
    ------
    RuntimeError
        If either fails, or their predictions differ.
    """
    artifacts, matrix = folder / "artifacts", folder / "matrix.npy"
    predictor = Predictor.load(artifacts)
    if predictor.compiled is None:
        raise RuntimeError(f"{model} is served from its pickles: {predictor.fallback_reason}")
    write_matrix(table, matrix, predictor)
    outputs = folder / "ours.csv", folder / "peer.csv"
    ours_command = [
        sys.executable, "-m", "src.pipelines.predict_pipeline", "--quiet", "--input", table,
        "--output", outputs[0], "--artifacts", artifacts,
    ]  # fmt: skip
    peer_command = [
        sys.executable, "-m", "benchmarks.batch", "--peer", table, matrix, artifacts, outputs[1],
    ]  # fmt: skip
    ours, peers = [], []
    for turn in range(repetitions):
        for is_ours in (True, False) if turn % 2 == 0 else (False, True):
            command = ours_command if is_ours else peer_command
            (ours if is_ours else peers).append(_checked(measure(command, cwd=ROOT)))
    _same(*outputs)
    steps = [json.loads(peer.stdout) for peer in peers]
    step = {name: statistics.median(each[name] for each in steps) for name in steps[0]}
    return Comparison(
        ours_s=statistics.median(one.wall_s for one in ours),
        peer_s=statistics.median(sum(each.values()) for each in steps),
        parse_s=step["parse"],
        predict_s=step["predict"],
        write_s=step["write"],
        peak_mib=max(one.peak_bytes for one in ours) / MIB,
    )


def _checked(measured: Measurement) -> Measurement:
    if measured.status:
        raise RuntimeError(f"A process failed: {measured.stderr}")
    return measured


def _same(ours: Path, peer: Path) -> None:
    """Compare the predictions that both wrote; the peer does not clip them."""
    values = [
        np.loadtxt(path, delimiter=",", skiprows=1, usecols=-4, max_rows=1_000, quotechar='"')
        for path in (ours, peer)
    ]
    if not np.allclose(values[0], values[1].clip(0, 100), rtol=1e-4):
        raise RuntimeError("The two predict different values.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.batch", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    parser.add_argument("--peer", nargs=4, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.peer:
        print(json.dumps(run_peer(*options.peer)))
        return 0
    failed = False
    print(f"{options.rows:,} rows, seconds\n")
    print(f"{'':10}{'ours':>7}{'peer':>7} = {'parse':>6}{'predict':>9}{'write':>7}"
          f"{'ratio':>8}{'limit':>7}{'peak MiB':>10}{'limit':>7}")  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        table = Path(temporary) / "table.csv"
        for model in options.models:
            folder = Path(temporary) / model
            folder.mkdir()
            train(folder / "artifacts", model)
            if not table.exists():
                write_table(table, Predictor.load(folder / "artifacts").schema, options.rows)
            found = compare(model, table, folder, options.repetitions)
            (folder / "matrix.npy").unlink()
            holds = found.ratio >= LEAST_RATIO and found.peak_mib < PEAK_MIB
            failed |= not holds
            print(f"{model:10}{found.ours_s:7.2f}{found.peer_s:7.2f} = {found.parse_s:6.2f}"
                  f"{found.predict_s:9.2f}{found.write_s:7.2f}{found.ratio:8.2f}"
                  f"{LEAST_RATIO:7.2f}{found.peak_mib:10.0f}{PEAK_MIB:7.0f}  "
                  f"{'ok' if holds else 'FAILED'}", flush=True)  # fmt: skip
    return int(options.check and failed)


if __name__ == "__main__":
    sys.exit(main())
