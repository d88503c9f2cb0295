from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    precision_score,
    r2_score,
    recall_score,
    root_mean_squared_error,
)

from src.components.model_evaluation import ModelEvaluation, quality_at_marks
from src.components.model_intervals import ModelIntervals
from src.report.findings import exclusion_sentence
from src.schema.features import CategoricalFeature

NO_COLUMNS = pd.DataFrame()


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
    for _ in range(200):
        truth = random.normal(60, 15, 200)
        found = ModelEvaluation().run(truth, truth + random.normal(0, 5, 200), baseline=60.0)
        covered += found.mae.low <= true_mae <= found.mae.high
    assert 0.89 <= covered / 200 <= 0.99


def test_a_test_set_with_one_value_gives_finite_figures() -> None:
    found = ModelEvaluation().run(np.array([5.0, 5.0]), np.array([4.0, 6.0]), baseline=5.0)
    assert np.isfinite([found.r2.value, found.r2.low, found.r2.high, found.mae.value]).all()


def test_pupils_of_one_school_are_no_more_than_one_piece_of_evidence() -> None:
    """13.1: intervals took pupils for independent."""
    random = np.random.default_rng(3)
    schools = np.repeat(np.arange(20), 20)
    truth = random.normal(60, 15, 400)
    errors = random.normal(0, 4, 20)[schools] + random.normal(0, 3, 400)
    plain = ModelEvaluation().run(truth, truth - errors, 60.0)
    found = ModelEvaluation(schools).run(truth, truth - errors, 60.0)
    assert (plain.n_clusters, found.n_clusters) == (None, 20)
    for one, wider in ((plain.rmse, found.rmse), (plain.mae, found.mae)):
        assert one.value == wider.value
        assert wider.high - wider.low > 1.5 * (one.high - one.low)


def test_fewer_than_ten_schools_give_no_interval() -> None:
    random = np.random.default_rng(3)
    truth = random.normal(60, 15, 180)
    found = ModelEvaluation(np.arange(180) % 9).run(truth, truth + random.normal(0, 5, 180), 60.0)
    for one in (found.r2, found.rmse, found.mae):
        assert one.low == one.value == one.high


GENDER = CategoricalFeature(name="gender", categories=("female", "male"))
LUNCH = CategoricalFeature(name="lunch", label="School lunch", categories=("free", "paid"))


# --- leaving features out ------------------------------------------------------------------------


def test_the_cost_is_the_difference_of_the_figures(answers: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = answers
    without = predicted + np.random.default_rng(8).normal(0, 3, len(truth))
    found = ModelEvaluation().cost(truth, predicted, without, [GENDER, LUNCH])
    assert (found.left_out, found.n_samples) == (("gender", "lunch"), 150)
    for one, metric, sign in (
        (found.r2, r2_score, -1),
        (found.rmse, root_mean_squared_error, 1),
        (found.mae, mean_absolute_error, 1),
    ):
        expected = sign * (metric(truth, without) - metric(truth, predicted))
        assert one.value == pytest.approx(expected)
        assert one.low < one.value < one.high


def test_the_cost_is_paired_so_that_a_small_one_is_told_from_none(
    answers: tuple[np.ndarray, np.ndarray],
) -> None:
    truth, predicted = answers
    without = truth + 1.05 * (predicted - truth)  # 5 % larger errors, everywhere
    found = ModelEvaluation().cost(truth, predicted, without, [GENDER])
    alone = ModelEvaluation().run(truth, without, 60.0)
    assert found.rmse.excludes_zero
    assert found.rmse.high - found.rmse.low < 0.1 * (alone.rmse.high - alone.rmse.low)


def test_a_cost_is_told_in_one_sentence(answers: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = answers
    without = predicted + np.random.default_rng(8).normal(0, 6, len(truth))
    found = ModelEvaluation().cost(truth, predicted, without, [GENDER, LUNCH])
    assert exclusion_sentence(found) == (
        f"Leaving out gender and School lunch costs {found.r2.value:.3f} R² (95 % interval "
        f"{found.r2.low:.3f} to {found.r2.high:.3f}; 150 rows), more than chance explains."
    )


def test_a_gain_is_told_as_a_gain_and_noise_as_noise(
    answers: tuple[np.ndarray, np.ndarray],
) -> None:
    truth, predicted = answers
    better = truth + 0.5 * (predicted - truth)
    found = ModelEvaluation().cost(truth, predicted, better, [LUNCH])
    assert found.r2.high < 0
    low, high = -found.r2.high, -found.r2.low
    assert (
        f"School lunch gains {-found.r2.value:.3f} R² (95 % interval {low:.3f} to {high:.3f};"
        in (exclusion_sentence(found))
    )
    other = truth + np.random.default_rng(1).permutation(predicted - truth)
    noise = ModelEvaluation().cost(truth, predicted, other, [LUNCH])
    assert exclusion_sentence(noise).endswith("150 rows), no more than chance explains.")


def test_the_interval_of_a_cost_covers_none_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        truth = random.normal(60, 15, 150)
        common = random.normal(0, 4, 150)
        one, other = (truth + common + random.normal(0, 2, 150) for _ in range(2))
        found = ModelEvaluation().cost(truth, one, other, [LUNCH])
        covered += not found.rmse.excludes_zero
    assert 0.89 <= covered / 200 <= 0.99


# --- the pass mark -------------------------------------------------------------------------------


def scores(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return whole-number truths and predictions of them."""
    random = np.random.default_rng(seed)
    predicted = random.normal(55, 12, n)
    return (predicted + random.normal(0, 6, n)).round(), predicted


def test_the_chances_of_a_good_model_are_calibrated_and_beat_the_base_rate() -> None:
    made = ModelIntervals().run(*scores(4_000, 0))
    truth, predicted = scores(2_000, 1)
    found = ModelEvaluation().pass_mark(
        NO_COLUMNS, truth, predicted, made, 50, integer=True, base_rate=0.35
    )
    assert (found.mark, found.n_samples, found.n_below) == (50, 2_000, (truth < 50).sum())
    assert found.baseline_brier == pytest.approx(((truth < 50) - 0.35).var() + (
        (truth < 50).mean() - 0.35) ** 2)  # fmt: skip
    assert found.brier.low < found.brier.value < found.brier.high < found.baseline_brier / 2
    assert sum(one.n_samples for one in found.bins) == 2_000
    inside = [one.observed.low <= one.predicted <= one.observed.high for one in found.bins]
    assert sum(inside) >= len(inside) - 2


def test_chances_that_are_off_show_as_such() -> None:
    made = ModelIntervals().run(*scores(1_000, 0))
    truth, predicted = scores(2_000, 1)
    found = ModelEvaluation().pass_mark(
        NO_COLUMNS, truth, predicted + 6, made, 50, integer=True, base_rate=0.35
    )
    middle = [one for one in found.bins if 0.1 < one.predicted < 0.9]
    assert all(one.observed.low > one.predicted for one in middle)


def test_of_a_mark_that_few_miss_or_few_reach_nothing_is_told() -> None:
    made = ModelIntervals().run(*scores(400, 0))
    truth, predicted = scores(200, 1)
    ranked = np.sort(truth)
    told = [
        ModelEvaluation().pass_mark(
            NO_COLUMNS, truth, predicted, made, mark, integer=True, base_rate=0.1
        )
        for mark in (1, ranked[9], ranked[10] + 1, ranked[-5])
    ]
    assert [one is None for one in told] == [True, True, False, True]
    assert json.loads(json.dumps(asdict(told[2]), allow_nan=False))["n_below"] >= 10


@pytest.mark.parametrize("n", [150, 2_000])
def test_a_list_of_those_below_a_mark_has_the_precision_and_recall_of_scikit_learn(n: int) -> None:
    random = np.random.default_rng(4)
    truth = random.normal(60, 15, n).round()
    predicted = truth + random.normal(0, 8, n)
    found = quality_at_marks(truth, predicted)
    assert 2 <= len(found) <= 30
    counts = np.zeros((1, 3))
    for one in found:
        below, listed = truth < one.mark, predicted < one.mark
        assert one.precision.value == pytest.approx(precision_score(below, listed))
        assert one.recall.value == pytest.approx(recall_score(below, listed))
        assert one.precision.low < one.precision.value < one.precision.high
        numbers = [(below & listed).sum(), below.sum(), listed.sum()]
        counts = np.vstack([counts, numbers])
    assert np.diff(counts, axis=0).min() >= 10
    assert (counts[1:, 1:] - counts[1:, :1]).min() >= 10


def test_too_few_rows_say_nothing_of_a_list() -> None:
    assert quality_at_marks(np.arange(40.0), np.arange(40.0)) == ()
