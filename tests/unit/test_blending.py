from __future__ import annotations

import numpy as np
import pytest

from src.blending import cross_blend, greedy_weights

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.normal(50, 10, 300)
GOOD, OTHER = (TRUTH + RANDOM.normal(0, 5, 300) for _ in range(2))
POOR = TRUTH + RANDOM.normal(0, 30, 300)


def test_two_equal_members_with_separate_errors_share_the_weight() -> None:
    weights = greedy_weights(np.array([GOOD, OTHER]), TRUTH, steps=40)
    assert weights == pytest.approx([0.5, 0.5], abs=0.1)
    assert weights.sum() == pytest.approx(1)


def test_a_poor_member_gets_next_to_nothing() -> None:
    weights = greedy_weights(np.array([GOOD, POOR]), TRUTH, steps=40)
    assert weights[1] < 0.1


def test_the_greedy_weights_are_near_the_least_squares_ones() -> None:
    matrix = np.array([GOOD, OTHER, POOR])
    weights = greedy_weights(matrix, TRUTH, steps=200)
    grid = [(a, b, 1 - a - b) for a in np.linspace(0, 1, 51) for b in np.linspace(0, 1 - a, 51)]
    best = min(np.mean((np.array(w) @ matrix - TRUTH) ** 2) for w in grid)
    assert np.mean((weights @ matrix - TRUTH) ** 2) <= best * 1.01


def test_the_out_of_fold_blend_does_not_see_its_own_fold() -> None:
    tests = np.array_split(np.arange(300), 3)
    members = {"good": GOOD, "other": OTHER}
    _, before = cross_blend(members, TRUTH, tests, steps=20)
    changed = TRUTH.copy()
    changed[tests[0]] += RANDOM.normal(0, 50, len(tests[0]))
    _, after = cross_blend(members, changed, tests, steps=20)
    assert np.array_equal(before[tests[0]], after[tests[0]])


def test_members_without_a_share_are_left_out() -> None:
    tests = np.array_split(np.arange(300), 3)
    weights, predicted = cross_blend({"truth": TRUTH, "poor": POOR}, TRUTH, tests, steps=10)
    assert weights == {"truth": 1.0}
    assert np.allclose(predicted, TRUTH)
