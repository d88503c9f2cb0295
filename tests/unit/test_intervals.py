from __future__ import annotations

import json

import numpy as np
import pytest

from src.components.model_intervals import LEVELS, ModelIntervals, fit_scale
from src.exception import ArtifactError
from src.intervals import PredictionIntervals, conformal_rank


def residuals(n: int, seed: int = 0, spread: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return truths and predictions; with `spread`, errors grow with the prediction."""
    random = np.random.default_rng(seed)
    predicted = random.uniform(20, 90, n)
    scale = np.where(predicted > 55, 12.0, 2.0) if spread else 5.0
    return predicted + random.normal(0, 1, n) * scale, predicted


def test_json_and_back_is_the_same() -> None:
    for spread in (False, True):
        made = ModelIntervals().run(*residuals(600, spread=spread))
        assert PredictionIntervals.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_damaged_values_are_a_named_error() -> None:
    with pytest.raises(ArtifactError, match=r"intervals\.json is damaged"):
        PredictionIntervals.from_dict({"half_width": {}})


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("spread", [False, True])
def test_fresh_rows_are_covered_as_often_as_the_level_says(level: float, spread: bool) -> None:
    made = ModelIntervals().run(*residuals(2_000, seed=1, spread=spread))
    truth, predicted = residuals(5_000, seed=2, spread=spread)
    ends = [made.interval(p, level, None, None) for p in predicted]
    covered = np.mean([low <= y <= high for y, (low, high) in zip(truth, ends, strict=True)])
    assert covered == pytest.approx(level, abs=0.02)


def test_a_spread_that_varies_gives_each_region_its_own_width() -> None:
    made = ModelIntervals().run(*residuals(2_000, spread=True))
    narrow, wide = made.interval(30, 0.9, None, None), made.interval(80, 0.9, None, None)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_a_constant_spread_needs_no_scale() -> None:
    assert ModelIntervals().run(*residuals(2_000)).scale == ()


def test_intervals_are_nested_and_clipped_to_the_allowed_range() -> None:
    made = ModelIntervals().run(*residuals(500))
    ends = [made.interval(97, level, 0, 100) for level in LEVELS]
    assert ends == sorted(ends, reverse=True)
    assert {high for _, high in ends} == {100}
    assert made.interval(-40, 0.8, 0, 100) == (0, 0)


def test_too_few_residuals_give_the_widest_interval_and_not_an_endless_one() -> None:
    assert conformal_rank(10, 0.95) is None
    truth, predicted = residuals(10)
    half = ModelIntervals().run(truth, predicted).half_widths["0.95"]
    assert half == np.abs(truth - predicted).max()


def test_the_chance_of_a_score_below_a_mark_is_calibrated() -> None:
    made = ModelIntervals().run(*residuals(2_000, seed=1))
    truth, predicted = residuals(5_000, seed=2)
    chance = np.array([made.probability_below(50, p) for p in predicted])
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chosen = (chance >= low) & (chance <= low + 0.2)
        assert (truth[chosen] < 50).mean() == pytest.approx(chance[chosen].mean(), abs=0.06)


def test_the_chance_rises_with_the_mark_from_0_to_1() -> None:
    made = ModelIntervals().run(*residuals(500))
    chances = [made.probability_below(mark, 60) for mark in range(0, 121, 5)]
    assert chances == sorted(chances)
    assert (chances[0], chances[-1]) == (0, 1)


def test_equal_predictions_give_a_scale_that_can_be_read() -> None:
    at, scale = fit_scale(np.ones(100), np.full(100, 7.0), 5)
    assert at.tolist() == [7.0]
    assert scale == pytest.approx([1.0])
    constant = ModelIntervals().run(np.arange(100.0), np.full(100, 50.0))
    assert constant.interval(50, 0.9, None, None)[0] < 50


def test_perfect_predictions_give_intervals_of_no_width() -> None:
    y = np.arange(200.0)
    assert ModelIntervals().run(y, y).interval(5, 0.9, None, None) == (5, 5)
