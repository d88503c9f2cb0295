"""Who may ask: the host that was asked for, the API key, the rate."""

from __future__ import annotations

from flask import Flask, Request, request
from werkzeug.exceptions import BadRequest, TooManyRequests, Unauthorized

from src.config import Settings
from src.web.api_keys import APIKeys
from src.web.rate_limit import RateLimiter, network, retry_after

# A load balancer asks by an address, as often as it likes, and has no key.
FOR_LOAD_BALANCERS = frozenset({"health", "ready"})
PUBLIC = FOR_LOAD_BALANCERS | {"openapi", "docs"}


class Guard:
    """Refuse requests before anything of them is read; made only for what is configured."""

    def __init__(self, settings: Settings) -> None:
        self._hosts = frozenset(settings.trusted_hosts)
        self._keys = APIKeys(settings.api_keys) if settings.api_keys else None
        self._limiter = RateLimiter(settings.rate_limit) if settings.rate_limit else None

    def register(self, app: Flask) -> None:
        """Ask this guard before each request, unless it has nothing to guard."""
        if self._hosts or self._keys or self._limiter:
            app.before_request(self.check)

    def check(self) -> None:
        """Let a request pass.

        Raises
        ------
        BadRequest
            If the Host header names none of ours.
        Unauthorized
            If the route asks for a key and there is none that is good.
        TooManyRequests
            If the client made its requests of this minute.
        """
        view = (request.endpoint or "").rpartition(".")[2]
        if view in FOR_LOAD_BALANCERS:
            return
        if self._hosts and not self._is_ours(request.environ.get("HTTP_HOST", "")):
            raise BadRequest("This server does not answer under that host name.")
        if view == "static":
            return
        key = self._keys.known(_shown(request)) if self._keys else None
        if self._limiter:
            wait_s = self._limiter.wait_s(key or network(request.remote_addr or ""))
            if wait_s:
                raise TooManyRequests(retry_after=int(retry_after(wait_s)))
        if self._keys and key is None and view not in PUBLIC and _is_of_a_program(request):
            raise Unauthorized

    def _is_ours(self, host: str) -> bool:
        name = host.lower()
        if not name.endswith("]"):
            name = name.rpartition(":")[0] or name
        return any(
            name == ours or (ours.startswith(".") and (name.endswith(ours) or name == ours[1:]))
            for ours in self._hosts
        )


def _shown(request: Request) -> str:
    kind, _, key = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


def _is_of_a_program(request: Request) -> bool:
    """Whether a request goes to the API, or has a page answer it as the API would."""
    return request.path.startswith("/api/") or request.is_json
