from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline

from src.components.data_transformation import DataTransformation
from src.components.model_explanation import GRID_POINTS, ModelExplanation
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.search.leaderboard import TrainedModel
from src.search.refitting import Refitting

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


def searched(
    X: pd.DataFrame, y: np.ndarray, schema: Schema = SCHEMA, groups: list[str] | None = None
) -> tuple[TrainedModel, Pipeline]:
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge",), budget="quick"))
    trained = trainer.run(X, y, DataTransformation(schema).run(), groups=groups)
    return trained, trainer.fit(trained.pipeline, X, y)


def test_importance_orders_the_features_and_noise_has_none() -> None:
    _, X, y = fitted()
    trained, pipeline = searched(X, y)
    found, refitted = ModelExplanation(SCHEMA).importance(trained, pipeline, X, X)
    assert [one.feature for one in found] == ["hours", "course", "sleep", "noise"]
    drops = [one.r2_drop for one in found]
    assert all(drop.excludes_zero for drop in drops[:3])
    assert not drops[3].excludes_zero
    without = cross_val_predict(
        trained.pipeline.named_steps["model"], X[["noise", "sleep"]].assign(
            **{c: X["course"].eq(c) for c in ("none", "half", "done")}), y,
        cv=KFold(5, shuffle=True, random_state=42),
    )  # fmt: skip
    assert refitted.label == "Ridge regression"
    assert refitted.r2 - drops[0].value == pytest.approx(r2_score(y, without), abs=0.01)


def test_what_stands_for_the_chosen_model_is_as_good_before_either_is_corrected() -> None:
    """13.16: the chosen one's R², corrected, was compared with the others', which are not."""
    _, X, y = fitted()
    y = 10.0 * (np.abs(X["hours"].to_numpy() - 5) > 2.5) + np.random.default_rng(5).normal(size=400)
    config = ModelTrainerConfig(models=("ridge", "decision_tree"), budget="quick")
    trained = ModelTrainer(config).run(X, y, DataTransformation(SCHEMA).run())
    corrected = replace(trained, winner=replace(trained.winner, r2=0.0))
    assert Refitting.of(corrected, 42).label == trained.winner.label == "Decision tree"


def test_weights_count_in_what_the_model_relies_on_as_on_the_leaderboard() -> None:
    _, X, y = fitted()
    weight = np.where(np.arange(len(X)) % 3 == 0, 5.0, 0.5)
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge",), budget="quick"))
    trained = trainer.run(X, y, DataTransformation(SCHEMA).run(), weight=weight)
    pipeline = trainer.fit(trained.pipeline, X, y, weight)
    _, refitted = ModelExplanation(SCHEMA).importance(trained, pipeline, X, X)
    shown = r2_score(y, trained.out_of_fold, sample_weight=weight)
    assert refitted.r2 == pytest.approx(shown, abs=0.005)


def test_two_copies_are_missed_together_and_neither_alone() -> None:
    _, X, y = fitted()
    random = np.random.default_rng(1)
    X = X.assign(noise=X["hours"] + random.normal(0, 0.01, len(X)))
    trained, pipeline = searched(X, y)
    found, refitted = ModelExplanation(SCHEMA).importance(trained, pipeline, X, X)
    drops = {one.feature: one.r2_drop for one in found}
    assert drops["hours"].value < 0.01 > drops["noise"].value
    assert [set(one.features) for one in refitted.together] == [{"hours", "noise"}]
    assert refitted.together[0].r2_drop.low > 0.5


def test_schools_widen_the_intervals_of_what_a_feature_adds() -> None:
    _, X, y = fitted(200)
    schools = [str(i // 10) for i in range(200)]
    course = (X["course"] == "done") & (np.arange(200) // 10 < 10)
    X = X.assign(hours=np.repeat(np.random.default_rng(3).random(20), 10))
    y = 5 * X["hours"].to_numpy() + course.to_numpy() + np.random.default_rng(2).normal(0, 1, 200)
    alone, in_schools = (
        ModelExplanation(SCHEMA).importance(*searched(X, y, groups=groups), X, X)[0][0].r2_drop
        for groups in (None, schools)
    )
    assert in_schools.high - in_schools.low > 1.3 * (alone.high - alone.low)


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


def test_raw_differences_are_of_means_and_of_a_line() -> None:
    """13.17."""
    _, X, y = fitted()
    acted_on = tuple(replace(feature, actionable=True) for feature in SCHEMA.features[1:])
    schema = replace(SCHEMA, features=(SCHEMA.features[0], *acted_on))
    hours, _, course = ModelExplanation(schema).raw_differences(X, y)
    slope = np.polyfit(X["hours"], y, 1)[0]
    assert hours.difference == pytest.approx(slope * (hours.high - hours.low))
    means = pd.Series(y).groupby(X["course"].fillna("missing")).mean().sort_values()
    assert ["missing" if c is None else c for c in course.order] == means.index.tolist()
    assert course.difference == pytest.approx(means.iloc[-1] - means.iloc[0])
    assert course.high == "done"


def test_categories_of_few_students_are_not_compared() -> None:
    _, X, y = fitted()
    X.loc[X.index[X["course"] == "half"][9:], "course"] = "none"
    schema = replace(SCHEMA, features=(replace(SCHEMA.features[3], actionable=True),))
    (course,) = ModelExplanation(schema).raw_differences(X, y)
    assert "half" not in course.order


def test_the_same_seed_gives_the_same_numbers() -> None:
    pipeline, X, _ = fitted(800)  # more rows than are looked at
    first, again, other = (
        ModelExplanation(SCHEMA, seed).partial_dependence(pipeline, X) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_the_tables_are_left_as_they_are() -> None:
    pipeline, X, y = fitted()
    before = X.copy()
    explanation = ModelExplanation(SCHEMA)
    explanation.importance(*searched(X, y), X, X)
    explanation.partial_dependence(pipeline, X)
    pd.testing.assert_frame_equal(X, before)


def test_the_share_in_a_prediction_is_the_mean_way_from_the_average() -> None:
    pipeline, X, _ = fitted()
    found = ModelExplanation(SCHEMA).mean_contributions(pipeline, X, X)
    hours = X["hours"].iloc[:50]
    slope = ModelExplanation(SCHEMA).partial_dependence(pipeline, X)[1]
    rise = (slope.mean[-1] - slope.mean[0]) / (slope.at[-1] - slope.at[0])
    expected = abs(rise) * (hours - X["hours"].mean()).abs().mean()
    assert found["hours"] == pytest.approx(expected, rel=0.05)
    assert found["noise"] < 0.1 * expected
