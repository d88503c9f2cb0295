"""Ours beside the plain method that fits a target or a column best, on simulated tables.

``python -m benchmarks.plain_methods [--tables lognormal counts ...] [--seeds 0 1 2]``: held-out R²
of each. What the search chose, what it took, and whether it could be written as tables stand beside
ours.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Drawn = tuple["pd.DataFrame", "NDArray[np.float64]"]
MAIN_SEED = 42  # of the search


def pupils(random: np.random.Generator, n: int) -> pd.DataFrame:
    """Return columns such as schools have them."""
    import numpy as np
    import pandas as pd

    return pd.DataFrame(
        {
            "hours": random.gamma(2.0, 2.0, n).round(1),
            "earlier": random.normal(60, 15, n).round(),
            "age": random.integers(13, 19, n).astype(float),
            "motivation": random.uniform(0, 10, n).round(1),
            "sex": random.choice(np.array(["f", "m"], dtype=object), n),
            "lunch": random.choice(np.array(["standard", "reduced"], dtype=object), n),
            "track": random.choice(np.array(["a", "b", "c"], dtype=object), n),
        }
    )


def log_mean(X: pd.DataFrame) -> NDArray[np.float64]:
    """Return the logarithm of a mean whose effects multiply."""
    import numpy as np

    track = X["track"].map({"a": 0.0, "b": 0.4, "c": -0.3}).to_numpy(dtype=float)
    numbers = 0.18 * X["hours"] + 0.03 * (X["earlier"] - 60) + 0.08 * X["motivation"]
    return np.asarray(numbers + 0.4 * (X["sex"] == "f") - 0.3 * (X["lunch"] == "reduced") + track)


def lognormal(random: np.random.Generator, n: int) -> Drawn:
    """Return effects and an error that multiply."""
    import numpy as np

    X = pupils(random, n)
    return X, np.exp(2.0 + 0.6 * log_mean(X) + random.normal(0, 0.35, n)).round(2)


def counts(random: np.random.Generator, n: int) -> Drawn:
    """Return days of absence: a Poisson number whose mean is a product."""
    import numpy as np

    X = pupils(random, n)
    return X, random.poisson(np.exp(0.6 + 0.5 * log_mean(X))).astype(float)


def missing(random: np.random.Generator, n: int) -> Drawn:
    """Return scores that are lower where a number was not handed in."""
    import numpy as np

    X = pupils(random, n)
    gone = random.uniform(size=(n, 2)) < 0.25
    y = 50 + 0.35 * (X["earlier"] - 60) + 1.2 * X["hours"] + 4 * (X["sex"] == "f")
    y = y - 9 * gone[:, 0] - 6 * gone[:, 1] + random.normal(0, 5, n)
    X.loc[gone[:, 0], "earlier"] = np.nan
    X.loc[gone[:, 1], "hours"] = np.nan
    return X, y.round(1).to_numpy()


def codes(random: np.random.Generator, n: int) -> Drawn:
    """Return scores that a school sets, whose number says nothing of its size."""
    import numpy as np

    X = pupils(random, n)
    effects = np.random.default_rng(7).normal(0, 7, 40)
    school = random.integers(0, 40, n)
    X["school"] = 101.0 + school
    y = 50 + 0.25 * (X["earlier"] - 60) + effects[school] + random.normal(0, 8, n)
    return X, y.round(1).to_numpy()


def large(random: np.random.Generator, n: int) -> Drawn:
    """Return a target of many bends and products, of twenty columns."""
    import numpy as np
    import pandas as pd

    x = random.normal(size=(n, 16))
    kind = random.integers(0, 5, size=(n, 4))
    y = 3 * np.sin(1.5 * x[:, 0]) + 2 * x[:, 1] * x[:, 2] + 1.5 * np.abs(x[:, 3]) + x[:, 4]
    y += 2 * np.tanh(2 * x[:, 5]) * (x[:, 6] > 0) + np.where(kind[:, 0] > 2, 1.5 * x[:, 7], 0)
    y += np.array([0.0, 1.0, -1.0, 2.0, 0.5])[kind[:, 1]] * (x[:, 8] > 0.3) + 0.5 * x[:, 9] ** 2
    y += 0.8 * np.cos(2 * x[:, 10]) + 0.6 * x[:, 11] * x[:, 12]
    X = pd.DataFrame({f"x{j}": x[:, j] for j in range(16)})
    for j in range(4):
        X[f"kind{j}"] = np.array(list("abcde"), dtype=object)[kind[:, j]]
    return X, y + random.normal(0, 2.3, n)


@dataclass(frozen=True)
class SimulatedTable:
    """A kind of table, and the plain methods that it is easy for."""

    draw: Callable[[np.random.Generator, int], Drawn]
    n_train: int
    peers: tuple[str, ...]
    n_test: int = 5_000


TABLES = {
    "lognormal": SimulatedTable(lognormal, 800, ("ridge", "poisson", "log ridge")),
    "counts": SimulatedTable(counts, 800, ("ridge", "poisson", "log ridge")),
    "missing": SimulatedTable(missing, 800, ("ridge", "ridge, indicators", "catboost")),
    "codes": SimulatedTable(codes, 800, ("ridge", "ridge, one-hot codes", "catboost, codes")),
    "large": SimulatedTable(large, 160_000, ("ridge", "catboost"), 40_000),
}


def plain(name: str, X: pd.DataFrame, y: NDArray[np.float64]) -> Callable[[pd.DataFrame], Any]:
    """Return what a plain method, fitted, predicts."""
    import numpy as np
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import PoissonRegressor, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    def prepared(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.astype({"school": str}) if "codes" in name else frame

    if name.startswith("catboost"):
        from catboost import CatBoostRegressor

        kinds = [c for c in X if prepared(X)[c].dtype.kind not in "fi"]
        booster = CatBoostRegressor(
            verbose=False, allow_writing_files=False, cat_features=kinds, random_seed=0,
            thread_count=2,
        ).fit(prepared(X), y)  # fmt: skip
        return lambda frame: booster.predict(prepared(frame))
    numbers = make_pipeline(SimpleImputer(add_indicator="indicators" in name), StandardScaler())
    design = make_column_transformer(
        (numbers, make_column_selector(dtype_include=np.number)),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude=np.number)),
    )
    model = RidgeCV((0.1, 1.0, 10.0, 100.0))
    if name == "poisson":
        model = PoissonRegressor(alpha=1e-4, solver="newton-cholesky")
    fitted = make_pipeline(design, model)
    if name != "log ridge":
        fitted.fit(prepared(X), y)
        return lambda frame: fitted.predict(prepared(frame))
    fitted.fit(X, np.log1p(y))
    smearing = float(np.mean(np.exp(np.log1p(y) - fitted.predict(X))))
    return lambda frame: smearing * np.exp(fitted.predict(frame)) - 1


def ours(
    X: pd.DataFrame, y: NDArray[np.float64], budget: str, models: tuple[str, ...] = ()
) -> tuple[Callable[[pd.DataFrame], Any], str]:
    """Return what our search, fitted, predicts; beside it, what it chose."""
    import numpy as np

    from src.components.data_transformation import DataTransformation
    from src.components.model_compiler import ModelCompiler
    from src.components.model_trainer import ModelTrainer, ModelTrainerConfig

    schema = schema_of(X, y)
    trainer = ModelTrainer(
        ModelTrainerConfig(models=models, random_state=MAIN_SEED, jobs=2, budget=budget)
    )
    trained = trainer.run(X, y, DataTransformation(schema, MAIN_SEED).run())
    fitted = trainer.fit(trained.pipeline, X, y)
    compiled = ModelCompiler(schema).run(*fitted.named_steps.values(), X)
    reasons = "with reasons" if not compiled.background.unavailable else "no reasons"
    how = f"tables, {reasons}" if compiled.model else compiled.fallback_reason
    return lambda frame: np.asarray(fitted.predict(frame)), f"{trained.winner.label} ({how})"


def schema_of(X: pd.DataFrame, y: NDArray[np.float64]) -> Any:
    """Return the schema of a table."""
    from src.schema.features import CategoricalFeature, NumericFeature
    from src.schema.record import Schema

    features: list[Any] = []
    for name in X:
        column = X[name]
        optional = bool(column.isna().any())
        if column.dtype.kind == "f":
            whole = bool((column.dropna() % 1 == 0).all())
            features.append(
                NumericFeature(
                    name=str(name), observed_minimum=float(column.min()), integer=whole,
                    observed_maximum=float(column.max()), optional=optional,
                )
            )  # fmt: skip
        else:
            kinds = tuple(sorted(column.dropna().unique()))
            features.append(CategoricalFeature(name=str(name), categories=kinds, optional=optional))
    target = NumericFeature(
        name="target", observed_minimum=float(y.min()), observed_maximum=float(y.max())
    )
    return Schema(features=tuple(features), target=target)


def main() -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plain_methods", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--tables",
        nargs="+",
        choices=TABLES,
        default=[*TABLES],
        metavar="TABLE",
        help=f"of {', '.join(TABLES)} (default: all)",
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=[0, 1, 2],
        metavar="SEED",
        help="of the tables (default: 0 1 2)",
    )
    parser.add_argument(
        "--budgets",
        nargs="*",
        default=["standard"],
        metavar="BUDGET",
        help="ours: quick, standard, thorough or seconds (default: standard)",
    )
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument(
        "--rows", type=int, metavar="N", help="training rows in place of each table's own"
    )
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import numpy as np

    for name in options.tables:
        table = TABLES[name]
        reached: dict[str, list[float]] = {}
        for seed in options.seeds:
            n_train = options.rows or table.n_train
            X, y = table.draw(np.random.default_rng((seed, 1)), n_train + table.n_test)
            train, test = slice(0, n_train), slice(n_train, None)
            X_train, X_test = X[train].reset_index(drop=True), X[test].reset_index(drop=True)
            methods = [*(() if options.no_peers else table.peers), *options.budgets]
            for method in methods:
                started = time.perf_counter()
                if method in options.budgets:
                    predict, note = ours(X_train, y[train], method)
                else:
                    predict, note = plain(method, X_train, y[train]), ""
                errors = y[test] - predict(X_test)
                r2 = 1 - float((errors**2).mean() / y[test].var())
                seconds = time.perf_counter() - started
                reached.setdefault(method, []).append(r2)
                print(f"{name} {seed} {method}: {r2:.4f}, {seconds:.1f} s. {note}", flush=True)
        for method, found in reached.items():
            print(f"{name}, mean of {len(found)}: {method} {np.mean(found):.4f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
