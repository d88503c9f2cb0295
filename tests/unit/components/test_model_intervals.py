from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from mapie.conformity_scores import AbsoluteConformityScore
from mapie.regression import CrossConformalRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict

from src.components.model_intervals import (
    LEVELS,
    ModelIntervals,
    features_that_set,
    heap_at_the_least,
)
from src.stats.conformal import PredictionIntervals
from tests.sampling import first


def residuals(n: int, seed: int = 0, spread: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return truths and predictions; with `spread`, errors grow with the prediction."""
    random = np.random.default_rng(seed)
    predicted = random.uniform(20, 90, n)
    scale = np.where(predicted > 55, 12.0, 2.0) if spread else 5.0
    return predicted + random.normal(0, 1, n) * scale, predicted


def coverage(
    made: PredictionIntervals, truth: np.ndarray, predicted: np.ndarray, level: float
) -> float:
    ends = np.array([made.interval(p, level, None, None) for p in predicted.tolist()])
    return float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])))


@pytest.mark.parametrize("level", first(1, sorted(LEVELS, key=lambda level: level != 0.9)))
@pytest.mark.parametrize("spread", first(1, [True, False]))
def test_fresh_rows_are_covered_as_often_as_the_level_says(level: float, spread: bool) -> None:
    made = ModelIntervals().run(*residuals(2_000, seed=1, spread=spread))
    fresh = residuals(2_000, seed=2, spread=spread)
    assert coverage(made, *fresh, level) == pytest.approx(level, abs=0.025)


@pytest.mark.parametrize("n", [20, 50])
def test_few_residuals_cover_as_often_on_average(n: int) -> None:
    covered = [
        coverage(ModelIntervals().run(*residuals(n, seed)), *residuals(100, 1_000 + seed), 0.9)
        for seed in range(300)
    ]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.01)


def test_a_spread_that_varies_gives_each_region_its_own_width() -> None:
    made = ModelIntervals().run(*residuals(800, spread=True))
    narrow, wide = made.interval(30, 0.9, None, None), made.interval(80, 0.9, None, None)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_errors_that_are_lopsided_give_intervals_that_are() -> None:
    random = np.random.default_rng(0)
    predicted = random.uniform(20, 90, 1_000)
    made = ModelIntervals().run(predicted + random.exponential(5, 1_000) - 5, predicted)
    low, high = made.interval(50, 0.9, None, None)
    assert high - 50 > 1.8 * (50 - low)


def test_a_feature_that_sets_the_spread_is_found_and_used() -> None:
    random = np.random.default_rng(0)
    predicted = random.uniform(20, 90, 600)
    X = pd.DataFrame({
        "noise": random.normal(size=600),
        "school": random.choice(["north", "south"], 600),
        "age": random.normal(15, 1, 600),
    })  # fmt: skip
    wide = (X["school"] == "south").to_numpy()
    errors = random.normal(0, 1, 600) * np.where(wide, 9.0, 3.0)
    made = ModelIntervals().run(predicted + errors, predicted, X)
    assert [*made.factors] == ["school"]
    widths = {}
    for school in ("north", "south"):
        low, high = made.interval(50, 0.9, None, None, {"school": school, "age": 15.0})
        widths[school] = high - low
    assert widths["south"] / widths["north"] == pytest.approx(3, rel=0.15)


def test_a_number_can_set_the_spread_and_so_can_its_absence() -> None:
    random = np.random.default_rng(1)
    absences = random.uniform(0, 30, 800)
    missing = random.uniform(size=800) < 0.2
    size = np.where(missing, 12.0, 1 + absences / 5)
    errors, predicted = random.normal(0, 1, 800) * size, random.uniform(20, 90, 800)
    X = pd.DataFrame({"absences": np.where(missing, np.nan, absences)})
    made = ModelIntervals().run(predicted + errors, predicted, X)
    found = [made.spread(50.0, {"absences": value}).scale for value in (1.0, 29.0, None)]
    assert found[1] / found[0] == pytest.approx(6.8 / 1.2, rel=0.35)
    assert found[2] / found[1] == pytest.approx(12 / 6.8, rel=0.35)


def test_noise_is_seldom_taken_for_a_feature_that_sets_the_spread() -> None:
    random = np.random.default_rng(2)
    found = [
        bool(features_that_set(np.abs(random.normal(size=200)), pd.DataFrame({
            "a": random.normal(size=200), "b": random.choice(["x", "y", "z"], 200)})))
        for _ in range(300)
    ]  # fmt: skip
    assert np.mean(found) <= 0.03  # 0.01 is meant; of 300, the limit is 3.5 standard errors off


def heap(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return truths, of which some are exactly 0, the more the lower the prediction."""
    random = np.random.default_rng(seed)
    middle = random.uniform(4, 16, n)
    chance = 1 / (1 + np.exp(0.6 * (middle - 6)))
    truth = np.where(random.uniform(size=n) < chance, 0, middle + random.normal(0, 1.5, n))
    return truth, middle * (1 - chance)


def test_a_heap_at_zero_has_its_own_chance() -> None:
    made = ModelIntervals().run(*heap(4_000, 0))
    assert made.lowest == 0
    truth, predicted = heap(8_000, 1)
    for low, high in ((0.0, 3.0), (3.0, 5.0), (5.0, 8.0), (8.0, 16.0)):
        rows = (predicted >= low) & (predicted < high)
        for mark in (0.5, 5.0, 9.0):
            chances = [made.probability_below(mark, p) for p in predicted[rows].tolist()]
            assert np.mean(chances) == pytest.approx(np.mean(truth[rows] < mark), abs=0.06)


def test_most_of_the_students_at_zero_lie_in_their_interval() -> None:
    made = ModelIntervals().run(*heap(1_000, 0))
    truth, predicted = heap(8_000, 1)
    zero = truth == 0
    assert coverage(made, truth, predicted, 0.9) == pytest.approx(0.9, abs=0.02)
    assert coverage(made, truth[zero], predicted[zero], 0.9) > 0.7


def test_a_heap_is_many_rows_with_the_same_score_at_an_end() -> None:
    spread = np.arange(1.0, 101.0)
    assert heap_at_the_least(np.append(spread, [0.0] * 10)) == 0
    assert heap_at_the_least(np.append(spread, [0.0] * 9)) is None
    assert heap_at_the_least(np.repeat(spread, 10)) is None
    assert heap_at_the_least(np.append(np.repeat(spread, 10), [0.0] * 15)) is None
    assert heap_at_the_least(np.repeat([0.0, 1.0], 20)) is None


def test_a_few_rows_beside_heaps_are_taken_with_them() -> None:
    """Their spread cannot be learnt, and in some folds there would be none of them."""
    truth = np.array([0.0] * 37 + [1.0, 2.0, 2.0])
    made = ModelIntervals().run(truth, np.full(40, truth.mean()))
    assert made.lowest is None
    ends = [made.interval(truth.mean(), level, 0, None) for level in (0.8, 0.95)]
    assert ends == [(0, 0), pytest.approx((0, 2), abs=0.1)]


def test_blank_answers_widen_the_range_as_they_do_for_each_row_of_many() -> None:
    made = ModelIntervals().run(*residuals(200))
    blanks = {"a": {"a": 2.0, "b": 2.5}, "b": {"a": 2.5, "b": 1.5}, "c": {"c": 3.0}}
    made = replace(made, blanks=blanks)
    rows = [dict(zip("abc", row, strict=True)) for row in product((1.0, None), repeat=3)]
    low, high = made.interval_of_each(np.full(8, 50.0), 0.9, None, None, pd.DataFrame(rows))
    one = [made.interval(50.0, 0.9, None, None, row) for row in rows]
    assert one == list(zip(low, high, strict=True))
    widths = high - low
    assert widths[rows.index({"a": None, "b": None, "c": 1.0})] == pytest.approx(2.5 * widths[0])
    assert widths[-1] == pytest.approx((1 + 3 + 1.25 + 8) ** 0.5 * widths[0])


def test_the_answer_that_narrows_the_range_most_is_named() -> None:
    blanks = {"a": {"a": 2.0, "b": 2.5}, "b": {"a": 2.5, "b": 1.5}, "c": {"c": 1.0}}
    made = replace(ModelIntervals().run(*residuals(200)), blanks=blanks)
    assert made.matters_most({"a": None, "b": None, "c": None}) is not None
    assert made.matters_most({"a": None, "b": None}) == ("a", pytest.approx(0.4))
    assert made.matters_most({"a": 1.0, "b": None}) == ("b", pytest.approx(1 / 3))
    assert made.matters_most({"a": 1.0, "b": 1.0, "c": None}) is None


def test_intervals_are_nested() -> None:
    made = ModelIntervals().run(*residuals(500))
    ends = [made.interval(60, level, None, None) for level in LEVELS]
    assert ends == sorted(ends, reverse=True)
    assert [high for _, high in ends] == sorted(high for _, high in ends)


def test_too_few_residuals_end_at_the_outermost_and_not_nowhere() -> None:
    truth, predicted = residuals(10)
    errors = truth - predicted
    ends = ModelIntervals().run(truth, predicted).interval(50, 0.95, None, None)
    assert ends == pytest.approx((50 + errors.min(), 50 + errors.max()))


@pytest.mark.parametrize("spread", [False, True])
def test_the_chance_of_a_score_below_a_mark_is_calibrated(spread: bool) -> None:
    made = ModelIntervals().run(*residuals(2_000, seed=1, spread=spread))
    truth, predicted = residuals(20_000, seed=2, spread=spread)
    chance = np.array([made.probability_below(50, p) for p in predicted.tolist()])
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chosen = (chance >= low) & (chance <= low + 0.2)
        assert (truth[chosen] < 50).mean() == pytest.approx(chance[chosen].mean(), abs=0.06)


def test_the_chance_is_no_nearer_to_certainty_than_the_residuals_allow() -> None:
    made = ModelIntervals().run(*residuals(500))
    chances = [made.probability_below(mark, 60) for mark in range(0, 121, 5)]
    assert chances == sorted(chances)
    assert (chances[0], chances[-1]) == (1 / 501, 500 / 501)


def test_equal_predictions_can_be_learnt_from() -> None:
    made = ModelIntervals().run(np.arange(100.0), np.full(100, 50.0))
    low, high = made.interval(50, 0.9, None, None)
    assert (low, high) == pytest.approx((4.05, 94.95), abs=1)


def test_a_library_for_conformal_intervals_finds_the_same_ends() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(47, 3))  # the ranks of all ends are whole numbers
    y = X @ [3.0, 1.0, -2.0] + random.normal(0, 5, 47)
    levels = (0.75, 0.875)
    folds = KFold(5, shuffle=True, random_state=1)
    theirs = CrossConformalRegressor(
        Ridge(), confidence_level=[*levels], method="base", cv=folds,
        conformity_score=AbsoluteConformityScore(sym=False),
    ).fit_conformalize(X, y)  # fmt: skip
    prediction, ends = theirs.predict_interval(X[:1])
    made = ModelIntervals(levels).run(y, cross_val_predict(Ridge(), X, y, cv=folds))
    ours = [made.interval(float(prediction[0]), level, None, None) for level in levels]
    assert np.array(ours) == pytest.approx(ends[0].T)


def test_perfect_predictions_give_intervals_of_no_width() -> None:
    y = np.arange(200.0)
    assert ModelIntervals().run(y, y).interval(5, 0.9, None, None) == (5, 5)


def test_a_better_model_than_the_residuals_come_from_gets_narrower_intervals() -> None:
    held = residuals(500)
    plain, better = (ModelIntervals().run(*held, ratio=ratio) for ratio in (1.0, 0.5))
    assert np.array(better.quantiles) == pytest.approx(np.array(plain.quantiles) / 2)


def test_the_same_seed_gives_the_same_numbers() -> None:
    held = residuals(300, spread=True)
    assert ModelIntervals(random_state=3).run(*held) == ModelIntervals(random_state=3).run(*held)
