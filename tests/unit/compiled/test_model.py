from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from typing import Any

import pytest

from src.compiled.model import CompiledModel
from src.exception import ArtifactError

# hours: cuts at 2 and 5. course: its three answers to whether it is "none", and to "done or less".
FEATURES: list[dict[str, Any]] = [
    {"name": "hours", "fill": 4.0, "cuts": [2.0, 5.0], "center": 3.0, "weight": 2.0},
    {"name": "course", "categories": ["none", "done", None], "answers": ["10", "01", "01"],
     "columns": [0, 1], "terms": [-1.0, 1.0, 0.5]},
]  # fmt: skip
# hours > 2 ? (course is none ? 20 : 30) : 10, and a tree that is a leaf
TREES = {"kind": "sum", "weight": 0.5, "tests": [0, -1, 2, -1, -1, -1],
         "values": [10, 30, 20, 7]}  # fmt: skip


def tables(*ensembles: dict[str, Any], linear: bool = False) -> dict[str, Any]:
    found = {"version": 1, "features": FEATURES, "base": 100.0, "linear": linear,
             "ensembles": list(ensembles)}  # fmt: skip
    return copy.deepcopy(found)


def predict(model: dict[str, Any], hours: float | None, course: str | None) -> float:
    return CompiledModel.from_dict(model).predict({"hours": hours, "course": course})


def test_linear_terms_are_counted_from_the_center_and_looked_up() -> None:
    model = tables(linear=True)
    assert predict(model, 8, "none") == 100 + 2 * (8 - 3) - 1
    assert predict(model, None, None) == 100 + 2 * (4 - 3) + 0.5


@pytest.mark.parametrize(
    ("hours", "course", "leaf"),
    [(2, "none", 10), (2.0000000000000004, "none", 20), (2.5, "done", 30), (None, None, 30)],
)
def test_a_number_above_a_cut_goes_right_and_at_it_left(hours, course, leaf: float) -> None:
    assert predict(tables(TREES), hours, course) == 100 + 0.5 * (leaf + 7)


def test_the_median_tree_is_the_first_whose_weights_reach_the_half() -> None:
    median = {"kind": "median", "weight": 1.0, "tests": [0, -1, -1, -1, -1],
              "values": [1, 9, 5, 3]}  # fmt: skip
    for weights, low, high in (([1, 1, 1], 3, 5), ([9, 1, 1], 1, 9), ([1, 1, 3], 3, 3)):
        model = tables(median | {"tree_weights": weights})
        assert [predict(model, hours, "none") for hours in (0, 3)] == [100 + low, 100 + high]


def test_an_oblivious_trees_answers_are_the_leafs_number_the_first_the_highest_bit() -> None:
    tree = {"tests": [1, 3], "values": [0, 1, 2, 3], "base": 1.5, "features": [0, 1],
            "contributions": [-1, -1, 1, 1]}  # fmt: skip
    model = tables({"kind": "oblivious", "weight": 10.0, "trees": [tree]})
    found = [predict(model, hours, course) for hours in (5, 6) for course in ("none", "done")]
    assert found == [100, 110, 120, 130]


def test_parts_are_summed() -> None:
    assert predict(tables(TREES, TREES, linear=True), 1, "done") == 100 - 4 + 1 + 2 * 0.5 * 17


def test_many_tests_are_answered_alike() -> None:
    """Above some number, the answers are kept in bytes, not in a list."""
    few, many = tables(TREES), tables(TREES)
    many["features"][0]["cuts"] += [10.0 + i for i in range(3_000)]
    many["ensembles"][0]["tests"][2] += 3_000
    for hours in (1, 2, 3, 5_000):
        assert predict(many, hours, "none") == predict(few, hours, "none")


def test_another_version_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"compiled\.json has version 6, this program reads 5"):
        CompiledModel.from_dict(tables() | {"version": 6})


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.pop("features"),
        lambda model: model["features"][0].pop("fill"),
        lambda model: model["features"][1]["answers"].pop(),
        lambda model: model["features"][1].update(answers=["1", "01", "01"]),
        lambda model: model["features"][1].update(terms=[1.0]),
        lambda model: model["ensembles"][0].update(kind="forest"),
        lambda model: model["ensembles"][0].update(weight=None),
        lambda model: model["ensembles"][0]["tests"].insert(0, 4),
        lambda model: model["ensembles"][0]["tests"].extend([0, -1]),
        lambda model: model["ensembles"][0]["values"].append(1.0),
        lambda model: model["ensembles"][0]["values"].pop(),
        lambda model: model["ensembles"][0]["values"].__setitem__(0, float("nan")),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(change) -> None:
    model = tables(TREES)
    change(model)
    with pytest.raises(ArtifactError, match=r"compiled\.json is damaged \(.+\)\. Train again\."):
        CompiledModel.from_dict(model)


def test_the_evaluator_needs_the_standard_library_alone() -> None:
    code = f"""
import json, sys
from src.compiled.model import CompiledModel
from src.compiled.contributions import Attributor
model = CompiledModel.from_dict(json.loads({json.dumps(json.dumps(tables(TREES, linear=True)))}))
values = {{"hours": 3, "course": None}}
model.predict(values)
Attributor(model, [values | {{"hours": 1}}], [1.0]).contributions(values)
print(sorted(set(sys.modules) & {{"numpy", "pandas", "sklearn", "scipy", "dill", "xgboost",
                                  "catboost"}}))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_an_exponential_is_finite_however_far_a_number_lies() -> None:
    inner = tables(linear=True)
    model = CompiledModel.from_dict(tables() | {"exponentials": [{"weight": 1, "tables": inner}]})
    assert math.isfinite(model.predict({"hours": 1e15, "course": "none"}))
