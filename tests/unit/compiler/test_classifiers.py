"""Every family's tables of classes against its pickles."""

from __future__ import annotations

import itertools
import json
import math
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from src.compiled.class_contributions import ClassAttributor
from src.compiled.classifier import CompiledClassifier
from src.compiled.classifier_batch import ClassifierBatch
from src.compiler import agreement
from src.compiler import table_builder as tables
from src.compiler.classifiers import read_classifier
from src.compiler.estimators import UnsupportedEstimatorError
from src.components.data_transformation import DataTransformation
from src.components.model_compiler import CompiledRun, ModelCompiler
from src.explanations.background import TOO_FEW
from src.schema.features import CategoricalFeature, ClassTarget, NumericFeature
from src.schema.frames import typed_frame
from src.schema.record import Schema
from src.search.classifiers import classifiers
from src.stats.chances import ClassChances

SCHEMA = Schema(
    features=(
        CategoricalFeature(name="lunch", categories=("standard", "free/reduced")),
        CategoricalFeature(name="group", categories=tuple("ABC"), optional=True),
        NumericFeature(name="reading", minimum=0, maximum=100, observed_minimum=0,
                       observed_maximum=100, integer=True),
        NumericFeature(name="hours", observed_minimum=0, observed_maximum=10, optional=True),
    ),
    target=ClassTarget(name="result", categories=("low", "medium", "high"), ordered=True,
                       at_risk=("low",)),
)  # fmt: skip
FEW_TREES = {
    "catboost": {"iterations": 20}, "xgboost": {"n_estimators": 15},
    "random_forest": {"n_estimators": 8, "max_depth": 6},
    "extra_trees": {"n_estimators": 6}, "gradient_boosting": {"n_estimators": 12},
    "hist_gradient_boosting": {"max_iter": 6}, "adaboost": {"n_estimators": 5},
}  # fmt: skip
NOT_EXPORTED = ("neighbors", "svc", "adaboost")
CASES = [
    (c.name, n_classes)
    for n_classes in (2, 3)
    for c in classifiers(n_classes, ordered=True)
    if not c.native and c.name not in NOT_EXPORTED
]
ROWS = 240


def columns(n_rows: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    missing = random.random((2, n_rows)) < 0.08
    return {
        "lunch": random.choice(np.array(SCHEMA.features[0].categories, dtype=object), n_rows),
        "group": np.where(missing[0], None, random.choice(np.array(list("ABC"), object), n_rows)),
        "reading": np.round(2 * random.uniform(0, 100, n_rows)) / 2,
        "hours": np.where(missing[1], np.nan, random.uniform(0, 10, n_rows)),
    }


@cache
def training(n_classes: int) -> tuple[pd.DataFrame, np.ndarray]:
    found = columns(ROWS, seed=0)
    found["reading"] = np.round(found["reading"])
    score = found["reading"] / 15 + 2 * (found["lunch"] == "standard")
    score += np.sin(np.nan_to_num(found["hours"])) + (found["group"] == "C")
    score += np.random.default_rng(1).logistic(size=ROWS)
    cuts = np.quantile(score, [0.3] if n_classes == 2 else [0.2, 0.7])
    return typed_frame(SCHEMA, found), np.searchsorted(cuts, score)


def unfitted(name: str, n_classes: int) -> Any:
    families = {c.name: c for c in classifiers(n_classes, ordered=True)}
    estimator = families[name].expanding(range(2)).unfitted(random_state=42)
    return estimator.set_params(**FEW_TREES.get(name, {}))


@cache
def fitted(name: str, n_classes: int) -> tuple[Any, Any]:
    if name == "blend":
        from sklearn.ensemble import VotingClassifier

        members = [(one, unfitted(one, n_classes)) for one in BLENDED]
        estimator: Any = VotingClassifier(members, voting="soft", weights=[2, 1, 1])
    else:
        estimator = unfitted(name, n_classes)
    X, y = training(n_classes)
    preprocessor = DataTransformation(SCHEMA).run()
    return preprocessor, estimator.fit(preprocessor.fit_transform(X, y), y)


BLENDED = ("logistic_splines", "catboost", "random_forest")


def compile_once(name: str, n_classes: int) -> CompiledRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "RANDOM_ROWS", 200)
        patch.setattr(agreement, "MOST_TIES", 300)
        return ModelCompiler(SCHEMA).run(*fitted(name, n_classes), training(n_classes)[0])


compiled = cache(compile_once)


def expected(name: str, n_classes: int, found: dict[str, Any]) -> np.ndarray:
    preprocessor, model = fitted(name, n_classes)
    return model.predict_proba(preprocessor.transform(typed_frame(SCHEMA, found)))


def record(found: dict[str, Any], row: int) -> dict[str, Any]:
    values = {name: column[row] for name, column in found.items()}
    return {name: None if v is None or v != v else v for name, v in values.items()}


@pytest.mark.parametrize(("name", "n_classes"), [*CASES, ("blend", 2), ("blend", 3)])
def test_probabilities_agree_with_the_pickles_and_rows_with_records(name, n_classes: int) -> None:
    run = compiled(name, n_classes)
    assert run.fallback_reason == ""
    model, found = run.model, columns(400, seed=2)
    assert isinstance(model, CompiledClassifier)
    predicted = ClassifierBatch(model).probabilities(found)
    allowed = 1e-5 if name == "xgboost" else 1e-9
    np.testing.assert_allclose(predicted, expected(name, n_classes, found), atol=allowed, rtol=0)
    alone = [model.probabilities(record(found, row)) for row in range(60)]
    assert predicted[:60].tolist() == alone
    reread = CompiledClassifier.from_dict(json.loads(run.content))
    assert reread.probabilities(record(found, 0)) == alone[0]


@pytest.mark.parametrize("name", NOT_EXPORTED)
def test_a_family_without_tables_is_served_from_its_pickles_with_the_reason(name: str) -> None:
    run = compile_once(name, 2)
    kind = type(fitted(name, 2)[1]).__name__
    assert run.model is None
    assert run.fallback_reason.startswith(f"{kind} is neither linear nor made of trees")
    assert json.loads(run.content) == {"version": 5, "fallback_reason": run.fallback_reason}


def test_reasons_of_pickles_are_counted_from_a_mean_chance() -> None:
    from sklearn.pipeline import Pipeline

    from src.explanations.explainer import Explainer

    run, X = compile_once("neighbors", 3), training(3)[0]
    steps = zip(("preprocessor", "model"), fitted("neighbors", 3), strict=True)
    explainer = Explainer(SCHEMA, Pipeline([*steps]), run.background, chance=lambda p: p[:, 0])
    chances = expected("neighbors", 3, {name: X[name].to_numpy() for name in SCHEMA.names})[:, 0]
    assert explainer.base == pytest.approx(chances.mean(), abs=1e-3)
    found = explainer.base + explainer.contributions(X[:5]).sum(axis=1)
    np.testing.assert_allclose(found, chances[:5], atol=1e-9)


def test_a_vote_without_probabilities_is_no_table() -> None:
    from sklearn.ensemble import VotingClassifier
    from sklearn.tree import DecisionTreeClassifier

    model = VotingClassifier([("tree", DecisionTreeClassifier())]).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(UnsupportedEstimatorError, match="not with probabilities"):
        read_classifier(model)


def test_cuts_that_are_a_rounding_off_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        tables, "exact_cuts", lambda column, t, comparison: t * column.scale + column.mean
    )
    run = compile_once("gradient_boosting", 3)
    assert run.model is None
    assert ", in a probability, on the worst of" in run.fallback_reason


def test_what_members_ask_of_a_feature_stands_in_the_file_once() -> None:
    found = json.loads(compiled("blend", 3).content)
    assert [feature["name"] for feature in found["features"]] == list(SCHEMA.names)
    assert [m["weight"] for m in found["members"]] == [0.5, 0.25, 0.25]
    assert [m["link"] for m in found["members"]] == ["softmax", "softmax", "share"]
    assert all("cuts" not in output for m in found["members"] for output in m["outputs"])


# --- contributions --------------------------------------------------------------------------------


def path_shapley(
    model: CompiledClassifier,
    points: list[Any],
    weights: Any,
    row: dict[str, Any],
    event: set[int],
    calibrated: Any = list,
) -> tuple[float, list[float]]:
    """By their definitions: orders in which features get known, and small steps along the line."""
    names = SCHEMA.names

    @cache
    def worth(known: frozenset[str]) -> np.ndarray:
        mixed = [point | {name: row[name] for name in known} for point in points]
        each = [scores(one) for one in mixed]
        return np.average(each, axis=0, weights=weights)

    def scores(values: dict[str, Any]) -> list[float]:
        return [s for m in model.members for s in m.scores(values, model.bits(values))]

    def chance(at: np.ndarray) -> float:
        total, start = np.zeros(model.n_classes), 0
        for member in model.members:
            of_member = at[start : start + len(member.outputs)]
            start += len(of_member)
            total += member.weight * linked(member.link, of_member)
        found = calibrated(total)
        return sum(found[code] for code in event)

    start, end = worth(frozenset()), worth(frozenset(names))
    steps, slopes, size = 200, np.zeros(len(start)), 1e-5
    for step in range(steps):
        at = start + (step + 0.5) / steps * (end - start)
        for i, unit in enumerate(np.eye(len(start))):
            slopes[i] += (chance(at + size * unit) - chance(at - size * unit)) / (2 * size * steps)
    added = []
    for name in names:
        gains = np.zeros(len(start))
        for order in itertools.permutations(names):
            before = frozenset(order[: order.index(name)])
            gains += (worth(before | {name}) - worth(before)) / math.factorial(len(names))
        added.append(float(slopes @ gains))
    return chance(start), added


def linked(link: str, scores: np.ndarray) -> np.ndarray:
    if link == "softmax":
        return np.exp(scores) / np.exp(scores).sum()
    if len(scores) > 1:
        return scores
    second = 1 / (1 + np.exp(-scores[0])) if link == "sigmoid" else scores[0]
    return np.array([1 - second, second])


@pytest.mark.parametrize(
    ("name", "n_classes", "event"),
    [("gradient_boosting", 2, {0}), ("catboost", 3, {1}), ("blend", 3, {0, 1})],
)
def test_reasons_are_shapley_values_of_scores_carried_over_to_the_chance(
    name, n_classes: int, event: set[int]
) -> None:
    run, found = compiled(name, n_classes), columns(3, seed=5)
    points, weights = run.background.records, run.background.weights
    attributor = ClassAttributor(run.model, points, weights)
    for row in range(3):
        values = record(found, row)
        ours = attributor.contributions(values, frozenset(event))
        base, true = path_shapley(run.model, points, weights, values, event)
        assert ours.method == "tree_path"
        assert ours.base == pytest.approx(base, abs=1e-9)
        assert list(ours.values.values()) == pytest.approx(true, abs=2e-5)


def test_calibrated_chances_of_three_classes_have_slopes_of_their_own() -> None:
    run, values = compiled("blend", 3), record(columns(1, seed=5), 0)
    points, weights = run.background.records, run.background.weights
    chances = ClassChances((0.2, 0.5, 0.3), 200, method="temperature", slope=0.7)
    attributor = ClassAttributor(run.model, points, weights)
    ours = attributor.contributions(values, frozenset({1}), chances)
    total = chances.calibrated(run.model.probabilities(values))[1]
    base, true = path_shapley(run.model, points, weights, values, {1}, chances.calibrated)
    assert ours.total == pytest.approx(total, abs=1e-15)
    assert ours.base == pytest.approx(base, abs=1e-9)
    assert list(ours.values.values()) == pytest.approx(true, abs=1e-4)


@pytest.mark.parametrize(("name", "n_classes"), [*CASES, ("blend", 3)])
def test_base_and_contributions_sum_to_the_chance(name: str, n_classes: int) -> None:
    run, found = compiled(name, n_classes), columns(8, seed=6)
    attributor = ClassAttributor(run.model, run.background.records, run.background.weights)
    for row in range(8):
        values = record(found, row)
        chances = run.model.probabilities(values)
        for event in ({0}, {n_classes - 1}, {0, 1}):
            reasons = attributor.contributions(values, frozenset(event))
            chance = sum(chances[code] for code in event)
            assert reasons.total == pytest.approx(chance, abs=1e-14)
            assert not reasons.base or 0 < reasons.base <= 1 + 1e-12


@pytest.mark.parametrize(("name", "n_classes"), [*CASES, ("blend", 2), ("blend", 3)])
def test_the_chance_at_the_points_mean_scores_is_the_rows_mean_chance(name, n_classes) -> None:
    """The mean log-odds alone would make .05 of .27 in shared/data/xapi.csv."""
    run, X = compiled(name, n_classes), training(n_classes)[0]
    attributor = ClassAttributor(run.model, run.background.records, run.background.weights)
    rows = ClassifierBatch(run.model).probabilities({n: X[n].to_numpy() for n in SCHEMA.names})
    assert attributor.base[0] == pytest.approx(rows[:, 0].mean(), abs=2e-3)


def test_without_points_linear_scores_are_counted_from_their_means() -> None:
    values = record(columns(1, seed=7), 0)
    model = compiled("ordinal_splines", 3).model
    reasons = ClassAttributor(model).contributions(values, frozenset({0}))
    assert reasons.method == "linear_path"
    assert reasons.total == pytest.approx(model.probabilities(values)[0], abs=1e-15)


def test_tables_are_served_where_too_few_students_make_no_points() -> None:
    from sklearn.tree import DecisionTreeClassifier

    X, y = (part[:19] for part in training(2))
    preprocessor = DataTransformation(SCHEMA).run()
    model = DecisionTreeClassifier().fit(preprocessor.fit_transform(X, y), y)
    run = ModelCompiler(SCHEMA).run(preprocessor, model, X)
    assert run.fallback_reason == ""
    assert run.background.unavailable == TOO_FEW
