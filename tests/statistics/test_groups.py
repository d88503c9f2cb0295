"""What is said of groups, such as schools, by simulation: see docs/statistics.md."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from src.components.model_groups import WIDE_95, ModelGroups
from src.components.model_intervals import ModelIntervals
from src.search.folds import split_rows, stack_folds
from src.search.group_effects import Units, fit_groups
from src.stats.group_effects import LEAST_MEMBERS

logger = logging.getLogger(__name__)

FIRST_SEED = 150_000
LEVEL, WITHIN = 0.9, 8.0
FRESH = 200  # pupils of each known group, to see how many of them its ranges hold


@dataclass(frozen=True)
class World:
    """Tables of pupils in schools.

    Attributes
    ----------
    n_groups, size : int
        Schools, and pupils of the usual one.
    between : float
        Standard deviation of the schools' effects, where pupils' is 8.
    uneven : float
        Standard deviation of the logarithm of their sizes.
    rows : int
        Of each pupil.
    spread : float
        Standard deviation of the logarithm of the pupils' standard deviation, between schools.
    """

    n_groups: int = 40
    size: int = 25
    between: float = 4.0
    uneven: float = 0.3
    rows: int = 1
    spread: float = 0.0


WORLDS = {
    "40 schools": World(),
    "12 schools": World(n_groups=12, size=40),
    "sizes 1 to 300": World(uneven=1.3),
    "three rows a pupil": World(size=15, rows=3),
    "spread by school": World(spread=0.25),
    "schools say nothing": World(between=0.0),
}


@dataclass(frozen=True)
class Table:
    """Rows of pupils, and the truth about their schools."""

    X: pd.DataFrame
    y: np.ndarray
    group: np.ndarray
    people: np.ndarray


def drawn(random: np.random.Generator, world: World, sizes: np.ndarray, u: np.ndarray) -> Table:
    """Return pupils of schools with these effects."""
    spread = np.exp(random.normal(0, world.spread, len(sizes)))
    return of_schools(random, world, sizes, u, spread, random.normal(0, 0.5, len(sizes)))


def of_schools(
    random: np.random.Generator,
    world: World,
    sizes: np.ndarray,
    u: np.ndarray,
    spread: np.ndarray,
    x_of_group: np.ndarray,
) -> Table:
    """Return pupils; two features differ by school, and say something of the score."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    pupil = random.normal(0, WITHIN * 0.5**0.5, len(group)) * spread[group]
    people = np.repeat(np.arange(len(group)), world.rows)
    group, pupil = group[people], pupil[people]
    own = WITHIN if world.rows == 1 else WITHIN * 0.5**0.5
    noise = random.normal(0, own, len(group)) * spread[group]
    x = random.normal(0, 1, (len(group), 2)) + x_of_group[group, None]
    y = 60 + 5 * x[:, 0] + 2 * x[:, 1] + u[group] + noise + (pupil if world.rows > 1 else 0)
    return Table(pd.DataFrame(x, columns=["a", "b"]), y, group, people)


def simulate(world: World, seed: int) -> dict[str, float]:
    """Return what one table teaches, held against the truth."""
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(seed)
    u = random.normal(0, world.between, world.n_groups)
    sizes = np.maximum(1, random.lognormal(np.log(world.size), world.uneven, len(u)).astype(int))
    sizes[:2] = np.maximum(sizes[:2], 2 * LEAST_MEMBERS)  # no table is without effects
    spread = np.exp(random.normal(0, world.spread, len(u)))
    x_of_group = random.normal(0, 0.5, len(u))
    table = of_schools(random, world, sizes, u, spread, x_of_group)
    keys = np.array([f"{code:03d}" for code in table.group])
    splits = split_rows(table.y, 5, seed, keys)
    folds = stack_folds(table.X, table.y, StandardScaler(), splits, None, keys)
    units = Units(keys, table.people)
    rows = np.arange(len(keys))
    splits = split_rows(table.y, 5, seed, table.people)
    seen = stack_folds(table.X, table.y, StandardScaler(), splits, None, keys)
    fit = fit_groups(
        folds, folds.out_of_fold(Ridge()), seen.out_of_fold(Ridge()), rows, units, seed
    )
    model = Ridge().fit(table.X.to_numpy(), table.y)
    pooled = ModelIntervals(random_state=seed).run(table.y, fit.new, table.X)
    spread_of = ModelGroups("school").spread(fit, table.y, table.X, pooled)
    known = spread_of.of(pooled, "school", fit.effects)

    large = np.flatnonzero(fit.means.n_members >= LEAST_MEMBERS)
    codes = np.array([int(fit.names[k]) for k in large])
    off = np.abs(fit.means.effect[large] - u[codes])
    error = [fit.means.error_of(k, int(fit.means.n_members[k])) for k in large]
    found = {
        "effects held": (off <= WIDE_95 * np.array(error)).mean(),
        "no variance": float(fit.means.between == 0),
    }

    fresh_sizes = np.zeros(len(u), dtype=int)
    fresh_sizes[codes] = FRESH
    one_row = World(rows=1)
    fresh = of_schools(random, one_row, fresh_sizes, u, spread, x_of_group)
    of_fresh = np.array([f"{code:03d}" for code in fresh.group])
    plain = model.predict(fresh.X.to_numpy())
    predicted = plain + fit.of_each(of_fresh)
    X = fresh.X.assign(school=of_fresh)
    for name, intervals in (("known", known), ("known, pooled", pooled)):
        low, high = intervals.interval_of_each(predicted, LEVEL, None, None, X)
        inside = (low <= fresh.y) & (fresh.y <= high)
        by_group = np.bincount(fresh.group, inside, len(u))[codes] / FRESH
        found[name] = inside.mean()
        found[f"{name}, groups under .80"] = (by_group < 0.8).mean()
    found["error with over without"] = (
        ((fresh.y - predicted) ** 2).mean() / ((fresh.y - plain) ** 2).mean()
    ) ** 0.5

    new_u = random.normal(0, world.between, 200)
    new = drawn(random, World(spread=world.spread), np.full(200, 20), new_u)
    predicted = model.predict(new.X.to_numpy())
    X = new.X.assign(school=None)
    low, high = known.interval_of_each(predicted, LEVEL, None, None, X)
    found["new"] = ((low <= new.y) & (new.y <= high)).mean()
    return found


def rates(world: World, n_tables: int) -> dict[str, float]:
    """Return the means over tables."""
    found = pd.DataFrame([simulate(world, FIRST_SEED + k) for k in range(n_tables)])
    return {str(name): float(value) for name, value in found.mean().items()}


def test_effects_hold_the_truth_and_ranges_keep_their_promise_in_both_cases() -> None:
    found = rates(WORLDS["40 schools"], 5)  # the shares of ranges have standard errors of 1 point
    assert found["effects held"] >= 0.88
    assert abs(found["known"] - LEVEL) < 0.03
    assert abs(found["new"] - LEVEL) < 0.04
    assert found["error with over without"] < 0.97


def test_where_schools_say_nothing_nothing_is_lost() -> None:
    found = rates(WORLDS["schools say nothing"], 4)
    assert found["error with over without"] < 1.01
    assert found["effects held"] >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_effects_and_ranges_of_many_tables(name: str) -> None:
    found = rates(WORLDS[name], 200)
    logger.info("%s: %s", name, {key: round(value, 3) for key, value in found.items()})
    assert found["effects held"] >= 0.93
    assert abs(found["known"] - LEVEL) <= 0.02
    assert abs(found["new"] - LEVEL) <= 0.02
    if not WORLDS[name].between:
        assert found["error with over without"] <= 1.005
