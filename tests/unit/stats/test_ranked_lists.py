from __future__ import annotations

import numpy as np
import pytest

from src.stats.ranked_lists import auc_gain_interval, listed_share, recall_gain_interval


def test_a_list_shares_its_last_places_among_equals() -> None:
    listed, end = listed_share(np.array([3.0, 1.0, 1.0, 1.0, 0.0]), 2)
    assert (listed.tolist(), end) == ([1.0, 1 / 3, 1 / 3, 1 / 3, 0.0], 1.0)


def test_gains_are_those_that_are_counted_by_hand() -> None:
    happened = np.array([True, True, False, False])
    scores, others = np.array([0.9, 0.4, 0.5, 0.1]), np.array([0.1, 0.4, 0.5, 0.9])
    # Of the four pairs, the scores put three in order and the others none.
    assert auc_gain_interval(happened, scores, others).value == 0.75
    # Of two with the event, a list of two holds one by the scores, none by the others.
    assert recall_gain_interval(happened, scores, others, 2).value == 0.5


def test_a_ranking_gains_nothing_over_itself() -> None:
    random = np.random.default_rng(0)
    scores, happened = random.random(50), random.random(50) < 0.4
    for found in (
        auc_gain_interval(happened, scores, scores),
        recall_gain_interval(happened, scores, scores, 10),
    ):
        assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_pupils_who_stand_there_often_make_no_gain_surer() -> None:
    random = np.random.default_rng(1)
    scores, others = random.random((2, 60))
    happened = scores + random.normal(0, 0.4, 60) > 0.6
    once = auc_gain_interval(happened, scores, others)
    pupils = np.repeat(np.arange(60), 5)
    often = [np.repeat(one, 5) for one in (happened, scores, others)]
    again = auc_gain_interval(*often, pupils)
    assert (again.low, again.high) == pytest.approx((once.low, once.high), abs=1e-12)
