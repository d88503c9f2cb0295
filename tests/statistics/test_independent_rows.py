"""How often intervals of independent rows hold the truth: see docs/statistics.md."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest

from src.stats.intervals import mean_interval, r2_interval, rmse_interval

logger = logging.getLogger(__name__)
FIRST_SEED = 50_000
SHAPES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda random, n: random.normal(0, 1, n),
    "t5": lambda random, n: random.standard_t(5, n),
    "exponential": lambda random, n: random.exponential(1, n) - 1,
}


def held(shape: str, n_rows: int, n_sets: int) -> dict[str, float]:
    """Return how often the intervals of RMSE, MAE and R² hold the truth."""
    errors = SHAPES[shape](np.random.default_rng(FIRST_SEED), 2_000_000)
    mse, mae = float((errors**2).mean()), float(np.abs(errors).mean())
    true_r2 = 1 - mse / (1 + mse)
    found = []
    for seed in range(FIRST_SEED + 1, FIRST_SEED + 1 + n_sets):
        random = np.random.default_rng(seed)
        errors = SHAPES[shape](random, n_rows)
        truth = random.normal(0, 1, n_rows) + errors
        intervals = (
            (rmse_interval(errors), mse**0.5),
            (mean_interval(np.abs(errors), positive=True), mae),
            (r2_interval(truth, errors), true_r2),
        )
        found.append([one.low <= true <= one.high for one, true in intervals])
    return dict(zip(("RMSE", "MAE", "R²"), np.mean(found, axis=0).tolist(), strict=True))


@pytest.mark.parametrize(
    ("shape", "n_rows", "least"),
    [
        ("normal", 20, (0.90, 0.90, 0.90)),
        ("t5", 20, (0.90, 0.90, 0.88)),
        ("exponential", 20, (0.88, 0.88, 0.84)),
        ("exponential", 200, (0.90, 0.92, 0.90)),
    ],
)
def test_intervals_hold_the_truth_as_often_as_is_said(shape, n_rows, least) -> None:
    """13.13."""
    rates = held(shape, n_rows, 500)
    logger.info("%s errors, %d rows: %s", shape, n_rows, rates)
    assert all(rate >= low for rate, low in zip(rates.values(), least, strict=True))
