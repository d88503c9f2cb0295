"""Differences and interactions that are known beforehand."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema

FILE = Path(__file__).resolve().parents[2] / "notebooks" / "differences.py"


@pytest.fixture(scope="module")
def module():
    import sys

    spec = importlib.util.spec_from_file_location("notebook_differences", FILE)
    sys.modules[spec.name] = loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def table(n: int = 800) -> tuple[pd.DataFrame, np.random.Generator, Schema]:
    random = np.random.default_rng(0)
    X = pd.DataFrame({name: random.choice(["no", "yes"], n) for name in ("course", "lunch")})
    schema = Schema(
        tuple(CategoricalFeature(name=name, categories=("no", "yes")) for name in X),
        NumericFeature(name="score", observed_minimum=0, observed_maximum=100),
    )
    return X, random, schema


def test_a_large_difference_is_real_and_no_difference_is_not(module):
    X, random, schema = table()
    y = 50 + 10 * (X.course == "yes").to_numpy() + random.normal(0, 10, len(X))
    found = {(g.feature, g.group): g for g in module.differences(schema, X, y)}
    assert found["course", "yes"].verdict == "real"
    assert found["course", "yes"].effect.value > 0.7
    assert found["course", "no"].effect.value == pytest.approx(-found["course", "yes"].effect.value)
    assert found["lunch", "yes"].verdict != "real"


def test_a_difference_that_many_rows_show_to_be_tiny_is_too_small(module):
    X, random, schema = table(20_000)
    y = 50 + 1.0 * (X.course == "yes").to_numpy() + random.normal(0, 10, len(X))
    tiny = module.differences(schema, X, y)[0]
    assert tiny.p_value < 0.05
    assert tiny.verdict == "too small"


def test_of_two_groups_one_comparison_is_counted(module):
    X, random, schema = table()
    y = 50 + 1.5 * (X.course == "yes").to_numpy() + random.normal(0, 10, len(X))
    found = module.differences(schema, X, y)
    assert len(found) == 4
    raw = ttest_ind(y[X.course == "yes"], y[X.course == "no"], equal_var=False).pvalue
    assert [g.p_value for g in found if g.feature == "course"] == pytest.approx([2 * raw] * 2)


def test_a_number_is_looked_at_by_its_values_or_in_quarters(module):
    random = np.random.default_rng(0)
    few, many = random.integers(1, 5, 400).astype(float), np.arange(400.0)
    few[:5] = np.nan
    feature = NumericFeature(name="x", observed_minimum=0, observed_maximum=400)
    found = module.groups(feature, pd.Series(few))
    assert list(found) == ["1", "2", "3", "4"]
    assert sum(mask.sum() for mask in found.values()) == 395
    quarters = module.groups(feature, pd.Series(many))
    assert list(quarters) == ["up to 99", "over 99 to 199", "over 199 to 299", "over 299"]
    assert [mask.sum() for mask in quarters.values()] == [100] * 4


def test_a_number_that_is_nearly_always_the_same_makes_no_empty_group(module):
    feature = NumericFeature(name="x", observed_minimum=0, observed_maximum=9)
    mostly = pd.Series([0.0] * 380 + list(range(1, 10)) * 2)
    assert {g: int(m.sum()) for g, m in module.groups(feature, mostly).items()} == {
        "0": 380,
        "over 0": 18,
    }


def test_the_largest_difference_of_each_feature_comes_first(module):
    X, random, schema = table()
    y = 50 + 10 * (X.course == "yes").to_numpy() + random.normal(0, 10, len(X))
    assert list(module.largest(module.differences(schema, X, y))) == ["course", "lunch"]


def test_a_real_difference_goes_before_a_larger_one_of_few_students(module):
    X, random, schema = table()
    X["course"] = ["rare"] * 12 + ["no"] * 388 + ["yes"] * 400
    features = (CategoricalFeature(name="course", categories=("rare", "no", "yes")),)
    y = 50 + 4.0 * (X.course == "yes").to_numpy() + random.normal(0, 10, len(X))
    y[:12] = 56 + 30 * random.normal(size=12)
    y[:12] += 58 - y[:12].mean()
    found = module.differences(replace(schema, features=features), X, y)
    effects = {g.group: g for g in found}
    assert abs(effects["rare"].effect.value) > abs(effects["yes"].effect.value)
    assert effects["rare"].verdict == "unclear"
    assert module.largest(found)["course"].group in ("no", "yes")


def test_a_pair_with_an_empty_cell_is_tested_without_it(module):
    X, random, schema = table()
    X.loc[X.course == "yes", "lunch"] = "no"
    assert module.interactions(schema, X, random.normal(size=len(X))) == []


def test_a_group_of_few_students_has_no_figures(module):
    X, random, schema = table(100)
    X["course"] = ["yes"] * 9 + ["no"] * 91
    found = module.differences(schema, X, random.normal(size=100))
    assert {g.feature for g in found} == {"lunch"}


def test_two_features_that_act_together_are_distinguished_from_two_that_add_up(module):
    X, random, schema = table()
    both = ((X.course == "yes") & (X.lunch == "yes")).to_numpy()
    noise = random.normal(0, 10, len(X))
    assert module.interactions(schema, X, 50 + 12 * both + noise)[0].p_value < 0.001
    sums = 5.0 * (X.course == "yes").to_numpy() + 5 * (X.lunch == "yes").to_numpy()
    assert module.interactions(schema, X, 50 + sums + noise)[0].p_value > 0.05
