"""Simulated schools: tables whose spread is known, and a cheap search that predicts their scores.

The worlds that the method was tuned on were others, with other seeds; these measure it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from src.components.model_intervals import LEVELS, ModelIntervals
from src.stats.conformal import PredictionIntervals

N_FRESH = 10_000
SCHOOLS = np.array(["north", "south", "east", "west"])
FAMILIES = (
    *(Ridge(alpha) for alpha in (0.1, 3.0, 30.0, 300.0)),
    *(Lasso(alpha) for alpha in (0.1, 1.0)),
    *(
        DecisionTreeRegressor(max_depth=depth, min_samples_leaf=5, random_state=0)
        for depth in (3, 6)
    ),
    *(KNeighborsRegressor(k) for k in (5, 15)),
)


@dataclass(frozen=True)
class World:
    """How scores come about.

    Attributes
    ----------
    draw : callable
        Takes a random generator and the number of rows, returns the features and the scores.
    sets_the_spread : str or None
        A feature that the spread depends on.
    minimum, maximum : float or None
        What the hints say of the target.
    """

    draw: Callable[[np.random.Generator, int], tuple[pd.DataFrame, np.ndarray]]
    sets_the_spread: str | None = None
    minimum: float | None = None
    maximum: float | None = None


def features(random: np.random.Generator, n: int) -> pd.DataFrame:
    return pd.DataFrame({
        "earlier": random.normal(0, 1, n),
        "hours": random.gamma(2.0, 2.0, n),
        "age": random.integers(13, 19, n).astype(float),
        "absences": random.poisson(4, n).astype(float),
        "motivation": random.uniform(-1, 1, n),
        "school": random.choice(SCHOOLS, n).astype(object),
        "club": random.choice(np.array(["yes", "no"]), n).astype(object),
    })  # fmt: skip


def middle(X: pd.DataFrame) -> np.ndarray:
    return (
        9 * X["earlier"] + 1.2 * X["hours"] + 4 * X["motivation"] + 2 * (X["club"] == "yes")
    ).to_numpy() - 5


def plain(random: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    X = features(random, n)
    return X, 55 + middle(X) + 6 * random.standard_t(6, n)


def by_school(random: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    X = features(random, n)
    wide = X["school"].isin(["south", "east"]).to_numpy()
    return X, 55 + middle(X) + random.normal(0, 1, n) * np.where(wide, 10, 4)


def by_hours(random: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    X = features(random, n)
    return X, 55 + middle(X) + random.normal(0, 1, n) * (2 + 1.5 * X["hours"].to_numpy())


def by_prediction(random: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    X = features(random, n)
    mean = np.log1p(np.exp(middle(X) / 8)) * 10 + 3
    return X, random.gamma(4, mean / 4)


def heap(random: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    X = features(random, n)
    grade = (11 + middle(X) / 5 + random.normal(0, 1.6, n)).round().clip(1, 20)
    gone = 1 / (1 + np.exp(2.6 + 1.5 * X["earlier"].to_numpy() - 0.15 * X["absences"].to_numpy()))
    return X, np.where(random.uniform(size=n) < gone, 0.0, grade)


def ceiling(random: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    X = features(random, n)
    return X, (86 + middle(X) + random.normal(0, 8, n)).round().clip(0, 100)


WORLDS = {
    "plain": World(plain),
    "by school": World(by_school, "school"),
    "by hours": World(by_hours, "hours"),
    "by prediction": World(by_prediction, minimum=0.0),
    "heap": World(heap, minimum=0.0, maximum=20.0),
    "ceiling": World(ceiling, minimum=0.0, maximum=100.0),
}


@dataclass(frozen=True)
class Outcome:
    """How ranges and chances did on fresh rows of one world, learnt from one table.

    Attributes
    ----------
    coverage : ndarray of shape (n_levels, 8)
        Of all, of each fifth of the prediction, of each half of the feature that sets the spread.
    chances : ndarray of shape (9, 5, 3)
        For marks at the deciles of the target and fifths of the chance: rows, the sum of their
        chances, and how many were below.
    """

    coverage: np.ndarray
    chances: np.ndarray


def learn(
    X: pd.DataFrame, y: np.ndarray, seed: int
) -> tuple[PredictionIntervals, Callable[[pd.DataFrame], np.ndarray]]:
    """Search by cross-validation; return the ranges, and what predicts."""
    encoder = make_column_transformer(
        (OneHotEncoder(), ["school", "club"]), remainder=StandardScaler(), sparse_threshold=0
    ).fit(X)
    encoded, folds = encoder.transform(X), KFold(5, shuffle=True, random_state=seed)
    searched = [(one, cross_val_predict(one, encoded, y, cv=folds)) for one in FAMILIES]
    best, out_of_fold = min(searched, key=lambda pair: float(((y - pair[1]) ** 2).mean()))
    made = ModelIntervals(random_state=seed).run(y, out_of_fold, X)
    model = clone(best).fit(encoded, y)
    return made, lambda rows: np.asarray(model.predict(encoder.transform(rows)))


def simulate(name: str, n: int, seed: int, n_fresh: int = N_FRESH) -> Outcome:
    """Search on a table of n rows by cross-validation, and look at fresh rows."""
    world = WORLDS[name]
    random = np.random.default_rng((seed, n, zlib.crc32(name.encode())))
    X, y = world.draw(random, n)
    fresh, truth = world.draw(random, n_fresh)
    made, predict = learn(X, y, seed)
    predicted = predict(fresh)
    return Outcome(
        _coverage(world, made, fresh, truth, predicted),
        _chances(made, fresh, truth, predicted, np.quantile(y, np.arange(0.1, 0.95, 0.1))),
    )


def _coverage(
    world: World,
    made: PredictionIntervals,
    fresh: pd.DataFrame,
    truth: np.ndarray,
    predicted: np.ndarray,
) -> np.ndarray:
    order = np.argsort(np.argsort(predicted))
    parts = [np.ones(len(truth), dtype=bool), *(order * 5 // len(truth) == k for k in range(5))]
    column = fresh[world.sets_the_spread or "earlier"]
    if world.sets_the_spread == "school":
        half = column.isin(["south", "east"]).to_numpy()
    else:
        half = (column > column.median()).to_numpy()
    parts += [~half, half]
    rows = []
    for level in LEVELS:
        low, high = made.interval_of_each(predicted, level, world.minimum, world.maximum, fresh)
        inside = (low <= truth) & (truth <= high)
        rows.append([inside[part].mean() for part in parts])
    return np.array(rows)


def _chances(
    made: PredictionIntervals,
    fresh: pd.DataFrame,
    truth: np.ndarray,
    predicted: np.ndarray,
    marks: np.ndarray,
) -> np.ndarray:
    integer = bool((truth == truth.round()).all())
    found = np.zeros((len(marks), 5, 3))
    for at, mark in enumerate(marks.tolist()):
        chance = made.probability_below_of_each(mark, predicted, integer=integer, columns=fresh)
        fifth = (chance * 5).astype(int).clip(max=4)
        for k in range(5):
            chosen = fifth == k
            found[at, k] = chosen.sum(), chance[chosen].sum(), (truth[chosen] < mark).sum()
    return found
