"""Several hundred hostile cases in a minute, thousands in the slow run; see `docs/faults.md`."""

from __future__ import annotations

import csv
import io
import locale
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.exception import ArtifactError, StuPredictionError
from src.serving.predictor import Predictor
from src.tables.reader import read_table
from tests.attacks import artifacts, files, raw_requests, records
from tests.outcomes import train_outcomes
from tests.web.conftest import workbook

ROOT = Path(__file__).resolve().parents[2]
MOST_S = 10.0  # of processor time for one small file
HOSTILE = ("<script>alert(1)</script>", "=1+1", "'<img src=x onerror=alert(1)>")
STUDENT_WITH_AN_OUTCOME = {"reading": 50, "absences": 10, "course": "half"}
FEW, MANY = 1, pytest.param(25, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def hostile_outcomes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return artifacts, a report among them, of outcomes without an order. Read them only."""
    folder = tmp_path_factory.mktemp("hostile")
    return train_outcomes(folder, "logistic", names=HOSTILE, hints="", budget="standard")


@pytest.fixture
def client(make_app, sample_artifacts):
    return make_app(artifacts_dir=sample_artifacts, trusted_proxies=1).test_client()


@pytest.mark.e2e
@pytest.mark.parametrize("times", [FEW, MANY])
def test_what_is_hardly_http_is_refused_and_the_server_goes_on(server, hold, times) -> None:
    sent = raw_requests.plain(random.Random(times), 60 * times)
    hold("requests", ((repr(each[:80]), raw_requests.fault_of(server.url, each)) for each in sent))
    assert server.ask("/health").status == 200
    assert raw_requests.CANARY.decode() not in server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize("times", [FEW, MANY])
def test_odd_values_in_every_field_have_an_answer(client, student, hold, times) -> None:
    def cases() -> Iterator[tuple[str, str]]:
        step = 3 if times == FEW else 1
        for case, record in records.records(student, step):
            body = {"data": records.as_json(record), "content_type": "application/json"}
            yield case, records.fault_of(client.post("/api/v1/predict", **body))
        for case, record in records.records(student, 7 if times == FEW else 1):
            yield f"form {case}", records.fault_of(client.post("/", data=records.as_form(record)))

    hold("records", cases())


def test_odd_bodies_have_an_answer(client, hold) -> None:
    def cases() -> Iterator[tuple[str, str]]:
        for path in (*records.ANSWERED, "/api/v1/predict/batch"):
            for body in records.BODIES:
                for kind in ("application/json", "text/csv", "application/x-www-form-urlencoded"):
                    answer = client.post(path, data=body, content_type=kind)
                    yield f"{path} {kind} {body[:30]!r}", records.fault_of(answer)

    hold("bodies", cases())


def test_odd_headers_change_nothing(client, student, hold) -> None:
    def cases() -> Iterator[tuple[str, str]]:
        for path in ("/", "/api/v1/predict", "/batch", "/health", "/static/style.css", "/nowhere"):
            for headers in records.HEADERS:
                for method in ("GET", "POST"):
                    options = {"json": student} if method == "POST" else {}
                    answer = client.open(path, method=method, headers=headers, **options)
                    fault = records.fault_of(answer)
                    if "evil.example" in answer.headers.get("Location", ""):
                        fault = "sends elsewhere"
                    answer.close()
                    yield f"{method} {path} {headers}"[:100], fault

    hold("headers", cases())


@pytest.mark.parametrize("times", [FEW, MANY])
def test_odd_tables_are_predicted_or_refused(client, hold, times) -> None:
    def cases() -> Iterator[tuple[str, str]]:
        for content in files.tables(random.Random(times), 80 * times):
            started = time.process_time()
            answer = client.post("/api/v1/predict/batch", data=content, content_type="text/csv")
            slow = time.process_time() - started > MOST_S
            yield repr(content[:60]), "takes long" if slow else records.fault_of(answer)
        for name in files.NAMES:
            table = f"{files.HEADER}\n{files.ROW}\n".encode()
            answer = client.post("/batch", data={"file": (io.BytesIO(table), name)})
            yield repr(name[:60]), records.fault_of(answer)

    hold("uploads", cases())
    assert not list(Path(client.application.extensions["batch"].workspace.folder).glob(".*"))


@pytest.mark.parametrize("times", [FEW, MANY])
def test_odd_workbooks_are_read_or_refused(hold, times) -> None:
    good = workbook([line.split(",") for line in (files.HEADER, *[files.ROW] * 5)])

    def fault(content: bytes) -> str:
        started = time.process_time()
        try:
            read_table(io.BytesIO(content), "a.xlsx")
        except StuPredictionError as error:
            return "quotes the machine" if "/usr" in str(error) else ""
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            return repr(error)
        return "takes long" if time.process_time() - started > MOST_S else ""

    made = files.workbooks(good, random.Random(times), 80 * times)
    hold("workbooks", ((f"{i}", fault(content)) for i, content in enumerate(made)))


@pytest.mark.parametrize("times", [FEW, MANY])
@pytest.mark.parametrize("kind", ["number", "outcomes"])
def test_runs_of_another_shape_are_refused_or_shown(
    make_app, predictor, student, hostile_outcomes, tmp_path, hold, times, kind, monkeypatch
) -> None:
    """A2."""
    monkeypatch.setattr(os, "fsync", lambda file: None)
    run, record, client, n = predictor.run, student, None, 48 * times
    if kind == "outcomes":
        n //= 2
        run, record = Predictor.load(hostile_outcomes).run, STUDENT_WITH_AN_OUTCOME

    def cases() -> Iterator[tuple[str, str]]:
        nonlocal client
        for mutant in artifacts.mutants(run, random.Random(times), n):
            artifacts.save(mutant, run, tmp_path)
            client = client or make_app(artifacts_dir=tmp_path, log_level="ERROR").test_client()
            case = f"{mutant.file} {mutant.where} {str(mutant.value)[:20]}"
            yield case, ", ".join(artifacts.faults(client, record))

    hold("artifacts", cases())


@pytest.mark.parametrize(("file", "key", "value"), [
    ("schema.json", ("target", "categories", 1), "another"),
    ("metrics.json", ("outcomes", 0), "another"),
    ("metrics.json", ("calibration",), "unknown"),
    ("chances.json", ("prior",), [0.5, 0.5]),
    ("chances.json", ("event",), [7]),
])  # fmt: skip
def test_figures_of_other_outcomes_are_refused_when_loaded(
    hostile_outcomes, tmp_path, file, key, value
) -> None:
    """A2."""
    run = Predictor.load(hostile_outcomes).run
    artifacts.save(artifacts.mutant(run, file, key, value), run, tmp_path)
    with pytest.raises(ArtifactError, match=r"do not fit together|chances.json is damaged"):
        Predictor.load(tmp_path)


def test_outcomes_with_hostile_names_are_shown_as_text(make_app, hostile_outcomes, hold) -> None:
    """F7, C13."""
    client = make_app(artifacts_dir=hostile_outcomes).test_client()
    table = f"{','.join(STUDENT_WITH_AN_OUTCOME)},outcome\n50,10,half,\n95,0,whole,=1+1\n"

    def cases() -> Iterator[tuple[str, str]]:
        for path in artifacts.PATHS:
            answer = client.get(path)
            yield path, records.fault_of(answer) if "report" not in path else ""
            answer.close()
        for reading in (20, 60, 100):
            record = STUDENT_WITH_AN_OUTCOME | {"reading": reading}
            yield f"form {reading}", records.fault_of(client.post("/", data=record))
            answer = client.post("/api/v1/predict?contributions=1", json=record)
            yield f"API {reading}", records.fault_of(answer)
        answer = client.post(
            "/batch", data={"file": (io.BytesIO(table.encode()), "7b.csv")}, follow_redirects=True
        )
        yield "class", records.fault_of(answer)
        answer = client.post("/api/v1/predict/batch", data=table.encode(), content_type="text/csv")
        cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
        yield "file", ", ".join(cell for cell in cells if cell.startswith("="))

    hold("outcomes", cases())
    report = client.get("/model/report.html").text
    assert "&lt;script&gt;alert(1)" in report
    assert "<script>alert(1)" not in report


LOCALES = ("tr_TR.UTF-8", "C", "POSIX", "de_DE.UTF-8", "ar_SA.UTF-8")


def test_another_locale_changes_no_answer(
    sample_artifacts, predictor: Predictor, student, hold
) -> None:
    spelt = [
        student,
        student | {"gender": "FEMALE"},
        student | {"lunch": "STANDARD"},
        student | {"race_ethnicity": "GROUP C"},
        student | {"reading_score": "72.5"},
    ]
    expected = [repr(predictor.predict_record(one).prediction) for one in spelt]
    script = (
        "import locale, sys\n"
        "from pathlib import Path\n"
        "try: locale.setlocale(locale.LC_ALL, '')\n"
        "except locale.Error: pass\n"
        "from src.serving.predictor import Predictor\n"
        "from src.report.wording import day\n"
        f"predictor = Predictor.load(Path({str(sample_artifacts)!r}))\n"
        f"for record in {spelt!r}: print(repr(predictor.predict_record(record).prediction))\n"
        "print(day('2026-03-05'))\n"
    )

    def cases() -> Iterator[tuple[str, str]]:
        for name in LOCALES:
            environment = {"LC_ALL": name, "PATH": os.environ["PATH"]}
            ended = subprocess.run(
                [sys.executable, "-c", script],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            found = ended.stdout.splitlines()
            for record, wanted, got in zip(spelt, expected, found, strict=False):
                yield f"{name} {record}", "" if wanted == got else f"{wanted} became {got}"
            yield (
                f"{name} date",
                "" if found[-1:] == ["5 March 2026"] else ended.stderr[-300:] or found[-1],
            )

    hold("locale", cases())
    assert locale.setlocale(locale.LC_NUMERIC) == "C"
