"""Who may ask: the host that was asked for, the API key, the rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flask import Flask, Request, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, TooManyRequests, Unauthorized
from werkzeug.sansio.utils import host_is_trusted

from src.config import Settings
from src.language import gettext as _
from src.logger import get_logger
from src.web.middleware.api_keys import APIKeys
from src.web.middleware.metrics import Metrics
from src.web.middleware.rate_limit import RateLimiter, network

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = get_logger(__name__)

# A load balancer asks by an address, as often as it likes, and has no key.
FOR_LOAD_BALANCERS = frozenset({"health", "ready"})
PUBLIC = frozenset({"openapi", "docs"})
COUNTED = "stuprediction.counted"  # in the environ of a request whose rate was looked at already


class Guard:
    """Refuse requests before anything of them is read, by what is configured."""

    EXTENSION = "guard"

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._hosts = frozenset(settings.trusted_hosts)
        self.keys = APIKeys(settings.api_keys) if settings.api_keys else None
        self.limiter = RateLimiter(settings.rate_limit) if settings.rate_limit else None

    def register(self, app: Flask) -> None:
        """Have Flask ask before each request, unless there is nothing to guard."""
        if self._hosts or self.keys or self.limiter:
            app.before_request(self._check_request)

    def check(self, environ: WSGIEnvironment, *, needs_key: bool) -> None:
        """Let a request pass; its rate counts once, however often it is asked about.

        Raises
        ------
        BadRequest
            If the Host header names none of ours.
        TooManyRequests
            If the client made its requests of this minute.
        Unauthorized
            If a key is needed, and there is none that is good.
        """
        self._check_host(environ)
        key = self.keys.known(_shown(environ)) if self.keys else None
        if self.limiter and COUNTED not in environ:
            wait_s = self._wait_s(self.limiter, key or network(environ.get("REMOTE_ADDR", "")))
            if wait_s:
                raise TooManyRequests(retry_after=max(1, math.ceil(wait_s)))
            environ[COUNTED] = True
        if needs_key and self.keys and key is None:
            raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))

    def has_good_key(self, environ: WSGIEnvironment) -> bool:
        """Whether a request shows an API key that is good."""
        return self.keys is not None and self.keys.known(_shown(environ)) is not None

    def _wait_s(self, limiter: RateLimiter, client: str) -> float:
        try:
            return limiter.wait_s(client)
        except OSError as error:  # no client is to blame for it
            self._metrics.count_limiter_failure()
            logger.error("The rate limit cannot count: %s", error.strerror)
            return 0.0

    def _check_request(self) -> None:
        view = (request.endpoint or "").rpartition(".")[2]
        if view == "static":
            self._check_host(request.environ)
        elif view not in FOR_LOAD_BALANCERS:
            needs_key = view not in PUBLIC and _is_of_a_program(request)
            self.check(request.environ, needs_key=needs_key)

    def _check_host(self, environ: WSGIEnvironment) -> None:
        if self._hosts and not host_is_trusted(environ.get("HTTP_HOST", "").lower(), self._hosts):
            raise BadRequest(_("This server does not answer under that host name."))


def _shown(environ: WSGIEnvironment) -> str:
    kind, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


def _is_of_a_program(asked: Request) -> bool:
    """Whether a request goes to the API, or has a page answer it as the API would."""
    return asked.path.startswith("/api/") or asked.is_json
