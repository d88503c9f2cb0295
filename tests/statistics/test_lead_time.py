"""What is said of lead times: intervals of paired differences between stages.

See docs/statistics.md.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.pipelines.lead_time import predict
from src.pipelines.lead_time_scores import Event
from src.pipelines.rows import Rows
from src.schema.features import NumericFeature
from src.schema.record import Schema
from src.stats.intervals import Interval, r2_drop_interval
from src.stats.ranked_lists import auc_gain_interval, recall_gain_interval

logger = logging.getLogger(__name__)
FIRST_SEED = 70_000
SHARE, MARK = 0.2, -0.9  # of the students on the list; below it is the event
NAMES = ("AUC gained", "recall gained", "R² gained")


def drawn(random: np.random.Generator, n: int, n_schools: int = 0):
    """Return what is known at two stages, the target and the schools; most arrives at the second.

    Schools differ in the target and in what is known early.
    """
    schools = np.arange(n) * n_schools // n if n_schools else None
    of_school = random.normal(0, [[0.5], [0.6]], (2, max(n_schools, 1)))
    early, late = random.normal(size=(2, n))
    added = 0.0
    if schools is not None:
        early, added = early + of_school[0][schools], of_school[1][schools]
    return early, late, 0.4 * early + 0.8 * late + added + random.normal(size=n), schools


def predicted(early: np.ndarray, late: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return predictions and chances of the event by what is known at each stage."""
    means = 0.4 * early, 0.4 * early + 0.8 * late
    return [
        (mean, norm.cdf((MARK - mean) / spread))
        for mean, spread in zip(means, (1.4, 1.15), strict=True)
    ]


def gains(y: np.ndarray, before, now, clusters: np.ndarray | None = None) -> list[Interval]:
    """Return what a stage gains, by three figures."""
    happened, spread = y < MARK, (y - y.mean()) ** 2
    losses = [(y - predicted) ** 2 for predicted, _ in (now, before)]
    places = round(SHARE * len(y))
    return [
        auc_gain_interval(happened, now[1], before[1], clusters),
        recall_gain_interval(happened, now[1], before[1], places, clusters),
        r2_drop_interval(*losses, spread, clusters),
    ]


def rates(n: int, n_schools: int, n_tables: int, n_true: int = 400_000) -> dict[str, float]:
    """Return how often intervals hold the true gain."""
    random = np.random.default_rng(FIRST_SEED)
    early, late, y, _ = drawn(random, n_true, n_true // 20 * (n_schools > 0))
    truth = [one.value for one in gains(y, *predicted(early, late))]
    held = []
    for seed in range(FIRST_SEED + 1, FIRST_SEED + 1 + n_tables):
        early, late, y, schools = drawn(np.random.default_rng(seed), n, n_schools)
        found = gains(y, *predicted(early, late), schools)
        held.append([one.low <= true <= one.high for one, true in zip(found, truth, strict=True)])
    return dict(zip(NAMES, np.mean(held, axis=0).tolist(), strict=True))


@pytest.mark.parametrize(("n", "n_schools"), [(250, 0), (600, 15)])
def test_intervals_hold_what_a_stage_gains(n: int, n_schools: int) -> None:
    found = rates(n, n_schools, n_tables=100, n_true=60_000)
    assert min(found.values()) >= 0.88, found  # a rate has a standard error of 2 points


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_schools"), [(100, 0), (250, 0), (1000, 0), (600, 15), (2000, 50)])
def test_intervals_hold_what_a_stage_gains_in_many_tables(n: int, n_schools: int) -> None:
    found = rates(n, n_schools, n_tables=2_000)
    logger.info("%d rows, %d schools: %s", n, n_schools, found)
    assert min(found.values()) >= 0.92, found
    assert max(found.values()) <= 0.98, found


def trained_gains(random: np.random.Generator, n_train: int, n_test: int, noise: bool):
    """Return gains of trained models on held-out rows, with their intervals, and the true ones."""
    n = n_train + n_test + 10_000
    early, late, y, _ = drawn(random, n)
    late = random.normal(size=n) if noise else late  # the second stage then knows nothing more
    X = pd.DataFrame({"early": early, "late": late})
    every = Rows(X, y, None, None)
    train, test = every.take(np.arange(n_train)), every.take(np.arange(n_train, n))
    stages = []
    for names in (("early",), ("early", "late")):
        features = [
            NumericFeature(name=name, observed_minimum=-5.0, observed_maximum=5.0)
            for name in (*names, "y")
        ]
        schema = Schema(tuple(features[:-1]), features[-1])
        config = ModelTrainerConfig(models=("ridge",), budget="quick", jobs=1)
        stages.append(
            predict(
                schema,
                ModelTrainer(config),
                train,
                test,
                Event("low", mark=MARK),
                "new",
                lambda *_: None,
            )
        )
    before, now = stages

    def auc_and_r2(rows: slice) -> list[Interval]:
        of_rows = test.y[rows]
        return [
            auc_gain_interval(of_rows < MARK, now.chance[rows], before.chance[rows]),
            r2_drop_interval(
                now.losses[rows], before.losses[rows], (of_rows - of_rows.mean()) ** 2
            ),
        ]

    return auc_and_r2(slice(n_test)), auc_and_r2(slice(n_test, None))


@pytest.mark.slow
@pytest.mark.parametrize("noise", [False, True])
def test_what_trained_stages_gain_is_held_and_nothing_is_made_of_chance(noise: bool) -> None:
    held, said = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + 100):
        found, true = trained_gains(np.random.default_rng(seed), 300, 250, noise)
        held.append([a.low <= b.value <= a.high for a, b in zip(found, true, strict=True)])
        said.append([one.low > 0 for one in found])
    rates_held, rates_said = np.mean(held, axis=0), np.mean(said, axis=0)
    logger.info("noise %s: held %s, said to gain %s", noise, rates_held, rates_said)
    assert rates_held.min() >= 0.85  # of 100 tables
    if noise:
        assert rates_said.max() <= 0.07
    else:
        assert rates_said.min() >= 0.95
