"""The web app: the form, the tutorial's routes, the API under /api/v1, health and readiness.

gunicorn application:application                                   Linux, macOS
waitress-serve --listen=127.0.0.1:8000 application:application     Windows
python application.py                                              while developing
"""

from __future__ import annotations

from flask import Flask

from appBackend.endpoints import api, documents
from src.config import Settings
from src.web.app import assemble, create_or_exit, run_for_development
from src.web.batch.routes import batch
from src.web.pages.routes import pages


def create_app(settings: Settings | None = None) -> Flask:
    """Return the app with the promoted model loaded, or with the reason why there is none.

    Settings that are not given are read from the environment; :class:`ConfigurationError` says
    which of them cannot be used.
    """
    return assemble(settings, [pages, batch, api, documents])


application = create_or_exit(create_app)
app = application


if __name__ == "__main__":
    run_for_development(app)
