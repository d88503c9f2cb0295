"""Predict a large file: ours beside pandas and beside pyarrow, which both predict a ready matrix.

``python -m benchmarks.batch``: for ridge, and for 300 trees of CatBoost (of depth 6) and of XGBoost
(of up to 32 leaves), on the sample table's columns. Ours
is the command as anyone runs it, with its start, its checks and its rows to fix. The peers' steps
run one after another in processes of their own, whose start is not counted; they are spared the
checks and the preprocessing, and an error in a cell would go unseen. All write prediction, interval
ends and an empty problem, and take turns. Processor seconds count both cores where the peers use
them; ours uses one. In ``--odd`` of 1,000 rows a cell is wrong or mended; the
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.process import MIB, measure
from benchmarks.wsgi import train
from src.config import ROOT
from src.pipelines import train_pipeline
from src.schema.features import NumericFeature
from src.schema.frames import typed_frame
from src.schema.record import Schema
from src.search import task
from src.search.candidates import CANDIDATES, TreeCount
from src.serving.predictor import COMPILED, Predictor
from src.serving.scorers import LEVEL
from src.serving.scoring import PROBLEM
from src.serving.summary import HIGH, LOW, PREDICTION
from src.tables.reader import open_table
from src.tables.writer import write_rows

MODELS = ("ridge", "catboost", "xgboost")
CSV, PARQUET = "csv", "parquet"
# Ours over the peer's rows a second that must be reached; the others are aims.
LIMITS = {("pandas", CSV, "ridge"): 1.5, ("pyarrow", PARQUET, "ridge"): 0.6}
AIMS = {
    ("pyarrow", CSV, "ridge"): 0.6,
    ("pyarrow", PARQUET, "catboost"): 0.3,
    ("pyarrow", PARQUET, "xgboost"): 0.15,
}
PEERS = {CSV: ("pandas", "pyarrow"), PARQUET: ("pyarrow",)}
PEAK_MIB = 400.0
N_TREES = 300
TREES: dict[str, tuple[str, dict[str, tuple[float, ...]]]] = {
    "catboost": ("iterations", {"depth": (6,), "learning_rate": (0.05,), "l2_leaf_reg": (1,)}),
    "xgboost": (
        "n_estimators",
        {"max_depth": (5,), "learning_rate": (0.05,), "subsample": (0.7,),
         "colsample_bytree": (0.9,), "min_child_weight": (1,)},
    ),
}  # fmt: skip
WRONG = ("Total no", "", "=1+1")  # refused, left blank, marked as no formula


@dataclass(frozen=True)
class Comparison:
    """Medians of seconds, of processor seconds, and our highest memory."""

    ours_s: float
    peer_s: float
    ours_cpu_s: float
    peer_cpu_s: float
    peak_mib: float

    @property
    def ratio(self) -> float:
        """Our rows a second over the peer's."""
        return self.peer_s / self.ours_s


def train_trees(artifacts: Path, model: str) -> int:
    """Train :data:`N_TREES` trees with the parameters of :data:`TREES`; return the exit status."""
    count, space = TREES[model]
    task.CANDIDATES = tuple(
        replace(one, space=space, tree_count=TreeCount(count, N_TREES, N_TREES))
        if one.name == model
        else one
        for one in CANDIDATES
    )
    options = ["--models", model, "--budget", "quick", "--artifacts", str(artifacts), "--quiet"]
    return train_pipeline.main(options)


def prepare(artifacts: Path, model: str) -> Predictor:
    """Train a model in a process of its own, and return it.

    Raises
    ------
    RuntimeError
        If it is not served from its tables, or is not what was asked for.
    """
    if model in TREES:
        command = [sys.executable, "-m", "benchmarks.batch", "--train", model, artifacts]
        done = measure(command, cwd=ROOT)
        if done.status:
            raise RuntimeError(f"{model} was not trained: {done.stderr}")
    else:
        train(artifacts, model)
    predictor = Predictor.load(artifacts)
    if predictor.compiled is None:
        raise RuntimeError(f"{model} is not compiled: {predictor.fallback_reason}")
    tables = predictor.run.read_json(COMPILED)["ensembles"]
    if model in TREES and [count_trees(one) for one in tables] != [N_TREES]:
        raise RuntimeError(f"{model} has not {N_TREES} trees.")
    return predictor


def count_trees(ensemble: dict[str, Any]) -> int:
    """Return how many trees an ensemble of ``compiled.json`` has."""
    if ensemble["kind"] == "oblivious":
        return len(ensemble["trees"])
    n_leaves = sum(test < 0 for test in ensemble["tests"])
    return 2 * n_leaves - len(ensemble["tests"])  # each has one more leaf than tests


def write_table(path: Path, schema: Schema, n_rows: int, n_odd: int = 0) -> None:
    """Write random records of a schema as CSV, and as Parquet beside it.

    Parameters
    ----------
    n_odd : int
        Of 1,000 rows, those with a cell that is wrong.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rng = random.Random(0)
    columns: list[list[Any]] = []
    for feature in schema.features:
        if isinstance(feature, NumericFeature):
            low, high = int(feature.observed_minimum), int(feature.observed_maximum)
            columns.append([rng.randint(low, high) for _ in range(n_rows)])
        else:
            columns.append(rng.choices(feature.categories, k=n_rows))
    of_text = next(c for c in columns if isinstance(c[0], str))
    for row in rng.sample(range(n_rows), n_rows * n_odd // 1_000):
        of_text[row] = rng.choice(WRONG)
    parquet.write_table(
        pa.table(dict(zip(schema.names, columns, strict=True))), path.with_suffix(".parquet")
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        write_rows(file, [schema.names])
        write_rows(file, zip(*([str(v) for v in c] for c in columns), strict=True))


def write_matrix(table: Path, path: Path, predictor: Predictor) -> None:
    """Write what the pickled preprocessor makes of a table."""
    preprocessor = predictor.run.load_object("preprocessor.pkl")
    parts = []
    with open_table(table) as reader:
        for chunk in reader.chunks():
            columns = dict(zip(reader.header, zip(*chunk.rows, strict=True), strict=True))
            parts.append(preprocessor.transform(typed_frame(predictor.schema, columns)))
    np.save(path, np.concatenate(parts))


def run_peer(peer: str, table: Path, matrix: Path, artifacts: Path, output: Path) -> None:
    """Read, predict a ready matrix and write, and print the seconds."""
    predictor = Predictor.load(artifacts)
    model, intervals = predictor.run.load_object("model.pkl"), predictor.intervals
    ready = np.load(matrix)

    def scores() -> dict[str, NDArray[Any]]:
        predicted = np.asarray(model.predict(ready), dtype=np.float64).ravel()
        low, high = intervals.interval_of_each(predicted, float(LEVEL), 0, 100)
        return {PREDICTION: predicted, LOW: low, HIGH: high}

    began, cpu = time.perf_counter(), time.process_time()
    (_with_pandas if peer == "pandas" else _with_pyarrow)(table, output, scores)
    spent = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    print(json.dumps(spent))


def _with_pandas(table: Path, output: Path, scores: Callable[[], dict[str, NDArray[Any]]]) -> None:
    import pandas as pd

    frame = pd.read_csv(table)
    for name, column in scores().items():
        frame[name] = column
    frame[PROBLEM] = ""
    frame.to_csv(output, index=False)


def _with_pyarrow(table: Path, output: Path, scores: Callable[[], dict[str, NDArray[Any]]]) -> None:
    import pyarrow as pa
    from pyarrow import csv, parquet

    of_text = table.suffix == ".csv"
    read = csv.read_csv(table) if of_text else parquet.read_table(table)
    for name, column in scores().items():
        read = read.append_column(name, pa.array(column))
    read = read.append_column(PROBLEM, pa.array([""] * read.num_rows))
    csv.write_csv(read, output) if of_text else parquet.write_table(read, output)


def compare(model: str, table: Path, folder: Path, repetitions: int) -> dict[str, Comparison]:
    """Run ours and all peers in turn; return the medians by peer.

    Raises
    ------
    RuntimeError
        If one fails, or their predictions differ.
    """
    ours, output = folder / f"ours{table.suffix}", folder / f"peer{table.suffix}"
    commands: dict[str, list[object]] = {
        "ours": [
            "src.pipelines.predict_pipeline", "--quiet", "--input", table, "--output", ours,
            "--artifacts", folder / "artifacts",
        ]
    }  # fmt: skip
    for peer in PEERS[table.suffix[1:]]:
        files = table, folder / "matrix.npy", folder / "artifacts", output
        commands[peer] = ["benchmarks.batch", "--peer", peer, *files]
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    cpu_s: dict[str, list[float]] = {name: [] for name in commands}
    peak = 0
    for turn in range(repetitions):
        for name in commands if turn % 2 == 0 else [*commands][::-1]:
            measured = measure([sys.executable, "-m", *commands[name]], cwd=ROOT)
            if measured.status not in ((0, 3) if name == "ours" else (0,)):
                raise RuntimeError(f"A process failed: {measured.stderr}")
            if name == "ours":
                peak = max(peak, measured.peak_bytes)
                seconds[name].append(measured.wall_s)
                cpu_s[name].append(measured.cpu_s)
            else:
                found = json.loads(measured.stdout)
                seconds[name].append(found["seconds"])
                cpu_s[name].append(found["cpu_s"])
    _same(ours, output)
    wall, cpu = (
        {name: statistics.median(each) for name, each in of_each.items()}
        for of_each in (seconds, cpu_s)
    )
    return {
        peer: Comparison(wall["ours"], wall[peer], cpu["ours"], cpu[peer], peak / MIB)
        for peer in commands
        if peer != "ours"
    }


def _same(ours: Path, peer: Path) -> None:
    """Compare the predictions of good rows that both wrote; the peer does not clip them."""
    import pandas as pd

    read = pd.read_csv if ours.suffix == ".csv" else pd.read_parquet
    both = [read(path)[PREDICTION] for path in (ours, peer)]
    good = both[0].notna()
    if not np.allclose(both[0][good], both[1][good].clip(0, 100), rtol=1e-4):
        raise RuntimeError("The two predict different values.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.batch", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--odd", type=int, default=0, metavar="N", help="of 1,000 rows")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    parser.add_argument("--peer", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--train", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.peer:
        run_peer(options.peer[0], *map(Path, options.peer[1:]))
        return 0
    if options.train:
        return train_trees(Path(options.train[1]), options.train[0])
    failed = False
    print(f"{options.rows:,} rows, {options.odd} of 1,000 odd; seconds\n")
    print(f"{'model':10}{'file':9}{'peer':9}{'ours':>7}{'peer':>7}{'ratio':>7}{'limit':>7}"
          f"{'peak MiB':>10}{'processor: ours':>17}{'peer':>7}")  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        table = Path(temporary) / "table.csv"
        for model in options.models:
            folder = Path(temporary) / model
            folder.mkdir()
            predictor = prepare(folder / "artifacts", model)
            if not table.exists():
                write_table(table, predictor.schema, options.rows)
                write_matrix(table, folder / "matrix.npy", predictor)
                write_table(table, predictor.schema, options.rows, options.odd)
            else:
                (folder / "matrix.npy").hardlink_to(
                    Path(temporary) / options.models[0] / "matrix.npy"
                )
            for kind in (CSV, PARQUET):
                found = compare(model, table.with_suffix(f".{kind}"), folder, options.repetitions)
                for peer, one in found.items():
                    limit = LIMITS.get((peer, kind, model))
                    aim = AIMS.get((peer, kind, model))
                    missed = (limit is not None and one.ratio < limit) or one.peak_mib > PEAK_MIB
                    failed |= missed
                    said = f"{limit:.2f}" if limit else f"({aim:.2f})" if aim else ""
                    print(f"{model:10}{kind:9}{peer:9}{one.ours_s:7.2f}{one.peer_s:7.2f}"
                          f"{one.ratio:7.2f}{said:>7}{one.peak_mib:10.0f}"
                          f"{one.ours_cpu_s:17.2f}{one.peer_cpu_s:7.2f}"
                          f"{'  MISSED' if missed else ''}", flush=True)  # fmt: skip
    return int(options.check and failed)


if __name__ == "__main__":
    sys.exit(main())
