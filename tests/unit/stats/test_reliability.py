from __future__ import annotations

import numpy as np

from src.stats.reliability import reliability


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
