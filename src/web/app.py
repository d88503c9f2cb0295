"""How an app is put together, the whole one and the API alone."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence

from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import WSGIRequestHandler

from src.artifact_store import ArtifactStore
from src.config import ROOT, Settings, load_settings
from src.exception import ConfigurationError
from src.language import install
from src.logger import AccessLog, configure_logging, get_logger
from src.report.wording import number
from src.web.batch.service import BatchService
from src.web.health import health
from src.web.middleware.access import Guard
from src.web.middleware.errors import register_error_handlers
from src.web.middleware.instrumentation import Operations
from src.web.middleware.languages import speak_to_readers
from src.web.middleware.metrics import Metrics
from src.web.middleware.origin import refuse_cross_site
from src.web.middleware.request_body import (
    DiskRequest,
    expect_whole_body,
    read_chunked_body,
)
from src.web.model_holder import ModelHolder
from src.web.recording import Recording
from src.web.single.fast_path import FastLane

logger = get_logger(__name__)

ANSWER_RECORDS = ("api.predict", "pages.predict")  # views that take a record as JSON


def assemble(settings: Settings | None, blueprints: Sequence[Blueprint]) -> Flask:
    """Return an app of some blueprints, health and readiness, with the promoted model loaded.

    Parameters
    ----------
    settings : Settings or None
        None to read them from the environment.
    blueprints : sequence of Blueprint

    Raises
    ------
    ConfigurationError
        If the settings, the API keys or the folder for temporary files cannot be used.
    """
    settings = settings or load_settings()
    try:
        tempfile.gettempdir()
    except OSError as error:
        message = "No folder for temporary files can be written. Name one in TMPDIR."
        raise ConfigurationError(message) from error
    _configure_logging(settings)
    app = Flask("application", root_path=str(ROOT))
    app.request_class = DiskRequest
    # No view or hook is asynchronous, and Flask asks each of them in each request.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]  # an answer begins with what matters
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    install(app.jinja_env)
    app.jinja_env.filters["number"] = number
    for blueprint in (health, *blueprints, *_operator_pages(settings, blueprints)):
        app.register_blueprint(blueprint)
    register_error_handlers(app)
    if "pages" in app.blueprints:
        speak_to_readers(app)
    _add_middleware(app, settings)
    return app


def _configure_logging(settings: Settings) -> None:
    try:
        configure_logging(settings.log_level, settings.log_file, json_lines=settings.json_logs)
    except OSError as error:
        raise ConfigurationError(
            f"LOG_FILE must be a file that can be written: {error.strerror}. "
            f"Got {settings.log_file}."
        ) from error


def _add_middleware(app: Flask, settings: Settings) -> None:
    """Add what stands before the views: first what Flask runs, then what is wrapped around it."""
    store = ArtifactStore(settings.artifacts_dir, settings.model_signing_key)
    models = app.extensions[ModelHolder.EXTENSION] = ModelHolder(store)
    rules = list(app.url_map.iter_rules())
    routes = sorted((method, rule.rule) for rule in rules for method in rule.methods or ())
    metrics = app.extensions[Metrics.EXTENSION] = Metrics(routes)
    guard = app.extensions[Guard.EXTENSION] = Guard(settings, metrics)
    recording = Recording(settings) if settings.records_url else None
    if recording:
        app.extensions[Recording.EXTENSION] = recording
    if settings.signs_in:
        _add_sign_in(app, settings, guard, recording)
    batches = BatchService(settings, metrics, recording)
    app.extensions[BatchService.EXTENSION] = batches
    guard.register(app)
    for step in (
        expect_whole_body,
        refuse_cross_site,
        batches.prepare_request,
        read_chunked_body,
    ):
        app.before_request(step)
    paths = [rule.rule for rule in rules if rule.endpoint in ANSWER_RECORDS]
    if settings.require_sign_in and not guard.keys:
        paths = []  # who has no key must have signed in, which Flask knows
    recorder = recording.recorder if recording else None
    fast = FastLane(app.wsgi_app, paths, guard, models, metrics, settings.max_body_bytes, recorder)
    app.extensions[FastLane.EXTENSION] = fast
    wrapped = Operations(fast, metrics, AccessLog(json_lines=settings.json_logs))
    n = settings.trusted_proxies
    # The nearest proxy says how it was asked; each of them adds whom it was asked by.
    app.wsgi_app = (  # type: ignore[method-assign]
        ProxyFix(wrapped, x_for=n, x_proto=1, x_host=0) if n else wrapped
    )


def _operator_pages(settings: Settings, others: Sequence[Blueprint]) -> list[Blueprint]:
    """Return the pages that are there only where the settings ask for them."""
    found: list[Blueprint] = []
    if not any(blueprint.name == "pages" for blueprint in others):
        return found  # the API alone
    if settings.operator_password_hash:
        from src.web.pages.sign_in import sign_in

        found.append(sign_in)
    if settings.records_url:
        from src.web.records.routes import records

        found.append(records)
    return found


def _add_sign_in(app: Flask, settings: Settings, guard: Guard, recording: Recording | None) -> None:
    from src.web.middleware.sign_in import SignIn

    sign_in = SignIn(settings, guard)
    if recording:
        sign_in.noted = recording.recorder.note
    sign_in.register(app, settings.secret_key)


def create_or_exit(create: Callable[[], Flask]) -> Flask:
    """Return the app; where its settings cannot be used, end the process and say why on stderr."""
    try:
        return create()
    except ConfigurationError as error:  # the message says what to do; a traceback would bury it
        sys.stderr.write(f"{error}\n")
        sys.exit(3)  # to gunicorn: do not start this worker again


class _Quiet(WSGIRequestHandler):
    """Werkzeug's own log line holds the query string; ours is there already."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def run_for_development(app: Flask) -> None:
    """Serve on port 8000 of this machine until interrupted."""
    logger.warning("A server for development. For people: gunicorn application:application")
    app.run("127.0.0.1", 8000, threaded=True, request_handler=_Quiet)
