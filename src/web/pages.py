"""The pages: form and result, the tutorials' routes, health and readiness."""

from __future__ import annotations

from http import HTTPStatus

from flask import (
    Blueprint,
    Response,
    current_app,
    jsonify,
    make_response,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from src.exception import ArtifactError, DataValidationError, Problem
from src.pipelines.predict_pipeline import Prediction, Predictor
from src.web.errors import FORMS, error_body, wants_json
from src.web.forms import error_summary, form_groups
from src.web.model_holder import ModelHolder
from src.web.records import MalformedBody, read_form, read_json
from src.web.results import answer_body, describe
from src.web.security import FORM_IS_STALE, TOKEN, make_token, token_is_valid

pages = Blueprint("pages", __name__)


@pages.get("/predictdata")
@pages.get("/predict")
@pages.get("/")  # the last one is what url_for gives
def show_form() -> ResponseReturnValue:
    """Show the empty form."""
    return _page(_models().predictor(), {})


@pages.post("/predictdata")
@pages.post("/predict")
@pages.post("/")
def predict() -> ResponseReturnValue:
    """Answer a form with a page and JSON with JSON."""
    if request.is_json:
        return _answer_json(_models().predictor())
    if request.mimetype in FORMS:
        return _answer_form(_models().predictor())
    raise UnsupportedMediaType


@pages.get("/health")
def health() -> ResponseReturnValue:
    """Say that the process is alive, whatever the model."""
    return {"ok": True}


@pages.get("/ready")
def ready() -> ResponseReturnValue:
    """Say which run answers; 503 with the reason while there is none."""
    models = _models()
    try:
        predictor = models.predictor()
    except ArtifactError as error:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return error_body(status, str(error)), status
    problem = models.problem
    return {
        "ok": True,
        "model_version": predictor.run.run_id,
        # The last good model goes on serving after a promotion that failed.
        "problem": str(problem) if problem else None,
    }


def _models() -> ModelHolder:
    holder: ModelHolder = current_app.extensions[ModelHolder.EXTENSION]
    return holder


def _answer_json(predictor: Predictor) -> ResponseReturnValue:
    try:
        submission = read_json(request.get_data(cache=False), predictor.schema)
    except MalformedBody as error:
        raise BadRequest(str(error)) from error
    return jsonify(answer_body(submission.predict(predictor), predictor))


def _answer_form(predictor: Predictor) -> ResponseReturnValue:
    fields = {name: sent for name, sent in request.form.lists() if name != TOKEN}
    values = {name: sent[0] for name, sent in fields.items()}
    if not token_is_valid():
        if wants_json():
            raise BadRequest(FORM_IS_STALE)
        return _page(predictor, values, problems=(Problem(FORM_IS_STALE),), status=400)
    try:
        prediction = read_form(fields, predictor.schema).predict(predictor)
    except DataValidationError as error:
        if wants_json():
            raise
        return _page(predictor, values, problems=error.problems, status=422)
    return _page(predictor, values, prediction=prediction)


def _page(
    predictor: Predictor,
    values: dict[str, str],
    *,
    prediction: Prediction | None = None,
    problems: tuple[Problem, ...] = (),
    status: int = 200,
) -> Response:
    schema = predictor.schema
    page = render_template(
        "index.html",
        schema=schema,
        groups=form_groups(schema, values, problems),
        summary=error_summary(schema, problems),
        result=describe(prediction, predictor) if prediction else None,
        token_name=TOKEN,
        token=make_token(),
    )
    return make_response(page, status)
