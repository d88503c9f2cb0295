"""How many of a class will fall below a mark, and how many of them help for k reaches."""

from __future__ import annotations

import logging
import zlib

import numpy as np
import pytest

from src.stats.poisson_binomial import LEVEL, count_range
from tests.statistics.worlds import WORLDS, learn

logger = logging.getLogger(__name__)

FIRST_SEED = 150_000
N_TRAINED, N_PUPILS, N_HELPED = 300, 28, 6
CLASSES = 40  # a table


def coverage(
    name: str, tables: int, shared: float = 0.0, n_classes: int = CLASSES
) -> tuple[float, float, float]:
    """Return how often both ranges hold the truth, and how wide that of the class is on average.

    Parameters
    ----------
    shared : float
        Standard deviation of what all pupils of a class have in common, in points, beyond the
        columns.
    """
    of_class, of_first, widths = [], [], []
    for seed in range(FIRST_SEED, FIRST_SEED + tables):
        random = np.random.default_rng((seed, zlib.crc32(name.encode())))
        X, y = WORLDS[name].draw(random, N_TRAINED)
        made, predict = learn(X, y, seed)
        fresh, truth = WORLDS[name].draw(random, n_classes * N_PUPILS)
        truth = truth + np.repeat(random.normal(0, shared, n_classes), N_PUPILS)
        mark = float(np.quantile(y, 0.3))
        integer = bool((y == y.round()).all())
        chance = made.probability_below_of_each(
            mark, predict(fresh), integer=integer, columns=fresh
        )
        for one in np.split(np.arange(len(truth)), n_classes):
            first = one[np.argsort(-chance[one], kind="stable")][:N_HELPED]
            for pupils, found in ((one, of_class), (first, of_first)):
                low, high = count_range(chance[pupils].tolist())
                found.append(low <= (truth[pupils] < mark).sum() <= high)
                if pupils is one:
                    widths.append(high - low)
    return float(np.mean(of_class)), float(np.mean(of_first)), float(np.mean(widths))


def test_ranges_of_counts_hold_what_they_promise_in_a_world_whose_truth_is_known():
    of_class, of_first, width = coverage("plain", tables=2)
    assert of_class >= LEVEL - 0.05
    assert of_first >= LEVEL - 0.05
    assert width < N_PUPILS / 3  # a range that holds everything would hold it, too


def test_pupils_who_rise_and_fall_together_break_the_promise_as_is_said():
    alone, _, _ = coverage("plain", tables=1)
    together, _, _ = coverage("plain", tables=1, shared=8.0)
    assert together < alone - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WORLDS))
def test_ranges_of_counts_hold_in_every_world(name):
    of_class, of_first, width = coverage(name, tables=40)
    logger.info("%s: class %.3f, first %.3f, width %.1f", name, of_class, of_first, width)
    assert of_class >= LEVEL - 0.03
    assert of_first >= LEVEL - 0.03


@pytest.mark.slow
@pytest.mark.parametrize("shared", [2.0, 4.0])
def test_what_a_class_has_in_common_widens_the_truth(shared):
    of_class, of_first, _ = coverage("plain", tables=40, shared=shared)
    logger.info("shared %.0f points: class %.3f, first %.3f", shared, of_class, of_first)
    assert of_class < LEVEL + 0.03
