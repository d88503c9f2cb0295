"""The web app: the form, the tutorial's routes, health and readiness.

gunicorn application:application                                   Linux, macOS
waitress-serve --listen=127.0.0.1:8000 application:application     Windows
python application.py                                              while developing
"""

from __future__ import annotations

import secrets
import sys

from flask import Flask

from src.config import Settings, load_settings
from src.exception import ConfigurationError
from src.logger import configure_logging, get_logger
from src.web.bodies import read_chunked_body
from src.web.errors import register_error_handlers
from src.web.model_holder import ModelHolder
from src.web.pages import pages
from src.web.security import SessionCookie, add_security_headers

logger = get_logger(__name__)


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
    settings = settings or load_settings()
    configure_logging(settings.log_level, settings.log_file)
    app = Flask(__name__)
    app.config.update(
        # Made once, before the workers are forked (gunicorn.conf.py), so that all share it.
        SECRET_KEY=settings.secret_key or secrets.token_hex(),
        WTF_CSRF_TIME_LIMIT=settings.form_max_age_s,
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        MAX_FORM_MEMORY_SIZE=settings.max_body_bytes,
    )
    app.session_interface = SessionCookie()
    app.json.sort_keys = False  # type: ignore[attr-defined]  # an answer begins with what matters
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions[ModelHolder.EXTENSION] = ModelHolder(settings.artifacts_dir)
    app.register_blueprint(pages)
    register_error_handlers(app)
    app.before_request(read_chunked_body)
    app.after_request(add_security_headers)
    return app


try:
    application = create_app()
except ConfigurationError as error:  # the message says what to do; a traceback would bury it
    sys.stderr.write(f"{error}\n")
    sys.exit(3)  # to gunicorn: do not start this worker again
app = application


if __name__ == "__main__":
    logger.warning("A server for development. For people: gunicorn application:application")
    app.run("127.0.0.1", 8000, threaded=True)
