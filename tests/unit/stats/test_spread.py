"""A column's spread is told truly, and of no fewer than ten rows."""

from itertools import pairwise

import numpy as np
import pytest

from src.report.data_summary import target_spread
from src.schema.features import NumericFeature
from src.stats.spread import FEW, PARTS, merge_bins
from src.web.pages.results import _scores, share_below


def skewed(random, n):
    return random.lognormal(0, 1.5, n)


def few_below_a_heap(random, n):
    return np.where(random.random(n) < 0.24, 0.0, np.minimum(100.0, random.normal(60, 30, n)))


def heaps(random, n):
    return np.maximum(0.0, few_below_a_heap(random, n))


def heap_of_whole_numbers(random, n):
    return np.where(random.random(n) < 0.24, 0.0, random.binomial(20, 0.6, n))


def whole_numbers(random, n):
    return random.negative_binomial(2, 0.05, n).astype(float)


def grades(random, n):
    return random.choice([1.0, 1.3, 1.7, 2.0, 2.3, 2.7, 3.0, 4.0], n)


def outliers(random, n):
    return np.append(random.normal(50, 5, n - 1), 1000.0)


MAKERS = [skewed, few_below_a_heap, heaps, heap_of_whole_numbers, whole_numbers, grades, outliers]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def maker(request):
    return request.param


@pytest.fixture(params=[40, 150, 649, 2000])
def n(request):
    return request.param


@pytest.fixture(params=[1, 2, 3])
def column(request, maker, n):
    y = maker(np.random.default_rng(request.param), n)
    return y, NumericFeature(
        name="y",
        observed_minimum=float(y.min()),
        observed_maximum=float(y.max()),
        integer=bool((y == y.round()).all()),
    )


def test_bins_are_empty_or_hold_ten_and_sum_up(column):
    y, target = column
    spread = target_spread(y, target)
    assert all(n == 0 or n >= 10 for n in spread.counts)
    assert sum(spread.counts) == len(y)
    assert np.histogram(y, spread.edges)[0].tolist() == spread.counts


def test_no_difference_of_what_is_told_is_of_fewer_than_ten(column):
    spread = target_spread(*column)
    below = spread.below
    steps = zip([-1, *below], below, [*below[1:], -1], strict=False)
    exact = [n for before, n, after in steps if FEW not in (n - before, after - n)]
    told = sorted({*np.cumsum([0, *spread.counts]).tolist(), *exact})
    assert min(high - low for low, high in pairwise(told)) >= 10


def test_few_cuts_are_told_of(column):
    spread = target_spread(*column)
    assert len(set(spread.below)) <= 50
    assert len(set(spread.values)) <= 60


def test_the_share_below_is_near_that_of_the_rows(column):
    y, target = column
    spread = target_spread(y, target)
    scores = _scores(spread._asdict(), target, 2)
    widest = max(high - low for low, high in pairwise(spread.below))
    near = max(1 / PARTS, widest / len(y) if len(y) < 400 else 0.0)
    for value in np.random.default_rng(0).uniform(y.min(), y.max(), 200):
        assert share_below(value, scores) == pytest.approx((y < value).mean(), abs=near)


def test_the_share_below_is_exact_at_frequent_values(column):
    y, target = column
    spread = target_spread(y, target)
    scores = _scores(spread._asdict(), target, 2)
    twice = [low for low, high in pairwise(spread.values) if low == high]
    for value in twice:
        above = np.nextafter(value, np.inf)
        for at, share in ((value, (y < value).mean()), (above, (y <= value).mean())):
            # Of rows beside it, 1 to 9 are not told.
            assert share_below(at, scores) == pytest.approx(share, abs=9.01 / len(y))


@pytest.mark.parametrize("maker", [heaps, heap_of_whole_numbers, grades])
def test_the_share_below_is_exact_where_no_few_rows_lie_beside(maker):
    y = maker(np.random.default_rng(1), 2000)
    target = NumericFeature(name="y", observed_minimum=y.min(), observed_maximum=y.max())
    scores = _scores(target_spread(y, target)._asdict(), target, 2)
    values, counts = np.unique(y, return_counts=True)
    for value in values[counts >= len(y) / PARTS]:
        assert share_below(value, scores) == (y < value).mean()
        above = share_below(np.nextafter(value, np.inf), scores)
        assert above == pytest.approx((y <= value).mean())


def test_nobody_is_below_the_lowest_nor_all_below_the_highest(column):
    y, target = column
    scores = _scores(target_spread(y, target)._asdict(), target, 2)
    assert share_below(y.min(), scores) == 0
    assert 0 < share_below(y.max(), scores) < 1
    assert share_below(y.max() + 1, scores) == 1


def test_nothing_is_told_of_fewer_than_ten_rows():
    target = NumericFeature(name="y", observed_minimum=0, observed_maximum=9)
    assert target_spread(np.arange(9.0), target) == ([], [], [], [])


def test_one_value_is_one_bin():
    target = NumericFeature(name="y", observed_minimum=4, observed_maximum=4)
    assert target_spread(np.full(12, 4.0), target) == ([3.5, 4.5], [12], [4.0, 4.0], [0, 12])


def test_merged_bins_stay_as_they_are():
    once = merge_bins([0, 1, 2, 3, 4], [3, 12, 0, 30])
    assert once == ([0, 2, 3, 4], [15, 0, 30])
    assert merge_bins(*once) == once


def test_what_a_rare_value_is_cannot_be_worked_out_from_a_frequent_one():
    target = NumericFeature(name="y", observed_minimum=0, observed_maximum=90)
    rest = np.linspace(30.0, 90.0, 60)
    spreads = [target_spread(np.append(np.zeros(40), [low, *rest]), target) for low in (3, 5, 7)]
    assert spreads[0] == spreads[1] == spreads[2]


@pytest.mark.parametrize("integer", [True, False])
def test_corners_rise(integer, maker, n):
    y = maker(np.random.default_rng(5), n).round()
    target = NumericFeature(
        name="y", observed_minimum=y.min(), observed_maximum=y.max(), integer=integer
    )
    spread = target_spread(y, target)
    assert spread.values == sorted(spread.values)
    assert spread.below == sorted(spread.below)


def test_no_places_are_halfway_from_a_value_that_is_told(column):
    y, target = column
    spread = target_spread(y, target)
    told = {low for low, high in pairwise(spread.values) if low == high}
    distinct = np.unique(y)
    halfway = {
        float(low + high) / 2
        for low, high in pairwise(distinct)
        if told & {low, high} and high - low > target.integer
    }
    assert not halfway & set(spread.values) - set(spread.edges)
