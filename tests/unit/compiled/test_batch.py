from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.compiled import block_trees
from src.compiled.batch import BatchEvaluator, encode
from src.compiled.model import CategoryTable, CompiledModel, Node, NumericTable, Trees

N_CUTS = 30


def preorder(depth: int, rng: random.Random) -> tuple[list[int], list[float]]:
    """Return the tests and the leaves of a random tree."""
    if depth == 0 or rng.random() < 0.1:
        return [-1], [rng.uniform(-9, 9)]
    left, right = preorder(depth - 1, rng), preorder(depth - 1, rng)
    return [rng.randrange(N_CUTS + 2), *left[0], *right[0]], left[1] + right[1]


def model(*depths: int, kind: str = "sum", linear: bool = False) -> CompiledModel:
    """Return a model of random trees of these depths."""
    rng = random.Random(0)
    trees = [preorder(depth, rng) for depth in depths]
    values = [leaf for _, leaves in trees for leaf in leaves]
    ensemble = {"kind": kind, "weight": 0.1, "exact": False,
                "tests": [test for tests, _ in trees for test in tests], "values": values,
                "tree_weights": [rng.random() for _ in depths]}  # fmt: skip
    features: list[dict[str, Any]] = [
        {"name": "x", "fill": 3.3, "cuts": [i / 3 for i in range(N_CUTS)], "center": 0.7,
         "weight": 0.123},
        {"name": "c", "categories": ["p", "q", None], "answers": ["10", "01", "11"],
         "columns": [0, 1], "terms": [0.1, 0.2, -0.3]},
    ]  # fmt: skip
    tables = {"version": 1, "features": features, "base": 0.3, "linear": linear,
              "ensembles": [ensemble] if depths else []}  # fmt: skip
    return CompiledModel.from_dict(tables)


RECORDS = [
    {"x": x, "c": c}
    for x, c in itertools.product([None, *(i / 6 for i in range(-2, 70))], ["p", "q", None])
]
COLUMNS = {
    "x": np.array([r["x"] for r in RECORDS], dtype=float),
    "c": np.array([r["c"] for r in RECORDS], dtype=object),
}


@pytest.mark.parametrize(
    "compiled",
    [
        model(linear=True),
        model(0),
        model(2, 3, 3),
        model(5, 6, 5, linear=True),
        model(8, 9),
        model(3, 5, 9, 1, kind="median"),
    ],
    ids=["linear", "leaf", "tables", "masks", "walks", "median"],
)
@pytest.mark.parametrize(
    "limits",
    [{}, {"KEY_TESTS": 0}, {"KEY_TESTS": 0, "GROUP_VALUES": 9}, {"KEY_TESTS": 0, "MASK_BYTES": 0}],
    ids=["", "masks", "ungrouped", "walks"],
)
def test_rows_have_the_bits_of_records(
    compiled: CompiledModel, limits: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(block_trees, name, value)
    alone = [compiled.predict(record) for record in RECORDS]
    assert BatchEvaluator(compiled).predict(COLUMNS).tolist() == alone


def test_trees_are_tables_masks_or_walks_by_their_size() -> None:
    evaluators = [BatchEvaluator(model(depth)) for depth in (3, 6, 12)]
    kinds = [type(evaluator.plans[0][0]).__name__ for evaluator in evaluators]
    assert kinds == ["Table", "Masks", "Walk"]


@given(
    tree=st.recursive(
        st.floats(-9, 9),
        lambda nodes: st.tuples(nodes, nodes, st.integers(0, N_CUTS + 2)),
        max_leaves=64,
    )
)
def test_any_tree_gives_a_row_what_it_gives_a_record(tree: Node) -> None:
    features = (
        NumericTable("x", 3.3, tuple(i / 3 for i in range(N_CUTS)), 0, 0,
                     knows_missing=True, asks_missing=True),
        CategoryTable("c", ("p", "q", None), ((1, 0), (0, 1), (1, 1)), (0, 1), ()),
    )  # fmt: skip
    compiled = CompiledModel(features, 0.0, False, (Trees(1.0, (tree,)),))
    found = BatchEvaluator(compiled).predict(COLUMNS)
    assert found.tolist() == [compiled.predict(record) for record in RECORDS]


@pytest.mark.parametrize("depth", [0, 2, 3, 4, 6, 9])
def test_rows_have_the_bits_of_records_in_oblivious_trees(depth: int) -> None:
    rng = random.Random(depth)
    trees = [
        {"tests": [rng.randrange(N_CUTS) for _ in range(n)],
         "values": [rng.uniform(-9, 9) for _ in range(2**n)], "base": 0, "features": [0],
         "contributions": []}
        for n in (depth, max(0, depth - 1), depth)
    ]  # fmt: skip
    tables = {"version": 1, "base": 0.3, "linear": False,
              "features": [{"name": "x", "fill": 3.3, "cuts": [i / 3 for i in range(N_CUTS)],
                            "center": 0, "weight": 0}],
              "ensembles": [{"kind": "oblivious", "weight": 0.7, "trees": trees}]}  # fmt: skip
    compiled = CompiledModel.from_dict(tables)
    alone = [compiled.predict(record) for record in RECORDS]
    assert BatchEvaluator(compiled).predict(COLUMNS).tolist() == alone


def test_blocks_do_not_change_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = BatchEvaluator(model(3, 6, 9)).predict(COLUMNS)
    monkeypatch.setattr(block_trees, "BLOCK_ROWS", 7)
    assert BatchEvaluator(model(3, 6, 9)).predict(COLUMNS).tolist() == whole.tolist()


def test_no_rows_have_no_predictions() -> None:
    assert BatchEvaluator(model(3)).predict({"x": [], "c": []}).shape == (0,)


def test_missing_values_are_none_or_any_nan() -> None:
    columns = {"x": [1.0, float("nan"), 2.0], "c": [None, float("nan"), np.nan]}
    x, c = encode(model(), columns)
    assert x.tolist() == [1.0, 3.3, 2.0]
    assert c.tolist() == [2, 2, 2]


def test_a_category_that_the_model_does_not_know_is_no_row_of_zeros() -> None:
    with pytest.raises(KeyError, match="r"):
        BatchEvaluator(model(2)).predict({"x": [1.0], "c": ["r"]})
