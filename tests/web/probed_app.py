"""The app as it is deployed, which also says what its worker did; for test_worker.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

unpickled: list[str] = []
sys.addaudithook(
    lambda event, args: unpickled.append(str(args)) if event == "pickle.find_class" else None
)

from application import application as deployed  # noqa: E402 - from here on it is watched


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer as the app does, and ``/probe`` with what was imported and unpickled."""
    if environ["PATH_INFO"] != "/probe":
        return deployed(environ, start_response)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"modules": sorted(sys.modules), "unpickled": unpickled}).encode()]
