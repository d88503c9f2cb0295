"""Answers a plain JSON record before Flask is asked.

Routing, contexts and response objects take Flask longer than a prediction takes. What needs none of
them is answered here, refusals too, by the function that Flask's own view calls.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from src.exception import ArtifactError
from src.web.middleware.access import Guard
from src.web.middleware.errors import CUT_SHORT, WORDS, log_unexpected
from src.web.middleware.instrumentation import ROUTE
from src.web.middleware.metrics import Metrics
from src.web.model_holder import ModelHolder
from src.web.single.json_answers import JSON, Answer, answer_body, refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from src.records.recorder import Recorder

KINDS = frozenset({JSON, f"{JSON}; charset=utf-8"})
STATUS_LINES = {code: f"{code} {phrase.upper()}" for code, phrase in HTTP_STATUS_CODES.items()}


class FastLane:
    """Wrap an application whose views answer records.

    It answers a POST to one of the paths that says it is JSON, has a known length within the limit
    and no query, passes the guard, and finds a model. Flask gets every other request unread.

    Parameters
    ----------
    application : callable
        Flask's own `wsgi_app`.
    paths : collection of str
        Where a record may be posted.
    max_body_bytes : int
        Flask refuses what has more.
    recorder : Recorder, optional
        Where predictions are kept.
    """

    EXTENSION = "fast_lane"

    def __init__(
        self,
        application: WSGIApplication,
        paths: Collection[str],
        guard: Guard,
        models: ModelHolder,
        metrics: Metrics,
        max_body_bytes: int,
        recorder: Recorder | None = None,
    ) -> None:
        self._application = application
        self._paths = frozenset(paths)
        self._guard = guard
        self._models = models
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._recorder = recorder

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ) if self._is_plain(environ) else None
        if answer is None:
            return self._application(environ, start_response)
        self._metrics.count_records(answer.n_predicted, answer.n_refused)
        environ[ROUTE] = environ["PATH_INFO"]
        length = str(len(answer.body))
        headers = [("Content-Type", JSON), ("Content-Length", length)]
        start_response(STATUS_LINES[answer.status], headers)
        return (answer.body,)

    def is_quick(self, path: str) -> bool:
        """Whether a record posted there is answered in a moment."""
        return path in self._paths and self._models.is_at_hand()

    def _is_plain(self, environ: WSGIEnvironment) -> bool:
        """Whether a request looks like a record that needs nothing of Flask."""
        length = environ.get("CONTENT_LENGTH", "")
        return (
            environ.get("PATH_INFO") in self._paths
            and environ["REQUEST_METHOD"] == "POST"
            and environ.get("CONTENT_TYPE") in KINDS
            and not environ.get("QUERY_STRING")
            and "HTTP_TRANSFER_ENCODING" not in environ
            and length.isdecimal()
            and int(length) <= self._max_body_bytes
        )

    def _answer(self, environ: WSGIEnvironment) -> Answer | None:
        """Return the answer; None where Flask has to tell why there is none, the body unread."""
        try:
            self._guard.check(environ, needs_key=True)
            predictor = self._models.predictor()
        except (HTTPException, ArtifactError):
            return None
        try:
            length = int(environ["CONTENT_LENGTH"])
            body = environ["wsgi.input"].read(length)
            if len(body) < length:
                return refusal(HTTPStatus.BAD_REQUEST, CUT_SHORT)
            return answer_body(body, predictor, self._recorder)
        except Exception as error:  # noqa: BLE001 - a fault of ours has its JSON answer too
            log_unexpected(error, "POST", environ["PATH_INFO"])
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return refusal(status, WORDS[status][1])
