"""What keeps the form safe: the session cookie, and the token that it is sent with."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import lru_cache

from flask import Flask, Request, current_app, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer

TOKEN = "csrf_token"  # noqa: S105 - the name of the form's hidden field

FORM_IS_STALE = (
    "The form was opened too long ago, or your browser keeps no cookies for this site. "
    "Your answers are still here: please send them again."
)


class SessionCookie(SecureCookieSessionInterface):
    """Flask's signed cookie: never read by scripts, over HTTPS only where the request came so.

    Programs get none: what comes as JSON or goes to the API has no form to protect.
    """

    _serializer: URLSafeTimedSerializer | None = None

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        environ = request.environ
        if environ.get("CONTENT_TYPE") == "application/json" or request.path.startswith("/api/"):
            return None
        return super().open_session(app, request)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs and checks the cookie, made once: the key of an app does not change."""
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
        return self._serializer

    def get_cookie_httponly(self, app: Flask) -> bool:
        return True

    def get_cookie_samesite(self, app: Flask) -> str:
        return "Lax"

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def make_token() -> str:
    """Return the token that the form sends back: the session's secret, signed, with the time."""
    if TOKEN not in session:
        session[TOKEN] = secrets.token_hex()
    return _signer(current_app.secret_key).sign(session[TOKEN]).decode()


def token_is_valid() -> bool:
    """Whether the posted form was opened here, by this browser, not too long ago."""
    signer, max_age = _signer(current_app.secret_key), current_app.config["FORM_MAX_AGE_S"]
    try:
        sent = signer.unsign(request.form.get(TOKEN, ""), max_age=max_age)
    except BadSignature:  # an expired one, too
        return False
    return hmac.compare_digest(sent, session.get(TOKEN, "").encode())


@lru_cache(maxsize=8)
def _signer(key: str) -> TimestampSigner:
    return TimestampSigner(key, salt="form token", digest_method=hashlib.sha256)
