from dataclasses import replace

import pytest

from src.exception import Problem
from src.pipelines.predict_pipeline import Prediction
from src.schema import NumericFeature
from src.web.results import describe, sensible_decimals


class Known:
    """What `describe` reads of a predictor, with other metrics and another target."""

    def __init__(self, predictor, metrics=None, **target):
        self.run = predictor.run
        self.metrics = predictor.metrics if metrics is None else metrics
        schema = predictor.schema
        self.schema = replace(schema, target=replace(schema.target, **target))


def prediction(value: float, *warnings: Problem) -> Prediction:
    return Prediction(value, warnings, "run-1", {"0.9": (value - 9.4, value + 9.4)})


@pytest.mark.parametrize(
    ("low", "high", "decimals"), [(0, 100, 1), (0, 20, 1), (1, 5, 2), (0, 1, 3), (400, 800, 0),
                                  (5, 5, 1)],
)  # fmt: skip
def test_as_many_decimals_are_shown_as_mean_something(low, high, decimals):
    target = NumericFeature(name="y", observed_minimum=low, observed_maximum=high)
    assert sensible_decimals(target) == decimals


def test_the_value_is_shown_rounded_and_kept_in_full(predictor):
    result = describe(prediction(71.30000000000001), predictor)
    assert (result.shown, result.value, result.unit) == ("71.3", "71.30000000000001", "points")


@pytest.mark.parametrize(
    ("value", "mean", "words"),
    [
        (71.3, 66.1, "That is 5.2 above the average of the training data, 66.1 points."),
        (60.0, 66.1, "That is 6.1 below the average of the training data, 66.1 points."),
        (66.12, 66.08, "That is the average of the training data, 66.1 points."),
    ],
)
def test_the_prediction_is_compared_with_the_average(predictor, value, mean, words):
    known = Known(predictor, {"target_mean": mean})
    assert describe(prediction(value), known).comparison == words


def test_the_typical_error_comes_from_held_out_rows(predictor):
    metrics = {"held_out": {"n_samples": 200, "mae": {"value": 4.25}}}
    result = describe(prediction(70.0), Known(predictor, metrics))
    assert (result.typical_error, result.held_out) == ("4.2 points", 200)


def test_the_interval_is_told_and_shaded(predictor):
    result = describe(prediction(70.0), predictor)
    assert result.interval == "61 and 79 points"
    assert (result.scale.band_from, result.scale.band_width) == (60.6, 18.8)


def test_a_run_without_intervals_shows_none(predictor):
    result = describe(Prediction(70.0, (), "run-1"), predictor)
    assert (result.interval, result.scale.band_width) == ("", 0)


@pytest.mark.parametrize("metrics", [{}, {"held_out": None}, {"held_out": {"mae": {}}}])
def test_metrics_that_are_not_known_are_left_out(predictor, metrics):
    result = describe(prediction(70.0), Known(predictor, metrics))
    assert (result.typical_error, result.comparison, result.scale.mean_at) == ("", "", None)


def test_a_prediction_beyond_the_training_data_stays_on_the_scale(predictor):
    known = Known(predictor, {}, minimum=None, maximum=None, observed_minimum=0.0,
                  observed_maximum=20.0)  # fmt: skip
    result = describe(prediction(25.0), known)
    assert (result.scale.at, result.scale.low, result.scale.high) == (100.0, "0", "25")


def test_a_huge_prediction_is_written_short(predictor):
    known = Known(predictor, {}, minimum=None, maximum=None)
    assert describe(prediction(1.25e20), known).shown == "1.25e+20"


def test_the_model_that_answered_is_named(predictor):
    result = describe(prediction(70.0), predictor)
    assert (result.model, result.run_id, result.n_rows) == ("Ridge regression", "run-1", 1000)
    assert result.trained_on.split()[-1] == predictor.run.manifest.created[:4]
