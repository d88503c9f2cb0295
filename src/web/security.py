"""What keeps the form safe: the session cookie, and the token that it is sent with."""

from __future__ import annotations

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf, validate_csrf
from itsdangerous import URLSafeTimedSerializer
from wtforms import ValidationError

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
    """Return the token that the form sends back; the session remembers its other half."""
    return str(generate_csrf(token_key=TOKEN))


def token_is_valid() -> bool:
    """Whether the posted form was opened here, by this browser, not too long ago."""
    try:
        validate_csrf(request.form.get(TOKEN), token_key=TOKEN)
    except ValidationError:
        return False
    return True
