from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from src.compiled import contributions as contributions_module
from src.compiled.contributions import SMALL_TREE, Attributor
from src.compiled.model import CompiledModel
from src.exception import ReasonsUnavailableError

FEATURES: list[dict[str, Any]] = [
    {"name": "a", "fill": 0.0, "cuts": [1.0, 2.0], "center": 0.5, "weight": 0.0},
    {"name": "b", "fill": 0.0, "cuts": [1.0], "center": 0.0, "weight": 0.0},
    {"name": "c", "categories": ["x", "y", "z"], "answers": ["00", "10", "01"],
     "columns": [0, 1], "terms": [0.0, 0.0, 0.0]},
]  # fmt: skip
RECORDS = [
    {"a": a, "b": b, "c": c} for a in (0.0, 1.5, 3.0) for b in (0.0, 2.0) for c in ("x", "y", "z")
]
# a > 1 ? (b > 1 ? (a > 2 ? 8 : 5) : (c is y ? 3 : 1)) : (c is z ? 2 : 0)
TREE = [0, 4, -1, -1, 2, 3, -1, -1, 1, -1, -1]
VALUES = [0, 2, 1, 3, 5, 8]
POINTS = [{"a": 0.5, "b": 2.0, "c": "y"}, {"a": 2.5, "b": 0.0, "c": "x"},
          {"a": 1.5, "b": 3.0, "c": "z"}, {"a": 2.5, "b": 0.0, "c": "y"}]  # fmt: skip
WEIGHTS = [0.1, 0.4, 0.3, 0.2]


def attributor(
    ensembles: list[dict[str, Any]], *, linear: bool = False, features=FEATURES, **more: object
) -> Attributor:
    tables = {"version": 4, "features": features, "base": 10.0, "linear": linear,
              "ensembles": ensembles, **more}  # fmt: skip
    return Attributor(CompiledModel.from_dict(tables), POINTS, WEIGHTS)


TREES = {"kind": "sum", "weight": 2.0, "tests": TREE, "values": VALUES}
LINEAR = [FEATURES[0] | {"weight": 2.0}, FEATURES[1], FEATURES[2] | {"terms": [3.0, 0, 0]}]
# A number that is missing says something of its own, in a sum of terms and in a tree.
KNOWN = [FEATURES[0] | {"weight": 0.3, "missing_terms": [-0.1, 0.4], "asks_missing": True,
                        "knows_missing": True},
         FEATURES[1] | {"curves": [{"breaks": [1.0], "pieces": [[0, 0.1, 0.5, 0, 0],
                                                                [0, 0.6, -0.2, 0.1, 0]]}]},
         FEATURES[2] | {"terms": [0.3, 0, -0.2]}]  # fmt: skip
LOGARITHM = {"version": 5, "features": KNOWN, "base": 0.7, "linear": True, "ensembles": []}
POWER = {"exponentials": [{"weight": 3.0, "tables": LOGARITHM}],
         "nodes": [[0.5 + sign / 12**0.5, 0.5] for sign in (-1, 1)]}  # fmt: skip
ASKS = {"kind": "sum", "weight": 1.0, "tests": [2, -1, 0, -1, -1], "values": [1, 5, 9]}
MODELS = {
    "trees": {"ensembles": [TREES]},
    "log-linear": {"ensembles": [], **POWER},
    "log-linear in a blend": {"ensembles": [TREES], "linear": True, "features": LINEAR, **POWER},
    "missing in a tree": {"ensembles": [ASKS], "features": KNOWN, "linear": True},
    "blend": {"ensembles": [TREES], "linear": True, "features": LINEAR,
              "products": [[0, 1, 4.0, 0.75]]},
}  # fmt: skip


def shapley(model: CompiledModel, record: dict[str, Any]) -> dict[str, float]:
    """By their definition: each feature's mean gain over all orders in which they get known."""

    def worth(known: tuple[str, ...]) -> float:
        of_record = {name: record[name] for name in known}
        predicted = [model.predict(point | of_record) for point in POINTS]
        return sum(map(math.prod, zip(predicted, WEIGHTS, strict=True)))

    found = dict.fromkeys("abc", 0.0)
    for order in itertools.permutations("abc"):
        for i, name in enumerate(order):
            found[name] += (worth(order[: i + 1]) - worth(order[:i])) / math.factorial(3)
    return found | {"base": worth(())}


@pytest.mark.parametrize("record", [*RECORDS, {"a": None, "b": 2.0, "c": "x"}])
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("small", [0, SMALL_TREE])
def test_reasons_are_shapley_values_over_the_points(
    small: int, kind: str, record, monkeypatch
) -> None:
    monkeypatch.setattr(contributions_module, "SMALL_TREE", small)
    found = attributor(**MODELS[kind])
    contributions = found.contributions(record)
    assert contributions.method == ("log_linear" if kind == "log-linear" else "tree_shap")
    assert contributions.values | {"base": contributions.base} == pytest.approx(
        shapley(found.model, record), abs=1e-12
    )
    assert contributions.total == pytest.approx(found.model.predict(record))


def test_reasons_that_trees_kept_are_the_same_to_the_last_bit() -> None:
    first = [attributor([TREES, ASKS]).contributions(record) for record in RECORDS]
    asked_before = attributor([TREES, ASKS])
    for _ in range(2):
        assert [asked_before.contributions(record) for record in reversed(RECORDS)] == first[::-1]


def test_more_points_than_a_byte_has_bits_count_with_their_weights() -> None:
    model = CompiledModel.from_dict(
        {"version": 4, "features": FEATURES, "base": 0.0, "linear": False, "ensembles": [TREES]}
    )
    split = [weight / 5 for weight in WEIGHTS for _ in range(5)]
    many = Attributor(model, [point for point in POINTS for _ in range(5)], split)
    few = Attributor(model, POINTS, WEIGHTS)
    for record in RECORDS:
        assert many.contributions(record).values == pytest.approx(few.contributions(record).values)


def test_of_a_power_of_trees_no_reasons_are_given() -> None:
    inner = {"version": 5, "features": FEATURES, "base": 0, "linear": False, "ensembles": [TREES]}
    with pytest.raises(ReasonsUnavailableError, match="multiplies what trees say"):
        attributor([], exponentials=[{"weight": 1.0, "tables": inner}])


def test_of_a_median_of_trees_no_reasons_are_given() -> None:
    median = {"kind": "median", "weight": 1.0, "tests": [0, -1, -1, -1, -1],
              "values": [1, 9, 5, 30], "tree_weights": [1, 1, 1]}  # fmt: skip
    with pytest.raises(ReasonsUnavailableError, match="the median of trees"):
        attributor([median])


def test_of_an_oblivious_trees_features_the_last_gets_what_is_left() -> None:
    tree = {"tests": [0, 2], "values": [0, 4, 6, 8], "base": 3, "features": [0, 1],
            "contributions": [-2, -1.5, 2, 1]}  # fmt: skip
    found = attributor([{"kind": "oblivious", "weight": 1.0, "trees": [tree]}])
    contributions = found.contributions({"a": 3, "b": 0, "c": "x"})
    assert contributions.method == "tree_shap"
    assert contributions.values == {"a": 2, "b": 1, "c": 0}


def test_linear_terms_are_the_contributions() -> None:
    tables = {"version": 1, "features": LINEAR, "base": 10.0, "linear": True, "ensembles": []}
    found = Attributor(CompiledModel.from_dict(tables)).contributions({"a": 2, "b": 9, "c": "x"})
    assert found.method == "linear"
    assert (found.base, found.values) == (10, {"a": 3, "b": 0, "c": 3})


@pytest.mark.parametrize("mean", [(0.75,), ()], ids=["version 3", "version 2"])
def test_half_of_a_product_is_each_factors(mean: tuple[float, ...]) -> None:
    """Version 2 of the tables held no mean."""
    tables = {"version": 3 if mean else 2, "features": FEATURES, "base": 10.0, "linear": True,
              "products": [[0, 1, 4.0, *mean]], "ensembles": []}  # fmt: skip
    model = CompiledModel.from_dict(tables)
    record = {"a": 2.0, "b": 3.0, "c": "x"}
    found = Attributor(model).contributions(record)
    half = 4.0 * ((2 - 0.5) * 3 - sum(mean)) / 2
    assert (found.base, found.values) == (10, {"a": half, "b": half, "c": 0})
    assert found.total == model.predict(record)
