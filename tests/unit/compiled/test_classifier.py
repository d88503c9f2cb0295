from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from src.compiled import block_trees
from src.compiled.classifier import CompiledClassifier, JointObliviousTrees, read_compiled
from src.compiled.classifier_batch import ClassifierBatch
from src.compiled.model import CompiledModel, ObliviousTree, ObliviousTrees
from src.exception import ArtifactError

# hours: cuts at 2 and 5. course: its three answers to whether it is "none", and to "done or less".
FEATURES: list[dict[str, Any]] = [
    {"name": "hours", "fill": 4.0, "cuts": [2.0, 5.0], "center": 3.0},
    {"name": "course", "categories": ["none", "done", None], "answers": ["10", "01", "01"],
     "columns": [0, 1]},
]  # fmt: skip
# hours > 2 ? (course is none ? c : b) : a
TESTS = [0, -1, 2, -1, -1]
SIGMOID = {
    "weight": 1.0,
    "link": "sigmoid",
    "outputs": [
        {
            "base": 0.5,
            "terms": [0.1, [-1.0, 1.0, 0.5]],
            "curves": {"0": [{"breaks": [], "pieces": [[0.0, 0.0, 0.0, 0.01, 0.0]]}]},
            "ensembles": [
                {"kind": "sum", "weight": 2.0, "tests": TESTS, "values": [1.0, 0.5, -1.0]}
            ],
        }
    ],
}
SHARES = {
    "weight": 1.0,
    "link": "share",
    "outputs": [{"base": 0.0}] * 3,
    "joint": [
        {
            "kind": "sum",
            "weight": 0.5,
            "tests": [*TESTS, -1],
            "values": [[1, 0, 0], [0.5, 0.25, 0.25], [0, 0, 1], [0, 1, 0]],
        }
    ],
}
OBLIVIOUS = {
    "weight": 0.5,
    "link": "softmax",
    "outputs": [{"base": 0.25 * i} for i in range(3)],
    "joint": [
        {
            "kind": "oblivious",
            "weight": 1.0,
            "trees": [
                {
                    "tests": [1, 3],
                    "features": [0, 1],
                    "outputs": [
                        {"values": [0, 1, 2, k], "base": 1.0, "contributions": [-1, -1, 1, 1]}
                        for k in range(3)
                    ],
                }
            ]
            * 2,
        }
    ],
}
CUMULATIVE = {"weight": 0.5, "link": "cumulative", "thresholds": [-1.0, 2.0],
              "outputs": [{"base": 0.0, "terms": [1.0, [0.0, 0.0, 0.0]]}]}  # fmt: skip


def tables(*members: dict[str, Any], n_classes: int = 3) -> dict[str, Any]:
    found = {"version": 4, "features": FEATURES, "n_classes": n_classes, "members": members}
    return json.loads(json.dumps(found))


BINARY, FOREST = tables(SIGMOID, n_classes=2), tables(SHARES)
BLEND = tables(OBLIVIOUS, CUMULATIVE)
RECORDS = [
    {"hours": hours, "course": course}
    for hours in (None, 1.0, 2.0, 2.5, 6.0)
    for course in ("none", "done", None)
]


def probabilities(found: dict[str, Any], hours: float | None, course: str | None) -> list[float]:
    return CompiledClassifier.from_dict(found).probabilities({"hours": hours, "course": course})


def test_terms_curves_and_trees_are_summed_to_log_odds() -> None:
    score = 0.5 + 0.1 * (6 - 3) - 1.0 + 0.01 * 6**2 + 2 * -1.0
    second = 1 / (1 + math.exp(-score))
    assert probabilities(BINARY, 6, "none") == pytest.approx([1 - second, second])


def test_a_leaf_holds_the_share_of_each_class() -> None:
    assert probabilities(FOREST, 1, "none") == [0.5, 0.5, 0.0]
    assert probabilities(FOREST, 3, "done") == [0.25, 0.625, 0.125]
    assert probabilities(FOREST, None, "none") == [0.0, 0.5, 0.5]


def test_members_are_averaged_by_their_weights() -> None:
    alone = [
        probabilities(tables(member | {"weight": 1.0}), 6, None)
        for member in (OBLIVIOUS, CUMULATIVE)
    ]
    mean = [(one + other) / 2 for one, other in zip(*alone, strict=True)]
    assert probabilities(BLEND, 6, None) == pytest.approx(mean)
    below = [1 / (1 + math.exp(3 - threshold)) for threshold in (-1, 2)]
    assert alone[1] == pytest.approx([below[0], below[1] - below[0], 1 - below[1]])
    exps = [math.exp(0.25 * k + 2 * k) for k in range(3)]
    assert alone[0] == pytest.approx([e / sum(exps) for e in exps])


@pytest.mark.parametrize("found", [BINARY, FOREST, BLEND], ids=["binary", "forest", "blend"])
def test_rows_have_the_bits_of_records(found, monkeypatch: pytest.MonkeyPatch) -> None:
    model = CompiledClassifier.from_dict(found)
    columns = {
        "hours": np.array([r["hours"] for r in RECORDS], dtype=float),
        "course": np.array([r["course"] for r in RECORDS], dtype=object),
    }
    alone = [model.probabilities(record) for record in RECORDS]
    assert ClassifierBatch(model).probabilities(columns).tolist() == alone
    monkeypatch.setattr(block_trees, "BLOCK_ROWS", 4)
    for name in ("KEY_TESTS", "MASK_BYTES"):  # first masks, then trees are walked through
        monkeypatch.setattr(block_trees, name, 0)
        assert ClassifierBatch(model).probabilities(columns).tolist() == alone


def test_each_output_with_its_oblivious_trees_is_a_model() -> None:
    model = CompiledClassifier.from_dict(BLEND)
    for record in RECORDS:
        for member in model.members:
            scores = member.scores(record, model.bits(record))
            assert [one.predict(record) for one in member.models] == scores


@pytest.mark.parametrize("n_outputs", [2, 3, 4, 5])
@pytest.mark.parametrize("last_is_0", [True, False])
def test_sums_of_joint_trees_have_the_bits_of_each_output_alone(n_outputs, last_is_0) -> None:
    random = np.random.default_rng(n_outputs)
    values = random.normal(size=(n_outputs, 20, 4)) * 10.0 ** random.integers(-9, 9, (20, 4))
    values[-1] *= not last_is_0
    joint = JointObliviousTrees(tuple(
        ObliviousTrees(
            1.0, tuple(ObliviousTree((0, 1), tuple(leaves), 0.0, (), ()) for leaves in of_output), 2
        )
        for of_output in values.tolist()
    ))  # fmt: skip
    for bits in ([0, 0, 0], [0, 1, 0], [1, 1, 0]):
        assert joint.sums(bits) == [output.total(bits) for output in joint.outputs]


def test_only_a_classifiers_tables_have_members() -> None:
    feature = FEATURES[0] | {"weight": 1.0}
    of_scores = {"version": 4, "features": [feature], "base": 0, "linear": True, "ensembles": []}
    assert isinstance(read_compiled(of_scores), CompiledModel)
    assert isinstance(read_compiled(FOREST), CompiledClassifier)


def test_another_version_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"has version 99, this program reads 5"):
        read_compiled(FOREST | {"version": 99})


@pytest.mark.parametrize(
    ("found", "change"),
    [
        (FOREST, lambda model: model.update(n_classes=2)),
        (FOREST, lambda model: model.pop("features")),
        (FOREST, lambda model: model["members"].clear()),
        (FOREST, lambda model: model["members"][0].update(link="probit")),
        (FOREST, lambda model: model["members"][0]["joint"][0]["values"][0].pop()),
        (FOREST, lambda model: model["members"][0]["joint"][0]["values"].pop()),
        (FOREST, lambda model: model["members"][0]["joint"][0].update(kind="median")),
        (BINARY, lambda model: model["members"][0]["outputs"][0]["terms"].pop()),
        (BINARY, lambda model: model["members"][0]["outputs"][0]["terms"][1].pop()),
        (BINARY, lambda model: model["members"][0].update(weight=0.5)),
        (BLEND, lambda model: model["members"][0]["joint"][0]["trees"][0]["outputs"].pop()),
        (BLEND, lambda model: model["members"][1].update(thresholds=[1.0, -1.0])),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(found, change) -> None:
    found = copy.deepcopy(found)
    change(found)
    with pytest.raises(ArtifactError, match=r"compiled\.json is damaged \(.+\)\. Train again\."):
        read_compiled(found)


def test_the_evaluator_needs_the_standard_library_alone() -> None:
    code = f"""
import json, sys
from src.compiled.class_contributions import ClassAttributor
from src.compiled.classifier import read_compiled
model = read_compiled(json.loads({json.dumps(json.dumps(BLEND))}))
values = {{"hours": 3, "course": None}}
model.probabilities(values)
ClassAttributor(model, [values | {{"hours": 1}}], [1.0]).contributions(values, frozenset({{0}}))
print(sorted(set(sys.modules) & {{"numpy", "pandas", "sklearn", "scipy", "dill", "xgboost",
                                  "catboost"}}))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
