from __future__ import annotations

import numpy as np

from src.stats.disclosure import result_of_few
from src.stats.reliability import reliability, rows_of_bins


def test_each_row_is_in_one_bin_of_ten_rows_or_more() -> None:
    random = np.random.default_rng(4)
    for n in (10, 37, 400):
        chance = random.beta(0.3, 0.6, n)
        found = reliability(chance, random.random(n) < chance)
        assert [one.low for one in found[1:]] == [one.high for one in found[:-1]]
        assert sum(one.n_samples for one in found) == n
        assert all(one.n_samples >= 10 for one in found)
        assert all(one.low <= one.predicted <= one.high for one in found)


def test_a_chance_of_exactly_one_is_in_the_last_bin() -> None:
    (found,) = reliability(np.ones(12), np.ones(12, dtype=bool))
    assert (found.high, found.observed.value) == (1, 1)


def test_so_few_rows_have_no_bins() -> None:
    assert reliability(np.full(9, 0.5), np.ones(9, dtype=bool)) == ()


def test_bins_are_joined_where_other_sets_of_rows_would_tell_of_few_beside_them() -> None:
    chance = np.repeat([0.05, 0.25, 0.45, 0.65, 0.85], 40)
    random = np.random.default_rng(0)
    happened, lower = random.random(200) < chance, np.arange(200) < 85
    assert [one.low for one in reliability(chance, happened)] == [0, 0.1, 0.3, 0.5, 0.7]
    found = reliability(chance, happened, beside=[lower, ~lower])
    assert len(found) == 4
    told = np.array([lower, ~lower, *rows_of_bins(chance, found)])
    assert result_of_few(told) is None
    assert told[2:].sum(axis=1).tolist() == [one.n_samples for one in found]


def test_beside_sets_that_tell_of_few_themselves_there_is_one_bin() -> None:
    chance, few = np.linspace(0, 1, 100), np.arange(100) < 3
    assert len(reliability(chance, few, beside=[few])) == 1
