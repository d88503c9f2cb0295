"""What wrong input, swapped fields, a missing model and a bare number cost.

Everything is asked through the web apps, as a person's browser would: the tutorials', and ours.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from flask.testing import FlaskClient

from benchmarks.development_tables import DevelopmentTable, simulate
from benchmarks.mistakes.splits import read
from benchmarks.mistakes.tutorial_app import (
    SCORES,
    TEXTS,
    create_tutorial_app,
    train_tutorial,
)
from src.config import Settings
from src.exception import StuPredictionError
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.serving.predictor import Predictor

SEED = 42
Ask = Callable[[Mapping[str, object]], tuple[int, str]]

# What people and programs send, by what is wrong with it.
WRONG: Mapping[str, Mapping[str, str]] = {
    "score missing": {"reading_score": ""},
    "score 'ninety'": {"reading_score": "ninety"},
    "score 'nan'": {"reading_score": "nan"},
    "score 'inf'": {"reading_score": "inf"},
    "score '1e400'": {"reading_score": "1e400"},
    "score -50": {"reading_score": "-50"},
    "score 720 for 72": {"reading_score": "720"},
    "score '1_0'": {"reading_score": "1_0"},
    "lunch 'Standart'": {"lunch": "Standart"},
    "lunch missing": {"lunch": ""},
    "gender 'F'": {"gender": "F"},
    "preparation 'yes'": {"test_preparation_course": "yes"},
}


def of_tutorial(client: FlaskClient) -> Ask:
    """Return a function that sends a form to the tutorials' app."""

    def ask(form: Mapping[str, object]) -> tuple[int, str]:
        answer = client.post("/predict", data=form)
        return answer.status_code, answer.text

    return ask


def of_ours(client: FlaskClient) -> Ask:
    """Return a function that sends a form to ours."""

    def ask(form: Mapping[str, object]) -> tuple[int, str]:
        answer = client.post("/", data=form)
        return answer.status_code, answer.text

    return ask


def wrong_records(ask: Ask, good: Mapping[str, object]) -> dict[str, tuple[int, str]]:
    """Return status and text by what is wrong."""
    return {name: ask({**good, **wrong}) for name, wrong in WRONG.items()}


def apart(predicted: np.ndarray, other: np.ndarray) -> str:
    """Return how far two sets of answers are apart, in points."""
    off = np.abs(predicted - other)
    return f"{off.mean():5.2f} on average, {off.max():5.2f} at most"


def report(table: DevelopmentTable, seeds: int) -> None:
    """Measure and print all of it, on the sample table."""
    from sklearn.model_selection import train_test_split

    from application import create_app

    X, y = read(table)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=SEED)
    rows = X_test.to_dict("records")
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = Path(folder) / "theirs", Path(folder) / "ours"
        train_tutorial(X_train, y_train, theirs)
        TrainPipeline(TrainConfig(models=("ridge",), budget="quick", artifacts=ours)).run()
        tutorial = of_tutorial(create_tutorial_app(theirs).test_client())
        swapped = of_tutorial(create_tutorial_app(theirs, swapped=True).test_client())
        app = create_app(Settings(artifacts_dir=ours, log_level="ERROR"))
        _missing(Path(folder))
        _wrong(tutorial, of_ours(app.test_client()), rows[0])
        right = np.array([float(tutorial(row)[1]) for row in rows])
        _swapped(right, np.array([float(swapped(row)[1]) for row in rows]), y_test.to_numpy())
        _unknown(tutorial, rows, right)
        _outside(tutorial, Predictor.load(ours), rows)
    _bare(X, y, seeds)


def _missing(folder: Path) -> None:
    from application import create_app

    empty = folder / "empty"
    good = {**dict.fromkeys(TEXTS, "x"), **dict.fromkeys(SCORES, "70")}
    client = create_tutorial_app(empty).test_client()
    print("No model in the folder: what is answered, by the app")
    print(f"  the tutorials'  GET / {client.get('/').status_code}, a prediction "
          f"{of_tutorial(client)(good)[0]}")  # fmt: skip
    ours = create_app(Settings(artifacts_dir=empty, log_level="CRITICAL")).test_client()
    ready = ours.get("/ready")
    print(f"  ours            GET / {ours.get('/').status_code}, GET /ready {ready.status_code}: "
          f"{ready.json['error'].replace(str(folder), '…')}\n")  # fmt: skip


def _wrong(theirs: Ask, ours: Ask, good: Mapping[str, object]) -> None:
    their_answers, our_answers = wrong_records(theirs, good), wrong_records(ours, good)
    print("A record with one thing wrong                  the tutorials'    ours")
    for name in WRONG:
        status, text = their_answers[name]
        said = f"{status}, predicts {float(text):.4g}" if status == 200 else str(status)
        print(f"  {name:30}{said:>28}{our_answers[name][0]:>8}")
    for app, found in (("the tutorials'", their_answers), ("ours", our_answers)):
        statuses = [status for status, _ in found.values()]
        counts = ", ".join(f"{statuses.count(s)} × {s}" for s in sorted(set(statuses)))
        print(f"  {app}: {counts}")
    print()


def _swapped(right: np.ndarray, swapped: np.ndarray, y: np.ndarray) -> None:
    print(f"Reading and writing swapped, {len(y)} held-out rows: points of difference")
    print(f"  {apart(right, swapped)}; mean absolute error {np.abs(y - right).mean():.2f} → "
          f"{np.abs(y - swapped).mean():.2f}; RMSE {_rmse(y, right):.2f} → "
          f"{_rmse(y, swapped):.2f}\n")  # fmt: skip


def _unknown(ask: Ask, rows: list[dict[str, object]], right: np.ndarray) -> None:
    print(f"A category that training never saw, all zeros, {len(rows)} rows: points of difference")
    for name in TEXTS:
        unknown = np.array([float(ask({**row, name: "?"})[1]) for row in rows])
        print(f"  {name:30}{apart(right, unknown)}")
    print()


def _outside(ask: Ask, predictor: Predictor, rows: list[dict[str, object]]) -> None:
    print("Scores of 0 and of 100 in reading and writing, for the same rows: points off the scale")
    kinds = [{**row, **dict.fromkeys(SCORES, score)} for row in rows for score in (0, 100)]
    theirs = np.array([float(ask(row)[1]) for row in kinds])
    ours = np.array([predictor.predict_record(row).prediction for row in kinds])
    for name, answers in (("the tutorials'", theirs), ("ours", ours)):
        off = np.maximum(answers - 100, -answers).clip(0)
        print(f"  {name:30}{(off > 0).mean():.0%} of the answers, {off.max():.2f} at most")
    print()


def _bare(X: pd.DataFrame, y: pd.Series, seeds: int) -> None:
    """Print how far off a bare number is, and how often an interval holds, over many splits."""
    from sklearn.model_selection import KFold, cross_val_predict, train_test_split
    from sklearn.pipeline import make_pipeline

    from benchmarks.mistakes.splits import models
    from benchmarks.peers._peer import Task, one_hot
    from src.components.model_intervals import ModelIntervals

    errors, inside, widths = [], [], []
    for seed in range(seeds):
        split = train_test_split(X, y, test_size=0.2, random_state=seed)
        task = Task(*split, str(y.name), seed, 0, "", None)
        model = make_pipeline(one_hot(task), models(seed)["Ridge"])
        folds = KFold(5, shuffle=True, random_state=seed)
        out_of_fold = cross_val_predict(model, task.X_train, task.y_train, cv=folds)
        y_pred = model.fit(task.X_train, task.y_train).predict(task.X_test)
        intervals = ModelIntervals(random_state=seed).run(task.y_train.to_numpy(), out_of_fold)
        low, high = np.array([intervals.interval(float(p), 0.9, 0, 100) for p in y_pred]).T
        errors.append(np.abs(task.y_test.to_numpy() - y_pred))
        inside.append(((task.y_test >= low) & (task.y_test <= high)).mean())
        widths.append((high - low).mean())
    off = np.concatenate(errors)
    half, tenth, hundredth = np.quantile(off, [0.5, 0.9, 0.99])
    print(f"One number, {seeds} splits, held-out rows: how far off it is")
    print(f"  half of the students {half:.1f} points or more, a tenth {tenth:.1f} or more, "
          f"one in a hundred {hundredth:.1f} or more")  # fmt: skip
    print(f"  our 90 % intervals hold {np.mean(inside):.1%} of them, {np.mean(widths):.1f} wide")


def _rmse(y: np.ndarray, y_pred: np.ndarray) -> float:
    return float(np.sqrt(((y - y_pred) ** 2).mean()))


def report_columns(tables: Mapping[str, DevelopmentTable]) -> None:
    """Train both ways on tables with other columns and print what comes of it."""
    print(f"{'A table of your own':22}{'columns by name':42}ours, by a schema (--budget quick)")
    for table in tables.values():
        if table.reason_to_skip:
            print(f"{table.name:22}skipped: {table.reason_to_skip}")
            continue
        if table.simulated and not table.path.is_file():
            simulate(table)
        with tempfile.TemporaryDirectory() as folder:
            print(f"{table.name:22}{_by_name(table, Path(folder)):42}{_by_schema(table, folder)}")


def _by_name(table: DevelopmentTable, folder: Path) -> str:
    X, y = read(table)
    try:
        train_tutorial(X, y, folder)
    except (KeyError, ValueError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:28]}"
    return "trained"


def _by_schema(table: DevelopmentTable, folder: str) -> str:
    config = TrainConfig(data=str(table.path), target=table.target, drop=table.drop,
                         budget="quick", artifacts=Path(folder) / "ours")  # fmt: skip
    try:
        result = TrainPipeline(config).run()
    except StuPredictionError as error:
        return str(error).splitlines()[0]
    r2 = result.evaluation.r2
    return f"trained, R² {r2.value:.3f} ({r2.low:.3f} to {r2.high:.3f})"
