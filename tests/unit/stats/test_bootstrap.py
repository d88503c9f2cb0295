from __future__ import annotations

import numpy as np
import pytest

from src.stats.bootstrap import (
    CELLS,
    Interval,
    percentile_interval,
    resampled_rows,
    wilson_interval,
)


@pytest.mark.parametrize("n_samples", [7, 200, CELLS + 1])
def test_every_resample_has_as_many_rows_as_there_are(n_samples: int) -> None:
    blocks = list(resampled_rows(n_samples, 3, np.random.default_rng(0)))
    assert sum(len(block) for block in blocks) == 3
    assert {block.shape[1] for block in blocks} == {n_samples}
    assert all(block.min() >= 0 and block.max() < n_samples for block in blocks)
    assert all(block.size <= max(CELLS, n_samples) for block in blocks)


def test_the_percentile_interval_of_a_mean_is_the_known_one() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    rows = np.concatenate([*resampled_rows(400, 4_000, np.random.default_rng(0))])
    found = percentile_interval(float(values.mean()), values[rows].mean(axis=1))
    half = 1.96 * values.std() / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)


def test_a_figure_without_resamples_has_an_interval_of_no_width() -> None:
    assert percentile_interval(3.0, np.empty(0)) == Interval(3.0, 3.0, 3.0)


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
