"""Refuse what another site has a person's browser send (FAULTS F8).

The cookie of a language says nothing of who asks, and the one of a session comes from our own pages
alone, so a form needs no token: browsers say themselves where a request comes from. The rule, for
each method but GET, HEAD, OPTIONS and TRACE:

1. ``Sec-Fetch-Site`` decides where it is sent, which browsers do over HTTPS and to this machine.
   ``cross-site`` is refused. All else passes, also ``same-site``: a host beside ours in one domain.
2. Without it, the host name of ``Origin`` must be that of the request. Names alone are compared,
   since a proxy need not pass the port. ``Origin: null`` (a local file, a sandboxed frame) is
   refused.
3. With neither, it is a program that asks, and it passes.

Requests with a JSON body pass, on pages as on the API: before a browser sends ``application/json``
to another site it asks that site (CORS preflight), and this server never allows it. A file or a
form can be sent without asking, so the rule holds for those on the API too.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request, request
from werkzeug.exceptions import Forbidden

from src.language import gettext as _
from src.language import mark

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
NOT_FROM_HERE = mark(
    "This came from another website, so it was not accepted. To send it, use the form on this site."
)


def refuse_cross_site() -> None:
    """Stop Flask from answering a request that another site sent.

    Raises
    ------
    Forbidden
        If the request may change something and is from another site.
    """
    if request.method in SAFE_METHODS or request.is_json:
        return
    if is_cross_site(request):
        raise Forbidden(_(NOT_FROM_HERE))


def is_cross_site(asked: Request) -> bool:
    """Return whether a browser sent this from a page of another site."""
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "cross-site"
    origin = asked.headers.get("Origin")
    if origin is None:
        return False
    name = _host_name(origin)
    return name is None or name != _host_name(f"//{asked.headers.get('Host', '')}")


def local_path(path: str) -> str:
    """Return a path of this server to go to, whatever somebody wrote there.

    Examples
    --------
    >>> local_path("/model"), local_path("//elsewhere.example"), local_path("https://elsewhere")
    ('/model', '/', '/')
    """
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if ours and path.isprintable() else "/"


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
