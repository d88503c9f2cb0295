"""The one place where an exception becomes an HTML page or a JSON body."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, ServiceUnavailable

from src.artifact_store import REBUILD
from src.exception import ArtifactError, DataValidationError, ModelNotFoundError, Problem
from src.language import gettext as _
from src.language import localize, mark
from src.logger import get_logger
from src.utils import NO_ROOM
from src.web.middleware.request_body import discard_body

logger = get_logger(__name__)

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

WORDS = {
    400: (mark("Request not understood"), mark("The request could not be understood.")),
    404: (mark("Page not found"), mark("There is nothing at this address.")),
    401: (
        mark("No key"),
        mark(
            "Send a good API key in the header Authorization: Bearer KEY. Without one, or with "
            "one that was revoked, the API answers nobody."
        ),
    ),
    403: (
        mark("Sent from another site"),
        mark("This was not sent from a page of this server."),
    ),
    405: (
        mark("Method not allowed"),
        mark("This address does not answer to that method."),
    ),
    413: (mark("Too large"), mark("What was sent is larger than this server takes.")),
    415: (
        mark("Format not accepted"),
        mark("Send the record as a form or as application/json."),
    ),
    429: (
        mark("Too many requests"),
        mark("There were too many requests from you within a minute."),
    ),
    500: (
        mark("Something went wrong"),
        mark("The mistake is here, not in what you sent. It was noted; please try again."),
    ),
    503: (
        mark("Not available just now"),
        mark("The server cannot answer this just now. Please try again later."),
    ),
}

FULL = mark("The server's disk is full. Nothing of what you sent was kept; please try again later.")
RETRY_AFTER_S = 60
CUT_SHORT = mark("The body ended before the length that was stated for it.")


def register_error_handlers(app: Flask) -> None:
    """Answer every error of the app with a page or a JSON body."""
    app.register_error_handler(Exception, answer_error)


def wants_json() -> bool:
    """Whether a program asks rather than a browser.

    Under ``/api``, where the body is no form, where JSON is accepted and HTML isn't, and where
    there are no pages.
    """
    accepted = request.accept_mimetypes
    return (
        f"{request.path}/".startswith("/api/")
        or "pages" not in current_app.blueprints
        or request.mimetype not in ("", *FORMS)
        or (accepted.accept_json and not accepted.accept_html)
    )


def error_body(status: int, message: str, problems: Iterable[Problem] = ()) -> dict[str, Any]:
    """Return the one shape that every JSON error has."""
    return {
        "ok": False,
        "error": message,
        "errors": problem_fields(problems),
        "status": status,
    }


def problem_fields(problems: Iterable[Problem]) -> list[dict[str, str | None]]:
    """Return problems as every JSON answer lists them."""
    return [{"field": p.field, "message": p.message, "got": p.got} for p in problems]


def first_errors(problems: Iterable[Problem]) -> dict[str | None, str]:
    """Return the message beside each field: the first of its problems."""
    errors: dict[str | None, str] = {}
    for problem in problems:
        errors.setdefault(problem.field, problem.message)
    return errors


def refusal_message(error: DataValidationError) -> str:
    """Return what an answer says of all problems together."""
    n = len(error.problems)
    if n <= 1:
        return error.summary
    return _("%(n)s problems. The first: %(problem)s", n=n, problem=error.summary)


def answer_error(error: Exception) -> Response:
    """Return the response for an exception; what nobody expected is logged here, once."""
    discard_body()
    if isinstance(error, HTTPException):
        return _answer_http(error)
    if isinstance(error, DataValidationError):
        message = refusal_message(error)
        return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, message, error.problems)
    if isinstance(error, ArtifactError):
        return _answer_no_model(error)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        logger.error("There is no room on the disk: %s", error.strerror)
        return _answer_http(ServiceUnavailable(_(FULL), retry_after=RETRY_AFTER_S))
    rule = request.url_rule.rule if request.url_rule else "an unknown path"
    log_unexpected(error, request.method, rule)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR)


def _answer_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    ours = error.description if error.description != type(error).description else None
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        ours = _too_large()
    if isinstance(error, ClientDisconnected):
        ours = _(CUT_SHORT)
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        wait_s = dict(error.get_headers(request.environ)).get("Retry-After")
        ours = _(
            "There were too many requests from you within a minute. Ask again in %(n)s seconds.",
            n=wait_s,
        )
    response = _answer(status, ours)
    for name, value in error.get_headers(request.environ):
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _too_large() -> str:
    limit, length = request.max_content_length, request.content_length
    if limit is not None and (length is None or length > limit):
        most = localize(f"{limit:,}")
        return _("The body may have %(n)s bytes. This one has more.", n=most)
    return _("The form has more fields, or a longer one, than this server takes.")


def _answer(
    status: HTTPStatus, message: str | None = None, problems: Iterable[Problem] = ()
) -> Response:
    title, standard = WORDS.get(status, (status.phrase, f"{status.description or status.phrase}."))
    message = message or _(standard)
    if wants_json():
        return make_response(jsonify(error_body(status, message, problems)), status)
    page = render_template("error.html", status=status, title=_(title), message=message)
    return make_response(page, status)


def _answer_no_model(error: ArtifactError) -> Response:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    if wants_json():
        return _answer(status, str(error))
    untrained = isinstance(error, ModelNotFoundError)
    page = render_template("no_model.html", untrained=untrained, reason=str(error), command=REBUILD)
    return make_response(page, status)


def log_unexpected(error: Exception, method: str, path: str) -> None:
    """Log where an exception came from, not its message, which may quote a student's answers."""
    steps = "".join(traceback.format_tb(error.__traceback__))
    cause = f" from {type(error.__cause__).__name__}" if error.__cause__ else ""
    logger.error(
        "%s%s while answering %s %s:\n%s", type(error).__name__, cause, method, path, steps
    )
