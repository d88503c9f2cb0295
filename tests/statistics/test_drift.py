"""Classes beside those that trained, looks of a term, and errors before outcomes are known."""

from __future__ import annotations

import itertools
import logging

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.expected_errors import estimate
from src.stats.class_drift import ClassSpread, compare, normal_scores, permutation_p_value
from src.stats.expected_loss import LossModel
from src.stats.spent_alpha import Looks, nominal_levels, spent_share

logger = logging.getLogger(__name__)
FIRST_SEED = 230_000
WITHIN, BETWEEN = 10.0, 4.0  # standard deviations of pupils, and of true means of classes
SIZE = 19


def some_classes(n_classes: int, random: np.random.Generator):
    codes = np.repeat(np.arange(n_classes), SIZE)
    return BETWEEN * random.normal(size=n_classes)[codes] + WITHIN * random.normal(
        size=len(codes)
    ), codes


def means_of(values, codes):
    return np.bincount(codes, values) / SIZE, np.full(codes.max() + 1, SIZE)


def found_share(n_draws: int, n_classes: int, shift: float, n_reference: int = 315) -> float:
    """Return how often one look at one number finds a shift, in deviations of class means."""
    random = np.random.default_rng(FIRST_SEED)
    by = shift * float(np.hypot(BETWEEN, WITHIN / SIZE**0.5))
    found = 0
    for _ in range(n_draws):
        spread = ClassSpread.of(*some_classes(n_reference, random))
        values, codes = some_classes(n_classes, random)
        assert spread is not None
        found += compare(spread, *means_of(values + by, codes)).p_value <= 0.05
    return found / n_draws


@pytest.mark.parametrize(("n", "k"), [(12, 4), (13, 5), (10, 5)])
def test_the_p_value_is_that_of_all_choices(n: int, k: int) -> None:
    random = np.random.default_rng(n)
    scores = normal_scores(random.normal(size=n).round(1))
    chosen = np.isin(np.arange(n), np.argsort(scores)[-k:])
    chosen[np.argsort(scores)[[-k, -k - 1]]] = False, True
    sums = np.array([scores[list(one)].sum() for one in itertools.combinations(range(n), k)])
    expected = 2 * (sums >= scores[chosen].sum() - 1e-9).mean()
    assert permutation_p_value(scores, chosen) == pytest.approx(expected, rel=0.15)


def test_all_looks_together_cross_their_limits_as_often_as_they_may() -> None:
    spent = [spent_share(week / 12) for week in range(1, 13)]
    information = [1 / (1 / (6 * week) + 1 / 100) for week in range(1, 13)]
    limits = nominal_levels(spent, information, 0.05)
    assert len(set(np.sign(limits))) == 1

    random = np.random.default_rng(FIRST_SEED)
    steps = np.sqrt(np.diff(np.concatenate([[0.0], information])))
    sums = np.cumsum(steps * random.normal(size=(40_000, 12)), axis=1) / np.sqrt(information)
    crossed = (2 * norm.sf(np.abs(sums)) <= limits).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=0.005)
    looks = Looks(tuple(spent), tuple(information))
    assert looks.sequential(limits[-1]) == pytest.approx(0.05, rel=0.03)
    assert looks.nominal(0.05) == pytest.approx(limits[-1], rel=0.03)


def test_five_classes_are_no_alarm_and_a_large_shift_of_them_is_found() -> None:
    assert found_share(150, 5, 0.0, n_reference=100) <= 0.1
    assert found_share(40, 5, 1.9, n_reference=100) >= 0.8


def test_the_loss_of_those_who_come_is_estimated_within_its_range() -> None:
    random = np.random.default_rng(FIRST_SEED)

    def draw(n: int, moved: float):
        x = random.normal(size=(n, 2)) + np.array([moved, 0.0])
        return x, (np.exp(0.3 * x[:, 0]) * random.normal(size=n)) ** 2

    model = LossModel.fit(*draw(2000, 0.0))
    later, losses = draw(20_000, 0.8)
    found = model.mean_of(later)
    assert found.low < losses.mean() < found.high
    assert found.value == pytest.approx(losses.mean(), rel=0.2)
    assert found.value > 1.3 * model.usual


@pytest.mark.slow
def test_rates_of_one_look() -> None:
    logger.info("without a shift: found in %.3f", found_share(400, 35, 0.0))
    for n_classes, shift in ((5, 1.3), (35, 0.5)):
        share = found_share(400, n_classes, shift)
        logger.info("%d classes, %.1f deviations: found in %.3f", n_classes, shift, share)
        assert share >= 0.75


@pytest.mark.slow
def test_expected_errors_are_near_the_true_ones_under_shifts() -> None:
    found = [estimate(FIRST_SEED + i) for i in range(200)]
    near = np.mean([abs(one.estimated / one.true - 1) <= 0.1 for one in found])
    logger.info("within a tenth of the true error: %.3f", near)
    assert near >= 0.9
