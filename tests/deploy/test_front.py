"""The front of compose.yaml: its nginx configuration with the real nginx, before the real app."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
import yaml

from deploy.rehearsal import nginx
from deploy.rehearsal.system import free_port, listens, wait_until
from tests.web.conftest import run_gunicorn

ROOT = Path(__file__).resolve().parents[2]
FRONT = ROOT / "deploy" / "front"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SLOW_SENDERS = 100
EVERY_S = 0.5

pytestmark = pytest.mark.e2e


@contextmanager
def run_front(folder: Path, app: int, page: int, **changes: str) -> Iterator[tuple[int, int]]:
    """Run nginx as compose.yaml does, before two ports of this machine; give its own two."""
    ports = free_port(), free_port()
    folder.mkdir(exist_ok=True)
    places = {
        "/tmp/": f"{folder}/",
        "app:8000": f"127.0.0.1:{app}", "page:8501": f"127.0.0.1:{page}",
        "listen 8080": f"listen 127.0.0.1:{ports[0]}",
        "listen 8501": f"listen 127.0.0.1:{ports[1]}",
        "/etc/front/": f"{folder}/", "/srv/static/": f"{ROOT}/static/",
        **changes,
    }  # fmt: skip
    for path in FRONT.iterdir():
        text = path.read_text("utf-8")
        for here, there in places.items():
            text = text.replace(here, there)
        as_root = path.name == "nginx.conf" and os.geteuid() == 0
        (folder / path.name).write_text("user root;\ndaemon off;\n" * as_root + text)
    assert nginx.problem(folder) is None
    process = nginx.start(folder)
    try:
        assert wait_until(lambda: listens(ports[0]) and listens(ports[1]), 60)
        yield ports
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


@pytest.fixture(scope="module")
def front(need_nginx, sample_artifacts, tmp_path_factory) -> Iterator[int]:
    """The port of nginx before a running app; no Streamlit page runs behind it."""
    folder = tmp_path_factory.mktemp("front")
    with run_gunicorn(
        folder / "app", ARTIFACTS_DIR=str(sample_artifacts), TRUSTED_PROXIES="1", TMPDIR=str(folder)
    ) as app:
        port = int(app.url.rpartition(":")[2])
        with run_front(folder / "nginx", port, free_port()) as (front_port, page_port):
            yield front_port, page_port


def ask(port: int, path: str, body: bytes | None = None, method: str = "GET", **headers: str):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("POST" if body is not None else method, path, body, names)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def is_ours(status: int, headers, body: bytes, *, as_json: bool) -> bool:
    """Whether an error is said as the app says its own."""
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    if as_json:
        said = json.loads(body)
        assert set(said) == {"ok", "error", "errors", "status"}
        return (said["ok"], said["status"]) == (False, status) and len(said["error"]) > 20
    text = body.decode()
    assert "<center>nginx" not in text
    return f'<p class="eyebrow">{status}</p>' in text and 'href="/.style/style.css"' in text


# ---------------------------------------------------------------- what passes


def test_pages_files_and_predictions_pass(front, student):
    port, _ = front
    status, headers, _ = ask(port, "/", Accept_Encoding="gzip")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    record = json.dumps(student).encode()
    status, _, text = ask(port, "/predict", record, Content_Type="application/json")
    assert (status, json.loads(text)["ok"]) == (200, True)
    assert ask(port, "/static/style.css")[0] == 200
    assert ask(port, "/.style/style.css")[2] == (ROOT / "static/style.css").read_bytes()


def test_the_apps_own_errors_pass_as_they_are(front):
    port, _ = front
    status, _, text = ask(port, "/nowhere")
    assert status == 404
    assert b"/.style/" not in text
    over = b"x" * (2 << 20)
    status, _, text = ask(port, "/predict", over, Content_Type="application/json")
    assert (status, json.loads(text)["status"]) == (413, 413)
    assert b"32 MB" not in text


@pytest.mark.parametrize("path", ["/etc/passwd", "/.front/nginx.conf", "/.front/error.html"])
def test_nothing_of_the_fronts_own_files_is_served(front, path):
    assert ask(front[0], path)[0] == 404


# ---------------------------------------------------------------- its own errors


@pytest.mark.parametrize(
    ("path", "kind", "as_json"),
    [
        ("/batch", "multipart/form-data; boundary=x", False),
        ("/api/v1/predict/batch", "text/csv", True),
        ("/predict", "application/json", True),
    ],
)
def test_a_body_over_the_fronts_limit(front, path, kind, as_json):
    for _ in range(2):
        answer = ask(front[0], path, b"x" * (33 << 20), Content_Type=kind)
        assert answer[0] == 413
        assert is_ours(*answer, as_json=as_json)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["two hosts", "no host", "a long header", "no length"],
)
def test_what_is_no_request(front, head):
    with socket.create_connection(("127.0.0.1", front[0]), timeout=30) as sender:
        sender.sendall(head)
        answer = b""
        while piece := sender.recv(1 << 16):
            answer += piece
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 400 ")
    headers = dict(re.findall(r"^([\w-]+): (.*?)\r?$", top.decode(), re.M))
    assert is_ours(400, headers, body, as_json=False)


@pytest.mark.parametrize("as_json", [True, False])
def test_an_app_that_is_down_or_late(need_nginx, tmp_path, as_json):
    path = "/api/v1/model" if as_json else "/"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        late = {"proxy_read_timeout 35s": "proxy_read_timeout 1s"}
        app = silent.getsockname()[1]
        with run_front(tmp_path / "nginx", app, free_port(), **late) as (port, page_port):
            for wanted, asked in ((504, port), (502, page_port)):
                answer = ask(asked, path)
                assert answer[0] == wanted
                assert answer[1]["Retry-After"] == "30"
                assert is_ours(*answer, as_json=as_json)


def test_a_sender_that_stops_is_let_go_without_reaching_the_app(need_nginx, tmp_path):
    """nginx sends no 408: it closes, since nobody listens any more."""
    soon = {"client_body_timeout 15s": "client_body_timeout 1s"}
    with (
        socket.create_server(("127.0.0.1", 0)) as app,
        run_front(tmp_path / "nginx", app.getsockname()[1], free_port(), **soon) as (port, _),
        socket.create_connection(("127.0.0.1", port), timeout=30) as sender,
    ):
        sender.sendall(b"POST /batch HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
        with suppress(ConnectionResetError):
            assert sender.recv(1) == b""
        app.settimeout(0.2)
        with pytest.raises(TimeoutError):
            app.accept()


# ---------------------------------------------------------------- who asks, and how slowly


def test_what_clients_say_of_themselves_does_not_pass_and_websockets_do(need_nginx, tmp_path):
    """H4."""
    heard = []

    def answer(server: socket.socket) -> None:
        for _ in range(2):
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(1 << 16).decode())
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")

    forged = {"X_Forwarded_For": "203.0.113.7", "X_Forwarded_Proto": "https",
              "X_Forwarded_Host": "evil.example", "X_Real_IP": "203.0.113.7"}  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as target:
        behind = target.getsockname()[1]
        thread = threading.Thread(target=answer, args=(target,), daemon=True)
        thread.start()
        with run_front(tmp_path / "nginx", behind, behind) as ports:
            for port in ports:
                ask(port, "/", **forged, Upgrade="websocket", Connection="Upgrade")
        thread.join(30)
    for request, port, upgraded in zip(heard, ports, (False, True), strict=True):
        assert "X-Forwarded-For: 127.0.0.1\r\n" in request
        assert "X-Forwarded-Proto: http\r\n" in request
        assert "203.0.113.7" not in request
        assert "evil.example" not in request
        assert f"Host: 127.0.0.1:{port}\r\n" in request
        assert ("Upgrade: websocket" in request) is upgraded


@pytest.mark.parametrize("in_front", ["compose", "Beanstalk"])
def test_a_hundred_slow_senders_keep_nobody_waiting(request, in_front):
    """L3: half of them drip a header, half a body; without a front, /health waited for 70 s."""
    port = request.getfixturevalue("front")[0] if in_front == "compose" else (
        request.getfixturevalue("proxy"))  # fmt: skip
    begun = b"POST /batch HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    senders = [socket.create_connection(("127.0.0.1", port)) for _ in range(SLOW_SENDERS)]
    stop = threading.Event()

    def drip() -> None:
        for number, sender in enumerate(senders):
            sender.sendall(begun + (b"Content-Length: 9000000\r\n\r\n" if number % 2 else b"X: "))
        while not stop.wait(EVERY_S):
            for sender in senders:
                sender.sendall(b"x")

    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    try:
        for path in ("/health", "/ready", "/", "/health"):
            began = time.monotonic()
            assert ask(port, path, X_Forwarded_For="203.0.113.7")[0] == 200
            assert time.monotonic() - began < 5
        assert dripping.is_alive()
    finally:
        stop.set()
        dripping.join()
        for sender in senders:
            sender.close()


# ---------------------------------------------------------------- compose.yaml


def test_every_container_is_locked_down_and_only_the_front_is_reached():
    services = COMPOSE["services"]
    assert set(services) == {"front", "app", "page", "scheduler", "worker"}
    for name, service in services.items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert ("ports" in service) is (name in ("front", "scheduler"))
        assert service.get("profiles", []) == (
            ["cluster"] if name in ("scheduler", "worker") else []
        )
    assert services["scheduler"]["ports"] == ["127.0.0.1:8786:8786"]  # of this machine alone
    assert services["front"]["user"].split(":")[0] not in ("", "0", "root")
    for name in sorted({*services} - {"front"}):  # the images say who they run as, and their health
        build = services[name]["build"]
        path = "Dockerfile" if build == "." else build["dockerfile"]
        text = (ROOT / path).read_text("utf-8")
        assert "\nUSER 10001\n" in text
        assert "\nHEALTHCHECK " in text
    assert "healthcheck" in services["front"]


def test_what_compose_mounts_and_names_exists_and_the_limits_agree():
    services = COMPOSE["services"]
    for mount in services["front"]["volumes"]:
        assert (ROOT / mount.split(":")[0]).is_dir()
        assert mount.endswith(":ro")
    text = (FRONT / "nginx.conf").read_text("utf-8")
    inside = {port.rpartition(":")[2] for port in services["front"]["ports"]}
    assert inside == set(re.findall(r"listen (\d+);", text))
    for name, dockerfile in (("app", "Dockerfile"), ("page", "deploy/streamlit/Dockerfile")):
        (port,) = re.findall(rf"server {name}:(\d+);", text)
        assert f"EXPOSE {port}\n" in (ROOT / dockerfile).read_text("utf-8")
    assert services["app"]["environment"]["TRUSTED_PROXIES"] == "1"
    platform = (ROOT / ".platform/nginx/conf.d/elasticbeanstalk/00_application.conf").read_text()
    limit = r"client_max_body_size (\w+);"
    assert re.search(limit, text)[1] == re.search(limit, platform)[1]
    assert "32 MB" in text


def test_the_image_alone_is_said_to_need_a_front():
    """L3."""
    for path in ("Dockerfile", "deploy/README.md"):
        text = (ROOT / path).read_text("utf-8")
        assert re.search(r"gunicorn alone", text), path
        assert "compose.yaml" in text


@pytest.mark.slow
def test_compose_brings_up_what_answers(request, tmp_path):
    """L3: where a Docker daemon answers and Compose is installed."""
    compose = ["docker", "compose", "--project-name", "stuprediction-test"]
    for command in (["docker", "info"], [*compose, "version"]):
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip(f"`{' '.join(command)}` fails here")
    port, page_port = free_port(), free_port()
    environment = os.environ | {"APP_PORT": str(port), "PAGE_PORT": str(page_port)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*compose, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    request.addfinalizer(lambda: run("down", "--volumes"))
    up = run("up", "--build", "--wait")
    assert up.returncode == 0, up.stderr[-3000:]
    assert ask(port, "/ready")[0] == 200
    with urllib.request.urlopen(f"http://127.0.0.1:{page_port}/_stcore/health", timeout=30) as page:
        assert page.status == 200
    assert run("exec", "app", "id", "-u").stdout.strip() == "10001"
    assert run("exec", "app", "touch", "/app/x").returncode != 0
    run("stop", "app")
    assert is_ours(*ask(port, "/"), as_json=False)
