from __future__ import annotations

import numpy as np
import pytest

from src.components.model_chances import ModelChances, conformal_limit, observed_range
from src.stats.class_scores import log_losses
from src.stats.intervals import wilson_interval


def drawn(n: int, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return classes and their true probabilities."""
    random = np.random.default_rng(seed)
    scores = 1.5 * random.normal(size=(n, n_classes))
    true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return (true.cumsum(axis=1) < random.random((n, 1))).sum(axis=1), true


def powered(true: np.ndarray, power: float) -> np.ndarray:
    return true**power / (true**power).sum(axis=1, keepdims=True)


def test_a_model_that_is_right_is_left_alone() -> None:
    truth, true = drawn(2_000, 3)
    assert ModelChances().run(truth, true).method == "none"


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_model_that_is_too_sure_gets_a_temperature(n_classes: int) -> None:
    truth, true = drawn(2_000, n_classes)
    made = ModelChances().run(truth, powered(true, 2.0))
    assert made.method in ("temperature", "platt")
    assert made.slope == pytest.approx(0.5, abs=0.08)
    assert made.calibrated_of_each(powered(true, 2.0)) == pytest.approx(true, abs=0.06)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_odds_that_are_shifted_are_shifted_back(n_classes: int) -> None:
    truth, true = drawn(800, n_classes)
    raw = true * np.array([1.0, 4.0, 1.0])[:n_classes]
    raw /= raw.sum(axis=1, keepdims=True)
    made = ModelChances().run(truth, raw)
    assert made.method == "platt"
    assert made.biases[1] - made.biases[0] == pytest.approx(-np.log(4), abs=0.3)


@pytest.mark.parametrize(("n", "methods"), [(3_000, ("isotonic",)), (900, ("none", "platt"))])
def test_a_curve_is_learnt_where_rows_are_many(n: int, methods: tuple[str, ...]) -> None:
    random = np.random.default_rng(1)
    x = random.random(n)
    bent = np.where(x < 0.5, 0.1, np.where(x < 0.8, 0.5, 0.55))
    truth = (random.random(n) < bent).astype(np.int64)
    made = ModelChances().run(truth, np.column_stack([1 - x, x]))
    assert (made.method == "isotonic") == (methods == ("isotonic",))
    if made.method == "isotonic":
        chances = made.calibrated_of_each(np.column_stack([1 - x, x]))[:, 1]
        assert np.abs(chances - bent).mean() < 0.05


def test_few_rows_or_groups_are_not_calibrated() -> None:
    truth, true = drawn(400, 2)
    raw = powered(true, 3.0)
    assert ModelChances().run(truth[:40], raw[:40]).method == "none"
    assert ModelChances().run(truth, raw, clusters=np.arange(400) % 4).method == "none"
    assert ModelChances().run(truth, raw, clusters=np.arange(400) % 40).method != "none"


def test_the_same_seed_gives_the_same_chances() -> None:
    truth, true = drawn(300, 3)
    runs = [ModelChances(7).run(truth, true, event=frozenset({0})) for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_new_row_exceeds_the_limit_as_often_as_the_level_says() -> None:
    scores = np.arange(1.0, 20.0)  # 19: a new one is as likely to be in each of 20 places
    assert conformal_limit(scores, 0.9) == 18
    assert conformal_limit(scores, 0.95) == 19
    assert conformal_limit(scores[:-1], 0.95) == 1.0


def test_a_rare_class_is_held_as_often_as_the_others() -> None:
    random = np.random.default_rng(3)
    fresh = 40_000
    rare = (random.random(fresh + 3_000) < 0.1).astype(np.int64)
    signal = rare + random.normal(0, 0.9, len(rare))
    odds = 1 / 9 * np.exp((signal - 0.5) / 0.81)
    chance = odds / (1 + odds)
    true = np.column_stack([1 - chance, chance])
    made = ModelChances().run(rare[fresh:], true[fresh:])
    chances, y = made.calibrated_of_each(true[:fresh]), rare[:fresh]
    inside = made.members_of_each(chances, "0.9")[np.arange(fresh), y]
    assert inside[y == 1].mean() == pytest.approx(0.9, abs=0.04)
    assert (chances.argmax(axis=1) == y)[y == 1].mean() < 0.3
    assert inside[y == 0].mean() >= 0.9  # nearly always the most likely one


def test_sets_of_an_ordered_target_with_a_rare_end_keep_their_promise_without_gaps() -> None:
    random = np.random.default_rng(4)
    eta = 1.5 * random.normal(size=30_000)
    up_to = 1 / (1 + np.exp(-(np.array([-3.0, -0.5, 1.5]) - eta[:, None])))
    true = np.diff(up_to, axis=1, prepend=0, append=1)
    truth = (up_to < random.random((len(eta), 1))).sum(axis=1)
    made = ModelChances().run(truth[:2_000], true[:2_000], ordered=True)
    chances, y = made.calibrated_of_each(true[2_000:]), truth[2_000:]
    for level, limits in made.thresholds.items():
        assert limits[0] > limits[1] == limits[2] == limits[3]
        sets = made.sets_of_each(chances, level)
        assert all(max(one) - min(one) == len(one) - 1 for one in sets)
        inside = made.members_of_each(chances, level)[np.arange(len(y)), y]
        assert inside.mean() == pytest.approx(float(level), abs=0.02)
        assert inside[y == 0].mean() == pytest.approx(float(level), abs=0.05)


def test_a_range_is_wilsons_interval_of_the_tenth_of_the_rows_around_its_step() -> None:
    made = observed_range(np.arange(1_000) / 1_000, np.arange(1_000) >= 500)
    around = {0: (0, 100), 45: (10, 110), 50: (60, 110), 54: (100, 110), 99: (100, 100)}
    for step, (n_hits, n) in around.items():
        found = wilson_interval(n_hits, n)
        assert made.of(step / 100) == (found.low, found.high)


def test_ends_of_ranges_rise_where_shares_fall() -> None:
    chance = np.arange(600) / 600
    made = observed_range(chance, chance < 0.3)
    assert list(made.low) == sorted(made.low)
    assert list(made.high) == sorted(made.high)
    assert made.low[0] == 0.0
    assert made.high[-1] == 1.0


def test_equal_chances_have_the_range_of_all_their_rows() -> None:
    chance, happened = np.repeat([0.2, 0.6], [300, 700]), np.arange(1_000) % 5 == 0
    made = observed_range(chance, happened)
    few, many = wilson_interval(60, 300), wilson_interval(140, 700)
    assert made.of(0.2) == pytest.approx((few.low, few.high))
    assert made.of(0.6) == pytest.approx((many.low, few.high))


def test_the_order_of_equal_chances_says_nothing() -> None:
    chance = np.repeat([0.1, 0.5, 0.9], [400, 50, 550])
    first, last = np.zeros((2, 1_000), dtype=bool)
    first[:40], last[360:400] = True, True
    found = [observed_range(chance, one).of(0.5) for one in (first, last)]
    assert found[0] == found[1]


def test_few_rows_have_one_wide_range() -> None:
    made = observed_range(np.arange(40) / 40, np.arange(40) % 2 == 0)
    found = wilson_interval(20, 40)
    assert set(made.low) == {found.low}
    assert set(made.high) == {found.high}


def test_no_step_of_a_range_holds_fewer_than_ten_rows() -> None:
    random = np.random.default_rng(2)
    for n in (50, 119, 300, 2_000):
        chance = np.round(random.random(n), 1 + n % 2)
        made = observed_range(chance, random.random(n) < chance)
        assert np.bincount(np.searchsorted(made.at, chance, side="right")).min() >= 10


def test_clusters_widen_a_range() -> None:
    random = np.random.default_rng(5)
    schools = np.arange(2_000) % 25
    true = 1 / (1 + np.exp(-random.normal(size=25)[schools]))
    happened, chance = random.random(2_000) < true, random.random(2_000)

    def width(clusters: np.ndarray | None) -> float:
        made = observed_range(chance, happened, clusters)
        return float(np.mean(np.subtract(made.high, made.low)))

    assert width(schools) > 1.2 * width(None)
    assert width(np.zeros(2_000, dtype=np.intp)) > 0.75


def test_a_range_has_at_most_a_hundred_steps_and_holds_most_true_chances() -> None:
    truth, true = drawn(4_000, 2)
    made = observed_range(true[:, 1], truth == 1)
    assert len(made.low) <= 100
    low, high = np.transpose([made.of(one) for one in true[:, 1].tolist()])
    assert 0.06 < np.mean(high - low) < 0.12
    assert np.mean((low <= true[:, 1]) & (true[:, 1] <= high)) > 0.8


def test_without_an_event_there_is_no_range() -> None:
    truth, true = drawn(200, 3)
    assert ModelChances().run(truth, true).event_range is None
    made = ModelChances().run(truth, true, event=frozenset({0, 2}))
    assert made.event == (0, 2)
    for row in made.calibrated_of_each(true).tolist():
        low, high = made.chance_range(row) or (1.0, 0.0)
        assert low <= high


def test_calibration_lowers_the_loss_of_fresh_rows() -> None:
    truth, true = drawn(3_000, 2, seed=8)
    raw = powered(true, 2.5)
    made = ModelChances().run(truth[:1_000], raw[:1_000])
    after = made.calibrated_of_each(raw[1_000:])
    assert log_losses(truth[1_000:], after).mean() < log_losses(truth[1_000:], raw[1_000:]).mean()
