"""What anyone would expect of the fitted model: invariance, direction, minimum functionality."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from src.serving.predictor import Predictor

Student = dict[str, object]


def test_column_order_does_not_change_the_prediction(
    predictor: Predictor, student: Student
) -> None:
    shuffled = dict(reversed(student.items()))
    assert predictor.predict_record(shuffled) == predictor.predict_record(student)


def test_a_number_and_its_spelling_predict_the_same(predictor: Predictor, student: Student) -> None:
    spelt = student | {"reading_score": "70.0", "writing_score": " 70 "}
    assert predictor.predict_record(spelt) == predictor.predict_record(student)


def test_a_row_is_predicted_the_same_alone_and_among_others(
    predictor: Predictor, student: Student
) -> None:
    rows = [student | {"reading_score": score} for score in range(20, 101)]
    frame = pd.DataFrame(rows).astype({"reading_score": float, "writing_score": float})
    alone = [predictor.predict_record(row).prediction for row in rows]
    together = predictor.schema.clip_all(predictor.unclipped_columns(frame))
    assert together.shape == (len(rows),)
    assert np.allclose(together, alone, rtol=1e-12)


@pytest.mark.parametrize("feature", ["reading_score", "writing_score"])
def test_a_better_score_never_predicts_a_worse_one(
    predictor: Predictor, student: Student, feature: str
) -> None:
    found = [
        predictor.predict_record(student | {feature: score}).prediction for score in (40, 60, 80)
    ]
    assert found == sorted(found)


def test_better_reading_and_writing_predict_better_math(
    predictor: Predictor, student: Student
) -> None:
    weak = student | {"reading_score": 40, "writing_score": 40}
    strong = student | {"reading_score": 80, "writing_score": 80}
    difference = (
        predictor.predict_record(strong).prediction - predictor.predict_record(weak).prediction
    )
    assert difference > 20


@pytest.mark.parametrize(("score", "low", "high"), [(20, 0, 40), (60, 40, 80), (95, 75, 100)])
def test_plain_cases_land_where_anyone_would_put_them(
    predictor: Predictor, student: Student, score: int, low: float, high: float
) -> None:
    plain = student | {"reading_score": score, "writing_score": score}
    assert low <= predictor.predict_record(plain).prediction <= high


@pytest.mark.parametrize("score", [0, 100])
def test_no_prediction_leaves_the_allowed_range(
    predictor: Predictor, student: Student, score: int
) -> None:
    for gender in ("female", "male"):
        extreme = student | {"gender": gender, "reading_score": score, "writing_score": score}
        assert 0 <= predictor.predict_record(extreme).prediction <= 100


def test_every_combination_of_categories_is_predicted(
    predictor: Predictor, student: Student
) -> None:
    for feature in predictor.schema.categorical:
        for category in feature.categories:
            found = predictor.predict_record(student | {feature.name: category}).prediction
            assert math.isfinite(found)


def test_the_model_is_far_better_than_the_mean(predictor: Predictor) -> None:
    held_out = predictor.metrics["held_out"]
    assert held_out["rmse"]["value"] < 0.5 * held_out["baseline_rmse"]
    assert held_out["r2"]["low"] > 0.7


def test_intervals_hold_the_prediction_and_widen_with_the_level(
    predictor: Predictor, student: Student
) -> None:
    found = predictor.predict_record(student)
    ends = [found.intervals[level] for level in ("0.8", "0.9", "0.95")]
    assert all(low < found.prediction < high for low, high in ends)
    assert ends == sorted(ends, reverse=True)
    assert all(0 <= low < high <= 100 for low, high in ends)
