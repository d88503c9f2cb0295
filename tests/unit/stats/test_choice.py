"""What the best of several models owes to having been chosen."""

from __future__ import annotations

import numpy as np
import pytest

from src.stats.choice import choice_optimism

LOSSES = np.random.default_rng(0).chisquare(1, size=(30, 60))


def test_the_luckiest_of_many_equal_models_loses_half_of_its_luck_or_more() -> None:
    luck = LOSSES.mean() - LOSSES.mean(axis=1).min()
    assert 0.45 * luck < choice_optimism({"r2": LOSSES}, "r2")["r2"] < luck


def test_which_rows_are_left_out_hardly_changes_it() -> None:
    """13.5: with heavy tails, another seed changed it by two thirds."""
    random = np.random.default_rng(1)
    errors = random.standard_t(2.5, size=240)
    losses = np.array([(errors + 0.15 * random.normal(size=240)) ** 2 for _ in range(30)])
    found = [choice_optimism({"r2": losses}, "r2", random_state=s)["r2"] for s in range(10)]
    assert np.std(found) < 0.1 * np.mean(found)


def test_a_model_that_is_clearly_best_owes_nothing() -> None:
    apart = LOSSES + np.where(np.arange(30) == 3, 0, 10)[:, None]
    assert choice_optimism({"r2": apart}, "r2")["r2"] == pytest.approx(0, abs=0.05)
    assert choice_optimism({"r2": LOSSES[:1]}, "r2") == {"r2": 0.0}


def test_clusters_are_drawn_whole() -> None:
    """Copies of rows add nothing: their optimism is that of the rows."""
    clusters = np.repeat(np.arange(60), 3)
    copied = choice_optimism({"r2": np.repeat(LOSSES, 3, axis=1)}, "r2", clusters)
    assert copied["r2"] == pytest.approx(choice_optimism({"r2": LOSSES}, "r2")["r2"])
