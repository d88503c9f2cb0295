from __future__ import annotations

import math
from typing import Any

import pytest

from src.compiled.class_contributions import ClassAttributor, stretched
from src.compiled.classifier import CompiledClassifier
from src.compiled.contributions import Contributions

FEATURES = [{"name": name, "fill": 0.0, "cuts": [1.0], "center": 0.0} for name in "ab"]


def model(link: str, *terms: list[float], n_classes: int, **more: Any) -> CompiledClassifier:
    outputs = [{"base": 0.2, "terms": each} for each in terms]
    member = {"weight": 1.0, "link": link, "outputs": outputs, **more}
    return CompiledClassifier.from_dict(
        {"version": 4, "features": FEATURES, "n_classes": n_classes, "members": [member]}
    )


def test_of_two_classes_the_log_odds_are_scaled() -> None:
    binary = model("sigmoid", [3.0, -1.0], n_classes=2)
    found = ClassAttributor(binary).contributions({"a": 1.0, "b": 2.0}, frozenset({1}))
    start, end = (1 / (1 + math.exp(-score)) for score in (0.2, 1.2))
    assert found.method == "linear_path"
    assert found.base == pytest.approx(start)
    factor = (end - start) / (3 - 2)
    assert found.values == pytest.approx({"a": 3 * factor, "b": -2 * factor})


def test_the_other_class_has_the_same_reasons_with_the_other_sign() -> None:
    binary = ClassAttributor(model("sigmoid", [3.0, -1.0], n_classes=2))
    record = {"a": 1.0, "b": 2.0}
    first, second = (binary.contributions(record, frozenset({code})) for code in (0, 1))
    assert first.values == pytest.approx({name: -v for name, v in second.values.items()})
    assert first.base == pytest.approx(1 - second.base)


@pytest.mark.parametrize("far", [0.0, 1e-14, 0.5, 30.0, 500.0])
def test_contributions_add_up_near_the_base_and_far_from_it(far: float) -> None:
    classes = model("softmax", [1.0, 0.2], [-1.0, 0.3], [0.4, -1.0], n_classes=3)
    ordered = model("cumulative", [1.0, -0.7], n_classes=3, thresholds=[-1.0, 1.0])
    record = {"a": far, "b": -far}
    for each in (classes, ordered):
        chances = each.probabilities(record)
        for event in ({0}, {1}, {1, 2}):
            found = ClassAttributor(each).contributions(record, frozenset(event))
            assert found.total == pytest.approx(sum(chances[c] for c in event), abs=1e-15)


def test_the_integral_is_near_exact_where_scores_go_far() -> None:
    """Without panels, most would be left to share."""
    classes = model("softmax", [1.0, 0.0], [-1.0, 0.0], [0.0, 1e-9], n_classes=3)
    for far in (3.0, 30.0, 300.0, 1e6):
        found = ClassAttributor(classes).contributions({"a": far, "b": 0.01}, frozenset({0}))
        assert abs(found.values["b"]) < 1e-7


def test_the_integral_takes_no_longer_than_the_line_is_long_in_digits() -> None:
    found = ClassAttributor(model("sigmoid", [3.0, -1.0], n_classes=2)).contributions(
        {"a": 1e12, "b": 1e12}, frozenset({1})
    )
    ratio = found.values["a"] / found.values["b"]
    assert ratio == pytest.approx(-3, rel=1e-6)
    assert found.total == 1


def test_an_event_of_no_class_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one class"):
        ClassAttributor(model("sigmoid", [1.0, 1.0], n_classes=2)).contributions(
            {"a": 1.0, "b": 1.0}, frozenset()
        )


class Halved:
    """Halves the log-odds."""

    def calibrated(self, raw: Any) -> tuple[float, ...]:
        roots = [math.sqrt(p) for p in raw]
        return tuple(root / sum(roots) for root in roots)


def test_calibrated_chances_are_base_and_total() -> None:
    attributor = ClassAttributor(model("sigmoid", [3.0, -1.0], n_classes=2))
    record, event = {"a": 1.0, "b": 2.0}, frozenset({1})
    raw = attributor.contributions(record, event)
    found = attributor.contributions(record, event, Halved())
    assert found.base == pytest.approx(1 / (1 + math.exp(-0.1)))
    assert found.total == pytest.approx(1 / (1 + math.exp(-0.6)), abs=1e-15)
    assert found.values["a"] / found.values["b"] == pytest.approx(raw.values["a"] / raw.values["b"])


@pytest.mark.parametrize("total", [0.3, 0.9, 0.25])
def test_a_step_of_the_calibration_does_not_blow_contributions_up(total: float) -> None:
    """Where two contributions all but cancel, a factor alone would make hundreds of them."""
    raw = Contributions(0.3, {"a": 0.201, "b": -0.2}, "tree_path")
    found = stretched(raw, 0.3, total)
    assert found.total == pytest.approx(total, abs=1e-15)
    assert max(map(abs, found.values.values())) < 1.2
    assert found.values["a"] > 0
