"""The page of a result, and a bare Flask view that sends the same bytes from constants."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

from flask import Flask, render_template, request
from jinja2 import DictLoader

# What a model or a student decides; classes, roles and the like are the same for all.
DECIDED = frozenset(
    {"action", "aria-describedby", "content", "for", "height", "href", "id", "name", "value",
     "width", "x", "x1", "x2", "y"}
)  # fmt: skip
_TAG = re.compile(r"(<[^>]*>)")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


def sent_form(environ: dict[str, Any], record: dict[str, object]) -> tuple[dict[str, Any], bytes]:
    """Return the request by which a browser sends the form filled in."""
    body = urlencode(record).encode()
    of_form = {
        "PATH_INFO": "/", "RAW_URI": "/", "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "HTTP_ORIGIN": f"http://{environ['HTTP_HOST']}",
    }  # fmt: skip
    return environ | of_form, body


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
