from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from src.components.data_transformation import DataTransformation
from src.components.model_explanation import GRID_POINTS, ModelExplanation
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema

SCHEMA = Schema(
    features=(
        NumericFeature(name="noise", observed_minimum=0, observed_maximum=1),
        NumericFeature(name="hours", observed_minimum=0, observed_maximum=10),
        NumericFeature(name="sleep", observed_minimum=0, observed_maximum=10, optional=True),
        CategoricalFeature(name="course", categories=("none", "half", "done"), optional=True),
    ),
    target=NumericFeature(name="mark", observed_minimum=0, observed_maximum=100),
)


def fitted(n_rows: int = 400) -> tuple[Pipeline, pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    hours, sleep = random.uniform(0, 10, n_rows), random.integers(4, 10, n_rows).astype(float)
    course = random.choice(np.array(["none", "half", "done", np.nan], dtype=object), n_rows)
    points = pd.Series(course).map({"none": 0, "half": 4, "done": 10}).fillna(2).to_numpy()
    y = 6 * hours + 1.5 * sleep + points + random.normal(0, 0.5, n_rows)
    X = pd.DataFrame({"noise": random.random(n_rows), "hours": hours, "sleep": sleep,
                      "course": course}).astype({"course": object})  # fmt: skip
    pipeline = Pipeline(
        [("preprocessor", DataTransformation(SCHEMA).run()), ("model", LinearRegression())]
    )
    return pipeline.fit(X, y), X, y


def test_importance_orders_the_features_and_noise_has_none() -> None:
    pipeline, X, y = fitted()
    found = ModelExplanation(SCHEMA).permutation_importance(pipeline, X, y)
    assert [one.feature for one in found] == ["hours", "course", "sleep", "noise"]
    assert found[0].r2_drop > 1  # shuffled hours are worse than the mean for everybody
    assert found[0].mae_rise == pytest.approx(6 * 10 / 3, rel=0.25)  # mean |difference| of uniforms
    assert abs(found[-1].r2_drop) < 0.001
    assert all(one.r2_drop_std > 0 for one in found[:3])


def test_partial_dependence_of_a_linear_model_is_a_line_of_its_slope() -> None:
    pipeline, X, _ = fitted()
    noise, hours, sleep, course = ModelExplanation(SCHEMA).partial_dependence(pipeline, X)
    assert len(hours.at) == GRID_POINTS
    slopes = np.diff(hours.mean) / np.diff(hours.at)
    np.testing.assert_allclose(slopes, slopes[0])
    assert slopes[0] == pytest.approx(6, abs=0.1)
    np.testing.assert_allclose(hours.low, hours.mean)  # every row's curve is parallel
    np.testing.assert_allclose(hours.high, hours.mean)
    assert sleep.at == (4, 5, 6, 7, 8, 9)
    assert np.ptp(noise.mean) < 0.3
    assert course.at == ("none", "half", "done", None)
    assert course.mean[2] - course.mean[0] == pytest.approx(10, abs=0.3)


def test_the_same_seed_gives_the_same_numbers() -> None:
    pipeline, X, y = fitted(800)  # more rows than are looked at
    first, again, other = (
        ModelExplanation(SCHEMA, seed).permutation_importance(pipeline, X, y) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_the_tables_are_left_as_they_are() -> None:
    pipeline, X, y = fitted()
    before = X.copy()
    explanation = ModelExplanation(SCHEMA)
    explanation.importance(pipeline, X, X, y)
    explanation.partial_dependence(pipeline, X)
    pd.testing.assert_frame_equal(X, before)


def test_the_share_in_a_prediction_is_the_mean_way_from_the_average() -> None:
    pipeline, X, y = fitted()
    found = {one.feature: one for one in ModelExplanation(SCHEMA).importance(pipeline, X, X, y)}
    hours = X["hours"].iloc[:50]
    slope = ModelExplanation(SCHEMA).partial_dependence(pipeline, X)[1]
    rise = (slope.mean[-1] - slope.mean[0]) / (slope.at[-1] - slope.at[0])
    expected = abs(rise) * (hours - X["hours"].mean()).abs().mean()
    assert found["hours"].mean_absolute_contribution == pytest.approx(expected, rel=0.05)
    assert found["noise"].mean_absolute_contribution < 0.1 * expected
