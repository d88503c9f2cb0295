"""Counts of events with chances of their own."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.stats import poisson_binomial
from src.stats.poisson_binomial import count_probabilities, count_range

CHANCES = st.lists(st.floats(0, 1), max_size=8)


def by_enumeration(chances: list[float]) -> list[float]:
    found = [0.0] * (len(chances) + 1)
    for comes in itertools.product((0, 1), repeat=len(chances)):
        pairs = zip(chances, comes, strict=True)
        found[sum(comes)] += math.prod(p if one else 1 - p for p, one in pairs)
    return found


@settings(deadline=None)
@given(CHANCES)
def test_probabilities_of_counts_are_those_of_all_outcomes_listed(chances):
    assert count_probabilities(chances) == pytest.approx(by_enumeration(chances), abs=1e-12)


@settings(deadline=None)
@given(CHANCES, st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_a_range_leaves_out_no_more_than_it_may_on_either_side(chances, level):
    low, high = count_range(chances, level)
    probabilities = by_enumeration(chances)
    tail = (1 - level) / 2 + 1e-9
    assert sum(probabilities[:low]) <= tail
    assert sum(probabilities[high + 1 :]) <= tail
    # One step narrower on either side leaves out more.
    assert low == 0 or sum(probabilities[: low + 1]) > tail - 2e-9
    assert high == len(chances) or sum(probabilities[high:]) > tail - 2e-9


def test_of_very_many_events_the_normal_distribution_gives_the_same_range(monkeypatch):
    chances = [0.02 + 0.9 * ((7 * i) % 500) / 500 for i in range(500)]
    quick = count_range(chances)
    monkeypatch.setattr(poisson_binomial, "MOST_EXACT", 10**6)
    exact = count_range(chances)
    assert max(abs(a - b) for a, b in zip(quick, exact, strict=True)) <= 1


def test_events_that_are_sure_leave_no_doubt():
    assert count_range([1.0] * 500) == (500, 500)
    assert count_range([0.0] * 3) == (0, 0)
