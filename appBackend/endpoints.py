"""The JSON API under /api/v1: blueprint `api` of the app, or a server of its own.

python -m appBackend.endpoints                      while developing
gunicorn "appBackend.endpoints:create_api()"        for people
"""

from __future__ import annotations

import sys

from flask import Blueprint, Flask, Response, current_app
from flask.typing import ResponseReturnValue

from src.config import Settings, load_settings
from src.exception import ArtifactError, ConfigurationError
from src.web.assembly import assemble, run_for_development
from src.web.health import health
from src.web.json_answers import answer_list, answer_record
from src.web.metrics import CONTENT_TYPE, Metrics
from src.web.model_holder import current_models

api = Blueprint("api", __name__, url_prefix="/api/v1")
documents = Blueprint("documents", __name__)


@api.get("/schema")
def schema() -> ResponseReturnValue:
    """Say what a record must look like: everything that a form needs to be drawn."""
    predictor = current_models().predictor()
    return {"ok": True, "model_version": predictor.run.run_id, **predictor.schema.to_dict()}


@api.get("/model")
def model() -> ResponseReturnValue:
    """Say which model answers, when and on what it was trained, and how good it is."""
    predictor = current_models().predictor()
    manifest, target = predictor.run.manifest, predictor.schema.target
    return {
        "ok": True,
        "model_version": manifest.run_id,
        "model": manifest.model,
        "target": target.name,
        "unit": target.unit,
        "trained_at": manifest.created,
        "trained_on": {
            "source": manifest.options.get("data"),
            "sha256": manifest.data_sha256,
            "rows": manifest.rows,
            "dropped": manifest.dropped,
            "seed": manifest.seed,
        },
        "metrics": predictor.metrics,
        "python": manifest.python,
        "libraries": manifest.versions,
    }


@api.post("/predict")
def predict() -> ResponseReturnValue:
    """Predict one record."""
    return answer_record()


@api.post("/predict/batch")
def predict_batch() -> ResponseReturnValue:
    """Predict a list of records; what is wrong with one does not stop the others."""
    return answer_list()


@api.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Tell Prometheus what all workers counted."""
    counted: Metrics = current_app.extensions[Metrics.EXTENSION]
    return Response(counted.render(_model_labels()), content_type=CONTENT_TYPE)


def _model_labels() -> dict[str, str] | None:
    try:
        predictor = current_models().predictor()
    except ArtifactError:
        return None
    return {"version": predictor.run.run_id, "model": predictor.run.manifest.model}


api.register_blueprint(health)
api.register_blueprint(documents)


def create_api(settings: Settings | None = None) -> Flask:
    """Return an app of the API alone, without pages.

    Parameters
    ----------
    settings : Settings, optional
        Read from the environment when absent.

    Raises
    ------
    ConfigurationError
        If the environment holds settings that cannot be used.
    """
    return assemble(settings or load_settings(), [api, documents])


if __name__ == "__main__":
    try:
        alone = create_api()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(3)
    run_for_development(alone)
