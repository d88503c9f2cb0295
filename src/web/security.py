"""What keeps the pages safe: response headers, the session cookie, the form's token."""

from __future__ import annotations

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

TOKEN = "csrf_token"  # noqa: S105 - the name of the form's hidden field

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
HSTS = "max-age=31536000"
FORM_IS_STALE = (
    "The form was opened too long ago, or your browser keeps no cookies for this site. "
    "Your answers are still here: please send them again."
)


class SessionCookie(SecureCookieSessionInterface):
    """Flask's signed cookie: never read by scripts, over HTTPS only where the request came so."""

    def get_cookie_httponly(self, app: Flask) -> bool:
        return True

    def get_cookie_samesite(self, app: Flask) -> str:
        return "Lax"

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def add_security_headers(response: Response) -> Response:
    """Set the headers that every response carries, errors too."""
    response.headers.update(HEADERS)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = HSTS
    response.headers.setdefault("Cache-Control", "no-store")  # static files bring their own
    return response


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
