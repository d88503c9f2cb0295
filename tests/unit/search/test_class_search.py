"""One quick search for outcomes, whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer

from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.config import BASELINE
from src.search.leaderboard import TrainedModel
from src.search.native_categories import NUMERIC
from src.search.task import Classification

RANDOM = np.random.default_rng(0)
X = pd.DataFrame(RANDOM.normal(size=(240, 3)), columns=["a", "b", "c"])
Y = np.digitize(1.5 * X["a"] + RANDOM.logistic(size=240), [-1.0, 1.0])
MODELS = ("ordinal", "decision_tree", "neighbors")


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    config = ModelTrainerConfig(MODELS, budget="quick", task=Classification(3, ordered=True))
    return ModelTrainer(config).run(
        X, Y, ColumnTransformer([(NUMERIC, "passthrough", [*X.columns])])
    )


def test_the_family_that_knows_the_order_wins(trained: TrainedModel) -> None:
    assert trained.winner.name == "ordinal"
    assert trained.winner.params["C"] in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def test_the_leaderboard_has_every_family_and_the_baseline_with_all_losses(trained) -> None:
    rows = {row.name: row for row in trained.leaderboard}
    assert {*MODELS, BASELINE} <= {*rows}
    shares = np.bincount(Y) / len(Y)
    assert rows[BASELINE].errors["log_loss"] == pytest.approx(-shares @ np.log(shares), abs=0.01)
    assert rows[BASELINE].errors["auc"] == pytest.approx(0.5, abs=0.06)
    assert all({"log_loss", "brier", "auc"} == {*row.errors} for row in trained.leaderboard)
    assert trained.leaderboard[0] is trained.winner


def test_the_pipeline_gives_chances_of_the_codes(trained: TrainedModel) -> None:
    fitted = trained.pipeline.fit(X, Y)
    assert fitted[-1].classes_.tolist() == [0, 1, 2]
    chances = fitted.predict_proba(X)
    assert chances.sum(axis=1) == pytest.approx(np.ones(len(X)))
    assert trained.out_of_fold.shape == (len(X), 3)
