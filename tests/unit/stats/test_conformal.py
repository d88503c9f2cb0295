from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.exception import ArtifactError
from src.stats.conformal import Curve, Factor, PredictionIntervals

# 99 residuals, evenly from -20 to 20.
EVEN = PredictionIntervals((0.8, 0.9), tuple(np.linspace(-20, 20, 101).tolist()), 99)
VARYING = PredictionIntervals(
    (0.8, 0.9), (-3.0, 0.0, 3.0), 49, scale=Curve((0.0, 100.0), (10.0, 2.0)),
    centre=Curve((0.0, 100.0), (0.0, 5.0)),
    factors={
        "school": Factor({"north": 1.0, "south": 2.0}, missing=3.0),
        "age": Factor(curve=Curve((10.0, 20.0), (1.0, 2.0)), missing=1.5),
    },
)  # fmt: skip
HEAPS = PredictionIntervals(
    (0.8, 0.9), tuple(np.linspace(-20, 20, 101).tolist()), 99,
    lowest=0.0, at_lowest=Curve((20.0, 60.0), (0.95, 0.0)),
    highest=100.0, at_highest=Curve((60.0, 100.0), (0.0, 0.5)),
)  # fmt: skip
ALL = [EVEN, VARYING, HEAPS]


@pytest.mark.parametrize("made", ALL)
def test_json_and_back_is_the_same(made: PredictionIntervals) -> None:
    assert PredictionIntervals.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_what_older_runs_saved_can_be_read() -> None:
    made = PredictionIntervals.from_dict({
        "half_widths": {"0.8": 1.5, "0.9": 2.0}, "quantiles": [-3.0, 0.0, 3.0], "n_samples": 49,
        "scale_at": [0.0, 100.0], "scale": [10.0, 2.0],
    })  # fmt: skip
    assert made.levels == (0.8, 0.9)
    assert made.spread(50.0).scale == 6
    assert made.interval(50, 0.9, None, None) == pytest.approx((50 - 6 * 2.8125, 50 + 6 * 2.8125))
    plain = {"half_widths": {"0.9": 18.0}, "quantiles": [-20.0, 20.0], "n_samples": 99}
    assert PredictionIntervals.from_dict(plain).interval(50, 0.9, 0, 100)[0] > 30


def test_damaged_values_are_a_named_error() -> None:
    with pytest.raises(ArtifactError, match=r"intervals\.json is damaged"):
        PredictionIntervals.from_dict({"half_width": {}})


def test_the_spread_is_that_of_the_prediction_and_of_the_features() -> None:
    assert VARYING.spread(50.0)[:2] == (52.5, 6.0)
    assert VARYING.spread(1_000.0, {"school": "south"})[:2] == (1_005.0, 4.0)
    assert VARYING.spread(0.0, {"school": None, "age": 15.0}).scale == 45
    assert VARYING.spread(0.0, {"school": "new", "age": float("nan")}).scale == 15


def test_an_interval_leaves_out_equal_shares_on_both_sides() -> None:
    # Of 99 residuals the fifth is exceeded by 95 in 100.
    assert EVEN.interval(50, 0.9, None, None) == pytest.approx((50 - 18.367, 50 + 18.367), abs=0.01)


def test_intervals_are_clipped_to_the_allowed_range() -> None:
    assert EVEN.interval(75, 0.9, 0, 90)[1] == 90
    assert EVEN.interval(-40, 0.9, 0, 100) == (0, 0)
    assert EVEN.interval(140, 0.9, 0, 100) == (100, 100)


def test_what_is_cut_off_at_one_end_is_left_out_at_the_other() -> None:
    # Ten of a hundred would lie below 0 and are at 0: the interval may leave out ten more above.
    low, high = EVEN.interval(16.33, 0.9, 0, 100)
    assert low == 0
    assert EVEN.probability_below(high, 16.33) == pytest.approx(0.9, abs=0.005)
    low, high = EVEN.interval(85, 0.9, 0, 100)
    assert high == 100
    assert EVEN.probability_below(low, 85) == pytest.approx(0.1, abs=0.005)


def test_a_heap_that_is_likely_lies_in_the_interval() -> None:
    assert HEAPS.interval(20, 0.9, 0, 100) == (0, 0)
    low, high = HEAPS.interval(40, 0.9, 0, 100)  # 0 has a chance of 0.475
    assert low == 0
    assert HEAPS.probability_below(high, 40) == pytest.approx(0.9, abs=0.01)
    assert HEAPS.interval(60, 0.9, 0, 100) == EVEN.interval(60, 0.9, 0, 100)


def test_chances_jump_at_a_heap() -> None:
    assert HEAPS.probability_below(0, 40) == 1 / 100
    assert HEAPS.probability_below(0.01, 40) == pytest.approx(0.475)
    assert HEAPS.probability_below(100, 100) == pytest.approx(0.25, abs=0.01)
    assert HEAPS.probability_below(101, 100) == 99 / 100


def test_lopsided_residuals_give_lopsided_intervals() -> None:
    made = PredictionIntervals((0.8,), (-1.0, 0.0, 9.0), 99)
    low, high = made.interval(50, 0.8, None, None)
    assert high - 50 > 5 * (50 - low)


def test_an_interval_holds_the_prediction_itself_where_the_model_is_always_too_high() -> None:
    made = PredictionIntervals((0.8,), (-9.0, -5.0, -3.0), 99)
    low, high = made.interval(50.0, 0.8, 0.0, 100.0)
    assert low < 45 < high == 50.0
    only_heap = PredictionIntervals(
        (0.8,), (-1.0, 1.0), 99, lowest=0.0, at_lowest=Curve((0.0,), (0.95,))
    )
    assert only_heap.interval(3.0, 0.8, 0.0, 100.0) == (0.0, 0.0)


def test_a_level_that_was_not_learnt_is_refused() -> None:
    with pytest.raises(KeyError):
        EVEN.interval(50, 0.5, None, None)


def test_the_chance_at_the_middle_is_one_half() -> None:
    assert EVEN.probability_below(60, 60) == pytest.approx(0.5)
    assert VARYING.probability_below(63, 60) == pytest.approx(0.5)


@pytest.mark.parametrize("integer", [False, True])
def test_no_chance_is_ever_0_or_1(integer: bool) -> None:
    far = [EVEN.probability_below(mark, 60, integer=integer) for mark in (-1e9, 0, 120, 1e9)]
    assert far == [1 / 100, 1 / 100, 99 / 100, 99 / 100]


@given(
    st.floats(-100, 200), st.floats(-100, 200), st.floats(-100, 200),
    st.sampled_from(ALL), st.booleans(),
)  # fmt: skip
def test_the_chance_rises_with_the_mark(
    mark: float, other: float, prediction: float, made: PredictionIntervals, integer: bool
) -> None:
    low, high = sorted((mark, other))
    chances = [made.probability_below(m, prediction, integer=integer) for m in (low, high)]
    assert chances == sorted(chances)
    n = made.n_samples
    assert 1 / (n + 1) <= chances[0] <= chances[1] <= n / (n + 1)


def test_below_a_whole_number_means_what_would_be_rounded_to_less() -> None:
    # 49.5 is the border between 49, which is below 50, and 50, which is not.
    assert EVEN.probability_below(50, 60, integer=True) == EVEN.probability_below(49.5, 60)
    # Between two whole numbers, every mark asks the same.
    halfway = EVEN.probability_below(49.3, 60, integer=True)
    assert halfway == EVEN.probability_below(50, 60, integer=True)


def test_whole_number_scores_of_a_known_spread_have_the_known_chances() -> None:
    random = np.random.default_rng(0)
    predicted = random.uniform(5, 15, 20_000)
    truth = (predicted + random.normal(0, 2, 20_000)).round()
    quantiles = np.quantile(truth - predicted, np.linspace(0, 1, 101))
    made = PredictionIntervals((), tuple(quantiles.tolist()), 20_000)
    for prediction in (7.0, 9.3, 10.5, 12.0):
        expected = 0.5 * math.erfc(-(9.5 - prediction) / 2 / math.sqrt(2))
        found = made.probability_below(10, prediction, integer=True)
        assert found == pytest.approx(expected, abs=0.02)


def test_a_residual_that_leads_to_the_mark_itself_is_not_below_it() -> None:
    made = PredictionIntervals((), (0.0,) * 101, 100)
    chances = [made.probability_below(mark, 50) for mark in (49, 50, 51)]
    assert chances == [1 / 101, 1 / 101, 100 / 101]


def test_one_residual_leaves_everything_open() -> None:
    made = PredictionIntervals((), (0.0, 0.0), 1)
    assert {made.probability_below(mark, 50) for mark in (0, 50, 100)} == {0.5}


@given(
    st.floats(-100, 200), st.sampled_from([0.8, 0.9]), st.sampled_from(ALL),
    st.sampled_from(["north", "south", None]),
)  # fmt: skip
def test_an_interval_holds_its_level_of_the_distribution_it_is_read_from(
    prediction: float, level: float, made: PredictionIntervals, school: str | None
) -> None:
    values = {"school": school}
    low, high = made.interval(prediction, level, 0, 100, values)
    assert 0 <= low <= high <= 100
    below = made.probability_below(low, prediction, values=values) if low > 0 else 0.0
    up_to = 1.0
    if high < 100:
        up_to = made.probability_below(math.nextafter(high, 101), prediction, values=values)
    assert up_to - below >= level - 0.03


@pytest.mark.parametrize("made", [*ALL, PredictionIntervals((0.8, 0.9), (1.0,), 1)])
@pytest.mark.parametrize("bounds", [(None, None), (0.0, 100.0)])
def test_many_rows_get_to_the_last_bit_what_each_gets_alone(
    made: PredictionIntervals, bounds: tuple[float | None, float | None]
) -> None:
    random = np.random.default_rng(0)
    predictions = np.append(random.uniform(-80, 180, 400), [0.0, 20.0, 60.0, 100.0])
    columns = {
        "school": random.choice(np.array(["north", "south", "new", None]), 404).tolist(),
        "age": np.where(random.uniform(size=404) < 0.2, np.nan, random.uniform(5, 25, 404)),
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    alone = list(zip(predictions.tolist(), rows, strict=True))
    for level in made.levels:
        ends = made.interval_of_each(predictions, level, *bounds, columns)
        expected = [made.interval(p, level, *bounds, values) for p, values in alone]
        assert list(zip(*(end.tolist() for end in ends), strict=True)) == expected
    for mark, integer in ((-5.0, False), (0.0, True), (60.0, False), (60.0, True), (101.0, False)):
        chances = made.probability_below_of_each(
            mark, predictions, integer=integer, columns=columns
        )
        assert chances.tolist() == [
            made.probability_below(mark, p, integer=integer, values=values) for p, values in alone
        ]


def test_a_curve_is_linear_between_its_points_and_flat_beyond() -> None:
    curve = Curve((0.0, 2.0, 4.0), (1.0, 3.0, 0.0))
    assert [curve.of(x) for x in (-1, 0, 1, 2, 3, 4, 9)] == [1, 1, 2, 3, 1.5, 0, 0]
    assert [Curve((5.0,), (7.0,)).of(x) for x in (4, 5, 6)] == [7, 7, 7]
