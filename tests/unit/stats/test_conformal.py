from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.exception import ArtifactError
from src.stats.conformal import PredictionIntervals, conformal_rank, interpolate

# 99 residuals, evenly from -20 to 20.
EVEN = PredictionIntervals({"0.9": 18.0}, tuple(np.linspace(-20, 20, 101).tolist()), 99)
VARYING = PredictionIntervals(
    {"0.8": 1.5, "0.9": 2.0}, (-3.0, 0.0, 3.0), 49, scale_at=(0.0, 100.0), scale=(10.0, 2.0)
)


@pytest.mark.parametrize("made", [EVEN, VARYING])
def test_json_and_back_is_the_same(made: PredictionIntervals) -> None:
    assert PredictionIntervals.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_damaged_values_are_a_named_error() -> None:
    with pytest.raises(ArtifactError, match=r"intervals\.json is damaged"):
        PredictionIntervals.from_dict({"half_width": {}})


def test_half_widths_are_multiples_of_the_scale_at_the_prediction() -> None:
    assert VARYING.interval(0, 0.9, None, None) == (-20, 20)
    assert VARYING.interval(50, 0.9, None, None) == (38, 62)
    assert VARYING.interval(1_000, 0.8, None, None) == (997, 1_003)


def test_intervals_are_clipped_to_the_allowed_range() -> None:
    assert EVEN.interval(10, 0.9, 0, 100) == (0, 28)
    assert EVEN.interval(95, 0.9, 0, 100) == (77, 100)
    assert EVEN.interval(-40, 0.9, 0, 100) == (0, 0)
    assert EVEN.interval(140, 0.9, 0, 100) == (100, 100)


def test_a_level_that_was_not_learnt_is_refused() -> None:
    with pytest.raises(KeyError):
        EVEN.interval(50, 0.5, None, None)


def test_the_chance_at_the_middle_is_one_half() -> None:
    assert EVEN.probability_below(60, 60) == pytest.approx(0.5)
    assert VARYING.probability_below(60, 60) == pytest.approx(0.5)


@pytest.mark.parametrize("integer", [False, True])
def test_no_chance_is_ever_0_or_1(integer: bool) -> None:
    far = [EVEN.probability_below(mark, 60, integer=integer) for mark in (-1e9, 0, 120, 1e9)]
    assert far == [1 / 100, 1 / 100, 99 / 100, 99 / 100]


@given(
    st.floats(-100, 200), st.floats(-100, 200), st.floats(-100, 200),
    st.sampled_from([EVEN, VARYING]), st.booleans(),
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
    made = PredictionIntervals({}, tuple(quantiles.tolist()), 20_000)
    for prediction in (7.0, 9.3, 10.5, 12.0):
        expected = 0.5 * math.erfc(-(9.5 - prediction) / 2 / math.sqrt(2))
        found = made.probability_below(10, prediction, integer=True)
        assert found == pytest.approx(expected, abs=0.02)


def test_a_residual_that_leads_to_the_mark_itself_is_not_below_it() -> None:
    made = PredictionIntervals({}, (0.0,) * 101, 100)
    chances = [made.probability_below(mark, 50) for mark in (49, 50, 51)]
    assert chances == [1 / 101, 1 / 101, 100 / 101]


def test_one_residual_leaves_everything_open() -> None:
    made = PredictionIntervals({}, (0.0, 0.0), 1)
    assert {made.probability_below(mark, 50) for mark in (0, 50, 100)} == {0.5}


@pytest.mark.parametrize(
    ("n_samples", "level", "rank"), [(99, 0.9, 90), (10, 0.8, 9), (10, 0.95, None)]
)
def test_the_rank_counts_the_new_row_too(n_samples: int, level: float, rank: int | None) -> None:
    assert conformal_rank(n_samples, level) == rank


def test_a_curve_is_linear_between_its_points_and_flat_beyond() -> None:
    found = [interpolate(x, (0.0, 2.0, 4.0), (1.0, 3.0, 0.0)) for x in (-1, 0, 1, 2, 3, 4, 9)]
    assert found == [1, 1, 2, 3, 1.5, 0, 0]
