from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from src.compiled.contributions import Attributor
from src.compiled.model import CompiledModel

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
VALUES, COVERS = [0, 2, 1, 3, 5, 8], [3, 4, 2, 5, 1, 6]


def attributor(**ensemble: object) -> Attributor:
    tables = {"version": 1, "features": FEATURES, "base": 10.0, "linear": False,
              "ensembles": [ensemble] if ensemble else []}  # fmt: skip
    return Attributor(CompiledModel.from_dict(tables))


def trees(*, exact: bool) -> Attributor:
    return attributor(kind="sum", weight=2.0, exact=exact, tests=TREE, values=VALUES, covers=COVERS)


PLAYERS = {0: "a", 1: "a", 2: "b", 3: "c is y", 4: "c is z"}


def worth(known: set[str], bits: list[int]) -> float:
    """Return what TREE predicts where only some columns are known."""
    leaves = iter(zip(VALUES, COVERS, strict=True))
    tests = iter(TREE)

    def visit() -> tuple[float, float]:
        test = next(tests)
        if test < 0:
            return next(leaves)
        (left, n_left), (right, n_right) = visit(), visit()
        if PLAYERS[test] in known:
            return (right if bits[test] else left), n_left + n_right
        return (left * n_left + right * n_right) / (n_left + n_right), n_left + n_right

    return visit()[0]


@pytest.mark.parametrize("record", RECORDS)
def test_few_trees_get_shapley_values(record) -> None:
    """By their definition: each column's mean gain over all orders in which they get known."""
    found = trees(exact=True)
    bits = list(found.model.bits(record))
    players = sorted(set(PLAYERS.values()))
    expected = dict.fromkeys("abc", 0.0)
    for order in itertools.permutations(players):
        for i, player in enumerate(order):
            gain = worth(set(order[: i + 1]), bits) - worth(set(order[:i]), bits)
            expected[player[0]] += 2.0 * gain / math.factorial(len(players))
    contributions = found.contributions(record)
    assert contributions.method == "tree_shap"
    assert contributions.base == pytest.approx(10 + 2 * worth(set(), bits))
    assert contributions.values == pytest.approx(expected, abs=1e-12)


def test_many_trees_are_explained_along_the_way() -> None:
    found = trees(exact=False).contributions({"a": 1.5, "b": 0.0, "c": "y"})
    mean = sum(map(math.prod, zip(VALUES, COVERS, strict=True))) / sum(COVERS)
    after_a = (2 * 1 + 5 * 3 + 1 * 5 + 6 * 8) / 14
    after_b = (2 * 1 + 5 * 3) / 7
    assert found.method == "path"
    assert found.base == pytest.approx(10 + 2 * mean)
    assert found.values == pytest.approx(
        {"a": 2 * (after_a - mean), "b": 2 * (after_b - after_a), "c": 2 * (3 - after_b)}
    )


def test_of_a_median_the_tree_that_counts_is_explained() -> None:
    trees = {"tests": [0, -1, -1, -1, -1], "values": [1, 9, 5, 30], "covers": [1, 3, 4, 4],
             "tree_weights": [1, 1, 1]}  # fmt: skip
    found = attributor(kind="median", weight=1.0, exact=False, **trees)
    low, high = (found.contributions({"a": a, "b": 0, "c": "x"}) for a in (0, 3))
    assert (low.base, low.values["a"]) == (15, 0)  # the second tree's 5 is the median of 1, 5, 30
    assert (high.base, high.values["a"]) == (17, 2)  # the first's 9, whose mean is 7


def test_of_an_oblivious_trees_features_the_last_gets_what_is_left() -> None:
    tree = {"tests": [0, 2], "values": [0, 4, 6, 8], "base": 3, "features": [0, 1],
            "contributions": [-2, -1.5, 2, 1]}  # fmt: skip
    found = attributor(kind="oblivious", weight=1.0, trees=[tree])
    contributions = found.contributions({"a": 3, "b": 0, "c": "x"})
    assert contributions.method == "tree_shap"
    assert (contributions.base, contributions.values) == (13, {"a": 2, "b": 1, "c": 0})


def test_linear_terms_are_the_contributions() -> None:
    features = [FEATURES[0] | {"weight": 2.0}, FEATURES[1], FEATURES[2] | {"terms": [3.0, 0, 0]}]
    tables = {"version": 1, "features": features, "base": 10.0, "linear": True, "ensembles": []}
    found = Attributor(CompiledModel.from_dict(tables)).contributions({"a": 2, "b": 9, "c": "x"})
    assert found.method == "linear"
    assert (found.base, found.values) == (10, {"a": 3, "b": 0, "c": 3})


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("exact", [True, False])
def test_base_and_contributions_sum_to_the_prediction(record, exact: bool) -> None:
    found = trees(exact=exact)
    assert found.contributions(record).total == pytest.approx(found.model.predict(record))


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
