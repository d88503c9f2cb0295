"""The language of a page: what its reader chose, else what the browser asks for, else English.

Answers for programs stay English, as do health, readiness and files.
"""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, Response, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from src.language import ENGLISH, current, languages, speak
from src.web.middleware.errors import wants_json

COOKIE = "language"
KEPT_S = 365 * 24 * 3600
LONGEST_WISH = 200  # characters of Accept-Language
FOR_PROGRAMS = frozenset({"static", "health.health", "health.ready", "documents.openapi"})


def speak_to_readers(app: Flask) -> None:
    """Answer each request in its language, refusals too: to be registered before all others."""
    app.before_request(_choose)
    app.after_request(_say_which)
    app.teardown_request(_stop)


def remember(response: Response, language: str) -> Response:
    """Keep a choice where the browser keeps it, and nowhere else."""
    response.set_cookie(
        COOKIE, language, KEPT_S, secure=request.is_secure, httponly=True, samesite="Lax"
    )
    return response


@lru_cache(maxsize=64)
def asked_for(wish: str) -> str:
    """Return the language that an ``Accept-Language`` header likes best of those that there are.

    Examples
    --------
    >>> asked_for("de-AT,de;q=0.9,en;q=0.5"), asked_for("xx"), asked_for("*")
    ('de', 'en', 'en')
    """
    spoken = {language.replace("_", "-"): language for language in languages()}
    best = parse_accept_header(wish, LanguageAccept).best_match(spoken, ENGLISH)
    return spoken[best]


def _choose() -> None:
    language = _wanted()
    if language != ENGLISH and (request.endpoint in FOR_PROGRAMS or wants_json()):
        language = ENGLISH
    speak(language)


def _wanted() -> str:
    environ = request.environ
    if "HTTP_COOKIE" in environ and (chosen := request.cookies.get(COOKIE)) in languages():
        return chosen
    wish = environ.get("HTTP_ACCEPT_LANGUAGE", "")
    return asked_for(wish) if wish and len(wish) <= LONGEST_WISH else ENGLISH


def _say_which(response: Response) -> Response:
    is_page = (response.content_type or "").startswith("text/html")
    if is_page and "Content-Disposition" not in response.headers:
        response.headers["Content-Language"] = current().replace("_", "-")
        response.headers["Vary"] = "Accept-Language, Cookie"
    return response


def _stop(_: BaseException | None) -> None:
    """Leave the thread as it was: another request is answered in it."""
    speak(ENGLISH)
