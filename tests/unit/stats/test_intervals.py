from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from src.stats.intervals import (
    Interval,
    mean_interval,
    promise_p_value,
    r2_interval,
    rmse_interval,
    share_interval,
    wilson_interval,
)


def test_the_interval_of_a_mean_is_student_s() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 399, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_clusters_of_equal_rows_count_as_one_row_each() -> None:
    values = np.random.default_rng(1).normal(10, 2, 40)
    once, thrice = mean_interval(values), mean_interval(np.repeat(values, 3), np.arange(120) // 3)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))
    hits = values > 10
    share = share_interval(np.repeat(hits, 3), np.arange(120) // 3)
    plain = share_interval(hits)
    assert share.low < plain.low < plain.value == share.value < plain.high < share.high
    assert share.high - share.low == pytest.approx(plain.high - plain.low, rel=0.06)


def test_a_figure_that_cannot_be_negative_has_an_interval_above_zero() -> None:
    errors = np.r_[np.full(14, 0.1), 90.0]
    assert 0 < rmse_interval(errors).low < rmse_interval(errors).value < rmse_interval(errors).high
    assert r2_interval(np.arange(15.0), errors).high < 1


def test_so_few_rows_have_no_interval() -> None:
    assert mean_interval(np.array([2.0, 4.0])) == Interval(3.0, 3.0, 3.0)
    assert r2_interval(np.full(20, 5.0), np.ones(20)) == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("interval", "excludes"),
    [(Interval(1, 0.5, 2), True), (Interval(-1, -2, -0.1), True), (Interval(1, -0.1, 2), False)],
)
def test_an_interval_knows_whether_it_excludes_zero(interval: Interval, excludes: bool) -> None:
    assert interval.excludes_zero is excludes


@pytest.mark.parametrize("n_samples", [1, 12, 300])
def test_wilson_claims_no_certainty_when_all_or_none_are_hit(n_samples: int) -> None:
    none, every = wilson_interval(0, n_samples), wilson_interval(n_samples, n_samples)
    assert (none.value, none.low, every.value, every.high) == (0, 0, 1, 1)
    assert none.high > 1 / (2 * n_samples)
    assert every.low == pytest.approx(1 - none.high)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_wilson_covers_the_true_share_about_95_times_of_100(share: float) -> None:
    hits = np.random.default_rng(2).binomial(40, share, 2_000)
    ends = [wilson_interval(int(h), 40) for h in hits]
    covered = np.mean([end.low <= share <= end.high for end in ends])
    assert covered == pytest.approx(0.95, abs=0.03)


def test_of_fewer_than_ten_clusters_a_share_has_no_interval_and_no_promise_is_broken() -> None:
    clusters = np.repeat(np.arange(9), 20)
    hits = np.arange(180) % 3 > 0
    share = share_interval(hits, clusters)
    assert share.low == share.value == share.high
    assert promise_p_value(np.zeros(180, dtype=bool), 0.9, 300, clusters) == 1.0
