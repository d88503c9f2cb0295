"""Every family's tables against its pickles: R8."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostRegressor
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from src.compiled.batch import BatchEvaluator
from src.compiled.contributions import TOO_LARGE, Attributor
from src.compiled.model import CompiledModel, NumericTable
from src.compiler import estimators
from src.compiler import table_builder as compiler_tables
from src.compiler.columns import NumericColumn, exact_cuts
from src.compiler.estimators import Comparison
from src.components import model_compiler
from src.components.data_transformation import DataTransformation
from src.components.model_compiler import CompiledRun, ModelCompiler
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.frames import typed_frame
from src.schema.record import Schema
from src.search.candidates import CANDIDATES
from src.search.native_categories import code_categories
from tests.sampling import first

SCHEMA = Schema(
    features=(
        CategoricalFeature(name="lunch", categories=("standard", "free/reduced")),
        CategoricalFeature(name="group", categories=tuple("ABCDE"), optional=True),
        CategoricalFeature(name="town", categories=tuple(f"t{i}" for i in range(40))),
        NumericFeature(name="reading", minimum=0, maximum=100, observed_minimum=10,
                       observed_maximum=100, integer=True),
        NumericFeature(name="writing", minimum=0, maximum=100, observed_minimum=10,
                       observed_maximum=100, integer=True, optional=True),
        NumericFeature(name="hours", observed_minimum=0, observed_maximum=10),
    ),
    target=NumericFeature(name="maths", minimum=0, maximum=100, observed_minimum=0,
                          observed_maximum=100),
)  # fmt: skip
SMALLER: dict[str, dict[str, Any]] = {
    "catboost": {"iterations": 60}, "xgboost": {"n_estimators": 60},
    "random_forest": {"n_estimators": 15}, "extra_trees": {"n_estimators": 10},
    "gradient_boosting": {"n_estimators": 40}, "hist_gradient_boosting": {"max_iter": 40},
    "adaboost": {"n_estimators": 15},
}  # fmt: skip
NOT_EXPORTED = ("neighbors", "svr")
FAMILIES = [c.name for c in CANDIDATES if not c.native and c.name not in NOT_EXPORTED]


def columns(n_rows: int, seed: int) -> dict[str, np.ndarray]:
    """Return random records as columns, many of their numbers at the half between two scores."""
    random = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for feature in SCHEMA.features:
        missing = random.random(n_rows) < 0.08 * feature.optional
        if isinstance(feature, NumericFeature):
            numbers = random.uniform(0, 100 if feature.maximum else 10, n_rows)
            if feature.integer:
                halves = np.round(numbers * 2) / 2
                numbers = np.where(random.random(n_rows) < 0.8, halves, numbers)
            found[feature.name] = np.where(missing, np.nan, numbers)
        else:
            texts = random.choice(np.array(feature.categories, dtype=object), n_rows)
            found[feature.name] = np.where(missing, None, texts)
    return found


def target(found: dict[str, np.ndarray], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    writing = np.where(np.isnan(found["writing"]), 50, found["writing"])
    town = np.array([int(name[1:]) % 7 for name in found["town"]])
    return (
        0.5 * found["reading"] + 0.3 * writing + 8 * (found["lunch"] == "standard") + town
        + 3 * np.sin(found["hours"]) + 4 * (found["group"] == "E") + random.normal(0, 4, len(town))
    )  # fmt: skip


@cache
def training() -> tuple[pd.DataFrame, np.ndarray]:
    found = columns(400, seed=0)
    for name in ("reading", "writing"):
        found[name] = np.round(found[name])
    return typed_frame(SCHEMA, found), target(found, seed=1)


def fit(estimator: Any, schema: Schema = SCHEMA) -> tuple[Any, Any]:
    X, y = training()
    preprocessor = DataTransformation(schema).run()
    model = estimator.fit(preprocessor.fit_transform(X[list(schema.names)], y), y)
    return preprocessor, model


@cache
def fitted(name: str) -> tuple[Any, Any]:
    candidate = next(c for c in CANDIDATES if c.name == name)
    codes = candidate.expansion is not None and candidate.expansion.of_codes
    estimator = candidate.expanding([0, 1] if codes else range(3)).unfitted(random_state=42)
    return fit(estimator.set_params(**SMALLER.get(name, {})))


BLENDED = ("ridge_products", "catboost", "random_forest", "log_linear_curves")


@cache
def blended() -> tuple[Any, Any]:
    from sklearn.ensemble import VotingRegressor

    members = [(c.name, c.expanding(range(3)).unfitted(42).set_params(**SMALLER.get(c.name, {})))
               for c in CANDIDATES if c.name in BLENDED]  # fmt: skip
    return fit(VotingRegressor(members, weights=[0.4, 0.1, 0.2, 0.3]))


@cache
def compiled(name: str) -> CompiledRun:
    pipeline = blended() if name == "blend" else fitted(name)
    return ModelCompiler(SCHEMA).run(*pipeline, training()[0])


def expected(name: str, found: dict[str, Any]) -> np.ndarray:
    preprocessor, model = fitted(name)
    predicted = model.predict(preprocessor.transform(typed_frame(SCHEMA, found)))
    return np.asarray(predicted, dtype=float).ravel()


def tolerance(name: str) -> float:
    return 1e-4 if name == "xgboost" else 1e-9


def record(found: dict[str, Any], row: int) -> dict[str, Any]:
    values = {name: column[row] for name, column in found.items()}
    return {name: None if v is None or v != v else v for name, v in values.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_ten_thousand_random_records_agree_with_the_pickles(name: str) -> None:
    """R8."""
    run = compiled(name)
    assert run.fallback_reason == ""
    found = columns(10_000, seed=2)
    predicted = BatchEvaluator(run.model).predict(found)
    assert predicted == pytest.approx(expected(name, found), rel=tolerance(name))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_record_and_a_row_of_many_have_the_same_bits(name: str) -> None:
    model = compiled(name).model
    found = columns(300, seed=3)
    alone = [model.predict(record(found, row)) for row in range(300)]
    assert BatchEvaluator(model).predict(found).tolist() == alone


@pytest.mark.parametrize("n_categories", [2, 3, 4])
def test_a_linear_model_is_compiled_however_many_values_a_category_has(n_categories: int) -> None:
    feature = CategoricalFeature(name="kind", categories=tuple("abcd"[:n_categories]))
    schema = replace(SCHEMA, features=(feature, *SCHEMA.numeric))
    X, y = training()
    X = X.assign(kind=[feature.categories[i % n_categories] for i in range(len(X))])
    preprocessor = DataTransformation(schema).run()
    model = LinearRegression().fit(preprocessor.fit_transform(X[list(schema.names)], y), y)
    run = ModelCompiler(schema).run(preprocessor, model, X)
    assert run.fallback_reason == ""
    pickled = model.predict(preprocessor.transform(X[list(schema.names)]))
    served = BatchEvaluator(run.model).predict({n: X[n].to_numpy() for n in schema.names})
    assert served == pytest.approx(pickled, rel=1e-9)


NUMBERS = st.one_of(
    st.integers(0, 200).map(lambda n: n / 2), st.floats(0, 100), st.sampled_from([0.0, 100.0])
)
RECORDS = st.fixed_dictionaries({
    "lunch": st.sampled_from(SCHEMA.features[0].categories),
    "group": st.sampled_from([*SCHEMA.features[1].categories, None]),
    "town": st.sampled_from(SCHEMA.features[2].categories),
    "reading": NUMBERS,
    "writing": st.one_of(NUMBERS, st.none()),
    "hours": st.floats(-1e3, 1e3),
})  # fmt: skip


@pytest.mark.parametrize("name", ["lasso", "gradient_boosting", "xgboost", "catboost"])
@settings(max_examples=50)
@given(values=RECORDS)
def test_any_record_agrees_with_the_pickles(name: str, values: dict[str, Any]) -> None:
    """R8."""
    model = compiled(name).model
    (pickled,) = expected(name, {key: [value] for key, value in values.items()})
    assert model.predict(values) == pytest.approx(pickled, rel=tolerance(name), abs=1e-9)


@pytest.mark.parametrize("name", ["gradient_boosting", "hist_gradient_boosting", "xgboost"])
def test_values_at_and_beside_every_cut_agree_with_the_pickles(name: str) -> None:
    """R8."""
    model = compiled(name).model
    parts = []
    for table in model.features:
        if isinstance(table, NumericTable):
            cuts = np.array(table.cuts)
            near = [cuts, np.nextafter(cuts, -np.inf), np.nextafter(cuts, np.inf)]
            part = columns(3 * len(cuts), seed=4)
            part[table.name] = np.concatenate(near)
            parts.append(part)
    found = {key: np.concatenate([part[key] for part in parts]) for key in SCHEMA.names}
    assert len(found["hours"]) > 100
    predicted = BatchEvaluator(model).predict(found)
    assert predicted == pytest.approx(expected(name, found), rel=tolerance(name))


def test_cuts_that_are_a_rounding_off_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other exports do: undo the scaling of a threshold by arithmetic."""
    monkeypatch.setattr(
        compiler_tables, "exact_cuts", lambda column, t, comparison: t * column.scale + column.mean
    )
    run = ModelCompiler(SCHEMA).run(*fitted("gradient_boosting"), training()[0])
    assert run.model is None
    assert "differs from the pickles by" in run.fallback_reason


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("strict", [True, False])
@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.floats(-10, 10), st.booleans())
def test_a_cut_is_the_last_float_that_goes_left(
    single: bool, strict: bool, mean: float, scale: float, threshold: float, at_a_value: bool
) -> None:
    column = NumericColumn("x", 0, 0.0, mean, scale)
    comparison = Comparison(single, strict)
    if at_a_value or single:
        threshold = float(np.float32(threshold))
    (cut,) = exact_cuts(column, np.array([threshold]), comparison)
    beside = np.array([cut, np.nextafter(cut, np.inf)])
    right = comparison.goes_right(column.transform(beside), np.full(2, threshold))
    assert right.tolist() == [False, True]


@pytest.mark.parametrize("name", NOT_EXPORTED)
def test_a_family_without_tables_is_served_from_its_pickles_with_the_reason(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = compiled.__wrapped__(name)
    kind = type(fitted(name)[1]).__name__
    assert run.model is None
    assert "neither linear nor made of trees" in run.fallback_reason or kind in run.fallback_reason
    assert json.loads(run.content) == {"version": 5, "fallback_reason": run.fallback_reason}
    assert f"The model is served from its pickles. {run.fallback_reason}" in caplog.text


def test_categories_that_catboost_encodes_itself_are_a_reason_for_the_pickles() -> None:
    from sklearn.pipeline import Pipeline

    preprocessor, _ = fitted("ridge")
    X, y = training()
    matrix = preprocessor.transform(X)
    decoder, positions = code_categories(preprocessor, matrix.shape[1])
    booster = CatBoostRegressor(iterations=5, verbose=False, allow_writing_files=False,
                                cat_features=positions)  # fmt: skip
    model = Pipeline([("categories", decoder), ("estimator", booster)]).fit(matrix, y)
    run = ModelCompiler(SCHEMA).run(preprocessor, model, X)
    assert run.fallback_reason == "CatBoost has encoded the categories in its own way."


def test_a_library_that_moves_what_is_read_costs_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(_: object) -> None:
        raise AttributeError("no _predictors")

    monkeypatch.setitem(estimators._READERS, "sklearn.HistGradientBoostingRegressor", moved)
    run = ModelCompiler(SCHEMA).run(*fitted("hist_gradient_boosting"), training()[0])
    assert run.model is None
    assert "HistGradientBoostingRegressor could not be read" in run.fallback_reason


def test_more_leaves_than_a_worker_should_hold_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(compiler_tables, "MOST_LEAVES", 10)
    run = ModelCompiler(SCHEMA).run(*fitted("decision_tree"), training()[0])
    assert "leaves, more than the 10" in run.fallback_reason


@pytest.mark.parametrize("crowded", ["at the top", "at the bottom", "nowhere"])
def test_curves_are_exact_at_their_knots_and_at_both_ends(crowded: str) -> None:
    """T3: a curve jumps where several quantiles, its knots, are the same number."""
    drawn = np.random.default_rng(0).integers(0, 21, 300).astype(float)
    bounds = {"at the top": (0, 13), "at the bottom": (8, 20), "nowhere": (0, 20)}[crowded]
    hours = drawn.clip(*bounds)
    low, high = hours.min(), hours.max()
    feature = NumericFeature(name="hours", observed_minimum=low, observed_maximum=high,
                             integer=True)  # fmt: skip
    schema = replace(SCHEMA, features=(feature,))
    preprocessor = DataTransformation(schema).run()
    y = np.where(hours == low, 30, np.where(hours == high, 70, 50 + np.sin(hours)))
    splines = next(c for c in CANDIDATES if c.name == "ridge_splines").expanding([0]).unfitted(0)
    X = pd.DataFrame({"hours": hours})
    model = splines.fit(preprocessor.fit_transform(X, y), y)
    run = ModelCompiler(schema).run(preprocessor, model, X)
    assert run.fallback_reason == ""
    asked = np.unique([*hours, *(hours + 0.5), low - 3, high + 3])
    asked = np.concatenate([asked, np.nextafter(asked, -np.inf), np.nextafter(asked, np.inf)])
    predicted = model.predict(preprocessor.transform(pd.DataFrame({"hours": asked})))
    assert BatchEvaluator(run.model).predict({"hours": asked}) == pytest.approx(predicted, rel=1e-9)


def test_a_blend_is_one_set_of_tables() -> None:
    from sklearn.ensemble import GradientBoostingRegressor, VotingRegressor
    from sklearn.linear_model import Lasso, Ridge

    members = [("ridge", Ridge()), ("lasso", Lasso(alpha=0.01)),
               ("trees", GradientBoostingRegressor(n_estimators=20))]  # fmt: skip
    preprocessor, model = fit(VotingRegressor(members, weights=[0.5, 0.2, 0.3]))
    run = ModelCompiler(SCHEMA).run(preprocessor, model, training()[0])
    found = columns(1_000, seed=5)
    pickled = model.predict(preprocessor.transform(typed_frame(SCHEMA, found)))
    assert BatchEvaluator(run.model).predict(found) == pytest.approx(pickled, rel=1e-9)
    assert run.model.linear
    assert len(run.model.ensembles) == 1


def test_a_schema_of_numbers_or_of_categories_alone_is_compiled() -> None:
    from sklearn.tree import DecisionTreeRegressor

    for kind in (NumericFeature, CategoricalFeature):
        features = tuple(f for f in SCHEMA.features if isinstance(f, kind))
        schema = replace(SCHEMA, features=features)
        preprocessor, model = fit(DecisionTreeRegressor(max_depth=5), schema)
        run = ModelCompiler(schema).run(preprocessor, model, training()[0][list(schema.names)])
        assert run.fallback_reason == ""


def test_the_tables_stand_for_themselves() -> None:
    content = compiled("ridge").content
    assert CompiledModel.from_dict(json.loads(content)).predict(
        record(columns(1, seed=6), 0)
    ) == compiled("ridge").model.predict(record(columns(1, seed=6), 0))
    assert len(content) < 10_000


# --- contributions --------------------------------------------------------------------------------


def shapley(predict: Any, points: pd.DataFrame, weights: Any, row: dict[str, Any]) -> list[float]:
    """By their definition: a feature's mean gain over all orders in which features get known."""

    @cache
    def worth(known: frozenset[str]) -> float:
        given = {name: np.full(len(points), row[name], dtype=points[name].dtype) for name in known}
        return float(np.average(predict(points.assign(**given)), weights=weights))

    n = len(SCHEMA.names)
    return [
        sum(
            (worth(frozenset((*group, name))) - worth(frozenset(group)))
            / (n * math.comb(n - 1, size))
            for size in range(n)
            for group in itertools.combinations([o for o in SCHEMA.names if o != name], size)
        )
        for name in SCHEMA.names
    ]


REASONED = [name for name in FAMILIES if name != "adaboost"]
ONE_OF_A_KIND = ("ridge", "ridge_products", "log_linear", "decision_tree", "catboost", "blend")


@pytest.mark.parametrize("name", first(6, dict.fromkeys([*ONE_OF_A_KIND, *REASONED])))
def test_reasons_are_interventional_shapley_values_over_one_background(name: str) -> None:
    """Issue 13, items 14 and 15: one definition and one base for all families."""
    run, (X, y), found = compiled(name), training(), columns(6, seed=8)
    evaluator = BatchEvaluator(run.model)
    attributor = Attributor(run.model, run.background.records, run.background.weights)

    def predict(frame: pd.DataFrame) -> np.ndarray:
        return evaluator.predict({key: frame[key].to_numpy() for key in SCHEMA.names})

    background = run.background
    points, weights = (
        (background.frame(SCHEMA), background.weights) if background.weights else (X, None)
    )
    ours, true = [], []
    for row in range(6):
        values = record(found, row)
        contributions = attributor.contributions(values)
        assert contributions.total == pytest.approx(run.model.predict(values), rel=1e-9)
        ours.append(list(contributions.values.values()))
        true.append(shapley(predict, points, weights, values))
    np.testing.assert_allclose(ours, true, atol=1e-6 * y.std())
    assert contributions.base == pytest.approx(predict(X).mean(), abs=1e-3 * y.std())


def test_of_a_median_of_trees_no_reasons_are_given() -> None:
    run = compiled("adaboost")
    assert run.model is not None
    assert run.background.unavailable.startswith("It predicts the median of trees")


def test_trees_with_no_time_for_reasons_have_fewer_points_then_none(monkeypatch) -> None:
    enough = len(compiled("random_forest").background.weights)
    for most, fewer in ((2_500, range(2, enough)), (10, range(1))):
        monkeypatch.setattr(model_compiler, "MOST_LEAVES", most)
        run = compiled.__wrapped__("random_forest")
        assert run.model is not None
        assert len(run.background.weights) in fewer
    assert run.background.unavailable == TOO_LARGE


LINEAR = [
    "linear", "ridge", "lasso", "elastic_net", "ridge_splines", "ridge_products", "ridge_codes",
]  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_linear_contributions_are_zero_on_average_over_the_training_rows(name: str) -> None:
    attributor = Attributor(compiled(name).model)
    X, _ = training()
    rows = {key: X[key].to_numpy() for key in SCHEMA.names}
    every = [attributor.contributions(record(rows, row)) for row in range(len(X))]
    for feature in SCHEMA.names:
        assert np.mean([c.values[feature] for c in every]) == pytest.approx(0, abs=1e-9)
    assert {c.method for c in every} == {"linear"}
    predicted = expected(name, rows)
    assert every[0].base == pytest.approx(predicted.mean(), rel=1e-9)


def test_contributions_of_averaged_linear_models_are_shapley_values_over_the_rows() -> None:
    """By their definition: a feature's mean gain over all orders in which features get known."""
    from sklearn.ensemble import VotingRegressor

    members = [(c.name, c.unfitted(random_state=42)) for c in CANDIDATES
               if c.name in ("ridge", "ridge_splines", "ridge_products")]  # fmt: skip
    preprocessor, model = fit(VotingRegressor(members))
    X, _ = training()
    run = ModelCompiler(SCHEMA).run(preprocessor, model, X)
    evaluator, attributor = BatchEvaluator(run.model), Attributor(run.model)

    def predict(frame: pd.DataFrame) -> np.ndarray:
        return evaluator.predict({key: frame[key].to_numpy() for key in SCHEMA.names})

    found = columns(3, seed=11)
    for row in range(3):
        values = record(found, row)
        contributions = attributor.contributions(values)
        assert contributions.method == "linear"
        assert contributions.base == pytest.approx(predict(X).mean(), rel=1e-9)
        assert list(contributions.values.values()) == pytest.approx(
            shapley(predict, X, None, values), abs=1e-9
        )
