"""Who is the operator: one password, or the word of a proxy that signs people in.

``python -m src.web.middleware.sign_in`` asks for a password and prints its hash.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import ipaddress
import math
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Flask, Request, Response, current_app, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import TooManyRequests, Unauthorized
from werkzeug.security import check_password_hash, generate_password_hash

from src.config import Settings
from src.language import gettext as _
from src.logger import get_logger
from src.web.middleware.access import FOR_LOAD_BALANCERS, Guard
from src.web.middleware.rate_limit import RateLimiter, network

if TYPE_CHECKING:
    from collections.abc import Callable

logger = get_logger(__name__)

LIFETIME = timedelta(minutes=30)  # of a session, from the last page on
MOST_ATTEMPTS, MOST_OF_ALL = 5, 30  # a minute, of one client and of all together
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1_000  # that is hashed at all
SIGNED_IN, UNTIL = "operator", "until"
OPEN = frozenset(
    {"static", "sign_in", "attempt", "switch_language", *FOR_LOAD_BALANCERS}
)  # views that nobody signs in for


class Sessions(SecureCookieSessionInterface):
    """Signed cookies that are sent over HTTPS alone where the request came by it."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


class SignIn:
    """Let operators in, and send others to the page that asks for the password."""

    EXTENSION = "sign_in"

    def __init__(self, settings: Settings, guard: Guard) -> None:
        self._hash = settings.operator_password_hash
        self._header = settings.trusted_user_header
        self._required = settings.require_sign_in
        self._guard = guard
        # A session ends with the password that it was opened by.
        self._mark = hashlib.sha256(self._hash.encode()).hexdigest()[:32]
        self._of_client = RateLimiter(MOST_ATTEMPTS)
        self._of_all = RateLimiter(MOST_OF_ALL)
        self.noted: Callable[[str, str], None] = lambda kind, actor: None

    @property
    def has_password(self) -> bool:
        """Whether there is a password to sign in with."""
        return bool(self._hash)

    def register(self, app: Flask, secret_key: str) -> None:
        """Set an app's sessions up, and guard all its pages where that was asked for."""
        app.secret_key = secret_key or None
        app.session_interface = Sessions()
        app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
        app.config["SESSION_COOKIE_HTTPONLY"] = True
        app.permanent_session_lifetime = LIFETIME
        app.extensions[self.EXTENSION] = self
        if self._required:
            app.before_request(self._check_request)

    def operator(self) -> str | None:
        """Return who asks, where that is an operator; None for anybody else."""
        if self._header and (name := request.headers.get(self._header)) and _is_from_proxy(request):
            return name[:200]
        if not self._hash:
            return None
        shown = session.get(SIGNED_IN, "")
        good = isinstance(shown, str) and hmac.compare_digest(shown, self._mark)
        if not good or session.get(UNTIL, 0) < time.time():
            return None
        if session[UNTIL] < time.time() + LIFETIME.total_seconds() / 2:
            session[UNTIL] = time.time() + LIFETIME.total_seconds()
        return "operator"

    def attempt(self, password: str) -> bool:
        """Open a session if the password is right.

        Raises
        ------
        TooManyRequests
            If this client, or all together, tried too often within a minute.
        """
        client = network(request.environ.get("REMOTE_ADDR", ""))
        waits = (self._of_client.wait_s(client), self._of_all.wait_s("all"))
        if wait_s := max(waits):
            raise TooManyRequests(retry_after=max(1, math.ceil(wait_s)))
        short_enough = len(password) <= LONGEST_PASSWORD
        right = bool(self._hash) and short_enough and check_password_hash(self._hash, password)
        logger.info("A sign-in was %s", "accepted" if right else "refused")
        self.noted("sign-in" if right else "sign-in refused", "operator" if right else "unknown")
        if right:
            session.clear()
            session.permanent = True
            session[SIGNED_IN] = self._mark
            session[UNTIL] = time.time() + LIFETIME.total_seconds()
        return right

    def _check_request(self) -> ResponseReturnValue | None:
        view = (request.endpoint or "").rpartition(".")[2]
        if view in OPEN or self._guard.has_good_key(request.environ) or self.operator():
            return None
        return self.ask()

    def ask(self) -> ResponseReturnValue:
        """Send a browser to the page that asks for the password; refuse a program.

        Raises
        ------
        Unauthorized
            If it is no page that was asked for, or no password would help.
        """
        is_page = request.method == "GET" and not request.path.startswith("/api/")
        if not is_page or not self._hash or "sign_in.sign_in" not in current_app.view_functions:
            raise Unauthorized(_("Sign in first: this server answers its operators alone."))
        query = urlencode({"next": request.full_path.rstrip("?")})
        return redirect(f"{url_for('sign_in.sign_in')}?{query}", 303)


def current_sign_in() -> SignIn | None:
    """Return what signs in at the app that answers; None where nobody can."""
    found: SignIn | None = current_app.extensions.get(SignIn.EXTENSION)
    return found


def sign_out() -> Response:
    """End the session."""
    session.clear()
    return current_app.make_response(redirect(url_for("sign_in.sign_in"), 303))


def _is_from_proxy(asked: Request) -> bool:
    """Whether a proxy handed the request on: a neighbour that the settings count.

    ``ProxyFix`` keeps the address of who connected. Whoever connects from elsewhere may write any
    header, so only this machine and private networks are believed.
    """
    before = asked.environ.get("werkzeug.proxy_fix.orig")
    if before is None or not asked.headers.get("X-Forwarded-For"):
        return False
    peer = str(before.get("REMOTE_ADDR") or "")
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer == ""  # a Unix socket
    return address.is_loopback or address.is_private


def main() -> int:
    """Ask for a password twice and print its hash."""
    password = getpass.getpass("Password of the operator: ")
    if len(password) < SHORTEST_PASSWORD:
        sys.stderr.write(f"The password needs {SHORTEST_PASSWORD} characters or more.\n")
        return 2
    if password != getpass.getpass("Once more: "):
        sys.stderr.write("The two differ.\n")
        return 2
    sys.stdout.write(f"OPERATOR_PASSWORD_HASH='{generate_password_hash(password, 'scrypt')}'\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
