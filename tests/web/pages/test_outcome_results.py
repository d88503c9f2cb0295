"""The result of a form where an outcome is predicted, with outcomes at risk and without."""

import re
from copy import copy
from dataclasses import replace

import pytest
from flask import render_template

from src.compiled.contributions import Contributions
from src.exception import Problem
from src.schema.features import ClassTarget, NumericFeature
from src.schema.record import Schema
from src.serving.outcomes import OutcomePredictor
from src.serving.predictor import Predictor
from src.web.pages.outcome_results import describe_outcome
from src.web.pages.reasons import explain_chance, what_if

STUDENT = {"reading": 52, "absences": 14, "course": "none"}


@pytest.fixture(scope="module")
def of_outcomes(outcome_artifacts) -> OutcomePredictor:
    return Predictor.load(outcome_artifacts)


@pytest.fixture
def no_event(of_outcomes) -> OutcomePredictor:
    """Return the same model, of which nobody said who is at risk."""
    other = copy(of_outcomes)
    other.chances = replace(of_outcomes.chances, event=(), event_range=None)
    target = replace(of_outcomes.schema.target, at_risk=())
    other.schema = replace(of_outcomes.schema, target=target)
    return other


@pytest.fixture
def outcome_client(make_app, outcome_artifacts):
    return make_app(artifacts_dir=outcome_artifacts).test_client()


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def made(of_outcomes, *chances: float, low: float = 0.2, high: float = 0.45, inside=("Pass",)):
    """Return a prediction with these chances of Fail, Pass and Distinction."""
    asked = of_outcomes.predict_record(STUDENT)
    labels = of_outcomes.labels
    return replace(
        asked,
        prediction=labels[chances.index(max(chances))],
        probabilities=dict(zip(labels, chances, strict=True)),
        sets={"0.9": inside},
        at_risk=chances[0],
        at_risk_range=(low, high),
    )


def test_the_page_says_how_many_of_100_such_students_are_at_risk(outcome_client, of_outcomes):
    asked = of_outcomes.predict_record(STUDENT)
    page = words(outcome_client.post("/", data=STUDENT).text)
    expected = round(100 * asked.at_risk)
    assert f"Most likely {asked.prediction} Of 100 students with this estimate, about " in page
    assert f"about {expected} end with Fail ." in page
    assert "among the students that it learnt from" in page
    assert "Why this chance of Fail" in page
    for label, chance in asked.probabilities.items():
        assert re.search(rf" {label} {round(100 * chance)} \d+", page)


def test_the_form_says_what_is_predicted(outcome_client, client):
    said = words(outcome_client.get("/").text)
    assert "which outcome to expect (Fail, Pass and Distinction), how likely each one is" in said
    assert "what to expect, how far off that may be, and why" in words(client.get("/").text)


def test_the_picture_shows_as_many_of_a_hundred_as_are_at_risk(of_outcomes):
    result = describe_outcome(made(of_outcomes, 0.304, 0.5, 0.196), of_outcomes)
    assert (result.chart.count('class="full"'), result.chart.count('class="empty"')) == (30, 70)
    assert "30 of 100 students drawn full: Fail" in result.chart
    assert [row.counted for row in result.rows] == [True, False, False]
    assert [row.expected for row in result.rows] == ["30", "50", "20"]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.2, 0.45, "between 20 and 45 of 100 end so."), (0.301, 0.304, ""),
     (0.0, 0.004, "fewer than 1 of 100 ends so."), (0.996, 1.0, "more than 99 of 100 end so."),
     (0.003, 0.31, "up to 31 of 100 end so."), (0.0, 0.01, "at most 1 of 100 ends so."),
     (0.2, 0.998, "20 or more of 100 end so.")],
)  # fmt: skip
def test_the_range_of_the_chance_is_told(of_outcomes, low, high, said):
    prediction = made(of_outcomes, 0.3, 0.5, 0.2, low=low, high=high)
    told = describe_outcome(prediction, of_outcomes).between
    assert said in told
    assert bool(told) == bool(said)
    assert not told or "no range of this student’s own chance" in told


def test_where_nothing_is_known_of_the_range_no_figure_stands(of_outcomes):
    told = describe_outcome(made(of_outcomes, 0.3, 0.5, 0.2, low=0.0, high=1.0), of_outcomes)
    assert told.between == "How far off that may be is not known."


def test_an_answer_far_outside_what_training_saw_leaves_the_range_open(outcome_client, of_outcomes):
    far = STUDENT | {"reading": 10_000_000}
    assert of_outcomes.predict_record(far).at_risk_range == (0.0, 1.0)
    said = outcome_client.post("/api/v1/predict", json=far).get_json()["at_risk"]
    assert (said["low"], said["high"]) == (0.0, 1.0)
    page = words(outcome_client.post("/", data=far).text)
    assert "How far off that may be is not known." in page
    assert "of 100 end so" not in page
    assert "of 100 ends so" not in page


@pytest.mark.parametrize(
    ("chance", "said"),
    [(0.004, "estimate, fewer than 1 ends with Fail ."), (0.01, "about 1 ends with Fail ."),
     (0.3, "about 30 end with Fail ."), (0.998, "more than 99 end with Fail ."),
     (1.0, "about 100 end with Fail .")],
)  # fmt: skip
def test_how_many_end_so_is_said_as_people_say_it(app, of_outcomes, chance, said):
    prediction = made(of_outcomes, chance, (1 - chance) * 0.75, (1 - chance) * 0.25)
    result = describe_outcome(prediction, of_outcomes)
    with app.test_request_context():
        page = render_template("_outcome.html", result=result, model=result.model)
    assert said in words(page)
    assert "about fewer" not in page


def test_a_chance_is_compared_with_the_training_data(of_outcomes):
    counts = of_outcomes.metrics["outcome_counts"]
    share = round(100 * counts[0] / sum(counts))
    more = describe_outcome(made(of_outcomes, 0.9, 0.06, 0.04), of_outcomes).comparison
    assert more == (
        f"That is {90 - share} more than among the students that it learnt from ({share} of 100)."
    )
    less = describe_outcome(made(of_outcomes, 0.01, 0.9, 0.09), of_outcomes).comparison
    assert less.startswith(f"That is {share - 1} fewer than among")
    same = describe_outcome(made(of_outcomes, share / 100, 0.9, 0.0), of_outcomes).comparison
    assert same.startswith("That is as many as among")


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (
            ("Pass", "Fail"),
            "Fail cannot be ruled out: over all students, 9 in 10 have an outcome in their set; "
            "here it names Pass and Fail.",
        ),
        (
            ("Pass",),
            "Over all students, 9 in 10 have an outcome in their set; here it names Pass alone.",
        ),
        (("Pass", "Fail", "Distinction"), "No outcome can be ruled out."),
    ],
)
def test_what_cannot_be_ruled_out_is_told(of_outcomes, inside, said):
    prediction = made(of_outcomes, 0.3, 0.5, 0.2, inside=inside)
    assert describe_outcome(prediction, of_outcomes).ruled_out.startswith(said)


def test_without_outcomes_at_risk_the_predicted_one_is_told_of(no_event):
    asked = no_event.predict_record(STUDENT)
    result = describe_outcome(asked, no_event)
    assert (asked.at_risk, result.at_risk, result.between) == (None, False, "")
    assert result.outcomes == asked.prediction
    assert result.n_expected == round(100 * max(asked.probabilities.values()))
    assert what_if(asked, no_event) is None


def test_warnings_and_what_was_mended_are_kept(of_outcomes):
    prediction = replace(of_outcomes.predict_record(STUDENT), warnings=(Problem("Far off."),))
    result = describe_outcome(prediction, of_outcomes, {"reading": "52", "course": "NONE"})
    assert result.warnings == (Problem("Far off."),)
    assert any(line.startswith("Course") for line in result.mended)


def schema(*names: str) -> Schema:
    return Schema(
        features=tuple(
            NumericFeature(name=name, observed_minimum=0, observed_maximum=9, actionable=True)
            for name in names
        ),
        target=ClassTarget(name="y", categories=("Fail", "Pass"), ordered=True, at_risk=("Fail",)),
    )


def reasons(base: float, *added: float, method="linear_path"):
    names = [f"x{i}" for i in range(len(added))]
    found = Contributions(base, dict(zip(names, added, strict=True)), method)
    return explain_chance(found, dict.fromkeys(names, 7.0), schema(*names), "Fail")


def test_reasons_are_points_of_100_from_a_start_that_is_named():
    told = reasons(0.21, 0.124, -0.031)
    assert told.title == "Why this chance of Fail"
    assert told.start.startswith(
        "The model starts from a chance of 21 of 100, its chance where the answers weigh what they "
        "do on average"
    )
    assert "need not be the average of their chances" in told.start
    assert re.findall("<strong>(.*?)</strong>", told.chart) == ["+12", "−3"]
    assert told.end == "Together that is 30 of 100, but for rounding."


def test_reasons_of_the_pickles_start_from_the_mean_chance():
    told = reasons(0.21, 0.1, method="permutation_shapley")
    assert "of 100, the average of its chances for the students" in told.start


def test_small_chances_are_told_with_a_decimal():
    assert re.findall("<strong>(.*?)</strong>", reasons(0.021, 0.014).chart) == ["+1.4"]


def test_the_reasons_of_a_real_chance_add_up_to_it(of_outcomes):
    record, _ = of_outcomes.schema.check_record(STUDENT)
    found = of_outcomes.explain(record)
    told = explain_chance(found, record, of_outcomes.schema, "Fail")
    shown = [
        float(adds.replace("−", "-")) for adds in re.findall("<strong>(.*?)</strong>", told.chart)
    ]
    chance = of_outcomes.predict_record(STUDENT).at_risk
    assert 100 * found.base + sum(shown) == pytest.approx(100 * chance, abs=0.5 * len(shown))


def acting(of_outcomes, **levers):
    other = copy(of_outcomes)
    features = tuple(replace(f, actionable=True) for f in of_outcomes.schema.features)
    other.schema = replace(of_outcomes.schema, features=features)
    other.metrics = of_outcomes.metrics | {"levers": levers}
    return what_if(other.predict_record(STUDENT), other)


def test_other_answers_are_compared_by_the_chance_of_being_at_risk(of_outcomes):
    found = acting(of_outcomes, absences={"rises": True})
    assert found.lead == "Of 100 students, how many are expected to end with Fail:"
    (one,) = found.moving
    expected = [int(choice.predicted) for choice in one.choices]
    assert expected == sorted(expected)
    assert expected[0] < expected[-1]
    assert [c.answer for c in one.choices if c.entered] == ["14"]


def test_answers_by_which_outcomes_went_the_other_way_are_not_compared(of_outcomes):
    assert acting(of_outcomes, absences={"rises": False}) is None
