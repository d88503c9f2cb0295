"""The page on what came true, drawn from what is stored."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, make_response, render_template
from sqlalchemy.exc import OperationalError

from src.language import gettext as _
from src.language import mark
from src.records.challenges import KeptChallenge, latest_challenge
from src.records.database import migrate, open_engine
from src.records.drift import latest_drift
from src.records.drift_words import describe_drift, fits
from src.records.report import latest
from src.web.middleware.sign_in import SignIn
from src.web.model_holder import current_models
from src.web.recording import Recording
from src.web.records.challenge_words import describe_challenge
from src.web.records.upload import Outcome
from src.web.records.view import describe_fates, describe_report

DOWN = mark("The database of the records does not answer. Predictions go on, and wait for it.")


def draw(
    recording: Recording,
    outcome: Outcome | None = None,
    errors: dict[str, str] | None = None,
    as_of: str = "",
    status: int = 200,
) -> Response:
    """Return the page: what is stored, and what became of an upload."""
    schema = current_models().predictor().schema
    problem, content, look, training = "", None, None, None
    try:
        content, challenge, look = _stored(recording.url)
        training = describe_challenge(content, challenge)
    except (OperationalError, OSError):
        problem = _(DOWN)
    page = render_template(
        "records.html",
        view=describe_report(content, schema) if content else None,
        training=training,
        drift=describe_drift(look, schema) if look and fits(look, schema) else None,
        target=schema.target,
        counts=recording.counts(),
        problem=problem,
        outcome=outcome,
        fates=describe_fates(outcome.counts) if outcome else [],
        errors=errors or {},
        as_of=as_of,
        has_password=current_app.extensions[SignIn.EXTENSION].has_password,
    )
    return make_response(page, status)


def _stored(url: str) -> tuple[dict[str, Any] | None, KeptChallenge | None, dict[str, Any] | None]:
    """Return the report, the challenge and the look at drift that were stored last."""
    engine = open_engine(url)
    try:
        migrate(engine)
        with engine.connect() as connection:
            return latest(connection), latest_challenge(connection), latest_drift(connection)
    finally:
        engine.dispose()
