from __future__ import annotations

import numpy as np
import pytest
from mapie.regression import CrossConformalRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict

from src.components.model_intervals import LEVELS, ModelIntervals, fit_scale


def residuals(n: int, seed: int = 0, spread: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return truths and predictions; with `spread`, errors grow with the prediction."""
    random = np.random.default_rng(seed)
    predicted = random.uniform(20, 90, n)
    scale = np.where(predicted > 55, 12.0, 2.0) if spread else 5.0
    return predicted + random.normal(0, 1, n) * scale, predicted


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("spread", [False, True])
def test_fresh_rows_are_covered_as_often_as_the_level_says(level: float, spread: bool) -> None:
    made = ModelIntervals().run(*residuals(2_000, seed=1, spread=spread))
    truth, predicted = residuals(5_000, seed=2, spread=spread)
    ends = [made.interval(p, level, None, None) for p in predicted]
    covered = np.mean([low <= y <= high for y, (low, high) in zip(truth, ends, strict=True)])
    assert covered == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize("n", [20, 60, 150])
@pytest.mark.parametrize("spread", [False, True])
def test_few_residuals_cover_as_often_on_average(n: int, spread: bool) -> None:
    covered = []
    for seed in range(300):
        made = ModelIntervals().run(*residuals(n, seed, spread))
        truth, predicted = residuals(100, 1_000 + seed, spread)
        half = np.array([made.half_widths["0.9"] * made.scale_of(p) for p in predicted])
        covered.append(np.mean(np.abs(truth - predicted) <= half))
    assert np.mean(covered) == pytest.approx(0.9, abs=0.015)


def test_a_spread_that_varies_gives_each_region_its_own_width() -> None:
    made = ModelIntervals().run(*residuals(2_000, spread=True))
    narrow, wide = made.interval(30, 0.9, None, None), made.interval(80, 0.9, None, None)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_a_constant_spread_needs_no_scale() -> None:
    assert ModelIntervals().run(*residuals(2_000)).scale == ()


def test_intervals_are_nested() -> None:
    made = ModelIntervals().run(*residuals(500))
    ends = [made.interval(60, level, None, None) for level in LEVELS]
    assert ends == sorted(ends, reverse=True)
    assert [high for _, high in ends] == sorted(high for _, high in ends)


def test_too_few_residuals_give_the_widest_interval_and_not_an_endless_one() -> None:
    truth, predicted = residuals(10)
    half = ModelIntervals().run(truth, predicted).half_widths["0.95"]
    assert half == np.abs(truth - predicted).max()


@pytest.mark.parametrize("spread", [False, True])
def test_the_chance_of_a_score_below_a_mark_is_calibrated(spread: bool) -> None:
    made = ModelIntervals().run(*residuals(2_000, seed=1, spread=spread))
    truth, predicted = residuals(5_000, seed=2, spread=spread)
    chance = np.array([made.probability_below(50, p) for p in predicted])
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chosen = (chance >= low) & (chance <= low + 0.2)
        assert (truth[chosen] < 50).mean() == pytest.approx(chance[chosen].mean(), abs=0.06)


def test_the_chance_is_no_nearer_to_certainty_than_the_residuals_allow() -> None:
    made = ModelIntervals().run(*residuals(500))
    chances = [made.probability_below(mark, 60) for mark in range(0, 121, 5)]
    assert chances == sorted(chances)
    assert (chances[0], chances[-1]) == (1 / 501, 500 / 501)


def test_equal_predictions_give_a_scale_that_can_be_read() -> None:
    at, scale = fit_scale(np.ones(100), np.full(100, 7.0), 5)
    assert at.tolist() == [7.0]
    assert scale == pytest.approx([1.0])
    constant = ModelIntervals().run(np.arange(100.0), np.full(100, 50.0))
    assert constant.interval(50, 0.9, None, None)[0] < 50


def test_a_library_for_conformal_intervals_finds_the_same_half_widths() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(237, 3))
    y = X @ [3.0, 1.0, -2.0] + random.normal(0, 5, 237)
    folds = KFold(5, shuffle=True, random_state=1)
    theirs = CrossConformalRegressor(
        Ridge(), confidence_level=list(LEVELS), method="base", cv=folds
    ).fit_conformalize(X, y)
    _, ends = theirs.predict_interval(X[:1])
    ours = ModelIntervals().run(y, cross_val_predict(Ridge(), X, y, cv=folds))
    assert list(ours.half_widths.values()) == pytest.approx((ends[0, 1] - ends[0, 0]) / 2)


def test_perfect_predictions_give_intervals_of_no_width() -> None:
    y = np.arange(200.0)
    assert ModelIntervals().run(y, y).interval(5, 0.9, None, None) == (5, 5)


def test_the_same_seed_gives_the_same_numbers() -> None:
    held = residuals(300, spread=True)
    assert ModelIntervals(random_state=3).run(*held) == ModelIntervals(random_state=3).run(*held)
