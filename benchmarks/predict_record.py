"""Predict one record in process: the compiled model beside the pickles on a one-row DataFrame.

``python -m benchmarks.predict_record``: for every family that can be compiled, and with intervals,
checks and all. Both take turns. What each feature adds is timed too, by records that were not
explained before: the 95th percentile counts, against 5 ms, or 50 ms where trees are walked through.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from benchmarks.process import clean_environment
from benchmarks.wsgi import OUTCOMES, TASKS, sample_record, train
from src.compiled.classifier import CompiledClassifier
from src.compiled.model import CompiledModel, Trees
from src.exception import ReasonsUnavailableError
from src.schema.features import NumericFeature
from src.search.candidates import CANDIDATES, Candidate
from src.search.classifiers import classifiers
from src.serving.predictor import Predictor

LIMIT = 50.0
EXPLAIN_LIMIT_MS = 5.0
WALKED_LIMIT_MS = 50.0
REPETITIONS = 15
EXPLAINED = 400  # records


def microseconds(call: Callable[[], object], n_calls: int) -> float:
    """Return what a call takes."""
    started = time.perf_counter()
    for _ in range(n_calls):
        call()
    return (time.perf_counter() - started) / n_calls * 1e6


def compare(predictor: Predictor) -> tuple[float, float]:
    """Return microseconds of ours and of the DataFrame path, medians."""
    record = sample_record()
    run = predictor.run
    preprocessor, model = run.load_object("preprocessor.pkl"), run.load_object("model.pkl")

    predict = getattr(model, "predict_proba", model.predict)

    def by_frame() -> object:
        return predict(preprocessor.transform(pd.DataFrame([record])))

    by_frame()
    predictor.predict_record(record)
    ours, theirs = [], []
    for _ in range(REPETITIONS):
        ours.append(microseconds(lambda: predictor.predict_record(record), 400))
        theirs.append(microseconds(by_frame, 8))
    return statistics.median(ours), statistics.median(theirs)


def explain_ms(predictor: Predictor) -> float:
    """Return the 95th percentile of the milliseconds that explaining a new record takes."""
    rng, schema = random.Random(0), predictor.schema
    records: list[dict[str, object]] = [
        {
            f.name: rng.randint(int(f.observed_minimum), int(f.observed_maximum))
            if isinstance(f, NumericFeature)
            else rng.choice(f.categories)
            for f in schema.features
        }
        for _ in range(EXPLAINED)
    ]

    def explain(record: dict[str, object]) -> None:
        values, _ = schema.check_record(record)
        predictor.explain(values)

    taken = [microseconds(partial(explain, record), 1) for record in records]
    return statistics.quantiles(taken, n=20)[-1] / 1e3


def walks(compiled: CompiledModel | CompiledClassifier) -> bool:
    """Whether a record walks through trees, from test to test."""
    if isinstance(compiled, CompiledModel):
        return any(isinstance(one, Trees) for one in compiled.ensembles)
    members = compiled.members
    return any(map(walks, (model for member in members for model in member.models))) or any(
        member.joint_trees for member in members
    )


def families_of(task: str) -> Sequence[Candidate]:
    """Return what can be trained for a task."""
    if task == TASKS[0]:
        return CANDIDATES
    return classifiers(len(OUTCOMES[task]), ordered=task == "ordinal")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.predict_record", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--task", choices=TASKS, default=TASKS[0], help="default: %(default)s")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="default: all of the task")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    options = parser.parse_args(arguments)
    if len(os.environ) != len(clean_environment()):
        command = [sys.executable, "-m", "benchmarks.predict_record", *(arguments or sys.argv[1:])]
        os.execve(sys.executable, command, clean_environment())
    failed = False
    print(f"{'':28}{'ours µs':>10}{'frame µs':>10}{'times':>8}{'limit':>7}"
          f"{'explain ms':>12}{'limit':>7}")  # fmt: skip
    for name in options.models or [family.name for family in families_of(options.task)]:
        with tempfile.TemporaryDirectory() as folder:
            artifacts = Path(folder) / "artifacts"
            train(artifacts, name, options.task)
            predictor = Predictor.load(artifacts)
            if predictor.compiled is None:
                print(f"{name:28}served from its pickles: {predictor.fallback_reason}")
                continue
            ours, theirs = compare(predictor)
            values = predictor.predict_record(sample_record()).values
            try:
                method: str = predictor.explain(values).method
                explained = explain_ms(predictor)
            except ReasonsUnavailableError:
                method, explained = "no reasons", 0.0
            walked = walks(predictor.compiled)
        limit = WALKED_LIMIT_MS if walked else EXPLAIN_LIMIT_MS
        holds = theirs / ours >= LIMIT and explained <= limit
        failed |= not holds
        print(f"{name:28}{ours:10.1f}{theirs:10.0f}{theirs / ours:8.0f}{LIMIT:7.0f}"
              f"{explained:12.2f}{limit:7.1f}  {'ok' if holds else 'FAILED'} ({method})",
              flush=True)  # fmt: skip
    return int(options.check and failed)


if __name__ == "__main__":
    sys.exit(main())
