from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from src.stats.permutation_test import compare_groups, normal_from_t, noticeable_difference


def made_groups(random: np.random.Generator, n: int) -> list[np.ndarray]:
    """Return groups of two features and their pairs, as those of sensitive features overlap."""
    one, other = random.integers(2, size=n), random.integers(4, size=n)
    codes = (one, other, one * 4 + other)
    return [np.flatnonzero(code == value) for code in codes for value in np.unique(code)]


def smallest(errors: np.ndarray, groups: list[np.ndarray], seed: int) -> tuple[float, float]:
    """Return the smallest p-values of mean error and of MAE."""
    found = compare_groups(errors, groups, 200, np.random.default_rng(seed)).p_values
    return min(one["mean_error"] for one in found), min(one["mae"] for one in found)


@pytest.mark.parametrize("kind", ["normal", "skewed", "whole numbers"])
def test_fair_errors_raise_at_most_the_allowed_share_of_false_alarms(kind: str) -> None:
    alarms = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        errors = {
            "normal": random.normal(0, 5, 120),
            "skewed": random.exponential(5, 120) ** 1.3,
            "whole numbers": random.normal(0, 1, 120).round(),
        }[kind]
        alarms += min(smallest(errors, made_groups(random, 120), seed)) <= 0.05
    # Of 400 fair cases 20 may be told apart; 33 would be three standard errors more.
    assert alarms <= 33


def test_groups_that_only_spread_more_are_not_said_to_be_predicted_too_low_or_high() -> None:
    mean_errors = sizes = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        groups = made_groups(random, 120)
        errors = random.normal(0, 4, 120)
        errors[groups[2]] *= 3
        mean_error, mae = smallest(errors, groups, seed)
        mean_errors += mean_error <= 0.05
        sizes += mae <= 0.05
    assert mean_errors <= 26
    assert sizes >= 270


def test_a_group_that_is_predicted_too_low_is_found_and_so_are_the_others_by_being_right() -> None:
    random = np.random.default_rng(4)
    groups = made_groups(random, 200)
    errors = random.normal(0, 5, 200)
    errors[groups[1]] -= 4
    p_values, critical, _ = compare_groups(errors, groups, 999, np.random.default_rng(0))
    assert p_values[0]["mean_error"] == p_values[1]["mean_error"] == pytest.approx(1 / 1000)
    alone = compare_groups(errors, groups[:1], 999, np.random.default_rng(0))
    assert critical > alone.critical > 1.9  # the more is compared, the larger chance's largest


def test_the_same_seed_gives_the_same_p_values() -> None:
    groups = made_groups(np.random.default_rng(0), 60)
    errors = np.random.default_rng(1).normal(0, 1, 60)
    assert smallest(errors, groups, 3) == smallest(errors, groups, 3)


def test_a_model_without_errors_tells_no_group_apart() -> None:
    groups = made_groups(np.random.default_rng(0), 60)
    assert smallest(np.zeros(60), groups, 0) == (1, 1)
    assert compare_groups(np.zeros(5), [], 10, np.random.default_rng(0)).p_values == []


@pytest.mark.parametrize("freedom", [4.0, 9.0, 30.0])
def test_a_t_becomes_the_normal_variable_of_the_same_chance(freedom: float) -> None:
    t = np.array([-3.0, 0.0, 1.0, 2.5, 5.0])
    exact = stats.norm.isf(stats.t.sf(t, freedom))
    assert normal_from_t(t, np.full(5, freedom)) == pytest.approx(exact, abs=0.03)


def test_a_noticeable_difference_is_noticed_half_of_the_time() -> None:
    noticed = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        errors = random.normal(0, 5, 150)
        group = np.arange(40)
        one = compare_groups(errors, [group], 200, np.random.default_rng(seed))
        errors[group] += noticeable_difference(one.critical, 40, 150, 5)
        after = compare_groups(errors, [group], 200, np.random.default_rng(seed))
        noticed += after.p_values[0]["mean_error"] <= 0.05
    assert 0.35 < noticed / 200 < 0.65
