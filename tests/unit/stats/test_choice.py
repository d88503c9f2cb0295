"""What the best of several models owes to having been chosen."""

from __future__ import annotations

import numpy as np
import pytest

from src.stats.choice import choice_optimism

LOSSES = np.random.default_rng(0).chisquare(1, size=(30, 60))


def test_the_luckiest_of_many_equal_models_loses_most_of_its_luck() -> None:
    luck = LOSSES.mean() - LOSSES.mean(axis=1).min()
    assert luck / 2 < choice_optimism({"r2": LOSSES}, "r2")["r2"] < luck


def test_a_model_that_is_clearly_best_owes_nothing() -> None:
    apart = LOSSES + np.where(np.arange(30) == 3, 0, 10)[:, None]
    assert choice_optimism({"r2": apart}, "r2")["r2"] == pytest.approx(0, abs=0.05)
    assert choice_optimism({"r2": LOSSES[:1]}, "r2") == {"r2": 0.0}


def test_clusters_are_drawn_whole() -> None:
    """Copies of rows add nothing: their optimism is that of the rows."""
    clusters = np.repeat(np.arange(60), 3)
    copied = choice_optimism({"r2": np.repeat(LOSSES, 3, axis=1)}, "r2", clusters)
    assert copied["r2"] == pytest.approx(choice_optimism({"r2": LOSSES}, "r2")["r2"])
