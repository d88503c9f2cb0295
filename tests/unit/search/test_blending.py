from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from src.search.blending import (
    cross_blend,
    equal_weights,
    greedy_share_weights,
    greedy_weights,
)

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
    matrix = np.array([GOOD, OTHER])

    def blend(truth: np.ndarray) -> np.ndarray:
        def weigh(folds: Sequence[int]) -> np.ndarray:
            rows = np.concatenate([tests[fold] for fold in folds])
            return greedy_weights(matrix[:, rows], truth[rows], steps=20)

        return cross_blend(matrix, tests, weigh)[1]

    changed = TRUTH.copy()
    changed[tests[0]] += RANDOM.normal(0, 50, len(tests[0]))
    before, after = blend(TRUTH), blend(changed)
    assert np.array_equal(before[tests[0]], after[tests[0]])
    assert not np.array_equal(before[tests[1]], after[tests[1]])


def test_the_weights_that_are_kept_are_learnt_on_all_folds() -> None:
    asked = []

    def weigh(folds: Sequence[int]) -> np.ndarray:
        asked.append([*folds])
        return np.array([1.0, 0.0])

    weights, predicted = cross_blend(
        np.array([GOOD, POOR]), np.array_split(np.arange(300), 3), weigh
    )
    assert asked == [[1, 2], [0, 2], [0, 1], [0, 1, 2]]
    assert weights.tolist() == [1, 0]
    assert np.array_equal(predicted, GOOD)


def test_equal_weights_go_to_what_is_as_good_as_the_best() -> None:
    weights = equal_weights(np.array([0.8795, 0.7, 0.88, 0.8785]), within=0.001)
    assert weights.tolist() == [0.5, 0, 0.5, 0]


def test_chances_that_err_apart_share_the_weight_and_a_poor_one_gets_none() -> None:
    happened = RANDOM.random(600) < 0.5
    logits = np.where(happened, 1.0, -1.0) + RANDOM.normal(0, 1.5, (2, 600))
    chances = 1 / (1 + np.exp(-logits))
    poor = RANDOM.random(600)
    of_truth = np.where(happened, [*chances, poor], 1 - np.array([*chances, poor]))
    weights = greedy_share_weights(of_truth, steps=40)
    assert weights.sum() == pytest.approx(1)
    assert weights[:2] == pytest.approx([0.5, 0.5], abs=0.15)
    assert weights[2] == 0


def test_the_weights_of_chances_are_near_the_likeliest_ones() -> None:
    of_truth = RANDOM.beta(2, 1, (3, 400))
    weights = greedy_share_weights(of_truth, steps=200)
    grid = [(a, b, 1 - a - b) for a in np.linspace(0, 1, 41) for b in np.linspace(0, 1 - a, 41)]
    least = min(-np.log(np.array(w) @ of_truth).mean() for w in grid)
    assert -np.log(weights @ of_truth).mean() <= least + 5e-4
