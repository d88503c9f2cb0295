"""A model beside the one that answers: recorded, compared, never shown, never in the way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from src.artifact_store import ArtifactStore
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.records import shadow
from src.records.challenges import keep_challenge
from src.records.database import migrate, open_engine
from src.records.report import make_report
from src.records.shadow import Shadow
from src.records.tables import prediction
from src.report.challenge import ChallengeFacts, Scale
from src.schema.record import Schema
from src.serving.predictor import Predictor
from src.stats.challenge import compare
from src.utils import to_json
from src.web.recording import Recording
from src.web.records.challenge_words import describe_challenge
from tests.records.test_app import class_list, kept
from tests.records.test_outcomes import TARGET
from tests.records.test_report import SCHEMA, TERMS
from tests.records.test_sign_in import SIGN_IN, sign_in
from tests.records.worlds import a_prediction, an_outcome_row, come_true, put


@pytest.fixture(scope="module")
def two_runs(sample_artifacts: Path, tmp_path_factory) -> tuple[Path, str]:
    """Return artifacts with a promoted run, and the id of another one that is not promoted."""
    artifacts = tmp_path_factory.mktemp("two") / "artifacts"
    shutil.copytree(sample_artifacts, artifacts)
    store = ArtifactStore(artifacts, "")
    champion = store.promoted()
    drop = ("reading_score",)
    other = TrainPipeline(
        TrainConfig(models=("ridge",), budget="quick", artifacts=artifacts, drop=drop)
    ).run()
    store.promote(champion, by="promote")
    return artifacts, other.run.run_id


def test_the_shadow_is_recorded_beside_each_answer_and_answers_nothing(make_app, two_runs, student):
    artifacts, run_id = two_runs
    app = make_app(artifacts, shadow_run=run_id, record_subject="pupil")
    client = app.test_client()
    answer = client.post("/api/v1/predict", json=student).get_json()
    client.post("/api/v1/predict/batch", data=class_list(2), content_type="text/csv")
    rows = kept(app)
    assert len(rows) == 3
    expected = Predictor.from_run(ArtifactStore(artifacts, "").run(run_id))
    less = {name: value for name, value in student.items() if name != "reading_score"}
    (of_answer,) = (row for row in rows if row["id"] == answer["prediction_id"])
    assert json.loads(of_answer["shadow"]) == {
        "run": run_id,
        "number": expected.fields(expected.predict_record(less))["prediction"],
    }
    assert all(json.loads(row["shadow"])["run"] == run_id for row in rows)
    assert all(row["run"] == ArtifactStore(artifacts, "").promoted().run_id for row in rows)
    assert run_id not in json.dumps(answer)
    assert answer["prediction"] == of_answer["number"] != json.loads(of_answer["shadow"])["number"]


@pytest.mark.parametrize("run_id", ["20200101T000000Z-000000", "its own"])
def test_a_shadow_that_cannot_predict_costs_no_answer_and_no_record(
    make_app, sample_artifacts, student, run_id, monkeypatch
):
    said = []
    monkeypatch.setattr(shadow.logger, "error", lambda text, *_: said.append(text))
    own = ArtifactStore(sample_artifacts, "").promoted().run_id
    app = make_app(sample_artifacts, shadow_run=own if run_id == "its own" else run_id)
    for _ in range(2):
        assert app.test_client().post("/api/v1/predict", json=student).status_code == 200
    assert [row["shadow"] for row in kept(app)] == [None, None]
    assert len(said) == (run_id != "its own")


def test_a_slow_shadow_keeps_no_request_waiting(make_app, two_runs, student, monkeypatch):
    artifacts, run_id = two_runs
    column = Shadow.column

    def slow(*arguments):
        time.sleep(1.0)
        return column(*arguments)

    monkeypatch.setattr(Shadow, "column", slow)
    app = make_app(artifacts, shadow_run=run_id)
    client = app.test_client()
    client.post("/api/v1/predict", json=student)
    started = time.thread_time(), time.monotonic()
    for _ in range(3):
        assert client.post("/api/v1/predict", json=student).status_code == 200
    assert time.monotonic() - started[1] < 3.0  # as long as the three shadows take
    app.extensions[Recording.EXTENSION].recorder.close()


def test_nothing_of_the_shadow_is_loaded_while_it_is_not_set(sample_artifacts, tmp_path):
    code = (
        "import sys; from application import create_app; from src.config import Settings\n"
        "from pathlib import Path\n"
        f"app = create_app(Settings(artifacts_dir=Path({str(sample_artifacts)!r}), "
        f"records_url='sqlite:///{tmp_path}/r.db', records_key='k' * 20))\n"
        "print('src.records.recorder' in sys.modules, 'src.records.shadow' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"ARTIFACTS_DIR": str(tmp_path / "none"), "PATH": "", "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert ran.stdout.strip().splitlines()[-1] == "True False"


def test_the_report_tells_both_errors_pupil_by_pupil(engine):
    shadow = {"run": "20260131T120000Z-1a2b3c"}
    rows, values = [], {}
    for group in range(12):
        for pupil in range(10):
            row = a_prediction(
                f"{group}-{pupil}", group_name=f"{group}a", number=60.0 + pupil % 3 + group % 2,
                shadow=json.dumps(shadow | {"number": 60.0 + pupil % 2}),
            )  # fmt: skip
            rows.append(row)
            values[row["id"]] = "60"
    rows.append(a_prediction("another", shadow=json.dumps({"run": "2025", "number": 1.0})))
    values[rows[-1]["id"]] = "60"
    put(engine, rows)
    come_true(engine, values)
    found = make_report(engine, SCHEMA, TERMS)["shadow"]
    assert (found["run"], found["n"], found["clusters"]) == (shadow["run"], 120, "groups")
    assert found["found"]["verdict"] == "better"
    assert found["found"]["challenger"] == pytest.approx(0.5)
    champion = [(pupil % 3 + group % 2) ** 2 for group in range(12) for pupil in range(10)]
    assert found["found"]["champion"] == pytest.approx(sum(champion) / 120)
    words = describe_challenge({"shadow": json.loads(json.dumps(found))}, None)
    assert words.challenge == ()
    assert "On 120 outcomes of 12 classes" in words.shadow[1]
    assert "the shadow's error (RMSE)" in words.shadow[1]


def test_the_shadow_s_chances_are_compared_by_log_loss(engine):
    target = SCHEMA.target
    from src.schema.features import ClassTarget

    target = ClassTarget(name="result", categories=("Fail", "Pass"), at_risk=("Fail",))
    schema = Schema(features=(TARGET,), target=target)
    rows, values = [], {}
    for i in range(40):
        row = an_outcome_row("Pass", 0.4, str(i), f"{i // 4}a")
        row["shadow"] = json.dumps({"run": "r", "probabilities": {"Fail": 0.2, "Pass": 0.8}})
        rows.append(row)
        values[row["id"]] = "Pass"
    put(engine, rows)
    come_true(engine, values)
    found = make_report(engine, schema, TERMS)["shadow"]["found"]
    assert (found["champion"], found["challenger"]) == (
        pytest.approx(0.5108, abs=1e-3),
        pytest.approx(0.2231, abs=1e-3),
    )


def test_of_fewer_than_ten_pupils_the_page_tells_no_figure(engine):
    beside = json.dumps({"run": "r", "number": 50.0})
    names = put(engine, [a_prediction(str(i), shadow=beside) for i in range(9)])
    put(engine, [a_prediction(f"none {i}") for i in range(9)])
    come_true(engine, dict.fromkeys(names, "60"))
    found = make_report(engine, SCHEMA, TERMS)["shadow"]
    assert found == {"run": "r", "n": 9, "found": None}
    assert "from 10 on" in describe_challenge({"shadow": found}, None).shadow[1]


def a_challenge(engine: Engine) -> None:
    """Keep a challenge whose challenger was promoted."""
    champion = [4.0 + k % 3 for k in range(120)]
    import numpy as np

    found = compare(np.array(champion), np.array(champion) - 1.0, np.arange(120) // 10)
    facts = ChallengeFacts(
        "20260101T000000Z-000000", "new.csv", Scale("rmse", "points", 2), "groups", "", 2, 0, found
    )
    details = {"run": "20260202T000000Z-111111", "model": "Ridge", "decision": "promoted"}
    keep_challenge(engine, "command, a", details | {"facts": json.loads(to_json(vars_of(facts)))})


def test_the_page_says_what_the_last_challenge_found_and_what_became_of_it(
    make_app, sample_artifacts, tmp_path
):
    client = make_app(sample_artifacts, **SIGN_IN).test_client()
    sign_in(client)
    assert "No challenger was compared" in client.get("/records").get_data(as_text=True)
    engine = open_engine(f"sqlite:///{tmp_path}/records.db", patient=True)
    migrate(engine)
    a_challenge(engine)
    engine.dispose()
    page = client.get("/records").get_data(as_text=True).replace("\xa0", " ")
    assert "run 20260202T000000Z-111111 answers since then" in page
    assert "2.00 points, the champion&#39;s 2.24 points: 10.6 % less" in page
    assert "2 rows could not be compared" in page


def vars_of(facts: ChallengeFacts) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(facts)


def test_the_column_comes_by_a_migration_that_keeps_what_is_there(make_url):
    from alembic import command
    from alembic.config import Config

    from src.records.database import MIGRATIONS

    engine = open_engine(make_url("sqlite"), patient=True)
    Path(str(engine.url.database)).touch(mode=0o600)
    row = a_prediction("1")
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0001")
        columns = [c for c in prediction.columns if c.name != "shadow"]
        connection.execute(prediction.insert().values(**{c.name: row[c.name] for c in columns}))
    migrate(engine)
    with engine.connect() as connection:
        (found,) = connection.execute(prediction.select()).mappings()
    engine.dispose()
    assert (found["id"], found["shadow"]) == (row["id"], None)
