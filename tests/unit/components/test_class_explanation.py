"""What moves the chance of an outcome, of a logistic regression whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from src.components.data_transformation import DataTransformation
from src.components.model_explanation import ModelExplanation
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.schema.features import CategoricalFeature, ClassTarget, NumericFeature
from src.schema.record import Schema
from src.search.task import Classification
from src.stats.chances import ClassChances

EVENT = ClassTarget(
    name="result", categories=("Fail", "Pass", "Top"), ordered=True, at_risk=("Fail",)
)
SCHEMA = Schema(
    (
        NumericFeature(name="hours", observed_minimum=0, observed_maximum=10, actionable=True),
        NumericFeature(name="noise", observed_minimum=0, observed_maximum=1),
        CategoricalFeature(name="course", categories=("none", "done"), actionable=True),
    ),
    EVENT,
)


def rows(n: int = 400) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    X = pd.DataFrame({
        "hours": random.uniform(0, 10, n), "noise": random.random(n),
        "course": pd.Series(random.choice(["none", "done"], n), dtype=object),
    })  # fmt: skip
    score = 0.8 * (X["hours"] - 5) + 1.5 * (X["course"] == "done") + random.logistic(size=n)
    return X, np.digitize(score, (-1.0, 2.0)).astype(np.int64)


def chances(y: np.ndarray) -> ClassChances:
    prior = np.bincount(y) / len(y)
    return ClassChances(tuple(prior.tolist()), 10**9)  # so many rows that raw chances stay


def fitted(X: pd.DataFrame, y: np.ndarray) -> Pipeline:
    steps = [("preprocessor", DataTransformation(SCHEMA).run()), ("model", LogisticRegression())]
    return Pipeline(steps).fit(X, y)


def test_partial_dependence_is_the_mean_chance_of_the_event() -> None:
    X, y = rows()
    pipeline = fitted(X, y)
    hours, _, course = ModelExplanation(SCHEMA, chances=chances(y)).partial_dependence(pipeline, X)
    assert hours.outcome == course.outcome == "Fail"
    assert hours.mean[0] > 0.6 > 0.1 > hours.mean[-1]
    few = X.iloc[:300]
    by_hand = [
        pipeline.predict_proba(few.assign(course=category))[:, 0].mean()
        for category in ("none", "done")
    ]
    assert course.mean == pytest.approx(by_hand, abs=0.03)
    assert all(0 <= end <= 1 for end in (*hours.low, *hours.high))


def test_without_an_event_each_outcome_has_curves() -> None:
    X, y = rows()
    schema = replace(SCHEMA, target=replace(EVENT, at_risk=()))
    found = ModelExplanation(schema, chances=chances(y)).partial_dependence(fitted(X, y), X)
    assert [one.outcome for one in found] == ["Fail"] * 3 + ["Pass"] * 3 + ["Top"] * 3
    of_course = [one.mean for one in found if one.feature == "course"]
    assert np.sum(of_course, axis=0) == pytest.approx([1, 1])


def test_raw_differences_are_of_the_share_with_the_event() -> None:
    X, y = rows()
    hours, course = ModelExplanation(SCHEMA).raw_differences(X, y)
    shares = [(y[X["course"] == category] == 0).mean() for category in ("done", "none")]
    assert course.order == ("done", "none")
    assert course.difference == pytest.approx(shares[1] - shares[0])
    assert hours.difference < 0
    nobody = replace(SCHEMA, target=replace(EVENT, at_risk=()))
    assert ModelExplanation(nobody).raw_differences(X, y) == []


def test_importance_is_a_share_of_the_log_loss_of_the_shares_alone() -> None:
    X, y = rows()
    config = ModelTrainerConfig(
        models=("logistic",), budget="quick", task=Classification(3, ordered=True)
    )
    trainer = ModelTrainer(config)
    trained = trainer.run(X, y, DataTransformation(SCHEMA).run())
    pipeline = trainer.fit(trained.pipeline, X, y)
    found, refitted = ModelExplanation(SCHEMA, chances=chances(y)).importance(
        trained, pipeline, X, X
    )
    assert [one.feature for one in found] == ["hours", "course", "noise"]
    prior = np.bincount(y) / len(y)
    assert refitted.baseline_log_loss == pytest.approx(-(prior * np.log(prior)).sum(), abs=0.01)
    assert 0.05 < found[0].mean_absolute_contribution < 0.5
    assert found[1].mean_absolute_contribution > found[2].mean_absolute_contribution
