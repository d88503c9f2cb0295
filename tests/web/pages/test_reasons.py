import re
from dataclasses import replace

import pytest

from src.compiled.contributions import Contributions
from src.exception import ReasonsUnavailableError
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.serving.predictor import NumberPredictor, Prediction, Predictor
from src.web.pages.reasons import explain, what_if

TARGET = NumericFeature(
    name="math", observed_minimum=0, observed_maximum=100, minimum=0.0, maximum=100.0,
    unit="points",
)  # fmt: skip


def schema(n: int) -> Schema:
    features = tuple(
        NumericFeature(name=f"x{i}", label=f"Score {i}", observed_minimum=0, observed_maximum=9)
        for i in range(n)
    )
    return Schema(features=features, target=TARGET)


def contributions(*values: float, base: float = 60.0) -> Contributions:
    return Contributions(base, {f"x{i}": value for i, value in enumerate(values)}, "linear")


def rows(chart: str) -> list[tuple[str, str]]:
    return re.findall(r"<li><span>(.*?)</span> <strong>(.*?)</strong>", chart)


def said(found: Contributions, **record) -> list[tuple[str, str]]:
    made = schema(len(found.values))
    values = dict.fromkeys(made.names, 7.0) | record
    return rows(explain(found, values, made).chart)


def test_each_answer_is_told_with_what_it_adds_the_largest_first():
    assert said(contributions(0.04, -6.25, 3.4), x1=7.5, x2=None) == [
        ("Score 1: 7.5", "−6.2"), ("Score 2: not known", "+3.4"), ("Score 0: 7", "0.0"),
    ]  # fmt: skip


def test_answers_that_add_nothing_worth_showing_stand_in_one_line():
    assert said(contributions(0.04, -6.25, 0.03, -0.01)) == [
        ("Score 1: 7", "−6.2"), ("3 other answers together", "+0.1"),
    ]  # fmt: skip
    assert said(contributions(0.0, 0.0)) == [("2 answers together", "0.0")]


def test_many_answers_are_added_up_beyond_the_tenth():
    told = said(contributions(*range(20, 0, -1)))
    assert len(told) == 10
    assert told[-1] == ("11 other answers together", "+66.0")


def test_start_and_end_are_told_in_the_target_s_unit():
    reasons = explain(contributions(3.4), {"x0": 7.0}, schema(1))
    assert reasons.start.startswith("The model starts from 60.0\xa0points, the average of its ")
    assert reasons.end == "Together that is 63.4\xa0points."


def test_where_no_reasons_can_be_given_the_page_and_the_api_say_why(client, student, monkeypatch):
    """Issue 13, item 14: no reasons rather than wrong ones."""

    def explain(self, values):
        raise ReasonsUnavailableError("It is a median.")

    monkeypatch.setattr(NumberPredictor, "explain", explain)
    page = client.post("/predict", data=student).get_data(as_text=True)
    assert "Reasons are not available for this model. It is a median." in page
    assert "Together that is" not in page
    answer = client.post("/api/v1/predict?contributions=1", json=student).get_json()
    assert answer["contributions"] is None
    assert answer["warnings"][-1]["message"] == "No contributions. It is a median."


def test_a_sum_beyond_the_range_is_said_to_be_held_to_its_end():
    reasons = explain(contributions(45.0), {"x0": 7.0}, schema(1))
    assert reasons.end == "Together that is 105.0\xa0points, held to 100, the end of the range."


def test_the_reasons_of_a_real_prediction_add_up_to_it(predictor, student):
    record, _ = predictor.schema.check_record(student)
    found = predictor.explain(record)
    reasons = explain(found, record, predictor.schema)
    shown = [float(adds.replace("−", "-")) for _, adds in rows(reasons.chart)]
    assert found.base + sum(shown) == pytest.approx(
        predictor.predict_record(student).prediction, abs=0.05 * (len(shown) + 1)
    )


@pytest.fixture
def acting_on(predictor: Predictor, monkeypatch: pytest.MonkeyPatch):
    """Return the predictions for other answers, with other features to act on.

    Students' scores are said to go as the predictions do.
    """

    def as_predicted(feature, record):
        if isinstance(feature, NumericFeature):
            return {"rises": True}
        order = sorted(
            feature.categories,
            key=lambda c: predictor.predict_record(record | {feature.name: c}).prediction,
        )
        return {"order": order}

    def ask(record, *, contrary=(), **actionable):
        levers = {
            f.name: as_predicted(f, record)
            for f in predictor.schema.features
            if f.name in actionable
        }
        for name in contrary:
            lever = levers[name]
            levers[name] = {"order": lever["order"][::-1]} if "order" in lever else {"rises": False}
        monkeypatch.setattr(predictor, "metrics", predictor.metrics | {"levers": levers})
        features = tuple(
            replace(f, actionable=f.name in actionable, **actionable.get(f.name, {}))
            for f in predictor.schema.features
        )
        monkeypatch.setattr(predictor, "schema", replace(predictor.schema, features=features))
        return what_if(predictor.predict_record(record), predictor)

    return ask


def test_each_choice_of_a_feature_to_act_on_is_predicted(acting_on, predictor, student):
    (course,) = acting_on(student, test_preparation_course={}).moving
    assert course.label == "Test preparation course"
    none, completed = course.choices
    assert (none.answer, none.entered, none.difference) == ("none", True, "")
    other = predictor.predict_record(student | {"test_preparation_course": "completed"}).prediction
    assert (completed.answer, completed.predicted) == ("completed", f"{other:.1f}")
    gain = other - predictor.predict_record(student).prediction
    assert completed.difference == f"{gain:+.1f}".replace("-", "−")


def test_a_feature_by_which_scores_went_the_other_way_is_not_offered(acting_on, student):
    """13.17."""
    features = {"lunch": {}, "reading_score": {}}
    assert acting_on(student, contrary=("lunch", "reading_score"), **features) is None
    (one,) = acting_on(student, contrary=("lunch",), **features).moving
    assert one.label == "Reading score"


def test_the_sample_s_course_is_not_offered(predictor, student):
    """Those who completed it score more; beside equal other scores, less is predicted."""
    assert predictor.metrics["levers"]["test_preparation_course"] == {
        "order": ["none", "completed"]
    }
    assert what_if(predictor.predict_record(student), predictor) is None


def test_a_number_is_tried_over_the_range_that_training_saw(acting_on, student):
    (score,) = acting_on(student, reading_score={}).moving
    tried = [float(choice.answer) for choice in score.choices]
    assert tried == sorted(tried)
    assert [c.answer for c in score.choices if c.entered] == ["70"]
    assert len(tried) == 6


def test_the_feature_that_moves_the_prediction_most_comes_first(acting_on, student):
    found = acting_on(student, lunch={}, reading_score={}, test_preparation_course={}).moving
    spreads = [
        max(float(c.predicted) for c in one.choices) - min(float(c.predicted) for c in one.choices)
        for one in found
    ]
    assert len(found) == 3
    assert spreads == sorted(spreads, reverse=True)


def test_of_many_categories_the_one_that_was_entered_is_shown(acting_on, student):
    (parents,) = acting_on(student, parental_level_of_education={}).moving
    assert len(parents.choices) == 6
    assert sum(choice.entered for choice in parents.choices) == 1


def test_nothing_is_offered_where_a_school_can_act_on_nothing(acting_on, student):
    assert acting_on(student) is None


class Blank:
    """Predicts 50, and 60 for "b"."""

    def __init__(self, order=(), **feature) -> None:
        self.metrics = {"levers": {"x": {"order": list(order or feature["categories"])}}}
        made = CategoricalFeature(name="x", label="Help", actionable=True, **feature)
        self.schema = Schema(features=(made,), target=TARGET)

    def predict_values(self, values) -> Prediction:
        return Prediction(values, (), "run-1", 60.0 if values["x"] == "b" else 50.0)


def asked(value: str | None, *categories: str, order=()):
    blank = Blank(order, categories=categories)
    return what_if(Prediction({"x": value}, (), "run-1", 50.0), blank)


def test_an_answer_that_was_left_open_is_among_the_choices():
    (one,) = asked(None, "a", "b", order=(None, "a", "b")).moving
    assert [(c.answer, c.entered) for c in one.choices] == [
        ("not known", True), ("a", False), ("b", False),
    ]  # fmt: skip


def test_an_answer_of_too_few_students_is_not_compared():
    assert asked(None, "a", "b") is None
    (one,) = asked("a", "a", "c", "b", order=("a", "b")).moving
    assert [c.answer for c in one.choices] == ["a", "b"]


def test_a_feature_that_changes_nothing_that_is_shown_is_only_named():
    found = asked("a", "a", "c")
    assert (found.moving, found.still) == ((), "Help")
    assert asked("a", "a", "b").still == ""


def test_a_feature_with_one_category_has_no_choice():
    assert asked("a", "a") is None
