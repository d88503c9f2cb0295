"""The pages: form and result, the model, and the tutorials' routes."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode, urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    get_template_attribute,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, UnsupportedMediaType

from src.artifact_store import REPORT_MANIFEST
from src.exception import ArtifactError, DataValidationError, Problem, ReasonsUnavailableError
from src.language import (
    cached_by_language,
    current,
    languages,
    mark,
    own_name,
    reads_rightwards,
)
from src.language import gettext as _
from src.logger import get_logger
from src.report.wording import listed
from src.serving.outcomes import OutcomePrediction, OutcomePredictor
from src.serving.predictor import Answered, NumberPredictor, Prediction, Predictor
from src.web.middleware.errors import FORMS, answer_error, first_errors, wants_json
from src.web.middleware.languages import remember
from src.web.middleware.origin import local_path
from src.web.model_holder import current_models
from src.web.pages.forms import (
    Field,
    Group,
    error_summary,
    form_groups,
    sensitive_labels,
    what_to_expect,
)
from src.web.pages.group_words import group_sentence
from src.web.pages.model_page import REPORTS, describe_model, importance_of
from src.web.pages.outcome_results import OutcomeResult, describe_outcome
from src.web.pages.reasons import Reasons, WhatIfs, explain, explain_chance, no_reasons, what_if
from src.web.pages.results import Result, ServedModel, describe
from src.web.recording import current_recorder
from src.web.single.json_answers import answer_record
from src.web.single.submission import read_form

logger = get_logger(__name__)
pages = Blueprint("pages", __name__)

NAVIGATION = (
    ("pages.show_form", mark("One student")),
    ("batch.show", mark("A class")),
    ("pages.show_model", mark("The model")),
    ("documents.docs", mark("API")),
)

RECORDS = ("records.show", mark("What came true"))  # where predictions are kept


@pages.app_context_processor
def navigation() -> dict[str, object]:
    """Give every page the links of its head."""
    here = "batch.show" if request.blueprint == "batch" else request.endpoint
    if here == "pages.predict":
        here = "pages.show_form"
    return {**_links_here(), "here": here, "recorder": current_recorder()}


def _links_here() -> dict[str, Any]:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return _links(app, request.script_root)


@cached_by_language(maxsize=8)  # making an address takes longer than a prediction
def _links(app: Flask, root: str) -> dict[str, Any]:
    """Return what is the same on every page of an app that is served under one root."""
    pages = [*NAVIGATION, *([RECORDS] if RECORDS[0] in app.view_functions else [])]
    addresses = {view: url_for(view) for view, _ in pages}
    spoken = current()
    return {
        "navigation": [(view, addresses[view], _(label)) for view, label in pages],
        "language": spoken.replace("_", "-"),
        "direction": "ltr" if reads_rightwards(spoken) else "rtl",
        "languages": lru_cache(partial(_draw_switch, _switch(spoken))),
        "addresses": addresses,
        "static": url_for("static", filename=""),
    }


def _switch(spoken: str) -> list[tuple[str, str, str, bool]]:
    """Return each language's code and name, where to ask for it, and whether it is spoken."""
    return [
        (
            language.replace("_", "-"),
            own_name(language),
            url_for("pages.switch_language", language=language),
            language == spoken,
        )
        for language in languages()
    ]


def _draw_switch(languages: list[tuple[str, str, str, bool]], form_id: str) -> Markup:
    drawn: Markup = get_template_attribute("_languages.html", "draw")(languages, form_id)
    return drawn


@pages.get("/predictdata")
@pages.get("/predict")
@pages.get("/")  # the last one is what url_for gives
def show_form() -> ResponseReturnValue:
    """Show the form, empty or with the answers that the link holds."""
    predictor = current_models().predictor()
    asked = request.args
    names = [feature.name for feature in predictor.schema.asked]
    return form_page(predictor, {name: asked[name] for name in names if name in asked})


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


@pages.errorhandler(Forbidden)
def refuse_form(error: Forbidden) -> ResponseReturnValue:
    """Show a form that came from another site with its answers, so that it can be sent again."""
    if wants_json() or request.mimetype not in FORMS:
        return answer_error(error)
    try:
        values, predictor = request.form.to_dict(), current_models().predictor()
    except (HTTPException, ArtifactError) as worse:
        return answer_error(worse)
    return form_page(predictor, values, problems=(Problem(str(error.description)),), status=403)


@pages.post("/language/<language>")
def switch_language(language: str) -> ResponseReturnValue:
    """Speak another language from here on, and go back to the page that asked for it.

    A form that comes along is handed back to be sent again: its answers are nowhere else.

    Raises
    ------
    NotFound
        If there is no such language.
    """
    if language not in languages():
        raise NotFound
    method, code, anchor = ("POST", 307, "#answer") if request.form else ("GET", 303, "")
    page = redirect(_page_that_asked(method) + anchor, code)
    return remember(current_app.make_response(page), language)


def _page_that_asked(method: str) -> str:
    """Return the address of the page that a request comes from; the form's where it is not told."""
    try:
        asking = urlsplit(request.referrer or "")
        path = local_path(asking.path.removeprefix(request.script_root))
        current_app.url_map.bind("").match(path, method)
    except (HTTPException, ValueError):  # such as a page that is only sent to
        return url_for("pages.show_form")
    return request.script_root + path + (f"?{asking.query}" if asking.query else "")


@pages.get("/model")
def show_model() -> ResponseReturnValue:
    """Say what the model is, how good it is, and what it must not be used for."""
    models = current_models()
    predictor = models.predictor()
    page = describe_model(predictor, models.store)
    return render_template("model.html", page=page, run=predictor.run, schema=predictor.schema)


@pages.get("/model/<name>")
def download_report(name: str) -> ResponseReturnValue:
    """Send the report or the model card of the run that is served.

    Raises
    ------
    NotFound
        If the run has none, or the name is of neither.
    """
    run = current_models().predictor().run
    content = run.read_report(name) if name in REPORTS else None
    if content is None:
        raise NotFound(_("This model has no report. Training with --budget standard writes one."))
    stem, __, ending = name.partition(".")
    response = Response(content, mimetype=REPORTS[name])
    response.headers.set(
        "Content-Disposition", "attachment", filename=f"{stem}-{run.run_id}.{ending}"
    )
    return response


def _answer_form(predictor: Predictor) -> ResponseReturnValue:
    fields = dict(request.form.lists())
    values = {name: sent[0] for name, sent in fields.items()}
    try:
        prediction = read_form(fields, predictor.schema).predict(predictor)
    except DataValidationError as error:
        if wants_json():
            raise
        return form_page(predictor, values, problems=error.problems, status=422)
    recorder = current_recorder()
    kept = recorder.keep(prediction, predictor, "form") if recorder else ""
    return form_page(predictor, values, prediction=prediction, prediction_id=kept)


class Student(NamedTuple):
    """Whose row of a file is shown: what they are called, where the file's page is, its mark."""

    name: str
    back: str
    pass_mark: float | None = None


def form_page(
    predictor: Predictor,
    values: dict[str, str],
    *,
    prediction: Answered | None = None,
    prediction_id: str = "",
    problems: tuple[Problem, ...] = (),
    status: int = 200,
    student: Student | None = None,
) -> Response:
    """Return the form with its answers and, where there is a prediction, the result.

    Parameters
    ----------
    student : Student, optional
        Of a file: no link with the answers is offered then.
    """
    schema = predictor.schema
    result: Result | OutcomeResult | None = None
    reasons: Reasons | None = None
    alternatives: WhatIfs | None = None
    link = group = basis = ""
    if prediction:
        group = group_sentence(prediction, predictor)
        result = _describe(predictor, prediction, values, student.pass_mark if student else None)
        reasons = _reasons(predictor, prediction, result)
        alternatives = what_if(prediction, predictor)
        basis = _basis(result, prediction_id)
        known = {one.name: values[one.name] for one in schema.asked if values.get(one.name)}
        link = "" if student else f"{request.path}?{urlencode(known)}"
    # Training writes the report after the promotion.
    reported = (predictor.run.folder / REPORT_MANIFEST).is_file()
    groups = _groups(predictor, reported=reported)
    page = render_template(
        "index.html",
        schema=schema,
        groups=groups,
        draw=_draw,
        values=_as_read(values, prediction) if prediction else values,
        errors=first_errors(problems),
        sensitive=listed(sensitive_labels(groups), most=20),
        n_fields=len(schema.asked),
        expect=what_to_expect(schema),
        n_rows=predictor.run.manifest.rows.get("used"),
        summary=error_summary(groups, problems),
        result=result,
        group=group,
        basis=basis,
        reasons=reasons,
        alternatives=alternatives,
        link=link,
        student=student,
        form_id="form" if request.method == "POST" and student is None else "",
        action=url_for("pages.show_form") if student else request.path,
        from_link=request.method == "GET" and bool(values) and student is None,
    )
    return make_response(page, status)


def _as_read(values: dict[str, str], prediction: Answered) -> dict[str, str]:
    """Return the answers with each choice as the form offers it."""
    chosen = {name: v for name, v in prediction.values.items() if isinstance(v, str)}
    return {name: chosen.get(name, value) for name, value in values.items()}


def _draw(field: Field, value: str, error: str) -> Markup:
    """Return an input; an empty one and one of choices are drawn once for each of them."""
    few = not error and (not value or value in [option.value for option in field.options])
    return (_draw_choice if few else _draw_input)(field, value, error)


def _draw_input(field: Field, value: str, error: str) -> Markup:
    drawn: Markup = get_template_attribute("_field.html", "draw")(field, value, error)
    return drawn


_draw_choice = cached_by_language(maxsize=4096)(_draw_input)


def _basis(result: Result | OutcomeResult, prediction_id: str) -> Markup:
    """Draw what a prediction rests on; where none is kept it is the same for all of a model."""
    draw = _draw_basis if prediction_id else _draw_shared_basis
    address = _links_here()["addresses"]["pages.show_model"]
    return draw(result.model, result.run_id, address, prediction_id)


def _draw_basis(model: ServedModel, run_id: str, address: str, prediction_id: str) -> Markup:
    drawn: Markup = get_template_attribute("_basis.html", "draw")(
        model, run_id, address, prediction_id
    )
    return drawn


_draw_shared_basis = cached_by_language(maxsize=32)(_draw_basis)


@cached_by_language(maxsize=8)
def _groups(predictor: Predictor, *, reported: bool) -> tuple[Group, ...]:
    """Return the form of a model, in another order once its report says what counts most."""
    return form_groups(predictor.schema, importance_of(predictor) if reported else {})


def _describe(
    predictor: Predictor,
    prediction: Answered,
    values: dict[str, str],
    pass_mark: float | None,
) -> Result | OutcomeResult:
    """Return a prediction in words, by what kind of target it is of."""
    if isinstance(predictor, OutcomePredictor):
        return describe_outcome(cast(OutcomePrediction, prediction), predictor, values)
    number = cast(Prediction, prediction)
    return describe(number, cast(NumberPredictor, predictor), values, pass_mark)


def _reasons(
    predictor: Predictor, prediction: Answered, result: Result | OutcomeResult
) -> Reasons | None:
    """Return why the model predicts that."""
    try:
        found = predictor.explain(prediction.values)
    except ReasonsUnavailableError as error:
        return no_reasons(error)
    except ArtifactError as error:  # an older run without what explaining needs
        logger.warning("Predictions are not explained: %s", error)
        return None
    if isinstance(result, OutcomeResult):
        return explain_chance(found, prediction.values, predictor.schema, result.outcomes)
    return explain(found, prediction.values, predictor.schema)
