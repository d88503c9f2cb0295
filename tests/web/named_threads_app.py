"""The app as it is deployed, whose answers also say which thread made them; for test_threads.py."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from application import application

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

deployed = application.wsgi_app


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer as the app does."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        thread = threading.current_thread()
        of_its_own = "no" if thread is threading.main_thread() else "yes"
        return start_response(status, [*headers, ("X-Thread-Of-Its-Own", of_its_own)], exc_info)

    return deployed(environ, start)


application.wsgi_app = answer  # type: ignore[method-assign]
