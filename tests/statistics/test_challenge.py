"""How often a challenger is promoted: see docs/statistics.md."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from benchmarks.challenge import LEAST_FOUND, SIZES, WORLDS, promoted
from src.stats.challenge import LEAST_CLUSTERS, NOT_SHOWN, TOO_FEW, WORSE, compare

logger = logging.getLogger(__name__)


def test_a_challenger_that_is_as_good_is_seldom_promoted_and_a_much_better_one_is() -> None:
    numbers = WORLDS[0]
    assert promoted(numbers, 250, 0.0, 40) <= 0.1
    assert promoted(numbers, 1_000, -0.059, 20) >= 0.6


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize("n_rows", SIZES)
def test_rates_of_promotion(world, n_rows: int) -> None:
    rates = {worse: promoted(world, n_rows, worse, 400) for worse in (0.0, 0.02, -0.05)}
    logger.info("%s, %d outcomes: promoted %s", world.name, n_rows, rates)
    for worse, limit in world.limits.items():
        assert rates[worse] <= limit
    if world is WORLDS[0] and n_rows == 1_000:
        assert rates[-0.05] >= LEAST_FOUND


def test_a_few_classes_cannot_tell_however_many_pupils_they_have() -> None:
    classes = np.arange(500) % (LEAST_CLUSTERS - 1)
    found = compare(np.full(500, 2.0), np.full(500, 1.0), classes)
    assert (found.verdict, found.n_clusters) == (TOO_FEW, LEAST_CLUSTERS - 1)


def test_what_one_class_gains_is_no_gain_beyond_chance() -> None:
    champion, challenger = np.full(200, 4.0), np.full(200, 4.0)
    classes = np.arange(200) // 20
    challenger[classes == 3] = 0.0
    assert compare(champion, challenger, classes).verdict == NOT_SHOWN
    assert compare(champion, challenger).p_value < 0.001  # as if pupils were independent


def test_a_challenger_that_is_worse_is_called_so() -> None:
    random = np.random.default_rng(0)
    champion = random.chisquare(1, 400)
    found = compare(champion, champion + 0.2 + 0.1 * random.normal(size=400))
    assert found.verdict == WORSE
    assert found.gain.high < 0


def test_the_same_predictions_are_neither_better_nor_worse() -> None:
    losses = np.arange(30.0)
    found = compare(losses, losses, np.arange(30) // 3)
    assert (found.verdict, found.p_value, found.gain.value) == (NOT_SHOWN, 1.0, 0.0)
