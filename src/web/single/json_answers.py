"""From the JSON of a request to the JSON of its answer, for the API and the tutorials' routes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Request, Response, current_app, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from src.exception import DataValidationError, Problem, ReasonsUnavailableError
from src.serving.predictor import Answered, Predictor
from src.tables.cells import shorten
from src.web.middleware.errors import error_body, problem_fields, refusal_message
from src.web.middleware.metrics import Metrics
from src.web.model_holder import current_models
from src.web.recording import current_recorder
from src.web.single.submission import MalformedBody, Submission, read_json, read_json_list

if TYPE_CHECKING:
    from src.records.identity import About
    from src.records.recorder import Recorder

MOST_RECORDS = 10_000  # of a list; longer ones can be sent as a file
MOST_PROBLEMS = 1_000  # listed in an answer; n_refused counts all refused records
SUGGESTIONS = 200  # problems of a list that say what may be meant: it takes time
JSON = "application/json"
PREDICTION_ID = "prediction_id"  # where predictions are kept

# One encoder for all requests: making one takes as long as using it.
encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True)
class Answer:
    """The answer to a JSON body, whoever sends it: the fast path or Flask.

    The numbers of records are both 0 where the body held none.
    """

    status: HTTPStatus
    body: bytes
    n_predicted: int = 0
    n_refused: int = 0


def answer_body(
    body: bytes,
    predictor: Predictor,
    recorder: Recorder | None = None,
    *,
    with_contributions: bool = False,
) -> Answer:
    """Read, check and predict the record in a body.

    A body without a record, and a record with problems, have their answers too.

    With a recorder the prediction is kept, and the answer has its id. With contributions it says
    what each feature adds: null, with a warning, where none are known.
    """
    about = None
    try:
        submission = read_json(body, predictor.schema)
        if recorder:
            submission, about = _split(submission, predictor, recorder)
        prediction = submission.predict(predictor)
    except MalformedBody as error:
        return refusal(HTTPStatus.BAD_REQUEST, str(error))
    except DataValidationError as error:
        status, message = HTTPStatus.UNPROCESSABLE_ENTITY, refusal_message(error)
        return refusal(status, message, error.problems, n_refused=1)
    fields = record_body(prediction, predictor)
    if recorder and about is not None:
        fields[PREDICTION_ID] = recorder.keep(prediction, predictor, "api", about)
    if with_contributions:
        try:
            fields["contributions"] = asdict(predictor.explain(prediction.values))
        except ReasonsUnavailableError as error:
            fields["contributions"] = None
            fields["warnings"] += problem_fields([Problem(f"No contributions. {error}")])
    return Answer(HTTPStatus.OK, encode(fields).encode(), n_predicted=1)


def refusal(
    status: HTTPStatus, message: str, problems: Iterable[Problem] = (), n_refused: int = 0
) -> Answer:
    """Return an error in the shape that all JSON errors have."""
    body = encode(error_body(status, message, problems)).encode()
    return Answer(status, body, n_refused=n_refused)


def answer_record() -> Response:
    """Predict the record in the request's body, with contributions where ``?contributions=1``.

    Raises
    ------
    UnsupportedMediaType
        If the body is not JSON.
    DataValidationError
        If ``contributions`` is neither 1 nor 0.
    ArtifactError
        If no model is loaded.
    """
    with_contributions = is_asked_for("contributions")
    predictor, recorder = current_models().predictor(), current_recorder()
    answer = answer_body(
        json_body(request), predictor, recorder, with_contributions=with_contributions
    )
    metrics: Metrics = current_app.extensions[Metrics.EXTENSION]
    metrics.count_records(answer.n_predicted, answer.n_refused)
    return Response(answer.body, answer.status, mimetype=JSON)


def answer_list() -> Response:
    """Predict each record of the list in the request's body; problems name the record's row.

    Raises
    ------
    BadRequest, UnsupportedMediaType
        If the body is not a JSON list.
    DataValidationError
        If the list is too long.
    ArtifactError
        If no model is loaded.
    """
    predictor, recorder = current_models().predictor(), current_recorder()
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
    for row, sent in enumerate(submissions, 1):
        try:
            submission, about = _split(sent, predictor, recorder) if recorder else (sent, None)
            prediction = submission.predict(predictor, suggest=len(problems) < SUGGESTIONS)
            warnings = problem_fields(prediction.warnings)
            fields = {**_fields(prediction, predictor), "warnings": warnings}
            if recorder and about is not None:
                fields[PREDICTION_ID] = recorder.keep(prediction, predictor, "api", about)
            predictions.append(fields)
        except DataValidationError as error:
            predictions.append(None)
            found = error.problems or (Problem(error.summary),)
            problems += [{"row": row, **problem} for problem in problem_fields(found)]
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


def _split(
    submission: Submission, predictor: Predictor, recorder: Recorder
) -> tuple[Submission, About | None]:
    """Return a submission without what is said beside its answers, and that."""
    record = submission.record
    if not isinstance(record, dict):  # an item of a list; predicting says what is wrong
        return submission, None
    about, problems = recorder.take_about(record, predictor)
    if problems:
        submission = replace(submission, problems=(*submission.problems, *problems))
    return submission, about


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


def record_body(answered: Answered, predictor: Predictor) -> dict[str, Any]:
    """Return the fields of the answer for one record."""
    target, fields = predictor.schema.target, _fields(answered, predictor)
    prediction = fields.pop("prediction")
    return {
        "ok": True,
        "prediction": prediction,
        "result": prediction,
        "unit": target.unit,
        "target": target.name,
        "model_version": answered.run_id,
        **fields,
        "warnings": problem_fields(answered.warnings),
    }


def _fields(answered: Answered, predictor: Predictor) -> dict[str, Any]:
    """Return what is predicted, and whether the record's group is known where groups count."""
    fields, groups = predictor.fields(answered), predictor.groups
    if groups is not None:
        known = groups.is_known(answered.values)
        fields["group"] = {"column": groups.column, "known": known}
    return fields


def is_asked_for(name: str) -> bool:
    """Whether a parameter of the address is 1.

    Raises
    ------
    DataValidationError
        If it is neither 1 nor 0.
    """
    asked = request.args.getlist(name) or ["0"]
    if asked not in (["0"], ["1"]):
        got = shorten("&".join(asked))
        problem = Problem(f"{name} must be 1 or 0. Got {got!r}.", name, got=got)
        raise DataValidationError(problems=[problem])
    return asked == ["1"]
