"""How an app is put together, the whole one and the API alone."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import WSGIRequestHandler

from src.artifact_store import ArtifactStore
from src.config import ROOT, Settings
from src.logger import AccessLog, configure_logging, get_logger
from src.web.batch.service import BatchService
from src.web.health import health
from src.web.middleware.access import Guard
from src.web.middleware.errors import register_error_handlers
from src.web.middleware.instrumentation import Operations
from src.web.middleware.metrics import Metrics
from src.web.middleware.origin import refuse_cross_site
from src.web.middleware.request_body import read_chunked_body
from src.web.model_holder import ModelHolder
from src.web.single.fast_path import FastLane

logger = get_logger(__name__)

ANSWER_RECORDS = ("api.predict", "pages.predict")  # views that take a record as JSON


def assemble(settings: Settings, blueprints: Sequence[Blueprint]) -> Flask:
    """Return an app of some blueprints, health and readiness, with the promoted model loaded.

    Raises
    ------
    ConfigurationError
        If the API keys cannot be read.
    """
    configure_logging(settings.log_level, settings.log_file, json_lines=settings.json_logs)
    app = Flask("application", root_path=str(ROOT))
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        MAX_FORM_MEMORY_SIZE=settings.max_body_bytes,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # an answer begins with what matters
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    models = app.extensions[ModelHolder.EXTENSION] = ModelHolder(
        ArtifactStore(settings.artifacts_dir, settings.model_signing_key)
    )
    for blueprint in (health, *blueprints):
        app.register_blueprint(blueprint)
    register_error_handlers(app)
    guard = app.extensions[Guard.EXTENSION] = Guard(settings)
    guard.register(app)
    app.before_request(refuse_cross_site)
    rules = list(app.url_map.iter_rules())
    routes = sorted((method, rule.rule) for rule in rules for method in rule.methods or ())
    metrics = app.extensions[Metrics.EXTENSION] = Metrics(routes)
    batches = app.extensions[BatchService.EXTENSION] = BatchService(settings, metrics)
    app.before_request(batches.prepare_request)
    app.before_request(read_chunked_body)
    fast = FastLane(
        app.wsgi_app,
        [rule.rule for rule in rules if rule.endpoint in ANSWER_RECORDS],
        guard,
        models,
        metrics,
        settings.max_body_bytes,
    )
    operations = Operations(fast, metrics, AccessLog(json_lines=settings.json_logs))
    n = settings.trusted_proxies
    # The nearest proxy says how it was asked; each of them adds whom it was asked by.
    app.wsgi_app = (  # type: ignore[method-assign]
        ProxyFix(operations, x_for=n, x_proto=1, x_host=0) if n else operations
    )
    return app


class _Quiet(WSGIRequestHandler):
    """Werkzeug's own log line holds the query string; ours is there already."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def run_for_development(app: Flask) -> None:
    """Serve on port 8000 of this machine until interrupted."""
    logger.warning("A server for development. For people: gunicorn application:application")
    app.run("127.0.0.1", 8000, threaded=True, request_handler=_Quiet)
