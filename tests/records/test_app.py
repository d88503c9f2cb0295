"""What the app keeps: of records, of lists, of files, of the form; and nothing unless asked to."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import Engine, inspect, select

from src.config import ROOT, Settings, load_settings
from src.exception import ConfigurationError
from src.records.database import open_engine
from src.records.identity import subject_hash
from src.records.tables import batch, prediction
from src.schema.features import GroupFeature
from src.web.recording import Recording
from tests.records.conftest import KEY
from tests.schools import BEST, record
from tests.waiting import wait_until


def kept(app: Flask, table=prediction) -> list[dict]:
    """Return the rows of a table, once everything is written."""
    recorder = app.extensions[Recording.EXTENSION].recorder
    recorder.close()
    engine = open_engine(recorder._settings.url, patient=True)
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(table)).mappings()]
    engine.dispose()
    return rows


def test_a_record_is_kept_with_its_id_its_range_and_whom_it_is_of(
    make_app, sample_artifacts, student
):
    app = make_app(sample_artifacts)
    about = {"subject": "4711", "group": "9c", "as_of": "2026-09-30"}
    answer = app.test_client().post("/api/v1/predict", json=student | about).get_json()
    (row,) = kept(app)
    assert row["id"] == answer["prediction_id"]
    assert uuid.UUID(row["id"]).version == 7
    assert row["number"] == answer["prediction"]
    assert [row["low"], row["high"]] == answer["intervals"]["0.9"]
    assert row["subject"] == subject_hash("4711", KEY)
    assert (row["group_name"], row["as_of"], row["source"]) == ("9c", "2026-09-30", "api")
    assert row["run"] == answer["model_version"]
    assert row["features"] is None
    assert "4711" not in json.dumps(row)


def test_the_answers_are_kept_only_where_that_was_asked_for(make_app, sample_artifacts, student):
    app = make_app(sample_artifacts, record_features=True)
    app.test_client().post("/api/v1/predict", json=student)
    (row,) = kept(app)
    assert json.loads(row["features"]) == student


@pytest.mark.parametrize("group", ["", "class"])
def test_a_school_is_kept_only_where_groups_are(make_app, school_artifacts, group):
    app = make_app(school_artifacts, record_features=True, record_group=group)
    client = app.test_client()
    client.post("/api/v1/predict", json=record(BEST))
    file = io.StringIO()
    csv.writer(file).writerows([record(BEST), record(BEST).values()])
    client.post("/batch", data={"file": (io.BytesIO(file.getvalue().encode()), "7b.csv")})
    answers = [json.loads(row["features"]) for row in kept(app)]
    assert len(answers) == 2
    assert [BEST in one.values() for one in answers] == [bool(group)] * 2


def test_by_the_fast_path_and_by_flask_the_same_is_kept(make_app, sample_artifacts, student):
    app = make_app(sample_artifacts)
    client = app.test_client()
    for path in ("/api/v1/predict", "/api/v1/predict?contributions=0"):
        assert "prediction_id" in client.post(path, json=student | {"group": "9c"}).get_json()
    rows = kept(app)
    assert len(rows) == 2
    changing = ("id", "made_at_ms")
    first, second = ({k: v for k, v in row.items() if k not in changing} for row in rows)
    assert first == second


def test_each_record_of_a_list_has_an_id_and_a_refused_one_none(
    make_app, sample_artifacts, student
):
    app = make_app(sample_artifacts)
    records = [student | {"subject": 1}, student | {"reading_score": 999}, student]
    answer = app.test_client().post("/api/v1/predict/batch", json=records).get_json()
    first, refused, last = answer["predictions"]
    assert refused is None
    assert {row["id"] for row in kept(app)} == {first["prediction_id"], last["prediction_id"]}


def test_what_is_wrong_with_subject_and_day_is_told_with_the_other_problems(
    make_app, sample_artifacts, student
):
    app = make_app(sample_artifacts)
    wrong = {"subject": "", "group": ["9c"], "as_of": "30.9.2026", "reading_score": 999}
    answer = app.test_client().post("/api/v1/predict", json=student | wrong)
    assert answer.status_code == 422
    fields = [error["field"] for error in answer.get_json()["errors"]]
    assert sorted(fields) == ["as_of", "group", "reading_score", "subject"]


def test_a_model_s_own_column_called_group_stays_an_answer(make_app, sample_artifacts, predictor):
    recorder = make_app(sample_artifacts).extensions[Recording.EXTENSION].recorder
    schema = replace(predictor.schema, group=GroupFeature(name="group"))
    record: dict[str, object] = {"group": "9c", "subject": "4711"}
    about, problems = recorder.take_about(record, SimpleNamespace(schema=schema))
    assert (about.subject, about.group, problems) == ("4711", None, [])
    assert record == {"group": "9c"}


def test_a_form_shows_its_id_and_the_page_says_that_predictions_are_kept(
    make_app, sample_artifacts, student
):
    app = make_app(sample_artifacts)
    page = app.test_client().post("/", data=student).get_data(as_text=True)
    (row,) = kept(app)
    assert row["source"] == "form"
    assert row["subject"] is None
    assert row["id"] in page
    assert "Each prediction is kept, to see later what came true. Your answers are not." in page
    assert "stores nothing" not in page


HEADER = (
    "pupil,class,gender,race_ethnicity,parental_level_of_education,lunch,test_preparation_course,"
    "reading_score,writing_score\n"
)


def class_list(n: int) -> bytes:
    row = "P{0},9c,female,group C,some college,standard,none,70,70\n"
    return (HEADER + "".join(row.format(i) for i in range(n))).encode()


@pytest.mark.parametrize("n_rows", [3, 700])  # in the worker, and in a process of its own
def test_a_file_gets_a_column_of_ids_and_its_rows_are_kept(make_app, sample_artifacts, n_rows):
    app = make_app(sample_artifacts, record_subject="Pupil", record_group="class")
    content = class_list(n_rows) + b"P,9c,female,group C,some college,standard,none,999,70\n"
    answer = app.test_client().post("/api/v1/predict/batch", data=content, content_type="text/csv")
    rows = [*csv.DictReader(io.StringIO(answer.get_data(as_text=True)))]
    found = {}
    for _ in range(200):
        found = {row["id"]: row for row in kept(app)} if n_rows < 500 else _poll(app)
        if len(found) == n_rows:
            break
        time.sleep(0.1)
    assert {row["prediction_id"] for row in rows} == {*found, ""}
    assert rows[-1]["prediction_id"] == ""
    first = found[rows[0]["prediction_id"]]
    assert first["subject"] == subject_hash("P0", KEY)
    assert first["number"] == float(rows[0]["prediction"])
    assert (first["group_name"], first["source"]) == ("9c", "batch")


def _poll(app: Flask) -> dict[str, dict]:
    """Return the rows that another process wrote so far."""
    try:
        return {row["id"]: row for row in kept(app)}
    except Exception:  # noqa: BLE001 - the tables are not there yet
        return {}


def test_a_file_is_noted_without_its_name(make_app, sample_artifacts):
    app = make_app(sample_artifacts)
    app.test_client().post("/api/v1/predict/batch", data=class_list(2), content_type="text/csv")
    (file,) = kept(app, batch)
    assert (file["n_rows"], file["n_predicted"]) == (2, 2)


def test_outcomes_are_kept_with_their_chances(make_app, outcome_artifacts, student):
    app = make_app(outcome_artifacts)
    client = app.test_client()
    record = client.get("/openapi.json").get_json()["components"]["schemas"]["Record"]
    answer = client.post("/api/v1/predict", json=record["examples"][0]).get_json()
    (row,) = kept(app)
    chances = json.loads(row["chances"])
    assert row["label"] == answer["prediction"]
    assert chances == {"probabilities": answer["probabilities"], "set": answer["set"]}
    assert row["at_risk"] == answer["at_risk"]["probability"]


def test_the_metrics_say_what_became_of_the_predictions(make_app, sample_artifacts, student):
    app = make_app(sample_artifacts)
    client = app.test_client()
    client.post("/api/v1/predict", json=student)
    kept(app)
    text = client.get("/api/v1/metrics").get_data(as_text=True)
    assert 'stuprediction_predictions_kept_total{fate="written"} 1' in text
    assert 'stuprediction_predictions_kept_total{fate="lost"} 0' in text


def test_the_api_document_describes_what_is_kept(make_app, sample_artifacts):
    document = make_app(sample_artifacts).test_client().get("/openapi.json").get_json()
    schemas = document["components"]["schemas"]
    assert {"subject", "group", "as_of"} < schemas["Record"]["properties"].keys()
    assert "prediction_id" in schemas["Answer"]["properties"]


def test_off_nothing_of_it_is_imported_and_no_answer_changes(make_app, sample_artifacts, student):
    app = make_app(sample_artifacts, records_url="", records_key="")
    client = app.test_client()
    answer = client.post("/api/v1/predict", json=student).get_json()
    assert "prediction_id" not in answer
    assert client.post("/api/v1/predict", json=student | {"subject": "1"}).status_code == 422
    assert "predictions_kept" not in client.get("/api/v1/metrics").get_data(as_text=True)
    document = client.get("/openapi.json").get_data(as_text=True)
    assert "prediction_id" not in document
    assert "stores nothing of what you enter" in client.get("/").get_data(as_text=True)
    assert client.get("/records").status_code == 404
    script = (
        "import sys, application;"
        "print([m for m in sys.modules if m.partition('.')[0] in "
        "('sqlalchemy', 'alembic', 'psycopg') or m.startswith('src.records')])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"ARTIFACTS_DIR": str(sample_artifacts), "PATH": ""}, timeout=120,
    )  # fmt: skip
    assert found.stdout.strip() == "[]"


def test_on_another_process_imports_what_the_database_needs_and_writes(
    sample_artifacts, student, tmp_path
):
    script = (
        "import sys, application;"
        "client = application.create_app().test_client();"
        f"print(client.post('/api/v1/predict', json={student!r}).json['prediction_id']);"
        "print([m for m in sys.modules if m.partition('.')[0] in "
        "('sqlalchemy', 'alembic', 'psycopg')])"
    )
    url = f"sqlite:///{tmp_path}/records.db"
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"ARTIFACTS_DIR": str(sample_artifacts), "PATH": "", "RECORDS_URL": url,
             "RECORDS_KEY": KEY}, timeout=120,
    )  # fmt: skip
    name, imported = found.stdout.split()
    assert imported == "[]"
    wait_until((tmp_path / "records.db").exists)
    engine = open_engine(url, patient=True)
    wait_until(lambda: inspect(engine).has_table("prediction") and names_in(engine))
    assert names_in(engine) == [name]
    engine.dispose()


def names_in(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [*connection.execute(select(prediction.c.id)).scalars()]


def test_records_without_a_key_are_refused_at_the_start():
    """H6."""
    with pytest.raises(ConfigurationError, match="RECORDS_KEY is needed with RECORDS_URL"):
        load_settings({"RECORDS_URL": "sqlite:////tmp/records.db"})


def test_a_url_that_cannot_be_used_is_refused_without_its_password(make_app, sample_artifacts):
    """H6."""
    with pytest.raises(ConfigurationError, match="must name a file of SQLite or PostgreSQL") as e:
        make_app(sample_artifacts, records_url="mysql://name:secret@host/name")
    assert "secret" not in str(e.value)


def test_a_database_that_cannot_be_opened_fails_no_prediction(
    make_app, sample_artifacts, student, tmp_path
):
    """R4."""
    (tmp_path / "records.db").mkdir()
    app = make_app(sample_artifacts)
    client = app.test_client()
    started = time.monotonic()
    for _ in range(20):
        assert client.post("/api/v1/predict", json=student).status_code == 200
    assert time.monotonic() - started < 10
    app.extensions[Recording.EXTENSION].recorder.close()
    text = client.get("/api/v1/metrics").get_data(as_text=True)
    assert 'stuprediction_predictions_kept_total{fate="spooled"} 20' in text


def test_an_instance_with_records_on_its_own_disk_is_not_deployed(monkeypatch, tmp_path):
    """An update of Beanstalk replaces the instance."""
    specification = importlib.util.spec_from_file_location(
        "check", ROOT / ".platform/check_model.py"
    )
    check = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(check)

    def ask(url: str) -> None:
        check.check_records(Settings(records_url=url, records_key=KEY))

    mounted = tmp_path / "volume"
    mounted.mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path in (Path("/"), mounted))
    with pytest.raises(ConfigurationError, match="on this instance's own disk"):
        ask(f"sqlite:///{tmp_path}/deep/records.db")
    ask(f"sqlite:///{mounted}/deep/records.db")
    ask("postgresql+psycopg://name@host/name")
    ask("")
    monkeypatch.setattr(check, "kind_of_mount", lambda folder: "tmpfs")
    with pytest.raises(ConfigurationError):
        ask(f"sqlite:///{mounted}/records.db")
