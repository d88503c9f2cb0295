from __future__ import annotations

import json
import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from src.components.model_fairness import MOST_ROWS, ModelFairness
from src.components.model_intervals import ModelIntervals
from src.report.facts import Fairness, GroupErrors
from src.report.findings import fairness_sentences
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.stats.conformal import PredictionIntervals

GENDER = CategoricalFeature(
    name="gender", label="Gender", categories=("female", "male"), sensitive=True
)
LUNCH = CategoricalFeature(
    name="lunch", label="School lunch", categories=("standard", "free/reduced"), sensitive=True
)
AGE = NumericFeature(
    name="age", observed_minimum=11, observed_maximum=18, unit="years", sensitive=True,
    optional=True,
)  # fmt: skip
READING = NumericFeature(name="reading", observed_minimum=0, observed_maximum=100)
SCORE = NumericFeature(
    name="score", minimum=0, maximum=100, observed_minimum=0, observed_maximum=100, unit="points"
)
SCHEMA = Schema(features=(GENDER, LUNCH, AGE, READING), target=SCORE)

HeldOut = tuple[pd.DataFrame, np.ndarray, np.ndarray]


def held_out(n: int = 240, seed: int = 0) -> HeldOut:
    """Return rows, truths and predictions of a fair model."""
    random = np.random.default_rng(seed)
    X = pd.DataFrame({
        "gender": pd.Series(random.choice(GENDER.categories, n), dtype=object),
        "lunch": pd.Series(random.choice(LUNCH.categories, n), dtype=object),
        "age": np.where(random.random(n) < 0.15, np.nan, random.integers(11, 19, n)),
        "reading": random.uniform(0, 100, n),
    })  # fmt: skip
    y_pred = random.normal(60, 14, n)
    return X, y_pred + random.normal(0, 5, n), y_pred


def intervals() -> PredictionIntervals:
    _, y, y_pred = held_out(1_000, seed=99)
    return ModelIntervals().run(y, y_pred)


PAIR = ("gender", "lunch")


def run(
    held: HeldOut, schema: Schema = SCHEMA, seed: int = 42, cross: tuple[str, str] | None = None
) -> Fairness:
    return ModelFairness(seed, n_resamples=500).run(schema, *held, intervals(), cross)


def sentences(found: Fairness) -> tuple[str, ...]:
    return fairness_sentences(found, SCORE)


def group(found: Fairness, label: str) -> GroupErrors:
    return next(g for grouping in found.groupings for g in grouping.groups if g.label == label)


def test_each_sensitive_feature_is_looked_at_and_no_other() -> None:
    assert [one.features for one in run(held_out()).groupings] == [
        ("gender",),
        ("lunch",),
        ("age",),
    ]


def test_a_pair_is_looked_at_where_it_is_named() -> None:
    found = run(held_out(), cross=("age", "gender"))
    assert [one.features for one in found.groupings[3:]] == [("age", "gender")]


def test_what_is_found_is_a_kind_with_values_that_json_can_hold() -> None:
    X, y, y_pred = held_out()
    poor = (X.lunch == "free/reduced").to_numpy()
    (finding,) = run((X, y, y_pred - 3 * poor)).findings
    assert finding.kind == "mean_error_differs"
    assert finding.values["group"] == "School lunch = free/reduced"
    assert 0 < finding.values["low"] < finding.values["value"] < finding.values["high"]
    assert json.loads(json.dumps(finding.values)) == finding.values


def test_the_figures_are_those_of_scikit_learn_for_the_groups_rows() -> None:
    X, y, y_pred = held_out()
    clipped = y_pred.clip(0, 100)
    frame = MetricFrame(
        metrics={"mae": mean_absolute_error, "rmse": root_mean_squared_error},
        y_true=y,
        y_pred=clipped,
        sensitive_features=X[["gender", "lunch"]],
    )
    found = run((X, y, y_pred), cross=PAIR)
    for (gender, lunch), expected in frame.by_group.iterrows():
        one = group(found, f"Gender = {gender} and School lunch = {lunch}")
        rows = ((X.gender == gender) & (X.lunch == lunch)).to_numpy()
        assert one.n_samples == rows.sum()
        assert one.mae.value == pytest.approx(expected["mae"])
        assert one.rmse.value == pytest.approx(expected["rmse"])
        assert one.mean_error.value == pytest.approx((y - clipped)[rows].mean())


def test_coverage_is_the_share_of_the_groups_rows_inside_their_intervals() -> None:
    X, y, y_pred = held_out()
    made = intervals()
    rows = (X.lunch == "standard").to_numpy()
    found = group(run((X, y, y_pred)), "School lunch = standard").coverage
    assert list(found) == ["0.8", "0.9", "0.95"]
    ends = [made.interval(p, 0.9, 0, 100) for p in y_pred[rows]]
    inside = [low <= truth <= high for truth, (low, high) in zip(y[rows], ends, strict=True)]
    assert found["0.9"].value == np.mean(inside)
    assert found["0.9"].low < found["0.9"].value < found["0.9"].high < 1


def test_predictions_outside_the_allowed_range_are_judged_as_they_are_shown() -> None:
    X, y, y_pred = held_out()
    far = np.where(y_pred > 60, 300.0, y_pred)
    found = run((X, y, far))
    expected = np.abs(far.clip(0, 100) - y)[(X.gender == "male").to_numpy()].mean()
    assert group(found, "Gender = male").mae.value == pytest.approx(expected)


@pytest.mark.parametrize("n", [60, 2_500])
def test_intervals_hold_their_figures_and_have_the_width_that_statistics_expects(n: int) -> None:
    X, y, y_pred = held_out(n)
    one = group(run((X, y, y_pred)), "Gender = female")
    errors = (y_pred.clip(0, 100) - y)[(X.gender == "female").to_numpy()]
    assert one.mean_error.low < one.mean_error.value < one.mean_error.high
    assert one.mae.low < one.mae.value < one.mae.high
    assert one.rmse.low < one.rmse.value < one.rmse.high
    expected = 2 * 1.96 * errors.std() / np.sqrt(len(errors))
    assert one.mean_error.high - one.mean_error.low == pytest.approx(expected, rel=0.15)


def test_a_group_that_is_predicted_too_low_is_told_in_plain_words() -> None:
    X, y, y_pred = held_out()
    poor = (X.lunch == "free/reduced").to_numpy()
    found = run((X, y, y_pred - 3 * poor))
    (sentence,) = sentences(found)
    one = group(found, "School lunch = free/reduced")
    assert one.p_values["mean_error"] <= 0.05
    assert one.mean_error.value == pytest.approx(3, abs=1.2)
    pattern = (
        r"For School lunch = free/reduced the prediction is (\S+) points too low on average "
        r"\(95 % interval (\S+) to (\S+); (\d+) held-out rows\), for the others (\S+) points "
        r"too (low|high): that difference is more than chance explains\. "
        r"Of 100 fair models, (fewer than 1|about [1-5]) would show one as large\."
    )
    told = re.fullmatch(pattern, sentence)
    assert told is not None, sentence
    value, low, high, rows = (float(told[i]) for i in (1, 2, 3, 4))
    assert low < value < high
    assert (value, rows) == (round(one.mean_error.value, 1), poor.sum())


def test_a_group_that_is_predicted_too_high_is_told_so() -> None:
    X, y, y_pred = held_out()
    found = run((X, y, y_pred + 4 * (X.gender == "male").to_numpy()))
    assert any(
        re.match(r"For Gender = male the prediction is \S+ points too high on average", sentence)
        for sentence in sentences(found)
    )
    assert not any("Gender = female the" in sentence for sentence in sentences(found))


def test_a_group_whose_errors_are_larger_is_told_without_a_side() -> None:
    X, y, y_pred = held_out(400)
    old = (X.age > 16).to_numpy()
    found = run((X, y, np.where(old, y + 3 * (y_pred - y), y_pred)))
    assert any(
        re.match(r"For age over 16 years the prediction is \S+ points off on average", sentence)
        for sentence in sentences(found)
    )


def test_a_bias_in_one_combination_alone_is_told_of_the_pair() -> None:
    X, y, y_pred = held_out(600)
    girls = (X.gender == "female").to_numpy()
    poor = (X.lunch == "free/reduced").to_numpy()
    # Balanced, so that neither feature alone shows it.
    found = run((X, y, y_pred + np.where(girls == poor, 3.0, -3.0)), cross=PAIR)
    assert found.findings
    assert all(
        sentence.startswith("For Gender = ") and " and School lunch = " in sentence
        for sentence in sentences(found)
    )


def test_a_fair_model_gets_one_sentence_that_says_on_how_many_rows_it_rests() -> None:
    (sentence,) = sentences(run(held_out()))
    assert sentence.startswith("No group's errors differ from the others' by more than chance")
    assert "rests on 240 held-out rows" in sentence
    smallest = min(g.n_samples for one in run(held_out()).groupings for g in one.groups)
    assert f"in the smallest group compared ({smallest} rows)" in sentence
    assert "Smaller differences may be there." in sentence


@pytest.mark.slow
@pytest.mark.parametrize("cross", [None, PAIR])
def test_fair_models_are_rarely_accused(cross: tuple[str, str] | None) -> None:
    made = intervals()
    accused = sum(
        ModelFairness(seed, n_resamples=200)
        .run(SCHEMA, *held_out(120, seed), made, cross)
        .findings[0]
        .kind
        != "no_difference"
        for seed in range(200)
    )
    assert accused <= 19  # 10 are expected


def test_groups_under_ten_rows_are_named_without_any_figure() -> None:
    X, y, y_pred = held_out(200)
    X["gender"] = np.where(np.arange(200) < 6, "male", "female").astype(object)
    found = run((X, y, y_pred))
    grouping = found.groupings[0]
    assert grouping.groups == ()  # of two groups, one would follow from the other
    assert grouping.suppressed == ("Gender = female", "Gender = male")


def test_what_the_shown_groups_leave_over_is_never_one_small_group() -> None:
    X, y, y_pred = held_out(200)
    X["age"] = [11.0] * 4 + [12.0] * 14 + [13.0] * 82 + [14.0] * 100
    found = run((X, y, y_pred)).groupings[2]
    assert found.suppressed == ("age = 11 years", "age = 12 years")
    assert [g.n_samples for g in found.groups] == [82, 100]


def test_a_table_without_sensitive_features_is_told_so() -> None:
    found = run(held_out(), Schema(features=(READING,), target=SCORE))
    assert found.groupings == ()
    assert sentences(found) == (
        "No feature is marked as sensitive in the hints file: no groups were compared.",
    )


@pytest.mark.parametrize("n", [1, 2, 9, 12])
def test_a_handful_of_rows_is_not_compared(n: int) -> None:
    found = run(held_out(n))
    assert "No groups were compared: a group needs 10 of the" in sentences(found)[0]
    assert all(g.n_samples == n and not g.p_values for one in found.groupings for g in one.groups)


def test_a_model_without_errors_is_judged_too() -> None:
    X, y, _ = held_out()
    found = run((X, y.clip(0, 100), y.clip(0, 100)))
    assert sentences(found) == (
        "No group's errors differ from the others' by more than chance explains. That rests on "
        "240 held-out rows, whose errors are all the same.",
    )


def test_of_very_many_rows_a_sample_is_looked_at() -> None:
    X, y, y_pred = held_out(MOST_ROWS + 500)
    schema = Schema(features=(GENDER, READING), target=SCORE)
    found = run((X, y, y_pred + 2 * (X.gender == "male").to_numpy()), schema)
    assert found.n_samples == MOST_ROWS
    assert sum(g.n_samples for g in found.groupings[0].groups) == MOST_ROWS
    assert group(found, "Gender = male").mean_error.value == pytest.approx(-2, abs=0.3)


def test_the_result_is_json_and_the_same_for_the_same_seed() -> None:
    first, again = run(held_out()), run(held_out())
    assert first == again
    assert run(held_out(), seed=1) != first
    read = json.loads(json.dumps(asdict(first), allow_nan=False))
    assert read["groupings"][0]["groups"][0]["mean_error"].keys() == {"value", "low", "high"}
