"""Fits that are sent away give what they give here."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from src.components.data_transformation import DataTransformation
from src.components.model_explanation import ModelExplanation
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.search.candidates import CANDIDATES, Candidate
from src.search.folds import split_rows, stack_folds
from src.search.group_effects import Units
from src.search.home import HERE
from src.search.leaderboard import Tried
from src.search.plan import Budget
from src.search.task import R2, Classification
from src.search.tuning import ROUND_TRIALS, Tuner

SCHEMA = Schema(
    features=(
        NumericFeature(name="hours", observed_minimum=0, observed_maximum=10),
        CategoricalFeature(name="course", categories=("none", "half", "done")),
    ),
    target=NumericFeature(name="mark", observed_minimum=0, observed_maximum=100),
)


class Posted:
    """Whatever a fit needs, and what comes of it, goes by pickle, as it does to another machine."""

    by_clock = False

    def __init__(self) -> None:
        self.n_items = 0

    def map(self, task: Any, data: Any, items: Any, each_s: float = 0.0) -> list[Any]:
        self.n_items += len(items)
        data = pickle.loads(pickle.dumps(data, protocol=5))
        found = []
        for item in items:
            run, asked = cloudpickle.loads(cloudpickle.dumps((task, item)))
            found.append(pickle.loads(pickle.dumps(run(data, asked))))
        return found


def table(n: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    hours, course = random.uniform(0, 10, n), random.integers(0, 3, n)
    y = 20 + 4 * hours + 6 * course + random.normal(0, 3, n)
    names = np.array(["none", "half", "done"])[course].astype(object)
    return pd.DataFrame({"hours": hours, "course": names}).astype({"course": object}), y


def told(trained: Any) -> list[dict[str, Any]]:
    return [row.to_dict() for row in trained.leaderboard]


@pytest.mark.parametrize(
    ("budget", "models"),
    [("quick", ("catboost_native", "ridge_splines")), ("standard", ("xgboost", "svr"))],
)
def test_a_search_is_the_same_where_everything_is_posted(
    budget: str, models: tuple[str, ...]
) -> None:
    """Among it CatBoost with categories, which loses in a pickle what lets it be cloned."""
    X, y = table()
    units = Units(np.array(["a", "b", "c", "d"])[np.arange(len(y)) % 4])
    found = []
    for home in (HERE, posted := Posted()):
        config = ModelTrainerConfig(models=models, budget=budget, home=home, for_known_groups=True)
        trainer = ModelTrainer(config)
        trained = trainer.run(
            X, y, DataTransformation(SCHEMA).run(), groups=units.keys.tolist(), units=units
        )
        curve = trainer.learning_curve(trained)
        fitted = trainer.fit(trained.pipeline, X, y)
        explanation = ModelExplanation(SCHEMA, home=home)
        importance = explanation.importance(trained, fitted, X, X)
        effects = trained.groups.known if trained.groups else None
        found.append((told(trained), curve, importance, effects, fitted.predict(X)))
    assert posted.n_items > 40
    (*here, effects_here, predicted_here), (*there, effects_there, predicted_there) = found
    assert here == there
    assert np.array_equal(effects_here, effects_there)
    assert np.array_equal(predicted_here, predicted_there)


def test_a_search_for_outcomes_is_the_same_where_everything_is_posted() -> None:
    X, y = table()
    outcomes = np.digitize(y, np.quantile(y, [0.3, 0.7]))
    found = []
    for home in (HERE, posted := Posted()):
        config = ModelTrainerConfig(
            models=("logistic", "ordinal", "decision_tree"),
            budget="quick",
            task=Classification(3, ordered=True),
            home=home,
        )
        trained = ModelTrainer(config).run(X, outcomes, DataTransformation(SCHEMA).run())
        found.append((told(trained), trained.out_of_fold.tolist()))
    assert posted.n_items > 20
    assert found[0] == found[1]


@pytest.mark.parametrize("candidate", CANDIDATES, ids=[one.name for one in CANDIDATES])
def test_every_family_can_be_posted(candidate: Candidate) -> None:
    assert cloudpickle.loads(cloudpickle.dumps(candidate)).name == candidate.name


def test_every_classifier_can_be_posted() -> None:
    for candidate in Classification(3, ordered=True).candidates:
        assert cloudpickle.loads(cloudpickle.dumps(candidate)).name == candidate.name


def test_equal_fits_of_catboost_are_equal_files() -> None:
    """It writes the time, and a number drawn by chance, into each model."""
    from src.utils import dump_object

    X, y = table(60)
    trainer = ModelTrainer(ModelTrainerConfig(models=("catboost",), budget="quick"))
    trained = trainer.run(X, y, DataTransformation(SCHEMA).run())
    one, two = (dump_object(trainer.fit(trained.pipeline, X, y)) for _ in range(2))
    assert one == two


def test_seconds_that_are_not_by_the_clock_end_the_search_after_so_many_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("src.search.tuning.trial_s", lambda candidate, folds, quick: 0.5)
    monkeypatch.setattr("src.search.tuning.ROUND_GAIN", -1.0)
    X, y = table()
    splits = split_rows(y, 3, 0)
    folds = stack_folds(X, y, DataTransformation(SCHEMA).run(), splits)
    tuner = Tuner(folds, R2, 0, stops_early=False)
    family = replace(next(one for one in CANDIDATES if one.name == "decision_tree"))
    first = tuner.search(family, trials=2)

    def search(self: Tuner, candidate: Candidate, trials: int, seed: int = 0) -> Tried:
        asked.append(trials)
        return first

    monkeypatch.setattr(Tuner, "search", search)
    budget = Budget(10.0, by_clock=False, started=-1e9)
    tuner.search_further({"decision_tree": first}, budget, lambda *_: None)
    # 2 trials are 1 s, each round 3 s: 4, 7, 10 are within 10 s, 13 are not.
    assert asked == [ROUND_TRIALS] * 3


def test_no_clock_is_looked_at_where_fits_are_sent() -> None:
    long_ago = -1e9
    assert Budget(5.0, started=long_ago).is_used_up()
    sent = Budget(5.0, by_clock=False, started=long_ago)
    assert not sent.is_used_up(5.0)
    assert sent.is_used_up(5.1)
    assert not Budget("standard", started=long_ago).is_used_up(1e9)
