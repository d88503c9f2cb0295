"""How often groups of a fair model of outcomes are told apart, and those of an unfair one."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from src.components.class_fairness import GroupComparison
from src.report.class_groups import ClassFairness
from src.schema.features import CategoricalFeature, ClassTarget
from src.schema.record import Schema
from src.stats.class_scores import by_chance

logger = logging.getLogger(__name__)

SEX = CategoricalFeature(name="sex", categories=("f", "m"), sensitive=True)
AREA = CategoricalFeature(name="area", categories=("city", "country", "abroad"), sensitive=True)
RESULT = ClassTarget(name="result", categories=("Fail", "Pass"), ordered=True, at_risk=("Fail",))


def judged(
    n: int, seed: int, n_schools: int = 0, too_low: float = 0.0, resamples: int = 300
) -> ClassFairness:
    """Return what is found of chances that are true, or too low for ``m`` by so much on average.

    Schools, where there are some, raise or lower the log-odds of all their pupils.
    """
    random = np.random.default_rng(seed)
    X = pd.DataFrame({
        "sex": pd.Series(random.choice(SEX.categories, n), dtype=object),
        "area": pd.Series(random.choice(AREA.categories, n, p=[0.6, 0.3, 0.1]), dtype=object),
    })  # fmt: skip
    chance = random.beta(1, 2, n)
    schools = random.integers(0, n_schools, n) if n_schools else None
    odds = np.log(chance / (1 - chance))
    if schools is not None:
        odds += random.normal(0, 0.5, n_schools)[schools]
    true = 1 / (1 + np.exp(-odds))
    true += too_low * (X["sex"] == "m").to_numpy() * (1 - true) / np.mean(1 - true)
    listed = np.isin(np.arange(n), by_chance(chance)[: round(0.3 * n)])
    happened = random.random(n) < true
    schema = Schema((SEX,) if too_low else (SEX, AREA), RESULT)
    return GroupComparison(seed, resamples).run(
        schema, X, chance, happened, listed, clusters=schools
    )


def kinds(found: ClassFairness) -> list[str]:
    return [finding.kind for finding in found.findings]


def accused(n: int, runs: int, n_schools: int = 0, resamples: int = 300) -> float:
    """Return the share of fair models of which any difference is told."""
    found = [kinds(judged(n, 90_000 + run, n_schools, 0.0, resamples)) for run in range(runs)]
    return sum(any(kind.endswith("_differs") for kind in one) for one in found) / runs


def test_a_fair_model_is_seldom_accused() -> None:
    assert accused(150, 15, resamples=100) <= 0.21  # 3 of 15, where one is allowed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "n_schools"), [(150, 0), (300, 0), (1_000, 0), (300, 20), (1_000, 30)]
)
def test_one_fair_model_in_twenty_is_accused_at_most(n: int, n_schools: int) -> None:
    share = accused(n, 400, n_schools)
    logger.info("%d students, %d schools: %.4f of fair models accused", n, n_schools, share)
    assert share <= 0.075


@pytest.mark.slow
@pytest.mark.parametrize("n", [300, 1_000])
def test_a_difference_that_would_have_been_seen_is_seen_in_eight_of_ten(n: int) -> None:
    seen = [
        finding.values["largest_seen"]
        for run in range(100)
        for finding in judged(n, 70_000 + run, too_low=1e-12).findings
        if finding.values.get("figure") == "calibration"
    ]
    size = float(np.mean(seen))
    found = [kinds(judged(n, 80_000 + run, too_low=size)) for run in range(200)]
    share = sum("calibration_differs" in one for one in found) / 200
    logger.info("%d students, %.3f too low: seen in %.3f", n, size, share)
    assert 0.7 <= share <= 0.92
