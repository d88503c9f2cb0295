"""From the JSON of a request to the JSON of its answer, for the API and the tutorials' routes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from flask import Request, Response, current_app, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from src.exception import DataValidationError, Problem
from src.serving.predictor import Prediction, Predictor
from src.tables.cells import shorten
from src.web.middleware.metrics import Metrics
from src.web.model_holder import current_models
from src.web.single.submission import MalformedBody, read_json, read_json_list

MOST_RECORDS = 10_000  # of a list; longer ones go by as a file
MOST_PROBLEMS = 1_000  # told of a list; the count of the refused holds them all
SUGGESTIONS = 200  # problems of a list that say what may be meant: it takes time
JSON = "application/json"

# One encoder for all: making one takes as long as using it.
encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def answer_record() -> Response:
    """Predict the record in the request's body, with contributions where ``?contributions=1``.

    Raises
    ------
    BadRequest, UnsupportedMediaType
        If the body is not one JSON object.
    DataValidationError
        With every problem of the record, or if ``contributions`` is neither 1 nor 0.
    ArtifactError
        If no model is loaded.
    """
    with_contributions = _is_asked_for("contributions")
    predictor = current_models().predictor()
    try:
        submission = read_json(json_body(request), predictor.schema)
    except MalformedBody as error:
        raise BadRequest(str(error)) from error
    metrics: Metrics = current_app.extensions[Metrics.EXTENSION]
    try:
        prediction = submission.predict(predictor)
    except DataValidationError:
        metrics.count_records(0, 1)
        raise
    metrics.count_records(1, 0)
    body = record_body(prediction, predictor)
    if with_contributions:
        body["contributions"] = contribution_fields(submission.record, predictor)
    return Response(encode(body), mimetype=JSON)


def answer_list() -> Response:
    """Predict each record of the list in the request's body; a refused one is told by its row.

    Raises
    ------
    BadRequest, UnsupportedMediaType
        If the body is not a JSON list.
    DataValidationError
        If the list is too long.
    ArtifactError
        If no model is loaded.
    """
    predictor = current_models().predictor()
    try:
        submissions = read_json_list(json_body(request), predictor.schema)
    except MalformedBody as error:
        raise BadRequest(str(error)) from error
    if len(submissions) > MOST_RECORDS:
        raise DataValidationError(
            f"The list has {len(submissions):,} records. Send at most {MOST_RECORDS:,} at once."
        )
    predictions: list[dict[str, Any] | None] = []
    problems: list[dict[str, Any]] = []
    for row, submission in enumerate(submissions, 1):
        try:
            prediction = submission.predict(predictor, suggest=len(problems) < SUGGESTIONS)
            predictions.append(prediction_fields(prediction, predictor))
        except DataValidationError as error:
            predictions.append(None)
            found = error.problems or (Problem(error.summary),)
            problems += [{"row": row, **fields} for fields in problem_fields(found)]
    n_refused = predictions.count(None)
    metrics: Metrics = current_app.extensions[Metrics.EXTENSION]
    metrics.count_records(len(predictions) - n_refused, n_refused)
    body = {
        "ok": True,
        "unit": predictor.schema.target.unit,
        "target": predictor.schema.target.name,
        "model_version": predictor.run.run_id,
        "n_records": len(predictions),
        "n_refused": n_refused,
        "predictions": predictions,
        "errors": problems[:MOST_PROBLEMS],
    }
    return Response(encode(body), mimetype=JSON)


def json_body(asked: Request) -> bytes:
    """Return the body of a request that says that it is JSON.

    Raises
    ------
    UnsupportedMediaType
        If it says anything else.
    """
    if asked.environ.get("CONTENT_TYPE") != JSON and not asked.is_json:
        raise UnsupportedMediaType
    return asked.get_data(cache=False)


def record_body(prediction: Prediction, predictor: Predictor) -> dict[str, Any]:
    """Return the answer for one record."""
    target = predictor.schema.target
    return {
        "ok": True,
        "prediction": prediction.prediction,
        "result": prediction.prediction,
        "unit": target.unit,
        "target": target.name,
        "model_version": prediction.run_id,
        "intervals": prediction.intervals,
        **_pass_mark(prediction, predictor),
        "warnings": problem_fields(prediction.warnings),
    }


def prediction_fields(prediction: Prediction, predictor: Predictor) -> dict[str, Any]:
    """Return what one record of many is answered with."""
    return {
        "prediction": prediction.prediction,
        "intervals": prediction.intervals,
        **_pass_mark(prediction, predictor),
        "warnings": problem_fields(prediction.warnings),
    }


def _pass_mark(prediction: Prediction, predictor: Predictor) -> dict[str, Any]:
    """Return the chance of a score below the mark that the run was trained with, if it was."""
    if prediction.probability_below is None:
        return {}
    return {
        "pass_mark": {
            "mark": predictor.pass_mark,
            "probability_below": prediction.probability_below,
        }
    }


def contribution_fields(record: Mapping[str, object], predictor: Predictor) -> dict[str, Any]:
    """Return what each feature adds to the prediction."""
    return asdict(predictor.explain(record))


def _is_asked_for(name: str) -> bool:
    asked = request.args.getlist(name) or ["0"]
    if asked not in (["0"], ["1"]):
        got = shorten("&".join(asked))
        problem = Problem(f"{name} must be 1 or 0. Got {got!r}.", name, got=got)
        raise DataValidationError(problems=[problem])
    return asked == ["1"]


def problem_fields(problems: Iterable[Problem]) -> list[dict[str, str | None]]:
    """Return problems as every JSON answer tells them."""
    return [{"field": p.field, "message": p.message, "got": p.got} for p in problems]
