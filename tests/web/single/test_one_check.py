"""A record is checked once, whichever way it comes."""

import json

import pytest

from src.artifact_store import Run
from src.schema.record import Schema


@pytest.fixture
def checks(monkeypatch) -> list:
    """Return a list that grows by each check of a record."""
    seen = []
    check_record = Schema.check_record

    def counted(self, record, **options):
        seen.append(record)
        return check_record(self, record, **options)

    monkeypatch.setattr(Schema, "check_record", counted)
    return seen


def test_a_form_with_its_reasons_and_alternatives_is_checked_once(
    make_app, own_artifacts, student, checks, monkeypatch
):
    load = Run.read_json

    def as_the_model_has_it(run, name):  # so that a comparison is offered
        value, order = load(run, name), {"order": ["completed", "none"]}
        levers = {"levers": {"test_preparation_course": order}}
        return value | levers if name == "metrics.json" else value

    monkeypatch.setattr(Run, "read_json", as_the_model_has_it)
    page = make_app(artifacts_dir=own_artifacts).test_client().post("/", data=student)
    assert page.status_code == 200
    assert "Each answer moves it up or down" in page.text
    assert "Predictions for other answers" in page.text
    assert len(checks) == 1


@pytest.mark.parametrize("query", ["", "?contributions=1"])
def test_a_json_record_is_checked_once(client, student, checks, query):
    answer = client.post(f"/api/v1/predict{query}", json=student)
    assert ("contributions" in answer.get_json()) == bool(query)
    assert len(checks) == 1


@pytest.mark.parametrize("query", ["", "?x=1"])
def test_a_refused_json_record_is_checked_once(client, student, checks, query):
    body = json.dumps(student | {"lunch": "x", "reading_score": 300})
    kind = "application/json"
    answer = client.post(f"/api/v1/predict{query}", data=body, content_type=kind)
    assert answer.status_code == 422
    assert len(answer.get_json()["errors"]) == 2
    assert len(checks) == 1
