"""Differences and interactions that are known beforehand."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.schema import CategoricalFeature, NumericFeature, Schema

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


def test_a_large_difference_is_real_and_none_is_not(module):
    X, random, schema = table()
    y = 50 + 10 * (X.course == "yes").to_numpy() + random.normal(0, 10, len(X))
    found = {(g.feature, g.category): g for g in module.differences(schema, X, y)}
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


def test_a_group_of_few_students_has_no_figures(module):
    X, random, schema = table(100)
    X["course"] = ["yes"] * 9 + ["no"] * 91
    found = module.differences(schema, X, random.normal(size=100))
    assert {g.feature for g in found} == {"lunch"}


def test_two_features_that_act_together_are_told_from_two_that_add_up(module):
    X, random, schema = table()
    both = ((X.course == "yes") & (X.lunch == "yes")).to_numpy()
    noise = random.normal(0, 10, len(X))
    assert module.interactions(schema, X, 50 + 12 * both + noise)[0].p_value < 0.001
    sums = 5.0 * (X.course == "yes").to_numpy() + 5 * (X.lunch == "yes").to_numpy()
    assert module.interactions(schema, X, 50 + sums + noise)[0].p_value > 0.05
