"""Around every request: an id, the headers of the answer, a count, a line in the log."""

from __future__ import annotations

from collections.abc import Iterable
from random import getrandbits
from time import perf_counter
from typing import TYPE_CHECKING, Any

from src.logger import AccessLog, request_id
from src.web.middleware.metrics import OTHER, UNMATCHED, Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'self'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
]
HSTS = ("Strict-Transport-Security", "max-age=31536000")
NOT_KEPT = ("Cache-Control", "no-store")
ROUTE = "stuprediction.route"  # in the environ: who answered in place of Flask
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"})


class Operations:
    """Wrap an application so that every answer, an error's too, is dressed, counted and logged.

    It stands outside Flask because there it costs a fraction of what hooks and header objects do.
    """

    def __init__(self, application: WSGIApplication, metrics: Metrics, log: AccessLog) -> None:
        self._application = application
        self._metrics = metrics
        self._log = log

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = perf_counter()
        # After a fork Python seeds each worker's generator anew. Nobody gains by guessing an id.
        answering = f"{getrandbits(64):016x}"
        request_id.set(answering)
        code, route = "500", UNMATCHED

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal code, route
            code = status[:3]
            if ROUTE in environ:
                route = environ[ROUTE]
            else:  # Flask takes its request away before the end
                rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
                route = UNMATCHED if rule is None else rule.rule
            if all(name != "Cache-Control" for name, _ in headers):  # static files bring their own
                headers.append(NOT_KEPT)
            headers += HEADERS
            headers.append(("X-Request-ID", answering))
            if environ["wsgi.url_scheme"] == "https":
                headers.append(HSTS)
            return start_response(status, headers, exc_info)

        try:
            return self._application(environ, start)
        finally:
            seconds = perf_counter() - started
            method = environ["REQUEST_METHOD"]
            if method not in METHODS:
                method = OTHER
            self._metrics.count_request(method, route, code, seconds)
            self._log.write(method, route, code, seconds, answering)
            request_id.set("")
