"""The search: every family runs, nothing leaks, the same seed gives the same numbers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from src.components.data_transformation import DataTransformation
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.config import ALL_COLUMNS, BASELINE, BLEND, SINGLE_COLUMN
from src.exception import ConfigurationError, TrainingError
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.search.candidates import CANDIDATES
from src.search.leaderboard import TrainedModel
from src.search.task import REGRESSION, Classification, Task

SCHEMA = Schema(
    features=(
        NumericFeature(name="hours", observed_minimum=0, observed_maximum=10, optional=True),
        CategoricalFeature(name="course", categories=("none", "done"), optional=True),
    ),
    target=NumericFeature(name="mark", observed_minimum=0, observed_maximum=100),
)

REFERENCES = (SINGLE_COLUMN, ALL_COLUMNS)


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


def table_for(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows that a family is offered for: codes, or a target with a long tail."""
    X, y = table()
    if name == "ridge_codes":
        levels = np.arange(len(X)) % 8
        y = y + np.array([0, 60, -40, 30, 50, -60, 10, -20])[levels] - 6 * X["hours"].fillna(5)
        X["hours"] = levels.astype(float)
    return X, np.exp(y / 20) if name.startswith("log_linear") else np.asarray(y)


@pytest.mark.parametrize("name", [candidate.name for candidate in CANDIDATES])
def test_every_family_trains_predicts_and_stands_beside_the_baseline(name: str) -> None:
    X, y = table_for(name)
    trainer = ModelTrainer(ModelTrainerConfig(models=(name,)))
    trained = trainer.run(X, y, DataTransformation(SCHEMA).run())
    assert [row.name for row in trained.leaderboard if row.name not in REFERENCES] == [
        name, BASELINE,
    ]  # fmt: skip
    assert trained.winner.r2 > 0.5
    fitted = trainer.fit(trained.pipeline, X, y)
    predicted = np.asarray(fitted.predict(X))
    assert predicted.shape == (len(X),)
    assert np.isfinite(predicted).all()


def test_a_linear_relation_is_won_by_a_linear_model() -> None:
    trained = search(models=("decision_tree", "linear", "neighbors"))
    assert trained.winner.name == "linear"
    r2 = [row.r2 for row in trained.leaderboard]
    assert r2 == sorted(r2, reverse=True)


def test_the_number_of_trees_is_found_by_early_stopping_but_for_quick() -> None:
    quick = search(models=("xgboost",), budget="quick").winner
    assert quick.params["n_estimators"] == 120
    assert search(models=("xgboost",)).winner.params["n_estimators"] not in (120, 400)


def test_native_categories_are_not_blended_in_where_plain_columns_do_as_well() -> None:
    trained = search(models=("catboost", "catboost_native"))
    assert {row.name for row in trained.leaderboard} >= {"catboost", "catboost_native"}
    assert trained.winner.name == "catboost"
    two = replace(
        SCHEMA, features=(SCHEMA.features[0], replace(SCHEMA.features[1], optional=False))
    )
    X, y = table()
    X["course"] = X["course"].fillna("none")
    config = ModelTrainerConfig(models=("linear", "catboost_native"))
    left_out = ModelTrainer(config).run(X, y, DataTransformation(two).run()).left_out
    assert left_out == {"catboost_native": "no feature has three or more categories"}


@pytest.mark.parametrize("name", ["random_forest", "catboost"])
def test_the_number_of_jobs_does_not_change_the_result(name: str) -> None:
    """R1."""

    def scores(jobs: int) -> list[tuple[str, float, float, dict]]:
        rows = search(models=(name,), jobs=jobs).leaderboard
        return [(row.name, row.r2, row.errors, row.params) for row in rows]

    assert scores(1) == scores(2)


@pytest.mark.parametrize("task", [REGRESSION, Classification(2)], ids=["number", "outcomes"])
def test_no_two_threads_fit_catboost_at_once(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """T1: that crashed Python, about once in 400 searches with two jobs."""
    family = next(one for one in task.candidates if one.name == "catboost")
    models = [clone(family.unfitted(0)).set_params(iterations=2) for _ in range(4)]
    fitting, at_once = [], []
    train = type(models[0])._train

    def watched(*arguments: object) -> None:
        fitting.append(1)
        at_once.append(len(fitting))
        time.sleep(0.02)
        train(*arguments)
        fitting.pop()

    monkeypatch.setattr(type(models[0]), "_train", watched)
    X, y = np.arange(20.0)[:, None], np.arange(20) % 2
    with ThreadPoolExecutor(4) as threads:
        fitted = [*threads.map(lambda model: model.fit(X, y), models)]
    assert at_once == [1] * 4
    assert all(one.is_fitted() for one in fitted)


def test_the_best_column_and_ridge_stand_beside_the_models_and_are_not_chosen() -> None:
    """13.20."""
    trained = search(models=("decision_tree",))
    board = {row.name: row for row in trained.leaderboard}
    assert trained.winner.name == "decision_tree"
    assert board[SINGLE_COLUMN].label == "Best single column: hours"
    assert 0.5 < board[SINGLE_COLUMN].r2 < board[ALL_COLUMNS].r2
    assert ALL_COLUMNS not in {row.name for row in search(models=("ridge",)).leaderboard}


def test_the_seed_changes_the_folds() -> None:
    first = search(models=("linear",), random_state=1).winner.r2
    assert first != search(models=("linear",), random_state=2).winner.r2


def test_noise_is_an_error_that_says_no_model_beats_the_mean() -> None:
    X, _ = table()
    y = np.random.default_rng(1).normal(size=len(X))
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge", "decision_tree")))
    with pytest.raises(TrainingError, match="No model is better than predicting the mean"):
        trainer.run(X, y, DataTransformation(SCHEMA).run())


def test_folds_too_small_to_tell_a_model_from_the_mean_are_named() -> None:
    X, _ = table(60)
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge",), folds=30))
    with pytest.raises(TrainingError, match="too few for 30 folds"):
        trainer.run(X, np.random.default_rng(1).normal(size=60), DataTransformation(SCHEMA).run())


def test_where_a_few_extreme_values_outweigh_all_others_the_refusal_says_so() -> None:
    """A rank correlation of .5 with the first column drowned in the tails."""
    random = np.random.default_rng(3)
    X, _ = table()
    y = random.normal(size=len(X))
    y[:2] = 60.0, -80.0
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge",)))
    with pytest.raises(TrainingError, match="or a few extreme values of the target outweigh"):
        trainer.run(X, y, DataTransformation(SCHEMA).run())


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"no model 'rigde'\. Did you mean 'ridge'\? Choose from ridge, ridge_spl",
    ):
        ModelTrainer(ModelTrainerConfig(models=("rigde",)))


def test_what_the_budget_has_no_room_for_is_left_out_with_the_reason() -> None:
    trained = search(n_rows=2_000, models=("linear", "ridge", "random_forest"), budget="quick")
    assert trained.left_out == {"random_forest": "no room in the budget (quick)"}
    tried = {row.name for row in trained.leaderboard}
    assert {"linear", "ridge", BASELINE} <= tried
    assert "random_forest" not in tried


def test_many_numbers_leave_room_for_a_booster_beside_their_products() -> None:
    names = [f"x{i}" for i in range(40)]
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 40)), columns=names)
    y = (X["x0"] + X["x1"]).to_numpy()
    features = tuple(NumericFeature(name=n, observed_minimum=-4, observed_maximum=4) for n in names)
    models = ("ridge", "ridge_splines", "ridge_products", "catboost")
    trainer = ModelTrainer(ModelTrainerConfig(models=models, budget="quick"))
    trained = trainer.run(X, y, DataTransformation(replace(SCHEMA, features=features)).run())
    assert trained.left_out == {"ridge_products": "no room in the budget (quick)"}
    assert "catboost" in {row.name for row in trained.leaderboard}


def test_larger_budgets_try_more() -> None:
    def trials(budget: str | float) -> dict[str, int]:
        found = search(n_rows=1_000, models=("ridge", "svr"), budget=budget).leaderboard
        return {row.name: row.n_trials for row in found}

    quick, standard, minute = trials("quick"), trials("standard"), trials(60.0)
    assert quick["svr"] < standard["svr"] < minute["svr"]


def test_a_search_that_ends_before_its_seconds_is_repeatable() -> None:
    """R1."""
    options = {"models": ("svr",), "budget": 60.0}
    one, two = search(**options), search(**options)
    assert [(row.r2, row.params) for row in one.leaderboard] == [
        (row.r2, row.params) for row in two.leaderboard
    ]


def test_a_budget_in_seconds_is_kept() -> None:
    started = time.monotonic()
    trained = search(n_rows=800, budget=1.0)
    assert time.monotonic() - started < 20
    assert trained.left_out
    not_for_the_table = {"log_linear", "log_linear_curves", "ridge_codes"}
    reasons = {why for name, why in trained.left_out.items() if name not in not_for_the_table}
    assert reasons <= {"no time left", "no room in the budget (1 s)"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"budget": "fast"}, "A budget is quick, standard or seconds. Got 'fast'"),
        ({"metric": "mse"}, "A metric is one of r2, rmse, mae. Got 'mse'"),
    ],
)
def test_a_wrong_option_is_refused(config: dict, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ModelTrainer(ModelTrainerConfig(**config))


def test_the_winner_by_mae_has_the_least_mae() -> None:
    trained = search(models=("decision_tree", "ridge", "neighbors"), metric="mae")
    assert trained.winner.name == "ridge"
    errors = [row.errors["mae"] for row in trained.leaderboard]
    assert errors == sorted(errors)


def test_groups_are_never_split() -> None:
    X, y = table(200)
    schools = np.repeat(np.arange(20), 10)
    y = y + np.random.default_rng(5).normal(0, 10, 20)[schools]
    X["school"] = schools.astype(float)
    schema = replace(SCHEMA, features=(
        *SCHEMA.features, NumericFeature(name="school", observed_minimum=0, observed_maximum=19)
    ))  # fmt: skip
    preprocessor = DataTransformation(schema).run()
    trainer = ModelTrainer(ModelTrainerConfig(models=("random_forest",)))
    apart = trainer.run(X, y, preprocessor, groups=schools.tolist())
    mixed = trainer.run(X, y, preprocessor)
    assert apart.winner.r2 < mixed.winner.r2 - 0.02, "a fold has seen its own schools"


def test_each_group_is_a_fold_where_they_are_few_and_one_alone_is_refused() -> None:
    X, y = table(60)
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge",), budget="quick"))
    preprocessor = DataTransformation(SCHEMA).run()
    found = trainer.run(X, y, preprocessor, groups=[i % 3 for i in range(60)])
    assert sorted([*{i % 3 for i in test.tolist()}] for test in found.folds.tests) == [
        [0],
        [1],
        [2],
    ]
    with pytest.raises(ConfigurationError, match="all of one group"):
        trainer.run(X, y, preprocessor, groups=["one"] * 60)


def test_a_family_whose_library_refuses_a_fold_is_left_out_with_the_reason(caplog) -> None:
    """Of two groups, one has the same target in all rows: CatBoost does not learn from it alone."""
    X, y = table(80)
    groups = [i // 20 for i in range(80)]
    y[20:] = 50.0
    X["hours"] = np.where(np.arange(80) < 20, X["hours"], 5.0)
    preprocessor = DataTransformation(SCHEMA).run()

    def train(*models: str) -> TrainedModel:
        trainer = ModelTrainer(ModelTrainerConfig(models=models, budget="quick"))
        return trainer.run(X, y, preprocessor, groups=groups)

    with pytest.raises(TrainingError, match=r"No model is better .* Ridge"):
        train("catboost", "ridge")
    assert "CatBoost could not be fitted: " in caplog.text
    with pytest.raises(TrainingError, match=r"trained .*catboost: it could .*\(CatBoostError\)"):
        train("catboost")


def test_rows_of_no_weight_teach_nothing() -> None:
    X, y = table(200)
    wrong = y.copy()
    wrong[::2] = 500
    weight = np.where(np.arange(200) % 2, 1.0, 1e-9)
    models = ("ridge", "ridge_splines", "neighbors", "decision_tree")
    trainer = ModelTrainer(ModelTrainerConfig(models=models))
    preprocessor = DataTransformation(SCHEMA).run()
    trained = trainer.run(X, y, preprocessor, weight=weight)
    fitted = trainer.fit(trained.pipeline, X, wrong, weight)
    assert np.abs(fitted.predict(X) - y)[1::2].mean() < 10
    assert trained.left_out == dict.fromkeys(
        ("neighbors", "ridge_splines"), "it cannot be trained with weights"
    )


def test_a_simpler_model_is_taken_where_it_is_as_good() -> None:
    """The relation is linear, so no ensemble can be better by more than chance."""
    trained = search(n_rows=400, models=("ridge", "catboost", "xgboost"))
    assert trained.winner.name == "ridge"


def test_what_is_as_good_as_the_best_is_averaged_as_library_objects() -> None:
    """The relation is linear, and linear families count once."""
    models = ("ridge", "lasso", "linear", "ridge_splines", "catboost")
    trainer = ModelTrainer(ModelTrainerConfig(models=models))
    X, y = table(400)
    trained = trainer.run(X, y, DataTransformation(SCHEMA).run())
    assert trained.winner.name == BLEND
    assert trained.winner.label.startswith("Average of ")
    assert trained.winner.params == {"ridge": 0.5, "ridge_splines": 0.5}
    model = trainer.fit(trained.pipeline, X, y).named_steps["model"]
    assert type(model).__module__.startswith("sklearn.")


def test_fitted_weights_are_taken_where_they_gain() -> None:
    """A forest bends where it should, a linear model is less led astray by noise."""
    random = np.random.default_rng(0)
    X = pd.DataFrame({"hours": random.uniform(0, 10, 500),
                      "course": random.choice(["none", "done"], 500).astype(object)})  # fmt: skip
    X = X.astype({"course": object})
    hours = X["hours"].to_numpy()
    y = 4 * hours + 3 * np.sin(2 * hours) + random.normal(0, 12, 500)
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge", "extra_trees")))
    trained = trainer.run(X, y, DataTransformation(SCHEMA).run())
    assert trained.winner.label.startswith("Blend of ")
    assert len({*trained.winner.params.values()}) == 2
    assert sum(trained.winner.params.values()) == pytest.approx(1, abs=1e-4)
    behind = [row.behind.value for row in trained.leaderboard if row.behind]
    assert len(behind) == 4
    assert min(behind) > 0.002


def test_curves_and_products_are_left_out_where_no_feature_is_a_number() -> None:
    frame = pd.DataFrame({"course": np.resize(["none", "done"], 100)}).astype({"course": object})
    schema = replace(SCHEMA, features=tuple(f for f in SCHEMA.features if f.name == "course"))
    y = np.where(frame["course"] == "done", 60.0, 50.0) + np.random.default_rng(0).normal(size=100)
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge", "ridge_splines", "ridge_products")))
    trained = trainer.run(frame, y, DataTransformation(schema).run())
    assert trained.left_out == {
        "ridge_splines": "no feature is a number",
        "ridge_products": "no feature is a number",
    }


def test_the_out_of_fold_predictions_are_the_winners() -> None:
    trained = search(n_rows=300, models=("ridge", "decision_tree"))
    assert trained.out_of_fold.shape == trained.folds.truth.shape == (300,)
    rmse = np.sqrt(np.mean((trained.folds.truth - trained.out_of_fold) ** 2))
    assert rmse == pytest.approx(trained.winner.errors["rmse"], rel=0.01)


def test_a_large_table_is_searched_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.search.plan.SEARCHED_ROWS", 300)
    trained = search(n_rows=1_000, models=("ridge",))
    assert trained.folds.truth.shape == (300,)


@pytest.mark.slow
def test_twenty_rows_are_enough_for_every_family() -> None:
    trained = search(n_rows=16)
    assert {c.name for c in CANDIDATES} < {row.name for row in trained.leaderboard}


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


def test_the_learning_curve_rises_with_the_rows_and_ends_at_the_winners_score() -> None:
    trained = search(200, models=("ridge",))
    points, too_few = ModelTrainer(ModelTrainerConfig()).learning_curve(trained)
    assert too_few == []
    assert [p.n_train for p in points] == [16, 40, 80, 160]
    assert points[-1].r2 == pytest.approx(trained.winner.r2, abs=0.002)  # corrected for the choice
    assert points[0].r2 < points[-1].r2
    assert points[0].r2 < points[0].train_r2
    assert all(p.r2_low < p.r2 < p.r2_high for p in points)
    assert points[0].gain is None
    assert points[1].gain.value == pytest.approx(points[1].r2 - points[0].r2)


def test_the_learning_curve_leaves_out_the_sizes_that_the_winner_cannot_learn_from(caplog) -> None:
    """T1: 20 neighbours of 13 rows."""
    trained = search(160, models=("neighbors",))
    trained.pipeline.set_params(model__n_neighbors=20)
    points, too_few = ModelTrainer(ModelTrainerConfig(jobs=2)).learning_curve(trained)
    assert [p.n_train for p in points] == [32, 64, 128]
    assert too_few == [13]
    assert "The learning curve leaves out 13 rows" in caplog.text


def test_progress_names_each_family_and_ends() -> None:
    seen: list[tuple[str, int, int]] = []
    X, y = table()
    ModelTrainer(ModelTrainerConfig(models=("linear", "ridge"))).run(
        X, y, DataTransformation(SCHEMA).run(), lambda *step: seen.append(step)
    )
    assert [done for _, done, _ in seen] == [0, 1, 2, 3]
    assert {total for _, _, total in seen} == {3}
    assert seen[1][0] == "Ridge regression"


def test_log_linear_models_are_tried_where_the_target_has_a_long_tail_only() -> None:
    X, y = table()
    models = ("ridge", "log_linear", "log_linear_curves")
    trainer = ModelTrainer(ModelTrainerConfig(models=models))
    ordinary = trainer.run(X, y, DataTransformation(SCHEMA).run())
    assert ordinary.left_out.keys() == {"log_linear", "log_linear_curves"}
    multiplied = trainer.run(X, np.exp(y / 20), DataTransformation(SCHEMA).run())
    assert not multiplied.left_out
    r2 = {row.name: row.r2 for row in multiplied.leaderboard}
    assert max(r2["log_linear"], r2["log_linear_curves"]) > r2["ridge"] + 0.1


def test_an_answer_that_is_missing_for_a_reason_is_learnt_from() -> None:
    """13.21: ridge regression without indicators reached .36 in place of .60."""
    random = np.random.default_rng(5)
    X, y = table(300)
    gone = random.random(300) < 0.3
    X.loc[gone, "hours"] = np.nan
    trainer = ModelTrainer(ModelTrainerConfig(models=("ridge",)))
    trained = trainer.run(X, np.where(gone, 90.0, y), DataTransformation(SCHEMA).run())
    assert trained.winner.r2 > 0.9
