"""Groups of students compared where the students come in clusters, such as schools."""

from __future__ import annotations

import numpy as np
import pytest

from src.stats.permutation_test import compare_groups
from src.stats.wild_bootstrap import compare_groups_of_clusters

SCHOOLS = np.repeat(np.arange(24), 15)


def errors_of(seed: int, icc: float = 0.2) -> np.ndarray:
    random = np.random.default_rng(seed)
    of_school = random.normal(0, icc**0.5, 24)[SCHOOLS]
    return of_school + random.normal(0, (1 - icc) ** 0.5, len(SCHOOLS))


def of_whole_schools(seed: int) -> list[np.ndarray]:
    chosen = np.random.default_rng(seed).permutation(24) < 9
    return [np.flatnonzero(chosen[SCHOOLS]), np.flatnonzero(~chosen[SCHOOLS])]


def test_a_trait_of_schools_is_not_found_by_chance_in_more_than_a_few_of_100_models() -> None:
    """13.1: pupils were taken to be independent, which found one in 22 to 41."""
    false = plain = 0
    for seed in range(60):
        errors, groups = errors_of(seed), of_whole_schools(seed)
        found = compare_groups_of_clusters(
            errors, groups, SCHOOLS, 200, np.random.default_rng(seed)
        )
        naive = compare_groups(errors, groups, 200, np.random.default_rng(seed))
        false += min(min(one.values()) for one in found.p_values) <= 0.05
        plain += min(min(one.values()) for one in naive.p_values) <= 0.05
    assert false <= 6
    assert plain >= 12


@pytest.mark.parametrize("within", [True, False])
def test_a_true_difference_is_found(within: bool) -> None:
    errors = errors_of(1)
    group = np.arange(len(errors)) % 2 == 0 if within else SCHOOLS % 2 == 0
    found = compare_groups_of_clusters(
        errors + 1.5 * group,
        [np.flatnonzero(group)],
        SCHOOLS,
        500,
        np.random.default_rng(0),
    )
    assert found.p_values[0]["mean_error"] < 0.01
    assert 0 < found.noticeable[0] < 1.5


def test_errors_that_are_all_the_same_differ_nowhere() -> None:
    found = compare_groups_of_clusters(
        np.ones(360), of_whole_schools(0), SCHOOLS, 99, np.random.default_rng(0)
    )
    assert found.p_values == [{"mean_error": 1.0, "mae": 1.0}] * 2
    assert found.noticeable == []
