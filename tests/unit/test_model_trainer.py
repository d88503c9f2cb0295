"""The search: every family runs, nothing leaks, the same seed gives the same numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from src.components.data_transformation import DataTransformation
from src.components.model_trainer import (
    BASELINE,
    CANDIDATES,
    ModelTrainer,
    ModelTrainerConfig,
    TrainedModel,
)
from src.exception import ConfigurationError, TrainingError
from src.schema import CategoricalFeature, NumericFeature, Schema

SCHEMA = Schema(
    features=(
        NumericFeature(name="hours", observed_minimum=0, observed_maximum=10, optional=True),
        CategoricalFeature(name="course", categories=("none", "done"), optional=True),
    ),
    target=NumericFeature(name="mark", observed_minimum=0, observed_maximum=100),
)


def table(n_rows: int = 80, noise: float = 3.0) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    hours = random.uniform(0, 10, n_rows)
    done = random.random(n_rows) < 0.4
    y = 20 + 6 * hours + 8 * done + random.normal(0, noise, n_rows)
    X = pd.DataFrame(
        {"hours": hours, "course": np.where(done, "done", "none").astype(object)}
    ).astype({"course": object})
    X.loc[3, "hours"] = np.nan
    X.loc[5, "course"] = np.nan
    return X, y


def search(n_rows: int = 80, **config: object) -> TrainedModel:
    X, y = table(n_rows)
    trainer = ModelTrainer(ModelTrainerConfig(**config))  # type: ignore[arg-type]
    return trainer.run(X, y, DataTransformation(SCHEMA).run())


@pytest.mark.parametrize("name", [candidate.name for candidate in CANDIDATES])
def test_every_family_trains_predicts_and_stands_beside_the_baseline(name: str) -> None:
    trained = search(models=(name,))
    assert [row.name for row in trained.leaderboard] == [name, BASELINE]
    assert trained.winner.r2 > 0.5
    X, y = table()
    fitted = ModelTrainer(ModelTrainerConfig()).fit(trained.pipeline, X, y)
    predicted = np.asarray(fitted.predict(X))
    assert predicted.shape == (len(X),)
    assert np.isfinite(predicted).all()


def test_a_linear_relation_is_won_by_a_linear_model() -> None:
    trained = search(models=("decision_tree", "linear", "neighbors"))
    assert trained.winner.name == "linear"
    r2 = [row.r2 for row in trained.leaderboard]
    assert r2 == sorted(r2, reverse=True)


@pytest.mark.parametrize("name", ["random_forest", "xgboost", "catboost", "svr"])
def test_r1_the_number_of_jobs_does_not_change_the_result(name: str) -> None:
    def scores(jobs: int) -> list[tuple[str, float, float, dict]]:
        rows = search(models=(name,), jobs=jobs).leaderboard
        return [(row.name, row.r2, row.mae, row.params) for row in rows]

    assert scores(1) == scores(2)


def test_the_seed_changes_the_folds() -> None:
    first = search(models=("linear",), random_state=1).winner.r2
    assert first != search(models=("linear",), random_state=2).winner.r2


def test_noise_is_an_error_that_says_no_model_beats_the_mean() -> None:
    X, _ = table()
    y = np.random.default_rng(1).normal(size=len(X))
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge", "decision_tree")))
    with pytest.raises(TrainingError, match="No model is better than predicting the mean"):
        trainer.run(X, y, DataTransformation(SCHEMA).run())


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no model 'rigde'\. Choose from linear, ridge"):
        ModelTrainer(ModelTrainerConfig(models=("rigde",)))


def test_a_family_that_is_too_slow_for_the_table_is_left_out_with_the_reason() -> None:
    X, y = table(5_200)
    trainer = ModelTrainer(ModelTrainerConfig(models=("linear", "svr")))
    trained = trainer.run(X, y, DataTransformation(SCHEMA).run())
    assert trained.left_out == {"svr": "too slow above 5,000 rows"}
    assert {row.name for row in trained.leaderboard} == {"linear", BASELINE}


def test_twenty_rows_are_enough_for_every_family() -> None:
    trained = search(n_rows=16)
    assert len(trained.leaderboard) == len(CANDIDATES) + 1


def test_the_preprocessing_is_fitted_inside_the_folds() -> None:
    fitted_on: list[int] = []

    class Scaler(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            fitted_on.append(len(X))
            return super().fit(X, y, sample_weight)

    preprocessor = DataTransformation(SCHEMA).run()
    preprocessor.set_params(numeric__scaler=Scaler())
    X, y = table(100)
    ModelTrainer(ModelTrainerConfig(models=("linear",))).run(X, y, preprocessor)
    assert set(fitted_on) == {80}


def test_progress_names_each_family_and_ends() -> None:
    seen: list[tuple[str, int, int]] = []
    X, y = table()
    ModelTrainer(ModelTrainerConfig(models=("linear", "ridge"))).run(
        X, y, DataTransformation(SCHEMA).run(), lambda *step: seen.append(step)
    )
    assert [done for _, done, _ in seen] == [0, 1, 2, 3]
    assert {total for _, _, total in seen} == {3}
    assert seen[1][0] == "Linear regression"
