"""Whether a search for outcomes finds what is there, and nothing where there is nothing."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer

from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.exception import TrainingError
from src.search.native_categories import NUMERIC
from src.search.task import Classification

logger = logging.getLogger(__name__)
TASKS = {"two": Classification(2), "named": Classification(3), "ordered": Classification(3, True)}
N_COLUMNS = 5
PREPROCESSOR = ColumnTransformer([(NUMERIC, "passthrough", [f"x{i}" for i in range(N_COLUMNS)])])
AUC_85 = 1.85  # slope of the log-odds of two outcomes, on a feature of variance 1, for that AUC


def outcomes(random: np.random.Generator, n_rows: int, n_classes: int, slope: float):
    """Return features and codes; two of the features matter if the slope is not 0."""
    X = random.normal(size=(n_rows, N_COLUMNS))
    latent = slope * (X[:, 0] + X[:, 1]) / np.sqrt(2) + random.logistic(size=n_rows)
    shares = np.linspace(0, 1, n_classes + 1)[1:-1]
    return pd.DataFrame(X).add_prefix("x"), np.digitize(latent, np.quantile(latent, shares))


def is_accepted(seed: int, task: str, n_rows: int, slope: float = 0.0) -> bool:
    known = TASKS[task]
    X, y = outcomes(np.random.default_rng(seed), n_rows, known.n_classes, slope)
    config = ModelTrainerConfig(budget="quick", random_state=seed, task=known)
    try:
        ModelTrainer(config).run(X, y, PREPROCESSOR)
    except TrainingError:
        return False
    return True


def test_a_signal_is_found_and_noise_is_refused() -> None:
    assert is_accepted(1, "two", 80, AUC_85)
    assert not is_accepted(1, "ordered", 80)


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [80, 160])
@pytest.mark.parametrize("task", [*TASKS])
def test_noise_is_accepted_in_five_of_a_hundred_at_most(task: str, n_rows: int) -> None:
    accepted = np.mean([is_accepted(70_000 + i, task, n_rows) for i in range(100)])
    found = np.mean([is_accepted(71_000 + i, task, n_rows, AUC_85) for i in range(20)])
    logger.info("%s, %d rows: noise %.2f, signal %.2f", task, n_rows, accepted, found)
    assert accepted <= 0.05 + 2 * (0.05 * 0.95 / 100) ** 0.5
    assert found >= 0.95
