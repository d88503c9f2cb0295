"""What is said of the last of some cohorts: see docs/statistics.md."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from src.stats.cohorts import DRIFT_LEVEL, dealt, log_figure, mean_figure, next_cohort, shifts

logger = logging.getLogger(__name__)
FIRST_SEED = 170_000
RESIDUAL = 4.0  # standard deviation


def series(
    seed: int, n_cohorts: int, n_rows: int, moved: float, between: float
) -> tuple[bool, bool]:
    """Return whether drift is said, and whether the last score is in its interval.

    Parameters
    ----------
    moved : float
        By which the last cohort's target lies higher, given the features; in standard deviations
        of the residual, as the spread between cohorts is.
    """
    random = np.random.default_rng(seed)
    cohort = np.repeat(np.arange(n_cohorts), n_rows)
    X = random.normal(size=(len(cohort), 4))
    own = between * random.normal(size=n_cohorts)
    own[-1] += moved
    X = np.column_stack([X, np.ones(len(X))])
    y = X @ [3.0, 2, 1, 0, 0] + RESIDUAL * (random.normal(size=len(X)) + own[cohort])
    means, losses = [], []
    for k in range(1, n_cohorts):
        before, at = cohort < k, cohort == k
        errors = y[at] - X[at] @ np.linalg.lstsq(X[before], y[before])[0]
        means.append(mean_figure(errors, int(before.sum())))
        losses.append(log_figure(errors**2))
    mean = next_cohort(means[:-1], means[-1].error, DRIFT_LEVEL)
    loss = next_cohort(losses[:-1], losses[-1].error)
    assert mean is not None
    assert loss is not None
    return (
        not mean.low <= means[-1].value <= mean.high,
        loss.low <= losses[-1].value <= loss.high,
    )


def rates(
    n_series: int, n_cohorts: int, n_rows: int, moved: float = 0.0, between: float = 0.0
) -> tuple[float, float]:
    seeds = range(FIRST_SEED, FIRST_SEED + n_series)
    found = [series(seed, n_cohorts, n_rows, moved, between) for seed in seeds]
    drift, held = np.mean(found, axis=0).tolist()
    return drift, held


def test_drift_is_said_where_it_is_and_seldom_where_it_is_not() -> None:
    drift, held = rates(60, 8, 150)
    assert drift <= 0.1
    assert held >= 0.88
    assert rates(30, 8, 150, moved=0.5)[0] >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize(("n_cohorts", "n_rows"), [(6, 100), (8, 150), (10, 300)])
def test_rates_of_drift_and_of_the_last_score(n_cohorts: int, n_rows: int) -> None:
    drift, held = rates(200, n_cohorts, n_rows)
    found, _ = rates(200, n_cohorts, n_rows, moved=0.5)
    logger.info(
        "%d cohorts of %d: drift said in %.3f without it, in %.3f with it; score held %.3f",
        *(n_cohorts, n_rows, drift, found, held),
    )
    for between in (0.1, 0.3):
        logger.info(
            "cohorts differ by %.1f: drift said in %.3f without it, in %.3f with it",
            between,
            rates(200, n_cohorts, n_rows, between=between)[0],
            rates(200, n_cohorts, n_rows, moved=0.5, between=between)[0],
        )
    assert drift <= 0.05
    assert 0.9 <= held <= 0.98
    assert found >= 0.8


def test_fewer_than_three_earlier_cohorts_say_nothing() -> None:
    one = mean_figure(np.arange(20.0), 20)
    assert next_cohort([one, one], 1.0) is None
    assert next_cohort([one, one, one], 1.0) is not None


@pytest.mark.parametrize("is_number", [True, False])
def test_a_feature_that_does_not_move_is_beyond_chance_in_5_of_100(is_number: bool) -> None:
    beyond = []
    for seed in range(100):
        random = np.random.default_rng(FIRST_SEED + seed)
        people = np.repeat(np.arange(40), 3)
        values = random.normal(size=40)[people] if is_number else random.integers(0, 3, 40)[people]
        sides = dealt(people >= 30, seed, people)
        sizes = np.abs(shifts(values, sides, is_number=is_number))
        beyond.append(sizes[0] > np.quantile(sizes[1:], 0.95))
    assert np.mean(beyond) <= 0.12
    moved = shifts(np.repeat([0.0, 1.0], 60) + 0.1 * values, sides[:1], is_number=True)
    assert moved[0] > 1
