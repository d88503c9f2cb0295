"""The app as people run it: a real gunicorn on loopback; IDs are rows of FAULTS.md."""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from src.artifact_store import ArtifactStore
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.serving.predictor import Predictor
from tests.sampling import first

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
DATA = re.compile(r'<data value="([^"]+)">')
LIMIT = 1 << 20


def test_json_and_the_form_answer_what_the_predictor_does(server, predictor, student):
    expected = predictor.predict_record(student).prediction
    for path in ("/", "/predict", "/predictdata"):
        answer = server.post_json(path, student)
        assert (answer.status, answer.json["prediction"]) == (200, expected)
        page = server.post_form(path, student)
        assert page.status == 200
        assert float(DATA.search(page.text).group(1)) == expected


def test_two_workers_answer_alike(server, student):
    server.ask("/")
    workers = {line.split()[-1] for line in server.log.splitlines() if "Booting worker" in line}
    assert len(workers) == 2
    assert {server.post_form("/", student).status for _ in range(20)} == {200}
    assert len({server.post_json("/predict", student).body for _ in range(20)}) == 1


def test_a_form_from_another_site_gets_a_readable_page(server, student):
    """F8."""
    answer = server.post_form("/predict", student, Origin="https://evil.example")
    assert answer.status == 403
    assert "came from another website" in answer.text


def test_wrong_requests_are_refused(server):
    """F5, F6, F10."""
    assert server.ask("/predict", b"", Content_Type="application/json").status == 400
    assert server.ask("/predict", b"[" * 100_000, Content_Type="application/json").status == 400
    assert server.ask("/predict", b"{}", Content_Type="text/plain").status == 415
    assert server.ask("/nowhere").status == 404


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "DELETE", "BREW"])
def test_other_methods_are_refused(server, method):
    """F10."""
    status, headers, _ = raw(server, method, "/predict")
    assert status == 405
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("size", [LIMIT + 1, 20 * LIMIT])
def test_a_body_over_the_limit_gets_its_413(server, size, kind, chunked):
    """C11."""
    pieces = (b"x" * min(LIMIT, size - at) for at in range(0, size, LIMIT))
    body = pieces if chunked else b"x" * size
    status, _, text = raw(server, "POST", "/predict", body, kind, chunked)
    assert status == 413
    assert b"1,048,576 bytes" in text
    assert server.ask("/health").status == 200


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/nowhere", 404), ("PUT", "/health", 405), ("POST", "/predict", 415)],
)
def test_the_sender_of_a_large_body_reads_why_it_is_refused(server, method, path, status, chunked):
    body = (b"x" * LIMIT for _ in range(9)) if chunked else b"x" * (9 * LIMIT)
    kind = "image/png" if path == "/predict" else "application/json"
    found = raw(server, method, path, body, kind, chunked)
    # What comes in pieces has to be read to be known, and has reached its limit by then.
    assert found[0] == (413 if chunked else status)


def test_a_chunked_record_within_the_limit_is_read(server, student):
    body = urlencode(student).encode()
    status, *_ = raw(server, "POST", "/predict", iter([body]), "application/x-www-form-urlencoded",
                     True)  # fmt: skip
    assert status == 200
    status, *_ = raw(server, "POST", "/predict", iter([b"{", b"}"]), "application/json", True)
    assert status == 422


@pytest.mark.parametrize("piece", [b"zz\r\nabc\r\n", b"3\r\nabcdef\r\n", b"5\r\nab"])
def test_pieces_that_are_none_are_refused(server, piece):
    host, port = address(server)
    head = (b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n")  # fmt: skip
    with socket.create_connection((host, port), timeout=60) as connection:
        connection.sendall(head + piece)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_health_and_readiness(server, predictor):
    """H3."""
    assert server.ask("/health").json == {"ok": True}
    assert server.ask("/ready").json["model_version"] == predictor.run.run_id
    status, headers, _ = raw(server, "GET", "/health")
    assert (status, headers["Location"], headers["Set-Cookie"]) == (200, None, None)


def test_behind_a_proxy_that_ends_https_browsers_are_told_to_stay_there(server):
    """H1."""
    status, headers, _ = raw(server, "GET", "/", headers={"X-Forwarded-Proto": "https"})
    assert status == 200
    assert "Strict-Transport-Security" in headers


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "gunicorn", "--bind", "127.0.0.1:0", "application:application"],
        # Without our configuration the app is made in the workers, which must not start for ever.
        ["-m", "gunicorn", "-c", "", "--bind", "127.0.0.1:0", "application:application"],
        ["application.py"],
    ],
)
def test_nothing_starts_with_a_setting_that_cannot_be_used(command, tmp_path):
    """H6."""
    run = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"APP_ENV": "production", "HOME": str(tmp_path), "RATE_LIMIT": "often"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 3
    assert "RATE_LIMIT must be a whole number, 1 or more. Got 'often'." in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    first(
        4,
        [
            ("LOG_FILE", "{folder}/missing/app.log", "LOG_FILE must be a file that can be written"),
            ("UPLOADS_DIR", "{folder}/file", "UPLOADS_DIR must be a folder that can be written"),
            ("RATE_LIMIT", "9" * 400, "RATE_LIMIT must have at most 15 digits"),
            ("API_KEYS", "{folder}/missing", "API_KEYS cannot be used"),
            ("LOG_FILE", "{folder}", "LOG_FILE must be a file that can be written"),
            ("UPLOADS_DIR", "{folder}/file/x", "UPLOADS_DIR must be a folder that can be written"),
            ("WEB_CONCURRENCY", "0", "WEB_CONCURRENCY must be a whole number, 1 or more. Got 0."),
            ("TMPDIR", "{folder}/missing", None),
        ],
    ),
)
def test_what_a_setting_names_and_cannot_be_used_is_said_in_a_line(tmp_path, name, value, said):
    """S1."""
    (tmp_path / "file").write_text("")
    command = ["-m", "gunicorn", "--bind", "127.0.0.1:0", "--check-config"]
    run = subprocess.run(
        [sys.executable, *command, "application:application"],
        cwd=ROOT,
        env={"HOME": str(tmp_path), name: value.format(folder=tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in run.stderr
    if said is None:  # the system's own folder is taken
        assert run.returncode == 0
    else:
        assert run.returncode == 3
        assert said in run.stderr
        assert len([line for line in run.stderr.splitlines() if name in line]) == 1


def half_a_body(server, path: str, kind: str, body: bytes) -> bytes:
    """Send a body without its end, and return the answer."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        f"Connection: close\r\nContent-Length: {len(body) + 1000}\r\n\r\n"
    )
    with socket.create_connection(address(server), timeout=60) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.mark.parametrize(
    "path",
    ["/", "/predict", "/api/v1/predict", "/api/v1/predict/batch", "/predict?contributions=1"],
)
def test_a_body_that_is_cut_short_is_refused(server, student, path):
    """U7: what came of it would be a whole record, or a whole table."""
    header, row = (",".join(map(str, each)) for each in (student, student.values()))
    sent = [
        ("application/x-www-form-urlencoded", urlencode(student).encode()),
        ("application/json", json.dumps(student).encode()),
        ("text/csv", f"{header}\n{row}\n".encode()),
    ]
    for kind, body in sent:
        answer = half_a_body(server, path, kind, body)
        takes = {"text/csv": "/batch" in path, "application/json": True}
        if takes.get(kind, "/api" not in path):
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"ended before the length" in answer
        else:
            assert answer.startswith(b"HTTP/1.1 4")


def test_production_starts_without_a_secret(gunicorn, sample_artifacts, tmp_path, student):
    environment = {"APP_ENV": "production", "ARTIFACTS_DIR": str(sample_artifacts)}
    with gunicorn(tmp_path, **environment) as server:
        assert server.post_form("/", student).status == 200


def test_a_garbage_model_is_named_by_readiness(gunicorn, own_artifacts, tmp_path):
    """M1."""
    (run,) = (own_artifacts / "runs").iterdir()
    (run / "model.pkl").write_bytes(b"garbage")
    with gunicorn(tmp_path, ARTIFACTS_DIR=str(own_artifacts)) as server:
        ready = server.ask("/ready")
        assert ready.status == 503
        assert "model.pkl" in ready.json["error"]
        assert server.ask("/health").status == 200
        assert server.ask("/").status == 503


def test_a_first_and_then_another_promoted_run_are_picked_up(
    gunicorn, sample_artifacts, tmp_path, student
):
    artifacts = tmp_path / "artifacts"
    with gunicorn(tmp_path / "server", ARTIFACTS_DIR=str(artifacts)) as server:
        assert server.ask("/ready").status == 503
        shutil.copytree(sample_artifacts, artifacts)
        first = Predictor.load(artifacts)
        answer = server.post_json("/predict", student).json
        assert answer["model_version"] == first.run.run_id
        config = TrainConfig(models=("lasso",), artifacts=artifacts, seed=7)
        second = TrainPipeline(config).run().run
        answers = [server.post_json("/predict", student).json for _ in range(20)]
        assert {a["model_version"] for a in answers} == {second.run_id}
        expected = Predictor.load(artifacts).predict_record(student).prediction
        assert {a["prediction"] for a in answers} == {expected}
        store = ArtifactStore(artifacts, "")
        store.promote(store.run(first.run.run_id), by="promote")  # M9: and back
        answer = server.post_json("/predict", student).json
        assert answer["prediction"] == first.predict_record(student).prediction


@pytest.mark.parametrize("n_promotions", first(1, [20, 100]))
def test_no_request_fails_during_promotions(
    gunicorn, own_artifacts, tmp_path, student, n_promotions
):
    """M8."""
    first = Predictor.load(own_artifacts)
    config = TrainConfig(models=("lasso",), artifacts=own_artifacts, seed=7)
    second = Predictor.from_run(TrainPipeline(config).run().run)
    expected = {p.run.run_id: p.predict_record(student).prediction for p in (first, second)}
    store = ArtifactStore(own_artifacts, "")
    done = threading.Event()
    answers = []
    with gunicorn(tmp_path / "server", ARTIFACTS_DIR=str(own_artifacts)) as server:

        def ask() -> None:
            while not done.is_set():
                answers.append(server.post_json("/predict", student))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for predictor in [first, second] * (n_promotions // 2):
            store.promote(predictor.run, by="promote")
            time.sleep(0.02)
        done.set()
        for thread in threads:
            thread.join()
    assert {answer.status for answer in answers} == {200}
    got = {(answer.json["model_version"], answer.json["prediction"]) for answer in answers}
    assert got == set(expected.items())


@pytest.mark.slow
def test_a_model_with_threads_of_its_own_answers_after_the_fork(gunicorn, tmp_path, student):
    artifacts = tmp_path / "artifacts"
    TrainPipeline(TrainConfig(models=("xgboost",), artifacts=artifacts)).run()
    expected = Predictor.load(artifacts).predict_record(student).prediction
    with gunicorn(tmp_path / "server", ARTIFACTS_DIR=str(artifacts)) as server:
        answers = [server.post_json("/predict", student) for _ in range(10)]
        assert {(a.status, a.json["prediction"]) for a in answers} == {(200, expected)}


def test_requests_in_flight_are_answered_at_the_end(gunicorn, sample_artifacts, tmp_path, student):
    """R5."""
    body = json.dumps(student).encode()
    head = (b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body))  # fmt: skip
    with gunicorn(tmp_path, ARTIFACTS_DIR=str(sample_artifacts)) as server:
        connections = [socket.create_connection(address(server), timeout=60) for _ in range(10)]
        for connection in connections:
            connection.sendall(head + body[:10])
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        answers = []
        for connection in connections:
            with connection:
                connection.sendall(body[10:])
                answers.append(connection.recv(100)[:12])
        assert server.process.wait(timeout=60) == 0
    assert answers == [b"HTTP/1.1 200"] * 10


@pytest.mark.parametrize("other", [(), ("--worker-class", "sync")], ids=["ours", "sync"])
def test_a_worker_told_to_stop_while_it_starts_stops(gunicorn, tmp_path, other):
    """R5."""
    slow = tmp_path / "slow.conf.py"
    slow.write_text(
        f"__file__ = {str(ROOT / 'gunicorn.conf.py')!r}\n"
        "exec(open(__file__).read())\n"
        "import time\n"
        "def post_fork(server, worker): time.sleep(1)\n"
    )
    options = ("--config", str(slow), "--workers", "2", "--graceful-timeout", "60")
    with gunicorn(tmp_path, *options, *other) as server:
        while server.log.count("Booting worker") < 2:
            time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0
    assert server.log.count("Worker exiting") == 2


def test_a_slow_sender_is_cut_off_and_holds_nobody_up(
    gunicorn, sample_artifacts, tmp_path, student
):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    options = ("--timeout", "2", "--threads", "2", "--workers", "1")
    with gunicorn(tmp_path, *options, ARTIFACTS_DIR=str(sample_artifacts)) as server:
        slow = [socket.create_connection(address(server), timeout=60) for _ in range(2)]
        slow[0].sendall(head)  # its headers do not end
        slow[1].sendall(head + b"Content-Length: 300\r\n\r\n{")  # its body does not end
        started = time.monotonic()
        assert server.post_json("/predict", student).status == 200  # when a thread is free again
        assert time.monotonic() - started < 15
        for connection in slow:
            with connection:
                assert connection.recv(100) == b""
        log = server.log
    assert "Traceback" not in log
    assert "WORKER TIMEOUT" not in log


def test_log_lines_are_json_in_production(gunicorn, sample_artifacts, tmp_path, student):
    environment = {"APP_ENV": "production", "ARTIFACTS_DIR": str(sample_artifacts)}
    with gunicorn(tmp_path, **environment) as server:
        answered = server.post_json("/api/v1/predict", student).headers["X-Request-ID"]
        server.ask("/nowhere?lunch=zzsecretzz")
        log = server.log
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, lines))
    assert any(line["message"].startswith("Listening at") for line in lines)
    (line,) = [line for line in lines if line.get("request_id") == answered]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/api/v1/predict", 200)
    assert line["duration_ms"] > 0
    assert "zzsecretzz" not in log


def test_the_api_runs_alone(gunicorn, sample_artifacts, tmp_path, student):
    with gunicorn(
        tmp_path, app="appBackend.endpoints:create_api()", ARTIFACTS_DIR=str(sample_artifacts)
    ) as server:
        assert server.post_json("/api/v1/predict", student).status == 200
        assert server.ask("/health").status == 200
        assert server.ask("/").json["status"] == 404


def test_the_logs_hold_nothing_that_a_person_entered(gunicorn, sample_artifacts, tmp_path,
                                                        student):  # fmt: skip
    """H8."""
    environment = {"ARTIFACTS_DIR": str(sample_artifacts), "LOG_LEVEL": "DEBUG"}
    with gunicorn(tmp_path, **environment) as server:
        odd = student | {"reading_score": "61.625", "lunch": "zzsecretzz"}
        server.post_json("/predict", odd)
        server.post_form("/", odd)
        server.ask("/predict?lunch=zzsecretzz&reading_score=61.625",
                   Referer="http://x/?lunch=zzsecretzz")  # fmt: skip
        server.ask("/a%0a2026-01-01%20FORGED%20line")
        for wrong in (
            b"GET /?lunch=zzsecretzz HTTP/9.9\r\n\r\n",
            b"GET zzsecretzz\r\n\r\n",
            b"GET / HTTP/1.1\r\nzz secret zz: zzsecretzz\r\n\r\n",
            b"GET /?lunch=zzsecretzz HTTP/1.1\r\nX: " + b"zzsecretzz" * 1000 + b"\r\n\r\n",
        ):
            with socket.create_connection(address(server), timeout=60) as connection:
                connection.sendall(wrong)
                assert connection.recv(100).startswith(b"HTTP/1.1 4")
        time.sleep(0.2)
        log = server.log
    assert re.search(r"INFO stuprediction\.access: GET /predict 200 \d+\.\d ms \[\w{16}\]\n", log)
    assert re.search(r"access: GET unmatched 404 ", log)
    assert log.count("Refused what is no HTTP request") == 4
    assert "zzsecretzz" not in log
    assert "61.625" not in log
    assert "127.0.0.1" not in log.replace("Listening at: http://127.0.0.1:", "")
    assert "\n2026-01-01 FORGED" not in log


def test_nothing_is_left_in_the_folder_or_the_home(gunicorn, sample_artifacts, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    before = {path.name for path in ROOT.iterdir()}
    with gunicorn(tmp_path, ARTIFACTS_DIR=str(sample_artifacts), HOME=str(home)) as server:
        assert server.ask("/health").status == 200
    assert not list(home.iterdir())
    new = {path.name for path in ROOT.iterdir()} - before
    assert not [name for name in new if "gunicorn" in name]


def test_the_development_server_runs_and_says_what_it_is(sample_artifacts):
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8000)) == 0:
            pytest.skip("something listens on port 8000 already")
    process = subprocess.Popen(
        [sys.executable, "application.py"],
        cwd=ROOT,
        env={"PATH": "", "ARTIFACTS_DIR": str(sample_artifacts)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "Running on http://127.0.0.1:8000" in line:
                break
        assert "gunicorn application:application" in said
        connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=10)
        connection.request("GET", "/ready")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        process.kill()
        process.communicate()


def address(server) -> tuple[str, int]:
    parts = urlsplit(server.url)
    return parts.hostname, parts.port


def raw(server, method, path, body=None, kind=None, chunked=False, headers=None):
    """Send a request as a simple program does: all of it before the answer is read."""
    connection = http.client.HTTPConnection(*address(server), timeout=20)
    try:
        sent = {"Content-Type": kind} if kind else dict(headers or {})
        if chunked:
            sent["Transfer-Encoding"] = "chunked"
        connection.request(method, path, body, sent, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()
