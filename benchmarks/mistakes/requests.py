"""What it costs to read the pickles, and to make a DataFrame, for each request."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dill
import pandas as pd

from benchmarks.predict_record import microseconds
from benchmarks.wsgi import sample_record, train
from src.serving.predictor import Predictor

REPETITIONS = 9
MODELS = ("lasso", "random_forest")


def _unpickled(path: Path) -> Any:
    return dill.loads(path.read_bytes())


def compare(predictor: Predictor) -> dict[str, float]:
    """Return microseconds of one prediction, medians of turns, by the way that is taken."""
    record, folder = sample_record(), predictor.run.folder
    preprocessor, model = (_unpickled(folder / f"{n}.pkl") for n in ("preprocessor", "model"))

    def read_each_time() -> object:
        both = [_unpickled(folder / f"{name}.pkl") for name in ("preprocessor", "model")]
        return both[1].predict(both[0].transform(pd.DataFrame([record])))

    ways: dict[str, tuple[Callable[[], object], int]] = {
        "pickles read each time": (read_each_time, 5),
        "read once, a DataFrame": (
            lambda: model.predict(preprocessor.transform(pd.DataFrame([record]))), 8),
        "ours, compiled": (lambda: predictor.predict_record(record), 200),
    }  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPETITIONS):
        for name, (call, n_calls) in ways.items():
            times[name].append(microseconds(call, n_calls))
    return {name: statistics.median(values) for name, values in times.items()}


def report() -> None:
    """Train each kind of model, measure, and print microseconds and ratios to ours."""
    print("One prediction in process, without HTTP: µs (times ours)")
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            artifacts = Path(folder) / "artifacts"
            train(artifacts, name)
            found = compare(Predictor.load(artifacts))
        ours = found["ours, compiled"]
        said = "; ".join(f"{way} {us:,.0f} ({us / ours:,.0f})" for way, us in found.items())
        print(f"  {name}: {said}")
