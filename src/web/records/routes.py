"""The page on what came true, and the upload of outcomes: for operators."""

from __future__ import annotations

from typing import IO

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from src.exception import DataValidationError
from src.language import gettext as _
from src.language import mark
from src.logger import get_logger
from src.records.identity import is_day
from src.web.batch.service import safe_name
from src.web.middleware.sign_in import SignIn, current_sign_in
from src.web.recording import Recording, current_recording
from src.web.records.upload import Mending, Outcome, Wrong, import_file

logger = get_logger(__name__)
records = Blueprint("records", __name__, url_prefix="/records")

CHOOSE = mark("Choose a CSV or Excel file.")
DAY = mark("The day must be written such as 2026-09-30.")


@records.before_request
def let_operators_in() -> ResponseReturnValue | None:
    """Ask others for the password."""
    sign_in = current_sign_in()
    if sign_in is None:
        page = render_template("records_closed.html")
        return make_response(page, 403)
    return None if sign_in.operator() else sign_in.ask()


@records.get("")
def show() -> ResponseReturnValue:
    """Draw the report that was stored last."""
    return _page()


@records.post("")
def upload() -> ResponseReturnValue:
    """Take a file of outcomes, and make the report anew."""
    sent, as_of = request.files.get("file"), request.form.get("as_of", "").strip()
    errors = {}
    if sent is None or not sent.filename:
        errors["file"] = _(CHOOSE)
    if as_of and not is_day(as_of):
        errors["as_of"] = _(DAY)
    if errors or sent is None:
        return _page(errors=errors, as_of=as_of, status=422)
    try:
        name = safe_name(sent.filename)
    except DataValidationError as error:
        return _page(errors={"file": error.summary}, as_of=as_of, status=422)
    return _import(sent.stream, name, as_of)


@records.post("/mended")
def mend() -> ResponseReturnValue:
    """Take rows that were mended on the page."""
    header, as_of = request.form.getlist("column"), request.form.get("as_of", "").strip()
    cells = request.form.getlist("cell")
    if not header or len(cells) % len(header) or (as_of and not is_day(as_of)):
        raise BadRequest
    rows = [Wrong(cells[at : at + len(header)], "") for at in range(0, len(cells), len(header))]
    return _import(Mending(header, rows).file, "mended.csv", as_of)


def _import(file: IO[bytes], name: str, as_of: str) -> ResponseReturnValue:
    sign_in: SignIn = current_app.extensions[SignIn.EXTENSION]
    outcome = import_file(file, name, as_of, sign_in.operator() or "", _recording())
    errors = {"file": outcome.refusal} if outcome.refusal else {}
    return _page(outcome, errors, as_of, 422 if errors else 200)


def _page(
    outcome: Outcome | None = None,
    errors: dict[str, str] | None = None,
    as_of: str = "",
    status: int = 200,
) -> Response:
    from src.web.records.page import draw  # most processes never need the database's packages

    return draw(_recording(), outcome, errors, as_of, status)


def _recording() -> Recording:
    recording = current_recording()
    if recording is None:
        raise RuntimeError("The page of the records is there without records.")
    return recording
