"""What the peer scripts share: options, table, split, and the line they print.

Each script runs under the interpreter that has its libraries, so this file needs only pandas and
scikit-learn. They are imported inside the functions, so that the benchmark can import the rest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import pickle
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.compose import ColumnTransformer

TEST_SIZE = 0.2


@dataclass(frozen=True)
class Task:
    """What a peer has to solve.

    Attributes
    ----------
    X_train, X_test : DataFrame of shape (n_rows, n_features)
        As pandas reads them: numbers with NaN, texts with NaN.
    y_train, y_test : Series of float
        The test targets are there because the tutorial's method chooses by them. Others must not.
    time_s : float
        What a tool that takes a budget is given.
    preset : str
        What a tool that has presets is given; empty for its default.
    folder : Path or None
        Where a tool that writes its own files must put them; None when nobody asked for them.
    """

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: pd.Series
    y_test: pd.Series
    target: str
    seed: int
    time_s: float
    preset: str
    folder: Path | None

    @property
    def numeric(self) -> list[str]:
        return list(self.X_train.select_dtypes("number").columns)

    @property
    def categorical(self) -> list[str]:
        return [name for name in self.X_train.columns if name not in self.numeric]


@dataclass(frozen=True)
class Solution:
    """What a peer came to.

    Attributes
    ----------
    y_pred : array of shape (n_test_rows,)
    model : str
        What it chose, in a few words.
    saved : object
        What it would keep to predict later, pickled when files are asked for; None where the tool
        has written its own.
    """

    y_pred: Sequence[float] | NDArray[np.float64]
    model: str
    saved: Any = None


def run(solve: Callable[[Task], Solution], arguments: Sequence[str] | None = None) -> None:
    """Read the options, solve the task, and print one JSON object as the last line of stdout.

    It holds ``r2`` and ``rmse`` on the test rows, ``model``, and ``test_rows`` with
    ``test_sha256``, by which the rows can be compared with another process's.
    """
    from sklearn.metrics import r2_score, root_mean_squared_error

    options = parser().parse_args(arguments)
    task = read_task(options)
    solution = solve(task)
    if options.save and solution.saved is not None:
        (options.save / "model.pkl").write_bytes(pickle.dumps(solution.saved))
    answer = {
        "r2": float(r2_score(task.y_test, solution.y_pred)),
        "rmse": float(root_mean_squared_error(task.y_test, solution.y_pred)),
        "model": solution.model,
        "test_rows": len(task.y_test),
        "test_sha256": targets_sha256(task.y_test),
    }
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options that every peer takes."""
    result = argparse.ArgumentParser(description="Train one peer; print one line of JSON.")
    result.add_argument("--data", type=Path, required=True, metavar="CSV")
    result.add_argument("--target", required=True, metavar="COLUMN")
    result.add_argument("--seed", type=int, required=True, help="of the models")
    result.add_argument(
        "--rows", type=Path, required=True, metavar="JSON", help="positions of train and test rows"
    )
    result.add_argument("--drop", nargs="+", default=[], action="extend", metavar="COLUMN")
    result.add_argument(
        "--time", type=float, default=60, metavar="S", help="of tools with a budget"
    )
    result.add_argument("--preset", default="", help="of tools that have presets")
    result.add_argument("--save", type=Path, metavar="DIR", help="an empty folder for the model")
    return result


def read_task(options: argparse.Namespace) -> Task:
    """Read the table and split it by the positions that were written down: those of our trainer."""
    import pandas as pd

    frame = pd.read_csv(options.data).drop(columns=options.drop)
    rows = json.loads(options.rows.read_text(encoding="utf-8"))
    train, test = rows["train"], rows["test"]
    X, y = frame.drop(columns=options.target), frame[options.target].astype(float)
    return Task(
        X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test],
        options.target, options.seed, options.time, options.preset, options.save,
    )  # fmt: skip


def targets_sha256(targets: Iterable[float]) -> str:
    """Return a hash of targets in their order; equal hashes mean equal test rows.

    Twelve digits count: readers of CSV may differ in a number's last bit.

    Raises
    ------
    ValueError
        If a target is missing.
    """
    values = [float(value) for value in targets]
    if any(math.isnan(value) for value in values):
        raise ValueError("A target is missing.")
    return hashlib.sha256(",".join(f"{value:.12g}" for value in values).encode()).hexdigest()


def one_hot(task: Task) -> ColumnTransformer:
    """Return an unfitted preprocessor: medians and scaling; one column a category, or for none."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categorical = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    steps = [("numeric", numeric, task.numeric), ("categorical", categorical, task.categorical)]
    return ColumnTransformer([step for step in steps if step[2]])


def with_missing_named(X: pd.DataFrame, categorical: Sequence[str]) -> pd.DataFrame:
    """Return a copy whose categories are texts, missing ones among them as 'missing'."""
    names = list(categorical)
    return X.assign(
        **{name: X[name].astype(object).fillna("missing").astype(str) for name in names}
    )
