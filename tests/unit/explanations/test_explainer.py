"""Base and contributions sum to what the model predicts, whatever the model."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures

from src.components.data_transformation import MOST_ONE_HOT, DataTransformation
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.explanations import explainer
from src.explanations.background import Background
from src.explanations.explainer import Explainer
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.search.candidates import CANDIDATES
from tests.sampling import first

TOWNS = tuple(f"town {i}" for i in range(MOST_ONE_HOT + 5))
SCHEMA = Schema(
    features=(
        NumericFeature(name="hours", observed_minimum=0, observed_maximum=10, optional=True),
        NumericFeature(name="nothing", observed_minimum=0, observed_maximum=1),
        CategoricalFeature(name="course", categories=("none", "done")),
        CategoricalFeature(name="school", categories=("a", "b", "c"), optional=True),
        CategoricalFeature(name="town", categories=TOWNS),
    ),
    target=NumericFeature(name="mark", observed_minimum=0, observed_maximum=100),
)


@cache
def table(n_rows: int = 150) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    hours, done = random.integers(0, 11, n_rows).astype(float), random.random(n_rows) < 0.4
    town = random.integers(0, len(TOWNS), n_rows)
    school = random.choice(["a", "b", "c"], n_rows).astype(object)
    y = 20 + 6 * hours + 8 * done * (school == "b") + town / 5 + random.normal(0, 1, n_rows)
    hours[::11], school[::13] = np.nan, np.nan
    X = pd.DataFrame(
        {
            "hours": hours,
            "nothing": random.random(n_rows),
            "course": np.where(done, "done", "none").astype(object),
            "school": school,
            "town": np.array(TOWNS, dtype=object)[town],
        }
    )
    return X.astype(dict.fromkeys(("course", "school", "town"), object)), y


@cache
def trained(*families: str) -> Pipeline:
    X, y = table()
    trainer = ModelTrainer(ModelTrainerConfig(models=families, budget="quick"))
    if len(families) > 1:
        preprocessor = DataTransformation(SCHEMA).run()
        members = [(f, trained(f).named_steps["model"]) for f in families]
        model = VotingRegressor(members, weights=[i + 1 for i in range(len(members))])
        return trainer.fit(Pipeline([("preprocessor", preprocessor), ("model", model)]), X, y)
    found = trainer.run(X, y, DataTransformation(SCHEMA).run())
    return trainer.fit(found.pipeline, X, y)


def explain(pipeline: Pipeline, rows: slice = slice(0, 30)):
    X, _ = table()
    explainer = Explainer(SCHEMA, pipeline, Background.of(SCHEMA, X, pipeline.predict))
    return explainer.base, explainer.contributions(X[rows]), X[rows]


EXPLAINED_FAMILIES = (
    "ridge", "ridge_splines", "ridge_products", "random_forest", "xgboost", "catboost",
    "catboost_native", "neighbors",
)  # fmt: skip
OTHER_FAMILIES = [c.name for c in CANDIDATES if c.name not in EXPLAINED_FAMILIES]


@pytest.mark.parametrize("family", [*first(0, OTHER_FAMILIES), *EXPLAINED_FAMILIES])
def test_base_and_contributions_sum_to_the_prediction_of_every_family(family: str) -> None:
    pipeline = trained(family)
    base, found, X = explain(pipeline)
    tolerance = 1e-4 if family == "xgboost" else 1e-6
    np.testing.assert_allclose(base + found.sum(axis=1), pipeline.predict(X), rtol=tolerance)
    sizes = dict(zip(SCHEMA.names, np.abs(found).mean(axis=0), strict=True))
    assert max(sizes, key=sizes.get) == "hours"
    assert sizes["nothing"] < 0.25 * sizes["hours"]


def test_the_contributions_of_a_blend_are_those_of_its_members() -> None:
    families = "ridge", "xgboost", "neighbors"
    pipeline = trained(*families)
    base, found, X = explain(pipeline)
    np.testing.assert_allclose(base + found.sum(axis=1), pipeline.predict(X), rtol=1e-4)
    shares = np.arange(1, len(families) + 1) / sum(range(1, len(families) + 1))
    X, _ = table()
    background = Background.of(SCHEMA, X, pipeline.predict)
    parts = [
        Explainer(SCHEMA, trained(family), background).contributions(X[:30]) for family in families
    ]
    np.testing.assert_allclose(found, np.tensordot(shares, parts, axes=1), rtol=1e-3, atol=1e-4)


def test_a_linear_model_moves_the_contribution_of_the_changed_feature_alone() -> None:
    X, _ = table()
    pipeline = trained("ridge")
    _, found, _ = explain(pipeline, slice(0, 2))
    more = X[:1].assign(hours=X["hours"].iloc[1])
    both = pd.concat([X[:1], more])
    background = Background.of(SCHEMA, X, pipeline.predict)
    moved = Explainer(SCHEMA, pipeline, background).contributions(both)
    change = pipeline.predict(both)
    assert moved[1, 0] - moved[0, 0] == pytest.approx(change[1] - change[0])
    np.testing.assert_allclose(moved[0, 1:], moved[1, 1:], atol=1e-9)
    assert found[0, 0] == pytest.approx(moved[0, 0])


def test_a_structure_that_is_not_known_adds_up_too() -> None:
    X, y = table()
    model = Pipeline([("squares", PolynomialFeatures(2)), ("ridge", Ridge())])
    pipeline = Pipeline([("preprocessor", DataTransformation(SCHEMA).run()), ("model", model)])
    pipeline.fit(X, y)
    base, found, rows = explain(pipeline)
    np.testing.assert_allclose(base + found.sum(axis=1), pipeline.predict(rows))


def test_a_model_that_looks_at_nothing_has_contributions_of_zero() -> None:
    X, y = table()
    pipeline = Pipeline(
        [("preprocessor", DataTransformation(SCHEMA).run()), ("model", DummyRegressor())]
    ).fit(X, y)
    base, found, _ = explain(pipeline)
    assert base == pytest.approx(y.mean())
    np.testing.assert_allclose(found, 0, atol=1e-9)


def test_contributions_are_the_same_each_time_and_do_not_depend_on_the_other_rows() -> None:
    pipeline = trained("neighbors")
    _, first, _ = explain(pipeline)
    _, again, _ = explain(pipeline, slice(3, 4))
    np.testing.assert_array_equal(first[3:4], again)


@pytest.mark.parametrize("family", ["neighbors", "svr"])
def test_sampled_contributions_are_nearly_the_exact_ones(family: str, monkeypatch) -> None:
    """Of few features they are exact: each coalition is asked."""
    pipeline = trained(family)
    base, exact, _ = explain(pipeline)
    monkeypatch.setattr(explainer, "MIXTURES", 250)  # too few for that
    base_of_sample, sampled, _ = explain(pipeline)
    assert base == base_of_sample
    assert np.abs(exact - sampled).max() > 1e-9
    assert np.corrcoef(exact.ravel(), sampled.ravel())[0, 1] > 0.99


def test_of_few_features_contributions_are_shapley_values_by_their_definition() -> None:
    """Issue 13, item 14, for what is not compiled: a mean gain over all orders of the features."""
    X, _ = table()
    pipeline = trained("neighbors")
    background = Background.of(SCHEMA, X, pipeline.predict)
    points, row = background.frame(SCHEMA), X.iloc[7]

    @cache
    def worth(known: frozenset[str]) -> float:
        mixed = points.assign(**{name: pd.Series([row[name]] * len(points), dtype=X[name].dtype)
                                 for name in known})  # fmt: skip
        return float(np.average(pipeline.predict(mixed), weights=background.weights))

    expected = dict.fromkeys(SCHEMA.names, 0.0)
    for order in itertools.permutations(SCHEMA.names):
        for i, name in enumerate(order):
            gain = worth(frozenset(order[: i + 1])) - worth(frozenset(order[:i]))
            expected[name] += gain / math.factorial(len(order))
    explainer = Explainer(SCHEMA, pipeline, background)
    assert explainer.is_exact
    found = explainer.contributions(X[7:8])[0]
    assert found == pytest.approx(list(expected.values()), abs=1e-9)
    assert explainer.base == pytest.approx(pipeline.predict(X).mean(), abs=1e-3)
