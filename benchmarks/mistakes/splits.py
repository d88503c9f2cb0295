"""What it costs to choose on the test rows, and what one split is worth."""

from __future__ import annotations

import statistics
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.development_tables import DevelopmentTable
from benchmarks.peers._peer import TEST_SIZE, Task, one_hot

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5
Z_95 = 1.96


@dataclass(frozen=True)
class Choice:
    """The models that one seed's split leads to, by R² on rows of three kinds.

    Attributes
    ----------
    by_test, by_folds : str
        The best on the test rows, and the best by cross-validation inside the training rows.
    test, fresh : dict of str to float
        R² of each model on the test rows, and on rows that chose nothing.
    scaled_outside : float
        R² by cross-validation, on average over the models, where the preprocessor was fitted on all
        training rows before the folds were cut, less that where it was fitted inside of them.
    """

    by_test: str
    by_folds: str
    test: dict[str, float]
    fresh: dict[str, float]
    scaled_outside: float


@dataclass(frozen=True)
class Mean:
    """A mean over seeds with its 95 % interval."""

    value: float
    half_width: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        error = statistics.stdev(values) / len(values) ** 0.5
        return cls(statistics.fmean(values), Z_95 * error)

    def __str__(self) -> str:
        return f"{self.value:+.4f} ± {self.half_width:.4f}"


def models(seed: int) -> dict[str, object]:
    """Return the models that the tutorials compare, as they come, with a seed."""
    from catboost import CatBoostRegressor
    from sklearn.ensemble import (
        AdaBoostRegressor,
        GradientBoostingRegressor,
        RandomForestRegressor,
    )
    from sklearn.linear_model import Lasso, LinearRegression, Ridge
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.tree import DecisionTreeRegressor
    from xgboost import XGBRegressor

    return {
        "Linear regression": LinearRegression(),
        "Lasso": Lasso(),
        "Ridge": Ridge(),
        "Neighbours": KNeighborsRegressor(),
        "Decision tree": DecisionTreeRegressor(random_state=seed),
        "Random forest": RandomForestRegressor(random_state=seed),
        "AdaBoost": AdaBoostRegressor(random_state=seed),
        "Gradient boosting": GradientBoostingRegressor(random_state=seed),
        "XGBoost": XGBRegressor(random_state=seed, n_jobs=1),
        # Its default of 1,000 iterations would be most of the time that this takes.
        "CatBoost": CatBoostRegressor(
            random_seed=seed, iterations=100, verbose=False, thread_count=1,
            allow_writing_files=False,
        ),
    }  # fmt: skip


def read(table: DevelopmentTable) -> tuple[pd.DataFrame, pd.Series]:
    """Return the features and the target of a table."""
    import pandas as pd

    frame = pd.read_csv(table.path).dropna(subset=[table.target]).drop(columns=[*table.drop])
    return frame.drop(columns=table.target), frame[table.target].astype(float)


def choose(X: pd.DataFrame, y: pd.Series, seed: int) -> Choice:
    """Train on three fifths, choose on a fifth, and see what the choice is worth on the last."""
    from sklearn.base import clone
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold, cross_val_score, train_test_split
    from sklearn.pipeline import make_pipeline

    warnings.simplefilter("ignore")
    share = {"random_state": seed, "test_size": round(TEST_SIZE * len(X))}
    X_seen, X_fresh, y_seen, y_fresh = train_test_split(X, y, **share)
    X_train, X_test, y_train, y_test = train_test_split(X_seen, y_seen, **share)
    task = Task(X_train, X_test, y_train, y_test, str(y.name), seed, 0, "", Path())
    preprocessor = one_hot(task)
    outside = clone(preprocessor).fit_transform(X_train)
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    test, fresh, inside, differences = {}, {}, {}, []
    for name, model in models(seed).items():
        pipeline = make_pipeline(clone(preprocessor), model)
        inside[name] = cross_val_score(pipeline, X_train, y_train, cv=folds, scoring="r2").mean()
        beside = cross_val_score(clone(model), outside, y_train, cv=folds, scoring="r2").mean()
        differences.append(beside - inside[name])
        pipeline.fit(X_train, y_train)
        test[name] = r2_score(y_test, pipeline.predict(X_test))
        fresh[name] = r2_score(y_fresh, pipeline.predict(X_fresh))
    return Choice(
        max(test, key=test.__getitem__), max(inside, key=inside.__getitem__), test, fresh,
        statistics.fmean(differences),
    )  # fmt: skip


def report(table: DevelopmentTable, seeds: int) -> None:
    """Measure a table with many seeds and print what came out."""
    X, y = read(table)
    found = []
    for seed in range(seeds):
        found.append(choose(X, y, seed))
        if sys.stderr.isatty():
            print(f"\r{table.name}: {seed + 1} of {seeds} seeds ", end="", file=sys.stderr)
    reported = [c.test[c.by_test] for c in found]
    print(f"{table.name}: {len(y)} rows, {round(TEST_SIZE * len(y))} of them test rows, "
          f"{seeds} seeds; R², mean ± 95 % interval")  # fmt: skip
    print(summary(found))
    print(f"  {'R² that is reported, seed to seed':40}{min(reported):.3f} to {max(reported):.3f}, "
          f"standard deviation {statistics.stdev(reported):.3f}")  # fmt: skip
    winners = {choice.by_test for choice in found}
    print(f"  {'models that some seed calls the best':40}{len(winners)} of {len(found[0].test)}\n")


def summary(found: Sequence[Choice]) -> str:
    """Return what choosing on the test rows adds to the report, and what it costs.

    The R² of one split on its test rows less that on its fresh rows is mostly luck of the split.
    The mean over all models has the same luck and chooses nothing, so it is taken off.
    """

    def gap(choice: Choice, name: str) -> float:
        return choice.test[name] - choice.fresh[name]

    luck = [statistics.fmean(gap(c, name) for name in c.test) for c in found]
    lines = {
        "too good, chosen on the test rows": [
            gap(c, c.by_test) - by_luck for c, by_luck in zip(found, luck, strict=True)
        ],
        "too good, chosen by folds": [
            gap(c, c.by_folds) - by_luck for c, by_luck in zip(found, luck, strict=True)
        ],
        "on fresh rows: by test less by folds": [
            c.fresh[c.by_test] - c.fresh[c.by_folds] for c in found
        ],
        "scaler fitted outside of the folds": [c.scaled_outside for c in found],
    }
    return "\n".join(f"  {name:40}{Mean.of(values)}" for name, values in lines.items())
