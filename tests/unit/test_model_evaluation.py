from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from src.components.model_evaluation import ModelEvaluation


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    truth = random.normal(60, 15, 150)
    return truth, truth + random.normal(0, 5, 150)


def test_the_figures_are_those_of_scikit_learn(answers: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = answers
    found = ModelEvaluation().run(truth, predicted, baseline=60.0)
    assert found.n_samples == 150
    assert found.r2.value == pytest.approx(r2_score(truth, predicted))
    assert found.rmse.value == pytest.approx(root_mean_squared_error(truth, predicted))
    assert found.mae.value == pytest.approx(mean_absolute_error(truth, predicted))
    assert found.baseline_rmse == pytest.approx(root_mean_squared_error(truth, [60.0] * 150))


def test_the_intervals_hold_the_figures_and_narrow_with_more_rows(
    answers: tuple[np.ndarray, np.ndarray],
) -> None:
    truth, predicted = answers
    few = ModelEvaluation().run(truth[:30], predicted[:30], baseline=60.0)
    many = ModelEvaluation().run(np.tile(truth, 8), np.tile(predicted, 8), baseline=60.0)
    for one in (few.r2, few.rmse, few.mae, many.r2, many.rmse, many.mae):
        assert one.low <= one.value <= one.high
    assert many.rmse.high - many.rmse.low < few.rmse.high - few.rmse.low


def test_the_interval_of_the_mae_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    true_mae = 5 * np.sqrt(2 / np.pi)
    covered = 0
    for seed in range(200):
        truth = random.normal(60, 15, 200)
        found = ModelEvaluation(seed, n_resamples=300).run(
            truth, truth + random.normal(0, 5, 200), baseline=60.0
        )
        covered += found.mae.low <= true_mae <= found.mae.high
    assert 0.89 <= covered / 200 <= 0.99


def test_the_same_seed_gives_the_same_intervals(answers: tuple[np.ndarray, np.ndarray]) -> None:
    assert ModelEvaluation(7).run(*answers, 60.0) == ModelEvaluation(7).run(*answers, 60.0)


def test_a_test_set_with_one_value_gives_finite_figures() -> None:
    found = ModelEvaluation().run(np.array([5.0, 5.0]), np.array([4.0, 6.0]), baseline=5.0)
    assert np.isfinite([found.r2.value, found.r2.low, found.r2.high, found.mae.value]).all()
