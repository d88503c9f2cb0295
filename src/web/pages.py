"""The pages: form and result, and the tutorials' routes."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from src.exception import DataValidationError, Problem
from src.pipelines.predict_pipeline import Prediction, Predictor
from src.web.errors import FORMS, wants_json
from src.web.forms import error_summary, form_groups
from src.web.json_answers import answer_record
from src.web.model_holder import current_models
from src.web.records import read_form
from src.web.results import describe
from src.web.security import FORM_IS_STALE, TOKEN, make_token, token_is_valid

pages = Blueprint("pages", __name__)


@pages.get("/predictdata")
@pages.get("/predict")
@pages.get("/")  # the last one is what url_for gives
def show_form() -> ResponseReturnValue:
    """Show the empty form."""
    return _page(current_models().predictor(), {})


@pages.post("/predictdata")
@pages.post("/predict")
@pages.post("/")
def predict() -> ResponseReturnValue:
    """Answer a form with a page and JSON with JSON."""
    if request.is_json:
        return answer_record()
    if request.mimetype in FORMS:
        return _answer_form(current_models().predictor())
    raise UnsupportedMediaType


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
