from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import FunctionTransformer

from src.search.more_rows import MoreRows


def table(n_rows: int = 600) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.uniform(0, 1, (n_rows, 3)))
    y = np.sin(9 * X[0]) * X[1] * 5 + random.normal(0, 0.3, n_rows)
    return X, y.to_numpy()


def more(**options: object) -> MoreRows:
    return MoreRows.of(*table(), FunctionTransformer(np.asarray), 0, **options)  # type: ignore[arg-type]


def booster(**options: object) -> CatBoostRegressor:
    return CatBoostRegressor(iterations=5, depth=2, learning_rate=0.3, verbose=False,
                             allow_writing_files=False, random_seed=0, **options)  # fmt: skip


def test_rows_that_are_held_out_are_a_fifth_and_of_groups_of_their_own() -> None:
    groups = np.arange(600) // 6
    split = more(groups=groups)
    learnt = set(range(600)) - set(split.held.tolist())
    assert len(split.held) == 120
    assert len(split.y) == len(learnt)
    assert not set(groups[split.held]) & set(groups[[*learnt]])


def test_a_booster_gets_the_trees_that_more_rows_ask_for() -> None:
    split = more()
    tuned, unseen = split.try_out(booster(), tune=True)
    assert tuned.get_params()["iterations"] > 5
    before, untuned = split.try_out(booster(), tune=False)
    assert before.get_params()["iterations"] == 5

    def error(predicted: np.ndarray) -> float:
        return float(((split.y_held - predicted) ** 2).mean())

    assert error(unseen.predicted) < 0.5 * error(untuned.predicted)
    again = tuned.fit(split.X, split.y).predict(split.X_held)
    assert error(again) == pytest.approx(error(unseen.predicted), rel=1e-6)


def test_a_blends_members_are_tuned_one_by_one_and_keep_their_shares() -> None:
    blend = VotingRegressor([("ridge", Ridge()), ("catboost", booster())], weights=[0.25, 0.75])
    split = more()
    tuned, unseen = split.try_out(blend, tune=True)
    assert dict(tuned.estimators)["catboost"].get_params()["iterations"] > 5
    assert tuned.fit(split.X, split.y).predict(split.X_held) == pytest.approx(unseen.predicted)
