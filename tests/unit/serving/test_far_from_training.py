"""What is said where a prediction, or an answer, lies outside what training saw."""

from __future__ import annotations

from dataclasses import replace

import pytest

from src.serving.predictor import NO_RANGE, NumberPredictor, Predictor
from src.serving.scorers import scorer_for

FIELDS = ("prediction", "low_90", "high_90", "chance_below_pass_mark")


def with_target(predictor: Predictor, **bounds: float | None) -> Predictor:
    """Return the same model with another range of the target."""
    schema = replace(predictor.schema, target=replace(predictor.schema.target, **bounds))
    return NumberPredictor(predictor.run, schema, predictor.metrics, predictor.compiled)


@pytest.fixture
def best(student) -> dict[str, object]:
    return student | {"reading_score": 100, "writing_score": 100}


def test_a_prediction_above_every_score_seen_names_the_hint(predictor, best) -> None:
    unbounded = with_target(predictor, maximum=None, observed_maximum=80.0)
    answer = unbounded.predict_record(best)
    assert answer.prediction > 80
    (warning,) = answer.warnings
    assert warning.field == "math_score"
    assert warning.message == (
        "The prediction lies above every math_score that training saw: the greatest was 80. If "
        "none can be greater, write maximum = 80 for it in the hints and train again."
    )
    assert "0.9" in answer.intervals


def test_a_prediction_below_every_score_seen_needs_no_hint_where_it_is_bounded(
    predictor, student
) -> None:
    bounded = with_target(predictor, minimum=0.0, observed_minimum=95.0)
    (warning,) = bounded.predict_record(student).warnings
    assert warning.message == (
        "The prediction lies below every math_score that training saw: the least was 95."
    )


def test_a_prediction_among_the_scores_seen_is_not_warned_of(predictor, best) -> None:
    assert predictor.predict_record(best).warnings == ()


def test_an_answer_a_little_outside_keeps_the_range(predictor, student) -> None:
    answer = predictor.predict_record(student | {"reading_score": 12})
    assert [warning.field for warning in answer.warnings] == ["reading_score"]
    assert answer.intervals.keys() == {"0.8", "0.9", "0.95"}


def test_an_answer_far_outside_gets_a_prediction_and_no_range(predictor, student) -> None:
    values, warnings = predictor.schema.check_record(student | {"reading_score": 0})
    answer = predictor.predict_values(values, tuple(warnings), pass_mark=60.0)
    assert answer.intervals == {}
    assert answer.probability_below is None
    assert NO_RANGE in [warning.message for warning in answer.warnings]


@pytest.mark.parametrize("vectorised", [False, True])
def test_a_file_s_rows_get_no_range_there_either(predictor, student, vectorised) -> None:
    records = [student, student | {"reading_score": 0}, student | {"reading_score": 12}]
    checked = [predictor.schema.check_record(record)[0] for record in records]
    columns = {name: [values[name] for values in checked] for name in predictor.schema.names}
    found = scorer_for(predictor, 60.0, vectorised=vectorised).score(columns)
    known = [[found[name][row] is not None for name in FIELDS] for row in range(3)]
    assert known == [[True] * 4, [True, False, False, False], [True] * 4]
