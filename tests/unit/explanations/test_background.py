from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from src.exception import ArtifactError, ReasonsUnavailableError
from src.explanations.background import LEAST_STUDENTS, MOST_POINTS, Background
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema

SCHEMA = Schema(
    features=(
        NumericFeature(name="a", observed_minimum=0, observed_maximum=999, optional=True),
        NumericFeature(name="b", observed_minimum=0, observed_maximum=999),
        CategoricalFeature(name="c", categories=("x", "y"), optional=True),
    ),
    target=NumericFeature(name="mark", observed_minimum=0, observed_maximum=100),
)


def table(n_rows: int = 1_000, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": random.gamma(2, 20, n_rows),
            "b": random.permutation(n_rows).astype(float),
            "c": random.choice(["x", "x", "x", "y"], n_rows).astype(object),
        }
    ).astype({"c": object})
    frame.loc[::5, "a"] = np.nan
    frame.loc[::10, "c"] = np.nan
    return frame


def predict(frame: pd.DataFrame) -> np.ndarray:
    """Bend, and do not add up, so that the mean of predictions is not the prediction of means."""
    a, b = frame["a"].fillna(30).to_numpy(), frame["b"].to_numpy()
    return np.sqrt(a) * np.where(frame["c"] == "y", 9, 4) + np.abs(b - b.mean()) ** 1.5 / 100


def of(X: pd.DataFrame, **options: int) -> Background:
    return Background.of(SCHEMA, X, predict, **options)


@pytest.mark.parametrize("n_rows", [40, 100, 1_000, 6_000])
@pytest.mark.parametrize("seed", range(4))
def test_its_mean_prediction_is_the_rows(n_rows: int, seed: int) -> None:
    """Issue 13, item 15: 63.05 stood for 64.58."""
    X = table(n_rows, seed)

    def fixed(frame: pd.DataFrame) -> np.ndarray:
        a, b = frame["a"].fillna(30).to_numpy(), frame["b"].to_numpy()
        return np.sqrt(a) * np.where(frame["c"] == "y", 9, 4) + np.abs(b - n_rows / 2) ** 1.5 / 100

    found = Background.of(SCHEMA, X, fixed)
    predicted = fixed(X)
    assert np.average(fixed(found.frame(SCHEMA)), weights=found.weights) == pytest.approx(
        predicted.mean(), abs=0.1 * predicted.std()
    )
    assert sum(found.weights) == pytest.approx(1)
    assert min(found.weights) > 0
    assert len(found.weights) <= min(MOST_POINTS, n_rows // LEAST_STUDENTS)


def test_each_point_stands_for_ten_students_or_more() -> None:
    """A number that is the same in no two rows, and large in one, cannot be read off it."""
    X = table(200).assign(b=[1e6, *np.sqrt(np.arange(199) + 0.5)])
    found = of(X).frame(SCHEMA)
    assert found["b"].max() <= (1e6 + 9 * 15) / LEAST_STUDENTS
    assert not set(found["b"]) & set(X["b"])


def test_where_fewer_of_a_group_s_numbers_are_known_the_column_s_mean_stands() -> None:
    X = table(60).assign(a=[np.nan if i % 4 == 0 else 1.5**i for i in range(60)])
    found = of(X, n_points=6).frame(SCHEMA)["a"].dropna().tolist()
    known = sorted(X["a"].dropna())
    assert min(found) >= np.mean(known[:LEAST_STUDENTS])
    assert X["a"].mean() in [pytest.approx(mean) for mean in found]


def test_numbers_and_categories_are_on_average_the_tables() -> None:
    X = table()
    found = of(X)
    drawn = found.frame(SCHEMA)
    assert np.average(drawn["b"], weights=found.weights) == pytest.approx(499.5, abs=30)
    share = np.average(drawn["c"] == "x", weights=found.weights)
    assert share == pytest.approx((X["c"] == "x").mean(), abs=0.15)


def test_it_survives_json_and_is_the_same_each_time() -> None:
    drawn = of(table())
    assert Background.from_dict(json.loads(json.dumps(drawn.to_dict()))) == drawn
    assert of(table()) == drawn
    assert len(of(table(), n_points=8).weights) <= 8
    for other in (Background(), Background(unavailable="Why.")):
        assert Background.from_dict(json.loads(json.dumps(other.to_dict()))) == other


def test_a_table_of_one_group_gives_no_reasons_where_its_mean_predicts_another_mean() -> None:
    found = of(table(15))
    assert found.weights == ()
    assert found.unavailable.startswith("Of so few students")


@pytest.mark.parametrize(
    "values",
    [{}, {"columns": 3, "weights": [1]}, {"columns": {"a": [1], "b": [1, 2]}, "weights": [1]}],
)
def test_damage_is_named(values: dict) -> None:
    with pytest.raises(ArtifactError, match=r"background\.json is damaged"):
        Background.from_dict(values)


def test_rows_of_an_older_run_give_no_reasons() -> None:
    with pytest.raises(ReasonsUnavailableError, match="Train again"):
        Background.from_dict({"columns": {"a": [1.0]}})


def test_several_predictions_are_on_average_what_is_wanted() -> None:
    X = table(400)

    def scores(frame: pd.DataFrame) -> np.ndarray:
        return np.column_stack([predict(frame), frame["b"]])

    def wanted(predicted: np.ndarray) -> np.ndarray:
        return predicted.mean(axis=0) + [0.3, -0.2] * predicted.std(axis=0)

    found = Background.of(SCHEMA, X, scores, wanted=wanted)
    assert found.unavailable == ""
    of_rows = scores(X)
    means = np.average(scores(found.frame(SCHEMA)), axis=0, weights=found.weights)
    apart = (means - wanted(of_rows)) / of_rows.std(axis=0)
    assert np.abs(apart).max() < 1e-3
    assert found.weights != of(X).weights


def test_of_a_wide_table_the_points_lie_along_what_varies_most() -> None:
    """More columns than all directions are worked out for, and than rows."""
    random, n_rows, n_columns = np.random.default_rng(0), 120, 300
    first = random.normal(size=n_rows)
    numbers = random.normal(size=(n_rows, n_columns))
    numbers[:, :150] += 3 * first[:, None]
    X = pd.DataFrame(numbers, columns=[f"x{i}" for i in range(n_columns)])
    features = [NumericFeature(name=n, observed_minimum=-20, observed_maximum=20) for n in X]
    schema = Schema(tuple(features), SCHEMA.target)
    found = Background.of(schema, X, lambda frame: frame["x0"].to_numpy(), n_points=2)
    low, high = sorted(found.frame(schema)["x0"])
    assert high - low > 3 * first.std()
    assert np.average(found.columns["x0"], weights=found.weights) == pytest.approx(
        X["x0"].mean(), abs=0.1 * X["x0"].std()
    )


def test_of_many_categories_the_points_lie_where_the_rows_do() -> None:
    random = np.random.default_rng(7)
    town = np.sort(random.integers(0, 300, 400))
    X = pd.DataFrame({"town": [f"t{i:03}" for i in town], "marks": town / 50.0})
    schema = Schema(
        (
            CategoricalFeature(name="town", categories=tuple(sorted(set(X["town"])))),
            NumericFeature(name="marks", observed_minimum=0.0, observed_maximum=6.0),
        ),
        NumericFeature(name="score", observed_minimum=0.0, observed_maximum=6.0),
    )
    found = Background.of(schema, X, lambda frame: frame["marks"].to_numpy())
    mean = np.dot(found.weights, found.columns["marks"])
    assert mean == pytest.approx(X["marks"].mean(), abs=0.1 * X["marks"].std())
    assert len(found.weights) > 20
