import re
from dataclasses import replace

import numpy as np
import pytest

from src.exception import Problem
from src.report.data_summary import target_spread
from src.report.wording import sensible_decimals
from src.schema.features import NumericFeature
from src.serving.predictor import Prediction
from src.web.pages.results import describe


class Known:
    """What `describe` reads of a predictor, with other metrics and another target."""

    def __init__(self, predictor, metrics=None, **target):
        self.run, self.pass_mark, self.intervals = predictor.run, None, predictor.intervals
        self.metrics = predictor.metrics if metrics is None else metrics
        schema = predictor.schema
        self.schema = replace(schema, target=replace(schema.target, **target))


def prediction(value: float, *warnings: Problem) -> Prediction:
    return Prediction({}, warnings, "run-1", value, {"0.9": (value - 9.4, value + 9.4)})


@pytest.mark.parametrize(
    ("low", "high", "decimals"), [(0, 100, 1), (0, 20, 1), (1, 5, 2), (0, 1, 3), (400, 800, 0),
                                  (5, 5, 1), (0, 4e-6, 8), (0, 5e-324, 303)],
)  # fmt: skip
def test_as_many_decimals_are_shown_as_mean_something(low, high, decimals):
    target = NumericFeature(name="y", observed_minimum=low, observed_maximum=high)
    assert sensible_decimals(target) == decimals


def test_the_value_is_shown_rounded_and_kept_in_full(predictor):
    result = describe(prediction(71.30000000000001), predictor)
    assert (result.shown, result.value, result.model.measure.unit) == (
        "71.3",
        "71.30000000000001",
        "points",
    )


@pytest.mark.parametrize(
    ("value", "mean", "words"),
    [
        (
            71.3,
            66.1,
            "That is 5.2 above the average of the training data, 66.1\N{NO-BREAK SPACE}points.",
        ),
        (
            60.0,
            66.1,
            "That is 6.1 below the average of the training data, 66.1\N{NO-BREAK SPACE}points.",
        ),
        (66.12, 66.08, "That is the average of the training data, 66.1\N{NO-BREAK SPACE}points."),
    ],
)
def test_the_prediction_is_compared_with_the_average(predictor, value, mean, words):
    known = Known(predictor, {"target_mean": mean})
    assert describe(prediction(value), known).comparison == words


def test_the_typical_error_comes_from_held_out_rows(predictor):
    metrics = {"held_out": {"n_samples": 200, "mae": {"value": 4.25}}}
    result = describe(prediction(70.0), Known(predictor, metrics))
    assert (result.model.typical_error, result.model.held_out) == ("4.2 points", 200)


def test_the_interval_is_told_and_shaded(predictor):
    result = describe(prediction(70.0), predictor)
    assert (result.low, result.high) == ("61", "79\N{NO-BREAK SPACE}points")
    assert 'class="band"' in result.chart


def test_the_answer_left_open_that_matters_most_is_named(predictor):
    known = Known(predictor)
    blanks = {"lunch": {"lunch": 1.25}, "gender": {"gender": 1.01}}
    known.intervals = replace(predictor.intervals, blanks=blanks)
    open_answers = replace(prediction(70.0), values={"lunch": None, "gender": None})
    assert describe(open_answers, known).missed == (
        "Of the answers left open, School lunch matters most: with it, such ranges are about "
        "20\N{NO-BREAK SPACE}% narrower."
    )
    assert describe(replace(open_answers, values={"gender": None}), known).missed == ""
    assert describe(prediction(70.0), known).missed == ""


def test_a_run_without_intervals_shows_none(predictor):
    result = describe(Prediction({}, (), "run-1", 70.0), predictor)
    assert (result.low, result.high, result.exactly) == ("", "", "")
    assert 'class="band"' not in result.chart


@pytest.mark.parametrize("metrics", [{}, {"held_out": None}, {"held_out": {"mae": {}}}])
def test_metrics_that_are_not_known_are_left_out(predictor, metrics):
    result = describe(prediction(70.0), Known(predictor, metrics))
    assert (result.model.typical_error, result.comparison, result.lower, result.chart) == ("",) * 4


def test_the_chance_of_a_score_below_the_pass_mark_is_told_where_the_run_has_one(predictor):
    known = Known(predictor)
    known.pass_mark = 50.0
    predicted = replace(prediction(55.0), probability_below=0.163)
    result = describe(predicted, known)
    assert (result.model.pass_mark, result.chance_below) == (
        "50\N{NO-BREAK SPACE}points",
        "16\N{NO-BREAK SPACE}%",
    )
    assert 'class="pass"' in result.chart
    assert "The dashed line is the pass mark." in result.lower
    without = describe(prediction(55.0), predictor)
    assert (without.model.pass_mark, without.chance_below) == ("", "")
    assert 'class="pass"' not in without.chart


def test_the_share_of_lower_scores_is_that_of_the_training_data(predictor):
    known = Known(
        predictor, {"target_distribution": {"edges": [-0.5, 49.5, 99.5], "counts": [30, 10]}}
    )
    said = describe(prediction(75.0), known).lower
    assert said == (
        "About 88\N{NO-BREAK SPACE}% of the 40 students that the model learnt from scored lower."
    )


def spread(known: Known, y: list[float]) -> dict:
    return {"target_distribution": target_spread(np.array(y), known.schema.target)._asdict()}


def test_nobody_scored_lower_than_the_lowest(predictor):
    known = Known(predictor, integer=False, observed_minimum=0.0)
    known.metrics = spread(known, [0.0] * 24 + [float(score) for score in range(5, 81)])
    assert describe(prediction(0.0), known).lower == (
        "None of the 100 students that the model learnt from scored lower."
    )
    just_above = describe(prediction(0.04), known)
    assert just_above.shown == "0.0"
    assert just_above.lower.startswith("None of the 100")
    assert describe(prediction(0.2), known).lower.startswith("About 24\N{NO-BREAK SPACE}%")
    assert "24\N{NO-BREAK SPACE}% lie below" in describe(prediction(0.2), known).chart


def test_whole_scores_below_a_prediction_are_those_up_to_it(predictor):
    known = Known(predictor, integer=True, observed_minimum=0.0, observed_maximum=3.0)
    known.metrics = spread(known, [0.0] * 20 + [1.0] * 20 + [2.0] * 20 + [3.0] * 40)
    shares = {2.0: "40", 2.4: "60", 3.0: "60"}
    for value, share in shares.items():
        said = describe(prediction(value), known).lower
        assert said.startswith(f"About {share}\N{NO-BREAK SPACE}%")


def test_bins_of_few_students_of_an_older_run_are_merged(predictor):
    metrics = {"target_distribution": {"edges": [0, 10, 20, 30], "counts": [30, 1, 12]}}
    result = describe(prediction(5.0), Known(predictor, metrics, observed_maximum=30.0))
    assert re.findall(r"<td>(.*?)</td>", result.model.scores.rows) == ["30", "13"]
    assert result.lower.startswith("About 31\N{NO-BREAK SPACE}%")


def test_the_most_frequent_scores_are_the_densest(predictor):
    metrics = {"target_distribution": {"edges": [0, 10, 20, 80], "counts": [20, 30, 40]}}
    result = describe(prediction(5.0), Known(predictor, metrics))
    assert result.model.scores.most_frequent == "10 to 19"


def test_fewer_than_ten_students_are_not_drawn(predictor):
    metrics = {"target_distribution": {"edges": [0, 10], "counts": [9]}}
    result = describe(prediction(5.0), Known(predictor, metrics))
    assert (result.model.scores, result.lower, result.chart) == (None, "", "")


@pytest.mark.parametrize(
    ("integer", "edges", "rows"),
    [
        (True, [9.5, 13.5, 17.5], ["10 to 13", "14 to 16"]),  # no student has more than 16
        (True, [0.5, 1.5, 2.5], ["1", "2"]),
        (False, [0.0, 8.0, 16.0], ["0.0 to 8.0", "8.0 to 16.0"]),
    ],
)
def test_the_distribution_stands_in_a_table_too(predictor, integer, edges, rows):
    metrics = {"target_distribution": {"edges": edges, "counts": [13, 1200]}}
    known = Known(predictor, metrics, integer=integer, observed_maximum=16.0)
    table = describe(prediction(12.0), known).model.scores.rows
    found = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', table)
    assert found == [(rows[0], "13"), (rows[1], "1,200")]


def test_a_huge_prediction_is_written_short(predictor):
    known = Known(predictor, {}, minimum=None, maximum=None)
    assert describe(prediction(1.25e20), known).shown == "1.25e+20"


def test_the_model_that_answered_is_named(predictor):
    result = describe(prediction(70.0), predictor)
    assert (result.model.name, result.run_id, result.model.n_rows) == (
        "Ridge regression",
        "run-1",
        1000,
    )
    assert result.model.trained_on.split()[-1] == predictor.run.manifest.created[:4]


def test_the_model_tells_of_no_bin_of_fewer_than_ten_students(predictor):
    told = predictor.metrics["target_distribution"]
    assert all(n == 0 or n >= 10 for n in told["counts"])
    assert told["below"][-1] == sum(told["counts"]) == 1000
    assert len(told["values"]) == len(told["below"])
