"""The page of a result, and a bare Flask view that sends the same bytes from constants."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urlencode

from flask import Flask, render_template, request
from jinja2 import DictLoader

Call = Callable[[Any, dict[str, Any], bytes], tuple[str, list[Any], bytes]]

# What a model or a student decides; classes, roles and the like are the same for all.
DECIDED = frozenset(
    {"action", "aria-describedby", "content", "for", "height", "href", "id", "name", "value",
     "width", "x", "x1", "x2", "y"}
)  # fmt: skip
_TAG = re.compile(r"(<[^>]*>)")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_TOKEN = re.compile(rb'name="csrf_token" value="([^"]+)"')


def sent_form(
    app: Flask, call: Call, environ: dict[str, Any], record: dict[str, object]
) -> tuple[dict[str, Any], bytes]:
    """Open the form as a browser does, and return the request that sends it filled in."""
    environ = {**environ, "PATH_INFO": "/", "RAW_URI": "/"}
    opened = {**environ, "REQUEST_METHOD": "GET", "CONTENT_LENGTH": "", "CONTENT_TYPE": ""}
    _, headers, page = call(app, opened, b"")
    cookie = next(value for name, value in headers if name == "Set-Cookie").partition(";")[0]
    found = _TOKEN.search(page)
    if found is None:
        raise RuntimeError("The form has no token.")
    body = urlencode({"csrf_token": found[1].decode(), **record}).encode()
    kind = "application/x-www-form-urlencoded"
    return {**environ, "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body)),
            "HTTP_COOKIE": cookie}, body  # fmt: skip


def bare_page(page: bytes) -> Flask:
    """Return an app whose only view reads the form and renders a page from constants.

    Every text of the page is a variable of its template, and so is every attribute's value that a
    model or a student decides.
    """
    values: list[str] = []

    def variable(text: str) -> str:
        values.append(unescape(text))
        return f"{{{{ v[{len(values) - 1}] }}}}"

    def attribute(match: re.Match[str]) -> str:
        return f'{match[1]}="{variable(match[2])}"' if match[1] in DECIDED else match[0]

    parts = [
        _ATTRIBUTE.sub(attribute, part)
        if part.startswith("<")
        else (variable(part) if part.strip() else part)
        for part in _TAG.split(page.decode())
    ]
    app = Flask("bare page")
    app.jinja_loader = DictLoader({"page.html": "".join(parts)})

    @app.post("/")
    def show() -> str:
        request.form.to_dict()
        return render_template("page.html", v=values)

    return app
