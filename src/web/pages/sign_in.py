"""The page that asks for the operator's password."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue

from src.language import gettext as _
from src.language import mark
from src.web.middleware.origin import local_path
from src.web.middleware.sign_in import SignIn, sign_out

sign_in = Blueprint("sign_in", __name__)
WRONG = mark("This is not the password.")


@sign_in.get("/sign-in", endpoint="sign_in")
def show() -> ResponseReturnValue:
    """Ask for the password."""
    return _page()


@sign_in.post("/sign-in", endpoint="attempt")
def attempt() -> ResponseReturnValue:
    """Let in whoever knows the password, and go where they wanted to."""
    found: SignIn = current_app.extensions[SignIn.EXTENSION]
    if not found.attempt(request.form.get("password", "")):
        return _page(_(WRONG), 422)
    return redirect(request.script_root + _wanted(), 303)


@sign_in.post("/sign-out", endpoint="sign_out")
def leave() -> ResponseReturnValue:
    """End the session."""
    return sign_out()


def _page(error: str = "", status: int = 200) -> Response:
    page = render_template("sign_in.html", error=error, wanted=_wanted())
    return make_response(page, status)


def _wanted() -> str:
    """Return the page of this server that was asked for: a path, whatever somebody wrote there."""
    return local_path(request.values.get("next", ""))
