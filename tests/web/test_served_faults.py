"""Faults against a running gunicorn. `docs/faults.md` lists all faults with their tests."""

from __future__ import annotations

import csv
import http.client
import io
import json
import os
import pickle
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from src.artifact_store import ArtifactStore
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.serving.predictor import Predictor
from src.utils import sha256
from tests.web.batch.test_routes import (
    BAD_ROWS,
    FILE_NAMES,
    FORMULAS,
    NAMES,
    OTHER,
    SPELLINGS,
    STUDENT,
    UNUSABLE,
    table,
)
from tests.web.conftest import Answer, Server, multipart
from tests.web.test_web_surface import CSP

pytestmark = pytest.mark.e2e

PREDICT, BATCH = "/api/v1/predict", "/api/v1/predict/batch"
# What the form says, which shows what was entered in the field.
ON_PAGE = {
    **dict.fromkeys(("Got 'abc'", "Got 'nan'", "Got 'inf'"), "Reading score must be a number"),
    "Got '1e400'": "Reading score must be",
    "Got '1_0'": "Reading score must be",
    "Did you mean 'standard'?": "did you mean standard?",
    "must be one of 'standard'": "is not in it",
}
ERROR = {"ok", "error", "errors", "status"}
Serve = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def serve(gunicorn, tmp_path) -> Serve:
    """Return what runs gunicorn on some artifacts, with settings by their variables."""

    def run(artifacts: Path, *options: str, **variables: str) -> AbstractContextManager[Server]:
        folder = tmp_path / "server"
        return gunicorn(folder, *options, ARTIFACTS_DIR=str(artifacts), **variables)

    return run


@pytest.fixture(scope="module")
def pickled_artifacts(tmp_path_factory) -> Path:
    """Return artifacts of a model that is served from its pickles. Read them only."""
    artifacts = tmp_path_factory.mktemp("pickled") / "artifacts"
    TrainPipeline(TrainConfig(models=("svr",), budget="quick", artifacts=artifacts)).run()
    return artifacts


@pytest.fixture
def own_pickled(pickled_artifacts: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pickled_artifacts, tmp_path / "artifacts"))


def error_of(answer: Answer, status: int) -> dict:
    assert answer.status == status, answer.text[:300]
    assert answer.headers.get_content_type() == "application/json"
    body = answer.json
    assert set(body) == ERROR
    assert (body["ok"], body["status"]) == (False, status)
    return body


def post_file(server: Server, content: bytes | str, name: str = "class.csv") -> Answer:
    content = content.encode() if isinstance(content, str) else content
    body, kind = multipart(content, name)
    return server.ask(BATCH, body, Content_Type=kind)


def rows_of(answer: Answer) -> list[dict[str, str]]:
    assert answer.status == 200, answer.text[:300]
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


# ---------------------------------------------------------------- records


@pytest.mark.parametrize(("change", "field", "words"), [
    pytest.param({"reading_score": None}, "reading_score", "is missing", id="F1-missing"),
    pytest.param({"reading_score": "abc"}, "reading_score", "Got 'abc'", id="F1-text"),
    pytest.param({"reading_score": -1}, "reading_score", "from 0 to 100. Got -1", id="F1-below"),
    pytest.param({"reading_score": 101}, "reading_score", "from 0 to 100. Got 101", id="F1-above"),
    pytest.param({"reading_score": 1e9}, "reading_score", "from 0 to 100", id="F1-far"),
    pytest.param({"reading_score": "nan"}, "reading_score", "Got 'nan'", id="F2-nan"),
    pytest.param({"reading_score": "inf"}, "reading_score", "Got 'inf'", id="F2-inf"),
    pytest.param({"reading_score": "1e400"}, "reading_score", "Got '1e400'", id="F2-1e400"),
    pytest.param({"reading_score": float("nan")}, "reading_score", "Got nan", id="F2-NaN"),
    pytest.param({"reading_score": "1_0"}, "reading_score", "Got '1_0'", id="F3-underscore"),
    pytest.param({"reading_score": "５０"}, "reading_score", "digits 0 to 9", id="F3-full-width"),
    pytest.param({"reading_score": True}, "reading_score", "Got True", id="F3-true"),
    pytest.param({"lunch": "standart"}, "lunch", "Did you mean 'standard'?", id="F4-near"),
    pytest.param({"lunch": "soup"}, "lunch", "must be one of 'standard'", id="F4-far"),
    pytest.param({"raeding_score": 5}, "raeding_score", "'reading_score'?", id="F5-extra"),
])  # fmt: skip
def test_a_wrong_value_is_refused_by_form_and_api(server, student, change, field, words) -> None:
    """F1, F2, F3, F4, F5."""
    body = error_of(server.post_json(PREDICT, student | change), 422)
    assert any(p["field"] == field and words in p["message"] for p in body["errors"])
    if field in student and isinstance(change[field], str):
        page = server.post_form("/", student | change)
        assert page.status == 422
        assert ON_PAGE.get(words, words) in page.text.replace("&#39;", "'")
        assert f'value="{student["writing_score"]}"' in page.text  # the other input is kept


def test_all_problems_come_at_once(server, student) -> None:
    """F1."""
    wrong = student | {"reading_score": "abc", "writing_score": -1, "lunch": "soup"}
    body = error_of(server.post_json(PREDICT, wrong), 422)
    assert {p["field"] for p in body["errors"]} == {"reading_score", "writing_score", "lunch"}


def test_plain_decimal_texts_are_numbers(server, student) -> None:
    """F3."""
    answers = [server.post_json(PREDICT, student | {"reading_score": value}).json["prediction"]
               for value in ("72", 72, 72.0)]  # fmt: skip
    assert len(set(answers)) == 1
    assert server.post_json(PREDICT, student | {"reading_score": "72.5"}).status == 200


@pytest.mark.parametrize(("body", "status"), [
    pytest.param(b'{"lunch": "standard", "lunch": "standard"}', 422, id="duplicate-key"),
    pytest.param(b"[]", 400, id="list"),
    pytest.param(b"", 400, id="empty"),
    pytest.param(b'{"lunch":' * 50_000, 400, id="nested"),
    pytest.param(b"{" * 3, 400, id="no-json"),
    pytest.param(b"\xff\xfe{}", 400, id="not-utf-8"),
])  # fmt: skip
def test_what_is_no_record_is_refused(server, body, status) -> None:
    """F5."""
    error_of(server.ask(PREDICT, body, Content_Type="application/json"), status)


def test_json_sent_as_text_is_415(server, student) -> None:
    """F6."""
    body = json.dumps(student).encode()
    for path in (PREDICT, BATCH, "/predict"):
        error_of(server.ask(path, body, Content_Type="text/plain"), 415)


def test_what_is_entered_comes_back_escaped(server, student) -> None:
    """F7."""
    for text in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"):
        page = server.post_form("/", dict.fromkeys(student, text))
        assert page.status == 422
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "49" not in re.findall(r"Got &#39;(.*?)&#39;", page.text)


@pytest.mark.parametrize(
    "headers", [{"Sec_Fetch_Site": "cross-site"}, {"Origin": "http://evil.example"},
                {"Origin": "null"}]
)  # fmt: skip
def test_a_form_from_another_site_is_403_with_its_values(server, student, headers) -> None:
    """F8."""
    answer = server.post_form("/", student, **headers)
    assert answer.status == 403
    assert "came from another website" in answer.text
    assert 'value="70"' in answer.text


def test_an_unknown_host_is_400_but_for_health_checks(serve, sample_artifacts, student) -> None:
    """F9."""
    with serve(sample_artifacts, TRUSTED_HOSTS="school.org") as server:
        for host, status in (("school.org", 200), ("evil.example", 400), ("127.0.0.1", 400)):
            assert server.ask("/", Host=host).status == status
            body = json.dumps(student).encode()
            answer = server.ask(PREDICT, body, Host=host, Content_Type="application/json")
            assert answer.status == status
            assert server.ask("/health", Host=host).status == 200
            assert server.ask("/ready", Host=host).status == 200


def test_errors_are_json_for_programs_and_pages_for_people(server) -> None:
    """F10."""
    error_of(server.ask("/api/v1/nowhere"), 404)
    error_of(server.ask(PREDICT), 405)
    error_of(server.ask("/nowhere", b"{}", Content_Type="application/json"), 404)
    for answer, status in ((server.ask("/nowhere"), 404), (server.ask("/health", b""), 405)):
        assert answer.status == status
        assert answer.headers.get_content_type() == "text/html"


# ---------------------------------------------------------------- files


@pytest.fixture(scope="module")
def expected(predictor) -> list[str]:
    return [repr(predictor.predict_record(dict(zip(NAMES, row, strict=True))).prediction)
            for row in (STUDENT, OTHER)]  # fmt: skip


@pytest.mark.parametrize("content", SPELLINGS)
def test_a_table_spelt_otherwise_gets_the_same_predictions(server, expected, content) -> None:
    """C1, C2, C3, C8."""
    assert [row["prediction"] for row in rows_of(post_file(server, content))] == expected


@pytest.mark.parametrize(("line", "problem"), BAD_ROWS)
def test_a_bad_row_is_told_and_the_others_are_predicted(server, expected, line, problem) -> None:
    """C4, C5, C6, C7, C15."""
    content = table(STUDENT) + line + "\n" + ",".join(OTHER) + "\n"
    rows = rows_of(post_file(server, content))
    assert [row["prediction"] for row in rows] == [expected[0], "", expected[1]]
    assert rows[1]["problem"].startswith("Row 3: ")
    assert problem in rows[1]["problem"]


@pytest.mark.parametrize(("content", "name", "message"), UNUSABLE)
def test_a_file_that_is_no_table_is_refused(server, content, name, message) -> None:
    """C8, C9."""
    body = error_of(post_file(server, content, name), 422)
    assert message in " ".join([body["error"], *(p["message"] for p in body["errors"])])


def test_one_bad_row_of_a_thousand_is_the_only_one_refused(server) -> None:
    """C12."""
    rows = [STUDENT] * 1_000
    rows[500] = (*STUDENT[:5], "abc", "70")
    answered = rows_of(post_file(server, table(*rows)))
    assert sum(bool(row["prediction"]) for row in answered) == 999
    (bad,) = [row for row in answered if row["problem"]]
    assert bad["problem"] == "Row 502: reading_score must be a number from 0 to 100. Got 'abc'."


@pytest.mark.parametrize("start", FORMULAS)
def test_formulas_come_back_as_text_and_negative_numbers_as_they_are(server, start) -> None:
    """C13."""
    row = (f'"{start}"', "-3.5", *STUDENT)
    (answered,) = rows_of(post_file(server, table(row, header=("name", "debt", *NAMES))))
    assert (answered["name"], answered["debt"]) == ("'" + start, "-3.5")


@pytest.mark.parametrize("name", FILE_NAMES)
def test_an_odd_file_name_is_ignored(server, name) -> None:
    """C14."""
    answer = post_file(server, table(STUDENT), name.replace('"', "%22"))
    assert len(rows_of(answer)) == 1
    assert answer.headers["Content-Disposition"] == 'attachment; filename="predictions.csv"'


@pytest.fixture(scope="module")
def with_gaps(tmp_path_factory, gunicorn) -> Iterator[Server]:
    """Serve a model whose table held missing values, and categories that look like them."""
    folder = tmp_path_factory.mktemp("gaps")
    lines = ["club,parent,score,mark"]
    for i in range(120):
        club, parent = ("None", "NA", "null")[i % 3], ("yes", "no", "")[i % 5 % 3]
        score = "" if i % 11 == 0 else str(i % 20)
        mark = 10 * (i % 3) + 2 * (i % 20) + 5 * (parent == "yes") + i % 4
        lines.append(f"{club},{parent},{score},{mark}")
    (folder / "gaps.csv").write_text("\n".join(lines) + "\n")
    artifacts = folder / "artifacts"
    TrainPipeline(TrainConfig(data=str(folder / "gaps.csv"), target="mark", models=("ridge",),
                              budget="quick", artifacts=artifacts)).run()  # fmt: skip
    with gunicorn(folder / "server", ARTIFACTS_DIR=str(artifacts)) as server:
        yield server


def test_what_looks_like_a_missing_value_is_a_category_where_training_had_it(with_gaps) -> None:
    """C6."""
    found = rows_of(post_file(with_gaps, "club,parent,score\nNone,yes,5\nNA,yes,5\nnull,yes,5\n"))
    assert [row["problem"] for row in found] == [""] * 3
    assert len({row["prediction"] for row in found}) == 3


def test_missing_values_are_predicted_where_training_had_some(with_gaps) -> None:
    """C6b, C15."""
    content = "club,parent,score\nNA,,5\nNA,yes,\nNA,yes,NA\nNA,yes,null\n,yes,5\n"
    rows = rows_of(post_file(with_gaps, content))
    assert [bool(row["prediction"]) for row in rows] == [True, True, True, True, False]
    assert len({row["prediction"] for row in rows[1:4]}) == 1
    assert "club is missing" in rows[4]["problem"]
    by_json = with_gaps.post_json(PREDICT, {"club": "NA", "parent": None, "score": 5})
    assert repr(by_json.json["prediction"]) == rows[0]["prediction"]
    error_of(with_gaps.post_json(PREDICT, {"club": None, "parent": "yes", "score": 5}), 422)


# ---------------------------------------------------------------- the web surface


def test_every_answer_carries_the_security_headers(server, student) -> None:
    """H1."""
    answers = [server.ask(path) for path in ("/", "/nowhere", "/health", "/docs", "/batch",
                                             "/static/style.css", "/api/v1/metrics")]  # fmt: skip
    answers += [server.post_json(PREDICT, student), server.post_json(PREDICT, {}),
                server.post_form("/", student), post_file(server, table(STUDENT))]  # fmt: skip
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert {part.strip() for part in policy.split(";")} == CSP
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert len(answer.headers["X-Request-ID"]) == 16


def test_a_forged_address_is_no_way_round_the_rate(serve, sample_artifacts, student) -> None:
    """H4, H5."""
    body = json.dumps(student).encode()
    with serve(sample_artifacts, RATE_LIMIT="6", WEB_CONCURRENCY="3") as server:
        codes = []
        for i in range(10):
            address = f"192.0.2.{i}"
            answer = server.ask(PREDICT, body, Content_Type="application/json",
                                X_Forwarded_For=address, Forwarded=f"for={address}",
                                X_Real_IP=address, Connection="close")  # fmt: skip
            codes.append(answer.status)
        assert codes == [200] * 6 + [429] * 4
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        error_of(answer, 429)
        assert server.ask("/health").status == 200


def test_a_missing_wrong_or_revoked_key_is_401_and_none_is_logged(
    serve, sample_artifacts, student, tmp_path
) -> None:
    """H7."""
    good, revoked = "goodkeygoodkeygoodkey", "revokedkeyrevokedkey"
    path = tmp_path / "keys"
    path.write_text(f"{sha256(good.encode())}\n{sha256(revoked.encode())}  # Ann\n")
    body = json.dumps(student).encode()
    with serve(sample_artifacts, API_KEYS=str(path), LOG_LEVEL="DEBUG") as server:

        def ask(key: str) -> Answer:
            return server.ask(PREDICT, body, Content_Type="application/json",
                              Authorization=f"Bearer {key}")  # fmt: skip

        assert [ask(key).status for key in (good, revoked)] == [200, 200]
        path.write_text(f"{sha256(good.encode())}\n")
        for key in ("", "wrongkeywrongkey", revoked):
            assert "WWW-Authenticate" in ask(key).headers
            error_of(ask(key), 401)
        error_of(server.ask(PREDICT, body, Content_Type="application/json"), 401)
        assert ask(good).status == 200
        metrics = server.ask("/api/v1/metrics", Authorization=f"Bearer {good}").text
        log = server.log
    for secret in (good, revoked, "wrongkey", "Ann", sha256(good.encode())):
        assert secret not in log + metrics


def test_metrics_tell_of_no_student(server, student) -> None:
    """H8."""
    server.post_json(PREDICT, student | {"reading_score": 61.625, "lunch": "zzsecretzz"})
    server.ask("/zzsecretzz?reading_score=61.625")
    metrics = server.ask("/api/v1/metrics").text
    assert 'route="unmatched",status="404"' in metrics
    assert "zzsecretzz" not in metrics
    assert "61.625" not in metrics
    assert "group C" not in metrics


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_log_that_cannot_be_written_costs_no_answer(serve, sample_artifacts, student) -> None:
    with serve(sample_artifacts, LOG_FILE="/dev/full") as server:
        assert {server.post_json(PREDICT, student).status for _ in range(5)} == {200}
        assert server.ask("/").status == 200


# ---------------------------------------------------------------- model and artifacts


def only_run(artifacts: Path) -> Path:
    (folder,) = (artifacts / "runs").iterdir()
    return folder


def rewrite(artifacts: Path, change: Callable[[dict], None]) -> None:
    """Change a run's manifest, and have the promoted one name its new hash."""
    path = only_run(artifacts) / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest))
    top = artifacts / "manifest.json"
    pointer = json.loads(top.read_bytes())
    pointer["manifest_sha256"] = sha256(path.read_bytes())
    top.write_text(json.dumps(pointer))


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "truncated"])
def test_a_broken_model_is_a_named_503_and_the_last_good_one_goes_on(
    serve, own_artifacts, student, content
) -> None:
    """M1."""
    good = Predictor.load(own_artifacts)
    with serve(own_artifacts) as server:
        for name in ("compiled.json", "model.pkl"):
            path = only_run(own_artifacts) / name
            path.write_bytes(path.read_bytes()[:50] if content is None else content)
        ArtifactStore(own_artifacts, "").promote(good.run, by="promote")
        ready = server.ask("/ready")
        assert ready.status == 200
        assert "is not the file that training saved" in ready.json["problem"]
        assert server.post_json(PREDICT, student).json["model_version"] == good.run.run_id
    with serve(own_artifacts) as server:
        assert "is not the file that training saved" in error_of(server.ask("/ready"), 503)["error"]
        error_of(server.post_json(PREDICT, student), 503)
        assert server.ask("/health").status == 200


@pytest.mark.parametrize("name", ["model.pkl", "preprocessor.pkl"])
def test_a_pickle_that_runs_a_command_is_not_unpickled(
    serve, own_pickled, student, tmp_path, name
) -> None:
    """M2."""
    exploded = tmp_path / "exploded"
    (only_run(own_pickled) / name).write_bytes(pickle.dumps(Bomb(exploded)))
    with serve(own_pickled) as server:
        error = error_of(server.post_json(PREDICT, student), 503)["error"]
    assert f"{name} of run" in error
    assert "its hash differs" in error
    assert not exploded.exists()


def test_a_pickle_changed_by_one_byte_is_refused(serve, own_pickled, student) -> None:
    """M2."""
    path = only_run(own_pickled) / "model.pkl"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with serve(own_pickled) as server:
        assert "its hash differs" in error_of(server.ask("/ready"), 503)["error"]


def test_pickle_and_manifest_both_replaced_are_refused_by_the_signature(
    serve, own_pickled, student, tmp_path
) -> None:
    """M3."""
    exploded = tmp_path / "exploded"
    content = pickle.dumps(Bomb(exploded))
    (only_run(own_pickled) / "model.pkl").write_bytes(content)
    rewrite(own_pickled, lambda manifest: manifest["files"].update({"model.pkl": sha256(content)}))
    with serve(own_pickled, MODEL_SIGNING_KEY="k" * 32) as server:
        assert "is not signed" in error_of(server.ask("/ready"), 503)["error"]
        error_of(server.post_json(PREDICT, student), 503)
    assert not exploded.exists()


def test_pickles_of_another_scikit_learn_are_refused_with_both_versions(serve, own_pickled) -> None:
    """M4."""
    installed = ArtifactStore(own_pickled, "").promoted().manifest.versions["scikit-learn"]
    rewrite(own_pickled, lambda manifest: manifest["versions"].update({"scikit-learn": "0.24.2"}))
    with serve(own_pickled) as server:
        error = error_of(server.ask("/ready"), 503)["error"]
    assert f"scikit-learn 0.24.2, this is {installed}" in error
    assert "python -m src.pipelines.train_pipeline" in error


def test_a_rollback_gives_the_earlier_predictions_bit_for_bit(
    serve, own_artifacts, student
) -> None:
    """M9."""
    records = [student | {"reading_score": n, "writing_score": 100 - n} for n in range(0, 101, 10)]
    store = ArtifactStore(own_artifacts, "")
    first = store.promoted()
    with serve(own_artifacts) as server:

        def predictions() -> list[dict]:
            return server.post_json(BATCH, records).json["predictions"]

        before = predictions()
        config = TrainConfig(models=("lasso",), budget="quick", artifacts=own_artifacts, seed=7)
        TrainPipeline(config).run()
        assert predictions() != before
        store.promote(store.run(first.run_id), by="promote")
        assert predictions() == before
    assert [line.by for line in store.history()] == ["train", "train", "promote"]


def test_a_run_id_that_leads_elsewhere_and_a_symlink_are_refused(
    serve, own_artifacts, student
) -> None:
    """M10."""
    top = own_artifacts / "manifest.json"
    pointer = json.loads(top.read_bytes())
    with serve(own_artifacts) as server:
        top.write_text(json.dumps(pointer | {"run_id": "../x"}))
        assert "'../x' is not a run id" in server.ask("/ready").json["problem"]
        folder = only_run(own_artifacts)
        moved = folder.rename(own_artifacts / "moved")
        folder.symlink_to(moved)
        top.write_text(json.dumps(pointer))
        assert "is a symbolic link" in server.ask("/ready").json["problem"]
        assert server.post_json(PREDICT, student).status == 200  # by the last good one
    with serve(own_artifacts) as server:
        assert "is a symbolic link" in error_of(server.ask("/ready"), 503)["error"]


# ---------------------------------------------------------------- running


def test_ten_records_and_a_large_file_in_flight_are_answered_after_SIGTERM(
    serve, sample_artifacts, student
) -> None:
    """R5."""
    body, large = json.dumps(student).encode(), table(*[STUDENT] * 30_000).encode()
    codes: list[int] = []
    with serve(sample_artifacts) as server:
        parts = urlsplit(server.url)

        def upload() -> None:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
            connection.request("POST", BATCH, large, {"Content-Type": "text/csv"})
            answer = connection.getresponse()
            codes.append(answer.status if answer.read().count(b"\n") == 30_001 else 0)
            connection.close()

        connections = []
        for _ in range(10):
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
            connection.putrequest("POST", PREDICT)
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body[:10])
            connections.append(connection)
        thread = threading.Thread(target=upload)
        thread.start()
        time.sleep(0.5)
        server.process.terminate()
        time.sleep(0.5)
        for connection in connections:
            connection.send(body[10:])
            codes.append(connection.getresponse().status)
            connection.close()
        thread.join()
        assert server.process.wait(timeout=60) == 0
    assert codes == [200] * 11
