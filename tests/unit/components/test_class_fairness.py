"""Groups' chances and lists: known truths, what chance explains, and what is withheld."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from src.components.class_fairness import GroupComparison
from src.report.class_groups import ClassFairness, GroupChances
from src.report.findings import class_fairness_sentences
from src.schema.features import CategoricalFeature, ClassTarget
from src.schema.record import Schema
from src.stats.class_scores import by_chance
from src.stats.disclosure import LEAST_ROWS

GENDER = CategoricalFeature(
    name="gender", label="Gender", categories=("female", "male"), sensitive=True
)
AREA = CategoricalFeature(
    name="area", label="Area", categories=("city", "country", "abroad"), sensitive=True
)
RESULT = ClassTarget(name="result", categories=("Fail", "Pass"), ordered=True, at_risk=("Fail",))
SCHEMA = Schema((GENDER, AREA), RESULT)


def held_out(n: int = 400, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return rows, chances and what came true, of a model whose chances are true."""
    random = np.random.default_rng(seed)
    X = pd.DataFrame({
        "gender": pd.Series(random.choice(GENDER.categories, n), dtype=object),
        "area": pd.Series(random.choice(AREA.categories, n, p=[0.6, 0.3, 0.1]), dtype=object),
    })  # fmt: skip
    chance = random.beta(1, 2, n)
    return X, chance, random.random(n) < chance


def listed(chance: np.ndarray, share: float = 0.3) -> np.ndarray:
    return np.isin(np.arange(len(chance)), by_chance(chance)[: round(share * len(chance))])


def run(X: pd.DataFrame, chance: np.ndarray, happened: np.ndarray, **more) -> ClassFairness:
    more.setdefault("listed", listed(chance))
    return GroupComparison(42, n_resamples=400).run(SCHEMA, X, chance, happened, **more)


def group(found: ClassFairness, label: str) -> GroupChances:
    return next(g for grouping in found.groupings for g in grouping.groups if g.label == label)


def kinds(found: ClassFairness) -> list[str]:
    return [finding.kind for finding in found.findings]


def test_the_figures_are_those_counted_by_hand() -> None:
    X, chance, happened = held_out()
    on_list, inside = listed(chance), (X["gender"] == "male").to_numpy()
    found = group(run(X, chance, happened), "Gender = male")
    assert found.n_samples == inside.sum()
    assert found.n_event == (inside & happened).sum()
    assert found.expected == pytest.approx(chance[inside].mean())
    assert found.calibration.value == pytest.approx(happened[inside].mean() - found.expected)
    assert found.listed is not None
    assert found.listed.value == pytest.approx(on_list[inside].mean())
    assert found.missed is not None
    assert found.missed.value == pytest.approx((~on_list)[inside & happened].mean())
    assert found.false_alarms is not None
    assert found.false_alarms.value == pytest.approx(on_list[inside & ~happened].mean())


def test_a_group_whose_chances_are_too_low_is_told_with_its_figures() -> None:
    X, chance, happened = held_out(800)
    happened = happened | ((X["gender"] == "male") & (np.arange(800) % 4 == 0)).to_numpy()
    found = run(X, chance, happened)
    assert kinds(found)[0] == "calibration_differs"
    sentence = class_fairness_sentences(found, RESULT)[0]
    value = 100 * group(found, "Gender = male").calibration.value
    assert f"For Gender = male the chance of Fail is {value:.1f} points too low" in sentence
    assert "more than chance explains. Of 100 fair models, fewer than 1 would" in sentence


def test_a_group_that_the_list_misses_is_told() -> None:
    X, chance, happened = held_out(800)
    on_list = listed(chance) & (X["gender"] == "male").to_numpy()
    found = run(X, chance, happened, listed=on_list)
    assert {"missed_differs", "false_alarms_differs"} <= set(kinds(found))
    said = " ".join(class_fairness_sentences(found, RESULT))
    assert "The list misses 100" in said
    assert "of those with Fail in Gender = female" in said


def test_right_chances_of_groups_with_more_failures_are_not_called_unfair() -> None:
    """They list more of that group for nothing: the null is a model with equal false alarms."""
    X, chance, _ = held_out(3_000, seed=3)
    male = (X["gender"] == "male").to_numpy()
    chance = np.where(male, chance**0.5, chance)
    found = run(X, chance, np.random.default_rng(4).random(3_000) < chance)
    assert kinds(found)[0] == "no_class_difference"
    assert {"missed_differs", "false_alarms_differs"} <= set(kinds(found))
    said = " ".join(class_fairness_sentences(found, RESULT))
    assert "fair models" not in said
    assert "Of 100 models that miss as large a share in every group, fewer than 1 would" in said
    assert "with as large a share of false alarms in every group, fewer than 1 would" in said
    assert said.count("is listed for nothing more often, and missed less, even by chances") == 2


def test_a_fair_model_is_said_to_be_so_with_what_would_have_been_seen() -> None:
    found = run(*held_out(3_000, seed=1))
    assert kinds(found) == ["no_class_difference"] * 3
    said = class_fairness_sentences(found, RESULT)
    assert all("would have been seen in 8 of 10 such tests" in one for one in said)
    assert "students with Fail" in said[1]


def test_few_students_are_too_few_to_tell() -> None:
    found = run(*held_out(120, seed=1))
    assert "too_few_to_tell" in kinds(found)
    said = class_fairness_sentences(found, RESULT)
    assert any(one.startswith("Too few to tell whether the share of") for one in said)


def test_without_an_event_the_predicted_outcome_is_looked_at_and_no_list() -> None:
    X, chance, happened = held_out()
    found = run(X, chance, happened, listed=None)
    assert kinds(found) == ["no_class_difference"]
    assert all(g.listed is None and g.missed is None for one in found.groupings for g in one.groups)
    nominal = ClassTarget(name="result", categories=("Fail", "Pass"))
    assert "Fail" not in " ".join(class_fairness_sentences(found, nominal))


@pytest.mark.parametrize("seed", range(6))
def test_no_share_rests_on_fewer_than_ten_students_nor_leaves_fewer_over(seed: int) -> None:
    X, chance, happened = held_out(150, seed)
    found = run(X, chance, happened)
    for grouping in found.groupings:
        assert all(g.n_samples >= LEAST_ROWS for g in grouping.groups)
        told = [g for g in grouping.groups if g.missed is not None]
        for rows in (happened, ~happened):
            counts = [
                (rows & (X[grouping.features[0]] == g.label.split(" = ")[1]).to_numpy()).sum()
                for g in told
            ]
            left_over = rows.sum() - sum(counts)
            assert all(n >= LEAST_ROWS for n in counts)
            assert left_over == 0 or left_over >= LEAST_ROWS or not counts


def test_rows_of_few_clusters_are_not_compared() -> None:
    X, chance, happened = held_out()
    found = run(X, chance, happened, clusters=np.arange(400) % 6)
    assert kinds(found) == ["too_few_clusters"]
    assert all(not g.p_values for one in found.groupings for g in one.groups)


def test_groups_that_other_tables_hide_are_said_to_be_withheld() -> None:
    X, chance, happened = held_out()
    schema, women = Schema((GENDER,), RESULT), (X["gender"] == "female").to_numpy()
    few_more = women | (np.cumsum(~women) <= 4)
    found = GroupComparison(42, 200).run(schema, X, chance, happened, published=[few_more])
    assert kinds(found) == ["withheld_together"]
    assert found.groupings[0].groups == ()
    (said,) = class_fairness_sentences(found, RESULT)
    assert said == (
        "No groups were compared: their figures are withheld, since together with those of the "
        "other tables they would tell of fewer than 10 students."
    )
    fewer = np.where(np.arange(400) < 6, "male", "female").astype(object)
    X = pd.DataFrame({"gender": fewer})
    assert kinds(GroupComparison(42, 200).run(schema, X, chance, happened)) == ["too_few_rows"]


def test_a_table_without_sensitive_features_is_told_so() -> None:
    X, chance, happened = held_out()
    found = GroupComparison().run(Schema((), RESULT), X, chance, happened)
    assert kinds(found) == ["no_sensitive_feature"]


def test_what_is_found_is_json() -> None:
    assert json.loads(json.dumps(asdict(run(*held_out()))))["n_listed"] == 120
