"""What is said of chance where pupils come in schools: see docs/statistics.md."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from src.stats.intervals import mean_interval, r2_interval, rmse_interval
from src.stats.wild_bootstrap import compare_groups_of_clusters

logger = logging.getLogger(__name__)
FIRST_SEED = 90_000
ICC = 0.2


def drawn(
    random: np.random.Generator, n_schools: int, usual: int = 20
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return schools, truths and errors of an unbiased model; schools differ in size."""
    sizes = random.integers(usual // 2, 3 * usual // 2 + 1, n_schools)
    schools = np.repeat(np.arange(n_schools), sizes)

    def clustered() -> np.ndarray:
        of_school = random.normal(0, ICC**0.5, n_schools)[schools]
        return of_school + random.normal(0, (1 - ICC) ** 0.5, len(schools))

    errors = clustered()
    return schools, clustered() + errors, errors


def rates(n_schools: int, n_tables: int, n_resamples: int) -> dict[str, float]:
    """Return how often intervals hold the truth, and sentences are false."""
    random = np.random.default_rng(FIRST_SEED)
    schools, truth, errors = drawn(random, 20_000)
    true_rmse = float((errors**2).mean()) ** 0.5
    true_r2 = 1 - float((errors**2).mean() / truth.var())
    found = []
    for seed in range(FIRST_SEED + 1, FIRST_SEED + 1 + n_tables):
        random = np.random.default_rng(seed)
        schools, truth, errors = drawn(random, n_schools)
        of_schools = (random.permutation(n_schools) < n_schools // 2)[schools]
        of_pupils = random.random(len(schools)) < 0.4
        rmse, r2 = rmse_interval(errors, schools), r2_interval(truth, errors, schools)
        said = []
        for trait in (of_schools, of_pupils):
            groups = [np.flatnonzero(trait), np.flatnonzero(~trait)]
            compared = compare_groups_of_clusters(errors, groups, schools, n_resamples, random)
            said.append(min(min(one.values()) for one in compared.p_values) <= 0.05)
        found.append(
            [
                rmse.low <= true_rmse <= rmse.high,
                r2.low <= true_r2 <= r2.high,
                mean_interval(errors, schools).excludes_zero,
                *said,
            ]
        )
    names = ("RMSE held", "R² held", "false bias", "false by school", "false by pupil")
    return dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))


def test_intervals_of_schools_hold_the_truth_and_nothing_is_made_of_chance() -> None:
    found = rates(20, n_tables=60, n_resamples=150)  # a rate has a standard error of 3 points
    assert min(found["RMSE held"], found["R² held"]) >= 0.85
    assert max(found[name] for name in found if "false" in name) <= 0.14


@pytest.mark.slow
@pytest.mark.parametrize("n_schools", [20, 40])
def test_few_sentences_are_false_and_few_intervals_miss(n_schools: int) -> None:
    """13.1."""
    found = rates(n_schools, n_tables=2_000, n_resamples=400)
    logger.info("%d schools: %s", n_schools, {k: round(v, 3) for k, v in found.items()})
    assert min(found["RMSE held"], found["R² held"]) >= 0.91
    assert max(found[name] for name in found if "false" in name) <= 0.07


@pytest.mark.slow
def test_ten_schools_are_the_fewest_of_which_anything_is_said() -> None:
    found = rates(10, n_tables=2_000, n_resamples=400)
    logger.info("10 schools: %s", {k: round(v, 3) for k, v in found.items()})
    assert min(found["RMSE held"], found["R² held"]) >= 0.9
    assert max(found[name] for name in found if "false" in name) <= 0.08
