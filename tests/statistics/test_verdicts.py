"""How often a range is said to break a promise that it keeps: see docs/statistics.md."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from src.components.model_intervals import ModelIntervals
from src.pipelines.run_files import coverage_by_prediction, coverage_of
from src.report.overview import CHANCE
from src.schema.features import NumericFeature
from src.schema.record import Schema

logger = logging.getLogger(__name__)
FIRST_SEED = 60_000
HOURS = NumericFeature(name="hours", observed_minimum=0, observed_maximum=9)
MARK = NumericFeature(name="mark", observed_minimum=0, observed_maximum=100)


def false_alarms(n_train: int, n_tables: int, verdicts=coverage_of) -> float:
    """Return the share of tables of which a range is said to hold too few or too many."""
    found = 0
    for seed in range(FIRST_SEED, FIRST_SEED + n_tables):
        random = np.random.default_rng(seed)
        n = n_train + n_train // 4
        y_pred = random.normal(50, 10, n)
        y = y_pred + random.normal(0, 5, n)
        intervals = ModelIntervals().run(y[:n_train], y_pred[:n_train])
        rows = verdicts(
            intervals, Schema((HOURS,), MARK), pd.DataFrame(), y[n_train:], y_pred[n_train:]
        )
        found += any(row["p_value"] < CHANCE / len(rows) for row in rows)
    return found / n_tables


def test_a_range_that_keeps_its_promise_is_seldom_said_to_break_it() -> None:
    assert false_alarms(80, 10) <= 0.2  # a standard error is 7 points
    assert false_alarms(80, 10, coverage_by_prediction) <= 0.2


@pytest.mark.slow
@pytest.mark.parametrize("verdicts", [coverage_of, coverage_by_prediction])
@pytest.mark.parametrize("n_train", [80, 320, 800])
def test_the_rate_of_false_verdicts_is_the_documented_one(n_train: int, verdicts) -> None:
    """13.13: it was in 13 to 17."""
    rate = false_alarms(n_train, 400, verdicts)
    logger.info("%d training rows, %s: %.3f", n_train, verdicts.__name__, rate)
    assert rate <= 0.07  # a standard error is 1.1 points
