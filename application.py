"""The web app: the form, the tutorial's routes, the API under /api/v1, health and readiness.

gunicorn application:application                                   Linux, macOS
waitress-serve --listen=127.0.0.1:8000 application:application     Windows
python application.py                                              while developing
"""

from __future__ import annotations

import sys

from flask import Flask

from appBackend.endpoints import api, documents
from src.config import Settings, load_settings
from src.exception import ConfigurationError
from src.web.app import assemble, run_for_development
from src.web.batch.routes import batch
from src.web.pages.routes import pages


def create_app(settings: Settings | None = None) -> Flask:
    """Return the app with the promoted model loaded, or with the reason why there is none.

    Parameters
    ----------
    settings : Settings, optional
        Read from the environment when absent.

    Raises
    ------
    ConfigurationError
        If the environment holds settings that cannot be used.
    """
    return assemble(settings or load_settings(), [pages, batch, api, documents])


try:
    application = create_app()
except ConfigurationError as error:  # the message says what to do; a traceback would bury it
    sys.stderr.write(f"{error}\n")
    sys.exit(3)  # to gunicorn: do not start this worker again
app = application


if __name__ == "__main__":
    run_for_development(app)
