"""For load balancers: whether the process is alive, and whether it has a model."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue

from src.exception import ArtifactError
from src.web.middleware.errors import error_body
from src.web.model_holder import current_models

health = Blueprint("health", __name__)


@health.get("/health", endpoint="health")
def show_health() -> ResponseReturnValue:
    """Say that the process is alive, whatever the model."""
    return {"ok": True}


@health.get("/ready", endpoint="ready")
def show_readiness() -> ResponseReturnValue:
    """Say which run answers; 503 with the reason while there is none."""
    models = current_models()
    try:
        predictor = models.predictor()
    except ArtifactError as error:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return error_body(status, str(error)), status
    problem = models.problem
    return {
        "ok": True,
        "model_version": predictor.run.run_id,
        # The last good model goes on serving after a promotion that failed.
        "problem": str(problem) if problem else None,
    }
