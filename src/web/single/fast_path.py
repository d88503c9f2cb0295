"""Answers a plain record before Flask is asked.

Routing, contexts and response objects take Flask longer than a prediction takes. What is plainly in
order needs none of them; the least doubt, and Flask gets the request as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from src.web.middleware.access import Guard
from src.web.middleware.instrumentation import ROUTE
from src.web.middleware.metrics import Metrics
from src.web.model_holder import ModelHolder
from src.web.single.json_answers import JSON, encode, record_body
from src.web.single.submission import read_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KINDS = frozenset({JSON, f"{JSON}; charset=utf-8"})


class FastLane:
    """Wrap an application whose views answer records.

    Parameters
    ----------
    application : callable
        Flask's own `wsgi_app`.
    paths : collection of str
        Where a record may be posted.
    guard : Guard
    models : ModelHolder
    metrics : Metrics
    max_body_bytes : int
        Flask refuses what has more.
    """

    def __init__(
        self,
        application: WSGIApplication,
        paths: Collection[str],
        guard: Guard,
        models: ModelHolder,
        metrics: Metrics,
        max_body_bytes: int,
    ) -> None:
        self._application = application
        self._paths = frozenset(paths)
        self._guard = guard
        self._models = models
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if (
            path in self._paths
            and environ["REQUEST_METHOD"] == "POST"
            and environ.get("CONTENT_TYPE") in KINDS
            and not environ.get("QUERY_STRING")
            and "HTTP_TRANSFER_ENCODING" not in environ
        ):
            answer = self._answer(environ)
            if answer is not None:
                environ[ROUTE] = path
                length = str(len(answer))
                start_response("200 OK", [("Content-Type", JSON), ("Content-Length", length)])
                return (answer,)
        return self._application(environ, start_response)

    def _answer(self, environ: WSGIEnvironment) -> bytes | None:
        length = environ.get("CONTENT_LENGTH", "")
        if not length.isdecimal() or int(length) > self._max_body_bytes:
            return None
        try:
            self._guard.check(environ, needs_key=True)
            body = environ["wsgi.input"].read(int(length))
            environ["wsgi.input"] = BytesIO(body)  # for Flask, where it has to look
            predictor = self._models.predictor()
            prediction = read_json(body, predictor.schema).predict(predictor)
            answer = encode(record_body(prediction, predictor)).encode()
        except Exception:  # noqa: BLE001 - Flask meets the same, tells the client and logs it
            return None
        self._metrics.count_records(1, 0)
        return answer
