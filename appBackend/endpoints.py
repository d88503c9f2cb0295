"""The JSON API under /api/v1: blueprint `api` of the app, or a server of its own.

python -m appBackend.endpoints                      while developing
gunicorn "appBackend.endpoints:create_api()"        for people
"""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Blueprint, Flask, Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue

from appBackend.openapi import example_record, openapi_document
from src.config import Settings
from src.exception import ArtifactError, Problem
from src.language import ENGLISH, speaking
from src.report.saved_report import load_report, report_fields
from src.report.table_findings import as_dict
from src.schema.record import Schema
from src.serving.predictor import Predictor
from src.web.app import assemble, create_or_exit, run_for_development
from src.web.batch.downloads import answer_file
from src.web.health import health
from src.web.middleware.access import Guard
from src.web.middleware.errors import error_body
from src.web.middleware.metrics import CONTENT_TYPE, Metrics
from src.web.model_holder import current_models
from src.web.recording import current_recording
from src.web.single.json_answers import answer_list, answer_record, record_body

PREFIX = "/api/v1"

api = Blueprint("api", __name__, url_prefix=PREFIX)
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
        "backend": predictor.backend,
        "fallback_reason": predictor.fallback_reason or None,
        "metrics": predictor.metrics,
        "findings": [as_dict(finding, private=False) for finding in predictor.findings],
        "report": _report(predictor),
        "python": manifest.python,
        "libraries": manifest.versions,
    }


@api.post("/predict")
def predict() -> ResponseReturnValue:
    """Predict one record."""
    return answer_record()


@api.post("/predict/batch")
def predict_batch() -> ResponseReturnValue:
    """Predict a list of records or a file; what is wrong with one row does not stop the others."""
    return answer_list() if request.is_json else answer_file()


@api.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Tell Prometheus what all workers counted."""
    counted: Metrics = current_app.extensions[Metrics.EXTENSION]
    text, recording = counted.render(_model_labels()), current_recording()
    if recording:
        text += recording.render()
    return Response(text, content_type=CONTENT_TYPE)


@documents.get("/openapi.json", endpoint="openapi")
def show_openapi() -> ResponseReturnValue:
    """Describe the API for programs, as the served model wants it."""
    return _document(current_models().predictor())


@documents.get("/docs", endpoint="docs")
def show_docs() -> ResponseReturnValue:
    """Describe the API for people."""
    predictor = current_models().predictor()
    example = example_record(predictor.schema)
    with speaking(ENGLISH):  # as the API answers
        document = _document(predictor)
        answer = _readable(record_body(predictor.predict_record(example), predictor))
        error = _readable(_example_error(predictor.schema))
    return render_template(
        "docs.html",
        document=document,
        schema=predictor.schema,
        example=example,
        request_body=json.dumps(example, ensure_ascii=False),
        answer=answer,
        error=error,
        predict_url=url_for("api.predict", _external=True),
    )


def _example_error(schema: Schema) -> dict[str, Any]:
    feature, wrong = next(iter((*schema.numeric, *schema.features))), "ninety"
    message = feature.check_json(wrong).problem
    return error_body(422, message, [Problem(message, feature.name, got=wrong)])


def _readable(value: object) -> str:
    """Return indented JSON, pairs of numbers on one line."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return re.sub(r"\[\s+([-+.\de]+),\s+([-+.\de]+)\s+\]", r"[\1, \2]", text)


def _document(predictor: Predictor) -> dict[str, Any]:
    guard: Guard = current_app.extensions[Guard.EXTENSION]
    return openapi_document(
        predictor.schema,
        predictor.run.run_id,
        prefix=request.script_root + PREFIX,
        keys=guard.keys is not None,
        limited=guard.limiter is not None,
        kept=current_recording() is not None,
    )


def _report(predictor: Predictor) -> dict[str, Any] | None:
    """Return what the run's report found out, as far as it can be drawn; None until it is there."""
    try:
        report = load_report(predictor.run, predictor.schema)
    except ArtifactError:  # the page on the model says so
        return None
    return report_fields(report, predictor.schema) if report else None


def _model_labels() -> dict[str, str] | None:
    try:
        predictor = current_models().predictor()
    except ArtifactError:
        return None
    return {
        "version": predictor.run.run_id,
        "model": predictor.run.manifest.model,
        "backend": predictor.backend,
    }


api.register_blueprint(health)
api.register_blueprint(documents)


def create_api(settings: Settings | None = None) -> Flask:
    """Return an app of the API alone, without pages; ``settings`` as for the whole app."""
    return assemble(settings, [api, documents])


if __name__ == "__main__":
    run_for_development(create_or_exit(create_api))
